"""Stage ``prune``: play the game of Eq. 2, or ask a baseline, and write down the channel plans."""

from typing import NamedTuple

from mggc.budget import parse_budget
from mggc.config import PlanMethod
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, check_budget
from mggc.runs.atomic import read_json, write_json
from mggc.runs.rundir import RunDir, digest_of
from mggc.stages.baselines import choose
from mggc.stages.context import Context, data_digest
from mggc.stages.find_neighbors import neighbors_digest
from mggc.stages.latency_budget import resolve_budget
from mggc.stages.latency_fit import fit_plan
from mggc.stages.networks import generator_table, load_original
from mggc.stages.play import play

PLAN_NAME = "plan.json"
PLAYED: tuple[PlanMethod, ...] = ("game", "free_logits")
"""Methods that play the game of Eq. 2; all others are baselines of their own."""


class Plans(NamedTuple):
    """The finished stage's result."""

    generator: ChannelPlan
    discriminator: ChannelPlan


def prune(context: Context) -> None:
    """Choose the channels that stay, or continue choosing.

    Raises:
        MggcError: The budget is below what one channel in every group costs or takes, or a baseline cannot be had for this
            generator.
    """
    context = resolve_budget(context)
    config, stage = context.config, context.run.stage("prune")
    precision = config.runtime.precision
    digest = prune_digest(context, precision)
    if not context.pending(stage, digest):
        return
    context = context.seeded(config.prune.seed)  # after the digest, which is of the run
    generator = load_original(context.run, "generator").network
    table = generator_table(context.run, generator)
    counter = MacsCounter(table, convention=config.macs_convention)
    budget = parse_budget(config.budget, total_macs=counter.total)
    check_budget(counter, budget)
    if config.prune.method in PLAYED:
        plans = Plans(*play(context, digest, counter, budget=budget))
    else:
        plans = Plans(*choose(context, digest, counter, budget=budget))
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
        None if config.prune.method in PLAYED else _training(context),
    )


def _training(context: Context) -> list[object]:
    """What baselines read beyond the game's source and teacher images: targets, and the original objective."""
    weights = {"lr", "beta1", "lambda_l1", "lambda_cycle"}
    return [*data_digest(context), context.config.train.model_dump(include=weights)]


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
