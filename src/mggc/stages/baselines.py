"""Choosing channels in a run without the game: at once, or by a baseline that learns and is run like the game."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from mggc.baselines.choose import ONE_SHOT
from mggc.baselines.chooser import Chooser
from mggc.baselines.learned import LEARNED
from mggc.data.loaders import Batch
from mggc.data.prefetch import Prefetch
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, whole_plan
from mggc.runtime import seed_step
from mggc.stages.context import Context
from mggc.stages.loop import floats, resume, run_updates
from mggc.stages.material import choice_batches, make_material


class _Step(NamedTuple):
    step: int
    figures: dict[str, Tensor]


def choose(
    context: Context, digest: str, counter: MacsCounter, *, budget: int
) -> tuple[ChannelPlan, ChannelPlan]:
    """The plans of the configured baseline for generator and discriminator; a learning one continues where it was.

    Args:
        context: The run at work.
        digest: What the stage depends on.
        counter: MACs of the generator under a mask, in the budget's convention.
        budget: MACs that the generator may keep.

    Raises:
        MggcError: The method does not fit the generator, or the widths do not fit the budget.
    """
    method = context.config.prune.method
    material = make_material(context, counter, budget=budget)
    if method in ONE_SHOT:
        plan = ONE_SHOT[method](material, choice_batches(context))
        return plan, whole_plan(material.discriminator_table)
    seed_step(context.config.seed, method)
    chooser = LEARNED[method](material)
    _learn(context, digest, chooser, material.updates)
    return chooser.plans()


def _learn(context: Context, digest: str, chooser: Chooser, total: int) -> None:
    """Run through a learning baseline's updates, from its latest checkpoint."""
    stage = context.run.stage("prune")
    start = resume(stage, digest, chooser)
    with Prefetch(choice_batches(context, start)) as batches:
        run_updates(
            context,
            stage,
            digest,
            chooser,
            _updates(context, chooser, batches, start, total),
            start=start,
            total=total,
            checkpoint_every=context.config.prune.checkpoint_every,
            values=lambda record: floats(record.figures),
            log_every=1,
        )


def _updates(
    context: Context, chooser: Chooser, batches: Iterator[Batch], start: int, total: int
) -> Iterator[_Step]:
    device, config = context.fabric.device, context.config
    for step in range(start, total):
        seed_step(config.seed, config.prune.method, step)
        batch = next(batches)
        yield _Step(step + 1, chooser.step(batch.source.to(device), batch.target.to(device)))
