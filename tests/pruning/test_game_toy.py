"""The game on a toy with a known answer: one half of the channels is useless, and the agent drops it."""

import pytest
from torch import Tensor

from asserts import assert_same
from choice_toys import SIZE, Difference, TwoHalves, room_for_one_half
from mggc.config import PruneConfig
from mggc.pruning.channels import trace_channels
from mggc.pruning.game import Game
from mggc.pruning.masks import keep_probability
from mggc.runtime import seed_step
from mggc.stages.play import rules
from toys import cpu_fabric, images

UPDATES = 250


def play_toy(
    seed: int, config: PruneConfig, *, updates: int = UPDATES, neighbor: Tensor | None = None
) -> Game:
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
    for step in range(updates):
        seed_step(seed, "game", step)
        source = images(4, 1, SIZE, SIZE, seed=1000 * seed + step)
        game.step(source, source if neighbor is None else neighbor)
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


def test_neighbours_play_no_part_for_free_logits_against_a_whole_discriminator() -> None:
    config = rules(PruneConfig(method="free_logits"))
    assert not any((config.agents, config.feedback, config.prune_discriminator))
    games = [play_toy(0, config, updates=5, neighbor=images(4, 1, SIZE, SIZE, seed=n)) for n in range(2)]
    assert_same(games[0].g.agent.state_dict(), games[1].g.agent.state_dict())
    assert rules(PruneConfig()) == PruneConfig()
