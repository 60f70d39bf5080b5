"""Costs and metrics of a run as rows of text."""

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

from mggc.metrics.names import base_name, better, metric_label
from mggc.metrics.results import Measurement
from mggc.report.labels import COSTS, number, percent, quantity, times
from mggc.report.protocols import factor_out

Figures = Mapping[str, Measurement]
NBSP = "\N{NO-BREAK SPACE}"


class Shown(NamedTuple):
    """A figure as text."""

    value: str
    spread: str = ""
    """Its interval, standard deviation or percentiles; of a difference, its share of the original."""


class Row(NamedTuple):
    """One metric of original and compressed generator."""

    label: str
    better: str
    """``higher is better``, ``lower is better``, or nothing where that is not known."""
    original: Shown
    compressed: Shown
    change: Shown
    protocol: str
    """What holds for this figure and not for all or for all of its judge."""


class MetricTable(NamedTuple):
    """Rows, and the protocols that they share, one in a line."""

    rows: list[Row]
    protocols: list[str]


def cost_table(metrics: Mapping[str, Figures]) -> MetricTable:
    """What both generators cost; the change says how many times less."""
    return _table(metrics, lambda name: base_name(name) in COSTS)


def quality_table(metrics: Mapping[str, Figures]) -> MetricTable:
    """How good both generators' images are."""
    return _table(metrics, lambda name: base_name(name) not in COSTS)


def _table(metrics: Mapping[str, Figures], wanted: Any) -> MetricTable:
    original, compressed = metrics.get("original", {}), metrics.get("compressed", {})
    names = [name for name in (*original, *(n for n in compressed if n not in original)) if wanted(name)]
    pairs = {name: (original.get(name), compressed.get(name)) for name in names}
    protocols = factor_out({name: found for name, pair in pairs.items() if (found := pair[0] or pair[1])})
    rows = [
        Row(
            label=metric_label(name),
            better={1: "higher is better", -1: "lower is better", 0: ""}[better(name)],
            original=shown(before),
            compressed=shown(after),
            change=change(name, before, after),
            protocol=protocols.own[name],
        )
        for name, (before, after) in pairs.items()
    ]
    return MetricTable(rows, protocols.shared)


def shown(figure: Measurement | None) -> Shown:
    """A figure with its unit and its spread: 0.818 ± 0.017, 3.45 ms (2.90 to 4.28)."""
    if figure is None or figure.value is None:
        return Shown("–")
    text = quantity(figure.value, figure.unit)
    if (half := half_interval(figure)) is not None:
        return Shown(text, f"± {number(half, digits=2)}")
    if figure.sd is not None:
        over = figure.protocol.get("sd", "")
        return Shown(text, f"± {number(figure.sd, digits=2)} (sd {over})".replace(" )", ")"))
    low, high = figure.protocol.get("p10_ms"), figure.protocol.get("p90_ms")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return Shown(text, f"({number(low)} to {number(high)})")
    return Shown(text)


def half_interval(figure: Measurement) -> float | None:
    """Half of the 95 % interval of a mean over images, 1.96 sd / √n; None where the figure is no such mean."""
    images = figure.protocol.get("sources")
    if figure.sd is None or figure.protocol.get("sd") != "over images" or not isinstance(images, int):
        return None
    return 1.96 * figure.sd / sqrt(max(images, 1))


def change(name: str, before: Measurement | None, after: Measurement | None) -> Shown:
    """How many times less of a cost; of anything else the difference, with its sign."""
    if before is None or after is None or before.value is None or after.value is None:
        return Shown("")
    if base_name(name) in COSTS:
        return _saving(float(before.value), float(after.value))
    difference = after.value - before.value
    sign = "+" if difference > 0 else ""
    relative = f"({sign}{_signed_percent(difference / abs(before.value))})" if before.value else ""
    return Shown(f"{sign}{number(difference)}", relative)


def _saving(before: float, after: float) -> Shown:
    if min(before, after) <= 0:
        return Shown("")
    if times(max(before, after) / min(before, after)) == times(1.0):
        return Shown("the same" if before == after else "much the same")
    if after < before:
        return Shown(f"{times(before / after)}{NBSP}less")
    return Shown(f"{times(after / before)}{NBSP}more")


def _signed_percent(share: float) -> str:
    return f"\N{MINUS SIGN}{percent(-share)}" if share < 0 else percent(share)
