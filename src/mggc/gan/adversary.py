"""One update of a discriminator, shared by Pix2Pix and CycleGAN."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.objectives import fake_loss, generator_loss, real_loss


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No gradients for the network's parameters inside; gradients still flow through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def adam(parameters: Any, config: ObjectiveConfig) -> torch.optim.Adam:
    """Adam with the settings of Pix2Pix and CycleGAN: 2e-4 and (0.5, 0.999) by default."""
    return torch.optim.Adam(parameters, lr=config.lr, betas=(config.beta1, 0.999))


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


class Adversary:
    """A discriminator with its optimizer and adversarial loss."""

    def __init__(
        self, network: nn.Module, config: ObjectiveConfig, fabric: Fabric, *, gan_mode: GanMode
    ) -> None:
        self.fabric, self.gan_mode = fabric, gan_mode
        self.network, self.optimizer = fabric.setup(network, adam(network.parameters(), config))

    def learn(self, real: Tensor, fake: Tensor) -> Tensor:
        """Update on real and generated inputs; half the summed loss, as in the original recipes."""
        loss = self._loss(self.network(real), self.network(fake.detach()))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        return loss.detach()

    def judge(self, fake: Tensor) -> Tensor:
        """What the generator pays for its images, with gradients to the images only."""
        # Not through the distributed wrapper: its reducer would wait for gradients that are switched off.
        with frozen(self.network.module), self.fabric.autocast():
            return generator_loss(self.network.module(fake).float(), self.gan_mode)

    def _loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return (real_loss(real_logits, self.gan_mode) + fake_loss(fake_logits, self.gan_mode)) / 2

    def state_dict(self) -> dict[str, Any]:
        """Network and optimizer."""
        return {"network": self.network.module.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.network.module.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
