"""How important a channel looks, by the network's weights alone."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.errors import MggcError
from mggc.pruning.table import ALWAYS, ChannelTable, ChannelwiseEntry

Scores = Float[Tensor, " prunable"]


def l1_scores(network: nn.Module, table: ChannelTable) -> Scores:
    """Mean absolute weight of the filters that write each channel (Li et al. 2017), over all its writers.

    The mean rather than the sum makes layers of different widths comparable in one global ranking.
    """
    modules = dict(network.named_modules())
    found = []
    for conv in table.convs:
        weight = modules[conv.name].get_parameter("weight").detach().cpu().float()
        filters = weight.transpose(0, 1) if conv.transposed else weight
        found.append((conv.writes, filters.abs().flatten(1).mean(1)))
    return _mean_by_channel(found, table).nan_to_num(0.0)


def scale_scores(network: nn.Module, table: ChannelTable) -> Scores:
    """Absolute scale |γ| of the affine norms that each channel passes through, their mean where there are several.

    A channel without such a norm scores higher than any with one, and among its like by its filters' L1 norm relative to
    its group's mean: of a U-Net those of the outermost and the innermost encoder convolution.

    Raises:
        MggcError: No channel has a scale, as in networks with plain instance norm.
    """
    found = [(entry.channels, scale.detach().cpu().abs()) for entry, scale in _scales(network, table)]
    scores = _mean_by_channel(found, table)
    without = scores.isnan()
    if without.all():
        raise MggcError(
            "norm_scale ranks channels by the scales of affine norms. This generator has none; "
            "use --prune.method l1_norm, or gcc."
        )
    beyond = scores[~without].max() + relative_to_group(l1_scores(network, table), table)
    return torch.where(without, 1 + beyond, scores)


def norm_scales(network: nn.Module, table: ChannelTable) -> list[nn.Parameter]:
    """The scales of all norms that prunable channels pass through; empty where norms are not affine."""
    return [scale for _, scale in _scales(network, table)]


def relative_to_group(scores: Scores, table: ChannelTable) -> Scores:
    """Each score divided by the mean of its group."""
    means = torch.stack([piece.mean() for piece in table.split(scores)])
    return scores / means[table.group_index].clamp(min=torch.finfo(scores.dtype).tiny)


def _scales(network: nn.Module, table: ChannelTable) -> list[tuple[ChannelwiseEntry, nn.Parameter]]:
    pairs = []
    for entry in table.channelwise:
        module = network.get_submodule(entry.name)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.affine:
            pairs.append((entry, module.weight))
    return pairs


def _mean_by_channel(found: list[tuple[tuple[int, ...], Tensor]], table: ChannelTable) -> Scores:
    """The mean of all values found for each channel; not a number where there is none."""
    total, count = torch.zeros(table.prunable), torch.zeros(table.prunable)
    for positions, values in found:
        channels = torch.tensor(positions)
        prunable = channels != ALWAYS
        total.index_add_(0, channels[prunable], values[prunable].float())
        count.index_add_(0, channels[prunable], torch.ones(int(prunable.sum())))
    return total / count
