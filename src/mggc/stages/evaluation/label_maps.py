"""Label maps of a data set, as classes."""

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor

from mggc.data.images import ImageSet
from mggc.errors import MggcError
from mggc.metrics.palette import Palette


def label_map(images: ImageSet, index: int, palette: Palette) -> Int64[Tensor, "height width"]:
    """The classes of one label map, at its file's resolution.

    Raises:
        MggcError: The map is read as grey.
    """
    image = images[index]
    if image.shape[0] != 3:
        raise MggcError(
            f"The palette {palette.name} is in colour, but label maps are read as grey. Use 3 channels for them."
        )
    return palette.labels(image[None])[0]


def resize_labels(
    labels: Int64[Tensor, "batch height width"], size: tuple[int, int]
) -> Int64[Tensor, "batch new_height new_width"]:
    """Label maps at (height, width): each pixel takes the class of the nearest."""
    if tuple(labels.shape[-2:]) == size:
        return labels
    resized = F.interpolate(labels[:, None].to(torch.uint8), size=size, mode="nearest-exact")
    return resized[:, 0].long()
