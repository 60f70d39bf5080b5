"""The border to Pillow: decoding a file, and tensors to and from Pillow's images."""

import struct
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

from mggc.errors import MggcError
from mggc.shapes import ByteImage

Channels = Literal[1, 3]

# What Pillow's decoders are known to raise for broken files; they do not agree on one exception.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    Image.DecompressionBombError,
)


def decode(path: Path, *, channels: Channels) -> Image.Image:
    """The image in a file, in colour (3 channels) or grey (1), whatever the file holds.

    Palettes and single-channel files become colour, transparency is dropped, and orientation tags are not applied, as
    in pytorch-CycleGAN-and-pix2pix.

    Raises:
        MggcError: The file does not decode, or holds more than 8 bits in its one channel.
    """
    try:
        with Image.open(path) as file:
            file.load()
            mode = file.mode
            colour = file.convert("RGB")
    except DECODING_ERRORS as error:
        raise MggcError(
            f"{path} should be an image, but does not decode ({error}). Replace or remove it."
        ) from error
    if mode.startswith(("I", "F")):
        # Converting these clips at 255: nearly every pixel would be white.
        raise MggcError(f"{path} holds grey values of more than 8 bits. Convert it to an 8-bit image.")
    return colour if channels == 3 else colour.convert("L")


def from_pillow(image: Image.Image) -> ByteImage:
    """The pixels of an ``L`` or ``RGB`` image."""
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def to_pillow(image: ByteImage) -> Image.Image:
    """An ``L`` image from one channel, an ``RGB`` image from three."""
    pixels = image.cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
