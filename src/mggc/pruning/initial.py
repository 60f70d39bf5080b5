"""Where logits start when channels are known to differ: ranked by a score, at the same keep probability on average."""

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.pruning.table import ChannelTable

LARGEST = 2.0
"""Initial logits stay within this many standard deviations: one outlier would never be pruned."""


def initial_logits(
    scores: Float[Tensor, " prunable"], table: ChannelTable, *, offset: float, spread: float, by_group: bool
) -> Float[Tensor, " prunable"]:
    """Logits around ``offset``, lower (likelier kept) for higher scores.

    Args:
        scores: How important each channel looks; positive.
        table: The network's channel table.
        offset: Mean of the logits.
        spread: Their standard deviation.
        by_group: Compare scores within each group only: they order channels, but move no width.
    """
    logs = scores.clamp(min=torch.finfo(scores.dtype).tiny).log()
    pieces = table.split(logs) if by_group else (logs,)
    standard = torch.cat([_standardized(piece) for piece in pieces])
    return offset - spread * standard


def _standardized(values: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1, outliers clipped; zeros where all are equal."""
    deviation = values.std(correction=0)
    if deviation < 1e-6:
        return torch.zeros_like(values)
    return ((values - values.mean()) / deviation).clamp(-LARGEST, LARGEST)
