"""Device, precision, number of processes, and randomness as a function of (seed, step)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from mggc.config import RuntimeConfig
from mggc.errors import MggcError


def make_fabric(config: RuntimeConfig) -> Fabric:
    """Launch the processes that a run uses and return their common handle.

    Raises:
        MggcError: The device is not present on this machine, or there are fewer than asked for.
    """
    accelerator = check_runtime(config)
    fabric = Fabric(accelerator=accelerator, devices=config.devices, precision=config.precision)
    fabric.launch()
    return fabric


def check_runtime(config: RuntimeConfig) -> str:
    """The kind of device that a run uses: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        MggcError: It is not present on this machine, there are fewer than asked for, or it lacks the precision.
    """
    accelerator = _accelerator(config.device)
    if accelerator == "cpu" and config.precision == "16-mixed":
        raise MggcError("--precision 16-mixed needs a GPU; on a CPU use bf16-mixed or 32.")
    _check_devices(accelerator, config.devices)
    return accelerator


def _accelerator(device: str) -> str:
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present[device]:
        raise MggcError(
            f"--device {device} was asked for, but PyTorch finds none here. Use --device cpu or auto."
        )
    return device


def _check_devices(accelerator: str, devices: int) -> None:
    present = {"cuda": torch.cuda.device_count(), "mps": 1}.get(
        accelerator, devices
    )  # a CPU takes any number
    if devices > present:
        raise MggcError(
            f"--devices {devices} was asked for, but PyTorch finds {present} here. Lower --devices."
        )


def step_seed(seed: int, *position: Any) -> int:
    """A seed that depends on the run's seed and on a position (a stage's name, a step, a rank), and on nothing else."""
    text = repr((seed, *position)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def seed_step(seed: int, *position: Any) -> None:
    """Seed PyTorch at the top of a step, so that a resumed run draws what an uninterrupted one would have."""
    torch.manual_seed(step_seed(seed, *position))


def step_generator(seed: int, *position: Any) -> torch.Generator:
    """A CPU random generator of its own for one position; the global one is left alone."""
    return torch.Generator().manual_seed(step_seed(seed, *position))


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards every part of the network is in its own mode again."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
