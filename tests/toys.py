"""Small networks that several rooms' tests share, and weights under which their outputs mean something."""

from typing import TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.pruning.channels import ChannelTable
from mggc.pruning.plan import ChannelPlan

Network = TypeVar("Network", bound=nn.Module)


def cpu_fabric(precision: str = "32") -> Fabric:
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    fabric.launch()
    return fabric


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))


def strong_weights(network: Network, seed: int = 0) -> Network:
    """Random weights, biases, norms and running statistics of about unit scale; the usual N(0, 0.02) hides every error."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, mean: float, deviation: float) -> None:
        tensor.copy_(torch.empty(tensor.shape).normal_(mean, deviation, generator=generator))

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                fan_in = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
                normal(module.weight, 0.0, (2 / fan_in) ** 0.5)
                if module.bias is not None:
                    normal(module.bias, 0.0, 0.3)
            elif isinstance(module, nn.modules.batchnorm._NormBase):
                if module.affine:
                    normal(module.weight, 1.0, 0.3)
                    normal(module.bias, 0.0, 0.5)
                if module.running_mean is not None and module.running_var is not None:
                    normal(module.running_mean, 0.0, 0.5)
                    module.running_var.uniform_(0.5, 2.0, generator=generator)
            elif isinstance(module, nn.PReLU):
                module.weight.uniform_(0.05, 0.6, generator=generator)
    return network


def random_plan(table: ChannelTable, seed: int, *, share: float | None = None) -> ChannelPlan:
    """Any channels, at least one of each group: a share of them, or a share that differs from group to group."""
    generator = torch.Generator().manual_seed(seed)
    kept = {}
    for group in table.groups:
        chance = torch.rand((), generator=generator).item() if share is None else share
        order = torch.randperm(group.size, generator=generator)
        kept[group.name] = tuple(sorted(order[: max(1, round(chance * group.size))].tolist()))
    return ChannelPlan(kept)


class Separable(nn.Module):
    """Depthwise-separable blocks, PReLU with and without a slope for each channel, upsampling and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.PReLU(8))
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.InstanceNorm2d(8, affine=True)
        )
        self.pointwise = nn.Sequential(nn.Conv2d(8, 12, 1), nn.BatchNorm2d(12, affine=False), nn.PReLU())
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(12, 6, 3, padding=1), nn.InstanceNorm2d(6)
        )
        self.out = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pointwise(torch.relu(self.depthwise(self.stem(images))))
        return torch.tanh(self.out(torch.relu(self.up(features))))


class Tangled(nn.Module):
    """Residual sums of concatenations, a tensor concatenated with itself, the image as a skip, and squeeze-and-excite."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 5, 3, padding=1)
        self.both = nn.Conv2d(3, 9, 1)
        self.norm = nn.BatchNorm2d(9)
        self.squeeze, self.excite = nn.Conv2d(9, 3, 1), nn.Conv2d(3, 9, 1)
        self.narrow = nn.Conv2d(9, 4, 3, padding=1)
        self.late = nn.Conv2d(11, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        joined = torch.cat([self.left(images), self.right(images)], dim=1) + self.both(images)
        features = torch.relu(self.norm(joined))
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(features.mean((2, 3), keepdim=True)))))
        narrow = torch.relu(self.narrow(features * weights))
        late = self.late(torch.cat([images, narrow, narrow], dim=1)) + torch.cat([narrow, narrow], dim=1)
        return torch.tanh(self.out(torch.relu(late)))


class Shared(nn.Module):
    """One convolution used at two resolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.out = (
            nn.Conv2d(3, 6, 3, padding=1),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.Conv2d(6, 3, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.twice(torch.relu(self.first(images))))
        return self.out(torch.relu(self.twice(nn.functional.avg_pool2d(features, 2))))


class Shuffled(nn.Module):
    """Channels that cannot be dropped: pixel shuffle, general groups, split and gated ones; others around them can."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.wide = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 16, 3, padding=1)
        self.middle, self.grouped = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.gate, self.last = nn.Conv2d(8, 10, 1), nn.Conv2d(5, 7, 1)
        self.out = nn.Conv2d(7, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = nn.functional.pixel_shuffle(self.wide(torch.relu(self.first(images))), 2)
        features = torch.relu(self.grouped(torch.relu(self.middle(features))))
        value, gate = self.gate(features).chunk(2, dim=1)
        return self.out(torch.relu(self.last(value * torch.sigmoid(gate))))
