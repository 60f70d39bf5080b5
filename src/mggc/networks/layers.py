"""What all networks share: the normalization layer, and which convolutions have a bias."""

from torch import nn

from mggc.config import Norm


def normalization(norm: Norm, channels: int) -> nn.Module:
    """The layer that follows a hidden convolution; without normalization an identity keeps its index in state dicts.

    Batch normalization is affine with running statistics, instance normalization has neither.
    """
    match norm:
        case "batch":
            return nn.BatchNorm2d(channels)
        case "instance":
            return nn.InstanceNorm2d(channels)
        case "none":
            return nn.Identity()


def hidden_bias(norm: Norm, override: bool | None) -> bool:
    """Whether hidden convolutions have a bias: with instance norm only, unless the caller knows better."""
    return norm == "instance" if override is None else override
