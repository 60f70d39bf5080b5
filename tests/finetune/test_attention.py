import math

import pytest
from distill_toys import learning, views
from torch import Tensor

from mggc.finetune.attention import CoAttention, attention_distance, attention_map, mixed
from toys import images


def test_an_attention_map_is_the_loop_over_channels() -> None:
    features = images(2, 3, 4, 5)
    found = attention_map(features)
    for image in range(2):
        for row in range(4):
            for column in range(5):
                activities = [float(features[image, channel, row, column]) ** 2 for channel in range(3)]
                assert found[image, row, column].item() == pytest.approx(sum(activities) / 3, abs=1e-6)


def unit(map_: Tensor) -> list[float]:
    values = map_.flatten().tolist()
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


def test_the_distance_is_that_of_unit_vectors() -> None:
    one, other = images(2, 3, 4).abs(), images(2, 3, 4, seed=1).abs()
    squares = [
        (a - b) ** 2
        for left, right in zip(one, other, strict=True)
        for a, b in zip(unit(left), unit(right), strict=True)
    ]
    assert attention_distance(one, other).item() == pytest.approx(sum(squares) / len(squares), rel=1e-4)
    assert attention_distance(one, 9.0 * one).item() == pytest.approx(0.0, abs=1e-9)


def test_half_of_the_mixed_attention_is_the_discriminators() -> None:
    own, halves = images(1, 2, 2), [images(1, 4, 4, seed=1), images(1, 2, 2, seed=2)]
    found = mixed(own, halves)
    for row in range(2):
        for column in range(2):
            area = halves[0][0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean().item()
            expected = (
                0.5 * own[0, row, column].item() + 0.25 * area + 0.25 * halves[1][0, row, column].item()
            )
            assert found[0, row, column].item() == pytest.approx(expected, abs=1e-6)
    assert mixed(own, []) is own


def test_the_loss_is_the_sum_written_out() -> None:
    seen = views()
    judged = [attention_map(features) for features in seen.judged_teacher]
    expected = 0.0
    for small, large in zip(seen.student, seen.teacher, strict=True):
        wanted = mixed(attention_map(large), judged)
        expected += 10.0 * attention_distance(attention_map(small), wanted).item()
    lengths = (seen.judged_fake[-1] - seen.judged_teacher[-1]).pow(2).sum((1, 2, 3)).sqrt()
    expected += 0.5 * lengths.mean().item()
    assert CoAttention(10.0, 0.5)(seen).item() == pytest.approx(expected, rel=1e-5)


def test_nothing_is_left_where_both_agree_and_no_discriminator_adds_its_attention() -> None:
    criterion = CoAttention(10.0, 1e-4)
    assert criterion(views(agree=True, judged=False)).item() == pytest.approx(0.0, abs=1e-9)
    assert criterion(views(agree=True)).item() > 1e-4


def test_every_layer_of_the_student_is_moved_with_finite_gradients() -> None:
    for agree in (False, True):
        seen, (_, *students) = learning(views(agree=agree))
        CoAttention(10.0, 1.0)(seen).backward()
        grads = [tensor.grad for tensor in students if tensor.grad is not None]
        assert len(grads) == 5  # four layers, and the last of the discriminator's
        assert all(grad.isfinite().all() for grad in grads)
        assert all(grad.abs().sum() > 0 for grad in grads[:4])
