"""Stage ``encode``: an encoder of target images, trained with SwAV on the real ones or taken from a file."""

from pathlib import Path
from statistics import fmean
from typing import Any

from mggc.config import EncodeConfig
from mggc.data.loaders import stack
from mggc.manifold.collapse import check_collapse
from mggc.manifold.encoder import Encoder, build_encoder, embed, encoder_spec, load_encoder, save_encoder
from mggc.manifold.swav_checkpoint import load_swav_checkpoint
from mggc.manifold.swav_state import make_swav_state
from mggc.manifold.swav_training import crop_settings, fit_swav, swav_updates
from mggc.runs.atomic import write_folder_atomically
from mggc.runs.logbook import read_log
from mggc.runs.rundir import RunDir, digest_of
from mggc.runtime import seed_step
from mggc.stages.context import Context, data_digest
from mggc.stages.loop import resume, run_updates

FOLDER = "encoder"
CHECKED_IMAGES = 1000
"""Real target images whose embeddings are checked for collapse."""


def fit_encoder(context: Context) -> None:
    """Train the encoder, or continue, or take the user's; warn when it has collapsed."""
    config, stage = context.config, context.run.stage("encode")
    digest = digest_of("encode", data_digest(context), config.encode.model_dump(), config.runtime.precision)
    if not context.pending(stage, digest):
        return
    if config.encode.weights is not None:
        encoder, loss = load_swav_checkpoint(Path(config.encode.weights)), None
    elif config.encode.method == "swav":
        encoder, loss = _train(context, config.encode, digest)
    else:
        encoder, loss = _new_encoder(context), None
    images = stack(context.dataset.train.target, image_size=encoder.image_size)[:CHECKED_IMAGES]
    report: dict[str, Any] = {}
    if loss is not None:
        check = check_collapse(embed(encoder, images), loss=loss, prototypes=config.encode.prototypes)
        report = check._asdict()
        if check.warning is not None:
            context.reporter.message(f"Warning: {check.warning}")
    if context.leader:
        write_folder_atomically(stage.path / FOLDER, lambda folder: save_encoder(encoder, folder))
        stage.finish(digest, encoder=encoder.name, **report)
    context.fabric.barrier()


def run_encoder(run: RunDir) -> Encoder:
    """The finished encoder of a run, on the CPU.

    Raises:
        MggcError: The stage is not finished.
    """
    stage = run.stage("encode")
    stage.require(f"mggc encode {run.path}")
    return load_encoder(stage.path / FOLDER)


def _new_encoder(context: Context) -> Encoder:
    """An encoder with its initial weights, a function of the seed."""
    config = context.config
    seed_step(config.seed, "encoder")
    return build_encoder(encoder_spec(config.encode, data_image_size=config.data.image_size))


def _train(context: Context, config: EncodeConfig, digest: str) -> tuple[Encoder, float]:
    """Train an encoder on the real target images; it and its loss over the last tenth."""
    stage, seed = context.run.stage("encode"), context.config.seed
    encoder = _new_encoder(context)
    state = make_swav_state(encoder, config, seed=seed, fabric=context.fabric)
    images = stack(context.dataset.train.target, image_size=encoder.image_size)
    total = swav_updates(config, images=len(images))
    start = resume(stage, digest, state)
    flip = context.config.data.flip and context.dataset.augment
    records = fit_swav(
        state,
        images,
        config,
        seed=seed,
        total=total,
        crop_settings=crop_settings(encoder, config, flip=flip),
        fabric=context.fabric,
    )
    run_updates(
        context,
        stage,
        digest,
        state,
        records,
        start=start,
        total=total,
        checkpoint_every=config.checkpoint_every,
        values=lambda record: {name: value for name, value in record._asdict().items() if name != "step"},
    )
    context.fabric.barrier()
    losses = [record["loss"] for record in read_log(stage.log_path) if record["step"] > 0.9 * total]
    return encoder.to(context.fabric.device), fmean(losses)
