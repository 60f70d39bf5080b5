"""Settings of measured latency."""

from typing import Literal

from mggc.config.base import PositiveInt, Settings

Backend = Literal["eager", "compiled", "onnxruntime", "openvino"]


class LatencyConfig(Settings):
    """How a budget in milliseconds is measured, on this machine's CPU, one image at a time."""

    backend: Backend | None = None
    """What runs the networks; absent: ``onnxruntime`` where it is installed, otherwise ``eager``."""
    threads: PositiveInt | None = None
    """Threads of one forward pass; absent: as many as PyTorch takes."""
    rounds: PositiveInt = 15
    """Timed passes of each network, in turns."""
