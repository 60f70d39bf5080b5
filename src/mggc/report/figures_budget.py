"""Quality against MACs: one plot for each metric, one line for each method."""

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mggc.metrics.names import arrow, metric_label
from mggc.report.comparison import Comparison, Figure
from mggc.report.figures import MUTED, ORIGINAL, SERIES, STYLE, new_axes, to_svg
from mggc.report.figures_game import LegendEntry, Panel
from mggc.report.labels import number

MOST_PANELS = 6
MARKERS = {"o": "●", "s": "■", "D": "◆", "^": "▲", "v": "▼", "P": "✚", "X": "✖", "*": "★"}
"""Matplotlib's names, and the like as text for the legend."""
DODGE = 0.008
"""Distance between methods at one budget, as a share of the axis: their bars would hide each other."""


def budget_panels(comparison: Comparison, *, key: str) -> list[Panel]:
    """Mean and standard deviation over seeds at each budget; the original as a dashed line."""
    return [
        Panel(
            f"{metric_label(metric)} {arrow(metric)}".strip(),
            _panel(comparison, metric, key=f"{key}-{place}"),
        )
        for place, metric in enumerate(comparison.metrics[:MOST_PANELS])
    ]


def budget_legend(comparison: Comparison) -> list[LegendEntry]:
    """Colours by method; beyond eight they come again with dashed lines."""
    return [
        LegendEntry(
            method, place % len(SERIES) + 1, place >= len(SERIES), list(MARKERS.values())[_marker(place)]
        )
        for place, method in enumerate(comparison.methods)
    ]


def _panel(comparison: Comparison, metric: str, *, key: str) -> Markup:
    """One plot; at a single budget methods stand side by side, in the order of the legend."""
    alone = len(comparison.budgets) == 1
    described = []
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(360, 240, left=52, bottom=42)
        for place, method in enumerate(comparison.methods):
            points = _points(comparison, metric, method)
            if points:
                beside = _beside(comparison, place)
                positions = [float(place) if alone else share + beside for share, _, _ in points]
                _draw(axes, positions, points, place)
                described.append(f"{method} {', '.join(number(mean) for _, mean, _ in points)}")
        _draw_original(axes, comparison.original.get(metric))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", linewidth=0.8)
        axes.set_axisbelow(True)
        if alone:
            axes.set_xticks([])
            axes.set_xlim(-0.5, len(comparison.methods) - 0.5)
            axes.set_xlabel("in the order of the legend")
        else:
            axes.set_xlabel("multiply-adds left, %")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}"))
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_xlim(left=0)
        title = f"{metric_label(metric)} against the share of multiply-adds left"
        return to_svg(figure, key=key, description=f"{title}: {'; '.join(described)}.")


def _draw(axes: Axes, positions: list[float], points: list[tuple[float, float, float]], place: int) -> None:
    axes.errorbar(
        positions,
        [mean for _, mean, _ in points],
        yerr=[spread for _, _, spread in points],
        color=SERIES[place % len(SERIES)],
        marker=list(MARKERS)[_marker(place)],
        linestyle=(0, (4, 2)) if place >= len(SERIES) else "solid",
        linewidth=1.4,
        markersize=5,
        capsize=2.5,
    )


def _draw_original(axes: Axes, figure: Figure | None) -> None:
    if figure is None or figure.value is None:
        return
    axes.axhline(figure.value, color=ORIGINAL, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.annotate(
        "original", (0.01, figure.value), xycoords=("axes fraction", "data"), ha="left", va="bottom",
        xytext=(0, 2), textcoords="offset points", fontsize=11, color=MUTED,
    )  # fmt: skip


def _beside(comparison: Comparison, place: int) -> float:
    """How far a method's points stand from their place, so that error bars do not hide each other."""
    widest = max((cell.macs_share or 0.0 for cell in comparison.cells), default=0.0)
    return DODGE * widest * (place - (len(comparison.methods) - 1) / 2)


def _marker(place: int) -> int:
    """Colours come again after eight methods; signs are then shifted by one, so that no pair comes twice."""
    return (place + place // len(SERIES)) % len(MARKERS)


def _points(comparison: Comparison, metric: str, method: str) -> list[tuple[float, float, float]]:
    """Share of MACs, mean and standard deviation at each budget, cheapest first."""
    points = []
    for budget in comparison.budgets:
        group, share = comparison.group(method, budget), comparison.macs_share(method, budget)
        if group is not None and share is not None and metric in group.metrics:
            statistic = group.metrics[metric]
            points.append((share, statistic.mean, statistic.sd or 0.0))
    return sorted(points)
