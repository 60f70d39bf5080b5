"""mIoU and pixel accuracy: whether classes can be read from what a generator makes."""

from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from mggc.config import EvaluateConfig
from mggc.data.dataset import Dataset
from mggc.data.images import ImageSet
from mggc.errors import MggcError
from mggc.metrics.drn import CLASSES
from mggc.metrics.palette import IGNORED, Palette, load_palette
from mggc.metrics.results import Measurement, metric_name
from mggc.metrics.segmentation import confusion_matrix, mean_iou, pixel_accuracy
from mggc.shapes import ByteImages
from mggc.stages.evaluation.class_readers import ClassReader, drn_file, make_reader
from mggc.stages.evaluation.label_maps import label_map
from mggc.stages.evaluation.subjects import Figures, Protocol, Scene
from mggc.stages.evaluation.trained_segmenter import segmenter_folder

CEILING = "real"
"""The split's real images, which the segmenter reads as well as it reads anything."""


def segmentation_figures(scene: Scene) -> dict[str, Figures]:
    """How well label maps are read from both networks' images, and from real ones: the ceiling of such a reading.

    Raises:
        MggcError: Settings or data do not allow it.
    """
    config = scene.context.config.evaluate
    palette = chosen_palette(config, scene.context.dataset)
    if palette is None:
        return {name: {} for name in scene.subjects}
    reader = make_reader(scene.context, palette)
    labels = scene.split.target if config.segmenter == "colors" else scene.split.source
    images = {name: subject.images for name, subject in scene.subjects.items()}
    if scene.split.paired:
        images[CEILING] = scene.targets
    confusions = _confusions(images, labels, reader, palette)
    height, width = label_map(labels, 0, palette).shape
    protocol = {
        **scene.protocol,
        **reader.protocol,
        "palette": palette.name,
        "classes": len(palette.names),
        "label_size": f"the files' (the first: {height}×{width})",
        "n": len(labels),
    }
    found = {name: _figures(config.segmenter, confusion, protocol) for name, confusion in confusions.items()}
    ceiling = {f"ceiling_{name}": figure for name, figure in found.pop(CEILING, {}).items()}
    return {name: {**figures, **ceiling} for name, figures in found.items()}


def chosen_palette(config: EvaluateConfig, dataset: Dataset) -> Palette | None:
    """The palette that mIoU needs; None where no segmenter is asked for. Also refuses what cannot work.

    Raises:
        MggcError: No palette is named, it does not fit the segmenter, weights are missing, or the data has no pairs.
    """
    if config.segmenter == "none":
        return None
    if config.segmenter in ("trained", "colors") and not dataset.train.paired:
        raise MggcError(
            f"--evaluate.segmenter {config.segmenter} wants pairs of label map and photograph; this data has none. "
            "Use drn-d-105 or none."
        )
    default = "cityscapes" if config.segmenter == "drn-d-105" else None
    choice = config.palette or default
    if choice is None:
        raise MggcError(
            f"--evaluate.segmenter {config.segmenter} wants the label maps' colours: --evaluate.palette facades, "
            "cityscapes or a file."
        )
    palette = load_palette(choice)
    if config.segmenter == "trained" and config.segmenter_weights is not None:
        segmenter_folder(Path(config.segmenter_weights))
    if config.segmenter == "drn-d-105":
        if len(palette.names) != CLASSES:
            raise MggcError(
                f"drn-d-105 knows Cityscapes' {CLASSES} classes; the palette {palette.name} has {len(palette.names)}. "
                "Use --evaluate.segmenter trained."
            )
        drn_file(config.segmenter_weights)
    return palette


def _figures(name: str, confusion: Int64[Tensor, "classes classes"], protocol: Protocol) -> Figures:
    counted = int(confusion.sum())
    if not counted:
        return {}
    found = {"mean_iou": mean_iou(confusion), "pixel_accuracy": pixel_accuracy(confusion)}
    return {
        metric_name(metric, features=name): Measurement(
            value, "share", {**protocol, "pixels_counted": counted}
        )
        for metric, value in found.items()
    }


def _confusions(
    images: dict[str, ByteImages], labels: ImageSet, reader: ClassReader, palette: Palette
) -> dict[str, Int64[Tensor, "classes classes"]]:
    """Pixels pooled over each set; one image at a time, since label maps may be large and of several sizes."""
    classes = len(palette.names)
    totals = {name: torch.zeros(classes, classes, dtype=torch.int64) for name in images}
    for index in range(len(labels)):
        label = label_map(labels, index, palette)
        for name, stacked in images.items():
            read = reader.classes(stacked[index], (label.shape[0], label.shape[1]))
            totals[name] += confusion_matrix(read, label, classes=classes, ignore_index=IGNORED)
    return totals
