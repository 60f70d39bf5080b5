"""Everything numeric, once: one frozen, documented settings object for each stage.

The same object is the TOML file, the command line's flags, the output of ``--dry-run`` and what a run saves.
"""

from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mggc.budget import parse_budget

Model = Literal["pix2pix", "cyclegan"]
MacsConvention = Literal["exact", "paper"]
Norm = Literal["batch", "instance", "none"]
GanMode = Literal["hinge", "vanilla", "lsgan"]
NormMode = Literal["batch", "running"]
PlanMethod = Literal["game", "uniform", "l1_norm", "random"]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _number(value: Any) -> Any:
    """The command line gives text, which pydantic reads as a number only where any number will do."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Channels = Annotated[Literal[1, 3], BeforeValidator(_number)]
Depth = Annotated[Literal[18, 50], BeforeValidator(_number)]


class Settings(BaseModel):
    """Frozen, refuses unknown names, and takes its fields' documentation from the strings below them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataConfig(Settings):
    """Where the images are and how they are read."""

    data: Annotated[str, Parameter(show=False)] = "glyphs"
    """A folder in the layout of pytorch-CycleGAN-and-pix2pix, or ``glyphs``, the embedded data set."""
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    """Which domain is the source: the left half (or folder A), or the right half (or folder B)."""
    image_size: PositiveInt = 256
    """Side of the square images that the networks see, in pixels; glyphs are 64 where nothing else is said."""
    load_size: PositiveInt | None = None
    """Side that training images are resized to before the random crop; 286/256 of the image size when absent."""
    flip: bool = True
    """Mirror training images at random (both halves of a pair together)."""
    input_channels: Channels | None = None
    """Channels of source images: 1 is grey, 3 is colour. Absent: 3, or 1 for glyphs."""
    output_channels: Channels | None = None
    """Channels of target images. Absent: 3, or 1 for glyphs."""
    val_share: Share = 0.1
    """Share of the training images held out for validation where the folder has no ``val``."""
    extra_sources: str | None = None
    """A folder of further source images without targets: neighbourhoods and the game use them too."""


class NetworkConfig(Settings):
    """The original networks, when they are trained here."""

    generator_name: str | None = None
    """``unet_256``, ``unet_128``, ``unet_64``, ``resnet_9blocks`` or ``resnet_6blocks``; absent: by model and size."""
    discriminator_name: Literal["basic", "n_layers", "pixel"] = "basic"
    """``basic`` is the 70×70 PatchGAN; ``n_layers`` takes its depth from the next field; ``pixel`` is 1×1."""
    discriminator_layers: PositiveInt = 3
    """Depth of an ``n_layers`` PatchGAN."""
    ngf: PositiveInt = 64
    """Channels of the generator's first layer."""
    ndf: PositiveInt | None = None
    """Channels of the discriminator's first layer; absent: the same as ``ngf``."""
    norm: Norm | None = None
    """Normalization of both networks; absent: batch for Pix2Pix, instance for CycleGAN."""
    dropout: bool | None = None
    """Dropout in the generator; absent: on for Pix2Pix, off for CycleGAN."""


class ScheduleConfig(Settings):
    """How long to train, and with which optimizer settings."""

    epochs: NonNegativeInt = 100
    """Epochs at the initial learning rate."""
    decay_epochs: NonNegativeInt = 100
    """Further epochs over which the learning rate falls linearly to zero."""
    updates: PositiveInt | None = None
    """Total updates in place of epochs; the learning rate decays over the second half."""
    batch_size: PositiveInt = 1
    """Images in one update, over all devices together."""
    lr: PositiveFloat = 2e-4
    """Adam's learning rate."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Adam's first momentum."""
    checkpoint_every: PositiveInt = 500
    """Updates between checkpoints: what a killed run loses at most."""


class ObjectiveConfig(ScheduleConfig):
    """The original objective of the GAN, as training and finetuning share it."""

    gan_mode: GanMode | None = None
    """Adversarial loss; absent: hinge for Pix2Pix, least squares for CycleGAN."""
    lambda_l1: NonNegativeFloat = 100.0
    """Pix2Pix: weight of the L1 distance to the target image."""
    lambda_cycle: NonNegativeFloat = 10.0
    """CycleGAN: weight of the cycle loss, both directions."""
    lambda_identity: NonNegativeFloat = 0.5
    """CycleGAN: weight of the identity loss, as a share of the cycle loss's."""
    pool_size: NonNegativeInt = 50
    """CycleGAN: generated images kept for the discriminators' updates."""


class TrainConfig(ObjectiveConfig):
    """Training of the original networks."""


class RecoverConfig(Settings):
    """A discriminator for a generator that comes without one: trained against it until it is a fair opponent."""

    target_share: Share = 0.5
    """Stop when the validation loss has fallen to this share of what guessing costs."""
    updates: PositiveInt = 2000
    """Stop after so many updates in any case."""
    check_every: PositiveInt = 10
    """Updates between measurements of the validation loss."""
    batch_size: PositiveInt = 4
    """Images in one update, over all devices together."""
    lr: PositiveFloat = 2e-4
    """Adam's learning rate."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Adam's first momentum."""


