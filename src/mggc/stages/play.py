"""Playing the game of Eq. 2 in a run: with agents, or with free logits against a whole discriminator."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from mggc.baselines.scores import l1_scores
from mggc.baselines.taylor import taylor_scores
from mggc.config import PruneConfig
from mggc.data.prefetch import Prefetch
from mggc.data.sources import game_sources
from mggc.pruning.channels import ChannelTable, trace_channels
from mggc.pruning.game import Game, GameStep
from mggc.pruning.initial import initial_logits
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan
from mggc.pruning.rounds import Round, rounds
from mggc.runtime import seed_step
from mggc.stages.context import Context
from mggc.stages.find_neighbors import run_neighborhoods
from mggc.stages.loop import floats, resume, run_updates
from mggc.stages.material import choice_batches, make_material
from mggc.stages.networks import load_original
from mggc.stages.updates import game_updates


class _Step(NamedTuple):
    step: int
    game: GameStep


def play(
    context: Context, digest: str, counter: MacsCounter, *, budget: int
) -> tuple[ChannelPlan, ChannelPlan]:
    """Play the game, or continue; the plans for generator and discriminator.

    Args:
        context: The run at work.
        digest: What the stage depends on.
        counter: MACs of the generator under a mask, in the budget's convention.
        budget: MACs that the generator may keep.
    """
    config, stage = context.config, context.run.stage("prune")
    sources = game_sources(context.dataset, config.data)
    game = _make_game(context, counter, budget)
    total = game_updates(config, len(sources))
    start = resume(stage, digest, game)
    neighborhoods = run_neighborhoods(context.run)
    batches = rounds(
        sources,
        neighborhoods.teacher_images,
        neighborhoods.indices,
        batch_size=config.prune.batch_size,
        seed=config.seed,
        flip=config.data.flip and context.dataset.augment,
        start=start,
        rank=context.fabric.global_rank,
        world_size=context.fabric.world_size,
        neighbor_sources=game.config.pairing == "own",
    )
    with Prefetch(batches) as ready:
        run_updates(
            context,
            stage,
            digest,
            game,
            _updates(context, game, ready, start, total),
            start=start,
            total=total,
            checkpoint_every=config.prune.checkpoint_every,
            values=lambda record: _figures(record.game, game),
            log_every=1,
        )
    return game.plans()


def rules(config: PruneConfig) -> PruneConfig:
    """The settings that a method plays by.

    ``free_logits`` is the ``Baseline`` row of Table 2: one free logit for each channel in place of agents, and a
    discriminator at full width. Neighbours then play no part, since only the discriminator's mask learns from them.
    """
    if config.method == "game":
        return config
    return config.model_copy(update={"agents": False, "feedback": False, "prune_discriminator": False})


def _make_game(context: Context, counter: MacsCounter, budget: int) -> Game:
    config = context.config
    discriminator = load_original(context.run, "discriminator").network
    initial = _initial(context, counter, budget)
    seed_step(config.seed, "agents")
    return Game(
        load_original(context.run, "generator").network,
        discriminator,
        counter.table,
        trace_channels(discriminator, image_size=config.data.image_size),
        rules(config.prune),
        context.fabric,
        budget=budget,
        convention=config.macs_convention,
        conditional=context.conditional,
        gan_mode=config.prune.gan_mode or "hinge",
        initial=initial,
    )


def _initial(context: Context, counter: MacsCounter, budget: int) -> Tensor | None:
    """Where the generator's logits start, if not at the offset."""
    config = context.config.prune
    if config.initial == "constant":
        return None
    material = make_material(context, counter, budget=budget)
    if config.initial == "l1_norm":
        scores = l1_scores(material.generator, counter.table)
    else:
        scores = taylor_scores(material, choice_batches(context))
    return initial_logits(
        scores.cpu(),
        counter.table,
        offset=config.offset,
        spread=config.initial_spread,
        by_group=config.initial == "l1_norm",
    )


def _updates(
    context: Context, game: Game, batches: Iterator[Round], start: int, total: int
) -> Iterator[_Step]:
    device, seed = context.fabric.device, context.config.seed
    for step in range(start, total):
        seed_step(seed, "game", step)
        source, neighbor, own = next(batches)
        record = game.step(
            source.to(device),
            neighbor.to(device),
            None if own is None else own.to(device),
            progress=(step + 1) / total,
        )
        yield _Step(step + 1, record)


def _figures(step: GameStep, game: Game) -> dict[str, Any]:
    """One line of the game's log: losses, R, MACs, and kept shares of both networks, in all and by group."""
    g_kept, d_kept = step.generator_kept.tolist(), step.discriminator_kept.tolist()
    return {
        **floats(
            {
                "generator_loss": step.generator_loss,
                "discriminator_loss": step.discriminator_loss,
                "budget_penalty": step.budget_penalty,
            }
        ),
        "macs_share": round(step.macs.item() / game.counter.total, 6),
        "generator_kept": _share(g_kept, game.g.table),
        "discriminator_kept": _share(d_kept, game.d.table),
        "macs": round(step.macs.item()),
        "generator_kept_by_group": [round(share, 4) for share in g_kept],
        "discriminator_kept_by_group": [round(share, 4) for share in d_kept],
    }


def _share(kept: list[float], table: ChannelTable) -> float:
    """Kept share of all channels, from the shares by group."""
    channels = sum(share * group.size for share, group in zip(kept, table.groups, strict=True))
    return round(channels / table.prunable, 6)
