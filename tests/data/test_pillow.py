import re
from pathlib import Path

import numpy as np
import pytest
import torch
from data_toys import noise, write_image
from PIL import Image

from mggc.data.pillow import decode, from_pillow, to_pillow
from mggc.errors import MggcError


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back_from_a_lossless_file(tmp_path: Path, channels) -> None:
    pixels = noise(0, 5, 7, channels)
    image = from_pillow(decode(write_image(tmp_path / "a.png", pixels), channels=channels))
    assert image.shape == (channels, 5, 7)
    assert torch.equal(image, torch.from_numpy(pixels).reshape(5, 7, channels).permute(2, 0, 1))
    assert np.array_equal(np.array(to_pillow(image)), pixels)


def test_a_grey_file_among_colour_ones_becomes_colour(tmp_path: Path) -> None:
    pixels = noise(0, 4, 4, 1)
    image = from_pillow(decode(write_image(tmp_path / "zebra.png", pixels), channels=3))
    assert torch.equal(image, torch.from_numpy(pixels).expand(3, 4, 4))


def test_colour_becomes_grey_by_its_luma(tmp_path: Path) -> None:
    pixels = noise(0, 6, 6)
    image = from_pillow(decode(write_image(tmp_path / "a.png", pixels), channels=1))
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(image[0].numpy() - luma).max() <= 1


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1", "CMYK"])
def test_files_of_every_mode_decode(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(noise(0, 4, 6)).convert(mode).save(path)
    assert from_pillow(decode(path, channels=3)).shape == (3, 4, 6)
    assert from_pillow(decode(path, channels=1)).shape == (1, 4, 6)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"broken.{suffix}", noise(0, 64, 64))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MggcError, match=re.escape(str(path))):
        decode(path, channels=3)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not pixels")
    with pytest.raises(MggcError, match=r"notes\.png should be an image"):
        decode(path, channels=3)
    with pytest.raises(MggcError, match=r"absent\.png"):
        decode(tmp_path / "absent.png", channels=3)


def test_sixteen_bit_grey_is_refused_rather_than_clipped_to_white(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 30_000, dtype=np.uint16)).save(path)
    with pytest.raises(MggcError, match=r"deep\.png.*8"):
        decode(path, channels=1)
