"""The physical cut: a smaller network that computes what the masked one computes."""

import copy
from typing import cast

import torch
from torch import Tensor, nn

from mggc.pruning.blocks import remove_empty_blocks
from mggc.pruning.plan import ChannelPlan
from mggc.pruning.table import ALWAYS, ChannelTable, Conv, ConvEntry


def cut(network: nn.Module, table: ChannelTable, plan: ChannelPlan) -> nn.Module:
    """The smaller network that computes what ``network`` computes with every other channel at zero.

    Surviving weights, biases and running statistics are inherited; ``network`` itself is left as it was.

    Raises:
        ValueError: The plan is for another network, or leaves a group without channels that needs one.
    """
    mask = plan.mask(table)
    empty = [g.name for g in table.groups if not g.droppable and not plan.kept[g.name]]
    if empty:
        raise ValueError(f"A plan should keep at least one channel of every group. Found none of {empty[0]}.")
    smaller = copy.deepcopy(network)
    modules = dict(smaller.named_modules())
    for conv in table.convs:
        _cut_conv(cast(Conv, modules[conv.name]), conv, mask)
    for entry in table.channelwise:
        _keep_channels(modules[entry.name], _survivors(entry.channels, mask))
    remove_empty_blocks(smaller, network, table, plan)
    return smaller


def _survivors(channels: tuple[int, ...], mask: Tensor) -> Tensor:
    """Positions of the channels that the mask keeps."""
    kept = [number for number, channel in enumerate(channels) if channel == ALWAYS or mask[channel] != 0]
    return torch.tensor(kept, dtype=torch.long)


def _cut_conv(module: Conv, entry: ConvEntry, mask: Tensor) -> None:
    inputs, outputs = _survivors(entry.reads, mask), _survivors(entry.writes, mask)
    weight = module.weight.detach()
    output_axis, input_axis = (1, 0) if entry.transposed else (0, 1)
    if entry.depthwise:
        weight = weight.index_select(0, outputs.to(weight.device))
        module.groups = len(outputs)
    else:
        weight = weight.index_select(output_axis, outputs.to(weight.device))
        weight = weight.index_select(input_axis, inputs.to(weight.device)) if entry.groups == 1 else weight
    _replace(module, "weight", weight)
    if module.bias is not None:
        _replace(module, "bias", module.bias.detach().index_select(0, outputs.to(weight.device)))
    module.in_channels, module.out_channels = len(inputs), len(outputs)


def _keep_channels(module: nn.Module, channels: Tensor) -> None:
    """Keep the given channels of a batch norm, an instance norm or a PReLU."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        _replace(module, name, parameter.detach().index_select(0, channels.to(parameter.device)))
    for name, buffer in list(module.named_buffers(recurse=False)):
        if buffer.dim() == 1:  # num_batches_tracked has no channels
            setattr(module, name, buffer.index_select(0, channels.to(buffer.device)))
    attribute = "num_parameters" if isinstance(module, nn.PReLU) else "num_features"
    setattr(module, attribute, len(channels))


def _replace(module: nn.Module, name: str, tensor: Tensor) -> None:
    old = getattr(module, name)
    setattr(module, name, nn.Parameter(tensor.clone(), requires_grad=old.requires_grad))
