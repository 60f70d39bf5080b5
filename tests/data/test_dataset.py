import shutil
from pathlib import Path

import pytest
import torch
from data_toys import constant_images, noise, numbered, write_folder, write_image

from mggc.config import DataConfig
from mggc.data.dataset import Dataset, Split, fingerprint
from mggc.data.folders import open_aligned
from mggc.data.glyphs import open_glyphs
from mggc.data.images import ArrayImages, Subset


def of_arrays(source: ArrayImages, target: ArrayImages) -> Dataset:
    split = Split(source, target, paired=True)
    return Dataset(
        split,
        split,
        split,
        split_rule="all three the same",
        input_channels=1,
        output_channels=1,
        name="toy",
        augment=True,
    )


def test_an_epoch_is_the_pairs_or_the_larger_domain() -> None:
    assert len(Split(constant_images(3), constant_images(3), paired=True)) == 3
    assert len(Split(constant_images(3), constant_images(5), paired=False)) == 5


def test_pairs_of_unequal_number_and_empty_domains_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 5"):
        Split(constant_images(3), constant_images(5), paired=True)
    with pytest.raises(ValueError, match="both domains"):
        Split(constant_images(3), Subset(constant_images(3), []), paired=False)


def test_the_fingerprint_depends_on_the_files_and_not_on_where_they_are(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for phase in ("train", "val", "test"):
        write_folder(here / phase, numbered(3))
    shutil.copytree(here, there)
    config = DataConfig()
    original = fingerprint(open_aligned(here, config))
    assert len(original) == 16
    assert fingerprint(open_aligned(there, config)) == original

    seen = {original, fingerprint(open_aligned(here, DataConfig(direction="BtoA")))}
    (there / "val" / "002.png").rename(there / "val" / "003.png")
    seen.add(fingerprint(open_aligned(there, config)))
    write_image(there / "test" / "000.png", noise(0, 5, 8))
    seen.add(fingerprint(open_aligned(there, config)))
    (there / "train" / "001.png").unlink()
    seen.add(fingerprint(open_aligned(there, config)))
    assert len(seen) == 5


def test_the_fingerprint_needs_no_decoding(tmp_path: Path) -> None:
    for phase in ("train", "val", "test"):
        (tmp_path / phase).mkdir()
        (tmp_path / phase / "broken.png").write_text("no pixels")
    fingerprint(open_aligned(tmp_path, DataConfig()))


def test_the_fingerprint_of_an_array_sees_every_byte() -> None:
    pixels = torch.zeros(4, 1, 4, 4, dtype=torch.uint8)
    source = ArrayImages(pixels, numbered(4))
    before = fingerprint(of_arrays(source, constant_images(4)))
    assert fingerprint(of_arrays(source, constant_images(4))) == before
    assert fingerprint(of_arrays(constant_images(4), source)) != before
    pixels[3, 0, 3, 3] = 1
    assert fingerprint(of_arrays(source, constant_images(4))) != before


def test_the_fingerprint_of_the_glyphs_knows_their_split() -> None:
    first, again, other = (open_glyphs(image_size=16, paired=True, seed=seed) for seed in (0, 0, 1))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
