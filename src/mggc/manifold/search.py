"""Exact nearest neighbors by cosine: fast candidates in float32, ranked in arithmetic that does not round."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mggc.errors import MggcError
from mggc.shapes import Embeddings

# Candidates beyond k: enough that float32's rounding seldom leaves a doubt.
SLACK = 11
RESCORED_ROWS = 128
# Unit vectors on this grid are exact in float32, and their dot products in float64, in whatever order they are summed.
GRID = 2**24
EXCLUDED = -1.0


class Neighbors(NamedTuple):
    """For each query its neighbors, the nearest first."""

    indices: Int[Tensor, "queries k"]
    """Rows of the searched embeddings."""
    similarity: Float[Tensor, "queries k"]
    """Absolute cosines, in [0, 1], descending."""

    @classmethod
    def empty(cls, k: int, *, like: Tensor) -> "Neighbors":
        """Those of no queries at all."""
        similarity = like.new_empty(0, k)
        return cls(similarity.long(), similarity)


Propose = Callable[[Tensor, Tensor | None, int], Neighbors]
"""From rows, the column that is each row itself (or None), and a count, to that many candidates."""


def grid_units(embeddings: Embeddings) -> Float[Tensor, "images dim"]:
    """Unit vectors in float32, rounded to multiples of 2^-24; zero vectors stay zero.

    Raises:
        MggcError: An embedding is not finite.
    """
    if not embeddings.isfinite().all():
        raise MggcError(
            "The encoder's features should be finite; some are not. Train it again with a lower --encode.lr."
        )
    blocks = [
        ((F.normalize(block.double(), dim=1, eps=1e-300) * GRID).round() / GRID).float()
        for block in torch.split(embeddings, 8192)
    ]
    return torch.cat(blocks)


def neighbors_of(
    block: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "images dim"],
    own: Int[Tensor, " rows"] | None,
    k: int,
    *,
    choices: int,
    propose: Propose,
    block_columns: int,
) -> Neighbors:
    """The k nearest columns of each row, exactly.

    Args:
        block: Rows, from :func:`grid_units`.
        columns: What is searched, from :func:`grid_units`.
        own: The column that is the row itself, which is left out; None leaves none out.
        k: Neighbors of each row, at most ``choices``.
        choices: Columns that each row may choose from.
        propose: The fast search.
        block_columns: Columns in one block of the exact search.
    """
    if k == 0:
        similarity = block.new_empty(len(block), 0)
        return Neighbors(similarity.long(), similarity)
    count = min(k + SLACK, choices)
    candidates = propose(block, own, count)
    found = _rank_exactly(block, columns, candidates.indices, k)
    if count < choices:
        # What was not proposed is no nearer than the last candidate, give or take float32's rounding of a dot product.
        rounding = 2 * block.shape[1] * 2.0**-24
        doubtful = found.similarity[:, -1] <= candidates.similarity[:, -1] + rounding
        if doubtful.any():
            again = _search_exactly(
                block[doubtful],
                columns,
                None if own is None else own[doubtful],
                k,
                block_columns=block_columns,
            )
            found.indices[doubtful] = again.indices
            found.similarity[doubtful] = again.similarity
    # Rounding to the grid leaves some vectors a little longer than 1.
    return Neighbors(found.indices, found.similarity.float().clamp(max=1))


def blocked_candidates(
    columns: Float[Tensor, "images dim"],
    block: Float[Tensor, "rows dim"],
    own: Int[Tensor, " rows"] | None,
    count: int,
    *,
    block_columns: int,
) -> Neighbors:
    """The ``count`` columns that look nearest in float32, which is fast and nearly right."""
    values = block.new_full((len(block), count), EXCLUDED)
    indices = torch.zeros_like(values, dtype=torch.long)
    for start in range(0, len(columns), block_columns):
        similarity = _similarity(block, columns[start : start + block_columns], own, start=start)
        top = similarity.topk(min(count, similarity.shape[1]))
        values, order = torch.cat([values, top.values], dim=1).topk(count)
        indices = torch.cat([indices, top.indices + start], dim=1).gather(1, order)
    return Neighbors(indices, values)


def candidates_among_themselves(
    columns: Float[Tensor, "images dim"], count: int, *, block_columns: int
) -> Neighbors:
    """For every row the ``count`` other rows that look nearest in float32.

    The cosine of two images is computed once for both of them, which halves the work of searching row after row.
    """
    values = columns.new_full((len(columns), count), EXCLUDED)
    indices = torch.zeros_like(values, dtype=torch.long)

    def update(first: int, similarity: Tensor, *, offset: int) -> None:
        rows = slice(first, first + len(similarity))
        top = similarity.topk(min(count, similarity.shape[1]))
        values[rows], order = torch.cat([values[rows], top.values], dim=1).topk(count)
        indices[rows] = torch.cat([indices[rows], top.indices + offset], dim=1).gather(1, order)

    starts = range(0, len(columns), block_columns)
    for start in starts:
        block = columns[start : start + block_columns]
        for other in starts[start // block_columns :]:
            similarity = (block @ columns[other : other + block_columns].T).abs_()
            if other == start:
                similarity.fill_diagonal_(EXCLUDED)
            else:
                update(other, similarity.T.contiguous(), offset=start)
            update(start, similarity, offset=other)
    return Neighbors(indices, values)


def _similarity(
    block: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "some dim"],
    own: Int[Tensor, " rows"] | None,
    *,
    start: int,
) -> Float[Tensor, "rows some"]:
    """|cosine| of Eq. 1, in the precision of its arguments; ``EXCLUDED`` where a row meets itself."""
    similarity = (block @ columns.T).abs_()
    if own is not None:
        inside = (own >= start) & (own < start + len(columns))
        similarity[inside, own[inside] - start] = EXCLUDED
    return similarity


def _rank_exactly(
    block: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "images dim"],
    candidates: Int[Tensor, "rows count"],
    k: int,
) -> Neighbors:
    """The k nearest of each row's candidates, by exact similarity and then by index; float64."""
    candidates = candidates.sort(dim=1).values
    similarity = torch.cat(
        [
            torch.bmm(columns[chosen].double(), rows.double().unsqueeze(2)).squeeze(2).abs_()
            for rows, chosen in zip(
                torch.split(block, RESCORED_ROWS), torch.split(candidates, RESCORED_ROWS), strict=True
            )
        ]
    )
    similarity, order = similarity.sort(dim=1, descending=True, stable=True)
    return Neighbors(candidates.gather(1, order[:, :k]), similarity[:, :k].contiguous())


