"""Arguments and flags that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

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
PaperOption = Annotated[
    bool,
    Parameter(
        name="--paper",
        negative="",
        help="The published recipe, where defaults depart from it; other settings win.",
    ),
]
DryRunOption = Annotated[
    bool,
    Parameter(
        name="--dry-run",
        negative="",
        help="Print the resolved settings and what the budget leaves; do nothing.",
    ),
]
GeneratorOption = Annotated[
    str | None,
    Parameter(
        name="--generator",
        help="What to compress: a run, a weights file, or package.module:function; trained first when absent.",
    ),
]
WeightsOption = Annotated[Path | None, Parameter(help="Weights file of a factory given as --generator.")]
UnetDropoutOption = Annotated[
    bool | None, Parameter(help="Whether an imported U-Net was trained with dropout; by default it was.")
]
ConcatOrderOption = Annotated[
    Literal["skip_first", "decoder_first"],
    Parameter(help="decoder_first for imported U-Nets trained before 22 September 2017."),
]
