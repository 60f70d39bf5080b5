"""Kernel alignment, as CAT distils it (Jin et al. 2021): distilling method ``cat``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mggc.finetune.views import Features, StudentFeatures, Views


def kernel_alignment(student: StudentFeatures, teacher: Features) -> Float[Tensor, ""]:
    """KA(X, Y) = ⟨XXᵀ, YYᵀ⟩ / (‖XXᵀ‖ ‖YYᵀ‖), one row of X and Y for each image of the batch: in [-1, 1], 1 for X = Y.

    XXᵀ holds the similarities of the batch's images to each other, so the widths of X and Y may differ. They say nothing
    of a batch of one image, for which KA is 1.
    """
    x, y = student.flatten(1), teacher.flatten(1)
    return F.cosine_similarity((x @ x.T).flatten(), (y @ y.T).flatten(), dim=0)


@dataclass(frozen=True)
class KernelAlignment:
    """λ Σ_layers (1 - KA(f_S, f_T)) over four generator layers.

    After CAT (Jin et al., "Teachers Do More Than Teach: Compressing Image-to-Image Models", CVPR 2021): the alignment,
    which needs no connectors, and its weight.

    What differs: a 1 for each layer, which moves the loss but no gradient, so that 0 is agreement. The layers are those
    that this package distils everywhere; CAT's generators are of an architecture of their own. Where CycleGAN's way back
    is known its cycle is kept, which CAT replaces by the distance to the teacher's images. CAT trains with batches of 80.
    """

    connects: ClassVar[bool] = False
    judges: ClassVar[bool] = False

    weight: float
    """λ."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss; 0 where both see the same similarities between the images of the batch."""
        pairs = zip(views.student, views.teacher, strict=True)
        return self.weight * torch.stack([1 - kernel_alignment(small, large) for small, large in pairs]).sum()
