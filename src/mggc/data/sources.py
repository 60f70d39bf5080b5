"""The source images of the game: those of the training pairs, and any others that the user has."""

from pathlib import Path

from mggc.config import DataConfig
from mggc.data.dataset import Dataset
from mggc.data.images import FolderImages, ImageSet, Joined, list_images
from mggc.errors import MggcError


def game_sources(dataset: Dataset, config: DataConfig) -> ImageSet:
    """The training split's source images, then those in the folder of further ones, which need no targets.

    Raises:
        MggcError: The folder of further images is missing or empty.
    """
    if config.extra_sources is None:
        return dataset.train.source
    folder = Path(config.extra_sources)
    paths = list_images(folder) if folder.is_dir() else []
    if not paths:
        raise MggcError(f"--extra-sources: a folder of images was wanted; {folder} holds none.")
    extra = FolderImages(paths, channels=dataset.input_channels, folder=folder)
    return Joined(dataset.train.source, extra)
