"""The page: one section for each run and results file, and what several of them have in common."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mggc import __version__
from mggc.errors import MggcError
from mggc.report.collect import CollectedRun, collect_run
from mggc.report.comparison import TableCell, TableOfMethods
from mggc.report.figures_game import LegendEntry, Panel, game_legend, game_panels
from mggc.report.gallery import Gallery, alike, gallery
from mggc.report.grid_section import GridSection, SweepSection, grid_section, sweep_section
from mggc.report.headline import Tile, headline
from mggc.report.labels import headings_of, number, percent, unique_labels
from mggc.report.run_section import Pictured, RunSection, run_section, take_pictures
from mggc.runs.rundir import is_run
from mggc.stages.both import DIRECTIONS
from mggc.stages.comparison.metrics import main_metrics
from mggc.stages.context import Reporter

GRIDS = ("compare.json", "ablate.json")
SWEEP = "sweep.json"


@dataclass(frozen=True)
class Page:
    """Everything the template shows."""

    title: str
    runs: list[RunSection]
    grids: list[GridSection]
    sweeps: list[SweepSection]
    tiles: list[Tile]
    """Over several seeds of one configuration."""
    table: TableOfMethods | None
    """Several runs at a glance."""
    gallery: Gallery | None
    """Of several runs that share data and original."""
    game: list[Panel]
    legend: list[LegendEntry]
    versions: dict[str, str]


def build_page(paths: Sequence[Path], *, pictures: int, map_images: int, reporter: Reporter) -> Page:
    """The page for some runs and comparisons.

    Args:
        paths: Runs, a folder with a run for each direction, folders with the results of a comparison, an ablation or a
            sweep, or such results files.
        pictures: Test images shown side by side.
        map_images: Test images that neighbourhoods and map are made of.
        reporter: Where progress goes.

    Raises:
        MggcError: A path is neither, or nothing was compressed in a run yet.
    """
    runs, files = sort_out(paths)
    labels = unique_labels([path.resolve() for path in [*runs, *files]])
    collected = [collect_run(path, label=label) for path, label in zip(runs, labels, strict=False)]
    count = max(pictures, map_images)
    pictured = [take_pictures(run, count=count, reporter=reporter) for run in collected]
    sections = [
        run_section(run, found, place=place)
        for place, (run, found) in enumerate(zip(collected, pictured, strict=True), start=1)
    ]
    shared, sections = _place_galleries(sections, pictured, rows=pictures)
    grids, sweeps = _results(files, labels[len(runs) :], pictures=pictures, reporter=reporter)
    games = _games(collected)
    return Page(
        title=_title(sections, grids, sweeps),
        runs=sections,
        grids=grids,
        sweeps=sweeps,
        tiles=_seed_tiles(collected),
        table=_glance(collected) if len(collected) > 1 else None,
        gallery=shared,
        game=game_panels(games, key="games") if len(games) > 1 else [],
        legend=game_legend(games),
        versions=_versions(),
    )


def sort_out(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Runs, and results files.

    Raises:
        MggcError: A path is neither.
    """
    runs, files = list[Path](), list[Path]()
    for path in dict.fromkeys(paths):
        found = [path / name for name in (*GRIDS, SWEEP) if (path / name).is_file()]
        if path.is_file() and path.suffix == ".json":
            files.append(path)
        elif found:
            files += found
        elif is_run(path):
            runs.append(path)
        elif both := [path / name for name in DIRECTIONS if is_run(path / name)]:
            runs += both
        else:
            raise MggcError(
                f"A run or a comparison was wanted, but {path} holds no config.toml and no {', '.join(GRIDS)} or {SWEEP}. "
                "Start a run with mggc compress."
            )
    return runs, files


def _results(
    files: list[Path], labels: list[str], *, pictures: int, reporter: Reporter
) -> tuple[list[GridSection], list[SweepSection]]:
    grids, sweeps = list[GridSection](), list[SweepSection]()
    for place, (path, label) in enumerate(zip(files, labels, strict=True), start=1):
        if path.name == SWEEP:
            sweeps.append(sweep_section(path, label=label, place=place))
        else:
            grids.append(grid_section(path, label=label, place=place, pictures=pictures, reporter=reporter))
    return grids, sweeps


