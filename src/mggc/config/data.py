"""Settings of the images, the original networks, and the machine."""

from typing import Annotated, Literal

from cyclopts import Parameter

from mggc.config.base import Channels, Direction, Norm, PositiveInt, Settings, Share


class DataConfig(Settings):
    """Where the images are and how they are read."""

    data: Annotated[str, Parameter(show=False)] = "glyphs"
    """A folder in the layout of pytorch-CycleGAN-and-pix2pix, or ``glyphs``, the embedded data set."""
    direction: Direction = "AtoB"
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


class RuntimeConfig(Settings):
    """Where and how the arithmetic runs."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """``auto`` takes a GPU where there is one."""
    devices: PositiveInt = 1
    """Number of processes, one device each."""
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"
    """Arithmetic of the networks; on a CPU bf16-mixed pays from ngf 32 upwards."""
