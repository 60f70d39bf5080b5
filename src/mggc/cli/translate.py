"""``mggc translate``: a folder of images through a generator."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption
from mggc.config import PositiveInt


def translate_command(
    generator: Annotated[Path, Parameter(help="A run, a compressed directory or a weights file.")],
    inputs: Annotated[Path, Parameter(help="Folder of images, of any size.")],
    outputs: Annotated[Path, Parameter(help="Folder for the results, PNG files of the same names.")],
    /,
    *,
    tile: Annotated[
        PositiveInt | None,
        Parameter(help="Translate larger images in overlapping tiles of about this side, in pixels."),
    ] = None,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Translate every image of a folder; sides that the network cannot take are padded and cropped back."""
    from mggc.cli.console import ConsoleReporter, print_json, show
    from mggc.stages.translate import translate_folder

    with ConsoleReporter() as reporter:
        written = list(
            translate_folder(generator, inputs, outputs, tile=tile, force=force, reporter=reporter)
        )
    show(f"{len(written)} images written to {outputs}", as_json=json)
    if json:
        print_json({"images": len(written), "out": str(outputs)})
