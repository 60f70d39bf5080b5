import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.metrics import knn
from mggc.metrics.knn import nearest_neighbors


def distance(x: list[float], y: list[float], metric: str) -> float:
    if metric == "euclidean":
        return math.dist(x, y)
    return 1 - sum(a * b for a, b in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y))


@settings(deadline=None, max_examples=25)
@given(count=st.integers(2, 20), k=st.integers(1, 19), seed=st.integers(0, 1000))
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbors_equal_brute_force(metric, count, k, seed):
    k = min(k, count - 1)
    features = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = features.tolist()
    found = nearest_neighbors(features, k=k, metric=metric)
    for i, row in enumerate(rows):
        expected = sorted((distance(row, other, metric), j) for j, other in enumerate(rows) if j != i)[:k]
        assert found.indices[i].tolist() == [j for _, j in expected]
        assert found.distances[i].tolist() == pytest.approx([d for d, _ in expected], abs=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbors_do_not_depend_on_the_size_of_blocks(monkeypatch, metric):
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = nearest_neighbors(features, k=5, metric=metric)
    monkeypatch.setattr(knn, "BLOCK_ENTRIES", 150)
    blocked = nearest_neighbors(features, k=5, metric=metric)
    assert blocked.indices.equal(whole.indices)
    torch.testing.assert_close(blocked.distances, whole.distances)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_an_image_is_not_its_own_neighbor_even_among_copies_of_itself(metric):
    features = torch.ones(6, 2, dtype=torch.float64)
    found = nearest_neighbors(features, k=5, metric=metric)
    assert [sorted(row) for row in found.indices.tolist()] == [
        [j for j in range(6) if j != i] for i in range(6)
    ]
    assert found.distances.abs().max() < 1e-12


@pytest.mark.parametrize("k", [0, 5, 6])
def test_more_neighbors_than_other_images_are_refused(k):
    with pytest.raises(ValueError, match=f"k = {k}"):
        nearest_neighbors(torch.zeros(5, 2, dtype=torch.float64), k=k)


def test_blocks_cover_all_rows_once(monkeypatch):
    monkeypatch.setattr(knn, "BLOCK_ENTRIES", 10)
    assert [row for rows in knn.row_blocks(7, 3) for row in range(7)[rows]] == list(range(7))
    assert [rows.stop - rows.start for rows in knn.row_blocks(2, 1000)] == [1, 1]
