"""The game's log as curves, thinned to what a plot can show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mggc.errors import MggcError
from mggc.runs.logbook import read_log

POINTS = 240
QUANTITIES = (
    "generator_loss",
    "discriminator_loss",
    "budget_penalty",
    "generator_kept",
    "discriminator_kept",
    "macs_share",
)
"""Names in the log of L_G, L_D, R, the kept shares of both networks, and the share of the MACs."""


class Curve(NamedTuple):
    """One quantity by iteration: means over bins of iterations, and what lies around them."""

    steps: Float[np.ndarray, " points"]
    mean: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    """10th percentile within the bin."""
    high: Float[np.ndarray, " points"]
    """90th percentile within the bin."""


Curves = dict[str, Curve]


def read_curves(log: Path) -> Curves:
    """The curves of a game's log, by quantity.

    Raises:
        MggcError: The log has no line yet.
    """
    records = list(read_log(log))
    if not records:
        raise MggcError(f"{log} has no line yet.")
    columns = {name: [record[name] for record in records if name in record] for name in ("step", *QUANTITIES)}
    return curves_of(columns)


def curves_of(columns: Mapping[str, Any]) -> Curves:
    """Curves from one sequence of numbers for each quantity, and one of their iterations under ``step``.

    Quantities that are absent, or shorter than the steps, are left out; numbers that are not finite leave gaps.
    """
    steps = columns["step"]
    return {
        name: thin(steps, columns[name])
        for name in QUANTITIES
        if name in columns and len(columns[name]) == len(steps) > 0
    }


def thin(
    steps: Sequence[float | int], values: Sequence[float | int | None], *, points: int = POINTS
) -> Curve:
    """At most ``points`` bins of neighbouring iterations, each with its mean and 10th and 90th percentiles."""
    rows = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    bins = np.array_split(np.arange(len(rows)), min(points, len(rows)))
    kept = [(index, rows[index][np.isfinite(rows[index])]) for index in bins]
    kept = [(index, finite) for index, finite in kept if len(finite)]
    low, high = (np.array([np.percentile(finite, q) for _, finite in kept]) for q in (10, 90))
    place = np.asarray(steps, dtype=np.float64)
    return Curve(
        np.array([place[index].mean() for index, _ in kept]),
        np.array([finite.mean() for _, finite in kept]),
        low,
        high,
    )
