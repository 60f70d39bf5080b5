import copy
import io
from itertools import pairwise
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.config import GanMode, PruneConfig
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec
from mggc.pruning import game as game_module
from mggc.pruning.agents import silence
from mggc.pruning.channels import trace_channels
from mggc.pruning.game import Game, GameStep, Player, decode_discriminator, freeze
from mggc.pruning.initial import initial_logits
from mggc.pruning.macs import count_macs
from mggc.pruning.masks import keep_probability
from mggc.runtime import seed_step
from toys import cpu_fabric, images, strong_weights

SIZE = 32


def make_networks(*, conditional: bool = True) -> tuple[nn.Module, nn.Module]:
    generator = build(UnetSpec(input_channels=1, output_channels=2, downs=5, ngf=4, dropout=True))
    discriminator = build(PatchSpec(input_channels=3 if conditional else 2, ndf=4, layers=2))
    return strong_weights(generator, seed=1), strong_weights(discriminator, seed=2)


def make_game(
    config: PruneConfig | None = None,
    *,
    share: float = 0.3,
    conditional: bool = True,
    gan_mode: GanMode = "hinge",
    fabric: Fabric | None = None,
    networks: tuple[nn.Module, nn.Module] | None = None,
) -> Game:
    generator, discriminator = networks or make_networks(conditional=conditional)
    seed_step(0, "agents")
    return Game(
        generator,
        discriminator,
        trace_channels(generator, image_size=SIZE, input_channels=1),
        trace_channels(discriminator, image_size=SIZE),
        config or PruneConfig(),
        fabric or cpu_fabric(),
        budget=int(share * count_macs(generator, SIZE)),
        convention="exact",
        conditional=conditional,
        gan_mode=gan_mode,
    )


def play(game: Game, steps: range) -> list[GameStep]:
    records = []
    for step in steps:
        seed_step(0, "game", step)
        records.append(
            game.step(images(2, 1, SIZE, SIZE, seed=step), images(2, 2, SIZE, SIZE, seed=100 + step))
        )
    return records


def saved(game: Game) -> dict[str, Any]:
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(game.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


SWITCHES = {
    "as in the paper": PruneConfig(),
    "no feedback": PruneConfig(feedback=False),
    "free logits": PruneConfig(agents=False),
    "full discriminator": PruneConfig(prune_discriminator=False),
    "baseline": PruneConfig(agents=False, feedback=False, prune_discriminator=False),
    "running statistics": PruneConfig(generator_norm="running", discriminator_norm="running"),
    "dropout": PruneConfig(dropout=True),
    "adam": PruneConfig(optimizer="adam"),
    "sgd": PruneConfig(optimizer="sgd", lr=0.1),
    "cost scaling": PruneConfig(cost_scaling=0.5),
    "relaxed": PruneConfig(relaxed=True, tau_end=0.1),
    "several masks": PruneConfig(masks_per_update=2),
    "quiet discriminator": PruneConfig(discriminator_noise=False),
    "blind": PruneConfig(pairing="blind"),
    "averaged": PruneConfig(decode="average"),
}


@pytest.mark.parametrize("config", SWITCHES.values(), ids=SWITCHES.keys())
@pytest.mark.parametrize("conditional", [True, False])
def test_every_switch_plays_and_touches_nothing_but_the_agents(
    config: PruneConfig, conditional: bool
) -> None:
    networks = make_networks(conditional=conditional)
    before = [snapshot(network) for network in networks]
    game = make_game(config, conditional=conditional, networks=networks)
    agents = [snapshot(game.g.agent), snapshot(game.d.agent)]
    records = play(game, range(3))
    for network, state in zip(networks, before, strict=True):
        assert_same(snapshot(network), state)  # weights, running statistics, number of batches
        assert all(parameter.grad is None for parameter in network.parameters())
    assert not _equal(snapshot(game.g.agent), agents[0])
    assert _equal(snapshot(game.d.agent), agents[1]) is not config.prune_discriminator
    assert all(torch.isfinite(value).all() for record in records for value in record)


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_players_step_changes_its_own_agent_only(monkeypatch: pytest.MonkeyPatch) -> None:
    game = make_game()
    descend, seen = game_module._descend, []

    def watched(fabric: Fabric, player: Player, loss: Tensor) -> None:
        other = game.g if player is game.d else game.d
        mine, theirs = snapshot(player.agent), snapshot(other.agent)
        gradients = [None if p.grad is None else p.grad.clone() for p in other.agent.parameters()]
        descend(fabric, player, loss)
        assert not _equal(snapshot(player.agent), mine)
        assert_same(snapshot(other.agent), theirs)
        assert_same([p.grad for p in other.agent.parameters()], gradients)
        seen.append("d" if player is game.d else "g")

    monkeypatch.setattr(game_module, "_descend", watched)
    play(game, range(2))
    assert seen == ["d", "g"] * 2


def test_the_losses_are_those_of_eq_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the equation written out, with both players' masks drawn again from the same seed."""
    config = PruneConfig(lambda1=2.0, lambda2=0.7, generator_norm="running", discriminator_norm="running")
    game = make_game(config)
    source, neighbor = images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE, seed=5)
    descended: list[Tensor] = []
    monkeypatch.setattr(game_module, "_descend", lambda fabric, player, loss: descended.append(loss.detach()))
    quiet = silence(torch.empty(0))
    torch.manual_seed(3)
    v_d, v_g = (player.sample(player.choose(quiet), tau=0.4).counted.detach() for player in (game.d, game.g))
    torch.manual_seed(3)
    record = game.step(source, neighbor)
    with torch.no_grad():
        fake = game.g.masked(source, v_g)
        on_real = game.d.masked(torch.cat([source, neighbor], 1), v_d)
        on_fake = game.d.masked(torch.cat([source, fake], 1), v_d)
    f_d = torch.relu(1 - on_real).mean() + torch.relu(1 + on_fake).mean()
    macs = game.counter(v_g)
    r = torch.log(macs.clamp(min=game.budget) / game.budget)
    torch.testing.assert_close(descended[0], f_d + 0.7 * v_d.sum() / len(v_d))
    torch.testing.assert_close(descended[1].float(), (-on_fake.mean() + 2.0 * r).float())
    torch.testing.assert_close(record.discriminator_loss, f_d)
    torch.testing.assert_close(record.generator_loss, -on_fake.mean())
    assert record.macs == macs
    kept = torch.stack([piece.mean() for piece in game.g.table.split(v_g)])
    torch.testing.assert_close(record.generator_kept, kept)


