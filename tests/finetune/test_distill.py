import copy
import math

import pytest
import torch
from distill_toys import SIZE, distil, halved, identity_connectors, patchgan, resnet, unet
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.config import Distiller, FinetuneConfig, Model, ObjectiveConfig
from mggc.finetune.content_texture import ContentAndTexture
from mggc.finetune.criteria import WEIGHTS, make_criterion
from mggc.finetune.distill import looking_on
from mggc.finetune.taps import FeatureTaps, discriminator_points, generator_points
from mggc.finetune.views import Criterion, Views
from mggc.gan.cyclegan import CycleGan
from mggc.gan.pix2pix import Pix2Pix, Teacher
from mggc.shapes import Images
from own_networks import UpsamplingGenerator
from toys import cpu_fabric, images, strong_weights

DISTILLERS: tuple[Distiller, ...] = ("mggc", "gcc", "dmad", "cat", "omgd", "wkd", "rakd")
CONTENT = ContentAndTexture(50.0, 1e4, root=True)


def criterion(distiller: Distiller, model: Model = "pix2pix") -> Criterion:
    weights = {name: by_model[model] for name, by_model in WEIGHTS.items()}
    return make_criterion(FinetuneConfig(distiller=distiller, **weights), model)


class Everything:
    """A criterion that asks for everything and keeps what it saw."""

    connects, judges = True, True

    def __init__(self) -> None:
        self.seen: list[Views] = []

    def __call__(self, views: Views) -> Tensor:
        self.seen.append(views)
        return torch.stack([tensor.square().mean() for tensor in (*views.student, *views.judged_fake)]).sum()


def features_of(network: nn.Module, names: tuple[str, ...], inputs: Images) -> list[Tensor]:
    taps = FeatureTaps(network, names)
    network(inputs)
    return taps.take()


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("judged", [True, False])
def test_a_criterion_sees_what_separate_passes_give(conditional: bool, judged: bool) -> None:
    teacher = unet()
    student = halved(teacher)
    discriminator = patchgan(3 if conditional else 2) if judged else None
    everything = Everything()
    distillation = distil(student, teacher, discriminator, everything, conditional=conditional)
    source = images(2, 1, SIZE, SIZE)
    fake = student(source)
    distillation(source, fake)
    (seen,) = everything.seen

    points = generator_points(teacher)
    with torch.no_grad():
        image = teacher(source)
        small, large = features_of(student, points, source), features_of(teacher, points, source)
        assert distillation.connectors is not None
        layers = distillation.connectors.module.layers
        connected = [layer(feature) for layer, feature in zip(layers, small, strict=True)]
        on_fake: list[Tensor] = []
        on_teacher: list[Tensor] = []
        if discriminator is not None:
            names = discriminator_points(discriminator)
            on_fake, on_teacher = (
                features_of(discriminator, names, torch.cat([source, y], 1) if conditional else y)
                for y in (fake, image)
            )
    expected = Views(fake, image, connected, large, on_fake, on_teacher)
    for found, wanted in zip(seen, expected, strict=True):
        torch.testing.assert_close(found, wanted)
    assert not any(
        tensor.requires_grad for tensor in (seen.teacher_image, *seen.teacher, *seen.judged_teacher)
    )


def test_the_loss_is_the_criterions_and_the_weighted_distance_of_images() -> None:
    teacher = unet()
    student = halved(teacher)
    source = images(2, 1, SIZE, SIZE)
    with torch.no_grad():
        distance = (student(source) - teacher(source)).abs().mean().item()
    alone = distil(student, teacher, patchgan(3), None, image_weight=2.0)
    assert list(alone.parameters()) == []
    assert alone(source, student(source)).item() == pytest.approx(2.0 * distance, rel=1e-5)

    for weight in (0.0, 2.0):
        everything = Everything()
        distillation = distil(student, teacher, patchgan(3), everything, image_weight=weight)
        found = distillation(source, student(source))
        (seen,) = everything.seen
        assert found.item() == pytest.approx(Everything()(seen).item() + weight * distance, rel=1e-5)


