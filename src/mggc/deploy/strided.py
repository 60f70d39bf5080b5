"""A ResNet's last convolution, computed for blocks of 2×2 pixels at once: the same numbers in less time."""

import copy

import torch
from torch import nn

from mggc.networks.resnet import ResnetGenerator

BLOCK = 2


def stride_last_convolution(generator: nn.Module) -> nn.Module:
    """A copy of a `ResnetGenerator` whose last convolution writes 2×2 pixels at once; any other network as it is.

    CPUs compute a convolution for 8 or 16 output channels at a time, so that three of them, the colours of a picture, cost
    as much as sixteen. A k×k convolution of stride 1 equals a (k+1)×(k+1) one of stride 2 with four times the outputs,
    its kernel placed in each of the four corners and zeros elsewhere, followed by a pixel shuffle. Sides have to be
    even, which they are: a ResNet works on multiples of four.

    Args:
        generator: Left as it is. Outputs differ by rounding alone.
    """
    if not isinstance(generator, ResnetGenerator):
        return generator
    strided = copy.deepcopy(generator)
    places = [place for place, layer in enumerate(strided.model) if isinstance(layer, nn.Conv2d)]
    last = strided.model[places[-1]]
    if isinstance(last, nn.Conv2d) and last.stride == (1, 1) and last.padding == (0, 0):
        strided.model[places[-1]] = nn.Sequential(_in_blocks(last), nn.PixelShuffle(BLOCK))
    return strided


def _in_blocks(convolution: nn.Conv2d) -> nn.Conv2d:
    weight = convolution.weight.detach()
    outputs, inputs, height, width = weight.shape
    kernels = weight.new_zeros(outputs, BLOCK, BLOCK, inputs, height + 1, width + 1)
    for row in range(BLOCK):
        for column in range(BLOCK):
            kernels[:, row, column, :, row : row + height, column : column + width] = weight
    wide = nn.Conv2d(
        inputs, outputs * BLOCK**2, (height + 1, width + 1), stride=BLOCK, bias=convolution.bias is not None
    )
    wide.to(weight)
    with torch.no_grad():
        wide.weight.copy_(kernels.flatten(0, 2))
        if convolution.bias is not None and wide.bias is not None:
            wide.bias.copy_(convolution.bias.repeat_interleave(BLOCK**2))
    return wide
