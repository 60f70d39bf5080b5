"""Stage ``evaluate``: original and compressed side by side, every figure with its protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mggc.data.dataset import Split
from mggc.data.loaders import evaluation_batches, stack
from mggc.data.transforms import to_bytes, to_float
from mggc.manifold.encoder import Encoder, embed
from mggc.metrics.density_coverage import density_coverage
from mggc.metrics.frechet import frechet_distance
from mggc.metrics.kernel import kernel_distance
from mggc.metrics.latency import measure_latency
from mggc.metrics.neighborhood import neighborhood_preservation
from mggc.metrics.paired import mean_absolute_error, psnr, ssim
from mggc.metrics.results import Measurement, metric_name
from mggc.metrics.segmentation import ink_mean_iou
from mggc.networks.files import WEIGHTS_NAME, load_network
from mggc.networks.modes import set_modes
from mggc.pruning.macs import count_macs
from mggc.runs.atomic import read_json, write_atomically, write_json
from mggc.runs.rundir import RunDir, digest_of
from mggc.runtime import seed_step
from mggc.shapes import ByteImages
from mggc.stages.context import Context, Progress
from mggc.stages.encode import run_encoder
from mggc.stages.networks import load_original
from mggc.stages.pictures import comparison_grid

METRICS_NAME = "metrics.json"
GRID_NAME = "grid.png"
Figures = dict[str, Measurement]


class _Subject(NamedTuple):
    """A network under evaluation and what it makes of the split's source images."""

    network: nn.Module
    folder: Path
    images: ByteImages
    features: Tensor


def evaluate(context: Context) -> None:
    """Measure original and compressed generator on the configured split, and draw a picture grid."""
    config, run = context.config, context.run
    stage = run.stage("evaluate")
    finetuned = run.stage("finetune").require(f"mggc finetune {run.path}")
    digest = digest_of("evaluate", finetuned["digest"], config.evaluate.model_dump())
    if not context.pending(stage, digest):
        return
    if context.leader:
        split = getattr(context.dataset, config.evaluate.split)
        encoder = run_encoder(run).to(context.fabric.device)
        original_folder = run.stage("original").path / "generator"
        networks = {
            "original": (load_original(run, "generator").network, original_folder),
            "compressed": (load_network(run.compressed).network, run.compressed),
        }
        subjects = {
            name: _translate(context, split, encoder, network, folder, number)
            for number, (name, (network, folder)) in enumerate(networks.items())
        }
        targets = stack(split.target, image_size=config.data.image_size)
        figures = _measure(context, split, targets, encoder, subjects)
        rows = config.evaluate.pictures
        pictures = [stack_first(split, rows, config.data.image_size), *(s.images for s in subjects.values())]
        grid = comparison_grid(
            [*pictures, targets] if split.paired else pictures,
            ["source", *subjects, "target"] if split.paired else ["source", *subjects],
            rows=rows,
        )
        write_atomically(stage.path / GRID_NAME, lambda path: grid.save(path, format="PNG"))
        write_json(
            stage.path / METRICS_NAME,
            {
                name: {metric: figure.to_json() for metric, figure in of_network.items()}
                for name, of_network in figures.items()
            },
        )
        stage.finish(digest)
    context.fabric.barrier()


def run_metrics(run: RunDir) -> dict[str, Figures]:
    """The measurements of a run: by network (``original``, ``compressed``), then by metric.

    Raises:
        MggcError: The stage is not finished.
    """
    stage = run.stage("evaluate")
    stage.require(f"mggc evaluate {run.path}")
    content: dict[str, dict[str, Any]] = read_json(stage.path / METRICS_NAME)
    return {
        name: {metric: Measurement.from_json(record) for metric, record in figures.items()}
        for name, figures in content.items()
    }


def stack_first(split: Split, rows: int, image_size: int) -> ByteImages:
    """The first source images of a split."""
    batches = evaluation_batches(split.source, image_size=image_size, batch_size=rows)
    return to_bytes(next(batches))


def _translate(
    context: Context, split: Split, encoder: Encoder, network: nn.Module, folder: Path, number: int
) -> _Subject:
    """Run a network over the split's sources in the configured mode; images are rounded to 8 bits as files would be."""
    config, device = context.config, context.fabric.device
    set_modes(network.to(device), norm=config.evaluate.norm, dropout=config.evaluate.dropout)
    seed_step(config.seed, "evaluate")  # for dropout
    # Statistics of one image alone, whatever the batch size is.
    batch_size = 1 if config.evaluate.norm == "batch" else config.evaluate.batch_size
    images: list[ByteImages] = []
    total, done = 2 * len(split.source), number * len(split.source)
    with torch.inference_mode():
        for batch in evaluation_batches(
            split.source, image_size=config.data.image_size, batch_size=batch_size
        ):
            images.append(to_bytes(network(batch.to(device))).cpu())
            done += len(batch)
            context.reporter.progress(Progress("evaluate", done, total, {}))
    translated = torch.cat(images)
    return _Subject(network, folder, translated, embed(encoder, translated))


