"""Pix2Pix (Isola et al. 2017): a conditional adversarial loss plus 100 times the L1 distance to the target."""

from typing import Any, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.adversary import Adversary, adam, set_learning_rate
from mggc.gan.pairs import Source, Target


@runtime_checkable
class Teacher(Protocol):
    """An additional loss on a generator's forward pass, for example distillation."""

    def parameters(self) -> Any:
        """Parameters trained along with the generator, for example connectors."""

    def __call__(self, source: Source, fake: Target) -> Tensor:
        """The loss for the forward pass that has just turned ``source`` into ``fake``."""


class Pix2Pix:
    """Generator, discriminator and their optimizers.

    With ``paired=False`` this is one direction of an unpaired translation alone: the discriminator sees images without
    their sources, and there is no target to be close to. A teacher then has to say what a translation should keep.

    Args:
        generator: Maps source images to target images.
        discriminator: Judges source and target (or generated) image, concatenated along channels.
        config: Learning rate and loss weights.
        fabric: Devices and precision.
        gan_mode: Adversarial loss.
        paired: Whether targets answer sources.
        teacher: An additional loss for the generator.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        config: ObjectiveConfig,
        fabric: Fabric,
        *,
        gan_mode: GanMode = "hinge",
        paired: bool = True,
        teacher: Teacher | None = None,
    ) -> None:
        self.fabric, self.teacher, self.paired = fabric, teacher, paired
        self.lambda_l1 = config.lambda_l1
        extra = [] if teacher is None else list(teacher.parameters())
        self.generator, self.optimizer = fabric.setup(
            generator.train(), adam([*generator.parameters(), *extra], config)
        )
        self.adversary = Adversary(discriminator.train(), config, fabric, gan_mode=gan_mode)

    def update(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Update the discriminator, then the generator; the losses by name."""
        fake = self.generator(source)
        losses = {
            "discriminator": self.adversary.learn(self._judged(source, target), self._judged(source, fake))
        }
        loss = adversarial = self.adversary.judge(self._judged(source, fake))
        losses["adversarial"] = adversarial.detach()
        if self.paired:
            l1 = (fake - target).abs().mean()
            loss = loss + self.lambda_l1 * l1
            losses["l1"] = l1.detach()
        if self.teacher is not None:
            distillation = self.teacher(source, fake)
            loss = loss + distillation
            losses["distillation"] = distillation.detach()
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        return losses

    def _judged(self, source: Source, image: Target) -> Tensor:
        """What the discriminator sees of an image."""
        return torch.cat([source, image], dim=1) if self.paired else image

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate of both optimizers."""
        set_learning_rate(self.optimizer, lr)
        set_learning_rate(self.adversary.optimizer, lr)

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers, and the teacher's trained parameters."""
        return {
            "generator": self.generator.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "discriminator": self.adversary.state_dict(),
            "teacher": [] if self.teacher is None else [p.detach() for p in self.teacher.parameters()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.generator.module.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.adversary.load_state_dict(state["discriminator"])
        if self.teacher is not None:
            with torch.no_grad():
                for parameter, saved in zip(self.teacher.parameters(), state["teacher"], strict=True):
                    parameter.copy_(saved)
