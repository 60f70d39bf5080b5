from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import torch
from data_toys import constant_images, noise_images
from hypothesis import given
from hypothesis import strategies as st

from mggc.config import DataConfig
from mggc.data.dataset import Split
from mggc.data.images import FolderImages
from mggc.data.loaders import Batch, evaluation_batches, stack, training_batches
from mggc.data.transforms import to_bytes, to_float
from mggc.errors import MggcError

CONFIG = DataConfig(image_size=4, load_size=6)


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(part, counterpart) for part, counterpart in zip(one, other, strict=True))


def values(images: torch.Tensor) -> list[int]:
    """Which image of ``constant_images`` each of these is."""
    return to_bytes(images)[:, 0, 0, 0].tolist()


def equal_pairs(count: int) -> Split:
    return Split(noise_images(count), noise_images(count), paired=True)


def unequal_domains() -> Split:
    return Split(
        noise_images(7, channels=1, seed=1), noise_images(11, channels=3, size=9, seed=2), paired=False
    )


@pytest.mark.parametrize("split", [equal_pairs(7), unequal_domains()], ids=["paired", "unpaired"])
@pytest.mark.parametrize("start", [1, 6])
def test_a_loader_started_later_gives_the_tail_of_one_started_at_zero(split: Split, start: int) -> None:
    whole = islice(training_batches(split, CONFIG, batch_size=3, seed=5, augment=True), 10)
    later = training_batches(split, CONFIG, batch_size=3, seed=5, augment=True, start=start)
    for expected, found in zip(islice(whole, start, None), later, strict=False):
        assert same(expected, found)


@pytest.mark.parametrize("world_size", [1, 2, 3, 6])
@pytest.mark.parametrize("split", [equal_pairs(7), unequal_domains()], ids=["paired", "unpaired"])
def test_the_ranks_parts_make_up_the_whole_batch(split: Split, world_size: int) -> None:
    def batches(**place: int) -> list[Batch]:
        return list(
            islice(training_batches(split, CONFIG, batch_size=6, seed=0, augment=True, start=2, **place), 4)
        )

    ranks = [batches(rank=rank, world_size=world_size) for rank in range(world_size)]
    for number, whole in enumerate(batches()):
        for sample in range(6):
            part = ranks[sample % world_size][number]
            place = sample // world_size
            assert torch.equal(part.source[place], whole.source[sample])
            assert torch.equal(part.target[place], whole.target[sample])
            assert part.indices[place] == whole.indices[sample]


