"""Images to feature vectors: one interface for encoders trained here, a published SwAV file, and any other network."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mggc.config import EncodeConfig, EncoderKind, Settings
from mggc.data.transforms import to_float
from mggc.errors import MggcError
from mggc.manifold.backbone import ResNet
from mggc.manifold.modes import evaluating
from mggc.manifold.stored import StoredImages, take
from mggc.shapes import Embeddings, ImageBatch, Images

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SMALL_IMAGE_SIZE = 64
LARGEST_DEFAULT_SIZE = 128
PIXELS_SIZE = 32
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


class EncoderSpec(Settings):
    """All that is needed to build an encoder's network again; its weights are another file."""

    name: str
    """What reports call the encoder: ``swav-r18``, ``swav-r18-w32``, ``swav-r50-imagenet``."""
    depth: Literal[18, 50]
    """Depth of the ResNet."""
    width: PositiveInt
    """Channels of the first layer; 64 is standard."""
    image_size: PositiveInt
    """Side that images are resized to, in pixels."""
    small_images: bool
    """The stem that keeps the resolution of small images."""
    kind: EncoderKind = "swav"
    """Whether the network is trained, has its initial weights, or is none at all (``pixels``)."""


@final
class Encoder(nn.Module):
    """E of Eq. 1: an image, as the generator makes it, to a feature vector.

    Build one with :func:`build_encoder`, :func:`load_swav_checkpoint` or :func:`wrap_encoder`.

    Attributes:
        backbone: The network, which sees RGB images of ``image_size`` pixels.
        name: What reports call it.
        dim: Length of a feature vector.
        image_size: Side that images are resized to, in pixels.
        spec: The network's description, or None where the network is the user's own.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        *,
        name: str,
        dim: int,
        image_size: int,
        normalize: bool = True,
        spec: EncoderSpec | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.name = name
        self.dim = dim
        self.image_size = image_size
        self.spec = spec
        # Images arrive in [-1, 1]; ImageNet's statistics are of images in [0, 1].
        mean = 2 * torch.tensor(IMAGENET_MEAN) - 1 if normalize else torch.zeros(3)
        std = 2 * torch.tensor(IMAGENET_STD) if normalize else torch.ones(3)
        self.register_buffer("mean", mean.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Images) -> Embeddings:
        """Features of float images in [-1, 1], of any size, with 1 (grey) or 3 channels."""
        return self.features(resize_images(images, image_size=self.image_size))

    def features(self, images: Images) -> Embeddings:
        """The same without resizing: the small crops of a training stay small."""
        features: Tensor = self.backbone((images.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return features


def resize_images(images: Images, *, image_size: int) -> Float[Tensor, "batch channels size size"]:
    """Square images of ``image_size`` pixels, bilinear and antialiased; unchanged where they have that size."""
    if images.shape[-2:] == (image_size, image_size):
        return images
    return F.interpolate(
        images, size=(image_size, image_size), mode="bilinear", antialias=True, align_corners=False
    )


def encoder_spec(config: EncodeConfig, *, data_image_size: int) -> EncoderSpec:
    """The encoder that a configuration asks for, for images of ``data_image_size`` pixels."""
    if config.method == "pixels":
        image_size = config.image_size or min(data_image_size, PIXELS_SIZE)
        name = f"pixels-{image_size}"
    else:
        image_size = config.image_size or min(data_image_size, LARGEST_DEFAULT_SIZE)
        name = f"{config.method}-r{config.depth}" + ("" if config.width == 64 else f"-w{config.width}")
    return EncoderSpec(
        name=name,
        kind=config.method,
        depth=config.depth,
        width=config.width,
        image_size=image_size,
        small_images=image_size <= SMALL_IMAGE_SIZE,
    )


def build_encoder(spec: EncoderSpec) -> Encoder:
    """An encoder with random weights, drawn from the global generator, or one of pixels, which has none."""
    if spec.kind == "pixels":
        dim = 3 * spec.image_size**2
        return Encoder(
            nn.Flatten(), name=spec.name, dim=dim, image_size=spec.image_size, normalize=False, spec=spec
        )
    backbone = ResNet(depth=spec.depth, width=spec.width, small_images=spec.small_images)
    return Encoder(backbone, name=spec.name, dim=backbone.dim, image_size=spec.image_size, spec=spec)


def wrap_encoder(module: nn.Module, name: str, *, image_size: int = 224, normalize: bool = True) -> Encoder:
    """Any network from RGB images [batch, 3, image_size, image_size] to vectors [batch, dim], as an encoder.

    Args:
        module: The network.
        name: What reports call it.
        image_size: Side of the images that the network expects, in pixels.
        normalize: Give it ImageNet-normalized images; without this they stay in [-1, 1].

    Raises:
        ValueError: The network's output is not [batch, dim].
    """
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    with evaluating(module):
        output = module(torch.zeros(2, 3, image_size, image_size, device=device))
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != 2:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"`module` should map images [2, 3, {image_size}, {image_size}] to [2, dim]. Found {found}."
        )
    encoder = Encoder(module, name=name, dim=output.shape[1], image_size=image_size, normalize=normalize)
    return encoder.to(device)


def embed(
    encoder: Encoder,
    images: StoredImages | Iterable[ImageBatch],
    *,
    batch_size: int = 64,
) -> Embeddings:
    """Features of many images, in order: float32, on the CPU, in eval mode, without gradients.

    Args:
        encoder: Left in the mode in which it came.
        images: uint8 images as a tensor or an array (memory-mapped is fine), or batches of float images in [-1, 1].
        batch_size: Images in one forward pass where ``images`` is one array; the result does not depend on it.

    Returns:
        One row for each image; none where there is no image.
    """
    with evaluating(encoder):
        batches = _float_batches(images, batch_size=batch_size)
        features = [encoder(batch.to(encoder.mean.device)).float().cpu() for batch in batches]
    return torch.cat(features) if features else torch.empty(0, encoder.dim)


def _float_batches(images: StoredImages | Iterable[ImageBatch], *, batch_size: int) -> Iterator[ImageBatch]:
    if isinstance(images, Tensor | np.ndarray):
        for rows in torch.split(torch.arange(len(images)), batch_size):
            yield to_float(take(images, rows))
    else:
        yield from images


def save_encoder(encoder: Encoder, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors`` into an existing folder.

    Raises:
        ValueError: The encoder wraps the user's own network, which has no description here.
    """
    if encoder.spec is None:
        raise ValueError(
            f"Only an encoder with a spec can be saved. Found {encoder.name!r}, a wrapped network."
        )
    weights = {name: tensor.contiguous() for name, tensor in encoder.backbone.state_dict().items()}
    (folder / WEIGHTS_FILE).write_bytes(save(weights))
    (folder / CONFIG_FILE).write_text(json.dumps(encoder.spec.model_dump(), indent=2) + "\n")


def load_encoder(folder: Path) -> Encoder:
    """The encoder that :func:`save_encoder` wrote.

    Raises:
        MggcError: A file is missing, unreadable or does not fit the other.
    """
    try:
        encoder = build_encoder(EncoderSpec.model_validate_json((folder / CONFIG_FILE).read_text()))
        encoder.backbone.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise MggcError(
            f"{folder} should hold an encoder ({CONFIG_FILE}, {WEIGHTS_FILE}). Found: {reason}. Train it again."
        ) from error
    return encoder
