"""How important a channel looks without playing a game."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.pruning.channels import ALWAYS, ChannelTable


def l1_scores(network: nn.Module, table: ChannelTable) -> Float[Tensor, " prunable"]:
    """Mean absolute weight of the filters that write each channel (Li et al. 2017), over all its writers.

    The mean rather than the sum makes layers of different widths comparable in one global ranking.
    """
    modules = dict(network.named_modules())
    total, writers = torch.zeros(table.prunable), torch.zeros(table.prunable)
    for conv in table.convs:
        weight = modules[conv.name].get_parameter("weight").detach().cpu().float()
        filters = weight.transpose(0, 1) if conv.transposed else weight
        norms = filters.abs().flatten(1).mean(1)
        channels = torch.tensor(conv.writes)
        prunable = channels != ALWAYS
        total.index_add_(0, channels[prunable], norms[prunable])
        writers.index_add_(0, channels[prunable], torch.ones_like(norms[prunable]))
    return total / writers.clamp(min=1)
