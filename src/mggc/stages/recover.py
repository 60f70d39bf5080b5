"""Stage ``recover``: a discriminator for a generator that came without one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import gcd
from typing import Any

import torch
from torch import Tensor

from mggc.config import ObjectiveConfig
from mggc.data.dataset import Split
from mggc.data.loaders import evaluation_batches
from mggc.data.prefetch import Prefetch
from mggc.gan.recover import RecoverRecord, Recovery, recover
from mggc.networks.files import load_network, save_network
from mggc.networks.specs import NetworkSpec
from mggc.runs.rundir import RunDir, StageDir, digest_of
from mggc.stages.context import Context
from mggc.stages.loop import REPORT_EVERY, resume, run_updates
from mggc.stages.networks import Role, judge_spec, load_original, new_network
from mggc.stages.train_gan import batches_from

HELD_OUT_IMAGES = 64
OPPONENT: dict[Role, Role] = {"discriminator": "generator", "source_discriminator": "backward_generator"}
"""Whose images a discriminator judges."""


def recover_discriminator(context: Context) -> None:
    """Train the missing discriminator, or continue; nothing happens when the run has one.

    With CycleGAN and both generators at hand, that of the source domain is trained too: the full cycle needs it.
    """
    config, run = context.config, context.run
    original = run.stage("original").require(f"mggc train DATA --out {run.path}")
    missing = missing_discriminators(run)
    if not missing:
        return
    stage = run.stage("recover")
    digest = digest_of(
        "recover",
        original["digest"],
        config.recover.model_dump(),
        config.network.model_dump(),
        config.train.gan_mode,
        config.runtime.precision,
    )
    if not context.pending(stage, digest):
        return
    shares = {
        role: _recover(context, digest, role, number * config.recover.updates)
        for number, role in enumerate(missing)
    }
    if context.leader:
        stage.finish(digest, share_of_guessing=shares, target_share=config.recover.target_share)
    context.fabric.barrier()


def missing_discriminators(run: RunDir) -> list[Role]:
    """The discriminators that did not come with the generators of a run."""
    folder = run.stage("original").path
    needed = [role for role, opponent in OPPONENT.items() if (folder / opponent).is_dir()]
    return [role for role in needed if not (folder / role).is_dir()]


def _recover(context: Context, digest: str, role: Role, done_before: int) -> float:
    """Train one discriminator; the stage counts its updates from ``done_before`` on. Returns its last measurement."""
    config, folder = context.config, context.run.stage("recover").path / role
    spec = _spec(context, role)
    if folder.is_dir() and (provenance := load_network(folder).provenance).get("digest") == digest:
        return float(provenance["share_of_guessing"])
    network = new_network(spec, seed=config.seed, role=role)
    recovery = Recovery(
        load_original(context.run, OPPONENT[role]).network,
        network,
        ObjectiveConfig(lr=config.recover.lr, beta1=config.recover.beta1),
        context.fabric,
        gan_mode=config.train.gan_mode or "hinge",
        conditional=context.conditional,
    )
    context.reporter.message(
        f"No {role} came with the {OPPONENT[role]}: training one against it.".replace("_", " ")
    )
    _run(context, digest, recovery, role, done_before)
    share = recovery.share if recovery.share is not None else 1.0
    if share > config.recover.target_share:
        context.reporter.message(
            f"Warning: the recovered discriminator's validation loss is still {share:.2f} of guessing's, above "
            f"{config.recover.target_share}. Raise --recover.updates."
        )
    if context.leader:
        provenance = {"digest": digest, "share_of_guessing": share}
        save_network(folder, network.eval(), spec=spec, provenance=provenance, overwrite=True)
    context.fabric.barrier()
    return share


def _spec(context: Context, role: Role) -> NetworkSpec:
    inputs, outputs = context.dataset.input_channels, context.dataset.output_channels
    if context.conditional:
        return judge_spec(context.config, inputs + outputs)
    return judge_spec(context.config, outputs if role == "discriminator" else inputs)


def _run(context: Context, digest: str, recovery: Recovery, role: Role, done_before: int) -> None:
    stage, config = context.run.stage("recover"), context.config.recover
    start = _resume(stage, digest, recovery, done_before, config.updates)
    split = context.dataset.train if role == "discriminator" else _swapped(context.dataset.train)
    val = context.dataset.val if role == "discriminator" else _swapped(context.dataset.val)
    size, device = context.config.data.image_size, context.fabric.device
    batches = batches_from(context, split, batch_size=config.batch_size, start=start)
    with Prefetch(batches) as ready:
        records = recover(
            recovery,
            ((batch.source.to(device), batch.target.to(device)) for batch in ready),
            list(_held_out(val, size, config.batch_size, device)),
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
            (record._replace(step=done_before + record.step) for record in records),
            start=done_before + start,
            total=done_before + config.updates,
            checkpoint_every=config.check_every,
            values=_figures,
            log_every=gcd(REPORT_EVERY, config.check_every),  # every measurement is in the log
        )


def _resume(stage: StageDir, digest: str, recovery: Recovery, done_before: int, updates: int) -> int:
    """Load the checkpoint if it is of this discriminator; the number of its updates done so far."""
    checkpoint = stage.load(digest)
    if checkpoint is None or not done_before < checkpoint[0] <= done_before + updates:
        return 0
    return resume(stage, digest, recovery) - done_before


def _swapped(split: Split) -> Split:
    return replace(split, source=split.target, target=split.source)


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
