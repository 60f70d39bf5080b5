"""Settings of the choice of channels."""

from typing import Literal

from mggc.config.base import (
    GanMode,
    NonNegativeFloat,
    NonNegativeInt,
    NormMode,
    PositiveFloat,
    PositiveInt,
    Settings,
)

PlanMethod = Literal["game", "uniform", "l1_norm", "random"]


class PruneConfig(Settings):
    """The game of Eq. 2, and the switches of Table 2."""

    method: PlanMethod = "game"
    """How channels are chosen: by the game, or by a baseline (uniform width, L1 norm over all layers, at random)."""
    neighbors: NonNegativeInt = 5
    """k of Eq. 1: teacher images in a neighbourhood besides the centre; 0 plays without neighbourhoods."""
    lambda1: NonNegativeFloat = 3.0
    """Weight of the budget penalty R (Eq. 5)."""
    lambda2: NonNegativeFloat = 0.1
    """Weight of the sparsity penalty L on the discriminator's mask (Eq. 6)."""
    tau: PositiveFloat = 0.4
    """Temperature of the Gumbel-sigmoid (Eq. 3, 4)."""
    offset: float = -3.0
    """Added to the logits: -3 starts the game at a keep probability of 0.951."""
    agents: bool = True
    """GRU agents choose the masks; without them the logits are free parameters."""
    feedback: bool = True
    """Each agent is told its peer's architecture embedding."""
    prune_discriminator: bool = True
    """The discriminator is pruned too; without this it plays at full width."""
    lr: PositiveFloat = 1e-3
    """AdamW's learning rate for both agents."""
    weight_decay: NonNegativeFloat = 1e-3
    """AdamW's weight decay for both agents."""
    epochs: PositiveFloat | None = None
    """Passes over the source images; absent: 10 % of the original's training epochs."""
    updates: PositiveInt | None = None
    """Total updates in place of epochs."""
    batch_size: PositiveInt = 1
    """Source images in one update, over all devices together."""
    gan_mode: GanMode | None = None
    """Adversarial loss of the game; absent: hinge for Pix2Pix, least squares for CycleGAN."""
    generator_norm: NormMode = "batch"
    """Statistics in the generator's batch norms during the game: of the batch, or the running ones."""
    discriminator_norm: NormMode = "batch"
    """Statistics in the discriminator's batch norms during the game."""
    dropout: bool = False
    """Keep the generator's dropout active during the game (the paper's ξ)."""
    multiple_of: PositiveInt = 1
    """Round kept widths up to a multiple of this, for hardware; the budget still holds."""
    measured_widths: bool | None = None
    """Choose ``multiple_of`` among 1, 4, 8 and 16 by measurement; absent: where the budget is a latency and it is 1."""
    drop_blocks: bool = False
    """Let the inner width of a residual block fall to zero and remove the block."""
    checkpoint_every: PositiveInt = 200
    """Updates between checkpoints."""
