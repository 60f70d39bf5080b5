"""Methods on the same data, from the same original, at the same budgets, with the same finetuning, over several seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset
from mggc.errors import MggcError
from mggc.runs.atomic import write_json, write_text
from mggc.runs.rundir import is_run
from mggc.stages.check import open_for_compression
from mggc.stages.comparison.cells import CellResult, run_cell
from mggc.stages.comparison.figures import quality_against_macs, save_figure
from mggc.stages.comparison.grid import Cell, Grid, cell_config, shared_config
from mggc.stages.comparison.sharing import SHARED, SharedRuns
from mggc.stages.comparison.summary import results_object
from mggc.stages.comparison.tables import csv_text, markdown
from mggc.stages.compress import complete
from mggc.stages.context import Reporter, Silence
from mggc.stages.predict import predict
from mggc.stages.source import GeneratorSource


class Comparison(NamedTuple):
    """A grid that has been run to its end."""

    results: dict[str, Any]
    """The content of ``compare.json``, or of its like."""
    markdown: str
    """The content of ``compare.md``."""
    files: list[Path]
    """What was written."""

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return sum(cell["status"] == "failed" for cell in self.results["cells"])

    @property
    def all_failed(self) -> bool:
        """Whether no run came to its end."""
        return self.failed == len(self.results["cells"])


class Workshop(NamedTuple):
    """All that the runs of a grid have in common."""

    out: Path
    config: CompressConfig
    dataset: Dataset
    shared: SharedRuns
    reporter: Reporter
    force: bool


def compare(
    config: CompressConfig,
    grid: Grid,
    out: Path,
    *,
    name: str = "compare",
    title: str = "Comparison",
    generator: GeneratorSource | None = None,
    force: bool = False,
    reporter: Reporter | None = None,
) -> Comparison:
    """Run a grid, or what is left of it; a run that fails is reported and the others go on.

    Args:
        config: What all runs have in common; its budget, method and seeds after the shared stages are the grid's.
        grid: What varies.
        out: The grid's folder: new, empty, or that of a grid over the same configuration.
        name: Of the files with the results.
        title: Heading of the tables.
        generator: What to compress; trained first, once, when absent.
        force: Take over runs that were made with another configuration.
        reporter: Where progress goes.

    Raises:
        MggcError: Data, generator, a budget or the folder are not usable, or a shared stage cannot be done.
    """
    workshop = open_workshop(config, grid, out, generator=generator, force=force, reporter=reporter)
    workshop.shared.with_neighbors(workshop.config.prune.neighbors)
    cells, results = grid.cells(), list[CellResult]()
    for number, cell in enumerate(cells, start=1):
        announce(workshop, cell, number, len(cells))
        results.append(_run(workshop, cell))
        comparison = _write(workshop, grid, results, name=name, title=title)
    figure = quality_against_macs(grid, results)
    pictures = [out / f"{name}.svg", out / f"{name}.png"]
    for path in pictures:
        save_figure(figure, path)
    return comparison._replace(files=[*comparison.files, *pictures])


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


def announce(workshop: Workshop, cell: Cell, number: int, total: int) -> None:
    """Say which run of how many begins."""
    workshop.reporter.message(
        f"Run {number} of {total}: {cell.row.name}, budget {cell.budget}, seed {cell.seed}"
    )


def _run(workshop: Workshop, cell: Cell) -> CellResult:
    found = run_cell(
        cell,
        workshop.shared,
        workshop.config,
        workshop.out,
        dataset=workshop.dataset,
        reporter=workshop.reporter,
        force=workshop.force,
    )
    if found.error is not None:
        workshop.reporter.message(f"Failed: {found.run}: {found.error}")
    return found


def _check_folder(out: Path, generator: GeneratorSource | None) -> None:
    """Refuse a folder that holds something else than a grid, or that the original is taken from."""
    if out.exists() and not is_run(out / SHARED) and (not out.is_dir() or any(out.iterdir())):
        raise MggcError(
            f"A new folder, or that of an earlier comparison, was wanted as --out; {out} holds something else."
        )
    if generator is not None and generator.path.resolve().is_relative_to(out.resolve()):
        raise MggcError(f"--out {out} holds what --generator names, {generator.name}; choose another folder.")


def _write(
    workshop: Workshop, grid: Grid, results: Sequence[CellResult], *, name: str, title: str
) -> Comparison:
    """Write what is known so far, so that a long grid can be looked at while it runs."""
    config, out = workshop.config, workshop.out
    split = config.evaluate.split
    content = results_object(grid, results, data=workshop.dataset.name, model=config.model, split=split)
    heading = f"{title}: {workshop.dataset.name}, {config.model}"
    text = markdown(heading, grid, results, split=split)
    files = [out / f"{name}.json", out / f"{name}.md", out / f"{name}.csv"]
    write_json(files[0], content)
    write_text(files[1], text)
    write_text(files[2], csv_text(results))
    return Comparison(content, text, files)
