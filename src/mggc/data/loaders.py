"""Batches: endless and random for training, in order for evaluation.

Batch n is a function of (seed, n). So a run that starts at n sees what an uninterrupted one would have seen, and
nothing about the loader has to be saved.
"""

from collections.abc import Iterator
from itertools import count, islice
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from mggc.config import DataConfig
from mggc.data.cache import CachedImages
from mggc.data.dataset import Split
from mggc.data.images import ImageSet
from mggc.data.transforms import draw_jitter, evaluation_image, loading, to_float, training_image
from mggc.errors import MggcError
from mggc.runtime import step_generator
from mggc.shapes import ByteImage, ByteImages, Images

CACHE_BYTES = 2 << 30
"""Decoded training images kept in memory, both domains together."""


class Batch(NamedTuple):
    """Source and target images of one size, in the order of their positions."""

    source: Images
    target: Images
    indices: Int[Tensor, " batch"]
    """Where each source image stands in its split."""


class _Sample(NamedTuple):
    source: ByteImage
    target: ByteImage
    source_index: int


def training_batches(
    split: Split,
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    augment: bool,
    start: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[Batch]:
    """Batches ``start``, ``start + 1`` and so on, without end.

    Position p = n · batch_size + j, over epochs laid end to end, is sample j of batch n: each epoch shuffles all
    images anew, and a batch may reach into the next epoch. Unpaired domains are shuffled independently, each in
    epochs of its own length.

    Args:
        split: The images to draw from.
        config: Sizes and flips.
        batch_size: Images in one batch, over all ranks together.
        seed: The run's seed.
        augment: Jitter and mirror as ``config`` says (``Dataset.augment``); otherwise only resize.
        start: The first batch to yield.
        rank: This process takes samples ``rank``, ``rank + world_size`` and so on of each batch.
        world_size: The number of processes.

    Raises:
        MggcError: The load size is smaller than the image size, or processes cannot share a batch evenly; later, an
            image does not decode.
    """
    if batch_size % world_size:
        raise MggcError(
            f"--batch-size counts images over all devices: a multiple of {world_size}. Found {batch_size}."
        )
    load_size, flip = loading(config, augment=augment)
    cached = Split(
        CachedImages(split.source, load_size=load_size, max_bytes=CACHE_BYTES // 2),
        CachedImages(split.target, load_size=load_size, max_bytes=CACHE_BYTES // 2),
        paired=split.paired,
    )
    positions = count(start * batch_size + rank, world_size)
    samples = _samples(
        cached, positions, seed=seed, load_size=load_size, image_size=config.image_size, flip=flip
    )
    return _batches(samples, batch_size // world_size)


def _batches(samples: Iterator[_Sample], batch_size: int) -> Iterator[Batch]:
    while True:
        sources, targets, indices = zip(*islice(samples, batch_size), strict=True)
        yield Batch(to_float(torch.stack(sources)), to_float(torch.stack(targets)), torch.tensor(indices))


def _samples(
    split: Split, positions: Iterator[int], *, seed: int, load_size: int, image_size: int, flip: bool
) -> Iterator[_Sample]:
    sources = _Shuffled(len(split.source), seed, "source")
    targets = sources if split.paired else _Shuffled(len(split.target), seed, "target")
    for position in positions:
        generator = step_generator(seed, "sample", position)
        jitter = draw_jitter(generator, load_size=load_size, image_size=image_size, flip=flip)
        source = training_image(
            split.source[sources[position]], jitter, load_size=load_size, image_size=image_size
        )
        if not split.paired:
            jitter = draw_jitter(generator, load_size=load_size, image_size=image_size, flip=flip)
        target = training_image(
            split.target[targets[position]], jitter, load_size=load_size, image_size=image_size
        )
        yield _Sample(source, target, sources[position])


class _Shuffled:
    """Indices of ``length`` images by position: one permutation after the other, each made when it is reached."""

    def __init__(self, length: int, seed: int, domain: str) -> None:
        self._length = length
        self._seed = seed
        self._domain = domain
        self._epoch: int | None = None
        self._order: list[int] = []

    def __getitem__(self, position: int) -> int:
        epoch, offset = divmod(position, self._length)
        if epoch != self._epoch:
            generator = step_generator(self._seed, "epoch", epoch, self._domain)
            self._order = torch.randperm(self._length, generator=generator).tolist()
            self._epoch = epoch
        return self._order[offset]


def evaluation_batches(images: ImageSet, *, image_size: int, batch_size: int) -> Iterator[Images]:
    """All images in order, resized to a square; the last batch may be smaller."""
    for start in range(0, len(images), batch_size):
        indices = range(start, min(start + batch_size, len(images)))
        yield to_float(
            torch.stack([evaluation_image(images[index], image_size=image_size) for index in indices])
        )


def stack(images: ImageSet, *, image_size: int) -> ByteImages:
    """The whole set in one tensor, resized to a square."""
    first = evaluation_image(images[0], image_size=image_size)
    # Filled in place: a list of all images beside the stack of them would take the memory twice.
    stacked = first.new_empty((len(images), *first.shape))
    for index, image in enumerate(images):
        stacked[index] = evaluation_image(image, image_size=image_size)
    return stacked
