from pathlib import Path

import pytest
from data_toys import numbered, write_folder

from mggc.config import DataConfig
from mggc.data.open import open_dataset
from mggc.errors import MggcError


@pytest.mark.parametrize(("model", "paired"), [("pix2pix", True), ("cyclegan", False)])
def test_the_model_decides_whether_glyphs_come_in_pairs(model, paired: bool) -> None:
    dataset = open_dataset(DataConfig(image_size=16, output_channels=3), model)
    assert dataset.name == "glyphs"
    assert dataset.train.paired == paired
    assert dataset.train.source[0].shape == (1, 16, 16)
    assert dataset.train.target[0].shape == (3, 16, 16)
    assert (dataset.input_channels, dataset.output_channels) == (1, 3)


def test_the_model_decides_how_a_folder_is_read(tmp_path: Path) -> None:
    for phase in ("train", "test"):
        write_folder(tmp_path / phase, numbered(2))
    config = DataConfig(data=str(tmp_path))
    assert open_dataset(config, "pix2pix").train.paired
    with pytest.raises(MggcError, match="--model pix2pix"):
        open_dataset(config, "cyclegan")
    for folder in ("trainA", "trainB", "testA", "testB"):
        write_folder(tmp_path / folder, numbered(2))
    assert not open_dataset(config, "cyclegan").train.paired
