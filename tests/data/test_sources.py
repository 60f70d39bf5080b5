from pathlib import Path

import pytest
import torch

from mggc.config import DataConfig
from mggc.data.images import ArrayImages, Joined
from mggc.data.open import open_dataset
from mggc.data.sources import game_sources
from mggc.errors import MggcError
from pipeline_toys import draw, write_pairs


def array_images(first: int, names: list[str]) -> ArrayImages:
    values = torch.arange(first, first + len(names), dtype=torch.uint8)
    return ArrayImages(values[:, None, None, None].repeat(1, 1, 2, 3), names)


def test_joined_images_follow_each_other_under_unique_names() -> None:
    joined = Joined(array_images(0, ["a", "b", "a (extra)"]), array_images(3, ["b", "c", "a"]))
    assert [int(image[0, 0, 0]) for image in joined] == [0, 1, 2, 3, 4, 5]
    assert joined.names[:3] == ("a", "b", "a (extra)")
    assert joined.names[3:5] == ("b (extra)", "c")
    assert len(set(joined.names)) == len(joined) == 6
    assert joined.key(1) != joined.key(3)
    with pytest.raises(IndexError):
        joined[6]


def test_further_sources_join_those_of_the_pairs(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data")
    (tmp_path / "more" / "deep").mkdir(parents=True)
    draw((50, 30), 7, mode="L").save(tmp_path / "more" / "deep" / "one.png")
    config = DataConfig(data=str(data), image_size=32, extra_sources=str(tmp_path / "more"))
    dataset = open_dataset(config, "pix2pix")
    sources = game_sources(dataset, config)
    own = len(dataset.train.source)
    assert len(sources) == own + 1
    assert torch.equal(sources[0], dataset.train.source[0])
    assert sources.names[own] == "deep/one"
    assert sources[own].shape == (3, 30, 50)
    alone = config.model_copy(update={"extra_sources": None})
    assert game_sources(dataset, alone) is dataset.train.source


def test_an_empty_folder_of_further_sources_is_refused(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data")
    (tmp_path / "none").mkdir()
    config = DataConfig(data=str(data), image_size=32, extra_sources=str(tmp_path / "none"))
    with pytest.raises(MggcError, match="--extra-sources: a folder of images was wanted"):
        game_sources(open_dataset(config, "pix2pix"), config)
