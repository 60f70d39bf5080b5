"""Residual blocks that lose all their inner channels, and what is put in their place."""

from dataclasses import replace

import torch
from torch import nn

from mggc.networks.resnet import ResnetBlock, Shift
from mggc.pruning.plan import ChannelPlan
from mggc.pruning.table import CONVS, ChannelGroup, ChannelTable


def allow_dropping_blocks(network: nn.Module, table: ChannelTable) -> ChannelTable:
    """The table with the inner group of every `ResnetBlock` marked as droppable."""
    inner = set(inner_groups(network, table))
    groups = tuple(replace(group, droppable=group.name in inner) for group in table.groups)
    return replace(table, groups=groups)


def inner_groups(network: nn.Module, table: ChannelTable) -> dict[str, str]:
    """Group to block, by name, for the groups that live inside one residual block."""
    blocks = [name for name, module in network.named_modules() if isinstance(module, ResnetBlock)]
    found = {}
    for group in table.groups:
        users = _users(group, table)
        for block in blocks:
            if all(user.startswith(f"{block}.") for user in users):
                found[group.name] = block
    return found


def remove_empty_blocks(
    smaller: nn.Module, network: nn.Module, table: ChannelTable, plan: ChannelPlan
) -> None:
    """Replace, in the cut network, each residual block whose inner group the plan leaves empty.

    Args:
        smaller: The cut network, changed in place.
        network: The network before the cut, for the constant that an empty branch still adds.
        table: Its channel table.
        plan: The plan of the cut.
    """
    for group, block in inner_groups(network, table).items():
        if plan.kept[group]:
            continue
        cut_block, whole_block = smaller.get_submodule(block), network.get_submodule(block)
        constant = _constant(whole_block)
        # The trunk's survivors are those that the cut block's last convolution still writes.
        last = [name for name, module in whole_block.named_modules() if isinstance(module, CONVS)][-1]
        entry = next(conv for conv in table.convs if conv.name == f"{block}.{last}")
        mask = plan.mask(table)
        kept = [number for number, channel in enumerate(entry.writes) if channel < 0 or mask[channel] != 0]
        constant = constant[kept]
        replacement: nn.Module = nn.Identity()
        norm = list(whole_block.modules())[-1]
        vanishes = isinstance(norm, nn.InstanceNorm2d) and not norm.affine  # it takes a constant to zero
        if not vanishes and constant.abs().max() > 0:
            shift = Shift(len(kept)).to(constant)
            shift.shift.data.copy_(constant)
            replacement = shift
        smaller.set_submodule(block, replacement.train(cut_block.training))


def _users(group: ChannelGroup, table: ChannelTable) -> list[str]:
    channels = set(range(group.offset, group.offset + group.size))
    return [
        conv.name
        for conv in table.convs
        if not channels.isdisjoint(conv.writes) or not channels.isdisjoint(conv.reads)
    ]


@torch.no_grad()
def _constant(block: nn.Module) -> torch.Tensor:
    """What the branch of a residual block adds, channel by channel, when its second convolution reads zeros."""
    layers = list(block.get_submodule("conv_block").children())
    second = [number for number, layer in enumerate(layers) if isinstance(layer, CONVS)][-1]
    conv = layers[second]
    weight = conv.get_parameter("weight")
    features = weight.new_zeros(1, weight.shape[1], 4, 4)
    modes = [layer.training for layer in layers]
    for layer in layers[second:]:
        features = layer.eval()(features if layer is not conv else nn.functional.pad(features, (1, 1, 1, 1)))
    for layer, training in zip(layers, modes, strict=True):
        layer.training = training
    constant: torch.Tensor = features[0, :, 0, 0]
    return constant
