from pathlib import Path

import numpy as np
import pytest
import torch
from data_toys import constant_images, noise, numbered, write_folder, write_image

from mggc.data.images import ArrayImages, FolderImages, PairHalf, Subset, image_names, list_images
from mggc.errors import MggcError


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)


def test_listing_walks_subfolders_in_order_and_knows_images_by_their_suffix(tmp_path: Path) -> None:
    wanted = ["a.JPG", "b/1.png", "b/2.Jpeg", "b/c/x.TIFF", "d.bmp", "e.ppm", "f.tif", "g.webp"]
    others = ["notes.txt", "._a.jpg", ".cache/a.jpg", "archive.npz", "png"]
    for name in reversed(wanted + others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == wanted


def test_names_lose_their_suffix_where_they_stay_unique() -> None:
    folder = Path("set")
    paths = [folder / name for name in ("a.jpg", "a.png", "b.png", "sub/a.png", "v1.2.png")]
    assert image_names(paths, folder) == ("a.jpg", "a.png", "b", "sub/a", "v1.2")


def test_equal_names_without_their_folder_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        image_names([Path("x/a.png"), Path("y/a.png")], None)


def test_a_folder_decodes_in_the_order_given(tmp_path: Path) -> None:
    write_folder(tmp_path, numbered(3))
    paths = list_images(tmp_path)[::-1]
    images = FolderImages(paths, channels=3, folder=tmp_path)
    assert images.names == ("002", "001", "000")
    assert len(images) == len(list(images)) == 3
    for seed, image in zip((2, 1, 0), images, strict=True):
        assert torch.equal(image, as_tensor(noise(seed, 4, 8)))
    with pytest.raises(IndexError):
        images[3]


@pytest.mark.parametrize("width", [2, 8, 9])
def test_pairs_are_split_at_half_the_width_rounded_down(tmp_path: Path, width: int) -> None:
    pixels = noise(0, 4, width)
    path = write_image(tmp_path / "ab.png", pixels)
    left, right = (PairHalf([path], half, channels=3)[0] for half in ("A", "B"))
    assert torch.equal(left, as_tensor(pixels[:, : width // 2]))
    assert torch.equal(right, as_tensor(pixels[:, width // 2 :]))


def test_a_pair_one_pixel_wide_is_refused_by_name(tmp_path: Path) -> None:
    path = write_image(tmp_path / "thin.png", noise(0, 4, 1))
    with pytest.raises(MggcError, match=r"thin\.png.*side by side.*1×4"):
        PairHalf([path], "A", channels=3)[0]


def test_an_array_in_memory_and_one_mapped_from_disk_hold_the_same_images(tmp_path: Path) -> None:
    array = noise(0, 5, 3 * 4 * 4, 1).reshape(5, 3, 4, 4)
    np.save(tmp_path / "images.npy", array)
    mapped = ArrayImages(np.load(tmp_path / "images.npy", mmap_mode="r"), numbered(5))
    held = ArrayImages(torch.from_numpy(array), numbered(5))
    for index in range(5):
        assert torch.equal(mapped[index], held[index])
        assert mapped.key(index) == held.key(index)


def test_writing_to_an_image_leaves_the_array_alone() -> None:
    images = constant_images(2)
    images[1].zero_()
    assert images[1].unique().tolist() == [1]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_an_array_needs_one_unique_name_for_each_image(names: list[str]) -> None:
    with pytest.raises(ValueError, match="2 images"):
        ArrayImages(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), names)


def test_a_subset_keeps_order_names_and_keys() -> None:
    images = constant_images(5)
    subset = Subset(images, [3, 0])
    assert subset.names == ("3", "0")
    assert [image.unique().item() for image in subset] == [3, 0]
    assert [subset.key(0), subset.key(1)] == [images.key(3), images.key(0)]


def test_keys_tell_halves_sizes_and_pixels_apart(tmp_path: Path) -> None:
    path = write_image(tmp_path / "ab.png", noise(0, 4, 8))
    left, right = (PairHalf([path], half, channels=3) for half in ("A", "B"))
    assert left.key(0) != right.key(0)
    whole = FolderImages([path], channels=3)
    before = whole.key(0)
    write_image(path, noise(0, 40, 80))
    assert whole.key(0) != before
    black, white = (
        ArrayImages(torch.full((1, 1, 2, 2), value, dtype=torch.uint8), ["a"]) for value in (0, 255)
    )
    assert black.key(0) != white.key(0)
