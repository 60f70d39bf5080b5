"""Residual networks without a classifier, with torchvision's module names, so that published files load."""

from typing import Literal, final

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mggc.shapes import Embeddings

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


def _conv3x3(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


def _shortcut(inputs: int, outputs: int, *, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


@final
class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: the block of ResNet-18."""

    expansion = 1

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, width, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride=stride)

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c2 h2 w2"]:
        """Features at the block's stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        hidden = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(hidden)) + shortcut)


@final
class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions and a shortcut: the block of ResNet-50; the stride sits on the 3×3."""

    expansion = 4

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride=stride)

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c2 h2 w2"]:
        """Features at the block's stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        hidden = F.relu(self.bn1(self.conv1(x)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        return F.relu(self.bn3(self.conv3(hidden)) + shortcut)


@final
class ResNet(nn.Module):
    """ResNet-18 or ResNet-50 up to the global average pool (He et al. 2016).

    With ``width=64`` and the standard stem its state dict is torchvision's without ``fc``, which is also the layout of
    the published SwAV ResNet-50.

    Args:
        depth: 18 or 50.
        width: Channels of the first layer; the four stages have 1, 2, 4 and 8 times as many.
        small_images: A 3×3 stem of stride 2 without max-pooling: images of up to 64 pixels keep twice the resolution.

    Attributes:
        dim: Length of a feature vector.
    """

    def __init__(self, *, depth: Literal[18, 50], width: int = 64, small_images: bool = False) -> None:
        super().__init__()
        block = BasicBlock if depth == 18 else Bottleneck
        self.small_images = small_images
        kernel_size = 3 if small_images else 7
        self.conv1 = nn.Conv2d(3, width, kernel_size, stride=2, padding=kernel_size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for stage, blocks in enumerate(BLOCKS[depth]):
            layer, inputs = _stage(
                block, inputs, width << stage, blocks=blocks, stride=1 if stage == 0 else 2
            )
            self.add_module(f"layer{stage + 1}", layer)
        self.dim = inputs
        _initialize(self)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Embeddings:
        """Features after the last ReLU, averaged over positions: never negative."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        if not self.small_images:
            hidden = F.max_pool2d(hidden, 3, stride=2, padding=1)
        for stage in range(1, 5):
            hidden = self.get_submodule(f"layer{stage}")(hidden)
        return hidden.mean(dim=(2, 3))


def _stage(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, width: int, *, blocks: int, stride: int
) -> tuple[nn.Sequential, int]:
    """``blocks`` residual blocks, the first with the stride; and the number of channels that leave them."""
    outputs = width * block.expansion
    layers = [block(inputs, width, stride=stride)]
    layers += [block(outputs, width, stride=1) for _ in range(blocks - 1)]
    return nn.Sequential(*layers), outputs


def _initialize(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
