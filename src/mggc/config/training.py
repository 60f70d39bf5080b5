"""Settings of training, recovering and finetuning, which share a schedule and an objective."""

from typing import Annotated, Literal

from pydantic import Field

from mggc.config.base import (
    GanMode,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Settings,
    Share,
)

Distiller = Literal["mggc", "gcc", "dmad", "cat", "omgd", "wkd", "rakd"]


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


class FinetuneConfig(ObjectiveConfig):
    """Finetuning of the cut networks with the original objective and distillation from the original."""

    distillation: bool = True
    """Learn from the original networks too; without it, the paper's row without KD."""
    distiller: Distiller = "mggc"
    """The paper's way (``mggc``), or that of a peer; docs/distillation.md describes them."""
    content_weight: NonNegativeFloat | None = None
    """mggc, gcc: weight of the feature loss; absent: 50 for Pix2Pix, 0.01 for CycleGAN."""
    texture_weight: NonNegativeFloat | None = None
    """mggc, gcc: weight of the Gram-matrix loss; absent: 10,000 for Pix2Pix, 10 for CycleGAN."""
    attention_weight: NonNegativeFloat | None = None
    """dmad: weight of the attention maps' distance; absent: 10 for Pix2Pix, 100 for CycleGAN."""
    judged_weight: NonNegativeFloat = 1e-4
    """dmad: weight of the distance between the discriminator's features of both images."""
    alignment_weight: NonNegativeFloat = 1.0
    """cat: weight of the kernel alignment, which needs batches of two or more."""
    similarity_weight: NonNegativeFloat = 10.0
    """omgd: weight of 1 - SSIM of the images."""
    feature_weight: NonNegativeFloat = 10.0
    """omgd: weight of the distance between the discriminator's features of both images."""
    style_weight: NonNegativeFloat = 1e4
    """omgd: weight of the distance between those features' Gram matrices."""
    smoothness_weight: NonNegativeFloat = 1e-5
    """omgd: weight of the images' total variation."""
    channel_weight: NonNegativeFloat | None = None
    """omgd: weight of the distance between channels' means; absent: 50 for Pix2Pix, 500 for CycleGAN."""
    wavelet_weight: NonNegativeFloat | None = None
    """wkd: weight of the images' high frequencies; absent: 4 for Pix2Pix, 0.4 for CycleGAN."""
    region_weight: NonNegativeFloat = 1.0
    """rakd: weight of the contrast between positions."""
    image_weight: NonNegativeFloat = 10.0
    """CycleGAN's generator finetuned alone: weight of the L1 distance to the original's image."""
    inherit: bool = True
    """The cut networks keep the surviving weights; without it they start from new ones: only the plan is handed on."""
    recalibration_images: PositiveInt = 512
    """Training images from which batch-norm statistics are recomputed after the cut."""
    seed: NonNegativeInt | None = None
    """Seed of the finetuning, where it is to differ from the run's."""
