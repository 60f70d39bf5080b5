"""What is judged: two networks and the images that they make of one split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mggc.data.dataset import Split
from mggc.data.loaders import evaluation_batches, stack
from mggc.data.transforms import to_bytes
from mggc.metrics.results import Measurement, ProtocolValue
from mggc.networks.files import load_network
from mggc.networks.modes import set_modes
from mggc.runtime import seed_step
from mggc.shapes import ByteImages
from mggc.stages.context import Context, Progress
from mggc.stages.networks import load_original

Figures = dict[str, Measurement]
Protocol = dict[str, ProtocolValue]


@dataclass(frozen=True)
class Subject:
    """A network under evaluation and what it makes of the split's source images."""

    network: nn.Module
    folder: Path
    images: ByteImages


@dataclass(frozen=True)
class Scene:
    """All that figures are computed from."""

    context: Context
    split: Split
    targets: ByteImages
    """The split's real target images at the run's image size."""
    subjects: dict[str, Subject]
    """By name: ``original`` and ``compressed``."""

    @property
    def protocol(self) -> Protocol:
        """What all figures of images share."""
        config = self.context.config
        return {
            "split": config.evaluate.split,
            "sources": len(self.split.source),
            "targets": len(self.split.target),
            "image_size": config.data.image_size,
            "batch_norm": "running statistics" if config.evaluate.norm == "running" else "per image",
            "dropout": "on" if config.evaluate.dropout else "off",
            "pixels": "8 bit",
            "seed": config.seed,
        }


def make_scene(context: Context) -> Scene:
    """Run both networks over the configured split."""
    config, run = context.config, context.run
    split: Split = getattr(context.dataset, config.evaluate.split)
    networks: dict[str, tuple[Any, Path]] = {
        "original": (load_original(run, "generator").network, run.stage("original").path / "generator"),
        "compressed": (load_network(run.compressed).network, run.compressed),
    }
    subjects = {
        name: Subject(network, folder, _translate(context, split, network, number))
        for number, (name, (network, folder)) in enumerate(networks.items())
    }
    return Scene(context, split, stack(split.target, image_size=config.data.image_size), subjects)


def _translate(context: Context, split: Split, network: nn.Module, number: int) -> ByteImages:
    """A network's images in the configured mode, rounded to 8 bits as files would be."""
    config, device = context.config, context.fabric.device
    set_modes(network.to(device), norm=config.evaluate.norm, dropout=config.evaluate.dropout)
    seed_step(config.seed, "evaluate")  # for dropout
    # Statistics of one image alone, whatever the batch size is.
    batch_size = 1 if config.evaluate.norm == "batch" else config.evaluate.batch_size
    images: list[ByteImages] = []
    total, done = 2 * len(split.source), number * len(split.source)
    with torch.inference_mode():
        for batch in evaluation_batches(
            split.source, image_size=config.data.image_size, batch_size=batch_size
        ):
            images.append(to_bytes(network(batch.to(device))).cpu())
            done += len(batch)
            context.reporter.progress(Progress("evaluate", done, total, {}))
    return torch.cat(images)
