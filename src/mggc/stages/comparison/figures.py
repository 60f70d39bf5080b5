"""Quality against MACs, one panel for each metric."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import fmean

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mggc.metrics.names import heading
from mggc.metrics.results import Measurement
from mggc.runs.atomic import write_atomically
from mggc.stages.comparison.cells import CellResult
from mggc.stages.comparison.grid import Grid
from mggc.stages.comparison.metrics import main_metrics
from mggc.stages.comparison.summary import Group, original_figures, summarize

PANELS_IN_A_ROW = 3
MOST_PANELS = 6
MARKERS = "os^Dv<>Pp*X"


def quality_against_macs(grid: Grid, results: Sequence[CellResult]) -> Figure:
    """A panel for each main metric: mean and standard deviation of every row over its share of the MACs."""
    groups, original = summarize(grid, results), original_figures(results)
    metrics = main_metrics(name for group in groups for name in group.metrics)[:MOST_PANELS]
    columns, rows = max(1, min(PANELS_IN_A_ROW, len(metrics))), max(1, ceil(len(metrics) / PANELS_IN_A_ROW))
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, metric in zip(panels, metrics, strict=False):
        _panel(panel, metric, grid, groups, original.get(metric))
    for panel in list(figure.axes)[len(metrics) :]:
        panel.set_visible(False)
    if metrics:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)), frameon=False)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the path's suffix names; the same figure gives the same file."""

    def write(partial: Path) -> None:
        # SVG otherwise carries the date and random identifiers.
        with rc_context({"svg.hashsalt": "mggc"}):
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            figure.savefig(partial, format=path.suffix[1:], dpi=150, metadata=metadata)

    write_atomically(path, write)


def _panel(
    panel: Axes, metric: str, grid: Grid, groups: Sequence[Group], original: Measurement | None
) -> None:
    for number, row in enumerate(grid.rows):
        own = [group for group in groups if group.row == row.name]
        points = sorted(
            (100 * group.macs_share.mean, group.metrics[metric])
            for group in own
            if group.macs_share is not None and metric in group.metrics
        )
        if points:
            panel.errorbar(
                [macs for macs, _ in points],
                [figure.mean for _, figure in points],
                yerr=[figure.sd or 0.0 for _, figure in points],
                marker=MARKERS[number % len(MARKERS)],
                color=f"C{number % 10}",
                markersize=5,
                capsize=2,
                linewidth=1.2,
                label=row.name,
            )
    if original is not None and original.value is not None:
        panel.axhline(original.value, color="0.5", linestyle="--", linewidth=1, label="original")
    _label(panel, heading(metric), _budgets(grid, groups))


def _label(panel: Axes, title: str, budgets: Sequence[float]) -> None:
    panel.set_xscale("log")
    panel.set_xticks(budgets, [f"{budget:.3g}" for budget in budgets])
    panel.set_xticks([], minor=True)
    panel.set_xlabel("MACs, % of the original's")
    panel.set_title(title, fontsize="medium")
    panel.grid(alpha=0.3)


def _budgets(grid: Grid, groups: Sequence[Group]) -> list[float]:
    """What the rows made of each budget, on average: where the axis is marked."""
    shares: dict[str, list[float]] = {budget: [] for budget in grid.budgets}
    for group in groups:
        if group.macs_share is not None:
            shares[group.budget].append(100 * group.macs_share.mean)
    return [fmean(found) for found in shares.values() if found]
