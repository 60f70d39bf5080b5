"""The one way in which a stage runs through its updates: resume, log, report, checkpoint."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from mggc.runs.logbook import Logbook
from mggc.runs.rundir import StageDir
from mggc.stages.context import Context, Progress

REPORT_EVERY = 10


@runtime_checkable
class Stateful(Protocol):
    """Anything whose state can be saved and continued from."""

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""


class _Step(Protocol):
    @property
    def step(self) -> int: ...


Record = TypeVar("Record", bound=_Step)


def resume(stage: StageDir, digest: str, model: Stateful) -> int:
    """Load the stage's checkpoint into ``model``, if there is one; the number of updates done so far."""
    checkpoint = stage.load(digest)
    if checkpoint is None:
        return 0
    step, state = checkpoint
    model.load_state_dict(state)
    return step


def run_updates(
    context: Context,
    stage: StageDir,
    digest: str,
    model: Stateful,
    records: Iterator[Record],
    *,
    start: int,
    total: int,
    checkpoint_every: int,
    values: Callable[[Record], dict[str, Any]],
    log_every: int = REPORT_EVERY,
) -> None:
    """Run through an update generator, with a log line, a report and a checkpoint where they are due.

    Args:
        context: The run at work.
        stage: Where log and checkpoint go.
        digest: What the stage depends on; a checkpoint of another digest is not continued.
        model: What is saved.
        records: Yields after every update; their ``step`` counts updates done.
        start: Updates done before.
        total: Updates in all.
        checkpoint_every: Updates between checkpoints.
        values: A record's figures for the log; numbers (or lists of them) by name.
        log_every: Updates between log lines; the last update is always logged.
    """
    with Logbook(stage.log_path, start=start, active=context.leader) as log:
        for record in records:
            last = record.step == total
            if last or record.step % log_every == 0:
                figures = values(record)
                log.write({"step": record.step, **figures})
                if last or record.step % REPORT_EVERY == 0:
                    shown = {name: value for name, value in figures.items() if isinstance(value, float)}
                    context.reporter.progress(Progress(stage.name, record.step, total, shown))
            if record.step % checkpoint_every == 0 and not last and context.leader:
                stage.save(digest, record.step, model.state_dict())


def floats(tensors: dict[str, Tensor]) -> dict[str, float]:
    """Scalars as numbers for a log; this waits for the device."""
    return {name: round(value.item(), 6) for name, value in tensors.items()}
