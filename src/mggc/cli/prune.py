"""``mggc prune``: one stage of an existing run."""

from typing import Annotated, Any

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, RunArg
from mggc.config import LatencyConfig, MacsConvention, PruneConfig, RuntimeConfig


def prune_command(
    run: RunArg,
    /,
    *,
    settings: Annotated[PruneConfig, Parameter(name="*")] = PruneConfig(),
    budget: Annotated[
        str | None, Parameter(help="MACs to keep: a share (20%) or a number (3.05G); or a latency (30ms).")
    ] = None,
    macs_convention: Annotated[MacsConvention | None, Parameter(help="How MACs are counted.")] = None,
    latency: LatencyConfig = LatencyConfig(),
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Choose the channels that stay: play the game of Eq. 2, or ask a baseline."""
    from mggc.cli.running import stage_and_show

    overrides: dict[str, Any] = {
        "prune": settings.model_dump(exclude_unset=True),
        "latency": latency.model_dump(exclude_unset=True),
        "runtime": runtime.model_dump(exclude_unset=True),
    }
    overrides |= {} if budget is None else {"budget": budget}
    overrides |= {} if macs_convention is None else {"macs_convention": macs_convention}
    stage_and_show(run, "prune", overrides, force=force, as_json=json)
