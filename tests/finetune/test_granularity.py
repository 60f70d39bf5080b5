import pytest
from distill_toys import learning, views

from mggc.finetune.content_texture import gram_matrix
from mggc.finetune.granularity import MultiGranularity, channel_distance, total_variation
from mggc.finetune.views import Views
from mggc.metrics import ssim
from toys import images


def only(**weights: float) -> MultiGranularity:
    names = ("similarity_weight", "feature_weight", "style_weight", "smoothness_weight", "channel_weight")
    return MultiGranularity(**{name: weights.get(name, 0.0) for name in names})


def test_the_channel_distance_is_the_loop_over_channels() -> None:
    student, teacher = images(2, 3, 4, 5), images(2, 3, 4, 5, seed=1)
    squares = []
    for image in range(2):
        for channel in range(3):
            mine, theirs = (
                student[image, channel].flatten().tolist(),
                teacher[image, channel].flatten().tolist(),
            )
            squares.append((sum(mine) / 20 - sum(theirs) / 20) ** 2)
    assert channel_distance(student, teacher).item() == pytest.approx(sum(squares) / 6, rel=1e-4)


def test_total_variation_is_the_loop_over_neighbors() -> None:
    pictures = images(2, 2, 3, 4)
    total = 0.0
    for picture in pictures.tolist():
        for channel in picture:
            total += sum(abs(channel[i + 1][j] - channel[i][j]) for i in range(2) for j in range(4))
            total += sum(abs(channel[i][j + 1] - channel[i][j]) for i in range(3) for j in range(3))
    assert total_variation(pictures).item() == pytest.approx(total / 2, rel=1e-5)


def expected_terms(seen: Views) -> dict[str, float]:
    pairs = list(zip(seen.judged_fake, seen.judged_teacher, strict=True))
    layers = zip(seen.student, seen.teacher, strict=True)
    return {
        "similarity_weight": 1 - ssim(seen.fake, seen.teacher_image).mean().item(),
        "feature_weight": (pairs[0][0] - pairs[0][1]).abs().mean().item(),
        "style_weight": sum((gram_matrix(one) - gram_matrix(two)).abs().mean().item() for one, two in pairs),
        "smoothness_weight": total_variation(seen.fake).item(),
        "channel_weight": sum(channel_distance(small, large).item() for small, large in layers),
    }


def test_each_term_has_its_weight() -> None:
    seen = views()
    terms = expected_terms(seen)
    for name, value in terms.items():
        assert only(**{name: 3.0})(seen).item() == pytest.approx(3.0 * value, rel=1e-4), name
    everything = {name: float(number) for number, name in enumerate(terms, start=1)}
    expected = sum(weight * terms[name] for name, weight in everything.items())
    assert only(**everything)(seen).item() == pytest.approx(expected, rel=1e-4)


def test_only_total_variation_is_left_where_both_agree() -> None:
    seen = views(agree=True)
    criterion = MultiGranularity(10.0, 10.0, 1e4, 1e-5, 50.0)
    assert criterion(seen).item() == pytest.approx(1e-5 * total_variation(seen.fake).item(), rel=1e-3)


def test_without_a_discriminator_its_terms_fall_away() -> None:
    assert only(feature_weight=1.0, style_weight=1.0)(views(judged=False)).item() == 0.0


def test_the_image_and_every_feature_of_the_student_are_moved() -> None:
    seen, students = learning(views())
    MultiGranularity(10.0, 10.0, 1e4, 1e-5, 50.0)(seen).backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in students)


def test_similarity_draws_the_images_together() -> None:
    seen, (fake, *_) = learning(views())
    criterion = only(similarity_weight=1.0)
    before = criterion(seen)
    before.backward()
    assert fake.grad is not None
    moved = seen._replace(fake=(fake - 5.0 * fake.grad).detach())
    assert criterion(moved).item() < before.item()
