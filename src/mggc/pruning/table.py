"""The channel table: which convolution reads and writes which prunable channels.

Masks, MACs, physical cuts, baselines and reports all read this table; nothing else does channel arithmetic.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import TypeAlias

import torch
from torch import nn

from mggc.errors import MggcError

ALWAYS = -1
"""Stands for a channel that no mask can drop: an image's channel, for example, or one that the network's output shows."""

Conv: TypeAlias = nn.Conv2d | nn.ConvTranspose2d
CONVS = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels of one or several layers that live and die together."""

    name: str
    """The first convolution that writes the group."""
    size: int
    offset: int
    """Position of its first channel in the keep mask."""
    droppable: bool = False
    """Whether the group may lose all channels, because the residual block around it can be removed."""
    least: int = 1
    """Channels that stay in any case, unless the group is dropped as a whole."""


@dataclass(frozen=True)
class ConvEntry:
    """One convolution: what it reads, what it writes, and what a multiplication costs."""

    name: str
    reads: tuple[int, ...]
    """For each input channel its position in the keep mask, or ALWAYS."""
    writes: tuple[int, ...]
    """For each output channel its position in the keep mask, or ALWAYS."""
    kernel_area: int
    groups: int
    input_positions: int
    """Pixels of one input channel at the traced image size, summed over all calls of the layer."""
    output_positions: int
    transposed: bool

    @property
    def depthwise(self) -> bool:
        """Whether every output channel reads just the input channel of its own index."""
        return self.groups > 1 and self.groups == len(self.reads) == len(self.writes)


@dataclass(frozen=True)
class ChannelwiseEntry:
    """A layer with one parameter set for each channel: a batch or instance norm, or a PReLU."""

    name: str
    channels: tuple[int, ...]


@dataclass(frozen=True)
class ChannelTable:
    """All channel groups of a network and every layer that touches them."""

    groups: tuple[ChannelGroup, ...]
    convs: tuple[ConvEntry, ...]
    channelwise: tuple[ChannelwiseEntry, ...]
    image_size: int
    """Side of the square image the network was traced with, in pixels."""

    @cached_property
    def prunable(self) -> int:
        """Length of a keep mask."""
        return sum(group.size for group in self.groups)

    @cached_property
    def group_index(self) -> torch.Tensor:
        """For each entry of a keep mask the number of its group, int64 of shape [prunable]."""
        sizes = torch.tensor([group.size for group in self.groups])
        return torch.repeat_interleave(torch.arange(len(self.groups)), sizes)

    @cached_property
    def floors(self) -> torch.Tensor:
        """The least number of channels of each group, int64: 0 where the group is droppable."""
        return torch.tensor([0 if group.droppable else group.least for group in self.groups])

    def split(self, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """A keep mask (or logits, or scores) of shape [prunable], cut into one piece for each group."""
        return torch.split(mask, [group.size for group in self.groups])


def with_floors(table: ChannelTable, *, share: float) -> ChannelTable:
    """The table of a network that keeps at least a share of every group, and at least one channel."""
    groups = [replace(group, least=max(1, ceil(share * group.size))) for group in table.groups]
    return replace(table, groups=tuple(groups))


def first_conv(network: nn.Module) -> Conv:
    """The first convolution in the order of registration.

    Raises:
        MggcError: There is none.
    """
    for module in network.modules():
        if isinstance(module, CONVS):
            return module
    raise MggcError(f"A convolutional network was wanted; {type(network).__name__} has no convolution.")
