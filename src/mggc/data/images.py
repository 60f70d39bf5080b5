"""Image sets: an index gives a decoded image, whether files or an array lie behind it."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from mggc.data.pillow import Channels, decode, from_pillow
from mggc.errors import MggcError
from mggc.shapes import ByteImage

EXTENSIONS = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp"}


class ImageSet(ABC):
    """Decoded images in a fixed order; ``images[i]`` is uint8 CHW."""

    names: tuple[str, ...]
    """One unique name for each image; for files the path below their folder, without suffix where that is unique."""

    def __len__(self) -> int:
        """The number of images."""
        return len(self.names)

    def __iter__(self) -> Iterator[ByteImage]:
        """The images in order."""
        return (self[index] for index in range(len(self)))

    @abstractmethod
    def __getitem__(self, index: int) -> ByteImage:
        """Image ``index``, decoded.

        Raises:
            MggcError: The file does not decode.
        """

    @abstractmethod
    def key(self, index: int) -> str:
        """What tells image ``index`` from another without decoding it: its name, and its size or a digest."""


@final
class FolderImages(ImageSet):
    """One image in each file.

    Args:
        paths: The files, in the order of the set.
        channels: 1 decodes to grey, 3 to colour.
        folder: Names are relative to it; absent: names are file names.
    """

    def __init__(self, paths: Sequence[Path], *, channels: Channels, folder: Path | None = None) -> None:
        self.names = image_names(paths, folder)
        self._paths = tuple(paths)
        self._channels = channels

    def __getitem__(self, index: int) -> ByteImage:
        return from_pillow(decode(self._paths[index], channels=self._channels))

    def key(self, index: int) -> str:
        """The image's name and its file's size."""
        return f"{self.names[index]} {self._paths[index].stat().st_size}"


@final
class PairHalf(ImageSet):
    """One half of files that hold two images side by side: A is left, B is right.

    Args:
        paths: The files, in the order of the set.
        half: Which half; a column more on the right of an odd width belongs to B, as in pix2pix.
        channels: 1 decodes to grey, 3 to colour.
        folder: Names are relative to it; absent: names are file names.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        half: Literal["A", "B"],
        *,
        channels: Channels,
        folder: Path | None = None,
    ) -> None:
        self.names = image_names(paths, folder)
        self._paths = tuple(paths)
        self._half = half
        self._channels = channels

    def __getitem__(self, index: int) -> ByteImage:
        path = self._paths[index]
        pair = decode(path, channels=self._channels)
        middle = pair.width // 2
        if middle < 1:
            raise MggcError(
                f"{path} should hold two images side by side, but is {pair.width}×{pair.height} pixels. "
                "For one image in each file use --model cyclegan with folders trainA and trainB."
            )
        left, right = (0, middle) if self._half == "A" else (middle, pair.width)
        return from_pillow(pair.crop((left, 0, right, pair.height)))

    def key(self, index: int) -> str:
        """The image's name, its half and its file's size."""
        return f"{self.names[index]}:{self._half} {self._paths[index].stat().st_size}"


@final
class ArrayImages(ImageSet):
    """Images that lie in one array, in memory or memory-mapped; each access copies one image.

    Raises:
        ValueError: There is not one unique name for each image.
    """

    def __init__(
        self,
        array: UInt8[Tensor, "images channels height width"]
        | UInt8[np.ndarray, "images channels height width"],
        names: Sequence[str],
    ) -> None:
        if len(names) != len(array) or len(set(names)) != len(names):
            raise ValueError(
                f"An array of {len(array)} images needs as many unique names. Found {len(set(names))}."
            )
        self.names = tuple(names)
        self._array = array

    def __getitem__(self, index: int) -> ByteImage:
        image = self._array[index]
        # A copy also because PyTorch cannot wrap an array that is mapped read-only.
        return image.clone() if isinstance(image, Tensor) else torch.from_numpy(np.array(image))

    def key(self, index: int) -> str:
        """The image's name and a digest of its pixels."""
        pixels = self[index].cpu().contiguous().numpy()
        return f"{self.names[index]} {hashlib.sha256(pixels.tobytes()).hexdigest()}"


@final
class Subset(ImageSet):
    """Some images of another set, in the order of ``indices``."""

    def __init__(self, images: ImageSet, indices: Sequence[int]) -> None:
        self.names = tuple(images.names[index] for index in indices)
        self._images = images
        self._indices = tuple(indices)

    def __getitem__(self, index: int) -> ByteImage:
        return self._images[self._indices[index]]

    def key(self, index: int) -> str:
        """The image's key in the other set."""
        return self._images.key(self._indices[index])


@final
class Joined(ImageSet):
    """The images of one set, then those of another; names of the second that the first has too get a suffix."""

    def __init__(self, first: ImageSet, second: ImageSet) -> None:
        taken = {*first.names, *second.names}
        own: list[str] = []
        for name in second.names:
            own.append(_free(name, taken) if name in first.names else name)
            taken.add(own[-1])
        self.names = first.names + tuple(own)
        self._first = first
        self._second = second

    def __getitem__(self, index: int) -> ByteImage:
        images, own_index = self._locate(index)
        return images[own_index]

    def key(self, index: int) -> str:
        """The image's key in its own set."""
        images, own_index = self._locate(index)
        return images.key(own_index)

    def _locate(self, index: int) -> tuple[ImageSet, int]:
        own_index = range(len(self))[index]
        if own_index < len(self._first):
            return self._first, own_index
        return self._second, own_index - len(self._first)


def _free(name: str, taken: set[str]) -> str:
    """A name that is not taken yet."""
    while name in taken:
        name += " (extra)"
    return name


def list_images(folder: Path) -> tuple[Path, ...]:
    """The image files below a folder, subfolders included, in the order of their paths; hidden ones are left out."""
    files = (Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names)
    return tuple(sorted(file for file in files if _is_image(file.relative_to(folder))))


def _is_image(file: Path) -> bool:
    # Archives made on a Mac bring hidden files such as ._1.jpg, and notebooks hidden folders: no images of the set.
    hidden = any(part.startswith(".") for part in file.parts)
    return file.suffix.lower() in EXTENSIONS and not hidden


def image_names(paths: Sequence[Path], folder: Path | None) -> tuple[str, ...]:
    """Unique names: paths below ``folder`` (absent: file names) without suffix, where no other file differs only in that.

    Raises:
        ValueError: Two files have the same name.
    """
    files = [path.relative_to(folder) if folder else Path(path.name) for path in paths]
    stems = [file.with_suffix("").as_posix() for file in files]
    uses = Counter(stems)
    names = tuple(
        stem if uses[stem] == 1 else file.as_posix() for stem, file in zip(stems, files, strict=True)
    )
    if len(set(names)) != len(names):
        raise ValueError("Files of different folders share a name; give the folder that holds them all.")
    return names
