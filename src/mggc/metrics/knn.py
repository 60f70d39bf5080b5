"""Exact nearest neighbours within a set of features, in blocks of bounded memory."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

Metric = Literal["euclidean", "cosine"]

BLOCK_ENTRIES = 2**23
"""Largest number of distances held at once: 64 MiB in float64."""


class Neighbors(NamedTuple):
    """The k nearest of each image, nearest first; an image is not its own neighbour."""

    distances: Float64[Tensor, "images k"]
    indices: Int64[Tensor, "images k"]


def nearest_neighbors(
    features: Float64[Tensor, "images dim"], *, k: int, metric: Metric = "euclidean"
) -> Neighbors:
    """The k nearest neighbours of every image among the other images, by exhaustive search.

    Args:
        features: One vector for each image.
        k: Neighbours of each image.
        metric: ``euclidean``, or ``cosine`` for 1 - cos of the angle between two vectors.

    Raises:
        ValueError: There are not k other images.
    """
    if not 1 <= k < len(features):
        raise ValueError(
            f"`k` should be between 1 and the number of other images, {len(features) - 1}. Found `k = {k}`."
        )
    blocks = []
    for rows, distances in distance_blocks(features, features, metric=metric):
        distances.diagonal(rows.start).fill_(torch.inf)  # an image is not its own neighbour
        blocks.append(distances.topk(k, largest=False))
    return Neighbors(
        distances=torch.cat([block.values for block in blocks]),
        indices=torch.cat([block.indices for block in blocks]),
    )


def distance_blocks(
    queries: Float64[Tensor, "queries dim"], references: Float64[Tensor, "references dim"], *, metric: Metric
) -> Iterator[tuple[slice, Float64[Tensor, "rows references"]]]:
    """Distances of every query to every reference: consecutive rows of the whole matrix, and which rows they are."""
    if metric == "cosine":
        queries, references = _unit(queries), _unit(references)
    for rows in row_blocks(len(queries), len(references)):
        if metric == "cosine":
            yield rows, 1 - queries[rows] @ references.T
        else:
            # Not by matrix products: |x|² + |y|² - 2xy is not 0 between equal images, and depends on the block.
            yield rows, torch.cdist(queries[rows], references, compute_mode="donot_use_mm_for_euclid_dist")


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Consecutive slices of a matrix's rows, each with at most ``BLOCK_ENTRIES`` entries (or a single row)."""
    height = max(BLOCK_ENTRIES // max(columns, 1), 1)
    for start in range(0, rows, height):
        yield slice(start, min(start + height, rows))


def _unit(features: Float64[Tensor, "images dim"]) -> Float64[Tensor, "images dim"]:
    return torch.nn.functional.normalize(features, dim=1)
