"""Networks of which it is known which channels matter, and what a baseline is given to choose them."""

import io
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.baselines.chooser import Chooser, Material
from mggc.config import ObjectiveConfig, PruneConfig
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter
from mggc.runtime import seed_step
from toys import cpu_fabric, images, strong_weights

SIZE = 8


class TwoHalves(nn.Module):
    """Copies the image through the channels of ``used``; those of ``useless`` are computed and then ignored."""

    def __init__(self, *, useless_first: bool) -> None:
        super().__init__()
        names = ("useless", "used") if useless_first else ("used", "useless")
        for name in names:
            self.add_module(name, nn.Conv2d(1, 8, 1, bias=False))
        self.out = nn.Conv2d(16, 1, 1, bias=False)
        signs = torch.tensor([1.0, -1.0] * 4)
        with torch.no_grad():
            self.used.weight.copy_(signs[:, None, None, None])
            self.useless.weight.copy_(signs[:, None, None, None])
            # x = relu(x) - relu(-x), four times over.
            self.out.weight.copy_(torch.cat([signs / 4, torch.zeros(8)])[None, :, None, None])

    def forward(self, images: Tensor) -> Tensor:
        features = torch.cat([self.used(images), self.useless(images)], dim=1)
        return self.out(torch.relu(features))  # type: ignore[no-any-return]


class Difference(nn.Module):
    """Sees source and image and says 1 - 30 · |source - image|."""

    def __init__(self) -> None:
        super().__init__()
        self.compare, self.judge = nn.Conv2d(2, 2, 1, bias=False), nn.Conv2d(2, 1, 1)
        with torch.no_grad():
            self.compare.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None])
            self.judge.weight.fill_(-30.0)
            self.judge.bias.fill_(1.0)

    def forward(self, images: Tensor) -> Tensor:
        return self.judge(torch.relu(self.compare(images)))  # type: ignore[no-any-return]


def material(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    budget: int | None = None,
    share: float = 0.5,
    size: int = SIZE,
    precision: str = "32",
    fabric: Fabric | None = None,
    conditional: bool = True,
    config: PruneConfig | None = None,
    **terms: Any,
) -> Material:
    """What the stage would give a baseline; a budget in MACs, or as a share of the generator's."""
    counter = MacsCounter(trace_channels(generator, image_size=size))
    return Material(
        generator=generator,
        discriminator=discriminator,
        counter=counter,
        discriminator_table=trace_channels(discriminator, image_size=size),
        budget=int(share * counter.total) if budget is None else budget,
        conditional=conditional,
        gan_mode="hinge" if conditional else "lsgan",
        config=config or PruneConfig(),
        seed=0,
        fabric=fabric or cpu_fabric(precision),
        **{"updates": 6, "objective": ObjectiveConfig(), **terms},
    )


def room_for_one_half(generator: nn.Module) -> int:
    """MACs with all channels of one half of `TwoHalves` and the one of the other that has to stay."""
    mask = torch.ones(16)
    mask[9:] = 0
    return round(MacsCounter(trace_channels(generator, image_size=SIZE))(mask).item())


def small_networks(*, conditional: bool = True) -> tuple[nn.Module, nn.Module]:
    """A U-Net with dropout, and a discriminator, for images of one channel and 32 pixels."""
    generator = build(UnetSpec(input_channels=1, output_channels=1, downs=5, ngf=4, dropout=True))
    discriminator = build(PatchSpec(input_channels=2 if conditional else 1, ndf=4, layers=2))
    return strong_weights(generator, seed=1).eval(), strong_weights(discriminator, seed=2).eval()


def learn(chooser: Chooser, steps: range, *, size: int = SIZE) -> list[dict[str, Tensor]]:
    """Updates on images that the generator should leave as they are."""
    records = []
    for step in steps:
        seed_step(0, "baseline", step)
        source = images(4, 1, size, size, seed=step)
        records.append(chooser.step(source, source))
    return records


def reloaded(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]
