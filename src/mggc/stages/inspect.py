"""What a network is made of: layers, channel groups, parameters and MACs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mggc.networks.build import build
from mggc.networks.sizes import check_image_size
from mggc.networks.specs import NetworkSpec, named_spec
from mggc.pruning.channels import ALWAYS, ChannelTable, trace_channels
from mggc.pruning.macs import count_macs
from mggc.stages.load import load_any_network


@dataclass(frozen=True)
class Inspection:
    """The anatomy of a network at one image size."""

    network: str
    image_size: int
    macs: dict[str, int]
    """In both conventions."""
    parameters: int
    groups: list[dict[str, Any]]
    """Name, channels, and the convolutions that write and read each channel group."""
    layers: list[dict[str, Any]]
    """Name, channels read and written, kernel area and MACs (exact) of each convolution."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return dict(self.__dict__)


def inspect(name_or_path: str, *, image_size: int) -> Inspection:
    """Look at a named network, or at one on disk.

    Args:
        name_or_path: ``unet_256``, ``resnet_9blocks``, ``basic`` and so on; or a run, a network's folder, a weights file.
        image_size: Side of the square image that costs are counted for, in pixels.

    Raises:
        MggcError: There is no such network, or it does not take images of this size.
    """
    network, spec = _network(name_or_path)
    check_image_size(spec, image_size)
    table = trace_channels(network, image_size=image_size)
    return Inspection(
        network=name_or_path,
        image_size=image_size,
        macs={name: count_macs(network, image_size, convention=name) for name in ("exact", "paper")},
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        groups=_groups(table),
        layers=_layers(table),
    )


def _network(name_or_path: str) -> tuple[nn.Module, NetworkSpec]:
    path = Path(name_or_path)
    if path.exists():
        loaded = load_any_network(path)
        return loaded.network, loaded.spec
    spec = named_spec(name_or_path)
    return build(spec), spec


def _groups(table: ChannelTable) -> list[dict[str, Any]]:
    groups = []
    for group in table.groups:
        channels = range(group.offset, group.offset + group.size)
        groups.append(
            {
                "name": group.name,
                "channels": group.size,
                "written_by": [
                    conv.name for conv in table.convs if not set(channels).isdisjoint(conv.writes)
                ],
                "read_by": [conv.name for conv in table.convs if not set(channels).isdisjoint(conv.reads)],
            }
        )
    return groups


def _layers(table: ChannelTable) -> list[dict[str, Any]]:
    layers = []
    for conv in table.convs:
        positions = conv.input_positions if conv.transposed else conv.output_positions
        layers.append(
            {
                "name": conv.name,
                "transposed": conv.transposed,
                "reads": len(conv.reads),
                "writes": len(conv.writes),
                "prunable": any(channel != ALWAYS for channel in conv.writes),
                "kernel_area": conv.kernel_area,
                "macs": positions * conv.kernel_area * len(conv.reads) * len(conv.writes) // conv.groups,
            }
        )
    return layers
