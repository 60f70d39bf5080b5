"""What the page calls things, and how it writes numbers."""

import math
from collections.abc import Sequence
from pathlib import PurePath

from mggc.metrics.names import heading

COSTS = ("macs", "macs_paper", "parameters", "file_size", "latency", "peak_memory")
"""Figures of a network that do not depend on what its images look like."""


def headings_of(metrics: Sequence[str]) -> tuple[list[str], str]:
    """Column headings with arrows, and the features that all distances share, which the headings then leave out."""
    features = {metric.split("[", 1)[1].rstrip("]") for metric in metrics if "[" in metric}
    shared = features.pop() if len(features) == 1 else ""
    short = [metric.replace(f"[{shared}]", "") if shared else metric for metric in metrics]
    return [heading(name) for name in short], shared


def number(value: float | int | None, *, digits: int = 3) -> str:
    """A number with ``digits`` significant digits: 0.0335, 18.7, 5.44, 12,300."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 8)}f}".replace("-", "\N{MINUS SIGN}")


def quantity(value: float | int | None, unit: str = "") -> str:
    """A number with a unit, and with a prefix where it is large: 6.05 G, 1.23 MB, 3.45 ms."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "share":
        return number(value)
    if unit == "bytes":
        return _prefixed(value, "B")
    if unit == "MACs" or (unit == "" and isinstance(value, int)):
        return _prefixed(value, "")
    return f"{number(value)} {unit}".strip()


def times(ratio: float) -> str:
    """How many times: 5.0×, 12×."""
    return f"{ratio:.1f}×" if ratio < 9.95 else f"{ratio:,.0f}×"


def percent(share: float) -> str:
    """A share in per cent, with a narrow space."""
    return f"{100 * share:.{0 if share >= 0.0995 else 1}f}\N{NARROW NO-BREAK SPACE}%"


def unique_labels(paths: Sequence[PurePath]) -> list[str]:
    """Short names for paths: the last parts, as many as it takes to tell them apart."""
    longest = max((len(path.parts) for path in paths), default=1)
    for depth in range(1, longest + 1):
        labels = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{path} ({place})" for place, path in enumerate(paths, start=1)]


def _prefixed(value: float | int, unit: str) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{number(value / factor)} {prefix}{unit}"
    return f"{number(value)} {unit}".strip()
