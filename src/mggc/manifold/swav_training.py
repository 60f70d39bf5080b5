"""Training of an encoder with SwAV: one update, and a loop that yields."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Int
from lightning_fabric import Fabric
from torch import Tensor

from mggc.config import EncodeConfig
from mggc.data.transforms import to_float
from mggc.errors import MggcError
from mggc.manifold.crops import CropSettings, Views, multi_crop
from mggc.manifold.encoder import Encoder, resize_images
from mggc.manifold.stored import StoredImages, take
from mggc.manifold.swav import LARGE_CROPS, SwavOutput, assign, swapped_prediction_loss
from mggc.manifold.swav_state import SwavState
from mggc.runtime import step_generator

WARMUP_SHARE = 0.1
LOCAL_SHARE = 0.6
"""Side of a small crop's picture, as a share of a large one's: the encoder sees few pixels here, so not the published 0.43."""
LARGEST_FROZEN_SHARE = 0.1


class SwavStep(NamedTuple):
    """What one update found."""

    loss: float
    """Swapped prediction loss; ln(prototypes) where nothing is learned."""
    assignment_entropy: float
    """Mean entropy of an image's assignment, in nats."""
    prototypes_used: float
    """Exponential of the mean prediction's entropy: prototypes when all are used, 1 after a collapse."""


class SwavRecord(NamedTuple):
    """One line of the log."""

    step: int
    """Updates made so far, this one included."""
    total: int
    """Updates of the whole training."""
    lr: float
    """Learning rate of this update."""
    loss: float
    """Swapped prediction loss."""
    uniform_loss: float
    """ln(prototypes): the loss of a model that has learned nothing."""
    assignment_entropy: float
    """Mean entropy of an image's assignment, in nats."""
    prototypes_used: float
    """Exponential of the mean prediction's entropy."""


def swav_updates(config: EncodeConfig, *, images: int) -> int:
    """Updates that a configuration asks for, on a set of ``images`` images."""
    return config.updates or math.ceil(config.epochs * images / config.batch_size)


def learning_rate(step: int, *, total: int, peak: float) -> float:
    """Linear warm-up over the first tenth, then a cosine to 0; ``step`` counts from 0."""
    warmup = math.ceil(WARMUP_SHARE * total)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step + 1 - warmup) / (total - warmup))) / 2


def update(
    state: SwavState,
    crops: Views,
    config: EncodeConfig,
    *,
    lr: float,
    freeze_prototypes: bool,
    fabric: Fabric,
) -> SwavStep:
    """One step of AdamW on the crops of one batch; the large crops come first."""
    for group in state.optimizer.param_groups:
        group["lr"] = lr
    state.model.normalize_prototypes()
    output: SwavOutput = state.network(crops)
    assignments = assign(
        output,
        state.queue,
        state.model.prototypes.weight,
        epsilon=config.epsilon,
        iterations=config.sinkhorn_iterations,
    )
    loss = swapped_prediction_loss(output.scores, assignments, temperature=config.temperature)
    state.optimizer.zero_grad()
    fabric.backward(loss)
    if freeze_prototypes:
        # After the backward pass, so that every process still takes part in averaging the same gradients.
        state.model.prototypes.weight.grad = None
    state.optimizer.step()
    state.queue.push(output.projections[:LARGE_CROPS])
    state.step += 1
    predictions = (output.scores.detach().float() / config.temperature).softmax(dim=2).flatten(0, 1)
    return SwavStep(
        loss=loss.item(),
        assignment_entropy=_entropy(assignments).mean().item(),
        prototypes_used=_entropy(predictions.mean(0)).exp().item(),
    )


def _entropy(distributions: Tensor) -> Tensor:
    """In nats, over the last dimension."""
    entropies: Tensor = torch.special.entr(distributions).sum(-1)
    return entropies


def fit_swav(
    state: SwavState,
    images: StoredImages,
    config: EncodeConfig,
    *,
    seed: int,
    total: int,
    crop_settings: CropSettings,
    fabric: Fabric,
) -> Iterator[SwavRecord]:
    """Train from ``state.step`` to ``total`` updates, yielding after each; the caller saves the state.

    Every random decision is a function of (seed, step), so a resumed training is bit-equal on the CPU. Several
    processes share a batch; each assigns its own part to the prototypes.

    Args:
        state: From :func:`make_swav_state`, or with an earlier state loaded into it.
        images: The real target images, uint8, of one size; a memory map is read batch by batch.
        config: Settings of the training.
        seed: The run's seed.
        total: Updates of the whole training; the learning rate depends on it.
        crop_settings: From :func:`crop_settings`, or others.
        fabric: Devices and precision.

    Raises:
        MggcError: There is no more than one image in the set or in a process's share of a batch.
    """
    local_batch = config.batch_size // fabric.world_size
    if len(images) < 2 or local_batch < 2:
        raise MggcError(
            f"SwAV compares images of a batch and needs at least 2 of them. Found {len(images)} images in the set and "
            f"{local_batch} of a batch in each process. Add images or raise --encode.batch-size."
        )
    frozen = min(config.freeze_prototypes, math.floor(LARGEST_FROZEN_SHARE * total))
    state.network.train()
    while state.step < total:
        step = state.step
        crops = _crops(images, config, crop_settings, seed=seed, step=step, fabric=fabric)
        lr = learning_rate(step, total=total, peak=config.lr)
        found = update(state, crops, config, lr=lr, freeze_prototypes=step < frozen, fabric=fabric)
        yield SwavRecord(
            step=state.step,
            total=total,
            lr=lr,
            uniform_loss=math.log(config.prototypes),
            **found._asdict(),
        )


def crop_settings(encoder: Encoder, config: EncodeConfig, *, flip: bool) -> CropSettings:
    """Sizes and strengths of the views for an encoder; ``flip`` where the data may be mirrored."""
    return CropSettings(
        size=encoder.image_size,
        local_crops=config.local_crops,
        local_share=LOCAL_SHARE,
        scale=(config.large_crop_from, 1.0),
        local_scale=(config.small_crop_from, config.small_crop_to),
        flip=flip,
        jitter=config.jitter,
        blur_share=config.blur_share,
    )


def _crops(
    images: StoredImages,
    config: EncodeConfig,
    settings: CropSettings,
    *,
    seed: int,
    step: int,
    fabric: Fabric,
) -> Views:
    """This process's views of its part of batch ``step``, in [-1, 1]."""
    local_batch = config.batch_size // fabric.world_size
    rows = batch_rows(len(images), batch_size=local_batch * fabric.world_size, seed=seed, step=step)
    pixels = take(images, rows[fabric.global_rank :: fabric.world_size])
    batch = resize_images(to_float(pixels.to(fabric.device)), image_size=settings.size)
    generator = step_generator(seed, "swav-crops", step, fabric.global_rank)
    return multi_crop(batch, generator, settings)


def batch_rows(images: int, *, batch_size: int, seed: int, step: int) -> Int[Tensor, " batch"]:
    """Rows of batch ``step``: every epoch is a new permutation, and batches run on from one epoch into the next."""
    start, stop = step * batch_size, (step + 1) * batch_size
    first_epoch, last_epoch = start // images, (stop - 1) // images
    order = torch.cat(
        [
            torch.randperm(images, generator=step_generator(seed, "swav-epoch", epoch))
            for epoch in range(first_epoch, last_epoch + 1)
        ]
    )
    return order[start - first_epoch * images :][:batch_size]
