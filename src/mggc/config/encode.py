"""Settings of the encoder that defines neighbourhoods."""

from typing import Annotated

from pydantic import Field

from mggc.config.base import (
    Depth,
    EncoderKind,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Settings,
    Share,
)


class EncodeConfig(Settings):
    """The self-supervised encoder that defines neighbourhoods (SwAV on the real target images)."""

    method: EncoderKind = "swav"
    """``swav`` trains; for comparison, ``random`` keeps the initial weights, and ``pixels`` takes the small image itself."""
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
