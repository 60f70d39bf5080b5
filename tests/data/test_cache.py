from pathlib import Path

import torch
from data_toys import noise_images, numbered, write_folder

from mggc.data.cache import CachedImages
from mggc.data.images import FolderImages, list_images
from mggc.data.transforms import resize


def test_cached_images_are_the_resized_ones_and_need_their_files_once(tmp_path: Path) -> None:
    write_folder(tmp_path, numbered(3), height=6, width=10)
    images = FolderImages(list_images(tmp_path), channels=3, folder=tmp_path)
    cached = CachedImages(images, load_size=5, max_bytes=1 << 20)
    expected = [resize(image, (5, 5)) for image in images]
    assert cached.names == images.names
    assert cached.key(1) == images.key(1)
    for _ in range(2):
        assert all(torch.equal(found, wanted) for found, wanted in zip(cached, expected, strict=True))
        for path in list_images(tmp_path):
            path.unlink()


def test_the_cache_keeps_no_more_than_its_bytes() -> None:
    images = noise_images(5, channels=3, size=4)
    cached = CachedImages(images, load_size=4, max_bytes=2 * 3 * 4 * 4)
    first, again = list(cached), list(cached)
    assert [one is other for one, other in zip(first, again, strict=True)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
