"""What every stage is given: the run, its configuration and data, the devices, and somewhere to report to."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

from lightning_fabric import Fabric

from mggc.config import CompressConfig
from mggc.data.dataset import Dataset, fingerprint
from mggc.data.open import open_dataset
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir, StageDir
from mggc.runtime import make_fabric


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    step: int
    total: int
    values: dict[str, float]
    """Losses and other figures of the step."""


@runtime_checkable
class Reporter(Protocol):
    """Where a stage's progress and messages go; the command line shows them, a library caller may ignore them."""

    def progress(self, progress: Progress) -> None:
        """A step is done."""

    def message(self, text: str) -> None:
        """Something worth a line."""


class Silence:
    """A reporter that keeps everything to itself."""

    def progress(self, progress: Progress) -> None:
        """Ignore it."""

    def message(self, text: str) -> None:
        """Ignore it."""


@dataclass(frozen=True)
class Context:
    """A run at work."""

    run: RunDir
    fabric: Fabric
    dataset: Dataset
    reporter: Reporter
    force: bool = False
    """Redo finished stages whose dependencies have changed."""

    @property
    def config(self) -> CompressConfig:
        """The run's resolved configuration."""
        return self.run.config

    @property
    def conditional(self) -> bool:
        """Whether discriminators see the source image too."""
        return self.config.model == "pix2pix"

    @property
    def leader(self) -> bool:
        """Whether this process, of perhaps several, is the one that writes."""
        return bool(self.fabric.is_global_zero)

    def seeded(self, seed: int | None) -> "Context":
        """The same run at work under another seed: what a stage with a seed of its own sees; None changes nothing."""
        if seed is None:
            return self
        return replace(self, run=RunDir(self.run.path, self.config.model_copy(update={"seed": seed})))

    def pending(self, stage: StageDir, digest: str) -> bool:
        """Whether a stage still has something to do, for what it depends on now.

        Raises:
            MggcError: It was begun or finished for other dependencies, and redoing it was not allowed.
        """
        done, made_for = stage.done(), stage.made_for()
        self.fabric.barrier()  # every process has read what the leader may now change
        if made_for is None:
            return True
        if made_for == digest:
            return done is None
        if not self.force:
            state = "begun" if done is None else "finished"
            raise MggcError(
                f"The stage {stage.name} of {self.run.path} was {state} with other data, settings or earlier stages "
                "than there are now. Redo it with --force, or choose another run."
            )
        if self.leader:
            stage.clear()
        self.fabric.barrier()
        return True

    def require_current(self, stage: StageDir, digest: str) -> str:
        """The digest of a finished stage, which has to be for what it depends on now.

        Raises:
            MggcError: It is not finished, or was finished for something else; the message names the command to run.
        """
        command = f"mggc {stage.name} {self.run.path}"
        if stage.require(command)["digest"] != digest:
            raise MggcError(
                f"The stage {stage.name} of {self.run.path} was finished with other settings or earlier stages than "
                f"there are now. Redo it first: {command} --force."
            )
        return digest


def make_context(
    run: RunDir,
    reporter: Reporter | None = None,
    *,
    force: bool = False,
    dataset: Dataset | None = None,
) -> Context:
    """Open the data set, unless it is open already, and launch the processes that a run's configuration asks for.

    Raises:
        MggcError: The data set is missing or laid out otherwise, the device is not present, or another process works in
            the run.
    """
    dataset = dataset or open_dataset(run.config.data, run.config.model)
    context = Context(run, make_fabric(run.config.runtime), dataset, reporter or Silence(), force)
    if context.leader:
        run.take()
    return context


def data_digest(context: Context) -> list[object]:
    """What a stage depends on that reads the data: how it is read, and a fingerprint of what is there."""
    config = context.config
    reading = config.data.model_dump(exclude={"data", "extra_sources"})
    return [config.model, config.seed, reading, fingerprint(context.dataset)]
