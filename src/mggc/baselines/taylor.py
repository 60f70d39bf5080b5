"""First-order Taylor expansion: how much the loss would change if a channel were gone."""

from collections.abc import Iterator
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from mggc.baselines.chooser import Material
from mggc.data.loaders import Batch
from mggc.gan.objectives import generator_loss
from mggc.gan.pairs import Source, Target
from mggc.pruning.game import freeze
from mggc.pruning.masks import MaskedNetwork


def taylor_scores(material: Material, batches: Iterator[Batch]) -> Float[Tensor, " prunable"]:
    """(∂L/∂v_c)² at v = 1, averaged over training batches, for the mask v at the inputs of each channel's readers.

    To first order a channel's gate changes the loss by ∂L/∂v_c = Σ activation · gradient when it closes (Molchanov et al.
    2019, "Importance Estimation for Neural Network Pruning", Eq. 8, on gates).

    - Taken: the squared gradient of a gate behind the norm, averaged over mini-batches; one global ranking.
    - Different: L is the generator's part of the original GAN objective (adversarial plus, for pairs, the L1 distance)
      instead of a classifier's loss; one pruning step instead of many with finetuning in between. Without pairs L is
      adversarial alone, since the way back of a cycle is not at hand.
    """
    config, fabric = material.config, material.fabric
    freeze(material.generator, norm=config.generator_norm, dropout=False)
    freeze(material.discriminator, norm=config.discriminator_norm, dropout=False)
    masked = MaskedNetwork(material.generator, material.counter.table).to(fabric.device)
    material.discriminator.to(fabric.device)
    total = torch.zeros(masked.prunable, device=fabric.device)
    for batch in islice(batches, config.taylor_batches):
        source, target = batch.source.to(fabric.device), batch.target.to(fabric.device)
        mask = torch.ones_like(total).requires_grad_()
        with fabric.autocast():
            loss = _loss(material, source, target, masked(source, mask))
        (gradient,) = torch.autograd.grad(loss, mask)
        total += gradient.square()
    scores: Tensor = fabric.all_reduce(total / config.taylor_batches, reduce_op="mean")
    return scores.cpu()


def _loss(material: Material, source: Source, target: Target, fake: Target) -> Tensor:
    """What the original generator pays for its images."""
    judged = torch.cat([source, fake], dim=1) if material.conditional else fake
    loss = generator_loss(material.discriminator(judged).float(), material.gan_mode)
    if material.conditional:
        loss = loss + material.objective.lambda_l1 * (fake - target).abs().mean()
    return loss
