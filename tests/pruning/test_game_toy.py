"""The game on a toy with a known answer: one half of the channels is useless, and the agent drops it."""

import pytest

from choice_toys import SIZE, Difference, TwoHalves, room_for_one_half
from mggc.config import PruneConfig
from mggc.pruning.channels import trace_channels
from mggc.pruning.game import Game
from mggc.pruning.masks import keep_probability
from mggc.runtime import seed_step
from toys import cpu_fabric, images

UPDATES = 250


def play_toy(seed: int, config: PruneConfig) -> Game:
    generator, discriminator = TwoHalves(useless_first=seed % 2 == 1), Difference()
    table = trace_channels(generator, image_size=SIZE)
    seed_step(seed, "agents")
    game = Game(
        generator,
        discriminator,
        table,
        trace_channels(discriminator, image_size=SIZE),
        config,
        cpu_fabric(),
        budget=room_for_one_half(generator),
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


@pytest.mark.parametrize(("lr", "meets"), [(PruneConfig().free_logits_lr, True), (PruneConfig().lr, False)])
def test_free_logits_meet_the_budget_at_their_own_learning_rate_and_not_at_the_agents(
    lr: float, meets: bool
) -> None:
    config = PruneConfig(agents=False, prune_discriminator=False, free_logits_lr=lr)
    game = play_toy(0, config)
    macs = game.counter((keep_probability(game.logits()[0]) > 0.5).float())
    assert bool(macs <= game.budget) is meets
