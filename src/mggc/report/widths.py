"""Channels kept by layer, against the original's."""

import re
from typing import Literal, NamedTuple

from mggc.networks.specs import NetworkSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.runs.rundir import RunDir
from mggc.stages.networks import generator_table, load_original

Pruned = Literal["generator", "discriminator"]


class LayerWidth(NamedTuple):
    """One channel group: channels that live and die together, named by the first convolution that writes them."""

    label: str
    """For people: ``down 1``, ``up 3``, ``block 2``."""
    name: str
    """The convolution's name in the network."""
    kept: int
    total: int


def read_widths(run: RunDir, role: Pruned, plan: dict[str, list[int]]) -> list[LayerWidth]:
    """Kept and original width of every channel group, in the order in which an image passes them.

    Raises:
        MggcError: The original network is missing or damaged.
        KeyError: The plan is for another network.
    """
    loaded = load_original(run, role)
    if role == "generator":
        table = generator_table(run, loaded.network)
    else:
        table = trace_channels(loaded.network, image_size=run.config.data.image_size)
    names = [group.name for group in table.groups]
    labels = layer_labels(names, loaded.spec)
    return [
        LayerWidth(label, group.name, len(plan[group.name]), group.size)
        for label, group in zip(labels, table.groups, strict=True)
    ]


def layer_labels(names: list[str], spec: NetworkSpec) -> list[str]:
    """Short names of a network's layers, from their names in the module tree; one of its own for each."""
    if isinstance(spec, UnetSpec):
        labels = [_unet_label(name) for name in names]
    elif isinstance(spec, ResnetSpec):
        labels = _resnet_labels(names, spec)
    else:
        labels = [f"layer {place}" for place in range(1, len(names) + 1)]
    return labels if len(set(labels)) == len(names) else names


def _unet_label(name: str) -> str:
    """Level and direction: each level is nested in the one above, its way down comes first, its way up last."""
    level = name.count("model.") - 1
    last = int(name.rsplit(".", 1)[-1])
    return f"down {level or 1}" if last <= 1 else f"up {level or 1}"


def _resnet_labels(names: list[str], spec: ResnetSpec) -> list[str]:
    """Stem, two convolutions down (the second writes the trunk), inner layers of blocks, and the way up."""
    outside = [name for name in names if "conv_block" not in name]
    plain = dict(zip(outside, ("stem", "down 1", "trunk", "up 1", "up 2"), strict=False))
    first_block = 10  # three times padding or convolution, norm and activation stand before it
    labels = []
    for name in names:
        block = re.fullmatch(r"model\.(\d+)\.conv_block\.\d+", name)
        labels.append(
            f"block {int(block[1]) - first_block + 1}" if block is not None else plain.get(name, name)
        )
    return labels
