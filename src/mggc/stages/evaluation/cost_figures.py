"""What a network costs: arithmetic, parameters, bytes on disk, time and memory."""

import torch
from torch import Tensor

from mggc.metrics.latency import measure_latency
from mggc.metrics.memory import peak_memory
from mggc.metrics.results import Measurement
from mggc.networks.files import WEIGHTS_NAME
from mggc.pruning.macs import count_macs
from mggc.stages.evaluation.subjects import Figures, Protocol, Scene, Subject


def cost_figures(scene: Scene) -> dict[str, Figures]:
    """Costs of both networks; they are timed in turns, one image at a time."""
    example, place = _example(scene)
    return {
        name: {**_sizes(scene, subject), "peak_memory": _memory(subject, example, place), "latency": latency}
        for (name, subject), latency in zip(
            scene.subjects.items(), _latencies(scene, example, place), strict=True
        )
    }


def _example(scene: Scene) -> tuple[Tensor, Protocol]:
    context = scene.context
    size, device = context.config.data.image_size, context.fabric.device
    example = torch.zeros(1, context.dataset.input_channels, size, size, device=device)
    return example, {"image_size": size, "batch_size": 1, "device": str(device)}


def _sizes(scene: Scene, subject: Subject) -> Figures:
    size = scene.context.config.data.image_size
    exact = count_macs(subject.network, size, convention="exact")
    paper = count_macs(subject.network, size, convention="paper")
    parameters = sum(parameter.numel() for parameter in subject.network.parameters())
    return {
        "macs": Measurement(exact, "MACs", {"convention": "exact", "image_size": size}),
        "macs_paper": Measurement(paper, "MACs", {"convention": "paper", "image_size": size}),
        "parameters": Measurement(parameters, ""),
        "file_size": Measurement((subject.folder / WEIGHTS_NAME).stat().st_size, "bytes"),
    }


def _memory(subject: Subject, example: Tensor, place: Protocol) -> Measurement:
    peak = peak_memory(subject.network, example)
    return Measurement(peak.bytes, "bytes", {**place, "counted": peak.counted, "weights": "not counted"})


def _latencies(scene: Scene, example: Tensor, place: Protocol) -> list[Measurement]:
    rounds = scene.context.config.evaluate.latency_rounds
    networks = {name: subject.network for name, subject in scene.subjects.items()}
    protocol: Protocol = {
        **place,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "backend": "PyTorch eager",
    }
    return [
        Measurement(latency.median_ms, "ms", {**protocol, "p10_ms": latency.p10_ms, "p90_ms": latency.p90_ms})
        for latency in measure_latency(networks, example, rounds=rounds).values()
    ]
