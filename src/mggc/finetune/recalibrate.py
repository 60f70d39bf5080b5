"""Running statistics of batch norms, recomputed: after a cut the inherited ones describe another network."""

from collections.abc import Iterable
from itertools import chain

import torch
from torch import nn

from mggc.runtime import evaluating
from mggc.shapes import ImageBatch


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[ImageBatch]) -> None:
    """Replace the running statistics of all batch norms by the mean over the given batches.

    Weights stay as they are, dropout is off while statistics are gathered, and every layer's mode is restored.
    Networks without batch norm are left alone.

    Raises:
        ValueError: There is no batch.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    if not norms:
        return
    remaining = iter(batches)
    first = next(remaining, None)
    if first is None:
        raise ValueError("Recalibration should see at least one batch. Found none.")
    momenta = {norm: norm.momentum for norm in norms}
    try:
        with evaluating(network):
            for norm in norms:
                norm.reset_running_stats()
                norm.train()
                norm.momentum = None  # cumulative average over all batches
            for batch in chain([first], remaining):
                network(batch)
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
