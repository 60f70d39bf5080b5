"""SwAV's views of an image: random crops, flips, colour changes and blur, for a whole batch at once."""

import math
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from mggc.shapes import Images

# The luma, and two axes of colour around which hue turns (YIQ, ITU-R BT.470).
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


Views: TypeAlias = list[Float[Tensor, "_ _ _ _"]]
"""Crops of the same images: one batch for each view, of different sizes."""


class CropSettings(NamedTuple):
    """Sizes and strengths of the views; the defaults are those of SwAV for 224 pixels, as shares of the image."""

    size: int
    """Side of the large crops, in pixels."""
    local_crops: int = 4
    """Small crops in addition to the two large ones."""
    local_share: float = 96 / 224
    """Side of a small crop, as a share of a large one's."""
    scale: tuple[float, float] = (0.14, 1.0)
    """Area of a large crop, as a share of the image's."""
    local_scale: tuple[float, float] = (0.05, 0.14)
    """Area of a small crop, as a share of the image's."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Width of a crop over its height."""
    flip: bool = True
    """Mirror half of the crops."""
    jitter: float = 0.8
    """Brightness, contrast and saturation change by at most this factor, hue by a quarter of it (in turns)."""
    jitter_share: float = 0.8
    """Share of crops whose colours change."""
    grey_share: float = 0.2
    """Share of colour crops that turn grey."""
    blur_share: float = 0.5
    """Share of crops that are blurred."""
    blur: tuple[float, float] = (0.1 / 224, 2.0 / 224)
    """Standard deviation of the blur, as a share of the large crop's side."""


def multi_crop(images: Images, generator: Generator, settings: CropSettings) -> Views:
    """Two large crops of every image, then ``settings.local_crops`` small ones (Caron et al. 2020, section 3.3).

    Args:
        images: In [-1, 1], with 1 or 3 channels; resize them first to about ``settings.size`` pixels, for crops are not
            antialiased.
        generator: Of the CPU; the views are a function of its state and of the images.
        settings: Sizes and strengths.

    Returns:
        One batch for each crop, in [-1, 1]; the sizes are ``size`` and ``size · local_share``, rounded up to even.
    """
    small = 2 * math.ceil(settings.size * settings.local_share / 2)
    large_crops = [
        _view(images, generator, settings, size=settings.size, scale=settings.scale) for _ in range(2)
    ]
    small_crops = [
        _view(images, generator, settings, size=small, scale=settings.local_scale)
        for _ in range(settings.local_crops)
    ]
    return large_crops + small_crops


def _view(
    images: Images, generator: Generator, settings: CropSettings, *, size: int, scale: tuple[float, float]
) -> Float[Tensor, "batch channels size size"]:
    crops = random_resized_crop(
        images, generator, size=size, scale=scale, ratio=settings.ratio, flip=settings.flip
    )
    crops = color_jitter(
        crops,
        generator,
        strength=settings.jitter,
        share=settings.jitter_share,
        grey_share=settings.grey_share,
    )
    low, high = (sigma * settings.size for sigma in settings.blur)
    return gaussian_blur(crops, generator, sigma=(low, high), share=settings.blur_share)


def random_resized_crop(
    images: Images,
    generator: Generator,
    *,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    flip: bool,
) -> Float[Tensor, "batch channels size size"]:
    """A rectangle of random area and shape inside each image, resized to a square of ``size`` pixels (bilinear)."""
    batch, channels = images.shape[:2]
    area = _uniform(batch, generator, *scale)
    log_ratio = _uniform(batch, generator, math.log(ratio[0]), math.log(ratio[1]))
    # As shares of the image's sides; a rectangle that would not fit is cut to the image.
    width = (area.sqrt() * (log_ratio / 2).exp()).clamp(max=1)
    height = (area.sqrt() * (-log_ratio / 2).exp()).clamp(max=1)
    center_x = (1 - width) * _uniform(batch, generator, -1.0, 1.0)
    center_y = (1 - height) * _uniform(batch, generator, -1.0, 1.0)
    mirrored = _chosen(batch, generator, share=0.5 if flip else 0.0)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = torch.where(mirrored, -width, width)
    theta[:, 0, 2] = center_x
    theta[:, 1, 1] = height
    theta[:, 1, 2] = center_y
    grid = F.affine_grid(theta.to(images), [batch, channels, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def color_jitter(
    images: Images, generator: Generator, *, strength: float, share: float, grey_share: float
) -> Images:
    """Random brightness, contrast, saturation and hue; of grey images brightness and contrast alone.

    Colours change by one matrix for each image: in YIQ, saturation scales the two colour axes and hue turns them.
    """
    batch, channels = images.shape[:2]
    jittered = _chosen(batch, generator, share=share)
    brightness, contrast, saturation = (
        torch.where(jittered, _uniform(batch, generator, max(0.0, 1 - strength), 1 + strength), 1.0)
        for _ in range(3)
    )
    hue = torch.where(jittered, _uniform(batch, generator, -strength / 4, strength / 4), 0.0)
    saturation = torch.where(_chosen(batch, generator, share=grey_share), 0.0, saturation)
    levels = (images + 1) / 2 * brightness.to(images).view(-1, 1, 1, 1)
    if channels == 3:
        matrix = _color_matrix(saturation, hue).to(images)
        levels = torch.einsum("bij,bjhw->bihw", matrix, levels)
    mean = levels.mean(dim=(1, 2, 3), keepdim=True)
    levels = mean + contrast.to(images).view(-1, 1, 1, 1) * (levels - mean)
    return levels.clamp(0, 1) * 2 - 1


def _color_matrix(
    saturation: Float[Tensor, " batch"], hue: Float[Tensor, " batch"]
) -> Float[Tensor, "batch 3 3"]:
    """RGB to RGB through YIQ; ``hue`` in turns."""
    to_yiq = torch.tensor(RGB_TO_YIQ)
    angle = 2 * math.pi * hue
    turn = torch.zeros(len(hue), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * angle.cos()
    turn[:, 1, 2] = -saturation * angle.sin()
    turn[:, 2, 1] = saturation * angle.sin()
    matrix: Tensor = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return matrix


def gaussian_blur(
    images: Images, generator: Generator, *, sigma: tuple[float, float], share: float
) -> Images:
    """A share of the images blurred, each by its own standard deviation, in pixels."""
    batch, channels, height, width = images.shape
    chosen = _chosen(batch, generator, share=share)
    sigmas = torch.where(chosen, _uniform(batch, generator, *sigma), 1e-3)
    # Reflection needs a radius below the side.
    radius = min(math.ceil(2 * sigma[1]), height - 1, width - 1)
    positions = torch.arange(-radius, radius + 1)
    kernels = (-(positions**2) / (2 * sigmas.view(-1, 1) ** 2)).exp()
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, dim=0).to(images)
    # One image's channels after the other's, as groups of one convolution, so that each has its own kernel.
    stack = F.pad(images, (radius,) * 4, mode="reflect").reshape(
        1, -1, height + 2 * radius, width + 2 * radius
    )
    stack = F.conv2d(stack, kernels[:, None, None, :], groups=batch * channels)
    stack = F.conv2d(stack, kernels[:, None, :, None], groups=batch * channels)
    return stack.view_as(images)


def _uniform(batch: int, generator: Generator, low: float, high: float) -> Float[Tensor, " batch"]:
    return low + (high - low) * torch.rand(batch, generator=generator)


def _chosen(batch: int, generator: Generator, *, share: float) -> Tensor:
    return torch.rand(batch, generator=generator) < share