class EncodeConfig(Settings):
    """The self-supervised encoder that defines neighbourhoods (SwAV on the real target images)."""

    weights: str | None = None
    """A SwAV ResNet-50 checkpoint in the published format, instead of training from scratch (those are CC BY-NC)."""
    depth: Depth = 18
    """ResNet depth of an encoder that is trained here."""
    width: PositiveInt = 64
    """Channels of the encoder's first layer: 64 is the standard ResNet."""
    image_size: PositiveInt | None = None
    """Side of the images that the encoder sees, in pixels; absent: the data's image size, at most 128."""
    epochs: PositiveInt = 100
    """Passes over the real target images."""
    updates: PositiveInt | None = None
    """Total updates in place of epochs."""
    batch_size: PositiveInt = 64
    """Images in one update."""
    lr: PositiveFloat = 5e-4
    """AdamW's learning rate after warm-up; it falls to zero along a cosine."""
    weight_decay: NonNegativeFloat = 1e-4
    """AdamW's weight decay."""
    prototypes: PositiveInt = 150
    """Cluster centres. The published 3,000 make sets of a few thousand images stall at ln(prototypes)."""
    projection_dim: PositiveInt = 128
    """Dimensions of the projection that is compared with the prototypes."""
    temperature: PositiveFloat = 0.1
    """Softmax temperature of the predicted assignments."""
    epsilon: PositiveFloat = 0.03
    """Sinkhorn's entropy: smaller is sharper."""
    sinkhorn_iterations: PositiveInt = 3
    """Row and column normalizations of the assignments."""
    local_crops: NonNegativeInt = 4
    """Small crops in addition to the two large ones."""
    large_crop_from: Share = 0.4
    """Least area of a large crop, as a share of the image; published: 0.14, which small sets hardly learn from."""
    small_crop_from: Share = 0.15
    """Least area of a small crop."""
    small_crop_to: Share = 0.4
    """Largest area of a small crop."""
    jitter: NonNegativeFloat = 0.4
    """Strength of the changes of brightness, contrast and colour; published: 0.8."""
    blur_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the crops that are blurred."""
    queue_batches: NonNegativeInt = 8
    """Past batches whose features take part in the assignments."""
    freeze_prototypes: NonNegativeInt = 100
    """Updates at the start in which the prototypes do not move."""
    checkpoint_every: PositiveInt = 200
    """Updates between checkpoints."""


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
    drop_blocks: bool = False
    """Let the inner width of a residual block fall to zero and remove the block."""
    checkpoint_every: PositiveInt = 200
    """Updates between checkpoints."""


class FinetuneConfig(ObjectiveConfig):
    """Finetuning of the cut networks with the original objective and distillation from the original."""

    distillation: bool = True
    """Match features of the original generator and discriminator; without it, the paper's row without KD."""
    content_weight: NonNegativeFloat | None = None
    """Weight of the feature loss; absent: 50 for Pix2Pix, 0.01 for CycleGAN."""
    texture_weight: NonNegativeFloat | None = None
    """Weight of the Gram-matrix loss; absent: 10,000 for Pix2Pix, 10 for CycleGAN."""
    image_weight: NonNegativeFloat = 10.0
    """CycleGAN's generator finetuned alone: weight of the L1 distance to the original's image."""
    recalibration_images: PositiveInt = 512
    """Training images from which batch-norm statistics are recomputed after the cut."""


class EvaluateConfig(Settings):
    """What is measured at the end, and on what."""

    split: Literal["test", "val", "train"] = "test"
    """The images that metrics are computed on."""
    batch_size: PositiveInt = 16
    """Images in one forward pass; results do not depend on it."""
    norm: NormMode = "running"
    """Statistics in the generators' batch norms: the running ones, or those of each image alone."""
    dropout: bool = False
    """Keep dropout active; with ``norm = "batch"`` this is how pytorch-CycleGAN-and-pix2pix tests unless told otherwise."""
    neighbors: PositiveInt = 5
    """k of neighbourhood preservation."""
    latency_rounds: PositiveInt = 20
    """Timed forward passes of each network, interleaved."""
    pictures: PositiveInt = 8
    """Rows of the picture grid."""


class RuntimeConfig(Settings):
    """Where and how the arithmetic runs."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto`` takes a GPU where there is one."""
    devices: PositiveInt = 1
    """Number of processes, one device each."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    """Arithmetic of the networks; on a CPU bf16-mixed pays from ngf 32 upwards."""


class CompressConfig(Settings):
    """The whole pipeline. Data, network and runtime flags stand alone; stages carry their name as a prefix."""

    model: Model = "pix2pix"
    """What the generator was, or is to be, trained as."""
    budget: str = "20%"
    """MACs to keep: a share of the original's (``0.165``, ``16.5%``) or a number (``3.05G``)."""
    macs_convention: MacsConvention = "exact"
    """Transposed convolutions counted at their input (``exact``) or output resolution (``paper``)."""
    seed: NonNegativeInt = 0
    """Everything random is a function of this and the step."""
    data: Annotated[DataConfig, Parameter(name="*")] = DataConfig()
    """The images."""
    network: Annotated[NetworkConfig, Parameter(name="*")] = NetworkConfig()
    """The original networks."""
    runtime: Annotated[RuntimeConfig, Parameter(name="*")] = RuntimeConfig()
    """Device and precision."""
    train: TrainConfig = TrainConfig()
    """Stage 1."""
    recover: RecoverConfig = RecoverConfig()
    """Between stages 1 and 2, where a discriminator is missing."""
    encode: EncodeConfig = EncodeConfig()
    """Stage 2."""
    prune: PruneConfig = PruneConfig()
    """Stages 3 and 4."""
    finetune: FinetuneConfig = FinetuneConfig()
    """Stage 5."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Stage 6."""

    def model_post_init(self, _: Any) -> None:
        """Refuse an unreadable budget where it is given, not an hour later."""
        parse_budget(self.budget, total_macs=1)
