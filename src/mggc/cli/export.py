"""``mggc export``: networks for other software."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption


def export_command(
    source: Annotated[Path, Parameter(help="A run, a network's folder or a weights file.")],
    /,
    out: Annotated[Path | None, Parameter(help="Folder to write to; absent: a folder of the run's.")] = None,
    *,
    to: Annotated[
        Literal["pytorch-CycleGAN-and-pix2pix"],
        Parameter(help="Whose layout: uncompressed networks go home."),
    ] = "pytorch-CycleGAN-and-pix2pix",
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write a run's original networks as checkpoints that pytorch-CycleGAN-and-pix2pix loads."""
    from mggc.cli.console import print_json, show
    from mggc.stages.export import export_checkpoints, export_folder

    written = export_checkpoints(source, out or export_folder(source, to), force=force)
    show("\n".join(str(path) for path in written), as_json=json)
    if json:
        print_json({"layout": to, "files": [str(path) for path in written]})
