import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import density_coverage, knn, precision_recall


def random_features(count: int, *, seed: int, shift: float = 0.0, dim: int = 3) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed)) + shift


def slow_radius(features: list[list[float]], i: int, k: int) -> float:
    return sorted(math.dist(features[i], other) for j, other in enumerate(features) if j != i)[k - 1]


def slow_density_coverage(real: list[list[float]], fake: list[list[float]], k: int) -> tuple[float, float]:
    radii = [slow_radius(real, i, k) for i in range(len(real))]
    balls = sum(math.dist(x, y) < radius for y in fake for x, radius in zip(real, radii, strict=True))
    covered = sum(any(math.dist(x, y) < radius for y in fake) for x, radius in zip(real, radii, strict=True))
    return balls / (k * len(fake)), covered / len(real)


def slow_precision(real: list[list[float]], fake: list[list[float]], k: int) -> float:
    radii = [slow_radius(real, i, k) for i in range(len(real))]
    return float(
        np.mean([any(math.dist(x, y) <= radius for x, radius in zip(real, radii, strict=True)) for y in fake])
    )


sizes = st.integers(4, 25)


@settings(deadline=None, max_examples=25)
@given(
    count=sizes,
    other=sizes,
    k=st.integers(1, 3),
    seed=st.integers(0, 1000),
    shift=st.sampled_from([0.0, 1.0]),
)
def test_all_four_figures_equal_their_definitions(count, other, k, seed, shift):
    real, fake = random_features(count, seed=seed), random_features(other, seed=seed + 1, shift=shift)
    reals, fakes = real.tolist(), fake.tolist()
    assert density_coverage(real, fake, k=k) == pytest.approx(slow_density_coverage(reals, fakes, k))
    expected = slow_precision(reals, fakes, k), slow_precision(fakes, reals, k)
    assert precision_recall(real, fake, k=k) == pytest.approx(expected)


def test_figures_of_two_known_sets():
    real, fake = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.5], [10.0]])
    # Balls of radius 1: the first fake lies in two, the second in none.
    assert density_coverage(real, fake, k=1) == (1.0, 0.5)
    # Balls of radius 9.5 around the fakes hold every real.
    assert precision_recall(real, fake, k=1) == (0.5, 1.0)


def test_everything_is_one_for_a_set_against_itself():
    features = random_features(200, seed=0, dim=32)
    assert density_coverage(features, features, k=5) == pytest.approx((1.0, 1.0))
    assert precision_recall(features, features, k=3) == (1.0, 1.0)


def test_everything_is_about_one_for_two_draws_of_one_distribution():
    real, fake = random_features(500, seed=0), random_features(500, seed=1)
    assert density_coverage(real, fake, k=5) == pytest.approx((1.0, 1.0), abs=0.1)
    assert precision_recall(real, fake, k=5) == pytest.approx((1.0, 1.0), abs=0.1)


def test_everything_is_zero_for_sets_far_apart():
    real, fake = random_features(30, seed=0), random_features(20, seed=1, shift=1e3)
    assert density_coverage(real, fake, k=3) == (0.0, 0.0)
    assert precision_recall(real, fake, k=3) == (0.0, 0.0)


def test_one_mode_of_two_is_dense_but_covers_half():
    real = torch.cat([random_features(100, seed=0), random_features(100, seed=1, shift=100.0)])
    fake = random_features(100, seed=2)
    found = density_coverage(real, fake, k=5)
    assert found.density > 0.8
    assert 0.4 < found.coverage <= 0.5


@settings(deadline=None, max_examples=20)
@given(count=sizes, other=sizes, seed=st.integers(0, 1000))
def test_figures_keep_their_bounds_and_ignore_order(count, other, seed):
    real, fake = random_features(count, seed=seed), random_features(other, seed=seed + 1)
    found, shuffled = density_coverage(real, fake, k=2), density_coverage(real.flip(0), fake.flip(0), k=2)
    assert 0 <= found.density <= count / 2
    assert 0 <= found.coverage <= 1
    assert shuffled == pytest.approx(found)
    assert precision_recall(fake, real, k=2) == precision_recall(real, fake, k=2)[::-1]


@settings(deadline=None, max_examples=20)
@given(other=st.integers(4, 25), seed=st.integers(0, 1000))
def test_more_fake_images_never_cover_less(other, seed):
    real, fake = random_features(20, seed=seed), random_features(other, seed=seed + 1)
    assert density_coverage(real, fake[:-1], k=2).coverage <= density_coverage(real, fake, k=2).coverage


def test_figures_do_not_depend_on_the_size_of_blocks(monkeypatch):
    real, fake = random_features(60, seed=0), random_features(45, seed=1, shift=0.5)
    whole = density_coverage(real, fake, k=4), precision_recall(real, fake, k=4)
    monkeypatch.setattr(knn, "BLOCK_ENTRIES", 200)
    assert (density_coverage(real, fake, k=4), precision_recall(real, fake, k=4)) == whole


def test_too_few_images_for_a_ball_are_refused():
    with pytest.raises(ValueError, match="k = 5"):
        density_coverage(torch.zeros(5, 2), torch.zeros(9, 2), k=5)
    with pytest.raises(ValueError, match="k = 5"):
        precision_recall(torch.zeros(9, 2), torch.zeros(5, 2), k=5)
