"""What there is to know about a network before it is built; written into the file that holds its weights."""

import difflib
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from mggc.config import Norm, PositiveInt, Settings
from mggc.errors import MggcError


class UnetSpec(Settings):
    """A U-Net generator; see `UnetGenerator`."""

    kind: Literal["unet"] = "unet"
    input_channels: PositiveInt
    output_channels: PositiveInt
    downs: Annotated[int, Field(ge=5)]
    ngf: PositiveInt = 64
    norm: Norm = "batch"
    dropout: bool = True
    bias: bool | None = None


class ResnetSpec(Settings):
    """A residual generator; see `ResnetGenerator`."""

    kind: Literal["resnet"] = "resnet"
    input_channels: PositiveInt
    output_channels: PositiveInt
    blocks: Annotated[int, Field(ge=0)]
    ngf: PositiveInt = 64
    norm: Norm = "instance"
    dropout: bool = False
    bias: bool | None = None


class PatchSpec(Settings):
    """A PatchGAN discriminator; see `PatchDiscriminator`."""

    kind: Literal["patchgan"] = "patchgan"
    input_channels: PositiveInt
    ndf: PositiveInt = 64
    layers: PositiveInt = 3
    norm: Norm = "batch"
    bias: bool | None = None


class PixelSpec(Settings):
    """A 1×1 discriminator; see `PixelDiscriminator`."""

    kind: Literal["pixel"] = "pixel"
    input_channels: PositiveInt
    ndf: PositiveInt = 64
    norm: Norm = "batch"
    bias: bool | None = None


class FactorySpec(Settings):
    """A generator of the user's own: ``factory`` is a function without arguments that returns it.

    Building it imports the user's module from the current folder or the Python path, which runs the code in it: a
    folder with such a network is to be trusted like the module that it names.
    """

    kind: Literal["factory"] = "factory"
    factory: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    """``package.module:function``."""
    input_channels: PositiveInt
    output_channels: PositiveInt


GeneratorSpec: TypeAlias = UnetSpec | ResnetSpec | FactorySpec
DiscriminatorSpec: TypeAlias = PatchSpec | PixelSpec
NetworkSpec: TypeAlias = UnetSpec | ResnetSpec | PatchSpec | PixelSpec | FactorySpec

UNET_DOWNS = {"unet_256": 8, "unet_128": 7, "unet_64": 6, "unet_32": 5}
RESNET_BLOCKS = {"resnet_9blocks": 9, "resnet_6blocks": 6}
DISCRIMINATORS = ("basic", "n_layers", "pixel")


def named_spec(
    name: str,
    *,
    input_channels: int = 3,
    output_channels: int = 3,
    ngf: int = 64,
    norm: Norm | None = None,
    dropout: bool | None = None,
) -> NetworkSpec:
    """The network that pytorch-CycleGAN-and-pix2pix means by a name, with its usual norm and dropout where absent.

    U-Nets are those of Pix2Pix (batch norm, dropout), ResNets those of CycleGAN (instance norm, none), and
    discriminators those of Pix2Pix, which judge source and target together; `discriminator_spec` makes others.

    Raises:
        MggcError: There is no network of this name.
    """
    if name in UNET_DOWNS:
        return UnetSpec(
            input_channels=input_channels,
            output_channels=output_channels,
            downs=UNET_DOWNS[name],
            ngf=ngf,
            norm=norm or "batch",
            dropout=True if dropout is None else dropout,
        )
    if name in RESNET_BLOCKS:
        return ResnetSpec(
            input_channels=input_channels,
            output_channels=output_channels,
            blocks=RESNET_BLOCKS[name],
            ngf=ngf,
            norm=norm or "instance",
            dropout=bool(dropout),
        )
    judged = input_channels + output_channels
    return discriminator_spec(name, input_channels=judged, ndf=ngf, norm=norm or "batch")


def discriminator_spec(
    name: str, *, input_channels: int, ndf: int = 64, layers: int = 3, norm: Norm = "batch"
) -> DiscriminatorSpec:
    """The discriminator of a name; only ``n_layers`` looks at ``layers``, ``basic`` has three.

    Raises:
        MggcError: There is no network of this name.
    """
    match name:
        case "basic":
            return PatchSpec(input_channels=input_channels, ndf=ndf, layers=3, norm=norm)
        case "n_layers":
            return PatchSpec(input_channels=input_channels, ndf=ndf, layers=layers, norm=norm)
        case "pixel":
            return PixelSpec(input_channels=input_channels, ndf=ndf, norm=norm)
    known = [*UNET_DOWNS, *RESNET_BLOCKS, *DISCRIMINATORS]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise MggcError(f"No network is called {name!r}.{hint} The names are {', '.join(known)}.")