def test_a_resumed_game_is_the_uninterrupted_one_bit_for_bit() -> None:
    whole = make_game()
    records = play(whole, range(6))
    first = make_game()
    play(first, range(3))
    state = saved(first)
    second = make_game(PruneConfig())
    play(second, range(1))  # a state of its own, to be forgotten
    second.load_state_dict(state)
    rest = play(second, range(3, 6))
    assert_same([tuple(record) for record in rest], [tuple(record) for record in records[3:]])
    assert_same(second.state_dict(), whole.state_dict())
    assert second.plans() == whole.plans()


def test_feedback_changes_logits_and_its_absence_does_not() -> None:
    for feedback in (True, False):
        game = make_game(PruneConfig(feedback=feedback))
        play(game, range(1))
        told = game.logits()
        assert game.g_embedding.abs().sum() > 0
        game.g_embedding = game.d_embedding = torch.zeros_like(game.g_embedding)
        for with_peer, alone in zip(told, game.logits(), strict=True):
            assert torch.equal(with_peer, alone) is not feedback


def test_what_players_hear_is_what_the_other_said_last() -> None:
    game = make_game()
    (g_first, d_first) = (player.choose(silence(torch.empty(0))) for player in (game.g, game.d))
    play(game, range(1))
    assert torch.equal(game.g_embedding, g_first.embedding)
    assert torch.equal(game.d_embedding, d_first.embedding)
    g_logits, d_logits = game.logits()
    assert torch.equal(g_logits, game.g.choose(d_first.embedding).logits)
    assert torch.equal(d_logits, game.d.choose(g_first.embedding).logits)
    assert not game.g_embedding.requires_grad


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_the_delivered_plan_is_within_the_budget(share: float) -> None:
    game = make_game(share=share)
    play(game, range(2))
    plan, d_plan = game.plans()
    macs = game.counter(plan.mask(game.g.table)).item()
    assert 0.9 * game.budget <= macs <= game.budget
    assert min(d_plan.widths.values()) >= 1


def test_asking_for_the_plan_draws_no_random_numbers_and_changes_nothing() -> None:
    game = make_game()
    play(game, range(2))
    before = copy.deepcopy(game.state_dict())
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    assert game.plans() == game.plans()
    assert torch.equal(torch.rand(2), expected)
    assert_same(game.state_dict(), before)