@given(count=st.integers(1, 12), batch_size=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_epoch_shows_each_image_once_however_batches_fall(
    count: int, batch_size: int, seed: int
) -> None:
    split = Split(constant_images(count), constant_images(count, first=100), paired=True)
    batches = training_batches(split, CONFIG, batch_size=batch_size, seed=seed, augment=False)
    drawn: list[int] = []
    for batch in islice(batches, -(-3 * count // batch_size)):
        assert values(batch.source) == batch.indices.tolist()
        assert values(batch.target) == [100 + index for index in batch.indices.tolist()]
        drawn += batch.indices.tolist()
    for epoch in range(3):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_and_seeds_shuffle_differently() -> None:
    split = Split(constant_images(50), constant_images(50), paired=True)
    orders = {
        tuple(batch.indices.tolist())
        for seed in (0, 1)
        for batch in islice(training_batches(split, CONFIG, batch_size=50, seed=seed, augment=False), 3)
    }
    assert len(orders) == 6


def test_unpaired_domains_are_shuffled_independently_and_each_is_seen_whole() -> None:
    split = Split(constant_images(6), constant_images(10, first=100), paired=False)
    batches = training_batches(split, CONFIG, batch_size=1, seed=0, augment=False)
    drawn = [(values(batch.source)[0], values(batch.target)[0]) for batch in islice(batches, 300)]
    assert set(Counter(source for source, _ in drawn).values()) == {50}
    assert set(Counter(target for _, target in drawn).values()) == {30}
    assert len(set(drawn)) > 55  # of 60 combinations


def test_both_halves_of_a_pair_are_cropped_and_mirrored_alike() -> None:
    batches = training_batches(equal_pairs(5), CONFIG, batch_size=4, seed=0, augment=True)
    drawn = list(islice(batches, 20))
    assert all(torch.equal(batch.source, batch.target) for batch in drawn)
    crops = {image.numpy().tobytes() for batch in drawn for image in batch.source}
    assert len(crops) > 40  # of 5 images × 9 crops × 2 sides


def test_unpaired_images_are_cropped_and_mirrored_each_on_its_own() -> None:
    one = noise_images(1)
    batches = training_batches(Split(one, one, paired=False), CONFIG, batch_size=1, seed=0, augment=True)
    assert sum(torch.equal(batch.source, batch.target) for batch in islice(batches, 100)) < 20


def test_without_augmentation_images_are_only_resized() -> None:
    split = equal_pairs(3)
    config = DataConfig(image_size=8)
    for batch in islice(training_batches(split, config, batch_size=2, seed=0, augment=False), 6):
        whole = torch.stack([split.source[index] for index in batch.indices.tolist()])
        assert torch.equal(batch.source, to_float(whole))


def test_flips_can_be_switched_off() -> None:
    ramp = torch.arange(6, dtype=torch.uint8).expand(1, 1, 6, 6)
    images = type(noise_images(1))(ramp, ["ramp"])
    config = DataConfig(image_size=4, load_size=6, flip=False)
    batches = training_batches(Split(images, images, paired=True), config, batch_size=8, seed=0, augment=True)
    assert all((batch.source.diff(dim=-1) > 0).all() for batch in islice(batches, 5))


def test_source_and_target_may_differ_in_channels() -> None:
    batch = next(training_batches(unequal_domains(), CONFIG, batch_size=2, seed=0, augment=True))
    assert batch.source.shape == (2, 1, 4, 4)
    assert batch.target.shape == (2, 3, 4, 4)
    assert batch.source.dtype == torch.get_default_dtype()


def test_the_global_random_state_plays_no_part() -> None:
    before = torch.get_rng_state()
    one = next(training_batches(equal_pairs(5), CONFIG, batch_size=4, seed=0, augment=True))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1234)
    assert same(one, next(training_batches(equal_pairs(5), CONFIG, batch_size=4, seed=0, augment=True)))
    torch.set_rng_state(before)


def test_wrong_flags_are_refused_before_the_first_batch() -> None:
    with pytest.raises(MggcError, match=r"--batch-size.*multiple of 2\. Found 3"):
        training_batches(equal_pairs(4), CONFIG, batch_size=3, seed=0, augment=True, world_size=2)
    with pytest.raises(MggcError, match="--load-size"):
        training_batches(
            equal_pairs(4), DataConfig(image_size=4, load_size=3), batch_size=1, seed=0, augment=True
        )


def test_a_broken_image_is_named_by_the_batch_that_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    images = FolderImages([path], channels=3)
    batches = training_batches(
        Split(images, images, paired=False), CONFIG, batch_size=1, seed=0, augment=True
    )
    with pytest.raises(MggcError, match=r"broken\.jpg"):
        next(batches)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_evaluation_goes_through_all_images_in_order(batch_size: int) -> None:
    images = noise_images(7, size=8)
    batches = list(evaluation_batches(images, image_size=5, batch_size=batch_size))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert torch.equal(torch.cat(batches), to_float(stack(images, image_size=5)))


def test_a_stack_holds_every_image_at_one_size() -> None:
    images = constant_images(5, channels=3, size=6)
    stacked = stack(images, image_size=4)
    assert stacked.shape == (5, 3, 4, 4)
    assert stacked.dtype == torch.uint8
    assert stacked[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
