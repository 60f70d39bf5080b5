"""Width searches: a share for every channel group, and the plan that these shares make of a budget."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.baselines.scores import l1_scores
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, plan_from_scores, plan_from_widths
from mggc.pruning.table import ChannelTable


def share_choices(counter: MacsCounter, *, budget: int, choices: int) -> Float[Tensor, " choices"]:
    """Shares of a group's width to choose from, ascending to 1 in even ratios.

    The least is the budget's share of all MACs, but at most 1/8: since MACs go with the square of the widths, the
    middle of the range is about the share of every group that uses the budget up.

    Raises:
        ValueError: There are fewer than two choices.
    """
    if choices < 2:
        raise ValueError(f"Parameter choices should be at least 2. Found {choices}.")
    least = min(budget / counter.total, 1 / 8)
    steps = torch.arange(choices - 1, -1, -1, dtype=torch.float64) / (choices - 1)
    return (math.log(least) * steps).exp()


def widths_of(shares: Float[Tensor, " groups"], table: ChannelTable) -> list[int]:
    """Channels of each group at the given shares, rounded up: at least one, at most all."""
    sizes = torch.tensor([group.size for group in table.groups])
    # Not a channel more because 0.3 · 10 comes out above 3.
    widths: list[int] = torch.ceil(shares * sizes - 1e-6).long().clamp(min=1).minimum(sizes).tolist()
    return widths


class WidthSpace:
    """The plans among which a width search chooses: within a group the channels of the largest L1 norm stay.

    That order is found once, in the original, so that a narrower group is always part of a wider one.
    """

    def __init__(self, material: Material, *, choices: int) -> None:
        self.counter, self.budget = material.counter, material.budget
        self.table = material.counter.table
        self.multiple_of = material.config.multiple_of
        self.strength = l1_scores(material.generator, self.table)
        self.choices = share_choices(self.counter, budget=self.budget, choices=choices)

    def mask(self, shares: Float[Tensor, " groups"]) -> Float[Tensor, " prunable"]:
        """The keep mask at the given shares, whatever it costs."""
        plan = plan_from_widths(self.strength, self.table, widths_of(shares, self.table))
        return plan.mask(self.table)

    def random(self, count: int, chance: torch.Generator) -> Int[Tensor, "count groups"]:
        """Choices for each group, drawn evenly: numbers of entries of ``choices``."""
        return torch.randint(len(self.choices), (count, len(self.table.groups)), generator=chance)

    def plan(self, shares: Float[Tensor, " groups"]) -> ChannelPlan:
        """The plan within the budget whose widths are to each other as the shares say.

        All widths are scaled together until the budget is used up; a group that is at its full width stays there.
        """
        ranks = torch.empty(self.table.prunable, dtype=torch.float64)
        for group, piece in zip(self.table.groups, self.table.split(self.strength), strict=True):
            order = torch.argsort(piece, descending=True, stable=True)
            ranks[group.offset + order] = (torch.arange(group.size, dtype=torch.float64) + 0.5) / group.size
        scores = -ranks / shares.double()[self.table.group_index]
        return plan_from_scores(scores, self.counter, budget=self.budget, multiple_of=self.multiple_of)

    def plan_mask(self, shares: Float[Tensor, " groups"]) -> Float[Tensor, " prunable"]:
        """The keep mask of `plan`."""
        return self.plan(shares).mask(self.table)
