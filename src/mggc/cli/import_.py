"""``mggc import``: a run from a trained generator."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption
from mggc.config import Model


def import_command(
    source: Annotated[Path, Parameter(help="A weights file, or a folder of checkpoints.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The run's directory.")],
    model: Annotated[
        Model | None, Parameter(help="What it was trained as; absent: by file name or train_opt.txt.")
    ] = None,
    unet_dropout: Annotated[
        bool | None, Parameter(help="Whether a U-Net was trained with dropout; by default it was.")
    ] = None,
    concat_order: Annotated[
        Literal["skip_first", "decoder_first"],
        Parameter(help="decoder_first for U-Nets trained before 22 September 2017."),
    ] = "skip_first",
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Read a checkpoint of pytorch-CycleGAN-and-pix2pix and its partners, and write them as a run.

    Compress it with: mggc compress DATA --generator RUN.
    """
    from mggc.cli.console import print_json, show
    from mggc.config import CompressConfig
    from mggc.networks.files import load_network
    from mggc.stages.import_run import import_run
    from mggc.stages.source import GeneratorSource

    overrides = CompressConfig() if model is None else CompressConfig(model=model)
    generator = GeneratorSource(str(source), unet_dropout=unet_dropout, concat_order=concat_order)
    run, found = import_run(generator, out, overrides=overrides, force=force)
    spec = load_network(run.path / "original" / "generator").spec.model_dump()
    show(f"Run: {run.path}\nFound: {', '.join(found)}\nGenerator: {spec}", as_json=json)
    if json:
        print_json({"run": str(run.path), "found": found, "generator": spec})
