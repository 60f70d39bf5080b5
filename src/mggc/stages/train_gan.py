"""Stage ``original``, when there is no generator yet: train one from scratch."""

from collections.abc import Iterator

from torch import nn

from mggc.config import GanMode, ObjectiveConfig
from mggc.data.dataset import Split
from mggc.data.loaders import Batch, training_batches
from mggc.data.prefetch import Prefetch
from mggc.gan.cyclegan import CycleGan
from mggc.gan.pix2pix import Pix2Pix, Teacher
from mggc.gan.train import Gan, Schedule, TrainRecord, make_schedule, train
from mggc.networks.sizes import check_image_size
from mggc.runs.rundir import StageDir, digest_of
from mggc.stages.context import Context, data_digest
from mggc.stages.loop import floats, resume, run_updates
from mggc.stages.networks import Role, new_network, original_specs, save_original


def train_gan(context: Context) -> None:
    """Train the original networks, or continue; nothing happens when they are there already.

    Raises:
        MggcError: The networks cannot take images of the configured size.
    """
    config, stage = context.config, context.run.stage("original")
    digest = train_digest(context)
    if not context.pending(stage, digest):
        return
    specs = original_specs(config)
    for spec in specs.values():
        check_image_size(spec, config.data.image_size)
    networks = {role: new_network(spec, seed=config.seed, role=role) for role, spec in specs.items()}
    gan = make_gan(context, networks, config.train)
    run_training(context, stage, digest, gan, config.train)
    if context.leader:
        for role, spec in specs.items():
            save_original(context.run, role, networks[role], spec, "trained by mggc train")
        stage.finish(digest, source="trained")
    context.fabric.barrier()


def train_digest(context: Context) -> str:
    """What a training from scratch depends on."""
    config = context.config
    return digest_of(
        "train",
        data_digest(context),
        config.network.model_dump(),
        config.train.model_dump(),
        config.runtime.precision,
    )


def make_gan(
    context: Context,
    networks: dict[Role, nn.Module],
    config: ObjectiveConfig,
    *,
    teacher: Teacher | None = None,
) -> Pix2Pix | CycleGan:
    """The original objective over a run's networks: Pix2Pix, CycleGAN, or one direction alone where that is all there is."""
    gan_mode: GanMode = config.gan_mode or "hinge"
    fabric = context.fabric
    if "backward_generator" not in networks:
        return Pix2Pix(
            networks["generator"],
            networks["discriminator"],
            config,
            fabric,
            gan_mode=gan_mode,
            paired=context.conditional,
            teacher=teacher,
        )
    return CycleGan(
        networks["generator"],
        networks["backward_generator"],
        networks["discriminator"],
        networks["source_discriminator"],
        config,
        fabric,
        gan_mode=gan_mode,
        teacher=teacher,
    )


def run_training(context: Context, stage: StageDir, digest: str, gan: Gan, config: ObjectiveConfig) -> None:
    """Train from the latest checkpoint to the end of the schedule, on the training split."""
    schedule = make_schedule(config, len(context.dataset.train))
    start = resume(stage, digest, gan)
    with Prefetch(
        batches_from(context, context.dataset.train, batch_size=config.batch_size, start=start)
    ) as batches:
        run_updates(
            context,
            stage,
            digest,
            gan,
            _updates(context, gan, batches, schedule, config, start),
            start=start,
            total=schedule.total,
            checkpoint_every=config.checkpoint_every,
            values=lambda record: {"lr": record.lr, **floats(record.losses)},
        )


def batches_from(context: Context, split: Split, *, batch_size: int, start: int) -> Iterator[Batch]:
    """This process's batches of a split to train on, from batch ``start``."""
    return training_batches(
        split,
        context.config.data,
        batch_size=batch_size,
        seed=context.config.seed,
        augment=context.dataset.augment,
        start=start,
        rank=context.fabric.global_rank,
        world_size=context.fabric.world_size,
    )


def _updates(
    context: Context,
    gan: Gan,
    batches: Prefetch[Batch],
    schedule: Schedule,
    config: ObjectiveConfig,
    start: int,
) -> Iterator[TrainRecord]:
    device = context.fabric.device
    on_device = (Batch(*(tensor.to(device) for tensor in batch)) for batch in batches)
    return train(gan, on_device, schedule, lr=config.lr, seed=context.config.seed, start=start)
