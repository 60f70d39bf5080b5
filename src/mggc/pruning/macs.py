"""Multiply-accumulate operations of convolutions, in two named conventions.

``exact`` counts what is computed: a transposed convolution at its *input* resolution. ``paper`` counts it at its *output*
resolution, as the published figures do (56.80 G for ResNet-9). Biases and norms are excluded in both.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.config import MacsConvention
from mggc.pruning.table import ALWAYS, CONVS, ChannelTable, Conv, ConvEntry, first_conv
from mggc.runtime import evaluating
from mggc.shapes import KeepMask


def count_macs(
    network: nn.Module,
    image_size: int | tuple[int, int],
    *,
    convention: MacsConvention = "exact",
    input_channels: int | None = None,
) -> int:
    """MACs of one forward pass of one image, summed over all 2-D convolutions.

    Args:
        network: Any module that maps [1, input_channels, height, width] to something; it is left as it was.
        image_size: Side of a square image, or (height, width), in pixels.
        convention: ``exact`` (transposed convolutions at input resolution) or ``paper`` (at output resolution).
        input_channels: Channels of the image; those of the first convolution when absent.

    Raises:
        MggcError: The network has no convolution.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    total = 0

    def add(module: Conv, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        at_input = convention == "exact" and isinstance(module, nn.ConvTranspose2d)
        positions = (inputs[0] if at_input else output).shape[-2:].numel()
        total += positions * module.weight.numel()

    handles = [m.register_forward_hook(add) for m in network.modules() if isinstance(m, CONVS)]
    reference = next(network.parameters())
    channels = input_channels or first_conv(network).in_channels
    image = torch.zeros(1, channels, height, width, device=reference.device, dtype=reference.dtype)
    try:
        with torch.inference_mode(), evaluating(network):
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    return total


class MacsCounter:
    """T(v): the MACs of a network under a keep mask, differentiable in the mask.

    The MACs of a convolution are positions · kernel area · (kept inputs) · (kept outputs), and those of a depthwise one
    positions · kernel area · (kept channels).
    """

    def __init__(self, table: ChannelTable, *, convention: MacsConvention = "exact") -> None:
        self.table = table
        self._inputs = _incidence([conv.reads for conv in table.convs], table.prunable)
        self._outputs = _incidence([conv.writes for conv in table.convs], table.prunable)
        self._depthwise = torch.tensor([conv.depthwise for conv in table.convs])
        self._cost = torch.tensor([_cost(conv, convention) for conv in table.convs], dtype=torch.float64)
        self.total = round(self(torch.ones(table.prunable)).item())
        """MACs of the network as it is."""

    def __call__(self, mask: KeepMask) -> Tensor:
        """MACs under a keep mask, a float64 scalar: exact for 0/1 masks (float32 on Apple's GPUs, which lack float64)."""
        device, dtype = mask.device, torch.float32 if mask.device.type == "mps" else torch.float64
        extended = torch.cat([mask.to(dtype), mask.new_ones(1, dtype=dtype)])
        inputs = self._inputs.to(device, dtype) @ extended
        outputs = self._outputs.to(device, dtype) @ extended
        inputs = torch.where(self._depthwise.to(device), 1.0, inputs)
        return (self._cost.to(device, dtype) * inputs * outputs).sum()

    @property
    def least(self) -> int:
        """MACs with the fewest channels that each group has to keep: no smaller budget can be met."""
        mask = torch.zeros(self.table.prunable)
        for group, least in zip(self.table.groups, self.table.floors.tolist(), strict=True):
            mask[group.offset : group.offset + least] = 1
        return round(self(mask).item())

    def channel_costs(self) -> Float[Tensor, " prunable"]:
        """MACs that fall away with each channel alone, while all the others stay; float32."""
        mask = torch.ones(self.table.prunable, dtype=torch.float64, requires_grad=True)
        (costs,) = torch.autograd.grad(self(mask), mask)
        return costs.float()


def _incidence(columns: list[tuple[int, ...]], prunable: int) -> Tensor:
    """How often each convolution uses each maskable channel; the last column counts those always there."""
    counts = torch.zeros(len(columns), prunable + 1, dtype=torch.float64)
    for row, channels in enumerate(columns):
        positions = torch.tensor([prunable if channel == ALWAYS else channel for channel in channels])
        counts[row] = torch.bincount(positions, minlength=prunable + 1)
    return counts


def _cost(conv: ConvEntry, convention: MacsConvention) -> float:
    at_input = conv.transposed and convention == "exact"
    positions = conv.input_positions if at_input else conv.output_positions
    return positions * conv.kernel_area / (1 if conv.depthwise else conv.groups)
