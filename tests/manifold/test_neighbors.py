import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.errors import MggcError
from mggc.manifold import draw_neighbor, nearest_neighbors
from mggc.manifold import search as search_module


def random_embeddings(images: int, dim: int, seed: int, *, kind: str = "signed") -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    if kind == "signed":
        return torch.randn(images, dim, generator=random)
    if kind == "features":
        return torch.randn(images, dim, generator=random).relu()
    if kind == "few values":  # many exact ties, zero vectors, parallel and opposite vectors
        return torch.randint(-1, 2, (images, dim), generator=random).float()
    if kind == "near":  # closer to each other than float32 tells apart
        return torch.ones(images, dim) + 1e-5 * torch.randn(images, dim, generator=random)
    raise ValueError(kind)


def brute_force(embeddings: torch.Tensor, k: int, queries: torch.Tensor | None = None) -> list[list[int]]:
    """Eq. 1 with whole numbers: unit vectors on the grid of 2^-24, and Python's exact arithmetic."""
    units = [[round(x * 2**24) for x in row] for row in unit(embeddings).tolist()]
    query_units = (
        units if queries is None else [[round(x * 2**24) for x in row] for row in unit(queries).tolist()]
    )
    found = []
    for i, query in enumerate(query_units):
        similarity = [
            (-abs(sum(a * b for a, b in zip(query, other, strict=True))), j)
            for j, other in enumerate(units)
            if queries is not None or j != i
        ]
        found.append([j for _, j in sorted(similarity)[:k]])
    return found


def unit(embeddings: torch.Tensor) -> torch.Tensor:
    norm = embeddings.double().norm(dim=1, keepdim=True)
    return torch.where(norm > 0, embeddings.double() / norm, 0.0)


@given(
    images=st.integers(2, 40),
    dim=st.integers(1, 6),
    k=st.integers(0, 6),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["signed", "features", "few values", "near"]),
    block_rows=st.integers(1, 50),
    block_columns=st.integers(1, 50),
)
@settings(max_examples=150, deadline=None)
def test_neighbors_are_those_of_brute_force_whatever_the_blocks(
    images, dim, k, seed, kind, block_rows, block_columns
):
    k = min(k, images - 1)
    embeddings = random_embeddings(images, dim, seed, kind=kind)
    found = nearest_neighbors(embeddings, k, block_rows=block_rows, block_columns=block_columns)
    assert found.indices.tolist() == brute_force(embeddings, k)


@pytest.mark.parametrize("kind", ["signed", "features", "few values", "near"])
def test_similarity_is_the_absolute_cosine(kind):
    embeddings = random_embeddings(30, 5, 0, kind=kind)
    found = nearest_neighbors(embeddings, 4)
    cosine = (unit(embeddings) @ unit(embeddings).T).abs()
    torch.testing.assert_close(found.similarity.double(), cosine.gather(1, found.indices), rtol=0, atol=1e-6)
    assert (found.similarity.diff(dim=1) <= 0).all()
    assert found.similarity.max() <= 1


@pytest.mark.parametrize("images", [30, 7])
def test_queries_may_be_other_images_and_find_their_equals(images):
    embeddings = random_embeddings(images, 6, 0)
    queries = torch.cat([random_embeddings(5, 6, 1), embeddings[:2]])
    found = nearest_neighbors(embeddings, 3, queries=queries)
    assert found.indices.tolist() == brute_force(embeddings, 3, queries)
    assert found.indices[-2:, 0].tolist() == [0, 1]


def test_an_image_can_be_its_own_neighbor_when_asked():
    embeddings = random_embeddings(20, 6, 0)
    assert nearest_neighbors(embeddings, 1, exclude_self=False).indices[:, 0].tolist() == list(range(20))


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_equal_images_are_ordered_by_index_however_many(block):
    embeddings = random_embeddings(5, 16, 0).repeat(60, 1)
    found = nearest_neighbors(embeddings, 4, block_rows=block, block_columns=block)
    for i, row in enumerate(found.indices.tolist()):
        assert row == [j for j in range(300) if j % 5 == i % 5 and j != i][:4]


def test_indices_and_similarities_are_bit_equal_for_all_blocks():
    embeddings = random_embeddings(3000, 64, 0, kind="features")
    embeddings[1500:] = embeddings[:1500]
    whole = nearest_neighbors(embeddings, 5)
    for rows, columns in ((1024, 8192), (37, 411), (3000, 100)):
        blocks = nearest_neighbors(embeddings, 5, block_rows=rows, block_columns=columns)
        assert torch.equal(blocks.indices, whole.indices)
        assert torch.equal(blocks.similarity, whole.similarity)
    assert torch.equal(whole.indices[:1500, 0], torch.arange(1500, 3000))


