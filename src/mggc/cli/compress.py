"""``mggc compress``: the whole pipeline."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from mggc.cli.options import ConfigOption, DataArg, DryRunOption, ForceOption, JsonOption, OutOption
from mggc.config import CompressConfig

GeneratorOption = Annotated[
    str | None,
    Parameter(
        name="--generator",
        help="What to compress: a run, a weights file, or package.module:function; trained first when absent.",
    ),
]


def compress_command(
    data: DataArg,
    /,
    *,
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    weights: Annotated[Path | None, Parameter(help="Weights file of a factory given as --generator.")] = None,
    unet_dropout: Annotated[
        bool | None, Parameter(help="Whether an imported U-Net was trained with dropout; by default it was.")
    ] = None,
    concat_order: Annotated[
        Literal["skip_first", "decoder_first"],
        Parameter(help="decoder_first for imported U-Nets trained before 22 September 2017."),
    ] = "skip_first",
    out: OutOption = Path("runs/compress"),
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Compress a generator to a budget of MACs; the same command continues an interrupted run.

    Trains the original when no generator is given, then learns neighbourhoods, prunes, finetunes and evaluates.
    """
    from mggc.cli.running import compress_and_show, compress_both_and_show, dry_run_and_show
    from mggc.runs.settings import merge, read_toml, validate_config
    from mggc.stages.source import GeneratorSource

    file = read_toml(config) if config else {}
    merged = validate_config(
        merge(file, settings, {"data": {"data": data}}), source=str(config or "command line")
    )
    source = None
    if generator is not None:
        source = GeneratorSource(
            generator, weights=weights, unet_dropout=unet_dropout, concat_order=concat_order
        )
    if dry_run:
        dry_run_and_show(merged, source, as_json=json)
    elif merged.compress == "both":
        compress_both_and_show(merged, out, generator=source, force=force, as_json=json)
    else:
        compress_and_show(merged, out, generator=source, force=force, as_json=json)
