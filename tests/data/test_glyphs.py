import unicodedata

import pytest
import torch
from torch import Tensor

from mggc.data.dataset import Dataset
from mggc.data.glyphs import distinct_letters, open_glyphs
from mggc.data.images import ImageSet
from mggc.data.loaders import stack

SIZE = 64


@pytest.fixture(scope="module")
def glyphs() -> Dataset:
    return open_glyphs(image_size=SIZE, paired=True)


@pytest.fixture(scope="module")
def unpaired() -> Dataset:
    return open_glyphs(image_size=SIZE, paired=False)


def ink(images: ImageSet) -> Tensor:
    return stack(images, image_size=SIZE)[:, 0] < 128


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union, pooled over the images."""
    return ((one & other).sum() / (one | other).sum()).item()


def extent(masks: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """First and last place with ink along one side of each image."""
    present = masks.any(dim=dim).float()
    return present.argmax(1), present.shape[1] - 1 - present.flip(1).argmax(1)


def test_there_are_many_letters_and_each_looks_its_own_way(glyphs: Dataset) -> None:
    letters = distinct_letters()
    assert len(letters) > 1_700
    assert all(unicodedata.category(letter).startswith("L") for letter in letters)
    assert "A" in letters
    assert "\N{GREEK CAPITAL LETTER ALPHA}" not in letters
    pairs = {
        (source.numpy().tobytes(), target.numpy().tobytes())
        for split in (glyphs.train, glyphs.val, glyphs.test)
        for source, target in zip(split.source, split.target, strict=True)
    }
    assert len(pairs) == len(letters)


def test_letters_are_split_80_10_10_without_overlap(glyphs: Dataset) -> None:
    names = [split.source.names for split in (glyphs.train, glyphs.val, glyphs.test)]
    total = sum(map(len, names))
    assert [round(100 * len(part) / total) for part in names] == [80, 10, 10]
    assert len({name for part in names for name in part}) == total
    assert "80 % train, 10 % val, 10 % test" in glyphs.split_rule
    assert str(total) in glyphs.split_rule
    assert "U+0041" in {name for part in names for name in part}


def test_pairs_show_the_same_letter_in_the_same_place(glyphs: Dataset) -> None:
    assert glyphs.train.source.names == glyphs.train.target.names
    source, target = ink(glyphs.train.source), ink(glyphs.train.target)
    matched, mismatched = overlap(source, target), overlap(source, target.roll(1, 0))
    assert matched > 1.5 * mismatched
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        assert overlap(source, target.roll([4 * step for step in shift], (1, 2))) < matched
    for masks in (source, target):
        first, last = extent(masks, dim=1)
        off_centre = (first + last - (SIZE - 1)).abs() / 2
        assert off_centre.max() <= 1


def test_letters_that_stand_on_the_baseline_do_so_in_both_fonts(glyphs: Dataset) -> None:
    standing = [
        index
        for index, name in enumerate(glyphs.train.source.names)
        if chr(int(name.removeprefix("U+"), base=16)) in "ABDEFHIKLMNPRTXYZabdhiklmnorx"
    ]
    assert len(standing) > 10
    bottoms = [
        extent(ink(images)[standing], dim=2)[1] for images in (glyphs.train.source, glyphs.train.target)
    ]
    assert (bottoms[0] - bottoms[1]).abs().max() <= 1


@pytest.mark.parametrize("size", [32, 64, 128])
def test_fewer_than_one_letter_in_a_hundred_touches_the_edge(size: int) -> None:
    dataset = open_glyphs(image_size=size, paired=True)
    for images in (dataset.train.source, dataset.train.target):
        pixels = stack(images, image_size=size)
        edge = torch.ones(size, size, dtype=torch.bool)
        edge[1:-1, 1:-1] = False
        touching = (pixels[:, 0, edge] < 128).any(1)
        assert touching.float().mean() < 0.01
        assert (pixels < 128).flatten(1).any(1).all()


def test_letters_are_black_on_white_in_one_channel(glyphs: Dataset) -> None:
    pixels = stack(glyphs.test.source, image_size=SIZE)
    assert pixels.shape[1:] == (1, SIZE, SIZE)
    assert pixels.float().mean() > 200
    assert pixels.min() == 0


def test_drawing_and_splitting_are_deterministic(glyphs: Dataset) -> None:
    again = open_glyphs(image_size=SIZE, paired=True)
    assert again.train.source.names == glyphs.train.source.names
    assert torch.equal(
        stack(again.train.target, image_size=SIZE), stack(glyphs.train.target, image_size=SIZE)
    )
    other = open_glyphs(image_size=SIZE, paired=True, seed=1)
    assert other.train.source.names != glyphs.train.source.names


def test_the_letters_of_a_split_do_not_depend_on_the_image_size(glyphs: Dataset) -> None:
    assert open_glyphs(image_size=16, paired=True).test.source.names == glyphs.test.source.names


def test_no_letter_is_in_both_domains_of_unpaired_training(unpaired: Dataset) -> None:
    assert not unpaired.train.paired
    assert not set(unpaired.train.source.names) & set(unpaired.train.target.names)
    assert abs(len(unpaired.train.source) - len(unpaired.train.target)) <= 1
    assert "half of train's letters" in unpaired.split_rule


def test_unpaired_glyphs_are_still_tested_in_pairs(glyphs: Dataset, unpaired: Dataset) -> None:
    assert unpaired.test.paired
    assert unpaired.test.source.names == unpaired.test.target.names == glyphs.test.source.names


def test_the_direction_swaps_the_fonts(glyphs: Dataset) -> None:
    back = open_glyphs(image_size=SIZE, paired=True, direction="BtoA")
    assert torch.equal(back.val.source[0], glyphs.val.target[0])
    assert torch.equal(back.val.target[0], glyphs.val.source[0])


def test_glyphs_are_neither_cropped_nor_mirrored(glyphs: Dataset) -> None:
    assert not glyphs.augment


def test_three_channels_repeat_the_grey_value(glyphs: Dataset) -> None:
    colour = open_glyphs(image_size=SIZE, paired=True, input_channels=3)
    assert colour.input_channels == 3
    assert torch.equal(colour.val.source[5], glyphs.val.source[5].expand(3, -1, -1))
