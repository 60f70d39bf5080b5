"""``mggc compress``: the whole pipeline."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ConfigOption, DataArg, DryRunOption, ForceOption, JsonOption, OutOption
from mggc.config import CompressConfig

GeneratorOption = Annotated[
    str | None,
    Parameter(
        name="--generator", help="What to compress: a run, or a weights file; trained first when absent."
    ),
]


def compress_command(
    data: DataArg,
    /,
    *,
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    out: OutOption = Path("runs/compress"),
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Compress a generator to a budget of MACs; the same command continues an interrupted run.

    Trains the original when no generator is given, then learns neighbourhoods, prunes, finetunes and evaluates.
    """
    from mggc.cli.running import compress_and_show, dry_run_and_show
    from mggc.runs.settings import merge, read_toml, validate_config

    file = read_toml(config) if config else {}
    merged = validate_config(
        merge(file, settings, {"data": {"data": data}}), source=str(config or "command line")
    )
    if dry_run:
        dry_run_and_show(merged, generator, as_json=json)
    else:
        compress_and_show(merged, out, generator=generator, force=force, as_json=json)
