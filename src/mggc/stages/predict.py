"""What a budget will leave, said before any training."""

from typing import Any, NamedTuple

import torch

from mggc.budget import parse_budget
from mggc.config import CompressConfig
from mggc.networks.build import build
from mggc.networks.sizes import check_image_size
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import check_budget, uniform_plan
from mggc.stages.import_gan import generator_spec_of
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
    size = config.data.image_size
    if generator is None:
        spec = generator_spec(config, config.data.input_channels or 3, config.data.output_channels or 3)
        check_image_size(spec, size)
        network = build(spec)
    else:
        loaded = generator.networks()["generator"]
        check_image_size(generator_spec_of(loaded), size)
        network = loaded.network
    table = trace_channels(network, image_size=size)
    counter = MacsCounter(table, convention=config.macs_convention)
    budget = parse_budget(config.budget, total_macs=counter.total)
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
    )