def _search_exactly(
    block: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "images dim"],
    own: Int[Tensor, " rows"] | None,
    k: int,
    *,
    block_columns: int,
) -> Neighbors:
    """The k nearest among all columns in exact arithmetic, however many are equal; float64, about twice the work."""
    block = block.double()
    values = block.new_full((len(block), 0), EXCLUDED)
    indices = torch.zeros_like(values, dtype=torch.long)
    for start in range(0, len(columns), block_columns):
        similarity = _similarity(block, columns[start : start + block_columns].double(), own, start=start)
        top = _largest_lowest_first(similarity, min(k, similarity.shape[1]))
        values = torch.cat([values, similarity.gather(1, top)], dim=1)
        indices = torch.cat([indices, top + start], dim=1)
        # Stable: what stands first, from a lower column, stays first among equals.
        values, order = values.sort(dim=1, descending=True, stable=True)
        values, indices = values[:, :k], indices.gather(1, order[:, :k])
    return Neighbors(indices, values)


def _largest_lowest_first(values: Float[Tensor, "rows columns"], k: int) -> Int[Tensor, "rows k"]:
    """Columns of the k largest values, ascending; ``topk`` does not promise which of equal ones it takes."""
    threshold = values.topk(k).values[:, -1:]
    position = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)
    preference = torch.where(values == threshold, -position, -torch.inf)
    preference = torch.where(values > threshold, 1.0, preference)
    return preference.topk(k).indices.sort(dim=1).values


def faiss_index(columns: Float[Tensor, "images dim"]) -> Any:
    """All columns in a flat index, which compares with every one of them."""
    # An extra, and slow to import.
    import faiss

    index = faiss.IndexFlatIP(columns.shape[1])
    index.add(columns.cpu().numpy())
    return index


def faiss_candidates(
    index: Any,
    block: Float[Tensor, "rows dim"],
    own: Int[Tensor, " rows"] | None,
    count: int,
    *,
    signed: bool,
) -> Neighbors:
    """The same candidates from faiss, which knows no absolute value: signed features are searched from both ends."""
    found = []
    for sign in (1, -1) if signed else (1,):
        values, indices = index.search((sign * block).cpu().numpy(), min(count + 1, index.ntotal))
        values, indices = torch.from_numpy(values), torch.from_numpy(indices)
        # Each column counts at one end only.
        counted = values >= 0 if sign > 0 else values > 0
        found.append((values.where(counted, torch.tensor(EXCLUDED)), indices))
    values, indices = (torch.cat(parts, dim=1).to(block.device) for parts in zip(*found, strict=True))
    if own is not None:
        values = values.masked_fill(indices == own[:, None], EXCLUDED)
    values, order = values.topk(count)
    return Neighbors(indices.gather(1, order), values)
