"""What fewer bits cost and bring: quality and latency of each precision beside fp32 and the original, in one table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mggc.data.transforms import to_float
from mggc.deploy.interface import Interface
from mggc.deploy.onnx_file import OnnxGenerator
from mggc.manifold.encoder import embed
from mggc.metrics.kernel import kernel_distance
from mggc.metrics.latency import Latency, measure_latency
from mggc.metrics.paired import mean_absolute_error
from mggc.shapes import ByteImages
from mggc.stages.encode import run_encoder
from mggc.stages.export_pictures import Pictures
from mggc.stages.export_subject import Subject

ROUNDS = 15
WORSE = 1.05
"""A share of the error above which images got worse; below, it is noise between test images."""
SLOWER = 0.97
"""A share of the latency above which nothing got faster."""


class Row(NamedTuple):
    """One file."""

    name: str
    bytes: int
    latency: Latency
    mean_levels: float | None
    """Difference to the compressed generator in fp32, in grey levels; None for itself and the original."""
    max_levels: float | None
    error: float | None
    """To the true targets, in the table's measure; None where there are none."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {**self._asdict(), "latency": self.latency._asdict()}


class PrecisionTable(NamedTuple):
    """Files side by side, timed in turns."""

    rows: list[Row]
    measure: str | None
    """What ``error`` is; None where it was not measured."""
    protocol: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return {
            "measure": self.measure,
            "protocol": self.protocol,
            "rows": [row.to_json() for row in self.rows],
        }

    def verdict(self, precision: str) -> list[str]:
        """What a user should know before shipping this precision; empty where it is as good and faster."""
        rows = {row.name: row for row in self.rows}
        full, own = rows["fp32"], rows[precision]
        said = []
        if own.latency.median_ms > SLOWER * full.latency.median_ms:
            said.append(
                f"{precision} is no faster than fp32 here ({own.latency.median_ms:.3g} ms against "
                f"{full.latency.median_ms:.3g} ms)."
            )
        if own.error is not None and full.error is not None and own.error > WORSE * full.error:
            said.append(
                f"{precision} made images worse: {self.measure} {own.error:.4g} against {full.error:.4g} in fp32."
            )
        elif own.error is None and own.mean_levels is not None and own.mean_levels > 1:
            said.append(
                f"{precision} changed images by {own.mean_levels:.3g} grey levels on average; compare them before shipping."
            )
        return said


def compare_precisions(
    subject: Subject,
    pictures: Pictures,
    files: Mapping[str, Path],
    interface: Interface,
) -> PrecisionTable:
    """Measure ONNX files: ``original`` (where there is one), ``fp32``, and the precisions in question.

    Args:
        subject: The generator that the files are of.
        pictures: Test images, or generated ones.
        files: By name.
        interface: The form of all files' images.
    """
    judged = pictures.to_judge()
    sources = torch.cat(pictures.to_compare()[:1]) if judged is None else judged[0]
    generators = {name: OnnxGenerator(path) for name, path in files.items()}
    outputs = {name: _translate(generator, interface, sources) for name, generator in generators.items()}
    measure, errors = _errors(subject, outputs, judged)
    latencies = _latencies(generators, interface, sources[:1])
    rows = []
    for name, path in files.items():
        difference = (outputs[name] - outputs["fp32"]).abs() if name not in ("original", "fp32") else None
        mean, largest = (None, None) if difference is None else (difference.mean(), difference.max())
        rows.append(
            Row(
                name,
                path.stat().st_size,
                latencies[name],
                None if mean is None else mean.item(),
                None if largest is None else largest.item(),
                errors.get(name),
            )
        )
    protocol = {
        "images": pictures.origin,
        "number": len(sources),
        "image_size": pictures.size,
        "batch_size": 1,
        "backend": "ONNX Runtime, CPU",
        "threads": torch.get_num_threads(),
        "rounds": ROUNDS,
    }
    return PrecisionTable(rows, measure, protocol)


def _translate(generator: OnnxGenerator, interface: Interface, sources: ByteImages) -> Tensor:
    """Grey levels, image by image."""
    feeds = interface.feed(sources)
    outputs = [generator(feed[None]) for feed in feeds]
    return interface.levels(torch.cat(outputs)).round().clamp(0, 255)


def _errors(
    subject: Subject, outputs: Mapping[str, Tensor], judged: tuple[ByteImages, ByteImages, bool] | None
) -> tuple[str | None, dict[str, float]]:
    """Distance to the true targets: pair by pair where there are pairs, else between the sets' features."""
    if judged is None:
        return None, {}
    _, targets, paired = judged
    if paired:
        real = to_float(targets)
        errors = {
            name: 255 * mean_absolute_error(to_float(levels.byte()), real).mean().item()
            for name, levels in outputs.items()
        }
        return "mean absolute error, grey levels", errors
    if subject.run is None or subject.run.stage("encode").done() is None or len(targets) < 2:
        return None, {}
    encoder = run_encoder(subject.run)
    features = embed(encoder, targets)
    distances = {
        name: kernel_distance(features, embed(encoder, levels.byte())) for name, levels in outputs.items()
    }
    return f"kernel distance [{encoder.name}]", distances


def _latencies(
    generators: Mapping[str, OnnxGenerator], interface: Interface, image: ByteImages
) -> dict[str, Latency]:
    feed = interface.feed(image)
    calls = {name: lambda _, run=generator: run(feed) for name, generator in generators.items()}
    return measure_latency(calls, to_float(image), rounds=ROUNDS)
