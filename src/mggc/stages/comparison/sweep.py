"""Figure 4 of the paper: the game under several values of one of its settings."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from mggc.config import CompressConfig, PruneConfig
from mggc.errors import MggcError
from mggc.runs.atomic import write_json
from mggc.runs.rundir import StageName
from mggc.stages.comparison.cells import ALL_STAGES, CellResult
from mggc.stages.comparison.curves import read_curves
from mggc.stages.comparison.figures import save_figure
from mggc.stages.comparison.grid import Grid, Row, cell_config
from mggc.stages.comparison.sweep_figure import game_curves
from mggc.stages.comparison.workshop import Workshop, open_workshop, run_all
from mggc.stages.context import Reporter
from mggc.stages.source import GeneratorSource

SECTION = "prune."
FIXED = {"method", "seed"}
"""What a sweep of the game cannot vary: it is the game, and seeds have a list of their own."""
KEPT = ("seed", "run", "status", "error", "macs", "metrics", "seconds")
"""What an entry has of a cell's."""


class Sweep(NamedTuple):
    """A sweep that has been run to its end."""

    results: dict[str, Any]
    """The content of ``sweep.json``."""
    files: list[Path]
    """What was written."""

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return sum(run["status"] == "failed" for run in self.results["runs"])

    @property
    def all_failed(self) -> bool:
        """Whether no run came to its end."""
        return self.failed == len(self.results["runs"])


def sweep_rows(setting: str, values: Sequence[str]) -> tuple[Row, ...]:
    """A row for each value of a setting of the game, such as ``prune.lambda1``.

    Raises:
        MggcError: The game has no such setting, no value is given, or one is given twice.
    """
    names = [SECTION + name for name in PruneConfig.model_fields if name not in FIXED]
    if setting not in names:
        close = get_close_matches(setting, names, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise MggcError(
            f"A sweep varies a setting of the game, such as prune.lambda1. Found {setting!r}.{hint}"
        )
    given = [value.strip() for value in values if value.strip()]
    if not given or len(set(given)) < len(given):
        raise MggcError(
            f"A sweep of {setting} needs values, each once, such as 1,3,10. Found {','.join(values)!r}."
        )
    field = setting.removeprefix(SECTION)
    return tuple(Row(f"{field}={value}", {"prune": {field: value}}) for value in given)


def sweep(
    config: CompressConfig,
    setting: str,
    values: Sequence[str],
    out: Path,
    *,
    seeds: tuple[int, ...] = (0,),
    finetuned: bool = False,
    generator: GeneratorSource | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Sweep:
    """Play the game with each value of a setting, or what is left to play; a run that fails is reported.

    Args:
        config: What all runs have in common; the method is the game.
        setting: What varies, by dotted name.
        values: Its values, as on a command line.
        out: The sweep's folder: new, empty, or that of a comparison or sweep over the same configuration.
        seeds: Of the game, and of the finetuning.
        finetuned: Finetune and evaluate too, instead of stopping after the game.
        generator: What to compress; trained first, once, when absent.
        force: Take over runs that were made with another configuration.
        reporter: Where progress goes.

    Raises:
        MggcError: Setting, values, data, generator, budget or folder are not usable, or a shared stage cannot be done.
    """
    grid = Grid(sweep_rows(setting, values), (config.budget,), seeds)
    workshop = open_workshop(config, grid, out, generator=generator, force=force, reporter=reporter)
    stages: tuple[StageName, ...] = ALL_STAGES if finetuned else ("prune",)
    results: list[CellResult] = []
    path = out / "sweep.json"
    for found in run_all(workshop, grid, stages=stages):
        results.append(found)
        content = _object(workshop, grid, setting, results)
        if workshop.shared.leader:
            write_json(path, content)
    figure = game_curves(content["curves"], setting)
    pictures = [out / "sweep.svg", out / "sweep.png"]
    if workshop.shared.leader:
        for picture in pictures:
            save_figure(figure, picture)
    return Sweep(content, [path, *pictures])


def _object(workshop: Workshop, grid: Grid, setting: str, results: Sequence[CellResult]) -> dict[str, Any]:
    """Plain values for a JSON file; docs/compare.md lists the keys."""
    field = setting.removeprefix(SECTION)
    runs, curves = [], []
    for found in results:
        entry = found.to_json()
        value = getattr(cell_config(workshop.config, found.cell).prune, field)
        runs.append({"value": value, **{name: entry[name] for name in KEPT}})
        if found.error is None:
            log = workshop.out / found.run / "prune" / "log.jsonl"
            curves.append({"value": value, "seed": found.cell.seed, **read_curves(log)})
    return {
        "data": workshop.dataset.name,
        "model": workshop.config.model,
        "budget": grid.budgets[0],
        "setting": setting,
        "values": list(dict.fromkeys(run["value"] for run in runs)),
        "seeds": list(grid.seeds),
        "runs": runs,
        "curves": curves,
    }
