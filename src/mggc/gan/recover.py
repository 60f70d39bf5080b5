"""A discriminator for a frozen generator, when the one it was trained with is lost.

A discriminator from a finished GAN training is neither ignorant nor perfect: the generator has kept up with it. Against a
frozen generator it would go on to perfection and its gradients would say little. So training stops where its loss on
validation images, real and generated, has fallen to a share of what guessing costs.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.adversary import Adversary
from mggc.gan.objectives import fake_loss, real_loss
from mggc.gan.pairs import Source, Target

Pair: TypeAlias = tuple[Float[Tensor, "_ _ height width"], Float[Tensor, "_ _ height width"]]
"""A batch of source images and the like of target images; several batches need not have one length."""
GUESSING: dict[GanMode, float] = {"hinge": 1.0, "vanilla": math.log(2), "lsgan": 0.25}
"""Loss of a discriminator that cannot tell: half the sum of its losses on real and on generated images."""


class RecoverRecord(NamedTuple):
    """One update."""

    step: int
    """Updates done so far, this one included."""
    loss: Tensor
    """The discriminator's loss on the batch."""
    share: float | None
    """Validation loss as a share of guessing's, where it was measured."""


class Recovery:
    """Trains a discriminator against images of a generator that does not learn.

    Args:
        generator: The frozen generator; put into eval mode.
        discriminator: A new discriminator, its norms in training mode as in a GAN training.
        config: Learning rate.
        fabric: Devices and precision.
        gan_mode: Adversarial loss.
        conditional: Whether the discriminator sees the source image too.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        config: ObjectiveConfig,
        fabric: Fabric,
        *,
        gan_mode: GanMode,
        conditional: bool,
    ) -> None:
        self.fabric, self.gan_mode, self.conditional = fabric, gan_mode, conditional
        self.generator = generator.to(fabric.device).eval().requires_grad_(False)
        self.adversary = Adversary(discriminator.train(), config, fabric, gan_mode=gan_mode)
        self.share: float | None = None
        """The latest validation loss as a share of guessing's; None before the first measurement."""

    def update(self, source: Source, target: Target) -> Tensor:
        """One update of the discriminator; its loss."""
        return self.adversary.learn(*self._inputs(source, target))

    @torch.no_grad()
    def measure(self, batches: list[Pair]) -> float:
        """Loss on held-out images as a share of what guessing costs: 1 for ignorance, 0 for perfection.

        Norms use the statistics of the batch, as everywhere else in a discriminator's life; running ones are kept.
        """
        network = self.adversary.network.module
        state = {name: buffer.clone() for name, buffer in network.named_buffers()}
        losses = [self._loss(network, *self._inputs(*batch)) for batch in batches]
        for name, buffer in network.named_buffers():
            buffer.copy_(state[name])
        self.share = torch.stack(losses).mean().item() / GUESSING[self.gan_mode]
        return self.share

    def _loss(self, network: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        with self.fabric.autocast():
            real_logits, fake_logits = network(real).float(), network(fake).float()
        return (real_loss(real_logits, self.gan_mode) + fake_loss(fake_logits, self.gan_mode)) / 2

    @torch.no_grad()
    def _inputs(self, source: Source, target: Target) -> tuple[Tensor, Tensor]:
        with self.fabric.autocast():
            fake = self.generator(source).float()
        if not self.conditional:
            return target, fake
        return torch.cat([source, target], dim=1), torch.cat([source, fake], dim=1)

    def state_dict(self) -> dict[str, Any]:
        """Discriminator and optimizer, and the latest measurement, which may be the reason to stop."""
        return {"adversary": self.adversary.state_dict(), "share": self.share}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.adversary.load_state_dict(state["adversary"])
        self.share = state["share"]


def recover(
    recovery: Recovery,
    batches: Iterator[Pair],
    held_out: list[Pair],
    *,
    target_share: float,
    check_every: int,
    most: int,
    start: int = 0,
) -> Iterator[RecoverRecord]:
    """Train until the validation loss has fallen to ``target_share`` of guessing's, or for ``most`` updates.

    Args:
        recovery: Networks and optimizer, at the state after ``start`` updates.
        batches: Source and target images, beginning with batch number ``start``.
        held_out: Validation images.
        target_share: Where to stop.
        check_every: Updates between measurements.
        most: Updates after which training stops in any case.
        start: Updates already done.
    """
    for step in range(start + 1, most + 1):
        if recovery.share is not None and recovery.share <= target_share:
            return
        loss = recovery.update(*next(batches))
        measured = step % check_every == 0 or step == most
        yield RecoverRecord(step, loss, recovery.measure(held_out) if measured else None)
