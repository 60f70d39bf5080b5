from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from mggc.data.images import ArrayImages
from mggc.pruning.rounds import Round, rounds

IMAGES, SIZE = 7, 4


def sources() -> ArrayImages:
    """Image i has the value i in its left half and 100 + i in its right one."""
    array = torch.arange(IMAGES, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, SIZE, SIZE)
    array[..., SIZE // 2 :] += 100
    return ArrayImages(array, [str(number) for number in range(IMAGES)])


def teachers() -> np.ndarray:
    return np.stack([sources()[number].numpy() for number in range(IMAGES)])


NEIGHBORS = torch.tensor([[(image + 1) % IMAGES, (image + 3) % IMAGES] for image in range(IMAGES)])


def some(count: int, **options: object) -> list[Round]:
    settings = {"batch_size": 3, "seed": 0, "flip": False} | options
    return list(islice(rounds(sources(), teachers(), NEIGHBORS, **settings), count))


def shown(images: torch.Tensor) -> list[int]:
    """Which images these are, mirrored or not."""
    values = ((images + 1) * 127.5).round().long()
    return values.flatten(1).min(1).values.tolist()


@pytest.mark.parametrize("flip", [True, False])
def test_a_later_start_continues_the_same_rounds(flip: bool) -> None:
    whole, tail = some(9, flip=flip), some(4, flip=flip, start=5)
    for one, other in zip(whole[5:], tail, strict=True):
        assert torch.equal(one.source, other.source)
        assert torch.equal(one.neighbor, other.neighbor)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 16])
def test_every_epoch_shows_every_image_once(batch_size: int) -> None:
    order = [image for one in some(21, batch_size=batch_size) for image in shown(one.source)]
    epochs = [order[start : start + IMAGES] for start in range(0, len(order) - IMAGES + 1, IMAGES)]
    assert all(sorted(epoch) == list(range(IMAGES)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_ranks_share_out_the_round_of_one_process() -> None:
    whole = some(6, batch_size=4, flip=True)
    ranks = [some(6, batch_size=4, flip=True, rank=rank, world_size=2) for rank in (0, 1)]
    for number, one in enumerate(whole):
        for part, field in ((0, "source"), (1, "neighbor")):
            shares = [ranks[rank][number][part] for rank in (0, 1)]
            merged = torch.stack(shares, dim=1).flatten(0, 1)
            assert torch.equal(merged, getattr(one, field))


def test_source_and_neighbour_are_mirrored_together_half_of_the_time() -> None:
    mirrored = 0
    for one in some(60, flip=True):
        source = one.source[..., 0] > one.source[..., -1]
        assert torch.equal(source, one.neighbor[..., 0] > one.neighbor[..., -1])
        mirrored += int(source[:, 0, 0].sum())
    assert 0.35 < mirrored / 180 < 0.65
    assert not any((one.source[..., 0] > one.source[..., -1]).any() for one in some(20))


def test_neighbours_come_from_the_image_itself_and_its_k_alike_often() -> None:
    seen: Counter[int] = Counter()
    for one in some(400):
        for center, neighbor in zip(shown(one.source), shown(one.neighbor), strict=True):
            choices = [center, *NEIGHBORS[center].tolist()]
            seen[choices.index(neighbor)] += 1
    assert all(0.28 < seen[place] / 1200 < 0.39 for place in range(3))


def test_without_neighbours_each_image_meets_its_own_teacher_image() -> None:
    alone = torch.empty(IMAGES, 0, dtype=torch.long)
    for one in islice(rounds(sources(), teachers(), alone, batch_size=2, seed=1, flip=False), 10):
        assert torch.equal(one.source, one.neighbor)


def test_sources_of_another_size_are_brought_to_the_teacher_images() -> None:
    large = ArrayImages(torch.full((IMAGES, 1, 9, 11), 128, dtype=torch.uint8), [*"abcdefg"])
    one = next(rounds(large, teachers(), NEIGHBORS, batch_size=2, seed=0, flip=False))
    assert one.source.shape == one.neighbor.shape == (2, 1, SIZE, SIZE)


def test_a_neighbours_own_source_is_the_one_it_was_made_from() -> None:
    for one in some(30, neighbor_sources=True, flip=True):
        assert one.neighbor_source is not None
        assert torch.equal(one.neighbor_source, one.neighbor)
    assert some(1)[0].neighbor_source is None
