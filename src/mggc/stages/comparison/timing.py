"""How long a run's stages took, over all its lives."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from mggc.runs.atomic import read_json, write_json
from mggc.runs.rundir import StageName
from mggc.stages.context import Context

SECONDS_NAME = "seconds.json"


def timed(context: Context, name: StageName, stage: Callable[[Context], Any]) -> None:
    """Run a stage and add the seconds it took to the run's; a stage that was done already adds nothing.

    What a killed process did is missing; an interruption or an error is counted.
    """
    before, start = context.run.stage(name).done(), monotonic()
    try:
        stage(context)
    finally:
        after = context.run.stage(name)
        worked = after.path.exists() and (before is None or after.done() != before)
        if worked and context.leader:
            spent = stage_seconds(context.run.path)
            earlier = spent.get(name, 0.0) if before is None else 0.0
            total = round(earlier + monotonic() - start, 2)
            write_json(context.run.path / SECONDS_NAME, {**spent, name: total})


def stage_seconds(run: Path) -> dict[str, float]:
    """Seconds of each stage that was timed, of the run in a folder; of none where there is no run."""
    path = run / SECONDS_NAME
    return dict(read_json(path)) if path.is_file() else {}
