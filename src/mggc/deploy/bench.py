"""Several networks side by side in several runtimes: latency, what it says about the MACs, cold start and memory."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from mggc.config.latency import Backend
from mggc.deploy.bench_onnx import to_onnx_bytes
from mggc.deploy.bench_runners import NEEDS, NETWORK_FOLDER, Runner, load_runner, onnx_path
from mggc.deploy.bench_start import Start, measure_start
from mggc.metrics.latency import Latency, measure_latency
from mggc.networks.files import save_network
from mggc.networks.specs import NetworkSpec
from mggc.pruning.macs import count_macs
from mggc.pruning.table import first_conv


class Subject(NamedTuple):
    """A network to measure, on the CPU."""

    network: nn.Module
    spec: NetworkSpec


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    image_size: int
    backends: tuple[Backend, ...]
    threads: tuple[int, ...]
    batch_sizes: tuple[int, ...] = (1,)
    rounds: int = 20
    """Timed passes of each network in each runtime."""
    cold_start: bool = True
    """Whether loading and memory are measured, in a process for each network and runtime."""


@dataclass(frozen=True)
class Row:
    """One network in one runtime."""

    network: str
    backend: Backend
    threads: int
    batch_size: int
    latency: Latency
    """Of one pass of the whole batch."""
    speed_up: float
    """Median of the first network over this one's, in the same runtime, threads and batch size."""
    realised_share: float
    """The speed-up over the ratio of exact MACs: 1 where time falls as the MACs do."""
    start: Start | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        content = asdict(self)
        return {**content, "latency": self.latency._asdict()}


def costs(subject: Subject, image_size: int) -> dict[str, int]:
    """MACs in both conventions and parameters of a network."""
    return {
        "macs": count_macs(subject.network, image_size, convention="exact"),
        "macs_paper": count_macs(subject.network, image_size, convention="paper"),
        "parameters": sum(parameter.numel() for parameter in subject.network.parameters()),
    }


def bench(
    subjects: Mapping[str, Subject],
    plan: Plan,
    folder: Path,
    *,
    report: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """Measure every network in every runtime, in turns; all ratios refer to the first network.

    Args:
        subjects: Networks by name, the original first.
        plan: What is measured.
        folder: An empty folder for what the runtimes load.
        report: Told what is being done.

    Raises:
        MggcError: A runtime fails in a process of its own.
        ValueError: There is no network, or nothing to measure it in.
    """
    if not subjects or not plan.backends:
        raise ValueError("A network and a backend to measure it in were wanted.")
    folders = {name: folder / str(number) for number, name in enumerate(subjects)}
    macs = {name: costs(subject, plan.image_size)["macs"] for name, subject in subjects.items()}
    for name, subject in subjects.items():
        report(f"Preparing {name}.")
        write_artefacts(subject, folders[name], plan)
    rows: list[Row] = []
    for batch_size, threads in product(plan.batch_sizes, plan.threads):
        report(f"Timing {_count(batch_size, 'image')} at once on {_count(threads, 'thread')}.")
        rows += _rows(subjects, folders, macs, plan, batch_size, threads)
    return rows


def write_artefacts(subject: Subject, folder: Path, plan: Plan) -> None:
    """Write what the runtimes load: the network itself, and its graphs where a runtime wants them."""
    save_network(folder / NETWORK_FOLDER, subject.network, spec=subject.spec)
    if not any("onnx" in NEEDS[backend] for backend in plan.backends):
        return
    channels = first_conv(subject.network).in_channels
    for batch_size in plan.batch_sizes:
        example = torch.zeros(batch_size, channels, plan.image_size, plan.image_size)
        onnx_path(folder, batch_size).write_bytes(to_onnx_bytes(subject.network, example))


def _rows(
    subjects: Mapping[str, Subject],
    folders: Mapping[str, Path],
    macs: Mapping[str, int],
    plan: Plan,
    batch_size: int,
    threads: int,
) -> list[Row]:
    channels = {name: first_conv(subject.network).in_channels for name, subject in subjects.items()}
    shapes = {name: (batch_size, channels[name], plan.image_size, plan.image_size) for name in subjects}
    latencies = _latencies(folders, shapes, plan, threads)
    first = next(iter(subjects))
    rows = []
    for backend, name in product(plan.backends, subjects):
        latency = latencies[backend, name]
        speed_up = latencies[backend, first].median_ms / latency.median_ms
        start = None
        if plan.cold_start:
            start = measure_start(
                backend,
                folders[name],
                batch_size=batch_size,
                channels=channels[name],
                image_size=plan.image_size,
                threads=threads,
            )
        share = speed_up * macs[name] / macs[first]
        rows.append(Row(name, backend, threads, batch_size, latency, speed_up, share, start))
    return rows


def _latencies(
    folders: Mapping[str, Path], shapes: Mapping[str, tuple[int, int, int, int]], plan: Plan, threads: int
) -> dict[tuple[Backend, str], Latency]:
    """All networks in all runtimes, in turns."""
    before = torch.get_num_threads()
    torch.compiler.reset()  # what was compiled for other threads or batches only slows the search among variants
    try:
        passes = {}
        for backend, name in product(plan.backends, folders):
            run = load_runner(backend, folders[name], batch_size=shapes[name][0], threads=threads)
            passes[f"{backend} {name}"] = _fixed(run, shapes[name])
        found = measure_latency(passes, torch.zeros(1, 1, 1, 1), rounds=plan.rounds, settle=1)
    finally:
        torch.set_num_threads(before)
    return {(backend, name): found[f"{backend} {name}"] for backend, name in product(plan.backends, folders)}


def _fixed(run: Runner, shape: tuple[int, int, int, int]) -> Callable[[object], object]:
    """The pass of one batch, whatever it is called with: networks may differ in their images' channels."""
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return lambda _: run(images)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
