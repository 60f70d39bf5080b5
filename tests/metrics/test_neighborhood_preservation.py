import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import local_distance_correlation, neighborhood_preservation, shared_neighbors


def random_embeddings(count: int, dim: int = 6, *, seed: int) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine_distance(x: np.ndarray, y: np.ndarray) -> float:
    return 1 - float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))


def slow_neighbors(embeddings: np.ndarray, i: int, k: int) -> list[int]:
    others = [j for j in range(len(embeddings)) if j != i]
    return sorted(others, key=lambda j: cosine_distance(embeddings[i], embeddings[j]))[:k]


def slow_preservation(original: np.ndarray, compressed: np.ndarray, k: int) -> float:
    shares = [
        len(set(slow_neighbors(original, i, k)) & set(slow_neighbors(compressed, i, k))) / k
        for i in range(len(original))
    ]
    return float(np.mean(shares))


def slow_rank(values: list[float], value: float) -> float:
    below, equal = sum(v < value for v in values), sum(v == value for v in values)
    return below + (equal + 1) / 2


def slow_correlation(original: np.ndarray, compressed: np.ndarray, k: int) -> float:
    pairs = [(i, j) for i in range(len(original)) for j in slow_neighbors(original, i, k)]
    ranks = []
    for embeddings in (original, compressed):
        # Rounded, so that a pair and its mirror image tie whatever the order of summation.
        distances = [round(cosine_distance(embeddings[i], embeddings[j]), 12) for i, j in pairs]
        ranks.append([slow_rank(distances, d) for d in distances])
    return float(np.corrcoef(*ranks)[0, 1])


@settings(deadline=None, max_examples=25)
@given(count=st.integers(5, 20), k=st.integers(1, 4), seed=st.integers(0, 1000))
def test_both_figures_equal_their_definitions(count, k, seed):
    original = random_embeddings(count, seed=seed)
    compressed = original + 0.5 * random_embeddings(count, seed=seed + 1)
    arrays = original.numpy(), compressed.numpy()
    assert neighborhood_preservation(original, compressed, k=k) == pytest.approx(
        slow_preservation(*arrays, k)
    )
    assert local_distance_correlation(*arrays, k=k) == pytest.approx(slow_correlation(*arrays, k), abs=1e-6)


def test_preservation_of_four_known_directions():
    degrees = torch.deg2rad(torch.tensor([0.0, 10.0, 90.0, 105.0]))
    original = torch.stack([degrees.cos(), degrees.sin()], dim=1)
    moved = torch.deg2rad(torch.tensor([0.0, 80.0, 90.0, 105.0]))
    compressed = torch.stack([moved.cos(), moved.sin()], dim=1)
    # Nearest: 1, 0, 3, 2 in the original; 1, 2, 1, 2 after it.
    assert shared_neighbors(original, compressed, k=1).tolist() == [1.0, 0.0, 0.0, 1.0]
    assert neighborhood_preservation(original, compressed, k=1) == 0.5


@settings(deadline=None, max_examples=25)
@given(count=st.integers(3, 40), k=st.integers(1, 39), seed=st.integers(0, 1000))
def test_a_set_preserves_its_own_neighborhoods(count, k, seed):
    embeddings = random_embeddings(count, seed=seed)
    k = min(k, count - 1)
    assert neighborhood_preservation(embeddings, embeddings, k=k) == 1.0
    assert local_distance_correlation(embeddings, embeddings, k=k) == pytest.approx(1.0)


def test_images_that_are_copies_of_each_other_preserve_their_neighborhoods_too():
    embeddings = random_embeddings(5, seed=0).repeat(4, 1)
    assert neighborhood_preservation(embeddings, embeddings.clone(), k=3) == 1.0


def test_rotation_and_scale_preserve_everything():
    embeddings = random_embeddings(60, seed=0)
    rotation = torch.linalg.qr(random_embeddings(6, seed=1)).Q
    scales = torch.rand(60, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 0.5
    moved = scales * embeddings @ rotation
    assert neighborhood_preservation(embeddings, moved, k=7) == 1.0
    assert local_distance_correlation(embeddings, moved, k=7) == pytest.approx(1.0)


def test_unrelated_embeddings_share_neighbors_by_chance_only():
    found = neighborhood_preservation(random_embeddings(400, seed=0), random_embeddings(400, seed=1), k=20)
    assert found == pytest.approx(20 / 399, abs=0.01)
    assert (
        abs(local_distance_correlation(random_embeddings(400, seed=0), random_embeddings(400, seed=1), k=20))
        < 0.1
    )


def test_more_noise_preserves_less():
    embeddings, noise = random_embeddings(200, seed=0), random_embeddings(200, seed=1)
    noisy = [embeddings + level * noise for level in (0.0, 0.05, 0.2, 1.0, 5.0)]
    for metric in (neighborhood_preservation, local_distance_correlation):
        figures = [metric(embeddings, other, k=5) for other in noisy]
        assert figures == sorted(figures, reverse=True)


@settings(deadline=None, max_examples=20)
@given(count=st.integers(5, 30), seed=st.integers(0, 1000))
def test_figures_keep_their_bounds_and_ignore_a_common_order(count, seed):
    original, compressed = random_embeddings(count, seed=seed), random_embeddings(count, seed=seed + 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    preserved = neighborhood_preservation(original, compressed, k=3)
    correlation = local_distance_correlation(original, compressed, k=3)
    assert 0 <= preserved <= 1
    assert -1 - 1e-9 <= correlation <= 1 + 1e-9
    assert neighborhood_preservation(compressed, original, k=3) == pytest.approx(preserved)
    assert neighborhood_preservation(original[order], compressed[order], k=3) == pytest.approx(preserved)
    assert local_distance_correlation(original[order], compressed[order], k=3) == pytest.approx(
        correlation, abs=1e-6
    )


def test_all_other_images_are_always_shared():
    original, compressed = random_embeddings(9, seed=0), random_embeddings(9, seed=1)
    assert neighborhood_preservation(original, compressed, k=8) == 1.0


def test_equal_distances_have_no_correlation():
    original = torch.eye(4)
    assert math.isnan(local_distance_correlation(original, random_embeddings(4, 4, seed=0), k=2))


@pytest.mark.parametrize("shape", [(6, 6), (5, 4)])
def test_sets_of_other_images_or_another_encoder_are_refused(shape):
    with pytest.raises((ValueError, TypeError), match=r"images|dim"):
        neighborhood_preservation(random_embeddings(5, 6, seed=0), random_embeddings(*shape, seed=0), k=2)
