"""From stored images to the features that a metric compares."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.data.transforms import to_float
from mggc.runtime import evaluating
from mggc.shapes import ByteImages


def extract_features(
    extractor: nn.Module, images: ByteImages, *, batch_size: int = 16
) -> Float[Tensor, "images dim"]:
    """Features of stored images, in order: float32, on the CPU, in eval mode, without gradient.

    Args:
        extractor: From float images in [-1, 1] to vectors, such as ``InceptionFeatures``. Left in its own mode.
        images: uint8 images on any device.
        batch_size: Images in one forward pass; beyond rounding the result does not depend on it.

    Raises:
        ValueError: There are no images.
    """
    if not len(images):
        raise ValueError("Features need an image or more. Found none.")
    device = next(extractor.parameters()).device
    with evaluating(extractor), torch.inference_mode():
        batches = torch.split(images, batch_size)
        features = [extractor(to_float(batch.to(device))).float().cpu() for batch in batches]
    return torch.cat(features)
