"""High frequencies of images, as wavelet knowledge distillation has it (Zhang et al. 2022): distilling method ``wkd``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mggc.finetune.views import Views
from mggc.shapes import Images

LEVELS = 4
"""Of the transform; each takes the half-sized remainder of the one before."""


def haar(
    images: Images,
) -> tuple[
    Float[Tensor, "batch channels low_height low_width"],
    Float[Tensor, "batch channels 3 low_height low_width"],
]:
    """One level of the orthonormal Haar transform: the low band, and the three high ones, of half the size.

    With a, b above c, d in each square of four pixels: (a+b+c+d)/2; (a+b-c-d)/2, (a-b+c-d)/2 and (a-b-c+d)/2. An odd
    height or width is filled up with zeros.
    """
    filled = F.pad(images, (0, images.shape[3] % 2, 0, images.shape[2] % 2))
    a, b = filled[:, :, ::2, ::2], filled[:, :, ::2, 1::2]
    c, d = filled[:, :, 1::2, ::2], filled[:, :, 1::2, 1::2]
    return (a + b + c + d) / 2, torch.stack([a + b - c - d, a - b + c - d, a - b - c + d], dim=2) / 2


def high_bands(images: Images, *, levels: int = LEVELS) -> list[Float[Tensor, "batch channels 3 _ _"]]:
    """The high bands of each level of the Haar transform, the finest first."""
    bands, low = [], images
    for _ in range(levels):
        low, high = haar(low)
        bands.append(high)
    return bands


@dataclass(frozen=True)
class HighFrequencies:
    """λ Σ_levels mean |H_l(y_S) - H_l(y_T)|, H_l the high bands of level l of the Haar transform, four levels.

    After WKD (Zhang et al., "Wavelet Knowledge Distillation: Towards Efficient Image-to-Image Translation", CVPR 2022):
    only the high frequencies of the images are distilled, since those are what small GANs lack. The formula is that of
    the authors' description of their code, the transform and CycleGAN's weight are those of their script.

    What differs: their script squares the differences, their description does not. No weight was published for Pix2Pix;
    ours is as large beside its L1 distance as CycleGAN's is beside the cycle loss. Only the direction that is compressed
    is distilled. Their students are narrow networks trained from scratch beside a smaller discriminator.
    """

    connects: ClassVar[bool] = False
    judges: ClassVar[bool] = False

    weight: float
    """λ."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss; 0 for images that differ in their coarsest low band only."""
        pairs = zip(high_bands(views.fake), high_bands(views.teacher_image), strict=True)
        return self.weight * torch.stack([(small - large).abs().mean() for small, large in pairs]).sum()
