"""Times networks side by side, as a latency budget counts it: on the CPU, one image at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mggc.config import Backend, LatencyConfig
from mggc.deploy.bench import Plan, Subject, write_artefacts
from mggc.deploy.bench_machine import machine
from mggc.deploy.bench_runners import check_backends, load_runner, missing_for
from mggc.metrics.latency import Latency, measure_latency
from mggc.pruning.table import first_conv


class LatencyMeter:
    """Prepares each network once and times any of them in turns.

    Args:
        config: Backend, threads and rounds.
        image_size: Side of the square images, in pixels.
        folder: An empty folder for what the backend loads.

    Raises:
        MggcError: The backend is not installed.
    """

    def __init__(self, config: LatencyConfig, *, image_size: int, folder: Path) -> None:
        self.backend: Backend = config.backend or usual_backend()
        check_backends([self.backend])
        self.threads = config.threads or torch.get_num_threads()
        self.rounds, self.image_size = config.rounds, image_size
        self._folder = folder
        self._passes: dict[str, Callable[[object], object]] = {}

    def __call__(self, subjects: Mapping[str, Callable[[], Subject]]) -> dict[str, Latency]:
        """Latencies by name; a network is built and prepared when its name is met for the first time."""
        before = torch.get_num_threads()
        try:
            for name, make in subjects.items():
                if name not in self._passes:
                    self._passes[name] = self._prepare(make())
            torch.set_num_threads(self.threads)
            return measure_latency(
                {name: self._passes[name] for name in subjects},
                torch.zeros(1, 1, 1, 1),
                rounds=self.rounds,
                settle=1,
            )
        finally:
            torch.set_num_threads(before)

    def protocol(self) -> dict[str, Any]:
        """How and on what is measured."""
        return {
            "backend": self.backend,
            "threads": self.threads,
            "batch_size": 1,
            "image_size": self.image_size,
            "rounds": self.rounds,
            "machine": machine((self.backend,)),
        }

    def _prepare(self, subject: Subject) -> Callable[[object], object]:
        folder = self._folder / str(len(self._passes))
        write_artefacts(subject, folder, Plan(self.image_size, (self.backend,), (self.threads,)))
        run = load_runner(self.backend, folder, batch_size=1, threads=self.threads)
        shape = (1, first_conv(subject.network).in_channels, self.image_size, self.image_size)
        images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        return lambda _: run(images)


def usual_backend() -> Backend:
    """ONNX Runtime where it is installed, otherwise PyTorch."""
    return "eager" if missing_for("onnxruntime") else "onnxruntime"