def _measure(
    context: Context, split: Split, targets: ByteImages, encoder: Encoder, subjects: Mapping[str, _Subject]
) -> dict[str, Figures]:
    config = context.config
    protocol = {
        "split": config.evaluate.split,
        "sources": len(split.source),
        "targets": len(split.target),
        "image_size": config.data.image_size,
        "batch_norm": "running statistics" if config.evaluate.norm == "running" else "per image",
        "dropout": "on" if config.evaluate.dropout else "off",
        "pixels": "8 bit",
        "seed": config.seed,
    }
    target_features = embed(encoder, targets)
    figures: dict[str, Figures] = {}
    for name, subject in subjects.items():
        figures[name] = {
            **(_paired_figures(subject.images, targets, protocol) if split.paired else {}),
            **_ink_figures(context, subject.images, targets, protocol),
            **_feature_figures(encoder.name, target_features, subject.features, protocol),
            **_cost_figures(context, subject),
        }
    k = min(config.evaluate.neighbors, len(split.source) - 1)
    if k > 0:
        preserved = neighborhood_preservation(
            subjects["original"].features, subjects["compressed"].features, k
        )
        key = metric_name(f"neighborhood_preservation@{k}", features=encoder.name)
        figures["compressed"][key] = Measurement(
            preserved, "share", {**protocol, "features": encoder.name, "k": k}
        )
    for name, latency in _latencies(context, subjects).items():
        figures[name]["latency"] = latency
    return figures


def _paired_figures(images: ByteImages, targets: ByteImages, protocol: dict[str, Any]) -> Figures:
    fake, real = to_float(images), to_float(targets)
    per_image = {
        "mean_absolute_error": (mean_absolute_error(fake, real), ""),
        "ssim": (ssim(fake, real), ""),
        "psnr": (psnr(fake, real), "dB"),
    }
    return {
        name: Measurement(
            values.mean().item(), unit, {**protocol, "sd": "over images"}, sd=values.std(correction=0).item()
        )
        for name, (values, unit) in per_image.items()
    }


def _ink_figures(
    context: Context, images: ByteImages, targets: ByteImages, protocol: dict[str, Any]
) -> Figures:
    """Ink and background as two classes: on glyphs the test targets answer the sources, paired training or not."""
    if context.dataset.name != "glyphs":
        return {}
    iou = ink_mean_iou(to_float(images), to_float(targets))
    threshold = {**protocol, "ink": "darker than mid-grey"}
    return {
        "mean_iou": Measurement(iou.mean, "share", threshold),
        "ink_iou": Measurement(iou.ink, "share", threshold),
    }


def _feature_figures(encoder: str, real: Tensor, fake: Tensor, protocol: dict[str, Any]) -> Figures:
    """Distances between sets of images; none of them is defined for a single image."""
    if min(len(real), len(fake)) < 2:
        return {}
    protocol = {**protocol, "features": encoder}
    k = min(5, len(real) - 1, len(fake) - 1)
    local = density_coverage(real, fake, k)
    return {
        metric_name("frechet", features=encoder): Measurement(frechet_distance(real, fake), "", protocol),
        metric_name("kernel", features=encoder): Measurement(kernel_distance(real, fake), "", protocol),
        metric_name("density", features=encoder): Measurement(local.density, "", {**protocol, "k": k}),
        metric_name("coverage", features=encoder): Measurement(local.coverage, "share", {**protocol, "k": k}),
    }


def _cost_figures(context: Context, subject: _Subject) -> Figures:
    size = context.config.data.image_size
    exact = count_macs(subject.network, size, convention="exact")
    paper = count_macs(subject.network, size, convention="paper")
    parameters = sum(parameter.numel() for parameter in subject.network.parameters())
    return {
        "macs": Measurement(exact, "MACs", {"convention": "exact", "image_size": size}),
        "macs_paper": Measurement(paper, "MACs", {"convention": "paper", "image_size": size}),
        "parameters": Measurement(parameters, ""),
        "file_size": Measurement((subject.folder / WEIGHTS_NAME).stat().st_size, "bytes"),
    }


def _latencies(context: Context, subjects: Mapping[str, _Subject]) -> Figures:
    """Both networks in turns, one image at a time."""
    size, device = context.config.data.image_size, context.fabric.device
    example = torch.zeros(1, context.dataset.input_channels, size, size, device=device)
    networks = {name: subject.network for name, subject in subjects.items()}
    timed = measure_latency(networks, example, rounds=context.config.evaluate.latency_rounds)
    protocol: dict[str, Any] = {
        "image_size": size,
        "batch_size": 1,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "rounds": context.config.evaluate.latency_rounds,
        "backend": "PyTorch eager",
    }
    return {
        name: Measurement(
            latency.median_ms, "ms", {**protocol, "p10_ms": latency.p10_ms, "p90_ms": latency.p90_ms}
        )
        for name, latency in timed.items()
    }
