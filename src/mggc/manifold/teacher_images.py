"""Teacher images y' = G(x): made once by the frozen original generator, then read from a memory map."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from mggc.data.transforms import to_bytes, to_float
from mggc.errors import MggcError, naming
from mggc.manifold.modes import evaluating
from mggc.manifold.stored import take
from mggc.shapes import ImageBatch, Images

PARTIAL_SUFFIX = ".partial"


def write_teacher_images(
    path: Path,
    generator: Callable[[Images], Images],
    batches: Iterable[ImageBatch],
    *,
    count: int,
    device: torch.device,
) -> None:
    """Run the generator on ``count`` source images and store what it makes as a ``.npy`` of uint8 [count, c, h, w].

    A network runs in eval mode and comes back in the mode in which it came. The file appears under its name when it is
    whole, and not before.

    Args:
        path: The file to write; its folder exists.
        generator: From float images in [-1, 1] to the like.
        batches: Source images in order, ``count`` of them in all.
        count: Number of source images.
        device: Where the generator is.

    Raises:
        ValueError: ``batches`` hold more or fewer than ``count`` images, or ``count`` is not positive.
    """
    partial_path = path.with_name(f".{path.name}{PARTIAL_SUFFIX}")
    try:
        with evaluating(generator) if isinstance(generator, nn.Module) else torch.no_grad():
            outputs = (to_bytes(generator(batch.to(device))).cpu().numpy() for batch in batches)
            with naming(path):
                _store(partial_path, outputs, count=count)
                partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)


def _store(
    path: Path, outputs: Iterable[UInt8[np.ndarray, "batch channels height width"]], *, count: int
) -> None:
    # Written piece by piece, not through a memory map: on a full disk that would kill the process.
    written = 0
    with path.open("wb") as file:
        for output in outputs:
            if written == 0:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *output.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            if written + len(output) > count:
                raise ValueError(f"`batches` should hold `count = {count}` images. Found more.")
            file.write(output.tobytes())
            written += len(output)
    if written < count or count < 1:
        raise ValueError(f"`batches` should hold `count = {count}` images, at least one. Found {written}.")


def open_teacher_images(path: Path) -> UInt8[np.ndarray, "images channels height width"]:
    """A read-only memory map of what :func:`write_teacher_images` stored.

    Raises:
        MggcError: The file is missing or is something else.
    """
    try:
        images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise MggcError(
            f"{path} should hold the teacher images. Found: {error}. Make them again: mggc prune."
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4:
        raise MggcError(
            f"{path} should hold uint8 images [n, c, h, w]. Found {images.dtype} {images.shape}. Delete it."
        )
    return images


def teacher_batch(
    images: UInt8[np.ndarray, "images channels height width"], rows: Int[Tensor, " batch"]
) -> Images:
    """Those rows as float images in [-1, 1], on the device of ``rows``."""
    return to_float(take(images, rows).to(rows.device))
