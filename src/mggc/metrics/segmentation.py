"""Mean intersection over union: of label maps, and of ink on paper."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64, Integer
from torch import Tensor

from mggc.shapes import ByteImages, Images

INK, BACKGROUND = 0, 1


class MeanIou(NamedTuple):
    """Intersections over unions, in [0, 1]; NaN for a class that no pixel has or is predicted to have."""

    ink: float
    background: float
    mean: float


def confusion_matrix(
    prediction: Integer[Tensor, "*shape"],
    label: Integer[Tensor, "*shape"],
    *,
    classes: int,
    ignore_index: int | None = None,
) -> Int64[Tensor, "classes classes"]:
    """How many pixels of each class (row) were predicted as each class (column); matrices of batches add up.

    Args:
        prediction: Predicted classes, from 0 to ``classes - 1``.
        label: True classes, of the same shape.
        classes: Number of classes.
        ignore_index: A label whose pixels do not count, such as 255 in Cityscapes.

    Raises:
        ValueError: The shapes differ, or a class is out of range.
    """
    if prediction.shape != label.shape:
        raise ValueError(
            f"Prediction and label should have one shape. Found {tuple(prediction.shape)} and {tuple(label.shape)}."
        )
    predicted, true = prediction.flatten().long(), label.flatten().long()
    if ignore_index is not None:
        counted = true != ignore_index
        predicted, true = predicted[counted], true[counted]
    for name, values in (("prediction", predicted), ("label", true)):
        if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < classes:
            raise ValueError(
                f"`{name}` should hold classes from 0 to {classes - 1}. Found {int(values.min())} to {int(values.max())}."
            )
    return torch.bincount(true * classes + predicted, minlength=classes**2).view(classes, classes)


def class_iou(confusion: Int64[Tensor, "classes classes"]) -> Float64[Tensor, " classes"]:
    """Intersection over union of each class; NaN for a class that is neither a label nor a prediction."""
    intersection = confusion.diagonal().double()
    return intersection / (confusion.sum(0) + confusion.sum(1) - intersection)


def mean_iou(confusion: Int64[Tensor, "classes classes"]) -> float:
    """Mean intersection over union, over the classes that some pixel has or is predicted to have; in [0, 1].

    Raises:
        ValueError: No pixel was counted.
    """
    _require_pixels(confusion)
    return float(class_iou(confusion).nanmean())


def pixel_accuracy(confusion: Int64[Tensor, "classes classes"]) -> float:
    """Share of the pixels whose class was predicted, in [0, 1].

    Raises:
        ValueError: No pixel was counted.
    """
    _require_pixels(confusion)
    return float(confusion.diagonal().sum() / confusion.sum())


def ink_mean_iou(fake: Images, real: Images) -> MeanIou:
    """Intersections over unions of ink (dark: below 0) and background, pooled over all pixels of the set.

    For a set that comes in batches, add up ``ink_confusion`` and pass the sum to ``ink_iou``.

    Raises:
        ValueError: The two stacks have different shapes or no pixels.
    """
    return ink_iou(ink_confusion(fake, real))


def ink_confusion(fake: Images, real: Images) -> Int64[Tensor, "2 2"]:
    """Confusion matrix of ink (0) and background (1); a pixel is ink where the mean of its channels is below 0.

    Raises:
        ValueError: The two stacks have different shapes.
    """
    return confusion_matrix(_paper(fake).long(), _paper(real).long(), classes=2)


def ink_iou(confusion: Int64[Tensor, "2 2"]) -> MeanIou:
    """The figures of ``ink_mean_iou`` from its confusion matrix.

    Raises:
        ValueError: No pixel was counted.
    """
    each = class_iou(confusion)
    return MeanIou(ink=float(each[INK]), background=float(each[BACKGROUND]), mean=mean_iou(confusion))


def decode_palette(
    images: ByteImages, palette: Integer[Tensor, "classes channels"]
) -> Int64[Tensor, "batch height width"]:
    """The class whose colour is nearest to each pixel's; the first of equally near ones.

    Args:
        images: Label maps drawn in colours, for instance by a generator.
        palette: The colour of each class, 0 to 255.

    Raises:
        ValueError: Images and palette have different numbers of channels.
    """
    if images.shape[1] != palette.shape[1]:
        raise ValueError(
            f"Palette and images should have the same channels. Found {palette.shape[1]} and {images.shape[1]}."
        )
    pixels, colors = images.int(), palette.to(device=images.device, dtype=torch.int32)
    decoded = torch.zeros_like(pixels[:, 0], dtype=torch.int64)
    nearest = torch.full_like(pixels[:, 0], torch.iinfo(torch.int32).max)
    # One colour at a time: a distance to every colour at once would not fit for large label maps.
    for index, color in enumerate(colors):
        distance = (pixels - color[:, None, None]).square().sum(1, dtype=torch.int32)
        decoded[distance < nearest] = index
        nearest = nearest.minimum(distance)
    return decoded


def _paper(images: Images) -> Bool[Tensor, "batch height width"]:
    return images.float().mean(1) >= 0


def _require_pixels(confusion: Int64[Tensor, "classes classes"]) -> None:
    if not int(confusion.sum()):
        raise ValueError("The confusion matrix should count at least one pixel. Found none.")
