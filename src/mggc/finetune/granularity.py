"""Several granularities, as OMGD distils them (Ren et al. 2021): distilling method ``omgd``."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.finetune.content_texture import gram_matrix
from mggc.finetune.views import Features, Views
from mggc.metrics import ssim
from mggc.shapes import Images


def channel_distance(student: Features, teacher: Features) -> Float[Tensor, ""]:
    """Mean squared difference of the channels' means over each image."""
    return (student.mean((2, 3)) - teacher.mean((2, 3))).square().mean()


def total_variation(images: Images) -> Float[Tensor, ""]:
    """Σ |y(i+1, j) - y(i, j)| + |y(i, j+1) - y(i, j)| over pixels and channels of an image; the mean over images."""
    down, across = images.diff(dim=2).abs(), images.diff(dim=3).abs()
    return down.sum((1, 2, 3)).mean() + across.sum((1, 2, 3)).mean()


@dataclass(frozen=True)
class MultiGranularity:
    """λ_s (1 - SSIM(y_S, y_T)) + λ_f |φ(y_S) - φ(y_T)| + λ_g Σ |gram φ| + λ_v TV(y_S) + λ_c Σ ‖gap f_S - gap f_T‖².

    After OMGD (Ren et al., "Online Multi-Granularity Distillation for GAN Compression", ICCV 2021): structural
    similarity, features, style and total variation of images, channel distillation between four generator layers through
    connectors, and all weights.

    What differs: φ is the original discriminator, where OMGD takes VGG-16, whose weights this package neither has nor
    downloads: the features are those of the earlier of two layers, the style is that of both, and both terms fall away
    without a discriminator. OMGD learns from two teachers, a wide and a deep one, that are trained along; here from the
    frozen original. OMGD's student has no other objective; here finetuning's stays. Its connectors end in a batch norm
    and ReLU, ours do not. SSIM is that of `mggc.metrics.ssim`, on [0, 1] and whole windows. Total variation is averaged
    over images, not summed. Layers are those that this package distils everywhere.
    """

    connects: ClassVar[bool] = True
    judges: ClassVar[bool] = True

    similarity_weight: float
    """λ_s."""
    feature_weight: float
    """λ_f."""
    style_weight: float
    """λ_g."""
    smoothness_weight: float
    """λ_v."""
    channel_weight: float
    """λ_c."""

    def __call__(self, views: Views) -> Float[Tensor, ""]:
        """The weighted loss; what remains where student and original agree is total variation."""
        similarity = ssim(views.fake, views.teacher_image).mean().to(views.fake)
        loss = self.similarity_weight * (1 - similarity)
        loss = loss + self.smoothness_weight * total_variation(views.fake)
        pairs = zip(views.student, views.teacher, strict=True)
        channels = torch.stack([channel_distance(small, large) for small, large in pairs]).sum()
        return loss + self.channel_weight * channels + self._perceived(views)

    def _perceived(self, views: Views) -> Tensor:
        """Features and style in the eyes of the discriminator."""
        if not views.judged_fake:
            return views.fake.new_zeros(())
        pairs = list(zip(views.judged_fake, views.judged_teacher, strict=True))
        content = (pairs[0][0] - pairs[0][1]).abs().mean()
        styles = [(gram_matrix(fake) - gram_matrix(real)).abs().mean() for fake, real in pairs]
        return self.feature_weight * content + self.style_weight * torch.stack(styles).sum()