def test_the_generators_plan_ranks_channels_by_their_logits() -> None:
    game = make_game()
    play(game, range(2))
    logits, _ = game.logits()
    for (name, kept), piece in zip(game.plans()[0].kept.items(), game.g.table.split(logits), strict=True):
        assert set(kept) == set(torch.argsort(piece)[: len(kept)].tolist()), name


def test_the_discriminator_keeps_what_is_likelier_than_not() -> None:
    _, discriminator = make_networks()
    table = trace_channels(discriminator, image_size=SIZE)
    logits = torch.randn(table.prunable, generator=torch.Generator().manual_seed(0))
    plan = decode_discriminator(logits, table, prunes=True)
    assert torch.equal(plan.mask(table), (keep_probability(logits) > 0.5).float())
    whole = decode_discriminator(logits + 100, table, prunes=False)
    assert whole.widths == {group.name: group.size for group in table.groups}


def test_a_discriminator_that_its_agent_would_empty_keeps_its_best_channels() -> None:
    """At such logits all probabilities are zero in single precision."""
    _, discriminator = make_networks()
    table = trace_channels(discriminator, image_size=SIZE)
    logits = 6 + torch.rand(table.prunable, generator=torch.Generator().manual_seed(0))
    plan = decode_discriminator(logits, table, prunes=True)
    for group, piece in zip(table.groups, table.split(logits), strict=True):
        assert plan.kept[group.name] == (int(piece.argmin()),)


@pytest.mark.parametrize("norm", ["batch", "running"])
@pytest.mark.parametrize("dropout", [False, True])
def test_modes_are_set_whatever_tracing_left_behind(norm: str, dropout: bool) -> None:
    network = strong_weights(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.5), nn.Conv2d(4, 2, 1))
    )
    inputs = images(4, 1, 8, 8)
    before = snapshot(network)
    freeze(network, norm=norm, dropout=dropout)  # type: ignore[arg-type]
    features = network[0](inputs)
    statistics = (
        {}
        if norm == "batch"
        else {"running_mean": network[1].running_mean, "running_var": network[1].running_var}
    )
    expected = nn.functional.batch_norm(
        features,
        statistics.get("running_mean"),
        statistics.get("running_var"),
        network[1].weight,
        network[1].bias,
        training=norm == "batch",
    )
    torch.testing.assert_close(network[1](features), expected)
    outputs = [network(inputs) for _ in range(4)]
    assert all(torch.equal(one, other) for one, other in pairwise(outputs)) is not dropout
    assert_same(snapshot(network), before)
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_budget_that_no_plan_meets_is_refused_at_once() -> None:
    with pytest.raises(MggcError, match="raise --budget"):
        make_game(share=0.0001)


def test_an_unpruned_discriminator_plays_at_full_width() -> None:
    game = make_game(PruneConfig(prune_discriminator=False))
    records = play(game, range(2))
    assert all((record.discriminator_kept == 1).all() for record in records)
    widths = {group.name: group.size for group in game.d.table.groups}
    assert game.plans()[1].widths == widths


@pytest.mark.parametrize("mode", ["hinge", "lsgan", "vanilla"])
def test_the_game_runs_in_mixed_precision(mode: GanMode) -> None:
    game = make_game(fabric=cpu_fabric("bf16-mixed"), gan_mode=mode)
    seen: list[torch.dtype] = []
    conv = next(m for m in game.g.masked.modules() if isinstance(m, nn.Conv2d))
    conv.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    records = play(game, range(2))
    assert set(seen) == {torch.bfloat16}
    assert all(torch.isfinite(value).all() for record in records for value in record)
    assert all(record.generator_loss.dtype == torch.float32 for record in records)
    game.plans()


def test_other_networks_play_too() -> None:
    generator = strong_weights(build(ResnetSpec(input_channels=1, output_channels=2, blocks=2, ngf=4)))
    discriminator = strong_weights(build(PatchSpec(input_channels=2, ndf=4, layers=1, norm="instance")))
    game = make_game(conditional=False, gan_mode="lsgan", networks=(generator, discriminator))
    assert all(torch.isfinite(record.generator_loss) for record in play(game, range(2)))


