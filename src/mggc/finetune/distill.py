"""Distillation from the original: content and texture of features, in the generator and in the original discriminator.

Weights and layers after GCC (Li et al. 2021), with a frozen teacher and no architecture learning.
"""

from typing import Any

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import Model
from mggc.finetune.taps import FeatureTaps, discriminator_points, generator_points
from mggc.gan.pairs import Source, Target
from mggc.runtime import evaluating

Features = Float[Tensor, "batch channels height width"]

CONTENT_WEIGHT: dict[Model, float] = {"pix2pix": 50.0, "cyclegan": 0.01}
TEXTURE_WEIGHT: dict[Model, float] = {"pix2pix": 1e4, "cyclegan": 10.0}


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


class Connectors(nn.Module):
    """Bias-free 1×1 convolutions from the student's feature widths to the teacher's."""

    def __init__(self, widths: list[tuple[int, int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(small, large, 1, bias=False) for small, large in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Each feature map of the student at its teacher's width."""
        return [layer(feature) for layer, feature in zip(self.layers, features, strict=True)]


class Distillation(nn.Module):
    """The distillation loss of one forward pass of the student.

    Generator features are matched through bias-free 1×1 connectors from the student's width to the teacher's; features
    of the original discriminator are matched as they are, on the student's and on the teacher's image.

    Args:
        student: The cut generator, whose forward passes are watched.
        teacher: The original generator; frozen, in eval mode.
        discriminator: The original discriminator; frozen, in eval mode. None leaves its term out.
        example: Source images for one pass that finds the features' widths.
        fabric: Devices and precision.
        model: Pix2Pix takes roots of squared errors, CycleGAN the squared errors (as GCC does).
        conditional: Whether the discriminator sees the source image too.
        content_weight: Weight of the feature distances.
        texture_weight: Weight of the distances between Gram matrices.
        image_weight: Weight of the L1 distance between the student's and the teacher's image.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        discriminator: nn.Module | None,
        example: Source,
        fabric: Fabric,
        *,
        model: Model,
        conditional: bool,
        content_weight: float,
        texture_weight: float,
        image_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.fabric, self.conditional, self.root = fabric, conditional, model == "pix2pix"
        self.content_weight, self.texture_weight = content_weight, texture_weight
        self.image_weight = image_weight
        # Kept in a tuple: the frozen networks are no part of this module's parameters or state.
        self._frozen = (
            _freeze(teacher, fabric),
            None if discriminator is None else _freeze(discriminator, fabric),
        )
        points = generator_points(teacher)
        self._student_taps = FeatureTaps(student, points)
        self._teacher_taps = FeatureTaps(teacher, points)
        self._judge_taps = (
            None if discriminator is None else FeatureTaps(discriminator, discriminator_points(discriminator))
        )
        # In eval mode: a pass that only finds widths should leave the student's running statistics alone.
        with torch.no_grad(), evaluating(student):
            student.to(fabric.device)(example.to(fabric.device))
            teacher(example.to(fabric.device))
        features = zip(self._student_taps.take(), self._teacher_taps.take(), strict=True)
        widths = [(small.shape[1], large.shape[1]) for small, large in features]
        self.connectors = fabric.setup_module(Connectors(widths))

    def forward(self, source: Source, fake: Target) -> Float[Tensor, ""]:
        """The weighted sum of all distances; call it right after the student turned ``source`` into ``fake``."""
        teacher, discriminator = self._frozen
        student_features = self._student_taps.take()
        with self.fabric.autocast():
            with torch.no_grad():
                teacher_image = teacher(source)
            teacher_features = self._teacher_taps.take()
            connected = self.connectors(student_features)
            pairs = list(zip(connected, teacher_features, strict=True))
            if discriminator is not None and self._judge_taps is not None:
                pairs += self._judged(discriminator, self._judge_taps, source, fake, teacher_image)
        loss = self._weigh([(small.float(), large.float()) for small, large in pairs])
        image_distance: Tensor = (fake.float() - teacher_image.float()).abs().mean()
        return loss + self.image_weight * image_distance

    def _judged(
        self, discriminator: nn.Module, taps: FeatureTaps, source: Source, fake: Target, teacher_image: Target
    ) -> list[tuple[Tensor, Tensor]]:
        """The original discriminator's features of the student's and of the teacher's image."""
        discriminator(torch.cat([source, fake], dim=1) if self.conditional else fake)
        on_student = taps.take()
        with torch.no_grad():
            discriminator(torch.cat([source, teacher_image], dim=1) if self.conditional else teacher_image)
        return list(zip(on_student, taps.take(), strict=True))

    def _weigh(self, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
        content = sum(distance(small, large, root=self.root) for small, large in pairs)
        texture = sum(distance(gram_matrix(s), gram_matrix(t), root=self.root) for s, t in pairs)
        return torch.as_tensor(self.content_weight * content + self.texture_weight * texture)


def _freeze(network: nn.Module, fabric: Fabric) -> Any:
    return network.to(fabric.device).eval().requires_grad_(False)
