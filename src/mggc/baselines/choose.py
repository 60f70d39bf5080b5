"""Channel plans without learning: one ranking of the channels, cut off where the budget is used up."""

from collections.abc import Callable, Iterator

import torch
from torch import nn

from mggc.baselines.chooser import Material
from mggc.baselines.scores import l1_scores, relative_to_group, scale_scores
from mggc.baselines.taylor import taylor_scores
from mggc.config import PlanMethod
from mggc.data.loaders import Batch
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, plan_from_scores, uniform_plan
from mggc.pruning.table import ChannelGroup, ChannelTable
from mggc.runtime import step_generator


def uniform_width(network: nn.Module, counter: MacsCounter, *, budget: int) -> ChannelPlan:
    """The same share of every group; within a group the channels of the largest L1 norm stay.

    - Taken: the widths of Pix2Pix 0.5× and the like; Li et al. 2017 prune so where all layers get one ratio.
    - Different: surviving weights are inherited; the published narrow Pix2Pix was trained from scratch.
    """
    return uniform_plan(l1_scores(network, counter.table), counter, budget=budget)


def l1_norm(network: nn.Module, counter: MacsCounter, *, budget: int, multiple_of: int = 1) -> ChannelPlan:
    """One ranking of all channels of the network by the L1 norm of their filters.

    - Taken: the filter norm of Li et al. 2017 ("Pruning Filters for Efficient ConvNets").
    - Different: one global ranking instead of a ratio for each layer, so the norm is a mean and not a sum; the budget is
      one of MACs; channels that live and die together share the mean of their norms.
    """
    scores = l1_scores(network, counter.table)
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def l1_per_layer(
    network: nn.Module, counter: MacsCounter, *, budget: int, multiple_of: int = 1
) -> ChannelPlan:
    """A ranking by L1 norms relative to their layer's mean, so that a layer's scale plays no part.

    - Taken: the filter norm of Li et al. 2017, judged within a layer.
    - Different: they set each layer's ratio by hand after a look at its sensitivity; here one threshold on relative norms
      gives layers with evenly strong filters more width. One ratio for all layers is `uniform_width`.
    """
    scores = relative_to_group(l1_scores(network, counter.table), counter.table)
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def random_pick(counter: MacsCounter, *, budget: int, seed: int, multiple_of: int = 1) -> ChannelPlan:
    """Channels in random order until the budget is used up; widths come out roughly uniform."""
    scores = torch.rand(counter.table.prunable, generator=step_generator(seed, "random pick"))
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def inner_layers_first(
    network: nn.Module, counter: MacsCounter, *, budget: int, multiple_of: int = 1
) -> ChannelPlan:
    """Cut the layers at the lowest resolution down to one channel, then those at the next, until the budget is met.

    Within a resolution all groups keep the same share, of the largest L1 norms.

    - Taken: the finding of CIL (Kim et al. 2022, "Cut Inner Layers") that a U-Net's layers near the bottleneck are the ones
      to prune.
    - Different: they prune some inner layers by ratios found from a sensitivity analysis, or remove them, and stop there;
      here the rule goes on outwards, since the inner layers hold under a third of a U-Net's MACs. They keep their last channel.
    """
    scores = inner_scores(network, counter.table)
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def inner_scores(network: nn.Module, table: ChannelTable) -> torch.Tensor:
    """Number of the channel's resolution, lowest first, plus its place within its group by L1 norm in (0, 1]."""
    resolutions = [_resolution(group, table) for group in table.groups]
    order = sorted(set(resolutions))
    pieces = []
    for resolution, norms in zip(resolutions, table.split(l1_scores(network, table)), strict=True):
        place = torch.argsort(torch.argsort(norms, descending=True, stable=True), stable=True)
        pieces.append(order.index(resolution) + 1 - place / len(norms))
    return torch.cat(pieces)


def _resolution(group: ChannelGroup, table: ChannelTable) -> int:
    """Pixels of the feature maps in a group, by the smallest of its writers."""
    members = range(group.offset, group.offset + group.size)
    return min(
        conv.output_positions for conv in table.convs if any(channel in members for channel in conv.writes)
    )


def norm_scale(network: nn.Module, counter: MacsCounter, *, budget: int, multiple_of: int = 1) -> ChannelPlan:
    """One threshold on the absolute scales of the norms, found by bisection.

    - Taken: the rule of CAT (Jin et al. 2021) and of GCC (Li et al. 2021) for U-Nets; channels without a scale come last.
    - Different: the scales are those of the user's original, which was trained without a sparsity penalty (GCC's stage
      with one is the method gcc); at least 1 channel stays in a group where CAT keeps 16; what the threshold leaves of the
      budget is filled up; inner U-Net levels keep one channel where GCC lets them vanish.

    Raises:
        MggcError: The network has no affine norm.
    """
    scores = scale_scores(network, counter.table)
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def taylor(material: Material, batches: Iterator[Batch]) -> ChannelPlan:
    """One ranking by `taylor_scores`; see there for what differs from the source."""
    return plan_from_scores(
        taylor_scores(material, batches),
        material.counter,
        budget=material.budget,
        multiple_of=material.config.multiple_of,
    )


def _of_weights(choose: Callable[..., ChannelPlan]) -> Callable[[Material, Iterator[Batch]], ChannelPlan]:
    """A choice that looks at the generator's weights alone."""

    def chosen(material: Material, _: Iterator[Batch]) -> ChannelPlan:
        return choose(
            material.generator,
            material.counter,
            budget=material.budget,
            multiple_of=material.config.multiple_of,
        )

    return chosen


def _uniform(material: Material, _: Iterator[Batch]) -> ChannelPlan:
    return uniform_width(material.generator, material.counter, budget=material.budget)


def _random(material: Material, _: Iterator[Batch]) -> ChannelPlan:
    return random_pick(
        material.counter,
        budget=material.budget,
        seed=material.seed,
        multiple_of=material.config.multiple_of,
    )


ONE_SHOT: dict[PlanMethod, Callable[[Material, Iterator[Batch]], ChannelPlan]] = {
    "uniform": _uniform,
    "l1_norm": _of_weights(l1_norm),
    "l1_per_layer": _of_weights(l1_per_layer),
    "random": _random,
    "taylor": taylor,
    "cil": _of_weights(inner_layers_first),
    "norm_scale": _of_weights(norm_scale),
}
"""Methods that make a plan at once; batches are drawn only as far as a method looks at images. D keeps its full width."""
