"""Images of any size through a generator, from a folder to a folder."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from mggc.data.images import list_images
from mggc.data.pillow import Channels, decode, from_pillow, to_pillow
from mggc.data.transforms import to_bytes, to_float
from mggc.errors import MggcError
from mggc.networks.sizes import minimum_size, size_multiple
from mggc.networks.specs import NetworkSpec
from mggc.runs.atomic import write_atomically
from mggc.shapes import ByteImage, Images
from mggc.stages.context import Progress, Reporter
from mggc.stages.import_gan import generator_spec_of
from mggc.stages.load import load_any_generator


def translate_folder(
    source: Path, inputs: Path, outputs: Path, *, force: bool = False, reporter: Reporter | None = None
) -> Iterator[Path]:
    """Translate every image below a folder, yielding each file as it is written.

    Args:
        source: A run, a network's folder or a weights file.
        inputs: Folder of images, of any size.
        outputs: Where PNG files of the same names go.
        force: Replace files that are there already.
        reporter: Where progress goes.

    Raises:
        MggcError: No images, an image that does not decode, or files that would be replaced.
    """
    loaded = load_any_generator(source)
    spec = generator_spec_of(loaded)
    channels: Channels = 1 if spec.input_channels == 1 else 3
    paths = list_images(inputs) if inputs.is_dir() else ()
    if not paths:
        raise MggcError(f"A folder of images was wanted; {inputs} holds none.")
    targets = {path: (outputs / path.relative_to(inputs)).with_suffix(".png") for path in paths}
    if len(set(targets.values())) < len(paths):
        raise MggcError(
            f"{inputs} holds files that differ in their suffix alone; their results would share a name."
        )
    present = [target for target in targets.values() if target.exists()]
    if present and not force:
        raise MggcError(
            f"{present[0]} is there already (and {len(present) - 1} more). Allow replacing with --force."
        )
    for number, (path, target) in enumerate(targets.items(), start=1):
        image = from_pillow(decode(path, channels=channels))
        picture = to_pillow(translate(loaded.network, loaded.spec, image))
        write_atomically(target, partial(_save_png, picture))
        if reporter is not None:
            reporter.progress(Progress("translate", number, len(targets), {}))
        yield target


def _save_png(picture: Image.Image, path: Path) -> None:
    picture.save(path, format="PNG")


@torch.inference_mode()
def translate(generator: nn.Module, spec: NetworkSpec, image: ByteImage) -> ByteImage:
    """One image of any size: padded by reflection to a size that the network takes, translated, cropped back."""
    height, width = image.shape[-2:]
    padded = pad_to_multiple(to_float(image[None]), multiple=size_multiple(spec), minimum=minimum_size(spec))
    device = next(generator.parameters()).device
    return to_bytes(generator(padded.to(device))).cpu()[0, :, :height, :width]


def pad_to_multiple(images: Images, *, multiple: int, minimum: int) -> Images:
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
