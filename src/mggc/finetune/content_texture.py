"""Content and texture of features, as GCC distils them (Li et al. 2021): distilling methods ``mggc`` and ``gcc``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.finetune.views import Features, Views


def gram_matrix(features: Features) -> Float[Tensor, "batch channels channels"]:
    """f·fᵀ / (c·h·w) of the features of each image: correlations of channels, which describe texture."""
    batch, channels, height, width = features.shape
    flat = features.reshape(batch, channels, height * width)
    return flat @ flat.transpose(1, 2) / (channels * height * width)


def distance(student: Tensor, teacher: Tensor, *, root: bool) -> Float[Tensor, ""]:
    """Mean squared error, or its root."""
    error = (student - teacher).square().mean()
    # The small constant keeps the root's gradient finite where student and teacher agree.
    return (error + 1e-12).sqrt() if root else error


@dataclass(frozen=True)
class ContentAndTexture:
    """λ_c Σ d(f_S, f_T) + λ_t Σ d(gram(f_S), gram(f_T)) over four generator and two discriminator layers.

    After GCC (Li et al., "Revisiting Discriminator in GAN Compression", NeurIPS 2021): layers, connectors, Gram
    matrices, weights, and d, which is the root of the mean squared error for Pix2Pix and the error itself for CycleGAN.

    As MGGC (Ganjdanesh et al., AAAI 2024) uses it, and this package by default, the original is a frozen teacher and no
    architecture is learned meanwhile; a teacher that goes on learning is `OnlineDistillation`. The discriminator's
    features of CycleGAN's generated images carry a gradient here; GCC's published code detaches them.
    """

    connects: ClassVar[bool] = True
    judges: ClassVar[bool] = True

    content_weight: float
    """λ_c."""
    texture_weight: float
    """λ_t."""
    root: bool
    """Whether d takes the root."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted sum of all distances; 0 (1e-6 times the weights, with roots) where student and original agree."""
        pairs = list(zip(views.student, views.teacher, strict=True))
        pairs += zip(views.judged_fake, views.judged_teacher, strict=True)
        content = sum(distance(small, large, root=self.root) for small, large in pairs)
        texture = sum(distance(gram_matrix(s), gram_matrix(t), root=self.root) for s, t in pairs)
        return torch.as_tensor(self.content_weight * content + self.texture_weight * texture)
