"""What happens to an image between decoding and a network; pure functions."""

from typing import NamedTuple

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from mggc.config import DataConfig
from mggc.data.pillow import from_pillow, to_pillow
from mggc.errors import MggcError
from mggc.shapes import ByteImages, Images


class Jitter(NamedTuple):
    """One random decision about a training image."""

    top: int
    """Row of the resized image that the crop starts at."""
    left: int
    """Column that it starts at."""
    mirrored: bool
    """Left and right change places after the crop."""


def to_float(images: ByteImages) -> Images:
    """Bytes 0 to 255 as floats in [-1, 1], by upstream's arithmetic: (x / 255 - 0.5) / 0.5."""
    return images.to(torch.get_default_dtype()).div_(255).sub_(0.5).div_(0.5)


def to_bytes(images: Images) -> ByteImages:
    """Floats in [-1, 1] as bytes, rounded to the nearest and clipped; undoes ``to_float`` exactly."""
    # Eight bits do not survive arithmetic in half precision.
    exact = images.to(torch.promote_types(images.dtype, torch.float32))
    return ((exact + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def resize(
    image: UInt8[Tensor, "channels height width"], size: tuple[int, int]
) -> UInt8[Tensor, "channels new_height new_width"]:
    """The image at (height, width) by Pillow's bicubic filter; the image itself where that is its size already."""
    height, width = size
    if image.shape[1:] == size:
        return image
    return from_pillow(to_pillow(image).resize((width, height), Image.Resampling.BICUBIC)).to(image.device)


def loading(config: DataConfig, *, augment: bool) -> tuple[int, bool]:
    """The side that training images are resized to, in pixels, and whether to mirror them at random.

    Without augmentation that is the image size, and no: whatever the configuration asks for.

    Raises:
        MggcError: The load size leaves no room for the crop.
    """
    if not augment:
        return config.image_size, False
    load_size = config.load_size or round(config.image_size * 286 / 256)
    if load_size < config.image_size:
        raise MggcError(
            f"--load-size is the size before the crop: at least --image-size, {config.image_size}. Found {load_size}."
        )
    return load_size, config.flip


def draw_jitter(generator: torch.Generator, *, load_size: int, image_size: int, flip: bool) -> Jitter:
    """A crop of ``image_size`` within ``load_size``, every place as likely, mirrored half of the time if ``flip``."""
    top, left = torch.randint(load_size - image_size + 1, (2,), generator=generator).tolist()
    mirrored = torch.rand((), generator=generator).item() < 0.5
    return Jitter(top, left, mirrored=flip and mirrored)


def training_image(
    image: UInt8[Tensor, "channels height width"], jitter: Jitter, *, load_size: int, image_size: int
) -> UInt8[Tensor, "channels {image_size} {image_size}"]:
    """The image resized to a square of ``load_size``, cropped to ``image_size`` and mirrored as ``jitter`` says.

    The two halves of a pair take the same ``jitter``.
    """
    loaded = resize(image, (load_size, load_size))
    rows = slice(jitter.top, jitter.top + image_size)
    columns = slice(jitter.left, jitter.left + image_size)
    crop = loaded[:, rows, columns]
    return crop.flip(-1) if jitter.mirrored else crop


def evaluation_image(
    image: UInt8[Tensor, "channels height width"], *, image_size: int
) -> UInt8[Tensor, "channels {image_size} {image_size}"]:
    """The whole image resized to a square of ``image_size``."""
    return resize(image, (image_size, image_size))
