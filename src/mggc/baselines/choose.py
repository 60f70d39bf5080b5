"""Channel plans without a game: uniform width, L1 norm, and chance."""

import torch
from torch import nn

from mggc.baselines.scores import l1_scores
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, plan_from_scores, uniform_plan
from mggc.runtime import step_generator


def uniform_width(network: nn.Module, counter: MacsCounter, *, budget: int) -> ChannelPlan:
    """The same share of every group; within a group the channels of the largest L1 norm stay (Pix2Pix 0.5×)."""
    return uniform_plan(l1_scores(network, counter.table), counter, budget=budget)


def l1_norm(network: nn.Module, counter: MacsCounter, *, budget: int, multiple_of: int = 1) -> ChannelPlan:
    """One ranking of all channels of the network by the L1 norm of their filters (Li et al. 2017, global)."""
    scores = l1_scores(network, counter.table)
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)


def random_pick(counter: MacsCounter, *, budget: int, seed: int, multiple_of: int = 1) -> ChannelPlan:
    """Channels in random order until the budget is used up; widths come out roughly uniform."""
    scores = torch.rand(counter.table.prunable, generator=step_generator(seed, "random pick"))
    return plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)
