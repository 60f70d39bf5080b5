"""Latency of several networks side by side."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

import torch
from torch import nn

from mggc.shapes import Images


class Latency(NamedTuple):
    """Milliseconds of one forward pass, over the timed rounds."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    rounds: int


def measure_latency(
    networks: Mapping[str, Callable[[Images], object]],
    example: Images,
    *,
    rounds: int = 20,
    warmup: int = 3,
    settle: int = 0,
) -> dict[str, Latency]:
    """Median and spread of each network's time for one batch, measured in turns.

    Each round times every network once, so a busy spell of the machine slows all of them and their ratios hold; the
    network that goes first changes from round to round. Modules run in eval mode and keep their own mode afterwards;
    nothing records gradients. A GPU is synchronized around every pass.

    Args:
        networks: Modules, or callables such as an ONNX session's, by name.
        example: The batch that all of them get, on the device where they run.
        rounds: Timed passes of each network.
        warmup: Untimed passes of each network beforehand.
        settle: Untimed passes before each timed one, so that a small network does not wait for its weights where a large
            one has just driven them out of the caches.

    Raises:
        ValueError: No networks, no rounds, or a negative number of untimed passes.
    """
    if not networks or rounds < 1 or min(warmup, settle) < 0:
        raise ValueError(
            "Latency needs a network, `rounds >= 1`, `warmup >= 0` and `settle >= 0`. "
            f"Found {len(networks)} networks, `rounds = {rounds}`, `warmup = {warmup}` and `settle = {settle}`."
        )
    names = list(networks)
    times: dict[str, list[float]] = {name: [] for name in names}
    with _evaluating(networks), torch.inference_mode():
        for turn in range(-warmup, rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                for _ in range(settle):
                    networks[name](example)
                elapsed = _time_ms(networks[name], example)
                if turn >= 0:
                    times[name].append(elapsed)
    return {name: _summary(times[name]) for name in names}


def _time_ms(network: Callable[[Images], object], example: Images) -> float:
    _synchronize(example.device)
    start = perf_counter()
    network(example)
    _synchronize(example.device)
    return (perf_counter() - start) * 1000


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _summary(times_ms: list[float]) -> Latency:
    quantiles = torch.tensor(times_ms, dtype=torch.float64).quantile(
        torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    )
    p10, median, p90 = quantiles.tolist()
    return Latency(median_ms=median, p10_ms=p10, p90_ms=p90, rounds=len(times_ms))


@contextmanager
def _evaluating(networks: Mapping[str, Callable[[Images], object]]) -> Iterator[None]:
    modules = [network for network in networks.values() if isinstance(network, nn.Module)]
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        # Part by part: a caller may have frozen some layers in eval mode within a network in training.
        for part, training in modes:
            part.training = training
