"""A run's part of the page: everything the template shows of it, ready to print."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from mggc.networks.files import read_config
from mggc.report.collect import CollectedRun, StageState, attempt
from mggc.report.embed import png_uri
from mggc.report.figures_game import LegendEntry, Panel, game_legend, game_panels
from mggc.report.figures_map import manifold_map
from mggc.report.figures_widths import width_bars
from mggc.report.gallery import Gallery
from mggc.report.headline import Tile, headline
from mggc.report.manifold import ManifoldFacts, manifold_facts
from mggc.report.neighborhood_rows import NeighborhoodPair, neighborhood_pairs
from mggc.report.pictures import DataFacts, Translations, data_facts, open_data, translate_some
from mggc.report.tables import MetricTable, cost_table, quality_table
from mggc.report.widths import LayerWidth
from mggc.runs.atomic import read_json
from mggc.runs.rundir import StageName
from mggc.stages.context import Reporter
from mggc.stages.encode import run_encoder
from mggc.stages.evaluate import GRID_NAME
from mggc.stages.prune import PLAN_NAME

NEIGHBORHOODS = 4


class WidthFigure(NamedTuple):
    """Bars of one network, and the same as numbers."""

    network: str
    svg: Markup
    kept: int
    total: int
    layers: list[LayerWidth]


class ManifoldFigures(NamedTuple):
    """Figure 5 and the map."""

    facts: ManifoldFacts
    images: int
    pairs: list[NeighborhoodPair]
    map: Markup
    warning: str | None
    """What the encoder's training said about collapse."""


@dataclass(frozen=True)
class RunSection:
    """What the page shows of a run."""

    id: str
    label: str
    path: str
    summary: str
    tiles: list[Tile]
    stages: dict[StageName, StageState]
    costs: MetricTable
    qualities: MetricTable
    widths: list[WidthFigure]
    game: list[Panel]
    legend: list[LegendEntry]
    method: str
    manifold: ManifoldFigures | None
    data: DataFacts | None
    settings: list[tuple[str, list[tuple[str, str]]]]
    """Names and values, by section."""
    notes: list[str]
    grid: str | None = None
    """The evaluation's own picture grid as a data URI, where pictures cannot be made anew."""
    gallery: Gallery | None = None


class Pictured(NamedTuple):
    """What opening a run's data set gave."""

    facts: DataFacts | None
    translations: Translations | None


def take_pictures(collected: CollectedRun, *, count: int, reporter: Reporter) -> Pictured:
    """Translate some images of a run; what stands in the way becomes a note."""
    run, notes = collected.run, collected.notes
    if run is None:
        return Pictured(None, None)
    dataset = attempt(notes, "Pictures", lambda: open_data(run))
    if dataset is None:
        return Pictured(None, None)
    if not run.compressed.is_dir():
        notes.append(f"Pictures: there is no compressed generator yet. Run mggc finetune {run.path}.")
        return Pictured(data_facts(dataset), None)
    translations = attempt(
        notes, "Pictures", lambda: translate_some(run, dataset, count=count, reporter=reporter)
    )
    return Pictured(data_facts(dataset), translations)


def run_section(collected: CollectedRun, pictured: Pictured, *, place: int) -> RunSection:
    """Everything but the gallery, which several runs may share."""
    key = f"run-{place}"
    _note_stale(collected)
    games = {} if collected.curves is None else {collected.label: collected.curves}
    return RunSection(
        id=key,
        label=collected.label,
        path=str(collected.path),
        summary=summary(collected.settings, collected.method),
        tiles=headline([collected.metrics]),
        stages=collected.stages,
        costs=cost_table(collected.metrics),
        qualities=quality_table(collected.metrics),
        widths=_width_figures(collected, key),
        game=game_panels(games, key=key),
        legend=game_legend(games),
        method=collected.method,
        manifold=_manifold(collected, pictured.translations, key),
        data=pictured.facts,
        settings=flat_settings(collected.settings),
        notes=collected.notes,
        grid=_grid(collected) if pictured.translations is None else None,
    )


def summary(settings: dict[str, Any], method: str) -> str:
    """A run in a line: model, data, size, budget, method, seed."""
    data = settings.get("data", {})
    name = str(data.get("data", "")).rstrip("/").rsplit("/", 1)[-1] or "data that is not named"
    parts = [
        f"{settings.get('model', 'a model')} on {name}",
        f"{data['image_size']} px" if "image_size" in data else "",
        f"budget {settings['budget']} of the multiply-adds" if "budget" in settings else "",
        f"channels chosen by {'the game' if method == 'game' else method.replace('_', ' ')}",
        f"seed {settings['seed']}" if "seed" in settings else "",
    ]
    return ", ".join(part for part in parts if part)


def flat_settings(settings: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Settings by section, absent ones left out."""
    general = [(name, str(value)) for name, value in settings.items() if not isinstance(value, dict | None)]
    sections = [
        (name, [(key, str(value)) for key, value in section.items() if value is not None])
        for name, section in settings.items()
        if isinstance(section, dict)
    ]
    return [("run", general), *sections] if settings else []


def _width_figures(collected: CollectedRun, key: str) -> list[WidthFigure]:
    return [
        WidthFigure(
            role,
            width_bars(widths, network=role, key=f"{key}-{role}"),
            sum(width.kept for width in widths),
            sum(width.total for width in widths),
            widths,
        )
        for role, widths in collected.widths.items()
    ]


def _manifold(collected: CollectedRun, translations: Translations | None, key: str) -> ManifoldFigures | None:
    run = collected.run
    if run is None or translations is None:
        return None

    def draw() -> ManifoldFigures:
        facts = manifold_facts(
            translations, run_encoder(run), k=run.config.evaluate.neighbors, rows=NEIGHBORHOODS
        )
        return ManifoldFigures(
            facts,
            len(translations.names),
            neighborhood_pairs(facts, translations),
            manifold_map(facts.plane, translations, key=f"{key}-map"),
            collected.records.get("encode", {}).get("warning"),
        )

    return attempt(collected.notes, "Neighbourhoods and map", draw)


def _grid(collected: CollectedRun) -> str | None:
    path = collected.path / "evaluate" / GRID_NAME
    if not path.is_file():
        return None
    content = attempt(collected.notes, "Picture grid", path.read_bytes)
    return None if content is None else png_uri(content)


def _note_stale(collected: CollectedRun) -> None:
    """Say so when channels were chosen anew and the compressed generator is still that of the earlier choice."""
    run = collected.run
    if run is None or not run.compressed.is_dir() or not collected.widths:
        return

    def compare() -> bool:
        kept = read_config(run.compressed).provenance.get("kept_channels")
        return kept in (None, read_json(run.stage("prune").path / PLAN_NAME)["generator"])

    if attempt(collected.notes, "Compressed generator", compare) is False:
        collected.notes.append(
            "The compressed generator is of an earlier choice of channels than the widths shown here. "
            f"Run mggc finetune {run.path} --force, then mggc evaluate {run.path} --force."
        )
