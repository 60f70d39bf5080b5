import math

import pytest
import torch
from distill_toys import learning, views

from mggc.finetune.content_texture import ContentAndTexture, distance, gram_matrix
from toys import images


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


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("judged", [True, False])
def test_the_loss_is_the_sum_written_out(root: bool, judged: bool) -> None:
    seen = views(judged=judged)
    pairs = [*zip(seen.student, seen.teacher), *zip(seen.judged_fake, seen.judged_teacher)]  # noqa: B905
    assert len(pairs) == (6 if judged else 4)
    expected = 0.0
    for one, other in pairs:
        content = ((one - other) ** 2).mean().item()
        texture = ((gram_matrix(one) - gram_matrix(other)) ** 2).mean().item()
        expected += 3.0 * (math.sqrt(content) if root else content)
        expected += 7.0 * (math.sqrt(texture) if root else texture)
    assert ContentAndTexture(3.0, 7.0, root=root)(seen).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("root", "most"), [(True, 1e-4), (False, 0.0)])
def test_nothing_is_left_where_both_agree(root: bool, most: float) -> None:
    assert 0 <= ContentAndTexture(3.0, 7.0, root=root)(views(agree=True)).item() <= most


def test_every_feature_of_the_student_is_moved() -> None:
    seen, (_, *students) = learning(views())
    ContentAndTexture(3.0, 7.0, root=True)(seen).backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in students)
