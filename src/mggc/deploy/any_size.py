"""Images of any size through a generator that takes certain sizes only: padding, and tiles for images too large at once."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from mggc.data.transforms import to_bytes, to_float
from mggc.errors import MggcError
from mggc.networks.sizes import minimum_size, size_multiple
from mggc.networks.specs import FactorySpec, NetworkSpec
from mggc.shapes import ByteImage, Images

OVERLAP_SHARE = 0.25
TRIED_MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@torch.inference_mode()
def translate(
    generator: nn.Module, spec: NetworkSpec, image: ByteImage, *, tile: int | None = None
) -> UInt8[Tensor, "target_channels height width"]:
    """One image of any size: padded by reflection to a size that the network takes, translated, cropped back.

    Args:
        generator: In eval mode.
        spec: Its specification, which says what sizes it takes.
        image: The image.
        tile: Translate in overlapping square tiles of about this side, in pixels, where the image is larger; absent:
            at once. Tiles cost less memory, and norms with statistics of their own may make them differ a little.

    Raises:
        MggcError: A network of the user's own takes no size near the image's.
    """
    images = to_float(image[None])
    if isinstance(spec, FactorySpec):
        return to_bytes(_by_trial(generator, spec, images, tile))[0]
    output = _translate(generator, images, tile, multiple=size_multiple(spec), minimum=minimum_size(spec))
    return to_bytes(output)[0]


def _by_trial(generator: nn.Module, spec: FactorySpec, images: Images, tile: int | None) -> Tensor:
    """What the network takes shows when it gives back an image of the size that it was given."""
    for multiple in TRIED_MULTIPLES:
        output = _if_it_fits(generator, images, tile, multiple=multiple)
        if output is not None:
            return output
    height, width = images.shape[-2:]
    raise MggcError(
        f"The network of {spec.factory} takes an image of {width}×{height} pixels at no padding to a multiple of up to "
        f"{TRIED_MULTIPLES[-1]}. Resize the images to what it takes."
    )


def _if_it_fits(generator: nn.Module, images: Images, tile: int | None, *, multiple: int) -> Tensor | None:
    try:
        return _translate(generator, images, tile, multiple=multiple, minimum=multiple)
    except (
        RuntimeError,
        ValueError,
    ):  # a concatenation of different sizes, a norm over one pixel, another size
        return None


def _translate(
    generator: nn.Module, images: Images, tile: int | None, *, multiple: int, minimum: int
) -> Tensor:
    height, width = images.shape[-2:]
    if tile is not None and max(height, width) > tile:
        return _tiled(generator, images, max(minimum, -(-tile // multiple) * multiple))
    padded = pad_to_multiple(images, multiple=multiple, minimum=minimum)
    return _run(generator, padded)[..., :height, :width]


def _run(generator: nn.Module, images: Images) -> Tensor:
    output: Tensor = generator(images.to(next(generator.parameters()).device)).cpu()
    if output.shape[-2:] != images.shape[-2:]:
        raise RuntimeError(f"{tuple(images.shape[-2:])} became {tuple(output.shape[-2:])}.")
    return output


def _tiled(generator: nn.Module, images: Images, side: int) -> Tensor:
    """Translate overlapping tiles and blend them, each weighted down towards its edges."""
    height, width = images.shape[-2:]
    padded = pad_to_multiple(images, multiple=1, minimum=side)
    window = _window(side)
    total: Tensor | None = None
    weight = torch.zeros(1, 1, *padded.shape[-2:])
    for top in _starts(padded.shape[-2], side):
        for left in _starts(padded.shape[-1], side):
            place = (..., slice(top, top + side), slice(left, left + side))
            output = _run(generator, padded[place])
            if total is None:
                total = torch.zeros(1, output.shape[1], *padded.shape[-2:])
            total[place] += output * window
            weight[place] += window
    if total is None:
        raise ValueError("An image has at least one pixel.")
    return (total / weight)[..., :height, :width]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin: evenly spread, overlapping by at least the overlap's share, the last one flush with the end."""
    if length <= side:
        return [0]
    step = max(1, int(side * (1 - OVERLAP_SHARE)))
    count = -(-(length - side) // step) + 1
    return [round(number * (length - side) / (count - 1)) for number in range(count)]


def _window(side: int) -> Float[Tensor, "side side"]:
    """1 in the middle, falling linearly towards the edges over the overlap, never zero."""
    ramp = max(1, int(side * OVERLAP_SHARE))
    distance = torch.arange(1, side + 1).minimum(torch.arange(side, 0, -1))
    profile = (distance / ramp).clamp(max=1)
    return profile[:, None] * profile


def pad_to_multiple(
    images: Images, *, multiple: int, minimum: int
) -> Float[Tensor, "batch channels padded_height padded_width"]:
    """Pad on the right and below by reflection, repeatedly where the image is smaller than the padding."""
    for axis in (-1, -2):
        size = images.shape[axis]
        wanted = max(minimum, -(-size // multiple) * multiple)
        while images.shape[axis] < wanted:
            room = wanted - images.shape[axis]
            # Reflection can add at most size - 1 pixels at a time; an image of one pixel is repeated instead.
            step = min(room, max(images.shape[axis] - 1, 1))
            padding = (0, step, 0, 0) if axis == -1 else (0, 0, 0, step)
            images = F.pad(images, padding, mode="reflect" if images.shape[axis] > 1 else "replicate")
    return images
