import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import (
    GaussianStatistics,
    frechet_distance,
    frechet_distance_from_statistics,
    frechet_distance_infinity,
    gaussian_statistics,
)
from mggc.runtime import step_generator


def random_features(
    count: int, dim: int, *, seed: int, shift: float = 0.0, spread: float = 1.0
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    return spread * torch.randn(count, dim, generator=generator, dtype=torch.float64) @ mixing + shift


def textbook_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """The formula, by eigenvalues of the product of covariances."""
    first, second = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root_trace = np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()
    difference = real.mean(0) - fake.mean(0)
    return difference @ difference + np.trace(first) + np.trace(second) - 2 * root_trace


@pytest.mark.parametrize(
    ("count", "other", "dim"), [(50, 60, 5), (7, 60, 12), (60, 7, 12), (8, 9, 20), (2, 2, 3)]
)
def test_distance_equals_the_textbook_formula(count, other, dim):
    real = random_features(count, dim, seed=0)
    fake = random_features(other, dim, seed=1, shift=0.3, spread=2.0)
    expected = textbook_distance(real.numpy(), fake.numpy())
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real.numpy(), fake.numpy()) == pytest.approx(expected, rel=1e-6)


def test_distance_of_two_known_sets():
    # Means 1 and 4; unbiased variances 2 and 8: (4 - 1)² + (√8 - √2)².
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])) == pytest.approx(11.0)


@pytest.mark.parametrize(("count", "dim"), [(500, 8), (20, 64), (64, 64), (2, 10)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_set_is_at_distance_zero_from_itself(count, dim, scale):
    features = scale * random_features(count, dim, seed=3)
    assert frechet_distance(features, features) <= 1e-10 * float(features.var(0).sum())


def test_constant_features_leave_only_the_means_apart():
    real, fake = torch.ones(5, 3), torch.full((4, 3), 3.0)
    assert frechet_distance(real, fake) == pytest.approx(12.0)


def test_float32_features_are_computed_in_float64():
    real, fake = random_features(40, 6, seed=0).float(), random_features(40, 6, seed=1).float()
    assert frechet_distance(real, fake) == frechet_distance(real.double(), fake.double())


@settings(deadline=None, max_examples=25)
@given(count=st.integers(2, 30), other=st.integers(2, 30), dim=st.integers(1, 12), seed=st.integers(0, 1000))
def test_distance_is_symmetric_not_negative_and_blind_to_order_and_rotation(count, other, dim, seed):
    real = random_features(count, dim, seed=seed)
    fake = random_features(other, dim, seed=seed + 1, shift=0.1)
    distance = frechet_distance(real, fake)
    rotation = torch.linalg.qr(random_features(dim, dim, seed=seed + 2)).Q
    assert distance >= 0
    assert frechet_distance(fake, real) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(real.flip(0), fake) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(real @ rotation, fake @ rotation) == pytest.approx(distance, rel=1e-9)


def test_distance_from_statistics_of_diagonal_gaussians():
    real = GaussianStatistics(
        torch.tensor([0.0, 1.0]).double(), torch.diag(torch.tensor([4.0, 9.0]).double())
    )
    fake = GaussianStatistics(
        torch.tensor([3.0, 1.0]).double(), torch.diag(torch.tensor([1.0, 0.0]).double())
    )
    assert frechet_distance_from_statistics(real, fake) == pytest.approx(9 + 1 + 9)


@pytest.mark.parametrize("count", [6, 40])
def test_distance_from_statistics_equals_the_one_from_features(count):
    real, fake = random_features(count, 10, seed=0), random_features(30, 10, seed=1)
    from_statistics = frechet_distance_from_statistics(gaussian_statistics(real), gaussian_statistics(fake))
    assert from_statistics == pytest.approx(frechet_distance(real, fake), rel=1e-6)


def test_statistics_are_the_mean_and_unbiased_covariance():
    features = random_features(15, 4, seed=0)
    statistics = gaussian_statistics(features)
    np.testing.assert_allclose(statistics.mean, features.numpy().mean(0))
    np.testing.assert_allclose(statistics.covariance, np.cov(features.numpy(), rowvar=False))


def test_infinity_is_where_the_line_through_the_points_meets_the_axis():
    real, fake = random_features(80, 3, seed=0), random_features(60, 3, seed=1)
    sizes = [20, 40, 60]
    distances = [
        frechet_distance(
            real,
            fake[torch.randperm(60, generator=step_generator(7, "frechet_distance_infinity", point))[:size]],
        )
        for point, size in enumerate(sizes)
    ]
    expected = np.polyfit(1 / np.array(sizes), distances, 1)[1]
    found = frechet_distance_infinity(real, fake, seed=7, points=3, smallest=20)
    assert found == pytest.approx(expected, rel=1e-6)


def test_infinity_removes_most_of_the_bias_of_a_small_set():
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(100_000, 8, generator=generator)
    plain, extrapolated = [], []
    for seed in range(5):
        fake = torch.randn(400, 8, generator=generator)
        plain.append(frechet_distance(real, fake))
        extrapolated.append(frechet_distance_infinity(real, fake, seed=seed))
    # The true distance is 0.
    assert abs(np.mean(extrapolated)) < 0.3 * np.mean(plain)


def test_infinity_is_a_function_of_its_seed():
    real, fake = random_features(50, 3, seed=0), random_features(50, 3, seed=1)
    first = frechet_distance_infinity(real, fake, seed=0)
    assert frechet_distance_infinity(real, fake, seed=0) == first
    assert frechet_distance_infinity(real, fake, seed=1) != first


@pytest.mark.parametrize("arguments", [{"points": 1}, {"smallest": 1}, {"smallest": 50}])
def test_infinity_refuses_points_without_a_line(arguments):
    features = random_features(50, 3, seed=0)
    with pytest.raises(ValueError, match="FID∞"):
        frechet_distance_infinity(features, features, seed=0, **arguments)


def test_a_single_image_has_no_covariance():
    with pytest.raises(ValueError, match="two images"):
        frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))
