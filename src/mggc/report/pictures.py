"""Test images through both generators, made when the report is."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from mggc.config import CompressConfig, RuntimeConfig
from mggc.data.dataset import Dataset, fingerprint
from mggc.data.images import ImageSet, Subset
from mggc.data.loaders import evaluation_batches, stack
from mggc.data.open import open_dataset
from mggc.data.transforms import to_bytes
from mggc.errors import MggcError
from mggc.networks.files import load_network
from mggc.networks.modes import set_modes
from mggc.runs.rundir import RunDir
from mggc.runtime import check_runtime, seed_step
from mggc.shapes import ByteImages
from mggc.stages.context import Progress, Reporter
from mggc.stages.networks import load_original

Maker = Literal["original", "compressed"]


@dataclass(frozen=True)
class Translations:
    """Some images of a split, and what a run's generators make of them."""

    names: tuple[str, ...]
    source: ByteImages
    made: dict[Maker, ByteImages]
    """By generator; without ``compressed`` where the run has none yet."""
    target: ByteImages | None
    """The true answers, where images are paired."""
    split: str
    of: int
    """Images in the split."""


@dataclass(frozen=True)
class DataFacts:
    """The data set as it is now."""

    name: str
    split_rule: str
    fingerprint: str
    counts: dict[str, tuple[int, int]]
    """Source and target images by split."""


def open_data(run: RunDir) -> Dataset:
    """The run's data set.

    Raises:
        MggcError: It is no longer where the run found it.
    """
    return open_dataset(run.config.data, run.config.model)


def data_facts(dataset: Dataset) -> DataFacts:
    """What the page says about the data."""
    splits = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    counts = {name: (len(split.source), len(split.target)) for name, split in splits.items()}
    return DataFacts(dataset.name, dataset.split_rule, fingerprint(dataset), counts)


def translate_some(run: RunDir, dataset: Dataset, *, count: int, reporter: Reporter) -> Translations:
    """Up to ``count`` images of the evaluated split, evenly spaced over it, through the run's generators.

    Norms and dropout work as the run's evaluation has them; pixels are rounded to 8 bits as files would be.

    Raises:
        MggcError: The original generator is missing or damaged, or an image does not decode.
    """
    config = run.config
    split = getattr(dataset, config.evaluate.split)
    chosen = evenly_spaced(len(split.source), count)
    sources = Subset(split.source, chosen)
    networks = _generators(run)
    total = len(chosen) * len(networks)
    made: dict[Maker, ByteImages] = {}
    for maker, network in networks.items():
        done = len(made) * len(chosen)
        made[maker] = _translate(network, sources, config, reporter, done=done, total=total)
    size = config.data.image_size
    target = stack(Subset(split.target, chosen), image_size=size) if split.paired else None
    source = stack(sources, image_size=size)
    return Translations(sources.names, source, made, target, config.evaluate.split, len(split.source))


def evenly_spaced(length: int, count: int) -> list[int]:
    """At most ``count`` of the numbers 0 to ``length - 1``, first and last included."""
    if count >= length:
        return list(range(length))
    return torch.linspace(0, length - 1, count).round().long().tolist()


def _generators(run: RunDir) -> dict[Maker, nn.Module]:
    networks: dict[Maker, nn.Module] = {"original": load_original(run, "generator").network}
    if run.compressed.is_dir():
        networks["compressed"] = load_network(run.compressed).network
    return networks


def _translate(
    network: nn.Module,
    sources: ImageSet,
    config: CompressConfig,
    reporter: Reporter,
    *,
    done: int,
    total: int,
) -> ByteImages:
    device = torch.device(check_runtime(RuntimeConfig()))  # wherever the run was made, here is where we are
    set_modes(network.to(device), norm=config.evaluate.norm, dropout=config.evaluate.dropout)
    seed_step(config.seed, "evaluate")  # for dropout
    batch_size = 1 if config.evaluate.norm == "batch" else config.evaluate.batch_size
    batches = evaluation_batches(sources, image_size=config.data.image_size, batch_size=batch_size)
    images: list[ByteImages] = []
    with torch.inference_mode():
        for batch in batches:
            images.append(to_bytes(_forward(network, batch.to(device))).cpu())
            done += len(batch)
            reporter.progress(Progress("report", done, total, {}))
    return torch.cat(images)


def _forward(network: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    try:
        output: torch.Tensor = network(batch)
    except RuntimeError as error:
        raise MggcError(
            f"The generator does not take these images ({str(error).splitlines()[0]})."
        ) from error
    return output
