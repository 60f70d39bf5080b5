"""Settings of the choice of channels."""

from typing import Annotated, Literal

from pydantic import Field

from mggc.config.base import (
    GanMode,
    NonNegativeFloat,
    NonNegativeInt,
    NormMode,
    PositiveFloat,
    PositiveInt,
    Settings,
)

Optimizer = Literal["adamw", "adam", "sgd"]
Pairing = Literal["source", "own", "blind"]
InitialLogits = Literal["constant", "l1_norm", "taylor"]
Decode = Literal["last", "average"]
PlanMethod = Literal[
    "game",
    "free_logits",
    "uniform",
    "l1_norm",
    "l1_per_layer",
    "random",
    "taylor",
    "cil",
    "norm_scale",
    "gcc",
    "dmad",
    "evolution",
    "gan_slimming",
    "supernet",
    "coarse_to_fine",
    "latency_search",
]


class PruneConfig(Settings):
    """The game of Eq. 2, and the switches of Table 2."""

    method: PlanMethod = "game"
    """How channels are chosen: by the game, or by a baseline; docs/baselines.md says what each one does."""
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
    """Learning rate of both agents."""
    free_logits_lr: PositiveFloat = 5e-2
    """Learning rate of logits without agents, which at the agents' rate would hardly move."""
    weight_decay: NonNegativeFloat = 1e-3
    """Weight decay of both agents."""
    optimizer: Optimizer = "adamw"
    """What updates the agents: ``adamw``, ``adam``, or ``sgd`` with momentum 0.9; not the paper's: the last two."""
    cost_scaling: NonNegativeFloat = 0.0
    """Not the paper's: the generator's logits get gradients scaled by their channels' relative cost to this power, so
    that the budget empties cheap layers less readily."""
    tightening: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Not the paper's: the budget tightens from all MACs to its value over this share of the game; 0: at once."""
    tau_end: PositiveFloat | None = None
    """Not the paper's: τ falls (or rises) to this over the game; absent: it stays."""
    relaxed: bool = False
    """Not the paper's: networks see the masks before they are rounded; MACs and L still count rounded ones."""
    masks_per_update: PositiveInt = 1
    """Not the paper's above 1: masks drawn by each agent for one update, whose losses are averaged."""
    discriminator_noise: bool = True
    """The discriminator's mask is drawn with Gumbel noise; not the paper's: without it, its likelier half is kept."""
    pairing: Pairing = "source"
    """What a conditional discriminator sees beside a neighbour's image: ``source``, the centre's source image, as Eq. 2
    writes it; not the paper's: ``own``, the one it was made from, or ``blind``, nothing, with generated images too."""
    initial: InitialLogits = "constant"
    """Where the generator's logits start: at the offset; not the paper's: spread around it by ``l1_norm`` within each
    group, or by ``taylor`` scores over all groups."""
    initial_spread: NonNegativeFloat = 1.0
    """Standard deviation of such initial logits."""
    decode: Decode = "last"
    """Logits that the plan is read from: the last ones; not the paper's: their ``average`` over the second half."""
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Not the paper's above 0: every group of the generator keeps at least this share of its channels."""
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
    mask_lr: PositiveFloat = 1e-2
    """Adam's learning rate for what gcc and dmad choose channels by: norm scales, gates and masks."""
    taylor_batches: PositiveInt = 64
    """Training batches over which the method taylor averages."""
    checkpoint_every: PositiveInt = 200
    """Updates between checkpoints."""
    seed: NonNegativeInt | None = None
    """Seed of the choice of channels, where it is to differ from the run's."""
