"""Training the networks' weights together with what chooses channels, on the original objective."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mggc.baselines.chooser import Material
from mggc.gan.adversary import Adversary
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import MaskedNetwork
from mggc.pruning.table import ChannelTable


class Gated(nn.Module):
    """A network under a mask that a part of its own makes in every pass."""

    def __init__(self, network: nn.Module, table: ChannelTable, mask: nn.Module) -> None:
        super().__init__()
        self.masked = MaskedNetwork(network, table)
        self.mask = mask

    def forward(self, images: Source) -> Tensor:
        """The network's output under the present mask."""
        output: Tensor = self.masked(images, self.mask())
        return output


class Joint:
    """Generator, discriminator and their optimizers: Pix2Pix, or one direction of an unpaired translation.

    Both train as the original did: batch statistics, dropout where the network has it, Adam. Without pairs there is
    neither a target to be close to nor, since only one direction is at hand, a cycle; in its place and with its weight
    the generator pays for the L1 distance to the original's image.

    Args:
        material: The networks and the terms of the task; both networks are trained in place.
        mask: Makes the generator's mask.
        discriminator_mask: Makes the discriminator's mask; absent, it plays at full width.
        fast: Those of the generator's and its mask's parameters that have the learning rate ``mask_lr``.
    """

    def __init__(
        self,
        material: Material,
        mask: nn.Module,
        discriminator_mask: nn.Module | None = None,
        *,
        fast: Sequence[nn.Parameter] = (),
    ) -> None:
        self.fabric, self.objective, self.paired = material.fabric, material.objective, material.conditional
        self.original: nn.Module | None = None
        if not self.paired:
            self.original = copy.deepcopy(material.generator).requires_grad_(False).to(self.fabric.device)
        generator = Gated(material.generator, material.counter.table, mask)
        self.generator, self.optimizer = self.fabric.setup(
            generator.train(), _adam(generator, fast, material)
        )
        judge = material.discriminator
        if discriminator_mask is not None:
            judge = Gated(judge, material.discriminator_table, discriminator_mask)
        self.adversary = Adversary(judge.train(), self.objective, self.fabric, gan_mode=material.gan_mode)

    def update(self, source: Source, target: Target, penalty: Tensor) -> dict[str, Tensor]:
        """Update the discriminator, then the generator on the objective plus ``penalty``; the losses by name."""
        fake = self.generator(source)
        losses = {
            "discriminator": self.adversary.learn(self.judged(source, target), self.judged(source, fake))
        }
        adversarial = self.adversary.judge(self.judged(source, fake))
        distance = self._distance(source, target, fake)
        loss = adversarial + penalty
        if self.paired:
            loss = loss + self.objective.lambda_l1 * distance
        else:
            loss = loss + self.objective.lambda_cycle * distance
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        return losses | {
            "adversarial": adversarial.detach(),
            "l1": distance.detach(),
            "penalty": penalty.detach(),
        }

    def judged(self, source: Source, image: Target) -> Tensor:
        """What the discriminator sees of an image."""
        return torch.cat([source, image], dim=1) if self.paired else image

    def _distance(self, source: Source, target: Target, fake: Target) -> Tensor:
        if self.original is not None:
            with torch.no_grad(), self.fabric.autocast():
                target = self.original(source).to(fake.dtype)
        return (fake - target).abs().mean()

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers."""
        return {
            "generator": self.generator.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "discriminator": self.adversary.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.generator.module.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.adversary.load_state_dict(state["discriminator"])


def _adam(generator: nn.Module, fast: Sequence[nn.Parameter], material: Material) -> torch.optim.Adam:
    """The original's optimizer, with another learning rate for some parameters."""
    chosen = {id(parameter) for parameter in fast}
    slow = [parameter for parameter in generator.parameters() if id(parameter) not in chosen]
    groups: list[dict[str, Any]] = [{"params": slow}]
    groups += [{"params": list(fast), "lr": material.config.mask_lr}] if fast else []
    return torch.optim.Adam(groups, lr=material.objective.lr, betas=(material.objective.beta1, 0.999))
