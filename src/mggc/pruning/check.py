"""The proof of a channel table: the network, cut, computes what it computes under the mask."""

import copy

import torch
from torch import Tensor, nn

from mggc.errors import MggcError
from mggc.pruning.cut import cut
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.plan import ChannelPlan
from mggc.pruning.table import ChannelGroup, ChannelTable
from mggc.runtime import evaluating


def check_cut(network: nn.Module, table: ChannelTable, *, input_channels: int) -> None:
    """Drop half of every group and compare the cut with the masked network on a random image, in eval mode.

    Tracing sees layers; what a network's code does between them (a softmax over channels, a shuffle, a norm without
    parameters) shows in its output alone.

    Raises:
        MggcError: They differ; the message names the layer whose channels are mixed.
    """
    generator = torch.Generator().manual_seed(0)
    size = table.image_size
    image = torch.empty(1, input_channels, size, size).uniform_(-1, 1, generator=generator)
    reference = next(network.parameters())
    image = image.to(device=reference.device, dtype=reference.dtype)
    order = torch.rand(table.prunable, generator=generator)
    if _agree(network, table, image, _drop_half(order, table, table.groups)):
        return
    for group in table.groups:
        if not _agree(network, table, image, _drop_half(order, table, (group,))):
            raise MggcError(
                f"The network's code mixes the channels that layer {group.name} writes (a norm, softmax, shuffle or "
                "attention across channels?), which channel pruning cannot follow; use layers that treat each channel alone."
            )
    raise MggcError(f"{type(network).__name__} mixes channels in a way that channel pruning cannot follow.")


def _drop_half(order: Tensor, table: ChannelTable, groups: tuple[ChannelGroup, ...]) -> Tensor:
    mask = torch.ones(table.prunable)
    for group in groups:
        dropped = torch.argsort(order[group.offset : group.offset + group.size])[: group.size // 2]
        mask[group.offset + dropped] = 0
    return mask


def _agree(network: nn.Module, table: ChannelTable, image: Tensor, mask: Tensor) -> bool:
    masked = MaskedNetwork(copy.deepcopy(network), table).to(image.device)
    with torch.no_grad(), evaluating(network):
        expected: Tensor = masked.eval()(image, mask.to(image))
        try:
            found: Tensor = cut(network, table, ChannelPlan.from_mask(mask, table))(image)
        except (RuntimeError, ValueError):
            return False
    if found.shape != expected.shape:
        return False
    # Far above rounding, far below what a mixed channel does to the output.
    tolerance = 10 * torch.finfo(image.dtype).eps ** 0.5
    return not bool((found - expected).abs().max() > tolerance * expected.abs().max())
