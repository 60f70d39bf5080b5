"""What a baseline that learns from data is given, and what it has to offer to be run like the game."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, ObjectiveConfig, PruneConfig
from mggc.gan.pairs import Source, Target
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan
from mggc.pruning.table import ChannelTable


class Material(NamedTuple):
    """The original networks and the terms of the task."""

    generator: nn.Module
    """The original generator, on the CPU, in eval mode; private to the baseline, which may change its weights."""
    discriminator: nn.Module
    """The original discriminator, likewise."""
    counter: MacsCounter
    """MACs of the generator under a mask, in the budget's convention; its table is the generator's."""
    discriminator_table: ChannelTable
    budget: int
    """MACs that the generator may keep."""
    conditional: bool
    """Whether the discriminator sees the source image too (Pix2Pix, whose training images are pairs)."""
    gan_mode: GanMode
    config: PruneConfig
    fabric: Fabric
    seed: int
    updates: int
    """Updates that the stage will make in all, for schedules."""
    objective: ObjectiveConfig = ObjectiveConfig()
    """Learning rate and loss weights that the original was trained with, for baselines that train weights along."""


@runtime_checkable
class Chooser(Protocol):
    """A choice of channels that takes many updates. The stage loops, logs, checkpoints and resumes."""

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """One update on a batch of training images in [-1, 1]; scalars for the log, by name."""

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The plans for generator and discriminator, as they stand now; the first is within the budget."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed choice needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