def test_several_masks_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    game = make_game(PruneConfig(masks_per_update=3, generator_norm="running", discriminator_norm="running"))
    source, neighbor = images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE, seed=5)
    quiet = silence(torch.empty(0))
    g_choice, d_choice = game.g.choose(quiet), game.d.choose(quiet)
    losses = []
    torch.manual_seed(3)
    for _ in range(3):
        v_d, v_g = (
            player.sample(choice, tau=0.4) for player, choice in ((game.d, d_choice), (game.g, g_choice))
        )
        with torch.no_grad():
            fake = game.g.masked(source, v_g.counted.detach())
            losses.append(-game.d.masked(torch.cat([source, fake], 1), v_d.counted.detach()).mean())
    torch.manual_seed(3)
    record = game.step(source, neighbor)
    torch.testing.assert_close(record.generator_loss, torch.stack(losses).mean())


def test_the_pairing_decides_what_lies_beside_a_neighbor_image(monkeypatch: pytest.MonkeyPatch) -> None:
    source, neighbor, own = (
        images(2, 1, SIZE, SIZE),
        images(2, 2, SIZE, SIZE, seed=5),
        images(2, 1, SIZE, SIZE, seed=6),
    )
    for pairing, on_real, on_fake in (
        ("source", source, source),
        ("own", own, source),
        ("blind", torch.zeros_like(source), torch.zeros_like(source)),
    ):
        game = make_game(PruneConfig(pairing=pairing))  # type: ignore[arg-type]
        seen: list[Tensor] = []
        game.d.masked.network.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        game.step(source, neighbor, own)
        assert [
            torch.equal(pair[:, :1], beside)
            for pair, beside in zip(seen, (on_real, on_fake, on_fake), strict=True)
        ] == [True] * 3
        assert torch.equal(seen[0][:, 1:], neighbor)
    with pytest.raises(ValueError, match="neighbor_source"):
        make_game(PruneConfig(pairing="own")).step(source, neighbor)


def test_the_average_is_of_the_second_half() -> None:
    game = make_game(PruneConfig(decode="average"))
    said = []
    for step in range(4):
        peers = game.d_embedding
        said.append(game.g.choose(peers).logits.detach())
        seed_step(0, "game", step)
        game.step(images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE), progress=(step + 1) / 4)
    torch.testing.assert_close(game.logits()[0], (said[2] + said[3]) / 2)


def test_a_tightening_budget_asks_for_little_at_first() -> None:
    game = make_game(PruneConfig(tightening=0.5), share=0.2)
    source, neighbor = images(2, 1, SIZE, SIZE), images(2, 2, SIZE, SIZE)
    early = game.step(source, neighbor, progress=0.0)
    assert early.budget_penalty == 0
    late = game.step(source, neighbor, progress=0.5)
    torch.testing.assert_close(late.budget_penalty, torch.log(late.macs / game.budget))


def test_cost_scaling_changes_gradients_and_no_value() -> None:
    plain, scaled = (
        make_game(PruneConfig(optimizer="sgd")),
        make_game(PruneConfig(optimizer="sgd", cost_scaling=1.0)),
    )
    (one,), (other,) = play(plain, range(1)), play(scaled, range(1))
    torch.testing.assert_close(one.macs, other.macs)
    torch.testing.assert_close(one.generator_loss, other.generator_loss)
    scale = scaled._gradient_scale
    for group, head, scaled_head in zip(
        plain.g.table.groups,
        plain.g.agent.module.heads,
        scaled.g.agent.module.heads,
        strict=True,
    ):
        expected = head.weight.grad * scale[group.offset : group.offset + group.size, None]
        torch.testing.assert_close(scaled_head.weight.grad, expected)


def test_the_game_starts_where_it_is_told() -> None:
    generator, discriminator = make_networks()
    table = trace_channels(generator, image_size=SIZE, input_channels=1)
    initial = initial_logits(torch.rand(table.prunable) + 0.1, table, offset=-3.0, spread=1.0, by_group=True)
    seed_step(0, "agents")
    game = Game(
        generator,
        discriminator,
        table,
        trace_channels(discriminator, image_size=SIZE),
        PruneConfig(),
        cpu_fabric(),
        budget=int(0.3 * count_macs(generator, SIZE)),
        convention="exact",
        conditional=True,
        gan_mode="hinge",
        initial=initial,
    )
    said = game.g.choose(silence(torch.empty(0))).logits
    plain = make_game().g.choose(silence(torch.empty(0))).logits
    torch.testing.assert_close(said - initial, plain + 3)
