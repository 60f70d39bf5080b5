from itertools import islice
from pathlib import Path

import pytest
import torch

from mggc.config import DataConfig
from mggc.data.dataset import Dataset, fingerprint
from mggc.data.images import list_images
from mggc.data.loaders import training_batches
from mggc.data.open import open_dataset
from mggc.data.prefetch import prefetch

pytestmark = pytest.mark.real_images


def check_batches(dataset: Dataset, config: DataConfig) -> None:
    batches = training_batches(dataset.train, config, batch_size=2, seed=0, augment=dataset.augment)
    with prefetch(batches) as ready:
        for batch in islice(ready, 3):
            for images in (batch.source, batch.target):
                assert images.shape == (2, 3, 256, 256)
                assert -1 <= images.min() < 0 < images.max() <= 1


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_facades_are_read_as_they_lie(real_images: Path, direction) -> None:
    config = DataConfig(data=str(real_images / "facades"), direction=direction)
    dataset = open_dataset(config, "pix2pix")
    assert [len(split) for split in (dataset.train, dataset.val, dataset.test)] == [400, 100, 106]
    photo, label = (
        torch.stack([images[index] for index in range(5)]).float().diff(dim=-1).abs().mean()
        for images in (dataset.train.source, dataset.train.target)[:: 1 if direction == "AtoB" else -1]
    )
    assert photo > 1.5 * label  # labels are flat areas
    check_batches(dataset, config)


def test_edges2shoes_is_tested_on_its_val_folder(real_images: Path) -> None:
    config = DataConfig(data=str(real_images / "edges2shoes"))
    dataset = open_dataset(config, "pix2pix")
    files = len(list_images(real_images / "edges2shoes" / "train"))
    assert [len(split) for split in (dataset.train, dataset.val, dataset.test)] == [
        files - round(0.1 * files),
        round(0.1 * files),
        200,
    ]
    assert dataset.train.source[0].float().mean() > 200  # edges: dark lines on white
    check_batches(dataset, config)


def test_horse2zebra_is_unpaired_and_all_colour(real_images: Path) -> None:
    config = DataConfig(data=str(real_images / "horse2zebra"))
    dataset = open_dataset(config, "cyclegan")
    assert (len(dataset.test.source), len(dataset.test.target)) == (120, 140)
    horses, zebras = (
        len(list_images(real_images / "horse2zebra" / folder)) for folder in ("trainA", "trainB")
    )
    assert len(dataset.train.source) + len(dataset.val.source) == horses
    assert len(dataset.train.target) + len(dataset.val.target) == zebras
    assert {image.shape for image in dataset.train.target} == {(3, 256, 256)}
    assert fingerprint(dataset) == fingerprint(open_dataset(config, "cyclegan"))
    check_batches(dataset, config)
