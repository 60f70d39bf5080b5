"""A channel plan: the channels that stay, group by group. Every way of choosing channels returns one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.errors import MggcError
from mggc.pruning.macs import MacsCounter
from mggc.pruning.table import ChannelTable
from mggc.shapes import KeepMask


@dataclass(frozen=True)
class ChannelPlan:
    """The channels of a network that survive the cut."""

    kept: dict[str, tuple[int, ...]]
    """For each group, by name, the surviving channels in ascending order."""

    @property
    def widths(self) -> dict[str, int]:
        """Number of surviving channels by group."""
        return {name: len(channels) for name, channels in self.kept.items()}

    def mask(self, table: ChannelTable) -> Float[Tensor, " prunable"]:
        """The plan as a 0/1 keep mask.

        Raises:
            ValueError: The plan is for a network with other groups.
        """
        if self.kept.keys() != {group.name for group in table.groups}:
            raise ValueError("Plan and channel table should name the same groups.")
        mask = torch.zeros(table.prunable)
        for group in table.groups:
            kept = self.kept[group.name]
            if kept and not 0 <= min(kept) <= max(kept) < group.size:
                raise ValueError(
                    f"Group {group.name} has {group.size} channels. Found channel {max(kept)} in the plan."
                )
            mask[[group.offset + channel for channel in kept]] = 1
        return mask

    @classmethod
    def from_mask(cls, mask: KeepMask, table: ChannelTable) -> "ChannelPlan":
        """The plan that keeps the channels whose entry in ``mask`` [prunable] is not zero."""
        pieces = zip(table.groups, table.split(mask.cpu()), strict=True)
        return cls({group.name: tuple(piece.nonzero().flatten().tolist()) for group, piece in pieces})

    def to_json(self) -> dict[str, list[int]]:
        """Plain lists for a JSON file."""
        return {name: list(channels) for name, channels in self.kept.items()}

    @classmethod
    def from_json(cls, data: dict[str, list[int]]) -> "ChannelPlan":
        """The inverse of :meth:`to_json`."""
        return cls({name: tuple(channels) for name, channels in data.items()})


def whole_plan(table: ChannelTable) -> ChannelPlan:
    """The plan that keeps every channel."""
    return ChannelPlan.from_mask(torch.ones(table.prunable), table)


def check_budget(counter: MacsCounter, budget: int) -> None:
    """Refuse a budget that no plan can meet.

    Raises:
        MggcError: One channel for each group already costs more; the message says the least.
    """
    if budget < counter.least:
        raise MggcError(
            f"A budget of at least {counter.least:,} MACs ({counter.least / counter.total:.3%} of the original's) "
            f"was wanted: that is one channel in every group. Found {budget:,}; raise --budget."
        )


def plan_from_scores(
    scores: Float[Tensor, " prunable"], counter: MacsCounter, *, budget: int, multiple_of: int = 1
) -> ChannelPlan:
    """Keep the best-scored channels of the whole network that fit into a budget of MACs.

    Bisection finds the longest prefix of the ranking that fits; channels further down the ranking then fill what is left.
    Every group keeps its best channel. The plan never costs more than the budget.

    Args:
        scores: Higher is kept first; only the order matters. Ties go to the lower index.
        counter: MACs of the network, in the budget's convention.
        budget: MACs to stay within.
        multiple_of: Widths are rounded up to a multiple of this (or to the group's size).

    Raises:
        MggcError: Not even the least plan fits.
    """
    table, scores = counter.table, scores.cpu()
    ranking = torch.argsort(scores, descending=True, stable=True)
    order = _channel_order(scores, table)

    def widths_of_prefix(length: int) -> Tensor:
        counts = torch.bincount(table.group_index[ranking[:length]], minlength=len(table.groups))
        return _rounded(counts, table, multiple_of)

    def cost(widths: Tensor) -> float:
        return counter(_mask_of_widths(widths, order, table)).item()

    if cost(widths_of_prefix(0)) > budget:
        check_budget(counter, budget)
        raise MggcError(
            f"Widths in multiples of {multiple_of} do not fit into the budget; lower --prune.multiple-of."
        )
    length = _last_that_fits(lambda n: cost(widths_of_prefix(n)) <= budget, table.prunable)
    widths = _fill_up(
        widths_of_prefix(length), ranking[length:], table, multiple_of, lambda w: cost(w) <= budget
    )
    return ChannelPlan.from_mask(_mask_of_widths(widths, order, table), table)


def plan_from_widths(
    scores: Float[Tensor, " prunable"], table: ChannelTable, widths: list[int]
) -> ChannelPlan:
    """Keep in every group the given number of channels, those with the highest scores."""
    mask = _mask_of_widths(torch.tensor(widths), _channel_order(scores, table), table)
    return ChannelPlan.from_mask(mask, table)


def uniform_plan(scores: Float[Tensor, " prunable"], counter: MacsCounter, *, budget: int) -> ChannelPlan:
    """The same share of every group, the largest share that fits; within a group the best-scored channels stay.

    Raises:
        MggcError: Not even one channel for each group fits.
    """
    check_budget(counter, budget)
    table = counter.table
    order = _channel_order(scores, table)
    sizes = torch.tensor([group.size for group in table.groups])
    steps = 10_000

    def widths(step: int) -> Tensor:
        return (sizes * step / steps).round().long().clamp(min=1)

    def fits(candidate: Tensor) -> bool:
        return counter(_mask_of_widths(candidate, order, table)).item() <= budget

    chosen = widths(_last_that_fits(lambda step: fits(widths(step)), steps))
    # Rounding all groups at one share leaves up to a channel a group unused: hand those out, narrowest first.
    for group in torch.argsort(chosen / sizes, stable=True).tolist():
        wider = chosen.clone()
        wider[group] = min(wider[group] + 1, sizes[group])
        if fits(wider):
            chosen = wider
    return ChannelPlan.from_mask(_mask_of_widths(chosen, order, table), table)


def narrower_plan(
    plan: ChannelPlan,
    scores: Float[Tensor, " prunable"],
    counter: MacsCounter,
    *,
    budget: int,
    multiple_of: int = 1,
) -> ChannelPlan:
    """A plan within a smaller budget: every group of ``plan`` keeps the same share of its channels, the best-scored ones.

    Args:
        plan: Whatever chose it, its proportions stay.
        scores: Higher is kept first, among the channels that the plan keeps.
        counter: MACs of the network, in the budget's convention.
        budget: MACs to stay within, as far as one channel (or one multiple) for each group allows.
        multiple_of: Widths are rounded down to a multiple of this, but not to nothing.
    """
    table = counter.table
    order = _channel_order(scores.cpu().masked_fill(plan.mask(table) == 0, -torch.inf), table)
    kept = torch.tensor([len(plan.kept[group.name]) for group in table.groups])
    steps = 1000

    def mask(step: int) -> Tensor:
        rounded = kept * step // steps // multiple_of * multiple_of
        return _mask_of_widths(rounded.maximum(kept.clamp(max=multiple_of)), order, table)

    step = _last_that_fits(lambda step: counter(mask(step)).item() <= budget, steps)
    return ChannelPlan.from_mask(mask(step), table)


def _channel_order(scores: Tensor, table: ChannelTable) -> list[Tensor]:
    """For each group its channels' positions in the mask, best first."""
    return [
        group.offset + torch.argsort(piece, descending=True, stable=True)
        for group, piece in zip(table.groups, table.split(scores.cpu()), strict=True)
    ]


def _mask_of_widths(widths: Tensor, order: list[Tensor], table: ChannelTable) -> Tensor:
    mask = torch.zeros(table.prunable)
    for channels, width in zip(order, widths.tolist(), strict=True):
        mask[channels[:width]] = 1
    return mask


def _rounded(widths: Tensor, table: ChannelTable, multiple_of: int) -> Tensor:
    sizes = torch.tensor([group.size for group in table.groups])
    return (torch.ceil(widths.maximum(table.floors) / multiple_of).long() * multiple_of).minimum(sizes)


def _last_that_fits(fits: Callable[[int], bool], highest: int) -> int:
    """The largest n in [0, highest] for which ``fits`` holds, given that it holds at 0 and is monotone."""
    low, high = 0, highest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _fill_up(
    widths: Tensor, candidates: Tensor, table: ChannelTable, multiple_of: int, fits: Callable[[Tensor], bool]
) -> Tensor:
    """Widen groups in the order of the remaining candidates while the budget holds."""
    full: set[int] = set()
    for group in table.group_index[candidates].tolist():
        if group in full:
            continue
        wider = widths.clone()
        wider[group] = min(int(wider[group]) + multiple_of, table.groups[group].size)
        if torch.equal(wider, widths) or not fits(wider):
            full.add(group)  # Widths only grow, so what does not fit now will not fit later.
        else:
            widths = wider
    return widths
