"""A small segmenter that is trained on a data set's own photographs and label maps."""

import math
from collections.abc import Iterator
from typing import NamedTuple, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from mggc.data.transforms import to_float
from mggc.metrics.palette import IGNORED
from mggc.runtime import step_generator, step_seed
from mggc.shapes import ByteImages, Images

WIDTHS = (24, 48, 96, 96)
"""Channels at a half, a quarter, an eighth and a sixteenth of the image's resolution."""
BATCH_SIZE = 8
LEARNING_RATE = 2e-3
WARMUP_SHARE = 0.1
BRIGHTNESS, CONTRAST = 0.15, 0.15
"""Largest changes of a training photograph: of its mean, and of what differs from it."""


@final
class Segmenter(nn.Module):
    """Class logits of colour images: a U-Net with skips, from half of the image's resolution down.

    Args:
        classes: Number of classes.
        seed: Initial weights are a function of this.
    """

    def __init__(self, classes: int, *, seed: int) -> None:
        super().__init__()
        self.classes = classes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step_seed(seed, "segmenter", "initialize"))
            self.down = nn.ModuleList(
                _block(inputs, outputs, stride=2)
                for inputs, outputs in zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
            )
            self.up = nn.ModuleList(
                _block(below + skip, skip, stride=1)
                for below, skip in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
            )
            self.out = nn.Conv2d(WIDTHS[0], classes, 1)

    def forward(self, images: Images) -> Float[Tensor, "batch classes height width"]:
        """Logits for colour images in [-1, 1], at the images' resolution."""
        skips, hidden = [], images
        for block in self.down:
            hidden = block(hidden)
            skips.append(hidden)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            hidden = block(torch.cat([_resize(hidden, skip.shape[-2:]), skip], dim=1))
        return _resize(self.out(hidden), images.shape[-2:])


class SegmenterStep(NamedTuple):
    """What an update came to."""

    step: int
    loss: float


def fit_segmenter(
    network: Segmenter,
    photos: ByteImages,
    labels: Int64[Tensor, "batch height width"],
    *,
    updates: int,
    seed: int,
) -> Iterator[SegmenterStep]:
    """Train in place with cross-entropy, by AdamW along one cosine; yields after each update.

    Batch n is a function of (seed, n): photographs drawn with replacement, half of them mirrored together with their
    labels, brightness and contrast changed a little. Afterwards the network is in eval mode.

    Args:
        network: On the device where it is to be trained.
        photos: uint8 photographs.
        labels: Their classes, of the photographs' size; ``IGNORED`` does not count.
        updates: Number of updates.
        seed: See above.

    Raises:
        ValueError: Photographs and labels differ in number or size.
    """
    if (len(photos), *photos.shape[-2:]) != tuple(labels.shape):
        raise ValueError(
            f"Photographs and labels should match. Found {tuple(photos.shape)} and {tuple(labels.shape)}."
        )
    device = network.out.weight.device
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    network.train()
    for step in range(updates):
        images, classes = _batch(photos, labels, generator=step_generator(seed, "segmenter", step))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * _schedule(step / updates)
        loss = _cross_entropy(network(images.to(device)), classes.to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
        optimizer.step()
        yield SegmenterStep(step + 1, loss.item())
    network.eval()


def _batch(
    photos: ByteImages, labels: Int64[Tensor, "batch height width"], *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    chosen = torch.randint(len(photos), (BATCH_SIZE,), generator=generator)
    images, classes = to_float(photos[chosen]), labels[chosen]
    mirrored = torch.rand(BATCH_SIZE, generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    classes = torch.where(mirrored[:, None, None], classes.flip(-1), classes)
    shift, gain = (2 * torch.rand(2, BATCH_SIZE, 1, 1, 1, generator=generator) - 1).to(images.dtype)
    return images * (1 + CONTRAST * gain) + BRIGHTNESS * shift, classes


def _cross_entropy(
    logits: Float[Tensor, "batch classes height width"], labels: Int64[Tensor, "batch height width"]
) -> Float[Tensor, ""]:
    # PyTorch's own mean is NaN for a batch in which nothing counts.
    total = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)


def _schedule(progress: float) -> float:
    """Share of the learning rate: a linear warm-up, then half a cosine to zero."""
    if progress < WARMUP_SHARE:
        return (progress + 0.01) / (WARMUP_SHARE + 0.01)
    return (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE))) / 2


def _block(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _resize(features: Float[Tensor, "batch c h w"], size: torch.Size) -> Float[Tensor, "batch c h2 w2"]:
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=False)
