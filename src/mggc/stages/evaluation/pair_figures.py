"""Figures of pairs: an image against the one that it should be."""

from mggc.data.transforms import to_float
from mggc.metrics.paired import WINDOW, mean_absolute_error, psnr, ssim
from mggc.metrics.results import Measurement
from mggc.metrics.segmentation import ink_mean_iou
from mggc.shapes import ByteImages
from mggc.stages.evaluation.subjects import Figures, Scene


def pair_figures(scene: Scene) -> dict[str, Figures]:
    """Mean and deviation over images of each distance, by subject; nothing where images have no answer."""
    if not scene.split.paired:
        return {name: {} for name in scene.subjects}
    return {name: _distances(scene, subject.images) for name, subject in scene.subjects.items()}


def ink_figures(scene: Scene) -> dict[str, Figures]:
    """Ink and background as two classes: on glyphs the test targets answer the sources, paired training or not."""
    if scene.context.dataset.name != "glyphs":
        return {name: {} for name in scene.subjects}
    return {name: _ink(scene, subject.images) for name, subject in scene.subjects.items()}


def _distances(scene: Scene, images: ByteImages) -> Figures:
    fake, real = to_float(images), to_float(scene.targets)
    per_image = {"mean_absolute_error": (mean_absolute_error(fake, real), "")}
    if min(fake.shape[-2:]) >= WINDOW:
        per_image["ssim"] = (ssim(fake, real), "")
    per_image["psnr"] = (psnr(fake, real), "dB")
    return {
        name: Measurement(
            values.mean().item(),
            unit,
            {**scene.protocol, "sd": "over images"},
            sd=values.std(correction=0).item(),
        )
        for name, (values, unit) in per_image.items()
    }


def _ink(scene: Scene, images: ByteImages) -> Figures:
    iou = ink_mean_iou(to_float(images), to_float(scene.targets))
    threshold = {**scene.protocol, "ink": "darker than mid-grey"}
    return {
        "mean_iou": Measurement(iou.mean, "share", threshold),
        "ink_iou": Measurement(iou.ink, "share", threshold),
    }
