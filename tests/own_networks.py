"""Generators as other repositories design them: none of their layers comes from this package."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from toys import strong_weights


class SeparableBlock(nn.Module):
    """A residual block of depthwise-separable convolutions, as mobile ResNets have them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, groups=width),
            nn.InstanceNorm2d(width),
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.InstanceNorm2d(width),
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


class MobileGenerator(nn.Module):
    """Stem, two separable residual blocks, and transposed convolutions back up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 7, padding=3), nn.InstanceNorm2d(6), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.Sequential(SeparableBlock(8), SeparableBlock(8))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1), nn.BatchNorm2d(6), nn.ReLU()
        )
        self.image = nn.Conv2d(6, 3, 7, padding=3)

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(self.image(self.up(self.blocks(self.down(self.stem(images))))))


class UpsamplingGenerator(nn.Module):
    """As in fast neural style: norms with weights, nearest-neighbour upsampling and convolutions, one skip."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(3, 6, 5, padding=2), nn.InstanceNorm2d(6, affine=True)
        self.second, self.second_norm = (
            nn.Conv2d(6, 10, 3, stride=2, padding=1),
            nn.InstanceNorm2d(10, affine=True),
        )
        self.third, self.third_norm = nn.Conv2d(10, 6, 3, padding=1), nn.InstanceNorm2d(6, affine=True)
        self.last = nn.Conv2d(12, 3, 5, padding=2)

    def forward(self, images: Tensor) -> Tensor:
        wide = F.leaky_relu(self.first_norm(self.first(images)), 0.2)
        narrow = F.elu(self.second_norm(self.second(wide)))
        raised = F.interpolate(narrow, scale_factor=2, mode="nearest")
        raised = F.relu(self.third_norm(self.third(raised)))
        return torch.tanh(self.last(torch.cat([raised, wide], dim=1)))


class GroupNormGenerator(nn.Module):
    """A norm across channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.mixing, self.last = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.GroupNorm(2, 8),
            nn.Conv2d(8, 3, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return torch.tanh(self.last(torch.relu(self.mixing(self.first(images)))))


class Halving(nn.Module):
    """Not a translation: the output is smaller than the image."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(3, 3, 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.only(images)
        return output


def trained_mobile() -> nn.Module:
    """A factory that brings its weights."""
    return strong_weights(MobileGenerator())


class Louder(MobileGenerator):
    """The same keys and shapes, another function."""

    def forward(self, images: Tensor) -> Tensor:
        return -super().forward(images)
