"""``mggc demo``: the whole pipeline on the embedded data set."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, OutOption
from mggc.config import Model, NonNegativeInt, RuntimeConfig
from mggc.presets import DEMO


def demo_command(
    *,
    model: Annotated[Model, Parameter(help="pix2pix (paired letters) or cyclegan (unpaired).")] = "pix2pix",
    budget: Annotated[str, Parameter(help="MACs to keep: a share (20%) or a number (5M).")] = "20%",
    seed: Annotated[NonNegativeInt, Parameter(help="Everything random is a function of it.")] = 0,
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    out: OutOption = Path("runs/demo"),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Train, compress and evaluate a generator that turns DejaVu Sans letters into DejaVu Serif Bold Italic ones."""
    from mggc.cli.running import compress_and_show
    from mggc.runs.settings import merge, validate_config

    overrides = {"budget": budget, "seed": seed, "runtime": runtime.model_dump(exclude_unset=True)}
    config = validate_config(merge(DEMO[model], overrides), source="demo")
    compress_and_show(config, out, generator=None, force=force, as_json=json)
