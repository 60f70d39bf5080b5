"""Running statistics of batch norms, recomputed: after a cut the inherited ones describe another network."""

from collections.abc import Iterable

import torch
from torch import nn

from mggc.shapes import Images


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Images]) -> None:
    """Replace the running statistics of all batch norms by the mean over the given batches.

    Weights stay as they are, dropout is off while statistics are gathered, and every layer's mode is restored.
    Networks without batch norm are left alone.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    if not norms:
        return
    modes = {module: module.training for module in network.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None  # cumulative average over all batches
    for batch in batches:
        network(batch)
    for norm, momentum in momenta.items():
        norm.momentum = momentum
    for module, training in modes.items():
        module.training = training
