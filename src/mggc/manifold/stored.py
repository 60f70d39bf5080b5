from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from mggc.shapes import ByteImages

StoredImages: TypeAlias = ByteImages | UInt8[np.ndarray, "batch channels height width"]
"""Many decoded images of one size: a tensor, or an array that may be a memory map."""


def take(images: StoredImages, rows: Int[Tensor, " rows"]) -> UInt8[Tensor, "rows channels height width"]:
    """Those images; of a memory map nothing else is read."""
    if isinstance(images, Tensor):
        return images[rows.to(images.device)]
    # A copy, for a read-only memory map's rows are read-only too, and PyTorch warns of those.
    return torch.from_numpy(np.array(images[rows.cpu().numpy()]))
