"""The game by iteration, from its log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mggc.runs.logbook import read_log

CURVES = (
    "generator_loss",
    "discriminator_loss",
    "budget_penalty",
    "macs_share",
    "generator_kept",
    "discriminator_kept",
)
"""What is read from the log besides the step: L_G, L_D, R, the share of the MACs, kept shares of both networks."""
MOST_POINTS = 500


def read_curves(log: Path, *, most: int = MOST_POINTS) -> dict[str, list[int | float]]:
    """A game's curves by name, with ``step``; of a long log evenly spaced lines, the first and the last among them.

    Args:
        log: The log of a prune stage, or a path where there is none.
        most: Points of a curve.
    """
    records = thin(list(read_log(log)), most=most) if log.is_file() else []
    return {
        name: [record[name] for record in records]
        for name in ("step", *CURVES)
        if records and all(name in record for record in records)
    }


def thin(records: Sequence[dict[str, Any]], *, most: int) -> list[dict[str, Any]]:
    """At most so many of the records (2 or more), evenly spaced; the first and the last stay."""
    if len(records) <= most:
        return list(records)
    last = len(records) - 1
    return [records[round(number * last / (most - 1))] for number in range(most)]


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Mean of each value and up to ``window - 1`` before it."""
    means, total = [], 0.0
    for index, value in enumerate(values):
        total += value - (values[index - window] if index >= window else 0.0)
        means.append(total / min(index + 1, window))
    return means
