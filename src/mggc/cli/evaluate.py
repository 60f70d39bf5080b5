"""``mggc evaluate``: original and compressed side by side."""

from typing import Annotated

from cyclopts import Parameter

from mggc.cli.options import ForceOption, JsonOption, RunArg
from mggc.config import EvaluateConfig, RuntimeConfig


def evaluate_command(
    run: RunArg,
    /,
    *,
    settings: Annotated[EvaluateConfig, Parameter(name="*")] = EvaluateConfig(),
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig(),
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Measure original and compressed generator; every figure is written with its protocol."""
    from mggc.cli.console import ConsoleReporter, print_json, show
    from mggc.cli.results import results_table
    from mggc.stages.compress import result_of
    from mggc.stages.single import run_stage

    overrides = {
        "evaluate": settings.model_dump(exclude_unset=True),
        "runtime": runtime.model_dump(exclude_unset=True),
    }
    with ConsoleReporter() as reporter:
        result = result_of(run_stage(run, "evaluate", overrides, force=force, reporter=reporter))
    show(results_table(result), as_json=json)
    if json:
        print_json(result.to_json())
