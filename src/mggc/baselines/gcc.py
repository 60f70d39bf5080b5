"""GCC (Li et al. 2021): sparse scales choose the generator's channels, selective gates the discriminator's."""

import copy
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.baselines.chooser import Material
from mggc.baselines.joint import Gated, Joint
from mggc.baselines.scores import Scores, l1_scores, norm_scales, scale_scores
from mggc.config import GanMode, NormMode
from mggc.gan.objectives import Logits, fake_loss, generator_loss, real_loss
from mggc.gan.pairs import Source, Target
from mggc.pruning.game import freeze
from mggc.pruning.masks import rescue_empty_groups
from mggc.pruning.plan import ChannelPlan, plan_from_scores
from mggc.pruning.table import CONVS, ChannelTable

SCALE_PENALTY = 1e-2
WEIGHT_PENALTY = 1e-3
THRESHOLD = 0.5


class FixedMask(nn.Module):
    """A mask that is set from outside; all channels at first."""

    values: Tensor

    def __init__(self, table: ChannelTable) -> None:
        super().__init__()
        self.register_buffer("values", torch.ones(table.prunable))

    def forward(self) -> Float[Tensor, " prunable"]:
        """The mask as it was set."""
        return self.values


class SelectiveGates(nn.Module):
    """A number α in [0, 1] for each channel, 1 at first; a channel is on from one half upwards."""

    alpha: Tensor

    def __init__(self, table: ChannelTable) -> None:
        super().__init__()
        self.table = table
        # A buffer: the discriminator's own optimizer has to leave it alone.
        self.register_buffer("alpha", torch.ones(table.prunable))

    def forward(self) -> Float[Tensor, " prunable"]:
        """The mask; a group that would be shut keeps its best channel."""
        on = (self.alpha >= THRESHOLD).to(self.alpha.dtype)
        return rescue_empty_groups(on, self.alpha, self.table)


class Balance(NamedTuple):
    """How a discriminator stands towards a generator."""

    gap: Float[Tensor, ""]
    """Δ = |f_G - f_D| on generated images."""
    own_loss: Float[Tensor, ""]
    """½ (f_D on real + f_D on generated images)."""


def balance(on_real: Logits, on_fake: Logits, mode: GanMode) -> Balance:
    """The balance that a discriminator's logits on real and generated images tell of."""
    fake = fake_loss(on_fake, mode)
    gap = (generator_loss(on_fake, mode) - fake).abs()
    return Balance(gap, (real_loss(on_real, mode) + fake) / 2)


