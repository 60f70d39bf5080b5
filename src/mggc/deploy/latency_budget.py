"""A latency budget for one network on this machine: the MACs, and the multiple of widths, that meet it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import torch

from mggc.deploy.bench import Subject
from mggc.deploy.latency_meter import LatencyMeter
from mggc.deploy.latency_search import best_multiple, check_reachable, refine, solve, sweep
from mggc.errors import MggcError
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, plan_from_scores
from mggc.runtime import step_generator

MULTIPLES = (1, 4, 8, 16)


@dataclass(frozen=True)
class LatencyBudget:
    """What measurements made of a latency."""

    target_ms: float
    macs: int
    """The budget that meets it."""
    milliseconds: float
    """Latency of a network of roughly uniform width within that budget."""
    multiple_of: int
    multiples_ms: dict[int, float]
    """Latency by multiple of widths, where that was chosen by measurement."""
    curve_ms: dict[int, float]
    """Latency by MACs, from the least network to the original, timed side by side."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


class Size(NamedTuple):
    """How narrow a network is."""

    budget: int
    """MACs that it stays within."""
    multiple_of: int = 1
    """What its widths are multiples of."""


class WidthTimer:
    """Times roughly uniform widths of one network.

    Args:
        original: The network as it is.
        counter: Its MACs, in the budget's convention.
        meter: What times.
    """

    def __init__(self, original: Subject, counter: MacsCounter, meter: LatencyMeter) -> None:
        self.original, self.counter, self.meter = original, counter, meter

    def __call__(self, sizes: Sequence[Size]) -> dict[Size, float]:
        """Median milliseconds of networks of these sizes, timed side by side."""
        names = {size: f"{size.budget} MACs in multiples of {size.multiple_of}" for size in sizes}
        found = self.meter({name: partial(self.narrow, size) for size, name in names.items()})
        return {size: found[name].median_ms for size, name in names.items()}

    def narrow(self, size: Size) -> Subject:
        """The original at roughly uniform width."""
        if size.budget >= self.counter.total:
            return self.original
        plan = roughly_uniform(self.counter, budget=size.budget, multiple_of=size.multiple_of)
        return Subject(cut(self.original.network, self.counter.table, plan).eval(), self.original.spec)


def roughly_uniform(counter: MacsCounter, *, budget: int, multiple_of: int = 1) -> ChannelPlan:
    """About the same share of every group, as uneven as a choice of single channels leaves the widths."""
    scores = torch.rand(counter.table.prunable, generator=step_generator(0, "latency"))
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def check_latency(timer: WidthTimer, target_ms: float) -> None:
    """Refuse a latency that not even the least network meets: quick, for a look before anything is trained.

    Raises:
        MggcError: It takes longer.
    """
    least = Size(timer.counter.least)
    check_reachable(target_ms, timer([least])[least], least.budget)


def find_budget(timer: WidthTimer, target_ms: float, *, multiple_of: int | None) -> LatencyBudget:
    """The most MACs whose networks meet a latency on this machine.

    Args:
        timer: Times networks of given sizes.
        target_ms: What a pass of one image may take, in milliseconds.
        multiple_of: What kept widths are multiples of; absent: chosen by measurement.

    Raises:
        MggcError: Not even the least network meets it, or the original does.
    """
    counter, curve = timer.counter, dict[int, float]()

    def measure(budgets: Sequence[int]) -> dict[int, float]:
        # The sweep's networks keep their widths; candidates beside them are rounded as the delivered network will be.
        sizes = {budget: Size(budget, 1 if budget in curve else multiple_of or 1) for budget in budgets}
        found = timer(list(sizes.values()))
        return {budget: found[size] for budget, size in sizes.items()}

    curve |= sweep(target_ms, measure, least=counter.least, total=counter.total)
    multiples: dict[int, float] = {}
    if multiple_of is None:
        multiple_of, multiples = choose_multiple(timer, solve(curve, target_ms))
    found = refine(target_ms, measure, curve)
    return LatencyBudget(target_ms, found.macs, found.milliseconds, multiple_of, multiples, curve)


def choose_multiple(timer: WidthTimer, budget: int) -> tuple[int, dict[int, float]]:
    """The multiple of widths that gives the most MACs for the time within a budget, and milliseconds by multiple."""
    macs: dict[Size, float] = {}
    for multiple in MULTIPLES:
        try:
            plan = roughly_uniform(timer.counter, budget=budget, multiple_of=multiple)
        except MggcError:  # such widths do not fit into so small a budget
            break
        macs[Size(budget, multiple)] = timer.counter(plan.mask(timer.counter.table)).item()
    times = timer(list(macs))
    chosen = best_multiple({size.multiple_of: times[size] / macs[size] for size in macs})
    return chosen, {size.multiple_of: milliseconds for size, milliseconds in times.items()}
