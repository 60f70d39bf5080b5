"""Who reads classes from images: a segmenter trained in the run, a published one, or the palette itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Int64
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mggc.data.dataset import Split
from mggc.data.images import ImageSet
from mggc.data.loaders import stack
from mggc.data.transforms import to_float
from mggc.errors import MggcError
from mggc.metrics.drn import load_drn
from mggc.metrics.palette import Palette
from mggc.metrics.segmenter import Segmenter, fit_segmenter
from mggc.runs.atomic import read_json, write_folder_atomically, write_json
from mggc.runs.rundir import digest_of
from mggc.shapes import ByteImage, ByteImages
from mggc.stages.context import Context, Progress, data_digest
from mggc.stages.evaluation.subjects import Protocol
from mggc.weights import DRN_D_105, digest_of_file, find, how_to_get

FOLDER = "segmenter"
WEIGHTS, RECORD = "model.safetensors", "done.json"
REPORT_EVERY = 10
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


def trained_segmenter(context: Context, palette: Palette) -> tuple[Segmenter, Protocol]:
    """A segmenter of real photographs, and how it was trained: the one that the settings name, or the run's own.

    The run's own is trained on its training split where that has not been done yet.

    Raises:
        MggcError: The named one is missing or knows other classes.
    """
    choice = context.config.evaluate.segmenter_weights
    folder = context.run.path / FOLDER if choice is None else segmenter_folder(Path(choice))
    if choice is None:
        _train_unless_done(context, folder, palette)
    record = read_json(folder / RECORD)
    if record["classes"] != list(palette.names):
        raise MggcError(
            f"{folder} knows other classes than the palette {palette.name}: {', '.join(record['classes'])}. "
            "Name the palette that it was trained with."
        )
    network = Segmenter(len(palette.names), seed=record["seed"])
    network.load_state_dict(load_file(folder / WEIGHTS))
    protocol: Protocol = {
        "segmenter": "trained on real pairs of the training split",
        "segmenter_sha256": digest_of_file(folder / WEIGHTS)[:16],
        **{f"segmenter_{name}": record[name] for name in ("pairs", "updates", "seed")},
    }
    return network.eval().requires_grad_(False), protocol


def segmenter_folder(path: Path) -> Path:
    """Where a trained segmenter lies: in a run that has trained one, or in that very folder.

    Raises:
        MggcError: In neither.
    """
    for folder in (path / FOLDER, path):
        if (folder / RECORD).is_file() and (folder / WEIGHTS).is_file():
            return folder
    raise MggcError(
        f"--evaluate.segmenter-weights wants a run that has trained a segmenter. Found none at {path}."
    )


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


def _train_unless_done(context: Context, folder: Path, palette: Palette) -> None:
    config = context.config
    updates, seed = config.evaluate.segmenter_updates, config.seed
    digest = digest_of("segmenter", data_digest(context), palette.__dict__, updates)
    if (folder / RECORD).is_file() and read_json(folder / RECORD)["digest"] == digest:
        return
    split = context.dataset.train
    photos, labels = _pairs(split, palette, image_size=config.data.image_size)
    network = Segmenter(len(palette.names), seed=seed).to(context.fabric.device)
    for step in fit_segmenter(network, photos, labels, updates=updates, seed=seed):
        if step.step % REPORT_EVERY == 0 or step.step == updates:
            context.reporter.progress(Progress("segmenter", step.step, updates, {"loss": step.loss}))
    record = {
        "digest": digest,
        "classes": list(palette.names),
        "pairs": len(split),
        "updates": updates,
        "seed": seed,
    }
    _save(network, folder, record)


def _pairs(
    split: Split, palette: Palette, *, image_size: int
) -> tuple[ByteImages, Int64[Tensor, "batch height width"]]:
    """Photographs in colour and their classes, both at the image size."""
    photos: ByteImages = stack(split.target, image_size=image_size)
    size = (image_size, image_size)
    maps = (label_map(split.source, index, palette) for index in range(len(split.source)))
    labels = torch.cat([resize_labels(labels[None], size) for labels in maps])
    return photos.expand(-1, 3, -1, -1), labels


def _save(network: Segmenter, folder: Path, record: dict[str, object]) -> None:
    def write(partial: Path) -> None:
        weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        (partial / WEIGHTS).write_bytes(save(weights))
        write_json(partial / RECORD, record)

    write_folder_atomically(folder, write)
