"""What a run gives to a way of choosing channels that looks at weights or data."""

from collections.abc import Iterator

from mggc.baselines.chooser import Material
from mggc.data.loaders import Batch
from mggc.data.sources import game_sources
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter
from mggc.stages.context import Context
from mggc.stages.networks import load_original
from mggc.stages.train_gan import batches_from
from mggc.stages.updates import game_updates


def make_material(context: Context, counter: MacsCounter, *, budget: int) -> Material:
    """The original networks, freshly loaded, and the terms of the task.

    Args:
        context: The run at work.
        counter: MACs of the generator under a mask, in the budget's convention.
        budget: MACs that the generator may keep.
    """
    config = context.config
    discriminator = load_original(context.run, "discriminator").network
    return Material(
        generator=load_original(context.run, "generator").network,
        discriminator=discriminator,
        counter=counter,
        discriminator_table=trace_channels(discriminator, image_size=config.data.image_size),
        budget=budget,
        conditional=context.conditional,
        gan_mode=config.prune.gan_mode or "hinge",
        config=config.prune,
        fabric=context.fabric,
        seed=config.seed,
        updates=game_updates(config, len(game_sources(context.dataset, config.data))),
        objective=config.train,
    )


def choice_batches(context: Context, start: int = 0) -> Iterator[Batch]:
    """Training batches of the choice's batch size, drawn as training the original draws them."""
    return batches_from(
        context, context.dataset.train, batch_size=context.config.prune.batch_size, start=start
    )
