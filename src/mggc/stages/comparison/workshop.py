"""What the runs of a grid have in common, and how they are run one after the other."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.errors import MggcError
from mggc.runs.rundir import StageName, is_run
from mggc.stages.aim import aimed
from mggc.stages.check import open_for_compression
from mggc.stages.comparison.cells import ALL_STAGES, CellResult, run_cell
from mggc.stages.comparison.grid import Grid, cell_config, shared_config
from mggc.stages.comparison.sharing import SHARED, SharedRuns
from mggc.stages.compress import complete
from mggc.stages.context import Reporter, Silence
from mggc.stages.predict import predict
from mggc.stages.source import GeneratorSource


class Workshop(NamedTuple):
    """All that the runs of a grid have in common."""

    out: Path
    config: CompressConfig
    dataset: Dataset
    shared: SharedRuns
    reporter: Reporter
    force: bool


def open_workshop(
    config: CompressConfig,
    grid: Grid,
    out: Path,
    *,
    generator: GeneratorSource | None,
    force: bool,
    reporter: Reporter | None,
) -> Workshop:
    """Look whether a grid can be run, before anything is written.

    Raises:
        MggcError: Data, generator, a budget or the folder are not usable.
    """
    config, generator = aimed(config, generator)
    _check_folder(out, generator)
    shared = shared_config(complete(config, generator))
    dataset = open_for_compression(shared, generator)
    for budget in grid.budgets:
        predict(shared.model_copy(update={"budget": budget}), generator)
    for cell in grid.cells():
        cell_config(shared, cell)
    reporter = reporter or Silence()
    runs = SharedRuns(out, shared, dataset, generator=generator, reporter=reporter, force=force)
    return Workshop(out, shared, dataset, runs, reporter, force)


def run_all(
    workshop: Workshop, grid: Grid, *, stages: tuple[StageName, ...] = ALL_STAGES
) -> Iterator[CellResult]:
    """Run the shared stages, then every run of the grid as far as it is not done; yields after each.

    Raises:
        MggcError: A shared stage cannot be done. What goes wrong later is part of the results.
    """
    workshop.shared.with_neighbors(workshop.config.prune.neighbors)
    cells = grid.cells()
    for number, cell in enumerate(cells, start=1):
        workshop.reporter.message(
            f"Run {number} of {len(cells)}: {cell.row.name}, budget {cell.budget}, seed {cell.seed}"
        )
        found = run_cell(
            cell,
            workshop.shared,
            workshop.config,
            workshop.out,
            dataset=workshop.dataset,
            reporter=workshop.reporter,
            force=workshop.force,
            stages=stages,
        )
        if found.error is not None:
            workshop.reporter.message(f"Failed: {found.run}: {found.error}")
        yield found


def _check_folder(out: Path, generator: GeneratorSource | None) -> None:
    """Refuse a folder that holds something else than a grid, or that the original is taken from."""
    # A grid that was killed at its very beginning has no shared run yet, only the folder for it.
    if out.exists() and not is_run(out / SHARED) and not _holds_nothing_but(SHARED, out):
        raise MggcError(
            f"A new folder, or that of an earlier comparison, was wanted as --out; {out} holds something else."
        )
    if generator is not None and generator.path.resolve().is_relative_to(out.resolve()):
        raise MggcError(f"--out {out} holds what --generator names, {generator.name}; choose another folder.")


def _holds_nothing_but(name: str, folder: Path) -> bool:
    return folder.is_dir() and all(child.name == name for child in folder.iterdir())
