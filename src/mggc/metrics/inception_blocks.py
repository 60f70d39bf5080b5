"""The building blocks of Inception-v3 (Szegedy et al., 2016), as tables; names are those of the published weights."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Conv:
    """A convolution of an Inception block. With stride 1 it keeps the size; with stride 2 it has no padding."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


Fork: TypeAlias = tuple[Conv, Conv]
"""Two convolutions of one input, concatenated."""
Branch: TypeAlias = tuple[Conv | Fork, ...]
"""A chain of convolutions from the block's input."""
Pool = Literal["average", "max", "halve"]
"""The block's pooling branch: ``average`` and ``max`` keep the size and end in a 1×1 convolution; ``halve`` does not."""


class ConvNormReLU(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        *,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, images: Float[Tensor, "batch inputs h w"]) -> Float[Tensor, "batch outputs h2 w2"]:
        """Features that are not negative."""
        return torch.relu(self.bn(self.conv(images)))


class InceptionBlock(nn.Module):
    """Parallel branches and a pooling branch, concatenated over channels in that order."""

    def __init__(
        self, inputs: int, branches: tuple[Branch, ...], *, pool: Pool, pool_channels: int = 0
    ) -> None:
        super().__init__()
        self.branches = branches
        for branch in branches:
            self._add_branch(inputs, branch)
        match pool:
            case "average":
                self.pool: nn.Module = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
            case "max":
                self.pool = nn.MaxPool2d(3, stride=1, padding=1)
            case "halve":
                self.pool = nn.MaxPool2d(3, stride=2)
        self.branch_pool = nn.Identity() if pool == "halve" else ConvNormReLU(inputs, pool_channels, (1, 1))

    def forward(self, images: Float[Tensor, "batch inputs h w"]) -> Float[Tensor, "batch outputs h2 w2"]:
        """All branches' features of the same positions."""
        outputs = [self._follow(branch, images) for branch in self.branches]
        return torch.cat([*outputs, self.branch_pool(self.pool(images))], dim=1)

    def _add_branch(self, inputs: int, branch: Branch) -> None:
        for step in branch:
            for conv in _convs(step):
                height, width = conv.kernel
                padding = (height // 2, width // 2) if conv.stride == 1 else (0, 0)
                layer = ConvNormReLU(inputs, conv.channels, conv.kernel, stride=conv.stride, padding=padding)
                self.add_module(conv.name, layer)
            inputs = sum(conv.channels for conv in _convs(step))

    def _follow(self, branch: Branch, images: Tensor) -> Tensor:
        for step in branch:
            images = torch.cat([self.get_submodule(conv.name)(images) for conv in _convs(step)], dim=1)
        return images


def _convs(step: Conv | Fork) -> tuple[Conv, ...]:
    return (step,) if isinstance(step, Conv) else step


def block_35(inputs: int, *, pool_channels: int) -> InceptionBlock:
    """35×35 positions, Figure 5 of Szegedy et al. (2016)."""
    return InceptionBlock(
        inputs,
        (
            (Conv("branch1x1", 64),),
            (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
            (
                Conv("branch3x3dbl_1", 64),
                Conv("branch3x3dbl_2", 96, (3, 3)),
                Conv("branch3x3dbl_3", 96, (3, 3)),
            ),
        ),
        pool="average",
        pool_channels=pool_channels,
    )


def reduction_to_17(inputs: int) -> InceptionBlock:
    """From 35×35 positions to 17×17, Figure 10."""
    return InceptionBlock(
        inputs,
        (
            (Conv("branch3x3", 384, (3, 3), stride=2),),
            (
                Conv("branch3x3dbl_1", 64),
                Conv("branch3x3dbl_2", 96, (3, 3)),
                Conv("branch3x3dbl_3", 96, (3, 3), stride=2),
            ),
        ),
        pool="halve",
    )


def block_17(inputs: int, *, inner: int) -> InceptionBlock:
    """17×17 positions, Figure 6: a 7×7 convolution as 1×7 and 7×1."""
    return InceptionBlock(
        inputs,
        (
            (Conv("branch1x1", 192),),
            (
                Conv("branch7x7_1", inner),
                Conv("branch7x7_2", inner, (1, 7)),
                Conv("branch7x7_3", 192, (7, 1)),
            ),
            (
                Conv("branch7x7dbl_1", inner),
                Conv("branch7x7dbl_2", inner, (7, 1)),
                Conv("branch7x7dbl_3", inner, (1, 7)),
                Conv("branch7x7dbl_4", inner, (7, 1)),
                Conv("branch7x7dbl_5", 192, (1, 7)),
            ),
        ),
        pool="average",
        pool_channels=192,
    )


def reduction_to_8(inputs: int) -> InceptionBlock:
    """From 17×17 positions to 8×8, Figure 10 with longer branches."""
    return InceptionBlock(
        inputs,
        (
            (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, (3, 3), stride=2)),
            (
                Conv("branch7x7x3_1", 192),
                Conv("branch7x7x3_2", 192, (1, 7)),
                Conv("branch7x7x3_3", 192, (7, 1)),
                Conv("branch7x7x3_4", 192, (3, 3), stride=2),
            ),
        ),
        pool="halve",
    )


def block_8(inputs: int, *, pool: Pool) -> InceptionBlock:
    """8×8 positions, Figure 7: a 3×3 convolution spread out into 1×3 beside 3×1."""
    return InceptionBlock(
        inputs,
        (
            (Conv("branch1x1", 320),),
            (
                Conv("branch3x3_1", 384),
                (Conv("branch3x3_2a", 384, (1, 3)), Conv("branch3x3_2b", 384, (3, 1))),
            ),
            (
                Conv("branch3x3dbl_1", 448),
                Conv("branch3x3dbl_2", 384, (3, 3)),
                (Conv("branch3x3dbl_3a", 384, (1, 3)), Conv("branch3x3dbl_3b", 384, (3, 1))),
            ),
        ),
        pool=pool,
        pool_channels=192,
    )