class Gcc:
    """Sparsity training of the generator, then gates on the discriminator that seek the balance of the originals.

    In the first half of the updates both networks train with a sparsity penalty on the generator. Then the generator is
    masked to the budget, and in the second half it and the gated discriminator train on while the gates are learned.

    - Taken: the L1 subgradient on the norms' scales (1e-2) and a global threshold on |γ|, or, where norms have no scales, on
      all convolution weights (1e-3) and a threshold on filter norms; gates α with a straight-through threshold at 0.5, updated
      to minimize |Δ_student - EMA(Δ_teacher)| + ½ (f_D real + f_D fake), the EMA's newest value losing weight linearly;
      gates act for training images that the weights have not just seen.
    - Different: it starts from the original's weights at the original's width; the teacher is the frozen original instead of
      a network trained online; one budget of updates for both phases; the gates learn on each batch before the weights do,
      where GCC draws from a second loader; scales and gates have a larger learning rate (``mask_lr``; theirs are 2e-4 and
      1e-4 over hundreds of thousands of updates) that does not decay; no per-layer factors; the outermost and innermost
      encoder layers of a U-Net come last instead of never, and every group keeps a channel; channels that are off are really
      cut from the discriminator. Trained weights are dropped, and distillation belongs to finetuning.
    """

    def __init__(self, material: Material) -> None:
        self.material, self.fabric = material, material.fabric
        self.steps, self.first = 0, material.updates // 2
        self.teacher_gap: Tensor | None = None
        self.teacher = _teacher(material.generator, material.config.generator_norm, self.fabric.device)
        self.teacher_judge = _teacher(
            material.discriminator, material.config.discriminator_norm, self.fabric.device
        )
        table = material.counter.table
        self.scales = norm_scales(material.generator, table)
        self.mask, self.gates = FixedMask(table), SelectiveGates(material.discriminator_table)
        self.joint = Joint(material, self.mask, self.gates, fast=self.scales)
        # After the networks, and the gates with them, have moved to their device.
        self.gate_optimizer = torch.optim.Adam([self.gates.alpha], lr=material.config.mask_lr)

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """One update of the weights; in the second half one of the gates before it."""
        if self.steps == self.first:
            table = self.material.counter.table
            self.mask.values.copy_(self._generator_plan().mask(table))
        pruned = self.steps >= self.first
        losses = self._update_gates(source, target) if pruned else {}
        penalty = torch.zeros((), device=self.fabric.device) if pruned else self._sparsity()
        losses |= self.joint.update(source, target, penalty)
        self.steps += 1
        return losses | {"discriminator_kept": self.gates().mean()}

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """The generator's channels by scale (or filter norm), and the discriminator's whose gates are on."""
        d_plan = ChannelPlan.from_mask(self.gates(), self.gates.table)
        if self.steps > self.first:
            return ChannelPlan.from_mask(self.mask.values, self.material.counter.table), d_plan
        return self._generator_plan(), d_plan

    def _generator_plan(self) -> ChannelPlan:
        material = self.material
        return plan_from_scores(
            self._scores(), material.counter, budget=material.budget, multiple_of=material.config.multiple_of
        )

    def _scores(self) -> Scores:
        network, table = self.material.generator, self.material.counter.table
        return scale_scores(network, table) if self.scales else l1_scores(network, table)

    def _sparsity(self) -> Tensor:
        if self.scales:
            return SCALE_PENALTY * torch.stack([scale.abs().sum() for scale in self.scales]).sum()
        convs = [module for module in self.material.generator.modules() if isinstance(module, CONVS)]
        return WEIGHT_PENALTY * torch.stack([conv.weight.abs().sum() for conv in convs]).sum()

    def _update_gates(self, source: Source, target: Target) -> dict[str, Tensor]:
        """One step of α on a batch; the weights of both networks stay as they are."""
        teacher = self._follow_teacher(source, target)
        mask = self.gates().requires_grad_()
        judge: Gated = self.joint.adversary.network.module
        with torch.no_grad(), self.fabric.autocast():
            fake = self.joint.generator.module(source).to(target.dtype)
        with self.fabric.autocast():
            on_real, on_fake = (
                judge.masked(self.joint.judged(source, image), mask).float() for image in (target, fake)
            )
        student = balance(on_real, on_fake, self.material.gan_mode)
        loss = (student.gap - teacher).abs() + student.own_loss
        # Straight through: the threshold passes the mask's gradient on to α. The discriminator's weights get none.
        (gradient,) = torch.autograd.grad(loss, mask)
        self.gates.alpha.grad = self.fabric.all_reduce(gradient, reduce_op="mean")
        self.gate_optimizer.step()
        self.gates.alpha.clamp_(0, 1)
        return {
            "gates": loss.detach(),
            "student_gap": student.gap.detach(),
            "teacher_gap": teacher,
        }

    @torch.no_grad()
    def _follow_teacher(self, source: Source, target: Target) -> Tensor:
        """The running Δ of the frozen originals; it settles, as the newest value counts for less and less."""
        with self.fabric.autocast():
            fake = self.teacher(source).to(target.dtype)
            on_real, on_fake = (
                self.teacher_judge(self.joint.judged(source, image)).float() for image in (target, fake)
            )
        own = balance(on_real, on_fake, self.material.gan_mode).gap
        newest: Tensor = self.fabric.all_reduce(own, reduce_op="mean")
        share = 1 - (self.steps - self.first) / max(1, self.material.updates - self.first)
        before = newest if self.teacher_gap is None else self.teacher_gap
        self.teacher_gap = share * newest + (1 - share) * before
        return self.teacher_gap

    def state_dict(self) -> dict[str, Any]:
        """Weights, gates, the generator's mask, optimizers, and how far it has come."""
        return {
            "steps": self.steps,
            "joint": self.joint.state_dict(),
            "gate_optimizer": self.gate_optimizer.state_dict(),
            "teacher_gap": self.teacher_gap,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps = state["steps"]
        self.joint.load_state_dict(state["joint"])
        self.gate_optimizer.load_state_dict(state["gate_optimizer"])
        gap = state["teacher_gap"]
        self.teacher_gap = None if gap is None else gap.to(self.fabric.device)


def _teacher(network: nn.Module, norm: NormMode, device: torch.device) -> nn.Module:
    """A frozen copy that normalizes as the game's networks do: with running statistics a discriminator is off scale."""
    teacher = copy.deepcopy(network)
    freeze(teacher, norm=norm, dropout=False)
    return teacher.to(device)
