"""Whether the compressed generator keeps the neighbourhoods of the original's manifold: Figure 5 as numbers."""

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from mggc.metrics.arrays import Features, as_double
from mggc.metrics.knn import nearest_neighbors


def neighborhood_preservation(original: Features, compressed: Features, k: int = 5) -> float:
    """The share of an image's k neighbours under the original that are still its neighbours when compressed.

    Mean over images of |N_k(original) ∩ N_k(compressed)| / k, in [0, 1]: 1 for a set against itself, and
    k / (images - 1) on average for embeddings that have nothing to do with each other. Neighbours are by cosine,
    within each set, an image itself excluded (Eq. 1).

    Args:
        original: Embeddings [images, dim] of the original generator's outputs, NumPy or torch.
        compressed: Embeddings of the compressed generator's outputs for the same inputs, in the same order.
        k: Neighbours of each image.

    Raises:
        ValueError: The sets have different shapes, there are not k other images, or embeddings are not finite.
    """
    return float(shared_neighbors(original, compressed, k=k).mean())


def shared_neighbors(original: Features, compressed: Features, k: int = 5) -> Float64[Tensor, " images"]:
    """Each image's share of preserved neighbours, whose mean is ``neighborhood_preservation``."""
    before, after = _embeddings(original, compressed)
    kept = nearest_neighbors(before, k=k, metric="cosine").indices
    found = nearest_neighbors(after, k=k, metric="cosine").indices
    return (kept[:, :, None] == found[:, None, :]).any(2).double().mean(1)


def local_distance_correlation(original: Features, compressed: Features, k: int = 5) -> float:
    """Spearman's rank correlation, original against compressed, of the distances within the original's neighbourhoods.

    Pairs are (i, j) with j among the k cosine neighbours of i under the original; each has a cosine distance under
    either generator. In [-1, 1]: 1 where compression keeps their order, so dense regions stay dense; NaN where
    all distances of either set are equal. Tied distances share their mean rank.

    Args:
        original: Embeddings [images, dim] of the original generator's outputs, NumPy or torch.
        compressed: Embeddings of the compressed generator's outputs for the same inputs, in the same order.
        k: Neighbours of each image.

    Raises:
        ValueError: The sets have different shapes, there are not k other images, or embeddings are not finite.
    """
    before, after = _embeddings(original, compressed)
    neighbors = nearest_neighbors(before, k=k, metric="cosine").indices
    return _correlation(_ranks(_distances_to(neighbors, before)), _ranks(_distances_to(neighbors, after)))


def _embeddings(
    original: Features, compressed: Features
) -> tuple[Float64[Tensor, "images dim"], Float64[Tensor, "images dim"]]:
    if original.shape != compressed.shape:
        raise ValueError(
            "Both sets should be one encoder's embeddings of the same images. "
            f"Found {tuple(original.shape)} and {tuple(compressed.shape)}."
        )
    before, after = as_double(original), as_double(compressed)
    return before, after.to(before.device)


def _distances_to(
    neighbors: Int64[Tensor, "images k"], embeddings: Float64[Tensor, "images dim"]
) -> Float64[Tensor, " pairs"]:
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    # One column of neighbours at a time: all at once would hold k copies of the embeddings.
    return torch.cat([1 - (unit * unit[column]).sum(1) for column in neighbors.T])


def _ranks(values: Float64[Tensor, " pairs"]) -> Float64[Tensor, " pairs"]:
    """Ranks from 1; equal values share the mean of the ranks that they occupy."""
    _, groups, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranks: Tensor = counts.cumsum(0) - (counts - 1) / 2
    return ranks.double()[groups]


def _correlation(left: Float64[Tensor, " pairs"], right: Float64[Tensor, " pairs"]) -> float:
    left, right = left - left.mean(), right - right.mean()
    return float((left * right).sum() / (left.square().sum() * right.square().sum()).sqrt())
