"""A differentiable width search with a cost term, after AutoGAN-Distiller."""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import ends_period, learning, still, whole_discriminator
from mggc.baselines.widths import WidthSpace
from mggc.config import ObjectiveConfig
from mggc.gan.adversary import adam
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.plan import ChannelPlan
from mggc.runtime import step_generator

TRAVEL = 4.0
"""How far the source's 3e-4 carries a logit at most over its 13,300 updates of the widths."""


def gumbel_one_hot(
    logits: Float[Tensor, "groups choices"], chance: torch.Generator
) -> Float[Tensor, "groups choices"]:
    """One choice for each group, drawn from softmax(logits); gradients as if it were the relaxed draw (τ = 1)."""
    uniform = torch.rand(logits.shape, generator=chance).clamp(1e-20, 1 - 1e-7).to(logits)
    soft = F.softmax(logits - (-uniform.log()).log(), dim=-1)
    hard = F.one_hot(soft.argmax(dim=-1), logits.shape[-1]).to(soft.dtype)
    # In this order the second term is exactly zero, and the draw is exactly 0 or 1.
    return hard + (soft - soft.detach())


class LatencySearch:
    """Learn by gradients how wide each group should be, together with weights that serve all widths.

    Source: Fu et al., "AutoGAN-Distiller: Searching to Compress Generative Adversarial Networks", ICML 2020 (AGD), and
    its released code. Taken over: nothing but distillation from the original's images, no discriminator; first the
    weights are trained at full width, least width and two random widths, then widths and weights take turns on
    different batches: a logit for each width of each group, one width drawn per pass by a Gumbel-softmax with
    straight-through gradients, loss = distillation + λ · cost, Adam with (0.5, 0.999) on both (weights 1e-3, gradients
    clipped at 5); the weights see the drawn, the full and the least widths; λ is doubled whenever the network that the
    logits stand for is too expensive, and halved when it is too cheap; the likeliest widths make the result.

    What differs: only widths are searched; the operators are the original's. The cost is proportional to MACs, counted
    as the budget is (AGD counts FLOPs likewise); no latency is measured. Distillation is the L1 distance of images (its
    ``base_weight``) instead of VGG content and style. Weights begin as the original's, with channels in the order of
    their L1 norm, and one choice binds all layers of a group. The shares to choose from are ``choices`` in even ratios
    instead of 4/12 to 1. The logits' learning rate is such that they can travel as far as in the source, however few
    the updates. The likeliest widths are scaled together until the budget is used up, instead of training whatever fell
    into a window of FLOPs. Only the plan is handed on: finetuning starts from the original's weights.

    Args:
        material: The original networks and the terms of the task.
        pretraining: Share of the updates that train weights alone.
        choices: Shares of a group's width to choose from.
        lr: Adam's learning rate for the weights.
        width_lr: Adam's learning rate for the logits; absent: 4 over the updates of the logits.
        clip: Largest norm of the weights' gradient.
        cost_weight: λ at first; the cost is the share of the original's MACs.
        checks: How often λ is adapted, evenly over the search.
        tolerance: λ stays while the likeliest widths' MACs are within this factor of the budget, above or below.
    """

    def __init__(
        self,
        material: Material,
        *,
        pretraining: float = 0.5,
        choices: int = 5,
        lr: float = 1e-3,
        width_lr: float | None = None,
        clip: float = 5.0,
        cost_weight: float = 0.1,
        checks: int = 20,
        tolerance: float = 1.25,
    ) -> None:
        self.material, self.clip, self.checks, self.tolerance = material, clip, checks, tolerance
        self.pretraining = round(pretraining * material.updates)
        fabric, norm = material.fabric, material.config.generator_norm
        self.space = WidthSpace(material, choices=choices)
        groups = len(self.space.table.groups)
        every = [self.space.mask(share.expand(groups)) for share in self.space.choices]
        self.masks = torch.stack(every).to(fabric.device)
        """The keep mask of each choice, made by all groups alike: [choices, prunable], narrowest first."""
        self.group_index = self.space.table.group_index.to(fabric.device)
        self.original = still(copy.deepcopy(material.generator), material, norm=norm)
        masked = MaskedNetwork(learning(material.generator, norm=norm), self.space.table)
        self.generator, self.weights = fabric.setup(masked, adam(masked.parameters(), ObjectiveConfig(lr=lr)))
        self.logits = nn.Parameter(torch.zeros(groups, choices, device=fabric.device))
        turns = max(1, (material.updates - self.pretraining) // 2)
        self.widths = torch.optim.Adam([self.logits], lr=width_lr or TRAVEL / turns, betas=(0.5, 0.999))
        self.cost_weight = cost_weight
        self.steps = 0

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Train the weights; later, widths and weights in turns."""
        step, self.steps = self.steps, self.steps + 1
        with torch.no_grad(), self.material.fabric.autocast():
            wanted = self.original(source).to(source.dtype)
        chance = step_generator(self.material.seed, "width search", step)
        if step < self.pretraining:
            drawn = [self._mask(self._even_choice(chance)) for _ in range(2)]
            return self._train(source, wanted, [*drawn, self.masks[-1], self.masks[0]])
        step -= self.pretraining
        if step % 2 == 1:
            drawn = [self._mask(gumbel_one_hot(self.logits.detach(), chance))]
            figures = self._train(source, wanted, [*drawn, self.masks[-1], self.masks[0]])
        else:
            figures = self._choose(source, wanted, chance)
        if ends_period(step, periods=self.checks, updates=self.material.updates - self.pretraining):
            self._adapt()
        return figures

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The likeliest widths, scaled to the budget, and the whole discriminator."""
        return self.space.plan(self._likeliest()), whole_discriminator(self.material)

    def state_dict(self) -> dict[str, Any]:
        """Weights, logits, their optimizers and λ."""
        return {
            "steps": self.steps,
            "cost_weight": self.cost_weight,
            "logits": self.logits.detach(),
            "widths": self.widths.state_dict(),
            "generator": self.generator.module.state_dict(),
            "weights": self.weights.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps, self.cost_weight = state["steps"], state["cost_weight"]
        with torch.no_grad():
            self.logits.copy_(state["logits"])
        self.widths.load_state_dict(state["widths"])
        self.generator.module.load_state_dict(state["generator"])
        self.weights.load_state_dict(state["weights"])

    def _train(self, source: Source, wanted: Target, masks: list[Tensor]) -> dict[str, Tensor]:
        """Update the weights by the summed distances under the masks; the distance under the first."""
        distances = []
        self.weights.zero_grad()
        for mask in masks:
            distance = (self.generator(source, mask) - wanted).abs().mean()
            self.material.fabric.backward(distance)
            distances.append(distance.detach())
        self.material.fabric.clip_gradients(self.generator, self.weights, max_norm=self.clip)
        self.weights.step()
        return {"distance": distances[0], "whole_distance": distances[-2], "least_distance": distances[-1]}

    def _choose(self, source: Source, wanted: Target, chance: torch.Generator) -> dict[str, Tensor]:
        """Update the logits by the distance and the cost of widths drawn from them."""
        mask = self._mask(gumbel_one_hot(self.logits, chance))
        with self.material.fabric.autocast():
            fake = self.generator.module(source, mask).to(source.dtype)
        distance = (fake - wanted).abs().mean()
        cost = self.space.counter(mask) / self.space.counter.total
        (gradient,) = torch.autograd.grad(distance + self.cost_weight * cost.to(distance.dtype), self.logits)
        self.logits.grad = self.material.fabric.all_reduce(gradient, reduce_op="mean")
        self.widths.step()
        return {"distance": distance.detach(), "macs_share": cost.detach()}

    def _adapt(self) -> None:
        """Double λ when the likeliest widths cost too much, halve it when they cost too little."""
        macs = self.space.counter(self.space.mask(self._likeliest())).item()
        if macs > self.tolerance * self.material.budget:
            self.cost_weight *= 2
        elif macs < self.material.budget / self.tolerance:
            self.cost_weight /= 2

    def _likeliest(self) -> Float[Tensor, " groups"]:
        """The share of each group's likeliest width."""
        return self.space.choices[self.logits.detach().cpu().argmax(dim=1)]

    def _even_choice(self, chance: torch.Generator) -> Float[Tensor, "groups choices"]:
        """One choice for each group, all as likely."""
        chosen = self.space.random(1, chance)[0]
        return F.one_hot(chosen, len(self.space.choices)).to(self.logits)

    def _mask(self, one_hot: Float[Tensor, "groups choices"]) -> Float[Tensor, " prunable"]:
        """The keep mask of one choice for each group."""
        return (one_hot[self.group_index] * self.masks.T).sum(dim=1)
