"""Distillation from the original: the passes that every method needs, around the method's own criterion."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.finetune.connectors import Connectors
from mggc.finetune.taps import FeatureTaps, discriminator_points, generator_points
from mggc.finetune.views import Criterion, Views
from mggc.gan.pairs import Source, Target
from mggc.runtime import evaluating


class Distillation(nn.Module):
    """The distillation loss of one forward pass of the student.

    Its parameters are those of the connectors, where the criterion asks for any.

    Args:
        student: The cut generator, whose forward passes are watched.
        teacher: The original generator; looked at in eval mode.
        discriminator: The original discriminator; looked at in eval mode. None leaves its terms out.
        example: Source images for one pass that finds the features' widths.
        fabric: Devices and precision.
        criterion: The distillation method. None leaves the distance of images alone.
        conditional: Whether the discriminator sees the source image too.
        image_weight: Weight of the L1 distance between the student's and the teacher's image.
        online: Whether teacher and discriminator go on learning elsewhere. If not they are frozen here.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        discriminator: nn.Module | None,
        example: Source,
        fabric: Fabric,
        *,
        criterion: Criterion | None,
        conditional: bool,
        image_weight: float = 0.0,
        online: bool = False,
    ) -> None:
        super().__init__()
        self.fabric, self.criterion, self.conditional = fabric, criterion, conditional
        self.image_weight = image_weight
        judge = discriminator if criterion is not None and criterion.judges else None
        for expert in (teacher, judge):
            if expert is not None:
                expert.to(fabric.device)
                if not online:
                    expert.eval().requires_grad_(False)
        # Kept in a tuple: the original networks are no part of this module's parameters or state.
        self._experts = (teacher, judge)
        points = generator_points(teacher)
        self._student_taps = FeatureTaps(student, points)
        self._teacher_taps = FeatureTaps(teacher, points)
        self._judge_taps = None if judge is None else FeatureTaps(judge, discriminator_points(judge))
        self.connectors = None
        if criterion is not None and criterion.connects:
            self.connectors = fabric.setup_module(
                Connectors(self._widths(student, example.to(fabric.device)))
            )

    @torch.no_grad()
    def _widths(self, student: nn.Module, example: Source) -> list[tuple[int, int]]:
        """Channels of the student's and of the teacher's features, layer by layer."""
        # In eval mode: a pass that only finds widths should leave running statistics alone.
        for network in (student.to(self.fabric.device), self._experts[0]):
            with evaluating(network):
                network(example)
        features = zip(self._student_taps.take(), self._teacher_taps.take(), strict=True)
        return [(small.shape[1], large.shape[1]) for small, large in features]

    def forward(self, source: Source, fake: Target) -> Float[Tensor, ""]:
        """The weighted loss; call it right after the student turned ``source`` into ``fake``."""
        views = self._look(source, fake)
        image_distance: Tensor = (views.fake - views.teacher_image).abs().mean()
        loss = self.image_weight * image_distance
        return loss if self.criterion is None else self.criterion(views) + loss

    def _look(self, source: Source, fake: Target) -> Views:
        """All passes but the student's own."""
        teacher, judge = self._experts
        student_features = self._student_taps.take()
        with self.fabric.autocast():
            with torch.no_grad(), looking_on(teacher):
                teacher_image = teacher(source)
            teacher_features = self._teacher_taps.take()
            if self.connectors is not None:
                student_features = self.connectors(student_features)
            judged_fake, judged_teacher = self._judged(judge, source, fake, teacher_image)
        return Views(
            fake.float(),
            teacher_image.float(),
            *(
                [tensor.float() for tensor in features]
                for features in (student_features, teacher_features, judged_fake, judged_teacher)
            ),
        )

    def _judged(
        self, judge: nn.Module | None, source: Source, fake: Target, teacher_image: Target
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The original discriminator's features of the student's and of the teacher's image."""
        if judge is None or self._judge_taps is None:
            return [], []
        with looking_on(judge):
            judge(torch.cat([source, fake], dim=1) if self.conditional else fake)
            on_student = self._judge_taps.take()
            with torch.no_grad():
                judge(torch.cat([source, teacher_image], dim=1) if self.conditional else teacher_image)
        return on_student, self._judge_taps.take()


@contextmanager
def looking_on(network: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients for the network's parameters inside; gradients still flow through it."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        with evaluating(network):
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
