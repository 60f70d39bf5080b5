"""CycleGAN (Zhu et al. 2017): two generators, two discriminators, cycle and identity losses."""

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.adversary import Adversary, adam, set_learning_rate
from mggc.gan.pairs import Source, Target
from mggc.gan.pix2pix import Teacher
from mggc.gan.pool import ImagePool


class CycleGan:
    """Both directions and their optimizers.

    Args:
        forward_generator: Source to target; the direction that is compressed.
        backward_generator: Target to source.
        target_discriminator: Judges images of the target domain (D_A in the original's naming when A is the source).
        source_discriminator: Judges images of the source domain.
        config: Learning rate and loss weights.
        fabric: Devices and precision.
        gan_mode: Adversarial loss.
        teacher: An additional loss for the forward generator.
    """

    def __init__(
        self,
        forward_generator: nn.Module,
        backward_generator: nn.Module,
        target_discriminator: nn.Module,
        source_discriminator: nn.Module,
        config: ObjectiveConfig,
        fabric: Fabric,
        *,
        gan_mode: GanMode = "lsgan",
        teacher: Teacher | None = None,
    ) -> None:
        self.fabric, self.config, self.teacher = fabric, config, teacher
        extra = [] if teacher is None else list(teacher.parameters())
        networks = nn.ModuleList([forward_generator.train(), backward_generator.train()])
        optimizer = adam([*networks.parameters(), *extra], config)
        self.forward_generator = fabric.setup_module(forward_generator)
        self.backward_generator = fabric.setup_module(backward_generator)
        self.optimizer = fabric.setup_optimizers(optimizer)
        self.target_adversary = Adversary(target_discriminator.train(), config, fabric, gan_mode=gan_mode)
        self.source_adversary = Adversary(source_discriminator.train(), config, fabric, gan_mode=gan_mode)
        self.target_pool, self.source_pool = ImagePool(config.pool_size), ImagePool(config.pool_size)

    def update(self, source: Source, target: Target) -> dict[str, Tensor]:
        """Update both generators, then both discriminators; the losses by name."""
        fake_target, fake_source = self.forward_generator(source), self.backward_generator(target)
        losses = {
            "adversarial": self.target_adversary.judge(fake_target),
            "backward_adversarial": self.source_adversary.judge(fake_source),
        }
        loss = losses["adversarial"] + losses["backward_adversarial"]
        if self.teacher is not None:
            # Before any other pass: the teacher looks at the latest features of the forward generator.
            losses["distillation"] = self.teacher(source, fake_target)
            loss = loss + losses["distillation"]
        losses["cycle"] = self._cycle(source, target, fake_source, fake_target)
        loss = loss + self.config.lambda_cycle * losses["cycle"]
        if self.config.lambda_identity > 0 and source.shape[1] == target.shape[1]:
            losses["identity"] = self._identity(source, target)
            loss = loss + self.config.lambda_cycle * self.config.lambda_identity * losses["identity"]
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        losses["discriminator"] = self.target_adversary.learn(target, self.target_pool.exchange(fake_target))
        losses["source_discriminator"] = self.source_adversary.learn(
            source, self.source_pool.exchange(fake_source)
        )
        return {name: value.detach() for name, value in losses.items()}

    def _cycle(self, source: Source, target: Target, fake_source: Source, fake_target: Target) -> Tensor:
        # Each generated image is used for every loss that needs it; only the way back is computed here.
        back_to_source: Tensor = (self.backward_generator(fake_target) - source).abs().mean()
        back_to_target: Tensor = (self.forward_generator(fake_source) - target).abs().mean()
        return back_to_source + back_to_target

    def _identity(self, source: Source, target: Target) -> Tensor:
        on_target: Tensor = (self.forward_generator(target) - target).abs().mean()
        on_source: Tensor = (self.backward_generator(source) - source).abs().mean()
        return on_target + on_source

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate of all optimizers."""
        for optimizer in (self.optimizer, self.target_adversary.optimizer, self.source_adversary.optimizer):
            set_learning_rate(optimizer, lr)

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimizers, the pools' images, and the teacher's trained parameters."""
        return {
            "forward_generator": self.forward_generator.module.state_dict(),
            "backward_generator": self.backward_generator.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "target_discriminator": self.target_adversary.state_dict(),
            "source_discriminator": self.source_adversary.state_dict(),
            "target_pool": self.target_pool.images,
            "source_pool": self.source_pool.images,
            "teacher": [] if self.teacher is None else [p.detach() for p in self.teacher.parameters()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.forward_generator.module.load_state_dict(state["forward_generator"])
        self.backward_generator.module.load_state_dict(state["backward_generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.target_adversary.load_state_dict(state["target_discriminator"])
        self.source_adversary.load_state_dict(state["source_discriminator"])
        device = self.fabric.device
        self.target_pool.images = [image.to(device) for image in state["target_pool"]]
        self.source_pool.images = [image.to(device) for image in state["source_pool"]]
        if self.teacher is not None:
            with torch.no_grad():
                for parameter, saved in zip(self.teacher.parameters(), state["teacher"], strict=True):
                    parameter.copy_(saved)
