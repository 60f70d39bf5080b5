"""Adversarial losses of discriminators (f_D) and generators (f_G), averaged over the patches of a PatchGAN."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mggc.config import GanMode

Logits = Float[Tensor, "batch 1 rows columns"]
Loss = Float[Tensor, ""]


def real_loss(logits: Logits, mode: GanMode) -> Loss:
    """What a discriminator pays for its logits on real images: hinge, vanilla (cross-entropy) or least squares."""
    match mode:
        case "hinge":
            return F.relu(1 - logits).mean()
        case "vanilla":
            return F.softplus(-logits).mean()
        case "lsgan":
            return (logits - 1).square().mean()


def fake_loss(logits: Logits, mode: GanMode) -> Loss:
    """What a discriminator pays for its logits on generated images."""
    match mode:
        case "hinge":
            return F.relu(1 + logits).mean()
        case "vanilla":
            return F.softplus(logits).mean()
        case "lsgan":
            return logits.square().mean()


def generator_loss(logits: Logits, mode: GanMode) -> Loss:
    """What a generator pays for the discriminator's logits on its images."""
    match mode:
        case "hinge":
            return -logits.mean()
        case "vanilla":
            return F.softplus(-logits).mean()
        case "lsgan":
            return (logits - 1).square().mean()
