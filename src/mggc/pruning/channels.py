"""Tracing: from any convolutional network to its channel table."""

from typing import Any, cast

import torch
import torch_pruning
from torch import nn
from torch_pruning import ops
from torch_pruning.pruner import function as pruning_functions

from mggc.errors import MggcError
from mggc.pruning.check import check_cut
from mggc.pruning.table import ALWAYS as ALWAYS
from mggc.pruning.table import CONVS as CONVS
from mggc.pruning.table import ChannelGroup as ChannelGroup
from mggc.pruning.table import ChannelTable as ChannelTable
from mggc.pruning.table import ChannelwiseEntry as ChannelwiseEntry
from mggc.pruning.table import Conv as Conv
from mggc.pruning.table import ConvEntry as ConvEntry
from mggc.pruning.table import first_conv as first_conv
from mggc.runtime import evaluating

CHANNELWISE = (nn.BatchNorm2d, nn.InstanceNorm2d, nn.PReLU)
COUNTING = (ops.OPTYPE.SPLIT, ops.OPTYPE.UNBIND)
"""Operations whose code names numbers of channels, which a cut does not change."""


def trace_channels(network: nn.Module, *, image_size: int, input_channels: int | None = None) -> ChannelTable:
    """Trace a convolutional network into its channel table; the network is left as it was.

    Channels that cannot be dropped stay whole: those tied to the image or to the output, those of a general group
    convolution, and those that the network's code splits, slices or rearranges. That the table is right is checked by
    cutting the network once (see `check_cut`).

    Args:
        network: Maps [batch, input_channels, image_size, image_size] to an image or to a map of logits.
        image_size: Side of the square example image, in pixels.
        input_channels: Channels of the example image; those of the first convolution when absent.

    Raises:
        MggcError: A layer cannot be pruned channel by channel, for example a norm across channels, or there is
            nothing to prune.
    """
    channels = input_channels or first_conv(network).in_channels
    _refuse_computed_weights(network)
    reference = next(network.parameters())
    example = torch.zeros(1, channels, image_size, image_size, device=reference.device, dtype=reference.dtype)
    trainable = {parameter: parameter.requires_grad for parameter in network.parameters()}
    try:
        network.requires_grad_(
            True
        )  # The dependency graph follows gradients; frozen networks trace to nothing.
        with evaluating(network):
            table = _trace(network, example)
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
    if not table.groups:
        raise MggcError(f"{type(network).__name__} has no channels that could be pruned.")
    check_cut(network, table, input_channels=channels)
    return table


def _refuse_computed_weights(network: nn.Module) -> None:
    """Weights that are computed anew in every pass (spectral norm, weight norm) cannot be cut."""
    for name, module in network.named_modules():
        if isinstance(module, CONVS) and "weight" not in dict(module.named_parameters(recurse=False)):
            raise MggcError(
                f"Layer {name} computes its weight from other parameters (spectral or weight norm); "
                "fold them into a plain weight first (torch.nn.utils.parametrize.remove_parametrizations)."
            )


def _trace(network: nn.Module, example: torch.Tensor) -> ChannelTable:
    positions = _positions(network, example)
    names = {module: name for name, module in network.named_modules()}
    # A stand-in for the image: without a layer that writes them, the graph would overlook the image's channels
    # where the network adds them to others or concatenates them with others.
    channels = example.shape[1]
    with torch.random.fork_rng(devices=[]):
        image = nn.Conv2d(channels, channels, 1).to(example)
    with torch.enable_grad():
        graph = torch_pruning.DependencyGraph().build_dependency(
            nn.Sequential(image, network),
            example_inputs=example,
            forward_fn=lambda model, inputs: model(inputs),
            verbose=False,
        )
    return _Tracer(graph, names, positions, image).table(example.shape[-1])


def _positions(network: nn.Module, example: torch.Tensor) -> dict[nn.Module, tuple[int, int]]:
    """Pixels of one input and one output channel of every convolution that the forward pass runs, over all its calls."""
    positions: dict[nn.Module, tuple[int, int]] = {}

    def record(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        read, written = positions.get(module, (0, 0))
        positions[module] = (read + inputs[0].shape[-2:].numel(), written + output.shape[-2:].numel())

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
        image: nn.Module,
    ) -> None:
        self.graph = graph
        self.names = names
        self.positions = positions
        self.image = image
        self.groups: list[ChannelGroup] = []
        self.reads = {conv: [ALWAYS] * conv.in_channels for conv in positions if isinstance(conv, CONVS)}
        self.writes = {conv: [ALWAYS] * conv.out_channels for conv in positions if isinstance(conv, CONVS)}
        self.channelwise: dict[nn.Module, list[int]] = {}

    def table(self, image_size: int) -> ChannelTable:
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
                self._add_group(self.names[conv], items, missing)
        convs = tuple(self._conv_entry(conv) for conv in self.writes)
        channelwise = tuple(
            ChannelwiseEntry(self.names[module], tuple(channels))
            for module, channels in self.channelwise.items()
        )
        return ChannelTable(tuple(self.groups), convs, channelwise, image_size)

    def _add_group(self, name: str, items: Any, root_channels: list[int]) -> None:
        if any(self._stays_whole(item) for item in items):
            return
        self._refuse_mixing_layers(items)
        offset = sum(group.size for group in self.groups)
        position = {channel: offset + i for i, channel in enumerate(root_channels)}
        self.groups.append(ChannelGroup(name, len(root_channels), offset))
        for item in items:
            module = item.dep.target.module
            sources = [position[root] for root in item.root_idxs]
            if module in self.reads:
                if self._reads(item):
                    _fill(self.reads[module], item.idxs, sources)
                if self._writes(item):
                    _fill(self.writes[module], item.idxs, sources)
            elif _is_channelwise(module):
                _fill(self.channelwise.setdefault(module, [ALWAYS] * _channels(module)), item.idxs, sources)

    def _stays_whole(self, item: Any) -> bool:
        """Whether a member of a group pins it: then no channel of the group can be dropped."""
        node, module = item.dep.target, item.dep.target.module
        if module is self.image or isinstance(module, nn.Parameter) or _is_grouped(module):
            return True
        if node.type in COUNTING or (node.type == ops.OPTYPE.SLICE and module.dim not in (2, 3)):
            return True
        if module in self.reads and not self._writes(item):
            # More channels than the layer reads: something on the way (a pixel shuffle) rearranges them.
            return bool(max(item.idxs) >= module.in_channels)
        rearranged = _is_channelwise(module) and max(item.idxs) >= _channels(module)
        shown = not node.outputs
        return bool(rearranged or shown)

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


def _is_channelwise(module: nn.Module) -> bool:
    """Whether the layer has one parameter set for each channel; a PReLU may share one slope among all."""
    return isinstance(module, CHANNELWISE) and not (
        isinstance(module, nn.PReLU) and module.num_parameters == 1
    )


def _channels(module: nn.Module) -> int:
    if isinstance(module, nn.PReLU):
        return module.num_parameters
    return cast(nn.BatchNorm2d, module).num_features
