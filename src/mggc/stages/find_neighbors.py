"""Stage ``neighbors``: teacher images, their embeddings, and each one's nearest (Eq. 1)."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from mggc.data.images import ImageSet, Subset
from mggc.data.loaders import evaluation_batches, stack
from mggc.data.sources import game_sources
from mggc.errors import MggcError
from mggc.manifold.encoder import Encoder, embed
from mggc.manifold.neighbors import nearest_neighbors
from mggc.manifold.pictures import neighbor_grid
from mggc.manifold.teacher_images import open_teacher_images, write_teacher_images
from mggc.metrics.kernel import kernel_distance
from mggc.runs.atomic import write_atomically
from mggc.runs.rundir import RunDir, digest_of
from mggc.shapes import Embeddings, Images
from mggc.stages.context import Context, Progress
from mggc.stages.encode import run_encoder
from mggc.stages.networks import load_original

TEACHER_IMAGES = "teacher_images.npy"
INDICES = "neighbors.npy"
BATCH_SIZE = 16
COMPARED_IMAGES = 500


class Neighborhoods(NamedTuple):
    """What the game reads."""

    teacher_images: UInt8[np.ndarray, "images channels height width"]
    """Memory-mapped teacher images, one for each source image."""
    indices: Int[Tensor, "images k"]
    """Rows of each one's neighbours, nearest first."""


def find_neighbors(context: Context) -> None:
    """Run the original generator on all source images once, and find each result's neighbourhood.

    Raises:
        MggcError: There are fewer images than neighbours + 1.
    """
    config, run = context.config, context.run
    stage = run.stage("neighbors")
    digest = neighbors_digest(context)
    if not context.pending(stage, digest):
        return
    sources = game_sources(context.dataset, config.data)
    check_count(len(sources), config.prune.neighbors)
    if context.leader:
        stage.path.mkdir(parents=True, exist_ok=True)
        generator = load_original(run, "generator").network.to(context.fabric.device)
        teacher_path = stage.path / TEACHER_IMAGES
        batches = _reported(context, sources)
        write_teacher_images(
            teacher_path, generator, batches, count=len(sources), device=context.fabric.device
        )
        encoder = run_encoder(run).to(context.fabric.device)
        embeddings = embed(encoder, open_teacher_images(teacher_path))
        _warn_if_swapped(context, encoder, embeddings)
        # On an Apple GPU the search would lack float64; there, and on the CPU, it stays where the embeddings are.
        place = context.fabric.device if context.fabric.device.type == "cuda" else "cpu"
        found = nearest_neighbors(embeddings.to(place), config.prune.neighbors)
        write_atomically(stage.path / INDICES, lambda path: _save(path, found.indices))
        stage.finish(digest, images=len(sources), k=config.prune.neighbors, encoder=encoder.name)
    context.fabric.barrier()


def _warn_if_swapped(context: Context, encoder: Encoder, embeddings: Embeddings) -> None:
    """Say so when the generator's images look more like its source images than like the target's."""
    train, size = context.dataset.train, encoder.image_size
    real = {
        name: embed(encoder, stack(Subset(images, range(min(len(images), COMPARED_IMAGES))), image_size=size))
        for name, images in (("source", train.source), ("target", train.target))
    }
    made = embeddings[:COMPARED_IMAGES]
    if min(len(made), *(len(features) for features in real.values())) < 2:
        return  # one image has no distribution
    to_source, to_target = kernel_distance(made, real["source"]), kernel_distance(made, real["target"])
    if to_source < to_target:
        context.reporter.message(
            f"Warning: the generator's images sit nearer to the source images than to the target's (kernel distance "
            f"{to_source:.3g} against {to_target:.3g}). Are the domains swapped? --direction says which is the source."
        )


def check_count(sources: int, neighbors: int) -> None:
    """Refuse fewer source images than neighbours + 1.

    Raises:
        MggcError: An image would run out of others.
    """
    if sources <= neighbors:
        raise MggcError(
            f"{neighbors} neighbours of each image need at least {neighbors + 1} source images. Found {sources}. "
            f"Lower --prune.neighbors to at most {sources - 1}, or add images with --extra-sources."
        )


def neighbors_digest(context: Context) -> str:
    """What neighbourhoods depend on: the generator, the encoder, the sources and k."""
    run, config = context.run, context.config
    original = run.stage("original").require(f"mggc train DATA --out {run.path}")
    encode = run.stage("encode").require(f"mggc encode {run.path}")
    sources = game_sources(context.dataset, config.data)
    keys = [sources.key(index) for index in range(len(sources))]
    return digest_of("neighbors", original["digest"], encode["digest"], config.prune.neighbors, keys)


def run_neighborhoods(run: RunDir) -> Neighborhoods:
    """The finished stage's results.

    Raises:
        MggcError: The stage is not finished.
    """
    stage = run.stage("neighbors")
    stage.require(f"mggc neighbors {run.path}")
    path = stage.path / INDICES
    try:
        indices = torch.from_numpy(np.load(path))
    except (OSError, ValueError) as error:
        raise MggcError(
            f"{path} is damaged ({error}). Redo it: mggc neighbors {run.path} --force."
        ) from error
    return Neighborhoods(open_teacher_images(stage.path / TEACHER_IMAGES), indices)


def _reported(context: Context, sources: ImageSet) -> Iterator[Images]:
    """The source images in order, in batches, with a report after each."""
    done = 0
    size = context.config.data.image_size
    for batch in evaluation_batches(sources, image_size=size, batch_size=BATCH_SIZE):
        yield batch
        done += len(batch)
        context.reporter.progress(Progress("neighbors", done, len(sources), {}))


def _save(path: Path, indices: Tensor) -> None:
    content = BytesIO()  # written to a file, numpy's own error does not say that the disk is full
    np.save(content, indices.cpu().numpy())
    path.write_bytes(content.getbuffer())


def draw_neighborhoods(run: RunDir, count: int) -> Path:
    """Draw ``count`` neighbourhoods of a run as Figure 2 does, spread over the data set, into its folder.

    Raises:
        MggcError: The stage is not finished.
    """
    found = run_neighborhoods(run)
    last = len(found.indices) - 1
    centers = torch.linspace(0, last, min(count, last + 1)).round().long()
    path = run.stage("neighbors").path / "neighborhoods.png"
    grid = neighbor_grid(found.teacher_images, found.indices, centers)
    write_atomically(path, lambda partial: grid.save(partial, format="PNG"))
    return path
