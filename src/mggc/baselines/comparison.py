"""What the searches share: still networks, what a discriminator sees, an untouched discriminator, and even schedules."""

import torch
from torch import nn

from mggc.baselines.chooser import Material
from mggc.config import NormMode
from mggc.gan.pairs import Source, Target
from mggc.networks.modes import set_modes
from mggc.pruning.plan import ChannelPlan
from mggc.shapes import Images


def still(network: nn.Module, material: Material, *, norm: NormMode) -> nn.Module:
    """The network itself on the device, its weights frozen, dropout off, its batch norms' statistics as asked for."""
    set_modes(network, norm=norm, dropout=False)
    return network.requires_grad_(False).to(material.fabric.device)


def learning(network: nn.Module, *, norm: NormMode) -> nn.Module:
    """The network itself, its weights trainable, dropout off, its batch norms' statistics as asked for.

    Dropout is off so that a search compares widths and not luck, and so that no randomness is left to save.
    """
    set_modes(network, norm=norm, dropout=False)
    return network.requires_grad_(True)


def judged(source: Source, image: Target, *, conditional: bool) -> Images:
    """What the discriminator sees of a real or generated image."""
    return torch.cat([source, image], dim=1) if conditional else image


def whole_discriminator(material: Material) -> ChannelPlan:
    """The plan of the methods that leave the discriminator at its full width."""
    table = material.discriminator_table
    return ChannelPlan.from_mask(torch.ones(table.prunable), table)


def ends_period(step: int, *, periods: int, updates: int) -> bool:
    """Whether update ``step`` (from 0) is the last of one of ``periods`` even stretches of ``updates`` updates.

    There are no more periods than updates, and the last update always ends one.
    """
    periods = min(periods, updates)
    return (step + 1) * periods // updates > step * periods // updates
