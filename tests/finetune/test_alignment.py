import math

import pytest
import torch
from distill_toys import learning, views
from torch import Tensor

from mggc.finetune.alignment import KernelAlignment, kernel_alignment
from toys import images


def slow_alignment(student: Tensor, teacher: Tensor) -> float:
    """⟨K, L⟩ / (‖K‖ ‖L‖) of the images' inner products, entry by entry."""

    def kernel(features: Tensor) -> list[float]:
        flat = features.double().flatten(1)
        return [float((one * other).sum()) for one in flat for other in flat]

    k, l = kernel(student), kernel(teacher)  # noqa: E741
    inner = sum(a * b for a, b in zip(k, l, strict=True))
    return inner / math.sqrt(sum(a * a for a in k) * sum(b * b for b in l))


def test_kernel_alignment_is_its_definition() -> None:
    student, teacher = images(4, 2, 3, 3), images(4, 5, 3, 3, seed=1)
    assert kernel_alignment(student, teacher).item() == pytest.approx(
        slow_alignment(student, teacher), rel=1e-5
    )


def test_it_ignores_scale_and_a_rotation_of_channels() -> None:
    features = images(3, 4, 2, 2)
    rotation = torch.linalg.qr(images(4, 4, seed=1)).Q
    turned = 5.0 * torch.einsum("ij,bjhw->bihw", rotation, features)
    assert kernel_alignment(turned, features).item() == pytest.approx(1.0, abs=1e-5)
    assert kernel_alignment(features, images(3, 4, 2, 2, seed=2)).item() < 0.9


def test_one_image_has_nobody_to_be_compared_with() -> None:
    assert kernel_alignment(images(1, 2, 3, 3), images(1, 5, 3, 3, seed=1)).item() == pytest.approx(1.0)


def test_the_loss_is_the_sum_over_layers_and_zero_where_both_agree() -> None:
    seen = views()
    missing = [1 - slow_alignment(*pair) for pair in zip(seen.student, seen.teacher, strict=True)]
    assert KernelAlignment(1.3)(seen).item() == pytest.approx(1.3 * sum(missing), rel=1e-4)
    assert KernelAlignment(1.3)(views(agree=True)).item() == pytest.approx(0.0, abs=1e-5)


def test_every_layer_of_the_student_is_moved() -> None:
    seen, (_, *students) = learning(views(judged=False))
    KernelAlignment(1.0)(seen).backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in students)


def test_silent_features_have_finite_gradients() -> None:
    student = torch.zeros(2, 2, 3, 3, requires_grad=True)
    kernel_alignment(student, images(2, 4, 3, 3)).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
