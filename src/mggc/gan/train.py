"""The training loop: yields a record for every update; saving, logging and stopping belong to the caller."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from mggc.config import ScheduleConfig
from mggc.gan.pairs import Source, Target
from mggc.runtime import seed_step


@runtime_checkable
class Gan(Protocol):
    """What the loop needs from Pix2Pix, CycleGAN or anything else that learns from pairs of batches."""

    def update(self, source: Source, target: Target) -> dict[str, Tensor]:
        """One update of all networks; the losses by name."""

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate of all optimizers."""

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""


class TrainRecord(NamedTuple):
    """One update."""

    step: int
    """Updates done so far, this one included."""
    lr: float
    losses: dict[str, Tensor]


class Schedule(NamedTuple):
    """A constant learning rate, then a linear decay to zero."""

    constant: int
    """Updates at the initial learning rate."""
    decay: int
    """Updates over which it falls to zero."""

    @property
    def total(self) -> int:
        """All updates."""
        return self.constant + self.decay

    def factor(self, step: int) -> float:
        """Share of the initial learning rate in update ``step`` (from 0)."""
        return 1.0 - max(0, step - self.constant + 1) / (self.decay + 1)


def make_schedule(config: ScheduleConfig, images: int) -> Schedule:
    """The schedule of a configuration for a training set of ``images`` images.

    The decay is per update rather than per epoch, so that it means the same for any length.
    """
    if config.updates is not None:
        return Schedule(config.updates - config.updates // 2, config.updates // 2)
    per_epoch = -(-images // config.batch_size)
    return Schedule(config.epochs * per_epoch, config.decay_epochs * per_epoch)


def train(
    gan: Gan,
    batches: Iterator[Any],
    schedule: Schedule,
    *,
    lr: float,
    seed: int,
    start: int = 0,
) -> Iterator[TrainRecord]:
    """Train from update ``start`` to the schedule's end, yielding after every update.

    Args:
        gan: Networks and optimizers, at the state after ``start`` updates.
        batches: Yields objects with ``source`` and ``target`` images, beginning with batch number ``start``.
        schedule: Number of updates and learning rates.
        lr: Initial learning rate.
        seed: Dropout and all other randomness of update n depend on (seed, n) alone.
        start: Updates already done.
    """
    for step in range(start, schedule.total):
        seed_step(seed, "update", step)
        rate = lr * schedule.factor(step)
        gan.set_learning_rate(rate)
        batch = next(batches)
        yield TrainRecord(step + 1, rate, gan.update(batch.source, batch.target))
