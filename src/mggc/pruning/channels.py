"""The channel table: which convolution reads and writes which prunable channels, traced once for a network.

Masks, MACs, physical cuts, baselines and reports all read this table; nothing else does channel arithmetic.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, cast

import torch
import torch_pruning
from torch import nn
from torch_pruning.pruner import function as pruning_functions

from mggc.errors import MggcError

ALWAYS = -1
"""Stands for a channel that no mask can drop: an image's channel, or one that the network's output shows."""

Conv: TypeAlias = nn.Conv2d | nn.ConvTranspose2d
CONVS = (nn.Conv2d, nn.ConvTranspose2d)
CHANNELWISE = (nn.BatchNorm2d, nn.InstanceNorm2d, nn.PReLU)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels of one or several layers that live and die together."""

    name: str
    """The first convolution that writes the group."""
    size: int
    offset: int
    """Position of its first channel in the keep mask."""


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
    """Pixels of one input channel at the traced image size."""
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

    def split(self, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """A keep mask (or logits, or scores) of shape [prunable], cut into one piece for each group."""
        return torch.split(mask, [group.size for group in self.groups])


def trace_channels(network: nn.Module, *, image_size: int, input_channels: int | None = None) -> ChannelTable:
    """Trace a convolutional network into its channel table; the network is left as it was.

    Args:
        network: Maps [batch, input_channels, image_size, image_size] to an image or to a map of logits.
        image_size: Side of the square example image, in pixels.
        input_channels: Channels of the example image; those of the first convolution when absent.

    Raises:
        MggcError: A layer cannot be pruned channel by channel, for example a norm across channels.
    """
    modes = {module: module.training for module in network.modules()}
    trainable = {parameter: parameter.requires_grad for parameter in network.parameters()}
    names = {module: name for name, module in network.named_modules()}
    channels = input_channels or first_conv(network).in_channels
    reference = next(network.parameters())
    example = torch.zeros(1, channels, image_size, image_size, device=reference.device, dtype=reference.dtype)
    try:
        network.eval()
        network.requires_grad_(
            True
        )  # The dependency graph follows gradients; frozen networks trace to nothing.
        positions = _positions(network, example)
        with torch.enable_grad():
            graph = torch_pruning.DependencyGraph().build_dependency(network, example_inputs=example)
        return _Tracer(graph, names, positions, image_size).table()
    except MggcError:
        raise
    except Exception as error:  # Torch-Pruning raises whatever its own tracing meets.
        raise MggcError(
            f"A network of plain convolutions was wanted, but {type(network).__name__} cannot be traced at "
            f"{image_size} px ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'})."
        ) from error
    finally:
        for parameter, flag in trainable.items():
            parameter.requires_grad_(flag)
        for module, training in modes.items():
            module.training = training


def first_conv(network: nn.Module) -> Conv:
    """The first convolution in the order of registration.

    Raises:
        MggcError: There is none.
    """
    for module in network.modules():
        if isinstance(module, CONVS):
            return module
    raise MggcError(f"A convolutional network was wanted; {type(network).__name__} has no convolution.")


def _positions(network: nn.Module, example: torch.Tensor) -> dict[nn.Module, tuple[int, int]]:
    """Pixels of one input and one output channel of every convolution that the forward pass runs."""
    positions: dict[nn.Module, tuple[int, int]] = {}

    def record(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        positions[module] = (inputs[0].shape[-2:].numel(), output.shape[-2:].numel())

    handles = [m.register_forward_hook(record) for m in network.modules() if isinstance(m, CONVS)]
    try:
        with torch.no_grad():
            network(example)
    finally:
        for handle in handles:
            handle.remove()
    return positions


class _Tracer:
    """Fills the table's columns group after group from Torch-Pruning's dependency graph."""

    def __init__(
        self,
        graph: Any,
        names: dict[nn.Module, str],
        positions: dict[nn.Module, tuple[int, int]],
        image_size: int,
    ) -> None:
        self.graph = graph
        self.names = names
        self.positions = positions
        self.image_size = image_size
        self.groups: list[ChannelGroup] = []
        self.reads = {conv: [ALWAYS] * conv.in_channels for conv in positions if isinstance(conv, CONVS)}
        self.writes = {conv: [ALWAYS] * conv.out_channels for conv in positions if isinstance(conv, CONVS)}
        self.channelwise: dict[nn.Module, list[int]] = {}

    def table(self) -> ChannelTable:
        visited: dict[nn.Module, set[int]] = {conv: set() for conv in self.writes}
        for conv in self.writes:
            missing = sorted(set(range(conv.out_channels)) - visited[conv])
            if missing and not _is_grouped(conv):
                items = self.graph.get_pruning_group(
                    conv, pruning_functions.prune_conv_out_channels, idxs=missing
                )
                for item in items:
                    if item.dep.target.module in visited and self._writes(item):
                        visited[item.dep.target.module].update(item.idxs)
                self._add_group(self.names[conv], len(missing), items, missing)
        convs = tuple(self._conv_entry(conv) for conv in self.writes)
        channelwise = tuple(
            ChannelwiseEntry(self.names[module], tuple(channels))
            for module, channels in self.channelwise.items()
        )
        return ChannelTable(tuple(self.groups), convs, channelwise, self.image_size)

    def _add_group(self, name: str, size: int, items: Any, root_channels: list[int]) -> None:
        self._refuse_mixing_layers(items)
        # Nobody reads the channels of the output image, and a general group convolution ties channels
        # that are not the same channel: both stay whole.
        modules = [item.dep.target.module for item in items]
        read = any(item.dep.target.module in self.reads and self._reads(item) for item in items)
        if not read or any(_is_grouped(module) for module in modules):
            return
        offset = sum(group.size for group in self.groups)
        position = {channel: offset + i for i, channel in enumerate(root_channels)}
        self.groups.append(ChannelGroup(name, size, offset))
        for item in items:
            module = item.dep.target.module
            sources = [position[root] for root in item.root_idxs]
            if module in self.reads:
                if self._reads(item):
                    _fill(self.reads[module], item.idxs, sources)
                if self._writes(item):
                    _fill(self.writes[module], item.idxs, sources)
            elif isinstance(module, CHANNELWISE):
                _fill(self.channelwise.setdefault(module, [ALWAYS] * _channels(module)), item.idxs, sources)

    def _refuse_mixing_layers(self, items: Any) -> None:
        for item in items:
            module = item.dep.target.module
            has_parameters = any(True for _ in module.parameters())
            if has_parameters and not isinstance(module, CONVS + CHANNELWISE):
                raise MggcError(
                    f"Layer {self.names.get(module, '?')} ({type(module).__name__}) mixes channels in a way that "
                    "channel pruning cannot follow; use batch or instance norm and convolutions there."
                )

    def _reads(self, item: Any) -> bool:
        is_input = self.graph.is_in_channel_pruning_fn(item.dep.handler)
        return bool(is_input) or _is_depthwise(item.dep.target.module)

    def _writes(self, item: Any) -> bool:
        is_output = self.graph.is_out_channel_pruning_fn(item.dep.handler)
        return bool(is_output) or _is_depthwise(item.dep.target.module)

    def _conv_entry(self, conv: Conv) -> ConvEntry:
        inputs, outputs = self.positions[conv]
        return ConvEntry(
            name=self.names[conv],
            reads=tuple(self.reads[conv]),
            writes=tuple(self.writes[conv]),
            kernel_area=conv.kernel_size[0] * conv.kernel_size[1],
            groups=conv.groups,
            input_positions=inputs,
            output_positions=outputs,
            transposed=isinstance(conv, nn.ConvTranspose2d),
        )


def _fill(column: list[int], channels: list[int], sources: list[int]) -> None:
    for channel, source in zip(channels, sources, strict=True):
        column[channel] = source


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, CONVS) and 1 < module.groups == module.in_channels == module.out_channels


def _is_grouped(module: nn.Module) -> bool:
    return isinstance(module, CONVS) and module.groups > 1 and not _is_depthwise(module)


def _channels(module: nn.Module) -> int:
    if isinstance(module, nn.PReLU):
        return module.num_parameters
    return cast(nn.BatchNorm2d, module).num_features
