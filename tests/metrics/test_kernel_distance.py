import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import kernel_distance, kernel_distance_subsets, knn


def random_features(count: int, dim: int, *, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def slow_distance(real: torch.Tensor, fake: torch.Tensor) -> float:
    """Mean over pairs within the sets and between them, one pair at a time."""

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    within = [
        np.mean([kernel(x, y) for x, y in itertools.permutations(features, 2)]) for features in (real, fake)
    ]
    between = [
        kernel(x, y)
        for (i, x), (j, y) in itertools.product(enumerate(real), enumerate(fake))
        if i != j or len(real) != len(fake)
    ]
    return sum(within) - 2 * np.mean(between)


@pytest.mark.parametrize(("count", "other"), [(9, 9), (6, 11), (12, 5), (2, 2)])
def test_distance_equals_the_sum_over_pairs(count, other):
    real, fake = random_features(count, 4, seed=0), random_features(other, 4, seed=1, shift=0.5)
    assert kernel_distance(real, fake) == pytest.approx(slow_distance(real, fake), rel=1e-9)


def test_distance_of_two_known_sets():
    # Within: k(0, 1) = 1 and k(1, 2) = 27. Between, without partners: k(0, 2) = 1 and k(1, 1) = 8.
    assert kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(1 + 27 - 9)


def test_a_set_is_at_distance_zero_from_itself():
    features = 3 * random_features(100, 16, seed=0)
    assert abs(kernel_distance(features, features)) < 1e-9
    assert abs(kernel_distance_subsets(features, features, seed=0, subsets=5).mean) < 1e-9


def test_distance_does_not_depend_on_the_size_of_blocks(monkeypatch):
    real, fake = random_features(30, 4, seed=0), random_features(30, 4, seed=1)
    whole = kernel_distance(real, fake), kernel_distance(real, fake[:17])
    monkeypatch.setattr(knn, "BLOCK_ENTRIES", 70)
    assert (kernel_distance(real, fake), kernel_distance(real, fake[:17])) == pytest.approx(whole, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(count=st.integers(2, 20), other=st.integers(2, 20), seed=st.integers(0, 1000))
def test_distance_is_symmetric_and_blind_to_a_common_order(count, other, seed):
    real, fake = random_features(count, 5, seed=seed), random_features(other, 5, seed=seed + 1)
    distance = kernel_distance(real, fake)
    assert kernel_distance(fake, real) == pytest.approx(distance, rel=1e-9, abs=1e-9)
    assert kernel_distance(real.flip(0), fake.flip(0)) == pytest.approx(distance, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("extra", [0, 3])
def test_distance_is_unbiased_also_where_images_come_in_pairs(extra):
    # Between N(0, 1) and N(1/2, 1) the moments differ by 1/2, 1/4 and 13/8: 3 (1/2)² + 3 (1/4)² + (13/8)².
    generator = torch.Generator().manual_seed(0)
    distances = []
    for _ in range(1200):
        real = torch.randn(20 + extra, 1, generator=generator, dtype=torch.float64)
        fake = (
            real + 0.5 if extra == 0 else torch.randn(20, 1, generator=generator, dtype=torch.float64) + 0.5
        )
        distances.append(kernel_distance(real, fake))
    standard_error = np.std(distances) / len(distances) ** 0.5
    assert abs(np.mean(distances) - 3.578125) < 4 * standard_error
    assert standard_error < 0.3


def test_subsets_agree_with_the_whole_and_are_a_function_of_the_seed():
    real, fake = random_features(300, 4, seed=0), random_features(260, 4, seed=1, shift=0.5)
    found = kernel_distance_subsets(real, fake, seed=0, subsets=60, subset_size=100)
    assert found.mean == pytest.approx(kernel_distance(real, fake), abs=4 * found.sd / 60**0.5)
    assert found.sd > 0
    assert kernel_distance_subsets(real, fake, seed=0, subsets=60, subset_size=100) == found
    assert kernel_distance_subsets(real, fake, seed=1, subsets=60, subset_size=100) != found


def test_subsets_of_the_whole_sets_are_all_the_same():
    real, fake = random_features(8, 4, seed=0), random_features(6, 4, seed=1)[:6]
    found = kernel_distance_subsets(real[:6], fake, seed=0, subsets=3, subset_size=6)
    assert found == pytest.approx((kernel_distance(real[:6], fake), 0.0), abs=1e-12)


@pytest.mark.parametrize("arguments", [{"subsets": 1}, {"subset_size": 1}, {"subset_size": 9}])
def test_subsets_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError, match="KID"):
        kernel_distance_subsets(torch.zeros(8, 2), torch.zeros(9, 2), seed=0, **arguments)


def test_a_single_image_is_refused():
    with pytest.raises(ValueError, match="two images"):
        kernel_distance(torch.zeros(1, 2), torch.zeros(9, 2))
