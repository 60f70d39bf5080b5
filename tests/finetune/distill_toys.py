"""Students, their originals, and what the two make of the same images."""

from typing import Any

import torch
from torch import Tensor, nn

from mggc.finetune.distill import Distillation
from mggc.finetune.views import Criterion, Views
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from toys import cpu_fabric, images, random_plan, strong_weights

SIZE = 32


def unet(seed: int = 0) -> nn.Module:
    return strong_weights(build(UnetSpec(input_channels=1, output_channels=2, downs=5, ngf=4)), seed).eval()


def resnet(seed: int = 0) -> nn.Module:
    return strong_weights(
        build(ResnetSpec(input_channels=2, output_channels=2, blocks=3, ngf=2)), seed
    ).eval()


def patchgan(channels: int, seed: int = 0) -> nn.Module:
    return strong_weights(build(PatchSpec(input_channels=channels, ndf=2, layers=2)), seed).eval()


def halved(network: nn.Module) -> nn.Module:
    table = trace_channels(network, image_size=SIZE)
    return cut(network, table, random_plan(table, 0, share=0.5))


def distil(
    student: nn.Module,
    teacher: nn.Module,
    discriminator: nn.Module | None,
    criterion: Criterion | None,
    *,
    conditional: bool = True,
    precision: str = "32",
    **options: Any,
) -> Distillation:
    channels = next(m for m in teacher.modules() if isinstance(m, nn.Conv2d)).in_channels
    return Distillation(
        student,
        teacher,
        discriminator,
        torch.zeros(2, channels, SIZE, SIZE),
        cpu_fabric(precision),
        criterion=criterion,
        conditional=conditional,
        **options,
    )


def identity_connectors(distillation: Distillation) -> None:
    if distillation.connectors is not None:
        for layer in distillation.connectors.module.layers:
            nn.init.dirac_(layer.weight)


def features(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Random features of several layers."""
    return [images(*shape, seed=seed + 100 * number) for number, shape in enumerate(shapes)]


LAYERS = ((2, 5, 8, 8), (2, 6, 4, 4), (2, 4, 2, 2), (2, 3, 8, 8))
JUDGED = ((2, 4, 7, 7), (2, 6, 6, 6))


def views(*, agree: bool = False, judged: bool = True, size: int = 16) -> Views:
    """Views of two images at the original's width; where both agree the student's are copies of the original's."""
    teacher = Views(
        images(2, 3, size, size),
        images(2, 3, size, size),
        features(*LAYERS),
        features(*LAYERS),
        features(*JUDGED) if judged else [],
        features(*JUDGED) if judged else [],
    )
    if agree:
        return teacher
    other = features(*JUDGED, seed=7) if judged else []
    return teacher._replace(
        fake=images(2, 3, size, size, seed=5), student=features(*LAYERS, seed=3), judged_fake=other
    )


def learning(seen: Views) -> tuple[Views, list[Tensor]]:
    """The same views, and those of their tensors that belong to the student, with gradients switched on."""
    fake = seen.fake.clone().requires_grad_()
    student = [tensor.clone().requires_grad_() for tensor in seen.student]
    judged = [tensor.clone().requires_grad_() for tensor in seen.judged_fake]
    return seen._replace(fake=fake, student=student, judged_fake=judged), [fake, *student, *judged]
