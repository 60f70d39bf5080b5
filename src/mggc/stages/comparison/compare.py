"""Methods on the same data, from the same original, at the same budgets, with the same finetuning, over several seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mggc.config import CompressConfig
from mggc.runs.atomic import write_json, write_text
from mggc.stages.comparison.cells import CellResult
from mggc.stages.comparison.figures import quality_against_macs, save_figure
from mggc.stages.comparison.grid import Grid
from mggc.stages.comparison.summary import results_object
from mggc.stages.comparison.tables import csv_text, markdown
from mggc.stages.comparison.workshop import Workshop, open_workshop, run_all
from mggc.stages.context import Reporter
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
    results = list[CellResult]()
    for found in run_all(workshop, grid):
        results.append(found)
        comparison = _write(workshop, grid, results, name=name, title=title)
    figure = quality_against_macs(grid, results)
    pictures = [out / f"{name}.svg", out / f"{name}.png"]
    if workshop.shared.leader:
        for path in pictures:
            save_figure(figure, path)
    return comparison._replace(files=[*comparison.files, *pictures])


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
    if workshop.shared.leader:
        write_json(files[0], content)
        write_text(files[1], text)
        write_text(files[2], csv_text(results))
    return Comparison(content, text, files)
