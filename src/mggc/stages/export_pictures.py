"""The pictures that an exported generator is compared, calibrated and judged with."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch.nn import functional as F

from mggc.data.dataset import Split
from mggc.data.images import FolderImages, ImageSet, Subset, list_images
from mggc.data.loaders import stack
from mggc.data.open import open_dataset
from mggc.data.pillow import Channels
from mggc.deploy.parity import PictureBatch
from mggc.errors import MggcError
from mggc.runtime import step_generator
from mggc.shapes import ByteImages
from mggc.stages.export_subject import Subject

COMPARED = 3
CALIBRATED = 64
JUDGED = 64


@dataclass(frozen=True)
class Pictures:
    """Real pictures where there are any."""

    origin: str
    """In words: where they come from."""
    size: int
    """The side that they are resized to, in pixels."""
    channels: int
    compared: ImageSet | None = None
    """For the comparison with PyTorch; absent: generated ones do."""
    training: ImageSet | None = None
    """For the calibration of int8."""
    test: Split | None = None
    """For the quality of fewer bits."""

    def to_compare(self) -> list[PictureBatch]:
        """A batch of a few at their size, and one picture of an odd size."""
        if self.compared is None:
            batch = _generated(COMPARED, self.channels, self.size)
        else:
            batch = stack(_first(self.compared, COMPARED), image_size=self.size)
        return [batch, batch[:1, :, : self.size - 3, : self.size - 6]]

    def to_calibrate(self) -> list[ByteImages]:
        """Training images, spread over all of them, each a batch of its own.

        Raises:
            MggcError: There are none at hand.
        """
        if self.training is None:
            raise MggcError(
                f"int8 is calibrated on training images, and there are none at hand ({self.origin}). Name a folder of them "
                "with --images."
            )
        images = stack(_spread(self.training, CALIBRATED), image_size=self.size)
        return [image[None] for image in images]

    def to_judge(self) -> tuple[ByteImages, ByteImages, bool] | None:
        """Test images and targets, and whether they are pairs; None where there are none."""
        if self.test is None:
            return None
        source, target = (_first(images, JUDGED) for images in (self.test.source, self.test.target))
        return (
            stack(source, image_size=self.size),
            stack(target, image_size=self.size),
            self.test.paired,
        )


def find_pictures(subject: Subject, folder: Path | None) -> Pictures:
    """The user's folder of pictures, else the run's data, else none but generated ones.

    Raises:
        MggcError: The folder is missing or empty, or the network reads neither grey nor colour images.
    """
    size, channels = subject.facts.image_size, subject.loaded.spec.input_channels
    if folder is not None:
        if channels not in (1, 3):
            raise MggcError(
                f"The generator reads {channels} channels; image files have 1 (grey) or 3 (colour)."
            )
        paths = list_images(folder) if folder.is_dir() else ()
        if not paths:
            raise MggcError(f"--images: a folder of images was wanted; {folder} holds none.")
        images = FolderImages(paths, channels=cast(Channels, channels), folder=folder)
        return Pictures(f"images of {folder}", size, channels, images, images)
    if subject.run is None:
        return Pictures("generated images, since the source is no run", size, channels)
    try:
        dataset = open_dataset(subject.run.config.data, subject.run.config.model)
    except MggcError as error:
        # A run travels without its images; what needs them says so.
        return Pictures(f"generated images, since the run's are not at hand: {error}", size, channels)
    origin = f"test images of {dataset.name}"
    return Pictures(origin, size, channels, dataset.test.source, dataset.train.source, dataset.test)


def _first(images: ImageSet, count: int) -> ImageSet:
    return Subset(images, range(min(count, len(images))))


def _spread(images: ImageSet, count: int) -> ImageSet:
    step = max(1, len(images) // count)
    return Subset(images, range(0, len(images), step)[:count])


def _generated(count: int, channels: int, size: int) -> ByteImages:
    """Smooth patches of all intensities, the same every time."""
    coarse = torch.rand((count, channels, 8, 8), generator=step_generator(0, "export pictures"))
    smooth = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    return (smooth * 255).round().clamp(0, 255).to(torch.uint8)
