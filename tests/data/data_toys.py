"""Small image files and sets whose pixels say which image they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mggc.data.images import ArrayImages


def noise(seed: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_image(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_folder(folder: Path, names: Sequence[str], *, height: int = 4, width: int = 8) -> None:
    for seed, name in enumerate(names):
        write_image(folder / name, noise(seed, height, width))


def numbered(count: int) -> list[str]:
    return [f"{number:03}.png" for number in range(count)]


def constant_images(count: int, *, channels: int = 1, size: int = 4, first: int = 0) -> ArrayImages:
    """Image i holds the value ``first + i`` in every pixel."""
    values = torch.arange(first, first + count, dtype=torch.uint8)
    return ArrayImages(
        values[:, None, None, None].repeat(1, channels, size, size), [f"{first + i}" for i in range(count)]
    )


def noise_images(count: int, *, channels: int = 3, size: int = 8, seed: int = 0) -> ArrayImages:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)
    return ArrayImages(pixels, [f"{seed}-{i}" for i in range(count)])
