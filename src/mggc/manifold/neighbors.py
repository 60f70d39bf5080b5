"""Eq. 1: the k teacher images nearest to each; and y'' of Eq. 2, drawn from such a neighborhood."""

from functools import partial
from importlib.util import find_spec
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from mggc.errors import MggcError
from mggc.manifold.search import (
    SLACK,
    Neighbors,
    blocked_candidates,
    candidates_among_themselves,
    faiss_candidates,
    faiss_index,
    grid_units,
    neighbors_of,
)
from mggc.shapes import Embeddings

EXACT_UP_TO = 200_000
MUTUAL_BLOCK = 4096


def nearest_neighbors(
    embeddings: Embeddings,
    k: int,
    *,
    queries: Float[Tensor, "queries dim"] | None = None,
    exclude_self: bool = True,
    block_rows: int = 1024,
    block_columns: int = 8192,
    backend: Literal["auto", "exact", "faiss"] = "auto",
) -> Neighbors:
    """The k rows of ``embeddings`` with the highest absolute cosine (Eq. 1); among equals the lower row comes first.

    The paper writes the absolute value; pooled features follow a ReLU and are never negative, so it changes nothing.
    A zero vector has similarity 0 to everything.

    The answer does not depend on blocks, threads or backend: a float32 search proposes candidates, exact arithmetic
    ranks them, and the rows where rounding could have hidden a neighbor are searched again exactly. Beside the result
    and a normalized copy of the embeddings, memory does not grow with the number of images.

    Args:
        embeddings: One row for each image, on the CPU or a CUDA device.
        k: Neighbors of each query; 0 gives an empty result.
        queries: Rows to find the neighbors of; absent, the embeddings themselves.
        exclude_self: An image is not its own neighbor; without meaning where ``queries`` are given.
        block_rows: Queries in one block.
        block_columns: Embeddings in one block.
        backend: ``auto`` takes faiss, where it is installed, beyond 200,000 images.

    Raises:
        MggcError: There are too few images for k neighbors, an embedding is not finite, or faiss is asked for and
            absent.
    """
    exclude_self = exclude_self and queries is None
    choices = len(embeddings) - exclude_self
    _check(k, images=len(embeddings), choices=choices)
    columns = grid_units(embeddings)
    rows = columns if queries is None else grid_units(queries)
    if _wants_faiss(backend, images=len(columns)):
        signed = bool((columns < 0).any() or (rows < 0).any())
        propose = partial(faiss_candidates, faiss_index(columns), signed=signed)
    elif exclude_self and k > 0:
        mutual = candidates_among_themselves(
            columns, min(k + SLACK, choices), block_columns=min(block_columns, MUTUAL_BLOCK)
        )
        propose = partial(_look_up, mutual)
    else:
        propose = partial(blocked_candidates, columns, block_columns=block_columns)
    found = [Neighbors.empty(k, like=columns)]
    for start in range(0, len(rows), block_rows):
        block = rows[start : start + block_rows]
        own = torch.arange(start, start + len(block), device=rows.device) if exclude_self else None
        found.append(
            neighbors_of(
                block, columns, own, k, choices=choices, propose=propose, block_columns=block_columns
            )
        )
    indices, similarity = zip(*found, strict=True)
    return Neighbors(torch.cat(indices), torch.cat(similarity))


def _look_up(candidates: Neighbors, _: Tensor, own: Tensor | None, count: int) -> Neighbors:
    """The candidates of some rows, by their numbers."""
    rows = slice(None) if own is None else own
    return Neighbors(candidates.indices[rows][:, :count], candidates.similarity[rows][:, :count])


def _check(k: int, *, images: int, choices: int) -> None:
    if k < 0:
        raise ValueError(f"Parameter `k` should not be negative. Found `k = {k}`.")
    if k > choices:
        raise MggcError(
            f"{k} neighbors of each image need at least {k + images - choices} images. Found {images}. "
            f"Lower --prune.neighbors to at most {max(choices, 0)}, or add source images."
        )


def _wants_faiss(backend: Literal["auto", "exact", "faiss"], *, images: int) -> bool:
    installed = find_spec("faiss") is not None
    if backend == "faiss" and not installed:
        raise MggcError("The faiss backend needs the package faiss-cpu. Run pip install 'mggc[faiss]'.")
    return backend == "faiss" or (backend == "auto" and images > EXACT_UP_TO and installed)


def draw_neighbor(
    indices: Int[Tensor, "images k"], centers: Int[Tensor, " batch"], generator: Generator
) -> Int[Tensor, " batch"]:
    """The y'' of Eq. 2: for each centre, one of itself and its k neighbors with equal chance; with k = 0 the centre.

    Args:
        indices: Neighbors of every teacher image.
        centers: Rows of the teacher images that a batch shows.
        generator: Of the CPU.
    """
    neighborhood = torch.cat([centers[:, None], indices[centers]], dim=1)
    choice = torch.randint(neighborhood.shape[1], (len(centers), 1), generator=generator)
    return neighborhood.gather(1, choice.to(neighborhood.device)).squeeze(1)
