import base64
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mggc.data.loaders import stack
from mggc.data.open import open_dataset
from mggc.report.embed import data_uri
from mggc.report.gallery import alike, gallery
from mggc.report.pictures import Translations, evenly_spaced, open_data, translate_some
from mggc.runs.rundir import RunDir
from mggc.stages.context import Silence


def decoded(uri: str) -> Image.Image:
    head, content = uri.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(BytesIO(base64.b64decode(content)))


def toy(count: int = 4, *, seed: int = 0) -> Translations:
    images = torch.randint(
        256, (3, count, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    made = {"original": images[1], "compressed": images[2]}
    return Translations(tuple("abcdefgh"[:count]), images[0], made, None, "test", count)


@pytest.mark.parametrize("channels", [1, 3])
def test_small_images_are_stored_without_loss(channels: int) -> None:
    image = torch.randint(256, (channels, 9, 12), dtype=torch.uint8)
    pixels = np.array(decoded(data_uri(image)))
    assert np.array_equal(pixels.reshape(9, 12, channels), image.permute(1, 2, 0).numpy())


def test_large_images_are_stored_as_jpeg_of_the_same_size() -> None:
    picture = decoded(data_uri(torch.full((3, 200, 300), 90, dtype=torch.uint8)))
    assert (picture.format, picture.size) == ("JPEG", (300, 200))


@pytest.mark.parametrize(
    ("length", "count", "expected"), [(3, 5, [0, 1, 2]), (9, 3, [0, 4, 8]), (7, 1, [0]), (1, 1, [0])]
)
def test_evenly_spaced_images_include_both_ends(length: int, count: int, expected: list[int]) -> None:
    assert evenly_spaced(length, count) == expected


def test_translations_are_those_that_the_evaluation_drew(paired_run: Path) -> None:
    run = RunDir.open(paired_run)
    found = translate_some(run, open_data(run), count=99, reporter=Silence())
    split = open_dataset(run.config.data, "pix2pix").test
    assert found.names == split.source.names
    assert found.target is not None
    assert torch.equal(found.target, stack(split.target, image_size=32))
    grid = np.array(Image.open(paired_run / "evaluate" / "grid.png"))
    for column, images in enumerate((found.source, *found.made.values(), found.target)):
        left, top = 6 + column * (128 + 6), 24 + 6
        cell = grid[top : top + 128 : 4, left : left + 128 : 4]
        assert np.array_equal(cell, images[0].permute(1, 2, 0).numpy())


def test_runs_of_one_original_share_a_gallery() -> None:
    one = toy()
    other = replace(one, made={**one.made, "compressed": one.made["compressed"].flip(-1)})
    assert alike([one, other])
    shown = gallery({"game": one, "uniform": other}, rows=3)
    assert shown is not None
    assert shown.columns == ["source", "original", "game", "uniform"]
    assert [row.name for row in shown.rows] == ["a", "c", "d"]
    assert np.array_equal(
        np.array(decoded(shown.rows[1].uris[2])), one.made["compressed"][2].permute(1, 2, 0)
    )


@pytest.mark.parametrize("field", ["names", "source", "made"])
def test_runs_that_differ_in_images_or_original_do_not(field: str) -> None:
    one, other = toy(), toy(seed=1)
    assert not alike(
        [one, replace(one, **{field: getattr(other, field) if field != "names" else ("x",) * 4})]
    )


def test_nothing_compressed_is_no_gallery() -> None:
    one = toy()
    assert gallery({"only": replace(one, made={"original": one.made["original"]})}, rows=2) is None
