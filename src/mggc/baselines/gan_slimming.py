"""Channel gates that a proximal step shrinks while the generator learns around them, after GAN Slimming."""

import copy
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import judged, learning, still, whole_discriminator
from mggc.config import ObjectiveConfig
from mggc.gan.adversary import Adversary, adam, set_learning_rate
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.plan import ChannelPlan, plan_from_scores
from mggc.pruning.table import ChannelTable
from mggc.shapes import Images

HALF_COSINE = 0.5 * (0.5 + 1 / math.pi)
"""Area under the first half of a cosine decay from 1 to 0, as a share of its whole length."""


def soft_threshold(values: Float[Tensor, "*shape"], threshold: Tensor | float) -> Float[Tensor, "*shape"]:
    """sign(γ) · max(|γ| - threshold, 0): the proximal operator of the L1 norm."""
    return values.sign() * (values.abs() - threshold).clamp(min=0)


class GatedNetwork(nn.Module):
    """A network whose prunable channels are multiplied by gates γ, one for each, where convolutions read them."""

    def __init__(self, network: nn.Module, table: ChannelTable) -> None:
        super().__init__()
        self.masked = MaskedNetwork(network, table)
        self.gates = nn.Parameter(torch.ones(table.prunable))

    def forward(self, images: Images) -> Tensor:
        """The gated network's output."""
        output: Tensor = self.masked(images, self.gates)
        return output


class GanSlimming:
    """Train generator and channel gates γ against an adversary, and shrink the gates by a proximal step.

    Source: Wang et al., "GAN Slimming: All-in-One GAN Compression by A Unified Optimization Framework", ECCV 2020, and
    its released code. Taken over: min over weights W and gates γ, max over D, of L_GAN + β · d(G(x), G_0(x)) + ρ‖γ‖₁;
    Adam on W and D (1e-5), SGD with momentum 0.5 on γ (0.1) followed by soft thresholding at ρ times the learning rate,
    all on a cosine schedule; β = 20; D learns to tell the original's images from the slimmed generator's; channels
    whose gates are closed go.

    What differs: γ are gates of their own, one for every prunable channel and read by every layer that reads the
    channel, where the source takes the scales of affine instance norms and leaves the residual trunk whole: so networks
    with other norms and the trunk can be slimmed too. d is the mean squared error of images (an option of the released
    code) instead of a VGG distance. The source tries ρ by hand until the size fits; here thresholding rests whenever
    the open gates fit into the budget, and the plan ranks channels by |γ| (closed gates by their mean over the updates:
    what closed last goes last). No quantization, no history of images for D, and no weight decay on D. Only the plan is
    handed on: finetuning starts from the original's weights, as for every other method.

    Args:
        material: The original networks and the terms of the task.
        rho: Weight ρ of the L1 norm of the gates; absent: the source's 0.01, or as much as closes a gate that nothing
            holds open within half of the updates.
        beta: Weight of the distance to the original's images.
        gate_lr: Learning rate of the gates.
        momentum: Momentum of the gates.
        lr: Adam's learning rate for generator and discriminator.
        weight_decay: Adam's weight decay for the generator.
    """

    def __init__(
        self,
        material: Material,
        *,
        rho: float | None = None,
        beta: float = 20.0,
        gate_lr: float = 0.1,
        momentum: float = 0.5,
        lr: float = 1e-5,
        weight_decay: float = 1e-3,
    ) -> None:
        self.material, self.beta, self.gate_lr, self.lr = material, beta, gate_lr, lr
        self.rho = max(0.01, 1 / (HALF_COSINE * gate_lr * material.updates)) if rho is None else rho
        config, fabric = material.config, material.fabric
        self.original = still(copy.deepcopy(material.generator), material, norm=config.generator_norm)
        objective = ObjectiveConfig(lr=lr)
        gated = GatedNetwork(learning(material.generator, norm=config.generator_norm), material.counter.table)
        weights = adam(gated.masked.parameters(), objective)
        for group in weights.param_groups:
            group["weight_decay"] = weight_decay
        gates = torch.optim.SGD([gated.gates], lr=gate_lr, momentum=momentum)
        self.generator, self.weights, self.gates = fabric.setup(gated, weights, gates)
        discriminator = learning(material.discriminator, norm=config.discriminator_norm)
        self.adversary = Adversary(discriminator, objective, fabric, gan_mode=material.gan_mode)
        self.mean_gates = torch.zeros(material.counter.table.prunable, device=fabric.device)
        """Mean of |γ| over the updates so far."""
        self.steps = 0

    def step(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Update the generator and its gates, shrink the gates, then update the discriminator."""
        rate = 0.5 * (1 + math.cos(math.pi * min(self.steps / self.material.updates, 1.0)))
        set_learning_rate(self.weights, self.lr * rate)
        set_learning_rate(self.gates, self.gate_lr * rate)
        set_learning_rate(self.adversary.optimizer, self.lr * rate)
        with torch.no_grad(), self.material.fabric.autocast():
            wanted = self.original(source).to(source.dtype)
        fake = self.generator(source)
        adversarial = self.adversary.judge(self._judged(source, fake))
        distance = (fake - wanted).square().mean()
        self.weights.zero_grad()
        self.gates.zero_grad()
        self.material.fabric.backward(adversarial + self.beta * distance)
        self.weights.step()
        self.gates.step()
        macs = self._shrink(self.rho * self.gate_lr * rate)
        loss = self.adversary.learn(self._judged(source, wanted), self._judged(source, fake))
        self.steps += 1
        return {
            "adversarial": adversarial.detach(),
            "distance": distance.detach(),
            "discriminator": loss,
            "open_macs_share": macs / self.material.counter.total,
        }

    def plans(self) -> tuple[ChannelPlan, ChannelPlan]:
        """Channels by the size of their gates until the budget is used up, and the whole discriminator."""
        gates = self.generator.module.gates.detach().abs().double().cpu()
        # Open gates come first; among closed ones a mean below 1 decides, shifted under every open gate.
        scores = torch.where(
            gates > 0, gates, self.mean_gates.double().cpu() - self.mean_gates.max().item() - 1
        )
        plan = plan_from_scores(
            scores,
            self.material.counter,
            budget=self.material.budget,
            multiple_of=self.material.config.multiple_of,
        )
        return plan, whole_discriminator(self.material)

    def state_dict(self) -> dict[str, Any]:
        """Networks, gates and optimizers."""
        return {
            "steps": self.steps,
            "generator": self.generator.module.state_dict(),
            "weights": self.weights.state_dict(),
            "gates": self.gates.state_dict(),
            "adversary": self.adversary.state_dict(),
            "mean_gates": self.mean_gates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.steps = state["steps"]
        self.generator.module.load_state_dict(state["generator"])
        self.weights.load_state_dict(state["weights"])
        self.gates.load_state_dict(state["gates"])
        self.adversary.load_state_dict(state["adversary"])
        self.mean_gates = state["mean_gates"].to(self.material.fabric.device)

    @torch.no_grad()
    def _shrink(self, threshold: float) -> Float[Tensor, ""]:
        """The proximal step, unless the open gates fit into the budget already; MACs of the open gates before it."""
        gates = self.generator.module.gates
        macs = self.material.counter((gates != 0).to(gates.dtype))
        # Without a branch, so that nothing waits for the device.
        gates.copy_(soft_threshold(gates, threshold * (macs > self.material.budget).to(gates.dtype)))
        self.mean_gates = self.mean_gates + (gates.abs() - self.mean_gates) / (self.steps + 1)
        return macs

    def _judged(self, source: Source, image: Target) -> Tensor:
        return judged(source, image, conditional=self.material.conditional)
