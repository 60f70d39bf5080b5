"""Who reads classes from images: a segmenter trained in the run, a published one, or the palette itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from torch import Tensor, nn

from mggc.data.transforms import to_float
from mggc.errors import MggcError
from mggc.metrics.drn import load_drn
from mggc.metrics.palette import Palette
from mggc.shapes import ByteImage
from mggc.stages.context import Context
from mggc.stages.evaluation.label_maps import resize_labels
from mggc.stages.evaluation.subjects import Protocol
from mggc.stages.evaluation.trained_segmenter import trained_segmenter
from mggc.weights import DRN_D_105, digest_of_file, find, how_to_get

LOGITS: Protocol = {"logits": "resized bilinearly to the labels"}


class ClassReader(ABC):
    """Reads the class of every pixel of an image."""

    protocol: Protocol
    """Whose reading it is."""

    @abstractmethod
    def classes(self, image: ByteImage, size: tuple[int, int]) -> Int64[Tensor, "rows columns"]:
        """Classes of one image at another resolution, (rows, columns)."""


@final
@dataclass(frozen=True)
class NetworkReader(ClassReader):
    """By a network's logits, resized bilinearly to the label map's resolution."""

    network: nn.Module
    protocol: Protocol

    def classes(self, image: ByteImage, size: tuple[int, int]) -> Int64[Tensor, "rows columns"]:
        """The class with the largest logit."""
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            logits = self.network(to_float(image[None]).to(device).expand(-1, 3, -1, -1))
            resized = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return resized.argmax(1)[0].cpu()


@final
@dataclass(frozen=True)
class ColorReader(ClassReader):
    """By the nearest colour of the palette, for a generator that draws label maps."""

    palette: Palette
    protocol: Protocol

    def classes(self, image: ByteImage, size: tuple[int, int]) -> Int64[Tensor, "rows columns"]:
        """The class of the nearest colour; each pixel of the label map takes that of the pixel below it."""
        return resize_labels(self.palette.predictions(image[None]), size)[0]


def make_reader(context: Context, palette: Palette) -> ClassReader:
    """The reader that the settings ask for.

    Raises:
        MggcError: Its weights are missing, or it does not fit the palette.
    """
    match context.config.evaluate.segmenter:
        case "colors":
            return ColorReader(palette, {"segmenter": "nearest colour"})
        case "drn-d-105":
            path = drn_file(context.config.evaluate.segmenter_weights)
            published: Protocol = {"segmenter": "drn-d-105", "weights_sha256": digest_of_file(path)[:16]}
            return NetworkReader(load_drn(path).to(context.fabric.device), {**published, **LOGITS})
    network, record = trained_segmenter(context, palette)
    return NetworkReader(network.to(context.fabric.device), {**record, **LOGITS})


def drn_file(choice: str | None) -> Path:
    """Where DRN-D-105's weights lie: where the user says, or in the cache.

    Raises:
        MggcError: Nowhere; the message says where to get them.
    """
    path = find(DRN_D_105) if choice is None else Path(choice)
    if path is None or not path.is_file():
        raise MggcError(
            f"--evaluate.segmenter drn-d-105 wants its weights, which are not at {path or DRN_D_105.cached}. "
            f"{how_to_get(DRN_D_105)}"
        )
    return path
