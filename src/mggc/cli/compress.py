"""``mggc compress``: the whole pipeline."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import (
    ConcatOrderOption,
    ConfigOption,
    DataArg,
    DryRunOption,
    ForceOption,
    GeneratorOption,
    JsonOption,
    OutOption,
    PaperOption,
    UnetDropoutOption,
    WeightsOption,
)
from mggc.config import CompressConfig


def compress_command(
    data: DataArg,
    /,
    *,
    settings: Annotated[CompressConfig, Parameter(name="*")] = CompressConfig(),
    generator: GeneratorOption = None,
    weights: WeightsOption = None,
    unet_dropout: UnetDropoutOption = None,
    concat_order: ConcatOrderOption = "skip_first",
    paper: PaperOption = False,
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
    from mggc.presets import PAPER
    from mggc.runs.settings import merge, read_toml, validate_config
    from mggc.stages.source import GeneratorSource

    file = read_toml(config) if config else {}
    merged = validate_config(
        merge(PAPER if paper else {}, file, settings, {"data": {"data": data}}),
        source=str(config or "command line"),
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