@pytest.mark.parametrize("distiller", DISTILLERS)
@pytest.mark.parametrize(("network", "read"), [(unet, 1), (resnet, 2), (UpsamplingGenerator, 3)])
def test_gradients_reach_the_student_and_the_connectors_and_nobody_else(
    distiller: Distiller, network: type[nn.Module], read: int
) -> None:
    teacher = strong_weights(network())
    student = halved(teacher.eval()).train()
    written = 2 if read < 3 else 3
    discriminator = patchgan(read + written)
    distillation = distil(student, teacher, discriminator, criterion(distiller))
    source = images(2, read, SIZE, SIZE)
    loss = distillation(source, student(source))
    assert loss.isfinite()
    loss.backward()
    learners = [*student.parameters(), *distillation.parameters()]
    grads = [parameter.grad for parameter in learners if parameter.grad is not None]
    assert len(grads) == len(learners)
    assert all(grad.isfinite().all() for grad in grads)
    moved = sum(grad.abs().sum().item() > 0 for grad in grads)
    # What comes after the last layer that is looked at has nothing to learn from features alone.
    assert moved > (0.5 if distiller in ("cat", "rakd") else 0.9) * len(learners)
    experts = [*teacher.parameters(), *discriminator.parameters()]
    assert all(parameter.grad is None for parameter in experts)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    connected = distiller in ("mggc", "gcc", "omgd", "rakd")
    assert len(list(distillation.parameters())) == (4 if connected else 0)


@pytest.mark.parametrize("model", ["pix2pix", "cyclegan"])
@pytest.mark.parametrize(
    ("distiller", "most"),
    [("mggc", 0.1), ("gcc", 0.1), ("dmad", 1e-6), ("cat", 1e-5), ("omgd", 0.1), ("wkd", 1e-9)],
)
def test_a_student_that_is_its_teacher_has_next_to_nothing_to_learn(
    model: Model, distiller: Distiller, most: float
) -> None:
    teacher = unet()
    student = copy.deepcopy(teacher)
    judge = None if distiller == "dmad" else patchgan(3)  # its attention is more than the teacher's own
    distillation = distil(student, teacher, judge, criterion(distiller, model), image_weight=3.0)
    identity_connectors(distillation)
    source = images(2, 1, SIZE, SIZE)
    same = distillation(source, student(source)).item()
    assert 0 <= same <= most
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(1.05)
    assert distillation(source, student(source)).item() > same + 0.01


def test_the_discriminators_features_teach_the_student_by_themselves() -> None:
    """The path through the generated image is open: without connectors' features there is still a gradient."""
    teacher, discriminator = unet(), patchgan(3)
    student = halved(teacher)
    distillation = distil(student, teacher, discriminator, CONTENT)
    source = images(2, 1, SIZE, SIZE)
    fake = student(source).detach().requires_grad_()
    distillation(source, fake).backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0


def test_setting_up_leaves_the_student_as_it_was() -> None:
    teacher = unet()
    student = halved(teacher).train()
    before = snapshot(student)
    distil(student, teacher, patchgan(3), CONTENT)
    assert_same(snapshot(student), before)
    assert all(module.training for module in student.modules())


def test_frozen_teachers_are_in_eval_mode_and_their_statistics_stay() -> None:
    teacher, discriminator = unet().train(), patchgan(3).train()
    student = halved(teacher)
    distillation = distil(student, teacher, discriminator, CONTENT)
    before = [snapshot(teacher), snapshot(discriminator)]
    source = images(2, 1, SIZE, SIZE)
    distillation(source, student(source))
    assert not any(module.training for module in [*teacher.modules(), *discriminator.modules()])
    assert_same([snapshot(teacher), snapshot(discriminator)], before)


