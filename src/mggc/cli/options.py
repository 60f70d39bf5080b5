"""Arguments and flags that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

DataArg = Annotated[
    str,
    Parameter(
        help="A folder of images as pix2pix or CycleGAN lay them out, or glyphs, the embedded data set."
    ),
]
RunArg = Annotated[Path, Parameter(help="The run's directory.")]
OutOption = Annotated[Path, Parameter(name="--out", help="The run's directory: new, empty or unfinished.")]
ConfigOption = Annotated[
    Path | None, Parameter(name="--config", help="Settings from a TOML file; flags override them.")
]
JsonOption = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON object as the last line on stdout.")
]
ForceOption = Annotated[
    bool, Parameter(name="--force", negative="", help="Redo or replace what was made with other settings.")
]
DryRunOption = Annotated[
    bool,
    Parameter(
        name="--dry-run",
        negative="",
        help="Print the resolved settings and what the budget leaves; do nothing.",
    ),
]
