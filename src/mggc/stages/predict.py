"""What a budget will leave, said before any training."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from mggc.budget import parse_budget, parse_latency
from mggc.config import CompressConfig
from mggc.deploy.bench import Subject
from mggc.networks.build import build
from mggc.networks.sizes import check_image_size
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import check_budget, uniform_plan
from mggc.stages.import_gan import generator_spec_of
from mggc.stages.latency_budget import RECORD_NAME, measured_budget, needs_measuring, refuse_unreachable
from mggc.stages.networks import generator_spec
from mggc.stages.source import GeneratorSource


class Prediction(NamedTuple):
    """Cost before and after, with every channel group at the same share."""

    budget: int
    """MACs allowed, in the configured convention."""
    macs: dict[str, int]
    """MACs of the original and of the uniformly narrowed network."""
    parameters: dict[str, int]
    """Parameters of both."""
    widths: dict[str, tuple[int, int]]
    """Channels of each group: in the original, and at uniform width."""
    latency: dict[str, Any] | None = None
    """How the MACs were found, where the budget is a latency."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return self._asdict()


def predict(config: CompressConfig, generator: GeneratorSource | None) -> Prediction:
    """The network that uniform width would leave under a resolved configuration's budget; nothing is written.

    Args:
        config: A resolved configuration.
        generator: The run or file to compress; the configured network when absent.

    Raises:
        MggcError: The budget cannot be met, or the network does not take images of the configured size.
    """
    original, counter = _original(config, generator)
    network, table = original.network, counter.table
    latency = measured_budget(config, original, counter) if needs_measuring(config) else None
    budget = latency["macs"] if latency else parse_budget(config.budget, total_macs=counter.total)
    check_budget(counter, budget)
    plan = uniform_plan(torch.zeros(table.prunable), counter, budget=budget)
    smaller = cut(network, table, plan)
    return Prediction(
        budget=budget,
        macs={"original": counter.total, "compressed": round(counter(plan.mask(table)).item())},
        parameters={
            "original": sum(parameter.numel() for parameter in network.parameters()),
            "compressed": sum(parameter.numel() for parameter in smaller.parameters()),
        },
        widths={group.name: (group.size, plan.widths[group.name]) for group in table.groups},
        latency=latency,
    )


def refuse_impossible(config: CompressConfig, generator: GeneratorSource | None, run: Path) -> None:
    """A quick look, before anything is written, at whether any plan can meet the budget.

    Args:
        config: A resolved configuration.
        generator: The run or file to compress; the configured network when absent.
        run: The run's directory. What was measured there once is not doubted because the machine is busy today.

    Raises:
        MggcError: No plan can, or the network does not take images of the configured size.
    """
    original, counter = _original(config, generator)
    if parse_latency(config.budget) is None:
        check_budget(counter, parse_budget(config.budget, total_macs=counter.total))
    elif not (run / RECORD_NAME).is_file():
        refuse_unreachable(config, original, counter)


def _original(config: CompressConfig, generator: GeneratorSource | None) -> tuple[Subject, MacsCounter]:
    """The network to compress, built or read, and its MACs in the configured convention."""
    size = config.data.image_size
    if generator is None:
        spec = generator_spec(config, config.data.input_channels or 3, config.data.output_channels or 3)
        check_image_size(spec, size)
        original = Subject(build(spec), spec)
    else:
        loaded = generator.networks()["generator"]
        check_image_size(generator_spec_of(loaded), size)
        original = Subject(loaded.network, loaded.spec)
    table = trace_channels(original.network, image_size=size)
    return original, MacsCounter(table, convention=config.macs_convention)
