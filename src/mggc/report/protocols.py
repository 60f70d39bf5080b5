"""What figures were measured under, said once for all that share it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mggc.metrics.results import Measurement

NOT_PROTOCOL = {"sd", "p10_ms", "p90_ms"}
"""Entries of a protocol that describe the figure's spread."""


class Protocols(NamedTuple):
    """A table's protocols, as text."""

    shared: list[str]
    """One line for all figures, and one for those of each judge (named in brackets) that judges several."""
    own: dict[str, str]
    """What is left of each figure's, by metric."""


def factor_out(figures: Mapping[str, Measurement]) -> Protocols:
    """Take what figures share out of their protocols; what a metric's name says is not said again."""
    rest = {
        name: {key: value for key, value in figure.protocol.items() if not _said(name, key, value)}
        for name, figure in figures.items()
    }
    lines = [("All", _take_shared(rest, [name for name in rest if figures[name].protocol]))]
    for judge in dict.fromkeys(found for name in rest if (found := judge_of(name))):
        judged = [name for name in rest if judge_of(name) == judge]
        if len(judged) > 1:
            lines.append((judge, _take_shared(rest, judged)))
    return Protocols(
        [f"{who}: {text(protocol)}" for who, protocol in lines if protocol],
        {name: text(protocol) for name, protocol in rest.items()},
    )


def judge_of(metric: str) -> str:
    """Who judged, from a metric's name: ``swav-r18`` of ``frechet[swav-r18]``, nothing of ``ssim``."""
    found = re.search(r"\[(.*)\]$", metric)
    return found[1] if found else ""


def text(protocol: Mapping[str, Any]) -> str:
    """A protocol in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in protocol.items())


def _said(metric: str, key: str, value: Any) -> bool:
    if key in NOT_PROTOCOL or key == "convention":
        return True
    return str(value) == judge_of(metric) or (key == "k" and f"@{value}[" in metric)


def _take_shared(rest: dict[str, dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Remove from the protocols of some metrics what they all say alike, and return it."""
    if not names:
        return {}
    shared = {
        key: value
        for key, value in rest[names[0]].items()
        if all(key in rest[name] and rest[name][key] == value for name in names)
    }
    for name in names:
        rest[name] = {key: value for key, value in rest[name].items() if key not in shared}
    return shared
