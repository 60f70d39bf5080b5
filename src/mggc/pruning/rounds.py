"""The batches of the game: source images, and for each a neighbour image from the memory map (Eq. 2)."""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from mggc.data.cache import CachedImages
from mggc.data.images import ImageSet
from mggc.data.transforms import to_float
from mggc.manifold.neighbors import draw_neighbor
from mggc.manifold.teacher_images import teacher_batch
from mggc.runtime import step_generator
from mggc.shapes import Images

CACHE_BYTES = 1 << 30


class Round(NamedTuple):
    """What both players look at in one update."""

    source: Images
    """x: source images."""
    neighbor: Images
    """y'': for each of them a teacher image, its own or one of its k neighbours'."""
    neighbor_source: Images | None = None
    """What the neighbour images were made from, where that was asked for."""


def rounds(
    sources: ImageSet,
    teacher_images: UInt8[np.ndarray, "images channels height width"],
    neighbors: Int[Tensor, "images k"],
    *,
    batch_size: int,
    seed: int,
    flip: bool,
    start: int = 0,
    rank: int = 0,
    world_size: int = 1,
    neighbor_sources: bool = False,
) -> Iterator[Round]:
    """Rounds ``start``, ``start + 1`` and so on, without end; round n is a function of (seed, n).

    Args:
        sources: Source images, in the order of the teacher images.
        teacher_images: What the original generator made of them.
        neighbors: Rows of each teacher image's neighbours.
        batch_size: Images in one round, over all ranks together.
        seed: The run's seed.
        flip: Mirror source and neighbour image together, at random.
        start: The first round to yield.
        rank: This process takes samples ``rank``, ``rank + world_size`` and so on.
        world_size: The number of processes.
        neighbor_sources: Read the source images of the neighbour images too.
    """
    size = teacher_images.shape[-1]
    cached = CachedImages(sources, load_size=size, max_bytes=CACHE_BYTES)
    for number in count(start):
        centers = _centers(len(sources), number, batch_size=batch_size, seed=seed)
        generator = step_generator(seed, "round", number)
        rows = draw_neighbor(neighbors, centers, generator)
        mirrored = torch.rand(batch_size, generator=generator) < 0.5
        own = slice(rank, None, world_size)
        images = [_sources(cached, centers[own]), teacher_batch(teacher_images, rows[own])]
        if neighbor_sources:
            images.append(_sources(cached, rows[own]))
        yield Round(*(_mirror(batch, mirrored[own]) for batch in images) if flip else images)


def _centers(images: int, number: int, *, batch_size: int, seed: int) -> Int[Tensor, " batch"]:
    """The images of one round: epochs of shuffled images, laid end to end."""
    first, last = number * batch_size // images, ((number + 1) * batch_size - 1) // images
    orders = [
        torch.randperm(images, generator=step_generator(seed, "game epoch", epoch))
        for epoch in range(first, last + 1)
    ]
    offset = number * batch_size - first * images
    return torch.cat(orders)[offset : offset + batch_size]


def _sources(cached: CachedImages, rows: Int[Tensor, " batch"]) -> Images:
    return to_float(torch.stack([cached[int(row)] for row in rows]))


def _mirror(images: Images, chosen: Tensor) -> Images:
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)
