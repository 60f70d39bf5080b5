"""DMAD (Li et al. 2022): masks that harden while they are trained together with the generator's weights."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.baselines.chooser import Material
from mggc.baselines.joint import Joint
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import rescue_empty_groups
from mggc.pruning.plan import ChannelPlan, plan_from_scores, whole_plan
from mggc.pruning.table import ChannelTable

PENALTY_WEIGHT = 0.01
WEIGHT_RANGE = 1000.0
"""How far the penalty's weight may rise while the bound falls."""
INITIAL_DEVIATION = 0.2
ANNEALED_SHARE = 0.75
LEAST_BOUND = 0.005
"""A step narrower than this would have gradients that break everything."""


class AnnealedMask(nn.Module):
    """One parameter θ for each channel, and a step of width ``bound`` that turns it into a mask."""

    bound: Tensor

    def __init__(self, table: ChannelTable) -> None:
        super().__init__()
        self.table = table
        self.theta = nn.Parameter(INITIAL_DEVIATION * torch.randn(table.prunable))
        self.register_buffer("bound", torch.ones(()))

    def forward(self) -> Float[Tensor, " prunable"]:
        """The mask in [0, 1]; a group that would be shut keeps its best channel."""
        theta = self.theta.detach()
        return rescue_empty_groups(annealed_step(self.theta, self.bound), theta, self.table)

    def penalty(self) -> Float[Tensor, ""]:
        """Σ (θ + bound) over the channels that are not decided yet: it pushes them to the side of zero."""
        undecided = self.theta.detach().abs() < self.bound
        return ((self.theta + self.bound) * undecided).sum()


def annealed_step(theta: Float[Tensor, " channels"], bound: Float[Tensor, ""]) -> Float[Tensor, " channels"]:
    """Two parabolas from (-bound, 0) through (0, 1/2) to (bound, 1), flat outside; at a bound of 0 the step θ > 0."""
    if bound == 0:
        return (theta > 0).to(theta.dtype)
    position = (theta / bound.clamp(min=LEAST_BOUND)).clamp(-1, 1)
    return torch.where(position <= 0, (1 + position).square() / 2, 1 - (1 - position).square() / 2)


def annealed_bound(step: int, updates: int) -> float:
    """1 - (t / 0.75 T)^(1/3) after t of T updates, and 0 in the last quarter."""
    progress = step / (ANNEALED_SHARE * updates)
    return max(0.0, 1.0 - math.pow(progress, 1 / 3))


class Dmad:
    """Masks and weights of the generator trained together, against a discriminator that learns along.

    - Taken: one mask parameter for each channel, N(0, 0.2) at first; the quadratic step function whose bound falls from 1 to 0
      along a cube root over three quarters of the updates; the penalty w · Σ (θ + bound) on undecided channels, in force
      until the implied network is within the MACs budget; full discriminator, original objective.
    - Different: it starts from the original's weights, not from scratch at another width; masks act where channels are read
      and cover every traced group; w, theirs 0.01 or as tuned for a data set, starts at 0.01, rises while the implied network
      is over the budget and falls again below it; the bound falls in every update instead of in 150 jumps, so norms need no
      rescaling; masks have a larger learning rate (``mask_lr``), because the schedule is the game's and not a whole training; the plan ranks
      channels by θ and fills the budget. Weights trained along are dropped: finetuning inherits the original's, as for every
      other method, and its distillation is the one shared by all.
    """

    def __init__(self, material: Material) -> None:
        self.material = material
        self.steps, self.weight = 0, PENALTY_WEIGHT
        self.mask = AnnealedMask(material.counter.table)
        self.joint = Joint(material, self.mask, fast=[self.mask.theta])

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """One update of masks, generator and discriminator."""
        self.mask.bound.fill_(annealed_bound(self.steps, self.material.updates))
        macs = self._implied_macs()
        over = bool(macs > self.material.budget)
        losses = self.joint.update(source, target, self.weight * over * self.mask.penalty())
        growth = math.pow(WEIGHT_RANGE, 1 / (ANNEALED_SHARE * self.material.updates))
        self.weight = self.weight * growth if over else self.weight / growth
        self.steps += 1
        share = macs / self.material.counter.total
        return losses | {"bound": self.mask.bound.clone(), "macs_share": share}

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The channels with the largest θ; the discriminator at full width."""
        material = self.material
        plan = plan_from_scores(
            self.mask.theta.detach(),
            material.counter,
            budget=material.budget,
            multiple_of=material.config.multiple_of,
        )
        return plan, whole_plan(material.discriminator_table)

    @torch.no_grad()
    def _implied_macs(self) -> Tensor:
        """MACs of the network that keeps the channels with θ > 0."""
        theta = self.mask.theta
        kept = rescue_empty_groups((theta > 0).to(theta.dtype), theta, self.mask.table)
        return self.material.counter(kept)

    def state_dict(self) -> dict[str, Any]:
        """Masks and weights, their optimizers, and how far it has come."""
        return {"steps": self.steps, "weight": self.weight, "joint": self.joint.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps, self.weight = state["steps"], state["weight"]
        self.joint.load_state_dict(state["joint"])