def _place_galleries(
    sections: list[RunSection], pictured: list[Pictured], *, rows: int
) -> tuple[Gallery | None, list[RunSection]]:
    """One gallery for all runs where their images can be told by the method alone; else one for each."""
    made = {
        section.label: found.translations
        for section, found in zip(sections, pictured, strict=True)
        if found.translations is not None
    }
    if len(made) > 1 and alike(list(made.values())):
        return gallery(made, rows=rows), sections
    own = {label: gallery({label: translations}, rows=rows) for label, translations in made.items()}
    return None, [replace(section, gallery=own.get(section.label)) for section in sections]


def _games(runs: list[CollectedRun]) -> dict[str, Any]:
    """Curves by λ1, where that tells the runs apart; else by label."""
    played = [run for run in runs if run.curves is not None]
    weights = [run.settings.get("prune", {}).get("lambda1") for run in played]
    if None not in weights and len(set(weights)) == len(weights):
        return {f"λ1 = {weight:g}": run.curves for run, weight in zip(played, weights, strict=True)}
    return {run.label: run.curves for run in played}


def _by_configuration(runs: list[CollectedRun]) -> list[list[CollectedRun]]:
    """Runs that differ in nothing but their seeds, together: the run's, or those of single stages."""
    groups: dict[str, list[CollectedRun]] = {}
    for run in runs:
        settings = _without_seeds(run.settings)
        key = json.dumps(settings, sort_keys=True, default=str) if settings else run.label
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _without_seeds(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_seeds(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in ("seed", "runtime")
    }


def _seed_tiles(runs: list[CollectedRun]) -> list[Tile]:
    """A headline over seeds, where all runs are one configuration."""
    if len(runs) < 2 or len(_by_configuration(runs)) > 1:
        return []
    return headline([run.metrics for run in runs])


def _glance(runs: list[CollectedRun]) -> TableOfMethods:
    metrics = main_metrics(name for run in runs for name in run.metrics.get("compressed", {}))[:6]
    headings, features = headings_of(metrics)
    columns = ["method", "seeds", "multiply-adds", *headings]
    rows = [
        (
            ", ".join(run.label for run in group),
            [
                TableCell(group[0].method),
                TableCell(str(len(group))),
                TableCell(_share_of_macs(group)),
                *(_over_seeds(group, name) for name in metrics),
            ],
        )
        for group in _by_configuration(runs)
    ]
    return TableOfMethods("", columns, rows, features)


def _share_of_macs(group: list[CollectedRun]) -> str:
    records = [run.records.get("prune", {}) for run in group]
    shares = [record["macs"] / record["total_macs"] for record in records if record.get("total_macs")]
    return percent(fmean(shares)) if shares else "–"


def _over_seeds(group: list[CollectedRun], metric: str) -> TableCell:
    figures = [run.metrics.get("compressed", {}).get(metric) for run in group]
    values = [figure.value for figure in figures if figure is not None and figure.value is not None]
    if not values:
        return TableCell("–")
    spread = f"± {number(stdev(values), digits=2)}" if len(values) > 1 else ""
    return TableCell(number(fmean(values)), spread=spread)


def _title(runs: list[RunSection], grids: list[GridSection], sweeps: list[SweepSection]) -> str:
    titles = [
        *(run.label for run in runs),
        *(grid.title for grid in grids),
        *(sweep.title for sweep in sweeps),
    ]
    if len(titles) == 1:
        return titles[0]
    if len(runs) == 2 and not grids and not sweeps:
        return f"{runs[0].label} and {runs[1].label}"
    if runs and not grids and not sweeps:
        return f"{len(runs)} runs side by side"
    return grids[0].title if len(grids) == 1 and not runs else "Runs and comparisons"


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "numpy", "matplotlib")}
    return {"mggc": __version__, "Python": platform.python_version(), **packages}
