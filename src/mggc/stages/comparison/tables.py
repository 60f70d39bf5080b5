"""A grid's results for people (Markdown) and for spreadsheets (CSV)."""

import csv
import io
from collections.abc import Sequence

from mggc.metrics.names import better, heading
from mggc.metrics.results import Measurement
from mggc.stages.comparison.cells import CellResult
from mggc.stages.comparison.grid import Grid
from mggc.stages.comparison.metrics import main_metrics
from mggc.stages.comparison.summary import Group, Statistic, original_figures, summarize

NOTHING = "–"
FIRST_COLUMNS = ["method", "budget", "seed", "status", "run", "macs_original", "macs_compressed", "error"]


def markdown(title: str, grid: Grid, results: Sequence[CellResult], *, split: str) -> str:
    """A table for each budget, the best of each column in bold, and what failed.

    Args:
        title: The document's heading.
        grid: The runs that were wanted.
        results: Those that have ended.
        split: The images that were measured on.
    """
    groups, original = summarize(grid, results), original_figures(results)
    parts = [f"# {title}", _legend(grid, split)]
    for budget in grid.budgets:
        parts.append(f"## Budget {budget}")
        parts.append(_table([group for group in groups if group.budget == budget], original))
    failed = [found for found in results if found.error is not None]
    if failed:
        parts.append("## Failed")
        parts.append("\n".join(f"- `{found.run}`: {found.error}" for found in failed))
    return "\n\n".join(parts) + "\n"


def csv_text(results: Sequence[CellResult]) -> str:
    """One line for each run: what it is, how it ended, every figure, and the seconds of its stages."""
    metrics = list(dict.fromkeys(name for found in results for name in found.metrics.get("compressed", {})))
    stages = list(dict.fromkeys(name for found in results for name in found.seconds))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIRST_COLUMNS, *metrics, *(f"seconds_{stage}" for stage in stages)])
    for found in results:
        figures, macs = found.metrics.get("compressed", {}), found.macs or {}
        values = [figures[name].value if name in figures else None for name in metrics]
        cell = [
            found.cell.row.name, found.cell.budget, found.cell.seed, "failed" if found.error else "done", found.run,
            macs.get("original"), macs.get("compressed"), found.error,
        ]  # fmt: skip
        writer.writerow([*cell, *values, *(found.seconds.get(stage) for stage in stages)])
    return text.getvalue()


def _legend(grid: Grid, split: str) -> str:
    seeds = ", ".join(str(seed) for seed in grid.seeds)
    spread = (
        "mean ± standard deviation over seeds"
        if len(grid.seeds) > 1
        else "one seed: differences may be noise"
    )
    return (
        f"Measured on the {split} split; {spread} ({seeds}). One original, encoder and set of neighbourhoods for all; "
        "the same finetuning. Bold: the best mean of a column."
    )


def _table(groups: Sequence[Group], original: dict[str, Measurement]) -> str:
    metrics = main_metrics(name for group in groups for name in group.metrics)
    best = {name: _best(name, groups) for name in metrics}
    rows = [
        ["", "MACs", *(heading(name) for name in metrics)],
        ["---", *("--:" for _ in range(len(metrics) + 1))],
        ["original", "100 %", *(_single(original.get(name)) for name in metrics)],
    ]
    for group in groups:
        figures = [_shown(group.metrics.get(name), best[name]) for name in metrics]
        rows.append([_name(group), _share(group.macs_share), *figures])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _name(group: Group) -> str:
    return f"{group.row} ({group.failed} failed)" if group.failed else group.row


def _best(metric: str, groups: Sequence[Group]) -> float | None:
    """The best mean of a column; None where nothing is there to be better than."""
    means = [group.metrics[metric].mean for group in groups if metric in group.metrics]
    if len(means) < 2 or not better(metric):
        return None
    return max(means) if better(metric) > 0 else min(means)


def _shown(figure: Statistic | None, best: float | None) -> str:
    if figure is None:
        return NOTHING
    text = f"{figure.mean:.4g}" if figure.sd is None else f"{figure.mean:.4g} ± {figure.sd:.2g}"
    return f"**{text}**" if figure.mean == best else text


def _share(share: Statistic | None) -> str:
    return NOTHING if share is None else f"{100 * share.mean:.3g} %"


def _single(figure: Measurement | None) -> str:
    return NOTHING if figure is None or figure.value is None else f"{figure.value:.4g}"
