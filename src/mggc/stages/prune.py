"""Stage ``prune``: play the game of Eq. 2, or ask a baseline, and write down the channel plans."""

from collections.abc import Iterator
from math import ceil
from typing import Any, NamedTuple

import torch

from mggc.baselines.choose import l1_norm, random_pick, uniform_width
from mggc.budget import parse_budget
from mggc.config import CompressConfig
from mggc.data.prefetch import Prefetch
from mggc.data.sources import game_sources
from mggc.pruning.channels import ChannelTable, trace_channels
from mggc.pruning.game import Game, GameStep
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, check_budget
from mggc.pruning.rounds import Round, rounds
from mggc.runs.atomic import read_json, write_json
from mggc.runs.rundir import RunDir, digest_of
from mggc.runtime import seed_step
from mggc.stages.context import Context
from mggc.stages.find_neighbors import neighbors_digest, run_neighborhoods
from mggc.stages.latency_budget import resolve_budget
from mggc.stages.latency_fit import fit_plan
from mggc.stages.loop import floats, resume, run_updates
from mggc.stages.networks import generator_table, load_original

PLAN_NAME = "plan.json"


class Plans(NamedTuple):
    """The finished stage's result."""

    generator: ChannelPlan
    discriminator: ChannelPlan


class _Step(NamedTuple):
    step: int
    game: GameStep


def prune(context: Context) -> None:
    """Choose the channels that stay, or continue choosing.

    Raises:
        MggcError: The budget is below what one channel in every group costs, or takes.
    """
    context = resolve_budget(context)
    config, stage = context.config, context.run.stage("prune")
    precision = config.runtime.precision
    digest = prune_digest(context, precision)
    if not context.pending(stage, digest):
        return
    generator = load_original(context.run, "generator").network
    table = generator_table(context.run, generator)
    counter = MacsCounter(table, convention=config.macs_convention)
    budget = parse_budget(config.budget, total_macs=counter.total)
    check_budget(counter, budget)
    if config.prune.method == "game":
        plans = _play(context, digest, table, budget)
    else:
        plans = _baseline(context, counter, budget)
    plans = plans._replace(generator=fit_plan(context, plans.generator, counter))
    if context.leader:
        macs = round(counter(plans.generator.mask(table)).item())
        write_json(
            stage.path / PLAN_NAME,
            {"generator": plans.generator.to_json(), "discriminator": plans.discriminator.to_json()},
        )
        stage.finish(
            digest,
            method=config.prune.method,
            budget=budget,
            macs=macs,
            total_macs=counter.total,
            precision=precision,
        )
    context.fabric.barrier()


def prune_digest(context: Context, precision: str) -> str:
    """What the choice of channels depends on.

    Raises:
        MggcError: The neighbourhoods are not there, or were found for other networks, images or settings.
    """
    config, run = context.config, context.run
    recovered = run.stage("recover").done()
    return digest_of(
        "prune",
        context.require_current(run.stage("neighbors"), neighbors_digest(context)),
        None if recovered is None else recovered["digest"],
        config.prune.model_dump(),
        config.budget,
        config.macs_convention,
        precision,
    )


def current_plans_digest(context: Context) -> str:
    """The digest of the finished stage.

    Raises:
        MggcError: It is not finished, or was finished for something else than there is now.
    """
    stage = context.run.stage("prune")
    done = stage.require(f"mggc prune {context.run.path}")
    return context.require_current(stage, prune_digest(resolve_budget(context), done["precision"]))


def run_plans(run: RunDir) -> Plans:
    """The plans of a run.

    Raises:
        MggcError: The stage is not finished.
    """
    stage = run.stage("prune")
    stage.require(f"mggc prune {run.path}")
    content = read_json(stage.path / PLAN_NAME)
    return Plans(ChannelPlan.from_json(content["generator"]), ChannelPlan.from_json(content["discriminator"]))


def game_updates(config: CompressConfig, sources: int) -> int:
    """Updates of the game: as configured, or the configured number of passes over the source images."""
    if config.prune.updates is not None:
        return config.prune.updates
    return max(1, round((config.prune.epochs or 1.0) * ceil(sources / config.prune.batch_size)))


def _baseline(context: Context, counter: MacsCounter, budget: int) -> Plans:
    """A plan without a game; the discriminator keeps its full width."""
    config = context.config
    network = load_original(context.run, "generator").network
    multiple_of = config.prune.multiple_of
    match config.prune.method:
        case "uniform":
            plan = uniform_width(network, counter, budget=budget)
        case "l1_norm":
            plan = l1_norm(network, counter, budget=budget, multiple_of=multiple_of)
        case _:
            plan = random_pick(counter, budget=budget, seed=config.seed, multiple_of=multiple_of)
    table = _discriminator_table(context)
    return Plans(plan, ChannelPlan.from_mask(torch.ones(table.prunable), table))


def _discriminator_table(context: Context) -> ChannelTable:
    discriminator = load_original(context.run, "discriminator").network
    return trace_channels(discriminator, image_size=context.config.data.image_size)


def _play(context: Context, digest: str, table: ChannelTable, budget: int) -> Plans:
    config, stage = context.config, context.run.stage("prune")
    sources = game_sources(context.dataset, config.data)
    seed_step(config.seed, "agents")
    game = Game(
        load_original(context.run, "generator").network,
        load_original(context.run, "discriminator").network,
        table,
        _discriminator_table(context),
        config.prune,
        context.fabric,
        budget=budget,
        convention=config.macs_convention,
        conditional=context.conditional,
        gan_mode=config.prune.gan_mode or "hinge",
    )
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
    return Plans(*game.plans())


def _updates(
    context: Context, game: Game, batches: Iterator[Round], start: int, total: int
) -> Iterator[_Step]:
    device, seed = context.fabric.device, context.config.seed
    for step in range(start, total):
        seed_step(seed, "game", step)
        source, neighbor = next(batches)
        yield _Step(step + 1, game.step(source.to(device), neighbor.to(device)))


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
