from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from data_toys import noise, numbered, write_folder, write_image

from mggc.config import DataConfig
from mggc.data.dataset import Dataset
from mggc.data.folders import open_aligned, open_unaligned
from mggc.errors import MggcError

CONFIG = DataConfig()


def write_aligned(root: Path, **counts: int) -> Path:
    for phase, count in counts.items():
        write_folder(root / phase, numbered(count))
    return root


def lengths(dataset: Dataset) -> list[tuple[int, int]]:
    return [(len(split.source), len(split.target)) for split in (dataset.train, dataset.val, dataset.test)]


def test_aligned_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    dataset = open_aligned(write_aligned(tmp_path / "maps", train=5, val=2, test=3), CONFIG)
    assert lengths(dataset) == [(5, 5), (2, 2), (3, 3)]
    assert dataset.train.paired
    assert dataset.augment
    assert dataset.name == "maps"
    assert dataset.split_rule == "train, val and test: the folders of that name"
    assert dataset.train.source.names == ("000", "001", "002", "003", "004")


def test_unaligned_folders_are_counted_for_each_domain(tmp_path: Path) -> None:
    counts = {"trainA": 5, "trainB": 4, "valA": 1, "valB": 2, "testA": 2, "testB": 3}
    dataset = open_unaligned(write_aligned(tmp_path, **counts), CONFIG)
    assert lengths(dataset) == [(5, 4), (1, 2), (2, 3)]
    assert len(dataset.train) == 5
    assert not dataset.train.paired


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_the_direction_decides_which_half_is_the_source(tmp_path: Path, direction) -> None:
    write_aligned(tmp_path, train=1, val=1, test=1)
    pixels = torch.from_numpy(noise(0, 4, 8)).permute(2, 0, 1)
    left, right = pixels[:, :, :4], pixels[:, :, 4:]
    split = open_aligned(tmp_path, DataConfig(direction=direction)).train
    source, target = (left, right) if direction == "AtoB" else (right, left)
    assert torch.equal(split.source[0], source)
    assert torch.equal(split.target[0], target)


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_the_direction_decides_which_folder_is_the_source(tmp_path: Path, direction) -> None:
    write_aligned(tmp_path, trainA=4, trainB=3, testA=2, testB=1)
    dataset = open_unaligned(tmp_path, DataConfig(direction=direction))
    test = (2, 1) if direction == "AtoB" else (1, 2)
    assert lengths(dataset)[2] == test


def test_channels_belong_to_source_and_target_whatever_the_direction(tmp_path: Path) -> None:
    write_aligned(tmp_path, train=2, val=1, test=1)
    config = DataConfig(direction="BtoA", input_channels=1)
    dataset = open_aligned(tmp_path, config)
    assert (dataset.input_channels, dataset.output_channels) == (1, 3)
    assert dataset.train.source[0].shape == (1, 4, 4)
    assert dataset.train.target[0].shape == (3, 4, 4)


def test_without_val_a_share_of_train_is_held_out_and_the_rule_says_so(tmp_path: Path) -> None:
    write_aligned(tmp_path, train=20, test=3)
    dataset = open_aligned(tmp_path, DataConfig(val_share=0.2))
    assert lengths(dataset) == [(16, 16), (4, 4), (3, 3)]
    train, val = set(dataset.train.source.names), set(dataset.val.source.names)
    assert not train & val
    assert len(train | val) == 20
    assert "20 % of train" in dataset.split_rule
    assert "SHA-256" in dataset.split_rule


def test_without_test_the_val_folder_takes_its_place(tmp_path: Path) -> None:
    write_aligned(tmp_path, train=10, val=3)
    dataset = open_aligned(tmp_path, CONFIG)
    assert lengths(dataset) == [(9, 9), (1, 1), (3, 3)]
    assert "there is no test" in dataset.split_rule
    assert set(dataset.val.source.names) <= {f"{number:03}" for number in range(10)}


def test_unpaired_domains_are_held_out_each_by_its_own_names(tmp_path: Path) -> None:
    write_aligned(tmp_path, trainA=20, trainB=10, testA=2, testB=2)
    assert lengths(open_unaligned(tmp_path, CONFIG)) == [(18, 9), (2, 1), (2, 2)]


@pytest.mark.parametrize(("count", "share", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2)])
def test_at_least_one_image_is_held_out_and_never_all(
    tmp_path: Path, count: int, share: float, expected: int
) -> None:
    write_aligned(tmp_path, train=count, test=1)
    dataset = open_aligned(tmp_path, DataConfig(val_share=share))
    assert len(dataset.val) == expected


def test_what_is_held_out_depends_on_names_alone(tmp_path: Path) -> None:
    names = numbered(30)
    for folder, order in (("one", names), ("other", names[::-1])):
        write_folder(tmp_path / folder / "train", order)
        write_folder(tmp_path / folder / "test", numbered(1))
    one, other = (open_aligned(tmp_path / folder, CONFIG).val.source.names for folder in ("one", "other"))
    assert one == other
    # Another file takes one place at most: the rest stays held out.
    write_image(tmp_path / "one" / "train" / "new.png", noise(0, 4, 8))
    grown = open_aligned(tmp_path / "one", CONFIG).val.source.names
    assert len(set(one) - set(grown)) <= 1


def refusals() -> list[tuple[str, Callable[[Path, DataConfig], Dataset], dict[str, int], str]]:
    return [
        (
            "unpaired as paired",
            open_aligned,
            {"trainA": 1, "trainB": 1},
            "trainA/ and trainB/.*--model cyclegan",
        ),
        ("paired as unpaired", open_unaligned, {"train": 1}, "train/: that is paired.*--model pix2pix"),
        ("no train", open_aligned, {"test": 1}, "should hold train/, test/. Found test/"),
        ("one domain", open_unaligned, {"trainA": 1, "testA": 1}, "trainB/.*Found testA/, trainA/"),
        ("nothing", open_aligned, {}, "Found no folders"),
        ("empty train", open_aligned, {"train": 0, "test": 1}, "train should hold images"),
        ("empty val", open_aligned, {"train": 2, "val": 0, "test": 1}, "val should hold images"),
        ("neither test nor val", open_aligned, {"train": 3}, "should hold test/"),
        ("half a val", open_unaligned, {"trainA": 2, "trainB": 2, "valA": 1}, "valA/ and valB/"),
        ("one image", open_aligned, {"train": 1, "test": 1}, "at least 2 images.*000.png"),
    ]


@pytest.mark.parametrize(
    ("case", "opener", "counts", "message"), refusals(), ids=lambda value: str(value)[:20]
)
def test_folders_that_do_not_fit_are_refused_with_what_to_do(
    tmp_path: Path,
    case: str,
    opener: Callable[[Path, DataConfig], Dataset],
    counts: dict[str, int],
    message: str,
) -> None:
    for folder in counts:
        (tmp_path / folder).mkdir()
    write_aligned(tmp_path, **counts)
    with pytest.raises(MggcError, match=message) as refused:
        opener(tmp_path, CONFIG)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(MggcError, match="absent"):
        open_aligned(tmp_path / "absent", CONFIG)


def test_opening_decodes_nothing_and_a_broken_image_is_named_when_it_is_read(tmp_path: Path) -> None:
    write_aligned(tmp_path, train=3, val=1, test=1)
    (tmp_path / "train" / "001.png").write_bytes(b"\x89PNG no more")
    dataset = open_aligned(tmp_path, CONFIG)
    assert dataset.train.source[0].shape == (3, 4, 4)
    with pytest.raises(MggcError, match=r"001\.png"):
        dataset.train.target[1]
