"""The segmenter of a data set's own photographs: trained once in a run, kept there, and lent to other runs."""

from pathlib import Path

import torch
from jaxtyping import Int64
from safetensors.torch import load_file, save
from torch import Tensor

from mggc.data.dataset import Split
from mggc.data.loaders import stack
from mggc.errors import MggcError
from mggc.metrics.palette import Palette
from mggc.metrics.segmenter import Segmenter, fit_segmenter
from mggc.runs.atomic import read_json, write_folder_atomically, write_json
from mggc.runs.rundir import digest_of
from mggc.shapes import ByteImages
from mggc.stages.context import Context, Progress, data_digest
from mggc.stages.evaluation.label_maps import label_map, resize_labels
from mggc.stages.evaluation.subjects import Protocol
from mggc.weights import digest_of_file

FOLDER = "segmenter"
WEIGHTS, RECORD = "model.safetensors", "done.json"
REPORT_EVERY = 10


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
