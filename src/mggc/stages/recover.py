"""Stage ``recover``: a discriminator for a generator that came without one."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mggc.config import GanMode, ObjectiveConfig, RecoverConfig
from mggc.data.dataset import Split
from mggc.data.loaders import evaluation_batches, training_batches
from mggc.data.prefetch import Prefetch
from mggc.gan.recover import RecoverRecord, Recovery, recover
from mggc.networks.files import save_network
from mggc.networks.specs import NetworkSpec
from mggc.runs.logbook import read_log
from mggc.runs.rundir import digest_of
from mggc.stages.context import Context
from mggc.stages.loop import resume, run_updates
from mggc.stages.networks import has_original, judge_spec, load_original, new_network

HELD_OUT_IMAGES = 64


def recover_discriminator(context: Context) -> None:
    """Train the missing discriminator, or continue; nothing happens when the run has one."""
    config, run = context.config, context.run
    original = run.stage("original").require(f"mggc train DATA --out {run.path}")
    stage = run.stage("recover")
    if has_original(run, "discriminator") and stage.done() is None:
        return
    digest = digest_of(
        "recover",
        original["digest"],
        config.recover.model_dump(),
        config.network.model_dump(),
        config.runtime.precision,
    )
    if not context.pending(stage, digest):
        return
    spec = _spec(context)
    network = new_network(spec, seed=config.seed, role="discriminator")
    recovery = Recovery(
        load_original(run, "generator").network,
        network,
        ObjectiveConfig(lr=config.recover.lr, beta1=config.recover.beta1),
        context.fabric,
        gan_mode=_gan_mode(context),
        conditional=context.conditional,
    )
    context.reporter.message("No discriminator came with the generator: training one against it.")
    _run(context, digest, recovery, config.recover)
    share = _last_share(stage.log_path)
    if share > config.recover.target_share:
        context.reporter.message(
            f"Warning: the recovered discriminator's validation loss is still {share:.2f} of guessing's, above "
            f"{config.recover.target_share}. Raise --recover.updates."
        )
    if context.leader:
        save_network(stage.path / "discriminator", network.eval(), spec=spec, overwrite=True)
        stage.finish(digest, share_of_guessing=share, target_share=config.recover.target_share)
    context.fabric.barrier()


def _spec(context: Context) -> NetworkSpec:
    dataset = context.dataset
    channels = dataset.output_channels + (dataset.input_channels if context.conditional else 0)
    return judge_spec(context.config, channels)


def _gan_mode(context: Context) -> GanMode:
    return context.config.train.gan_mode or "hinge"


def _run(context: Context, digest: str, recovery: Recovery, config: RecoverConfig) -> None:
    stage = context.run.stage("recover")
    start = resume(stage, digest, recovery)
    size, device = context.config.data.image_size, context.fabric.device
    batches = training_batches(
        context.dataset.train,
        context.config.data,
        batch_size=config.batch_size,
        seed=context.config.seed,
        augment=context.dataset.augment,
        start=start,
        rank=context.fabric.global_rank,
        world_size=context.fabric.world_size,
    )
    with Prefetch(batches) as ready:
        records = recover(
            recovery,
            ((batch.source.to(device), batch.target.to(device)) for batch in ready),
            list(_held_out(context.dataset.val, size, config.batch_size, device)),
            target_share=config.target_share,
            check_every=config.check_every,
            most=config.updates,
            start=start,
        )
        run_updates(
            context,
            stage,
            digest,
            recovery,
            records,
            start=start,
            total=config.updates,
            checkpoint_every=config.check_every,
            values=_figures,
        )


def _held_out(
    split: Split, size: int, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Validation images in batches of the training's size, since norms use the statistics of the batch."""
    sources = evaluation_batches(split.source, image_size=size, batch_size=batch_size)
    targets = evaluation_batches(split.target, image_size=size, batch_size=batch_size)
    for source, target in islice(zip(sources, targets, strict=False), max(1, HELD_OUT_IMAGES // batch_size)):
        count = min(len(source), len(target))
        yield source[:count].to(device), target[:count].to(device)


def _figures(record: RecoverRecord) -> dict[str, Any]:
    figures = {"loss": round(record.loss.item(), 6)}
    return figures if record.share is None else {**figures, "share_of_guessing": round(record.share, 6)}


def _last_share(log_path: Path) -> float:
    shares = [record["share_of_guessing"] for record in read_log(log_path) if "share_of_guessing" in record]
    return float(shares[-1])
