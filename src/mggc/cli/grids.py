"""Running a grid of runs with progress, and showing what came of it."""

import sys
from pathlib import Path

from mggc.cli.console import ConsoleReporter, print_json, show
from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.networks.legacy import ConcatOrder
from mggc.runs.settings import merge, read_toml, validate_config
from mggc.stages.comparison.compare import Comparison, compare
from mggc.stages.comparison.grid import Grid, parse_budgets
from mggc.stages.source import GeneratorSource


def read_settings(
    data: str, settings: CompressConfig, file: Path | None, *, varied: tuple[str, ...]
) -> CompressConfig:
    """The settings of file and flags.

    Args:
        data: The data argument.
        settings: The flags.
        file: The configuration file.
        varied: Settings, by dotted name, in which the runs will differ: as flags they would be overridden silently.

    Raises:
        MggcError: A flag sets what varies, or a setting is not usable.
    """
    given = settings.model_dump(exclude_unset=True)
    for name in varied:
        section, _, field = name.rpartition(".")
        if field in (given.get(section, {}) if section else given):
            option = f"--{name}".replace("_", "-")
            raise MggcError(f"{option} is what the runs differ in; leave it out. See docs/compare.md.")
    return validate_config(
        merge(read_toml(file) if file else {}, settings, {"data": {"data": data}}),
        source=str(file or "command line"),
    )


def budgets_of(config: CompressConfig, budgets: str | None) -> tuple[str, ...]:
    """The budgets of the grid: as given, or the configuration's one.

    Raises:
        MggcError: One is no budget.
    """
    return parse_budgets(config.budget if budgets is None else budgets)


def source_of(
    generator: str | None,
    weights: Path | None,
    unet_dropout: bool | None,
    concat_order: ConcatOrder,
) -> GeneratorSource | None:
    """What the user named as the generator to compress."""
    if generator is None:
        return None
    return GeneratorSource(generator, weights=weights, unet_dropout=unet_dropout, concat_order=concat_order)


def run_and_show(
    config: CompressConfig,
    grid: Grid,
    out: Path,
    *,
    generator: GeneratorSource | None,
    force: bool,
    as_json: bool,
    name: str,
    title: str,
) -> None:
    """Run a grid, then print its tables and where everything lies; exit with 1 when every run failed."""
    with ConsoleReporter() as reporter:
        comparison = compare(
            config,
            grid,
            out,
            name=name,
            title=title,
            generator=generator,
            force=force,
            reporter=reporter,
        )
    show_comparison(comparison, out, as_json=as_json)


def show_comparison(comparison: Comparison, out: Path, *, as_json: bool) -> None:
    """Print tables, files and failures; exit with 1 when every run failed."""
    show(comparison.markdown, as_json=as_json)
    show(f"Written: {', '.join(str(path) for path in comparison.files)}", as_json=as_json)
    if comparison.failed:
        total = len(comparison.results["cells"])
        show(
            f"{comparison.failed} of {total} runs failed; the same command tries them again.", as_json=as_json
        )
    if as_json:
        print_json({"out": str(out), "failed": comparison.failed, **comparison.results})
    if comparison.all_failed:
        sys.exit(1)
