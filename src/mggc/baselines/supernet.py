"""A once-for-all generator: one set of weights, trained under ever-changing widths, that scores any of them."""

import copy
from typing import Any

import torch
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.baselines.comparison import judged, learning, still
from mggc.config import ObjectiveConfig
from mggc.gan.adversary import Adversary, adam
from mggc.gan.pairs import Source, Target
from mggc.pruning.masks import MaskedNetwork
from mggc.shapes import KeepMask


class Supernet:
    """The generator under a keep mask with its adversary, trained and scored by one objective.

    The objective is the adversarial loss plus a multiple of the L1 distance to the target image where images are
    paired, otherwise to the original generator's image (GAN Compression's, without its feature distillation).

    Args:
        material: The original networks and the terms of the task; the generator's weights are the first weights here.
        lr: Adam's learning rate for both networks.
        lambda_recon: Weight of the distance; absent: 100 for pairs, 10 otherwise.
    """

    def __init__(self, material: Material, *, lr: float, lambda_recon: float | None) -> None:
        self.material = material
        self.lambda_recon = (
            (100.0 if material.conditional else 10.0) if lambda_recon is None else lambda_recon
        )
        config, fabric = material.config, material.fabric
        self.original = still(copy.deepcopy(material.generator), material, norm=config.generator_norm)
        masked = MaskedNetwork(
            learning(material.generator, norm=config.generator_norm), material.counter.table
        )
        objective = ObjectiveConfig(lr=lr)
        self.generator, self.optimizer = fabric.setup(masked, adam(masked.parameters(), objective))
        discriminator = learning(material.discriminator, norm=config.discriminator_norm)
        self.adversary = Adversary(discriminator, objective, fabric, gan_mode=material.gan_mode)

    def learn(self, source: Source, target: Target, mask: KeepMask) -> dict[str, Tensor]:
        """Update the discriminator, then the weights that the mask leaves; the losses by name."""
        fake = self.generator(source, mask.to(source.device))
        discriminator = self.adversary.learn(self._judged(source, target), self._judged(source, fake))
        adversarial = self.adversary.judge(self._judged(source, fake))
        distance = self._distance(source, target, fake)
        self.optimizer.zero_grad()
        self.material.fabric.backward(adversarial + self.lambda_recon * distance)
        self.optimizer.step()
        return {
            "discriminator": discriminator,
            "adversarial": adversarial.detach(),
            "distance": distance.detach(),
        }

    @torch.no_grad()
    def score(self, source: Source, target: Target, masks: list[Tensor]) -> Tensor:
        """The generator's objective under each mask on one batch, float64 on the CPU; lower is better."""
        scores = []
        for mask in masks:
            with self.material.fabric.autocast():
                fake = self.generator.module(source, mask.to(source.device)).to(source.dtype)
            adversarial = self.adversary.judge(self._judged(source, fake))
            scores.append(adversarial + self.lambda_recon * self._distance(source, target, fake))
        mean: Tensor = self.material.fabric.all_reduce(torch.stack(scores), reduce_op="mean")
        return mean.cpu().double()

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimizers."""
        return {
            "generator": self.generator.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversary": self.adversary.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self.generator.module.load_state_dict(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.adversary.load_state_dict(state["adversary"])

    def _distance(self, source: Source, target: Target, fake: Target) -> Tensor:
        wanted = target
        if not self.material.conditional:
            with torch.no_grad(), self.material.fabric.autocast():
                wanted = self.original(source).to(source.dtype)
        return (fake - wanted).abs().mean()

    def _judged(self, source: Source, image: Target) -> Tensor:
        return judged(source, image, conditional=self.material.conditional)
