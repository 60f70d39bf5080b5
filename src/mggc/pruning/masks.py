"""Keep masks: sampled from logits (Eq. 3 and 4), and applied at the inputs of the convolutions that read a group."""

from math import log
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.pruning.table import ALWAYS, ChannelTable
from mggc.shapes import KeepMask

GUMBEL_MEDIAN = -log(log(2))
"""Half of all Gumbel noise is below: without noise, P(keep) above one half is kept."""


def keep_probability(logits: Float[Tensor, " prunable"]) -> Float[Tensor, " prunable"]:
    """P(keep) = P(g < -o) = exp(-exp(o)) for Gumbel noise g: 0.951 at a logit of -3."""
    return torch.exp(-torch.exp(logits))


def gumbel_noise(like: Tensor) -> Tensor:
    """Standard Gumbel noise of the shape, device and dtype of ``like``, from PyTorch's global generator."""
    # Exponential variates are never exactly zero in practice, and the clamp makes that certain.
    return -torch.empty_like(like).exponential_().clamp_min(1e-20).log()


class SampledMask(NamedTuple):
    """A mask as it is played and as it is counted; both carry gradients."""

    played: Float[Tensor, " prunable"]
    """What the network is multiplied by: 0 or 1, or anything between where masks are relaxed."""
    counted: Float[Tensor, " prunable"]
    """What MACs and penalties count: 0 or 1."""

    def detach(self) -> "SampledMask":
        """The same values without gradients."""
        return SampledMask(self.played.detach(), self.counted.detach())


def sample_mask(
    logits: Float[Tensor, " prunable"],
    table: ChannelTable,
    *,
    tau: float,
    noise: bool = True,
    relaxed: bool = False,
) -> SampledMask:
    """Draw v = round(sigmoid(-(o + g)/τ)), Eq. 3 and 4, with straight-through gradients.

    A group that would lose all its channels keeps the one that came closest to staying.

    Args:
        logits: o, one for each prunable channel.
        table: The network's channel table.
        tau: Temperature τ.
        noise: Draw g; without it the likelier half is kept (g at its median).
        relaxed: Play the mask before it is rounded.
    """
    drive = -(logits + (gumbel_noise(logits) if noise else GUMBEL_MEDIAN)) / tau
    soft = torch.sigmoid(drive)
    hard = rescue_empty_groups(soft.detach().round(), drive.detach(), table)
    # In this order the second term is exactly zero, and masks are exactly 0 or 1.
    counted = hard + (soft - soft.detach())
    return SampledMask(soft if relaxed else counted, counted)


def rescue_empty_groups(
    mask: KeepMask, scores: Float[Tensor, " prunable"], table: ChannelTable
) -> Float[Tensor, " prunable"]:
    """The mask with the best-scored channel (the first of several) on in every group that has none but needs one."""
    kept = torch.stack([piece.sum() for piece in table.split(mask)])
    best = [
        group.offset + piece.argmax() for group, piece in zip(table.groups, table.split(scores), strict=True)
    ]
    rescued = mask.clone()
    empty = (kept == 0) & (table.floors.to(mask.device) > 0)
    rescued[torch.stack(best)] += empty.to(mask.dtype)
    return rescued


class MaskedNetwork(nn.Module):
    """A network whose prunable channels are multiplied by a keep mask where convolutions read them.

    At the readers' inputs the product is exact whatever norm or bias sits between producer and reader; right after the
    producing convolution it would not be, because the norm's shift revives masked channels.
    """

    def __init__(self, network: nn.Module, table: ChannelTable) -> None:
        super().__init__()
        self.network = network
        self.prunable = table.prunable
        self._mask: Tensor | None = None
        modules = dict(network.named_modules())
        for number, conv in enumerate(table.convs):
            if any(channel != ALWAYS for channel in conv.reads):
                reads = torch.tensor([table.prunable if c == ALWAYS else c for c in conv.reads])
                self.register_buffer(f"reads_{number}", reads, persistent=False)
                modules[conv.name].register_forward_pre_hook(self._gate(f"reads_{number}"))

    def forward(self, images: Tensor, mask: KeepMask) -> Tensor:
        """The network's output for ``images`` [batch, channels, height, width] under ``mask`` [prunable]."""
        self._mask = torch.cat([mask, mask.new_ones(1)])
        try:
            output: Tensor = self.network(images)
        finally:
            self._mask = None
        return output

    def _gate(self, reads: str) -> Any:
        def gate(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
            if self._mask is None:
                return None
            features = inputs[0]
            keep = self._mask[self.get_buffer(reads)].to(features.dtype)
            return (features * keep[:, None, None], *inputs[1:])

        return gate
