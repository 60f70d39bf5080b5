"""Figures of pairs: an image against the one that it should be."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mggc.config import EvaluateConfig
from mggc.data.transforms import to_float
from mggc.errors import MggcError
from mggc.metrics.lpips import SMALLEST, Lpips, load_lpips
from mggc.metrics.paired import WINDOW, mean_absolute_error, psnr, ssim
from mggc.metrics.results import Measurement
from mggc.metrics.segmentation import ink_mean_iou
from mggc.runtime import evaluating
from mggc.shapes import ByteImages
from mggc.stages.evaluation.subjects import Figures, Scene
from mggc.weights import ALEXNET, LPIPS_ALEX, fetch, find, how_to_get

OWN_NAMES = {ALEXNET: (ALEXNET.file_name,), LPIPS_ALEX: (LPIPS_ALEX.file_name, "alex.pth")}
"""What the two files of LPIPS may be called in a folder of the user's."""


def pair_figures(scene: Scene) -> dict[str, Figures]:
    """Mean and deviation over images of each distance, by subject; nothing where images have no answer."""
    if not scene.split.paired:
        return {name: {} for name in scene.subjects}
    files = lpips_files(scene.context.config.evaluate, scene.context.reporter.message)
    small = min(scene.targets.shape[-2:]) < SMALLEST
    lpips = None if files is None or small else load_lpips(*files).to(scene.context.fabric.device)
    return {
        name: {**_distances(scene, subject.images), **_perceptual(scene, lpips, subject.images)}
        for name, subject in scene.subjects.items()
    }


def ink_figures(scene: Scene) -> dict[str, Figures]:
    """Ink and background as two classes: on glyphs the test targets answer the sources, paired training or not."""
    if scene.context.dataset.name != "glyphs":
        return {name: {} for name in scene.subjects}
    return {name: _ink(scene, subject.images) for name, subject in scene.subjects.items()}


def lpips_files(
    config: EvaluateConfig, report: Callable[[str], None] | None = None
) -> tuple[Path, Path] | None:
    """Backbone and heads of LPIPS as the settings say; None where it is left out.

    Raises:
        MggcError: A named folder lacks one of them, a cached one is damaged, or they cannot be fetched.
    """
    match config.lpips:
        case "none":
            return None
        case "auto":
            backbone, heads = find(ALEXNET), find(LPIPS_ALEX)
            return None if backbone is None or heads is None else (backbone, heads)
        case "fetch":
            return fetch(ALEXNET, report), fetch(LPIPS_ALEX, report)
    found = []
    for wanted, names in OWN_NAMES.items():
        paths = [Path(config.lpips, name) for name in names if Path(config.lpips, name).is_file()]
        if not paths:
            raise MggcError(
                f"--evaluate.lpips wants none, auto, fetch or a folder with {ALEXNET.file_name} and alex.pth. "
                f"{config.lpips} lacks {' and '.join(names)}. {how_to_get(wanted)}"
            )
        found.append(paths[0])
    return found[0], found[1]


def _perceptual(scene: Scene, lpips: Lpips | None, images: ByteImages) -> Figures:
    if lpips is None:
        return {}
    size, device = scene.context.config.evaluate.batch_size, lpips.shift.device
    pairs = zip(torch.split(images, size), torch.split(scene.targets, size), strict=True)
    with evaluating(lpips), torch.inference_mode():
        values: Tensor = torch.cat(
            [
                lpips(to_float(fake.to(device)), to_float(real.to(device))).double().cpu()
                for fake, real in pairs
            ]
        )
    protocol = {**scene.protocol, "features": "alexnet, LPIPS 0.1", "sd": "over images"}
    return {
        "lpips[alex]": Measurement(values.mean().item(), "", protocol, sd=values.std(correction=0).item())
    }


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
