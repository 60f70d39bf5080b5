"""``mggc finetune``: one stage of an existing run."""

from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, RunArg
from mggc.config import FinetuneConfig, RuntimeConfig


def finetune_command(
    run: RunArg,
    /,
    *,
    settings: Annotated[FinetuneConfig, Parameter(name="*")] = FinetuneConfig(),
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Cut both networks, finetune them, and write the compressed generator."""
    from mggc.cli.running import stage_and_show

    overrides = {
        "finetune": settings.model_dump(exclude_unset=True),
        "runtime": runtime.model_dump(exclude_unset=True),
    }
    stage_and_show(run, "finetune", overrides, force=force, as_json=json)