def test_zero_vectors_are_similar_to_nothing():
    embeddings = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.1], [0.0, 0.0]])
    found = nearest_neighbors(embeddings, 2)
    assert found.indices.tolist() == [[1, 2], [2, 0], [1, 0], [0, 1]]
    assert found.similarity[0].tolist() == [0, 0]


def test_length_does_not_count_even_when_extreme():
    embeddings = random_embeddings(12, 4, 0)
    scales = torch.logspace(-30, 30, 12)[:, None]
    assert torch.equal(
        nearest_neighbors(embeddings * scales, 3).indices, nearest_neighbors(embeddings, 3).indices
    )


def test_too_few_images_are_the_users_to_mend():
    with pytest.raises(
        MggcError, match=r"5 neighbors .* at least 6 images. Found 5. Lower --prune.neighbors"
    ):
        nearest_neighbors(torch.rand(5, 3), 5)
    assert nearest_neighbors(torch.rand(6, 3), 5).indices.shape == (6, 5)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_features_that_are_not_finite_are_refused(value):
    embeddings = torch.rand(6, 3)
    embeddings[2, 1] = value
    with pytest.raises(MggcError, match="finite"):
        nearest_neighbors(embeddings, 2)


def test_no_neighbors_are_an_empty_table():
    assert nearest_neighbors(torch.rand(6, 3), 0).indices.shape == (6, 0)


class FlatIndex:
    """What is used of faiss.IndexFlatIP, in numpy."""

    def __init__(self, dim: int) -> None:
        self.vectors = np.zeros((0, dim), dtype=np.float32)

    @property
    def ntotal(self) -> int:
        return len(self.vectors)

    def add(self, vectors: np.ndarray) -> None:
        self.vectors = np.concatenate([self.vectors, vectors])

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        similarity = queries @ self.vectors.T
        indices = np.argsort(-similarity, axis=1)[:, :count]
        return np.take_along_axis(similarity, indices, axis=1), indices


@pytest.mark.parametrize("kind", ["signed", "features", "few values", "near"])
@pytest.mark.parametrize("images", [8, 200])
def test_faiss_gives_the_same_answers(monkeypatch, kind, images):
    monkeypatch.setitem(sys.modules, "faiss", SimpleNamespace(IndexFlatIP=FlatIndex, __spec__=object()))
    embeddings = random_embeddings(images, 12, 0, kind=kind)
    queries = random_embeddings(9, 12, 1)
    for arguments in ({}, {"exclude_self": False}, {"queries": queries}):
        exact = nearest_neighbors(embeddings, 5, backend="exact", **arguments)
        faiss = nearest_neighbors(embeddings, 5, backend="faiss", **arguments)
        assert torch.equal(faiss.indices, exact.indices)
        assert torch.equal(faiss.similarity, exact.similarity)


def test_faiss_is_named_where_it_is_asked_for_and_absent(monkeypatch):
    monkeypatch.setattr("mggc.manifold.neighbors.find_spec", lambda _name: None)
    with pytest.raises(MggcError, match=r"mggc\[faiss\]"):
        nearest_neighbors(torch.rand(6, 3), 2, backend="faiss")
    assert nearest_neighbors(torch.rand(6, 3), 2).indices.shape == (6, 2)


def test_the_exact_search_is_rare_on_ordinary_features(monkeypatch):
    searched = []
    exact = search_module._search_exactly
    monkeypatch.setattr(
        search_module,
        "_search_exactly",
        lambda block, *arguments, **options: (
            searched.append(len(block)) or exact(block, *arguments, **options)
        ),
    )
    nearest_neighbors(random_embeddings(2000, 512, 0, kind="features"), 5)
    assert sum(searched) < 20


@pytest.mark.parametrize("k", [1, 3])
def test_neighbor_image_is_drawn_uniformly_from_the_center_and_its_neighbors(k):
    indices = torch.arange(100, 100 + 4 * k).view(4, k)
    centers = torch.full((8000,), 2)
    drawn = draw_neighbor(indices, centers, torch.Generator().manual_seed(0))
    values, counts = drawn.unique(return_counts=True)
    assert values.tolist() == [2, *indices[2].tolist()]
    expected = 8000 / (k + 1)
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 20


def test_neighbor_images_belong_to_their_own_centers():
    indices = torch.tensor([[10, 20], [11, 21], [12, 22]])
    centers = torch.tensor([2, 0, 1] * 50)
    drawn = draw_neighbor(indices, centers, torch.Generator().manual_seed(0))
    assert torch.equal(drawn % 10, centers)


def test_without_neighbors_the_center_is_drawn():
    centers = torch.tensor([3, 1, 2])
    drawn = draw_neighbor(torch.empty(4, 0, dtype=torch.long), centers, torch.Generator())
    assert torch.equal(drawn, centers)
