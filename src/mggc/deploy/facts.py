"""What is known about a generator when it is exported: its design, its cost, and how it was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mggc.networks.files import LoadedNetwork
from mggc.networks.specs import FactorySpec, NetworkSpec, ResnetSpec, UnetSpec
from mggc.pruning.macs import count_macs

Figures = Mapping[str, Mapping[str, Any]]
"""Measurements by metric: value, unit, protocol."""


@dataclass(frozen=True)
class Cost:
    """What one image costs."""

    macs: int
    """Exact multiply-adds of an image of the stated size."""
    parameters: int


@dataclass(frozen=True)
class Facts:
    """A generator's description, for people and for the metadata of its files."""

    name: str
    """A short name, such as that of the run."""
    spec: NetworkSpec
    """Its design before anything was cut."""
    image_size: int
    """Side of the images that costs are counted for, in pixels."""
    cost: Cost
    original: Cost | None = None
    """Of the uncut generator; absent for a network without a run."""
    budget: Mapping[str, Any] | None = None
    """What was allowed: as asked for, in MACs, and by which convention."""
    data: str | None = None
    """The name of the images that it was made with."""
    model: str | None = None
    """``pix2pix`` or ``cyclegan``."""
    metrics: Mapping[str, Figures] = field(default_factory=dict)
    """Figures with their protocols, by network: ``original`` and ``compressed``."""

    @property
    def title(self) -> str:
        """One line that says what this is."""
        what = f"Image-to-image generator ({architecture(self.spec)})"
        if self.original is None or self.original.macs == self.cost.macs:
            return what
        return f"{what}, compressed to {self.cost.macs / self.original.macs:.1%} of its multiply-adds"

    def to_json(self) -> dict[str, Any]:
        """Plain values for metadata."""
        return {
            "title": self.title,
            "name": self.name,
            "architecture": self.spec.model_dump(),
            "model": self.model,
            "data": self.data,
            "budget": self.budget,
            "macs": {
                "convention": "exact",
                "image_size": self.image_size,
                "exported": self.cost.macs,
                "original": self.original.macs if self.original else None,
            },
            "parameters": {
                "exported": self.cost.parameters,
                "original": self.original.parameters if self.original else None,
            },
            "metrics": {name: dict(figures) for name, figures in self.metrics.items()},
        }


def cost_of(loaded: LoadedNetwork, image_size: int) -> Cost:
    """The cost of one square image of so many pixels a side."""
    parameters = sum(parameter.numel() for parameter in loaded.network.parameters())
    return Cost(count_macs(loaded.network, image_size), parameters)


def architecture(spec: NetworkSpec) -> str:
    """A design in a few words: ``U-Net of 8 levels, ngf 64, batch norm``."""
    match spec:
        case UnetSpec():
            return f"U-Net of {spec.downs} levels, ngf {spec.ngf}, {spec.norm} norm"
        case ResnetSpec():
            return f"ResNet of {spec.blocks} blocks, ngf {spec.ngf}, {spec.norm} norm"
        case FactorySpec():
            return spec.factory
        case _:
            return spec.kind
