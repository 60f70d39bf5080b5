"""A data set as the stages see it: three splits of source and target images."""

import hashlib
from dataclasses import dataclass

from mggc.data.images import ImageSet
from mggc.data.pillow import Channels


@dataclass(frozen=True)
class Split:
    """Source and target images for one purpose.

    Raises:
        ValueError: A domain is empty, or paired domains differ in length.
    """

    source: ImageSet
    """Images that the generator reads."""
    target: ImageSet
    """Images of the kind that it should produce."""
    paired: bool
    """``target[i]`` is the answer to ``source[i]``."""

    def __post_init__(self) -> None:
        if not len(self.source) or not len(self.target):
            raise ValueError("A split needs images of both domains.")
        if self.paired and len(self.source) != len(self.target):
            raise ValueError(
                f"Paired domains have one length. Found {len(self.source)} and {len(self.target)}."
            )

    def __len__(self) -> int:
        """Images in one epoch: pairs, or images of the larger domain."""
        return max(len(self.source), len(self.target))


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test images, and how they were told apart."""

    train: Split
    val: Split
    test: Split
    split_rule: str
    """In words, for the report: which images became which split."""
    input_channels: Channels
    """Channels of the source images."""
    output_channels: Channels
    """Channels of the target images."""
    name: str
    """The folder's name, or ``glyphs``."""
    augment: bool
    """Random crops and mirroring make sense for these images."""


def fingerprint(dataset: Dataset) -> str:
    """Sixteen hexadecimal digits that change with the data: its file names, file sizes and split, or its array's bytes.

    Nothing is decoded, and where the folder lies does not matter.
    """
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.val, dataset.test):
        for images in (split.source, split.target):
            digest.update(f"{len(images)}\n".encode())
            for index in range(len(images)):
                digest.update(f"{images.key(index)}\n".encode())
    return digest.hexdigest()[:16]
