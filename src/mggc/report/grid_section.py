"""The parts of the page for comparisons, ablations and sweeps."""

from dataclasses import dataclass
from pathlib import Path

from mggc.report.collect import attempt, collect_run
from mggc.report.comparison import (
    KINDS,
    CellResult,
    Comparison,
    TableOfMethods,
    read_comparison,
    tables_of,
)
from mggc.report.figures_budget import budget_legend, budget_panels
from mggc.report.figures_game import LegendEntry, Panel, game_legend, game_panels
from mggc.report.gallery import Gallery, alike, gallery
from mggc.report.pictures import Translations
from mggc.report.run_section import take_pictures
from mggc.report.sweep import read_sweep, sweep_curves
from mggc.stages.context import Reporter

ROWS = 4
"""Images in the gallery of a budget."""


@dataclass(frozen=True)
class GridSection:
    """What the page shows of a comparison or an ablation."""

    id: str
    label: str
    path: str
    title: str
    summary: str
    tables: list[TableOfMethods]
    panels: list[Panel]
    legend: list[LegendEntry]
    galleries: list[tuple[str, Gallery]]
    """By budget; fewer rows than for a single run."""
    failed: list[CellResult]
    cells: list[CellResult]
    notes: list[str]


@dataclass(frozen=True)
class SweepSection:
    """What the page shows of a sweep."""

    id: str
    label: str
    path: str
    title: str
    summary: str
    panels: list[Panel]
    legend: list[LegendEntry]


def grid_section(path: Path, *, label: str, place: int, pictures: int, reporter: Reporter) -> GridSection:
    """A comparison's or an ablation's results file.

    Raises:
        MggcError: The file is damaged.
    """
    comparison, notes = read_comparison(path), list[str]()
    kind = KINDS.get(path.stem, "Comparison")
    seeds = len(comparison.seeds)
    return GridSection(
        id=f"grid-{place}",
        label=label,
        path=str(path),
        title=f"{kind} on {comparison.data}",
        summary=(
            f"{comparison.model}, {len(comparison.methods)} {'rows' if kind == 'Ablation' else 'methods'} at "
            f"{len(comparison.budgets)} {_plural('budget', len(comparison.budgets))} with {seeds} {_plural('seed', seeds)}, "
            f"measured on the {comparison.split} images; everything else is the same for all"
        ),
        tables=tables_of(comparison),
        panels=budget_panels(comparison, key=f"grid-{place}"),
        legend=budget_legend(comparison),
        galleries=_galleries(comparison, path.parent, notes, pictures=pictures, reporter=reporter),
        failed=comparison.failed,
        cells=comparison.cells,
        notes=notes,
    )


def sweep_section(path: Path, *, label: str, place: int) -> SweepSection:
    """A sweep's results file.

    Raises:
        MggcError: The file is damaged.
    """
    sweep = read_sweep(path)
    curves = sweep_curves(sweep)
    about = f"{sweep.model} on {sweep.data}: " if sweep.data else ""
    return SweepSection(
        id=f"sweep-{place}",
        label=label,
        path=str(path),
        title=f"Sweep of {sweep.symbol}",
        summary=f"{about}{len(curves)} games with different {sweep.setting}, all else the same (Figure 4)",
        panels=game_panels(curves, key=f"sweep-{place}"),
        legend=game_legend(curves),
    )


def _galleries(
    comparison: Comparison, folder: Path, notes: list[str], *, pictures: int, reporter: Reporter
) -> list[tuple[str, Gallery]]:
    """One for each budget: what every method makes of the same images, with the first seed that came to its end."""
    found, rows = [], min(pictures, ROWS)
    for budget in comparison.budgets:
        made: dict[str, Translations] = {}
        missing: dict[str, str] = {}
        for method in comparison.methods:
            run = _first_run(comparison, method, budget)
            translations = None if run is None else _translations(folder / run, missing, rows, reporter)
            if translations is not None:
                made[method] = translations
        if missing:
            name, reason = next(iter(missing.items()))
            notes.append(f"Pictures at {budget} of {', '.join(missing)}. {name}: {reason}")
        if made and alike(list(made.values())) and (shown := gallery(made, rows=rows)) is not None:
            found.append((budget, shown))
    return found


def _first_run(comparison: Comparison, method: str, budget: str) -> str | None:
    done = (
        cell.run
        for cell in comparison.cells
        if (cell.method, cell.budget, cell.error) == (method, budget, None) and cell.run is not None
    )
    return next(done, None)


def _translations(path: Path, missing: dict[str, str], count: int, reporter: Reporter) -> Translations | None:
    """A run's; None, and a reason by the run's name, where it cannot give any."""
    reasons: list[str] = []
    collected = attempt(reasons, "Run", lambda: collect_run(path, label=path.name))
    translations = None
    if collected is not None:
        translations = take_pictures(collected, count=count, reporter=reporter).translations
        reasons = collected.notes
    if translations is None:
        missing[path.name] = reasons[-1]
    return translations


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
