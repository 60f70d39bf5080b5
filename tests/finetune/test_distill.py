import copy
import math

import pytest
import torch
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.config import Model, ObjectiveConfig
from mggc.finetune.distill import Distillation, distance, gram_matrix
from mggc.finetune.taps import FeatureTaps, discriminator_points, generator_points
from mggc.gan.cyclegan import CycleGan
from mggc.gan.pix2pix import Pix2Pix, Teacher
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from toys import Separable, cpu_fabric, images, random_plan, strong_weights

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
    *,
    model: Model = "pix2pix",
    conditional: bool = True,
    content_weight: float = 50.0,
    texture_weight: float = 1e4,
    **options: float,
) -> Distillation:
    channels = next(m for m in teacher.modules() if isinstance(m, nn.Conv2d)).in_channels
    return Distillation(
        student,
        teacher,
        discriminator,
        torch.zeros(2, channels, SIZE, SIZE),
        cpu_fabric(),
        model=model,
        conditional=conditional,
        content_weight=content_weight,
        texture_weight=texture_weight,
        **options,
    )


def identity_connectors(distillation: Distillation) -> None:
    for layer in distillation.connectors.module.layers:
        nn.init.dirac_(layer.weight)


def test_a_gram_matrix_is_the_loop_over_channels() -> None:
    features = images(2, 3, 4, 5)
    gram = gram_matrix(features)
    for image in range(2):
        for one in range(3):
            for other in range(3):
                products = [
                    float(features[image, one, row, column] * features[image, other, row, column])
                    for row in range(4)
                    for column in range(5)
                ]
                assert gram[image, one, other].item() == pytest.approx(sum(products) / (3 * 4 * 5), abs=1e-6)


def test_the_distance_is_the_mean_squared_error_or_its_root() -> None:
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0])
    assert distance(one, other, root=False).item() == pytest.approx(4.5)
    assert distance(one, other, root=True).item() == pytest.approx(math.sqrt(4.5))


def test_the_gradient_stays_finite_where_student_and_teacher_agree() -> None:
    one = torch.ones(3, requires_grad=True)
    distance(one, torch.ones(3), root=True).backward()
    assert one.grad is not None
    assert one.grad.isfinite().all()


@pytest.mark.parametrize(("model", "most"), [("pix2pix", 0.1), ("cyclegan", 1e-9)])
def test_a_student_that_is_its_teacher_has_nothing_to_learn(model: Model, most: float) -> None:
    teacher = unet()
    student = copy.deepcopy(teacher)
    distillation = distil(student, teacher, patchgan(3), model=model, image_weight=3.0)
    identity_connectors(distillation)
    source = images(2, 1, SIZE, SIZE)
    same = distillation(source, student(source)).item()
    assert 0 <= same <= most
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(1.05)
    assert distillation(source, student(source)).item() > 100 * most


def features_of(network: nn.Module, names: tuple[str, ...], inputs: Tensor) -> list[Tensor]:
    taps = FeatureTaps(network, names)
    network(inputs)
    return taps.take()


@pytest.mark.parametrize("model", ["pix2pix", "cyclegan"])
@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("judged", [True, False])
def test_the_loss_is_the_sum_written_out(model: Model, conditional: bool, judged: bool) -> None:
    teacher = unet()
    student = halved(teacher)
    discriminator = patchgan(3 if conditional else 2) if judged else None
    distillation = distil(
        student,
        teacher,
        discriminator,
        model=model,
        conditional=conditional,
        content_weight=3.0,
        texture_weight=7.0,
        image_weight=2.0,
    )
    source = images(2, 1, SIZE, SIZE)
    fake = student(source)
    found = distillation(source, fake)

    points = generator_points(teacher)
    with torch.no_grad():
        image = teacher(source)
        small, large = features_of(student, points, source), features_of(teacher, points, source)
        layers = distillation.connectors.module.layers
        pairs = [(layer(one), other) for layer, one, other in zip(layers, small, large, strict=True)]
        if discriminator is not None:
            shown = [torch.cat([source, y], 1) if conditional else y for y in (fake, image)]
            names = discriminator_points(discriminator)
            pairs += zip(*(features_of(discriminator, names, inputs) for inputs in shown), strict=True)
        assert len(pairs) == (6 if judged else 4)
        expected = 0.0
        for one, other in pairs:
            content = ((one - other) ** 2).mean().item()
            gram = ((gram_matrix(one) - gram_matrix(other)) ** 2).mean().item()
            root = model == "pix2pix"
            expected += 3.0 * (math.sqrt(content) if root else content)
            expected += 7.0 * (math.sqrt(gram) if root else gram)
        expected += 2.0 * (fake - image).abs().mean().item()
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_gradients_reach_the_student_and_the_connectors_and_nobody_else() -> None:
    teacher, discriminator = unet(), patchgan(3)
    student = halved(teacher).train()
    distillation = distil(student, teacher, discriminator, image_weight=1.0)
    source = images(2, 1, SIZE, SIZE)
    distillation(source, student(source)).backward()
    learners = [*student.parameters(), *distillation.parameters()]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in learners)
    experts = [*teacher.parameters(), *discriminator.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in experts)
    assert len(list(distillation.parameters())) == 4  # the connectors', and not the frozen networks'


