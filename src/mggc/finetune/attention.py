"""Co-attention, as DMAD distils it (Li et al. 2022): distilling method ``dmad``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mggc.finetune.views import Features, Views

GENERATOR_SHARE = 0.5
"""Of the original generator's own attention in the attention that the student is to have."""


def attention_map(features: Features) -> Float[Tensor, "batch height width"]:
    """(1/c) Σ_c f_c² of each image: where a layer's activity is."""
    return features.square().mean(1)


def attention_distance(
    student: Float[Tensor, "batch height width"], wanted: Float[Tensor, "batch height width"]
) -> Float[Tensor, ""]:
    """Mean squared difference of the maps, each scaled to unit length."""
    difference = F.normalize(student.flatten(1)) - F.normalize(wanted.flatten(1))
    return difference.square().mean()


@dataclass(frozen=True)
class CoAttention:
    """λ_a Σ_layers ‖A_S/‖A_S‖ - A/‖A‖‖² / (h·w) + λ_j ‖D(G_S(x)) - D(G_T(x))‖, A = ½ A_T + ¼ (A_D1 + A_D2).

    After DMAD (Li et al., "Learning Efficient GANs for Image Translation via Differentiable Masks and Co-Attention
    Distillation", IEEE TMM 2022): attention maps of four generator layers, drawn towards the teacher generator's, in
    which those of two layers of the teacher discriminator are mixed; and the length of the difference between the
    discriminator's last features of both generators' images. Weights are those of its finetuning scripts.

    What differs: the layers are those that this package distils everywhere. The discriminator's attention is that on
    the original's images, so that the target is fixed; DMAD's published code takes it on the student's, and resizes the
    first image of a batch through 8 bits. The length is that of each image, averaged, and not that of the whole batch.
    Without discriminator A = A_T.
    """

    connects: ClassVar[bool] = False
    judges: ClassVar[bool] = True

    attention_weight: float
    """λ_a."""
    judged_weight: float
    """λ_j."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss; 0 where student and original agree, if there is no discriminator to add its attention."""
        judged = [attention_map(features) for features in views.judged_teacher]
        pairs = zip(views.student, views.teacher, strict=True)
        distances = [
            attention_distance(attention_map(small), mixed(attention_map(large), judged))
            for small, large in pairs
        ]
        loss = self.attention_weight * torch.stack(distances).sum()
        if views.judged_fake:
            difference = views.judged_fake[-1] - views.judged_teacher[-1]
            loss = loss + self.judged_weight * difference.flatten(1).norm(dim=1).mean()
        return loss


def mixed(
    own: Float[Tensor, "batch height width"], judged: list[Tensor]
) -> Float[Tensor, "batch height width"]:
    """The generator's attention, half of it replaced by the discriminator's, brought to its size by averaging areas."""
    if not judged:
        return own
    size = own.shape[-2:]
    resized = [F.interpolate(attention[:, None], size, mode="area")[:, 0] for attention in judged]
    return GENERATOR_SHARE * own + (1 - GENERATOR_SHARE) * torch.stack(resized).mean(0)
