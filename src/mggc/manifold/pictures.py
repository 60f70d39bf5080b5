"""Fig. 2: neighborhoods as pictures."""

import math

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image
from torch import Tensor

CENTER_COLOR = (214, 39, 40)
NEIGHBOR_COLOR = (31, 119, 180)
LEGIBLE_SIZE = 96
FRAME = 3
GAP = 4


def neighbor_grid(
    images: UInt8[np.ndarray, "images channels height width"],
    neighbors: Int[Tensor, "images k"],
    centers: Int[Tensor, " rows"],
) -> Image.Image:
    """An RGB picture with one row for each centre: the centre in a red frame, then its neighbors in blue frames.

    Images of less than 96 pixels are enlarged by a whole factor, without smoothing.

    Args:
        images: Teacher images, grey or RGB; a memory map is fine, only what is shown is read.
        neighbors: Rows of the nearest images, for every image (Eq. 1).
        centers: Rows of the images to show, at least one.
    """
    height, width = images.shape[2:]
    factor = max(1, math.ceil(LEGIBLE_SIZE / min(height, width)))
    cell_height, cell_width = (side * factor + 2 * FRAME + GAP for side in (height, width))
    size = (GAP + cell_width * (1 + neighbors.shape[1]), GAP + cell_height * len(centers))
    picture = Image.new("RGB", size, "white")
    for row, center in enumerate(centers.tolist()):
        for column, image in enumerate([center, *neighbors[center].tolist()]):
            color = CENTER_COLOR if column == 0 else NEIGHBOR_COLOR
            corner = (GAP + column * cell_width, GAP + row * cell_height)
            picture.paste(_framed(images[image], color, factor=factor), corner)
    return picture


def _framed(
    image: UInt8[np.ndarray, "channels height width"], color: tuple[int, int, int], *, factor: int
) -> Image.Image:
    channels, height, width = image.shape
    pixels = (
        np.broadcast_to(image, (3, height, width)).transpose(1, 2, 0)
        if channels == 1
        else image.transpose(1, 2, 0)
    )
    size = (width * factor, height * factor)
    enlarged = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.NEAREST)
    framed = Image.new("RGB", (size[0] + 2 * FRAME, size[1] + 2 * FRAME), color)
    framed.paste(enlarged, (FRAME, FRAME))
    return framed
