"""The game on a toy with a known answer: one half of the channels is useless, and the agent drops it."""

import pytest
import torch
from torch import Tensor, nn

from mggc.config import PruneConfig
from mggc.pruning.channels import trace_channels
from mggc.pruning.game import Game
from mggc.pruning.macs import MacsCounter
from mggc.pruning.masks import keep_probability
from mggc.runtime import seed_step
from toys import cpu_fabric, images

SIZE, UPDATES = 8, 250


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


def play_toy(seed: int, config: PruneConfig) -> Game:
    generator, discriminator = TwoHalves(useless_first=seed % 2 == 1), Difference()
    table = trace_channels(generator, image_size=SIZE)
    # Room for all useful channels and for the one of the other group that has to stay.
    room = torch.ones(16)
    room[9:] = 0
    seed_step(seed, "agents")
    game = Game(
        generator,
        discriminator,
        table,
        trace_channels(discriminator, image_size=SIZE),
        config,
        cpu_fabric(),
        budget=round(MacsCounter(table)(room).item()),
        convention="exact",
        conditional=True,
        gan_mode="hinge",
    )
    for step in range(UPDATES):
        seed_step(seed, "game", step)
        source = images(4, 1, SIZE, SIZE, seed=1000 * seed + step)
        game.step(source, source)
    return game


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("agents", [True, False])
def test_the_agent_drops_the_useless_channels(seed: int, agents: bool) -> None:
    game = play_toy(seed, PruneConfig(agents=agents, lr=3e-3, prune_discriminator=False))
    assert game.plans()[0].widths == {"used": 8, "useless": 1}
    pieces = dict(
        zip(game.plans()[0].kept, game.g.table.split(keep_probability(game.logits()[0])), strict=True)
    )
    assert pieces["used"].min() > pieces["useless"].max()
    if agents:
        assert pieces["used"].min() > 0.5 > pieces["useless"].max()
