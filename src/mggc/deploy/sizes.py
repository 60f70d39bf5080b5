"""The sizes that a network takes, also one of the user's own, which does not say."""

import torch
from torch import nn

from mggc.deploy.any_size import TRIED_MULTIPLES, pad_to_multiple
from mggc.errors import MggcError
from mggc.networks.sizes import minimum_size, size_multiple
from mggc.networks.specs import FactorySpec, NetworkSpec

ODD_SIZE = (45, 51)
"""Height and width that are multiples of nothing that networks halve."""


def taken_sizes(generator: nn.Module, spec: NetworkSpec) -> tuple[int, int]:
    """The multiple that height and width have to be, and their minimum, in pixels: what images are padded to.

    Args:
        generator: In eval mode; one of the user's own is tried with an image of odd size.
        spec: Its specification.

    Raises:
        MggcError: A network of the user's own takes no size near that image's.
    """
    if not isinstance(spec, FactorySpec):
        return size_multiple(spec), minimum_size(spec)
    images = torch.zeros(1, spec.input_channels, *ODD_SIZE)
    for multiple in TRIED_MULTIPLES:
        if _fits(generator, pad_to_multiple(images, multiple=multiple, minimum=multiple)):
            return multiple, multiple
    raise MggcError(
        f"The network of {spec.factory} takes no image padded to a multiple of up to {TRIED_MULTIPLES[-1]} pixels, so it "
        "cannot be exported for images of any size."
    )


@torch.inference_mode()
def _fits(generator: nn.Module, images: torch.Tensor) -> bool:
    try:
        return bool(generator(images).shape[-2:] == images.shape[-2:])
    except (RuntimeError, ValueError):  # layers disagree about a size
        return False


def smallest_size(spec: NetworkSpec, *, at_least: int) -> int:
    """The smallest side of images that the network takes, from so many pixels upwards."""
    multiple, minimum = size_multiple(spec), minimum_size(spec)
    return max(minimum, -(-at_least // multiple) * multiple)
