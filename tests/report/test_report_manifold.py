import numpy as np
import pytest
import torch

from mggc.metrics.neighborhood import neighborhood_preservation
from mggc.report.manifold import neighborhoods, principal_plane, spread_out


def embeddings(images: int, *, seed: int) -> torch.Tensor:
    return torch.rand(images, 6, generator=torch.Generator().manual_seed(seed))


def test_the_plane_is_that_of_the_covariances_first_two_eigenvectors() -> None:
    before, after = embeddings(20, seed=0), embeddings(20, seed=1)
    plane = principal_plane(before, after)
    together = torch.cat([before, after]).double().numpy()
    unit = together / np.linalg.norm(together, axis=1, keepdims=True)
    centered = unit - unit.mean(0)
    values, vectors = np.linalg.eigh(centered.T @ centered)
    for axis in range(2):
        expected = np.abs(centered @ vectors[:, -1 - axis])
        found = torch.cat([plane.original, plane.compressed])[:, axis].abs().numpy()
        assert found == pytest.approx(expected, abs=1e-6)
        assert plane.explained[axis] == pytest.approx(values[-1 - axis] / values.sum())


def test_a_plane_does_not_depend_on_the_lengths_of_embeddings() -> None:
    before, after = embeddings(9, seed=0), embeddings(9, seed=1)
    scaled = principal_plane(3 * before, after * torch.rand(9, 1).add(0.5))
    torch.testing.assert_close(scaled.original, principal_plane(before, after).original, atol=1e-5, rtol=0)


def test_equal_embeddings_and_single_images_have_a_plane_too() -> None:
    same = torch.ones(3, 4)
    plane = principal_plane(same, same)
    assert plane.explained == pytest.approx((0, 0), abs=1e-6)
    assert plane.original.isfinite().all()
    assert principal_plane(torch.ones(1, 1), torch.ones(1, 1)).original.shape == (1, 2)


def test_neighbours_are_the_nearest_by_cosine_and_shared_ones_are_counted_as_the_metric_does() -> None:
    before, after, k = embeddings(12, seed=0), embeddings(12, seed=1), 3
    found = neighborhoods(before, after, k=k, centers=list(range(12)))
    for features, side in ((before, "original"), (after, "compressed")):
        unit = torch.nn.functional.normalize(features.double(), dim=1)
        cosines = (unit @ unit.T).fill_diagonal_(-1)
        expected = [set(row.topk(k).indices.tolist()) for row in cosines]
        assert [set(getattr(one, side)) for one in found] == expected
    shared = sum(len(one.shared) for one in found) / (12 * k)
    assert shared == pytest.approx(neighborhood_preservation(before, after, k))


def test_thumbnails_lie_far_from_each_other() -> None:
    points = torch.tensor([[0.0, 0.0], [0.1, 0.0], [5.0, 0.0], [5.1, 0.0], [0.0, 5.0]])
    assert set(spread_out(points, 3).tolist()) in ({0, 3, 4}, {1, 3, 4})
    assert sorted(spread_out(points, 9).tolist()) == [0, 1, 2, 3, 4]