def test_teachers_that_learn_elsewhere_are_only_looked_at() -> None:
    teacher, discriminator = unet().train(), patchgan(3).train()
    teacher.get_submodule("model.model.0").eval()
    modes = [module.training for module in (*teacher.modules(), *discriminator.modules())]
    student = halved(teacher)
    online = distil(student, teacher, discriminator, CONTENT, online=True)
    before = [snapshot(teacher), snapshot(discriminator)]
    source = images(2, 1, SIZE, SIZE)
    fake = student(source)
    found = online(source, fake)
    found.backward()
    experts = [*teacher.parameters(), *discriminator.parameters()]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in experts)
    assert modes == [module.training for module in (*teacher.modules(), *discriminator.modules())]
    assert_same([snapshot(teacher), snapshot(discriminator)], before)

    frozen = distil(student, copy.deepcopy(teacher), copy.deepcopy(discriminator), CONTENT)
    assert online.connectors is not None
    assert frozen.connectors is not None
    frozen.connectors.load_state_dict(online.connectors.state_dict())
    torch.testing.assert_close(frozen(source, student(source)), found)


def fail_looking_on(network: nn.Module) -> None:
    with looking_on(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert not any(module.training for module in network.modules())
        raise OSError


def test_a_network_is_as_it_was_even_after_an_error() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    next(network.parameters()).requires_grad_(False)
    with pytest.raises(OSError):  # noqa: PT011
        fail_looking_on(network)
    assert all(module.training for module in network.modules())
    assert [parameter.requires_grad for parameter in network.parameters()] == [False, True, True, True]


def test_only_methods_that_judge_run_the_discriminator() -> None:
    for distiller in DISTILLERS:
        teacher, discriminator = unet(), patchgan(3)
        passes: list[str] = []
        discriminator.register_forward_hook(lambda *_, passes=passes: passes.append("judged"))
        student = halved(teacher)
        distillation = distil(student, teacher, discriminator, criterion(distiller))
        source = images(2, 1, SIZE, SIZE)
        distillation(source, student(source))
        assert len(passes) == (2 if distiller in ("mggc", "gcc", "dmad", "omgd") else 0), distiller


@pytest.mark.parametrize("distiller", DISTILLERS)
def test_pix2pix_learns_from_its_teacher(distiller: Distiller) -> None:
    teacher = unet()
    student = halved(teacher)
    torch.manual_seed(0)
    distillation = distil(student, teacher, patchgan(3), criterion(distiller))
    assert isinstance(distillation, Teacher)
    gan = Pix2Pix(
        student, patchgan(3, 1), ObjectiveConfig(lr=3e-3, lambda_l1=0.0), cpu_fabric(), teacher=distillation
    )
    source = images(4, 1, SIZE, SIZE)
    with torch.no_grad():
        target = teacher(source)
    losses = [gan.update(source, target)["distillation"].item() for _ in range(15)]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("identity", [0.5, 0.0])
def test_a_cyclegan_update_distils_the_translation_and_no_other_pass(identity: float) -> None:
    """The generator runs up to three times an update; only the first pass is the one that the teacher judges."""
    teacher = resnet()
    student = halved(teacher)
    distillation = distil(student, teacher, patchgan(2), criterion("mggc", "cyclegan"), conditional=False)
    gan = CycleGan(
        student,
        resnet(3),
        patchgan(2, 1),
        patchgan(2, 2),
        ObjectiveConfig(lambda_identity=identity),
        cpu_fabric(),
        teacher=distillation,
    )
    for step in range(3):
        source, target = images(1, 2, SIZE, SIZE, seed=step), images(1, 2, SIZE, SIZE, seed=50 + step)
        with torch.no_grad():
            expected = distillation(source, student(source))  # instance norm: the mode does not matter
        losses = gan.update(source, target)
        torch.testing.assert_close(losses["distillation"], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("distiller", DISTILLERS)
def test_distillation_runs_in_mixed_precision(distiller: Distiller) -> None:
    teacher = unet()
    student = halved(teacher)
    distillation = distil(student, teacher, patchgan(3), criterion(distiller), precision="bf16-mixed")
    gan = Pix2Pix(student, patchgan(3, 1), ObjectiveConfig(), cpu_fabric("bf16-mixed"), teacher=distillation)
    losses = gan.update(images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE))
    assert losses["distillation"].isfinite()
    assert losses["distillation"].dtype == torch.float32
