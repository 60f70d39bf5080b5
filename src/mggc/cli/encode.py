"""``mggc encode``: one stage of an existing run."""

from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, RunArg
from mggc.config import EncodeConfig, RuntimeConfig


def encode_command(
    run: RunArg,
    /,
    *,
    settings: Annotated[EncodeConfig, Parameter(name="*")] = EncodeConfig(),
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Train the encoder that defines neighbourhoods (SwAV on the real target images)."""
    from mggc.cli.running import stage_and_show

    overrides = {
        "encode": settings.model_dump(exclude_unset=True),
        "runtime": runtime.model_dump(exclude_unset=True),
    }
    stage_and_show(run, "encode", overrides, force=force, as_json=json)