def test_the_discriminators_features_teach_the_student_by_themselves() -> None:
    """The path through the generated image is open: without connectors' features there is still a gradient."""
    teacher, discriminator = unet(), patchgan(3)
    student = halved(teacher)
    distillation = distil(student, teacher, discriminator)
    source = images(2, 1, SIZE, SIZE)
    fake = student(source).detach().requires_grad_()
    distillation(source, fake).backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0


def test_setting_up_leaves_the_student_as_it_was() -> None:
    teacher = unet()
    student = halved(teacher).train()
    before = snapshot(student)
    distil(student, teacher, patchgan(3))
    assert_same(snapshot(student), before)
    assert all(module.training for module in student.modules())


def test_the_teachers_are_in_eval_mode_and_their_statistics_stay() -> None:
    teacher, discriminator = unet().train(), patchgan(3).train()
    student = halved(teacher)
    distillation = distil(student, teacher, discriminator)
    before = [snapshot(teacher), snapshot(discriminator)]
    source = images(2, 1, SIZE, SIZE)
    distillation(source, student(source))
    assert not any(module.training for module in [*teacher.modules(), *discriminator.modules()])
    assert_same([snapshot(teacher), snapshot(discriminator)], before)


def test_a_network_of_the_users_own_is_distilled_too() -> None:
    teacher = strong_weights(Separable()).eval()
    student = halved(teacher)
    distillation = distil(student, teacher, None)
    source = images(2, 3, SIZE, SIZE)
    assert distillation(source, student(source)).item() > 0


def test_pix2pix_learns_from_its_teacher() -> None:
    teacher = unet()
    student = halved(teacher)
    distillation = distil(student, teacher, patchgan(3), content_weight=50.0, texture_weight=100.0)
    assert isinstance(distillation, Teacher)
    gan = Pix2Pix(
        student, patchgan(3, 1), ObjectiveConfig(lr=3e-3, lambda_l1=0.0), cpu_fabric(), teacher=distillation
    )
    source = images(4, 1, SIZE, SIZE)
    with torch.no_grad():
        target = teacher(source)
    torch.manual_seed(0)
    losses = [gan.update(source, target)["distillation"].item() for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("identity", [0.5, 0.0])
def test_a_cyclegan_update_distils_the_translation_and_no_other_pass(identity: float) -> None:
    """The generator runs up to three times an update; only the first pass is the one that the teacher judges."""
    teacher = resnet()
    student = halved(teacher)
    distillation = distil(student, teacher, patchgan(2), model="cyclegan", conditional=False)
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


def test_distillation_runs_in_mixed_precision() -> None:
    teacher, fabric = unet(), cpu_fabric("bf16-mixed")
    student = halved(teacher)
    distillation = Distillation(
        student,
        teacher,
        patchgan(3),
        torch.zeros(1, 1, SIZE, SIZE),
        fabric,
        model="pix2pix",
        conditional=True,
        content_weight=50.0,
        texture_weight=1e4,
    )
    gan = Pix2Pix(student, patchgan(3, 1), ObjectiveConfig(), fabric, teacher=distillation)
    losses = gan.update(images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE))
    assert losses["distillation"].isfinite()
    assert losses["distillation"].dtype == torch.float32
