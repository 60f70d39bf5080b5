"""What a run's folder holds, as far as the run has come: read, never changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from mggc.errors import MggcError
from mggc.metrics.results import Measurement
from mggc.report.curves import Curves, read_curves
from mggc.report.widths import LayerWidth, Pruned, read_widths
from mggc.runs.atomic import read_json
from mggc.runs.rundir import CHECKPOINT_NAME, CONFIG_NAME, RunDir, StageDir, StageName, is_run
from mggc.runs.settings import read_toml
from mggc.stages.evaluate import METRICS_NAME
from mggc.stages.prune import PLAN_NAME

Result = TypeVar("Result")
StageState = Literal["finished", "begun", "not begun"]
UNREADABLE = (MggcError, OSError, KeyError, TypeError, ValueError, RuntimeError)
"""What reading the files of an older or unfinished run may raise."""


@dataclass(frozen=True)
class CollectedRun:
    """A run as the page shows it."""

    path: Path
    label: str
    """What the page calls it."""
    run: RunDir | None
    """None where its settings are of another version."""
    settings: dict[str, Any]
    """Nested, as in its configuration file."""
    stages: dict[StageName, StageState]
    records: dict[StageName, dict[str, Any]]
    """What finished stages recorded."""
    metrics: dict[str, dict[str, Measurement]]
    """By network (``original``, ``compressed``), then by metric; empty while nothing was measured."""
    widths: dict[str, list[LayerWidth]]
    """By network (``generator``, ``discriminator``); empty while there is no plan."""
    curves: Curves | None
    """The game's, where one was played."""
    notes: list[str] = field(default_factory=list)
    """What is missing from the page, and why; who makes more of the run adds to them."""

    @property
    def name_of_data(self) -> str:
        """The data set, in short."""
        return Path(str(self.settings.get("data", {}).get("data", ""))).name or "unknown data"

    @property
    def method(self) -> str:
        """How channels were, or are to be, chosen."""
        recorded = self.records.get("prune", {}).get("method")
        return str(recorded or self.settings.get("prune", {}).get("method", "game"))


def attempt(notes: list[str], what: str, make: Callable[[], Result]) -> Result | None:
    """What ``make`` returns; None, and a note for the page, where the run does not hold what it needs."""
    try:
        return make()
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"a file of the run lacks {reason}."
        notes.append(f"{what}: {reason}")
        return None


def collect_run(path: Path, *, label: str) -> CollectedRun:
    """Everything in a run's folder but pictures.

    Raises:
        MggcError: The folder is no run, or nothing was compressed in it yet.
    """
    if not is_run(path):
        raise MggcError(
            f"A run was wanted, but {path} holds no {CONFIG_NAME}. Start one with mggc compress or train."
        )
    stages = {name: StageDir(path / name, name) for name in get_args(StageName)}
    _refuse_uncompressed(path, stages)
    notes: list[str] = []
    run = attempt(notes, "Settings of another version; pictures need them", lambda: RunDir.open(path))
    read = attempt(notes, "Settings", lambda: read_toml(path / CONFIG_NAME))
    settings = run.config.model_dump() if run is not None else (read or {})
    records = {
        name: record
        for name, stage in stages.items()
        if (record := attempt(notes, f"Stage {name}", stage.done)) is not None
    }
    return CollectedRun(
        path=path,
        label=label,
        run=run,
        settings=settings,
        stages={name: _state(stage) for name, stage in stages.items()},
        records=records,
        metrics=_metrics(stages["evaluate"], notes),
        widths=_widths(run, stages["prune"], notes),
        curves=_curves(stages["prune"], notes),
        notes=notes,
    )


def _refuse_uncompressed(path: Path, stages: dict[StageName, StageDir]) -> None:
    prune = stages["prune"]
    if (prune.path / PLAN_NAME).is_file() or prune.log_path.is_file() or (path / "compressed").is_dir():
        return
    finished = [name for name, stage in stages.items() if stage.done() is not None]
    raise MggcError(
        f"A run with something compressed was wanted; {path} has finished {', '.join(finished) or 'no stage'} and chosen "
        f"no channels yet. Run mggc prune {path}, or continue it with mggc compress."
    )


def _state(stage: StageDir) -> StageState:
    if (stage.path / "done.json").is_file():
        return "finished"
    begun = (stage.path / CHECKPOINT_NAME).is_file() or stage.log_path.is_file()
    return "begun" if begun else "not begun"


def _metrics(stage: StageDir, notes: list[str]) -> dict[str, dict[str, Measurement]]:
    path = stage.path / METRICS_NAME
    if not path.is_file():
        notes.append(
            f"Figures: nothing was measured yet. Run mggc evaluate {stage.path.parent} once it is finetuned."
        )
        return {}

    def read() -> dict[str, dict[str, Measurement]]:
        return {
            network: {metric: Measurement.from_json(record) for metric, record in figures.items()}
            for network, figures in read_json(path).items()
        }

    return attempt(notes, "Figures", read) or {}


def _widths(run: RunDir | None, stage: StageDir, notes: list[str]) -> dict[str, list[LayerWidth]]:
    path = stage.path / PLAN_NAME
    if not path.is_file():
        notes.append(f"Channel widths: no plan yet. Run mggc prune {stage.path.parent}.")
        return {}
    plans = attempt(notes, "Channel widths", lambda: read_json(path))
    if run is None or plans is None:
        return {}
    roles: tuple[Pruned, ...] = ("generator", "discriminator")
    found = {
        role: attempt(
            notes, f"Channel widths of the {role}", partial(read_widths, run, role, plans.get(role, {}))
        )
        for role in roles
    }
    return {role: widths for role, widths in found.items() if widths}


def _curves(stage: StageDir, notes: list[str]) -> Curves | None:
    if not stage.log_path.is_file():
        return None
    return attempt(notes, "Curves of the game", lambda: read_curves(stage.log_path))
