import math

import pytest
import torch
from distill_toys import learning, views
from torch import Tensor

from mggc.finetune.regions import CrucialRegions, contrast, crucial_positions
from toys import images


def test_crucial_positions_are_those_of_the_largest_mean_activity() -> None:
    features = images(2, 3, 4, 5)
    found = crucial_positions(features, most=6)
    for image in range(2):
        activity = {
            row * 5 + column: sum(abs(float(features[image, c, row, column])) for c in range(3))
            for row in range(4)
            for column in range(5)
        }
        best = sorted(activity, key=lambda position: -activity[position])[:6]
        assert found[image].tolist() == best
    assert crucial_positions(features, most=64).shape == (2, 20)


def slow_contrast(student: Tensor, teacher: Tensor, positions: int) -> float:
    """Position by position, with every other position of the same image as a negative."""
    losses = []
    for one, other in zip(student.double(), teacher.double(), strict=True):
        chosen = crucial_positions(other[None], most=positions)[0].tolist()
        s = [column / column.norm() for column in (one.flatten(1)[:, i] for i in chosen)]
        t = [column / column.norm() for column in (other.flatten(1)[:, i] for i in chosen)]
        for i in range(len(chosen)):
            weights = [math.exp(float(s[i] @ t[j]) / 0.07) for j in range(len(chosen))]
            losses.append(-math.log(weights[i] / sum(weights)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("side", [3, 10])  # fewer positions than 64, and more
def test_the_contrast_is_its_definition(side: int) -> None:
    student, teacher = images(2, 4, side, side), images(2, 4, side, side, seed=1)
    assert contrast(student, teacher).item() == pytest.approx(slow_contrast(student, teacher, 64), rel=1e-4)


def test_the_loss_is_the_mean_over_layers() -> None:
    seen = views()
    expected = [slow_contrast(*pair, 64) for pair in zip(seen.student, seen.teacher, strict=True)]
    assert CrucialRegions(2.0)(seen).item() == pytest.approx(2.0 * sum(expected) / 4, rel=1e-4)


def test_agreement_costs_nothing_where_positions_are_unlike_each_other() -> None:
    distinct = torch.eye(16).reshape(1, 16, 4, 4)
    assert contrast(distinct, distinct).item() == pytest.approx(0.0, abs=1e-4)
    assert contrast(distinct.flip(1), distinct).item() > 1.0


def test_every_layer_of_the_student_is_moved() -> None:
    seen, (_, *students) = learning(views(judged=False))
    CrucialRegions(1.0)(seen).backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in students)


def test_silent_features_have_finite_gradients() -> None:
    student = torch.zeros(1, 4, 3, 3, requires_grad=True)
    contrast(student, images(1, 4, 3, 3)).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()
