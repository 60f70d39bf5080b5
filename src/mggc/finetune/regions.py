"""Contrast of crucial regions, as region-aware distillation has it (Zhang et al. 2022): distilling method ``rakd``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from mggc.finetune.views import Features, Views

POSITIONS = 64
"""Positions of a layer that are compared, at most."""
TEMPERATURE = 0.07
"""τ."""


def crucial_positions(teacher: Features, *, most: int = POSITIONS) -> Int[Tensor, "batch positions"]:
    """The positions of each image, counted row by row, where the mean of |f| over channels is largest."""
    attention = teacher.abs().mean(1).flatten(1)
    return attention.topk(min(most, attention.shape[1])).indices


def contrast(student: Features, teacher: Features) -> Float[Tensor, ""]:
    """-log(exp(s_i·t_i/τ) / Σ_j exp(s_i·t_j/τ)), unit vectors s and t at an image's crucial positions i, j; the mean.

    A position of the student should resemble the teacher's features there more than those at the other positions.
    """
    chosen = crucial_positions(teacher)[:, None]
    s = F.normalize(student.flatten(2).take_along_dim(chosen, dim=2), dim=1)
    t = F.normalize(teacher.flatten(2).take_along_dim(chosen, dim=2), dim=1)
    similarities = s.transpose(1, 2) @ t / TEMPERATURE
    same = torch.arange(similarities.shape[1], device=similarities.device)
    return F.cross_entropy(similarities.flatten(0, 1), same.repeat(similarities.shape[0]))


@dataclass(frozen=True)
class CrucialRegions:
    """λ/n Σ_layers contrast(f_S, f_T): InfoNCE over the 64 positions of each image that the original attends to most.

    After RAKD (Zhang et al., "Region-Aware Knowledge Distillation for Efficient Image-to-Image Translation", 2022):
    attention as the mean of |f|, the number of positions, negatives from the same image, and the temperature.

    What differs: positions are chosen for each image; the authors' published code assumes batches of one. The student's
    features come to the original's width through learned 1×1 convolutions; in the published code the original's pass
    through two layers whose output is detached, so that those keep their random weights. The perceptual distance of
    images in a pretrained VGG is left out for want of its weights. The weight was not published: 1 is ours. Layers are
    those that this package distils everywhere, and only the direction that is compressed is distilled.
    """

    connects: ClassVar[bool] = True
    judges: ClassVar[bool] = False

    weight: float
    """λ."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss; where student and original agree what remains is how alike the original's positions are."""
        pairs = zip(views.student, views.teacher, strict=True)
        return self.weight * torch.stack([contrast(small, large) for small, large in pairs]).mean()
