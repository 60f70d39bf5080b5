"""What a network was, read off the names and shapes of its weights in pytorch-CycleGAN-and-pix2pix.

The state dicts of that repository say nothing about the networks they belong to, but their keys are indices into
nested Sequentials, so almost everything follows. What does not: dropout in a U-Net, and no norm from instance norm
where hidden convolutions have a bias.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mggc.config import Norm
from mggc.errors import MggcError
from mggc.networks.specs import NetworkSpec, PatchSpec, PixelSpec, ResnetSpec, UnetSpec

Weights = Mapping[str, Tensor]


def infer_spec(
    weights: Weights, *, source: Path, unet_dropout: bool = True, norm: Norm | None = None
) -> NetworkSpec:
    """The network that has these weights.

    Args:
        weights: A state dict without prefixes, as `read_state_dict` returns it.
        source: The file's name for error messages.
        unet_dropout: Whether a U-Net was trained with dropout, which leaves no trace.
        norm: Normalization without weights, where hidden convolutions have a bias; absent: instance norm.

    Raises:
        MggcError: The keys are of no network that we know.
    """
    if "net.0.weight" in weights:
        return _infer_pixel(weights, source, norm)
    if "model.model.0.weight" in weights:
        return _infer_unet(weights, source, norm, dropout=unet_dropout)
    if any(".conv_block." in key for key in weights):
        return _infer_resnet(weights, source, norm)
    if _convolution(weights, "model.0.weight") and _convolution(weights, "model.2.weight"):
        return _infer_patchgan(weights, source, norm)
    first = next(iter(weights), "no key at all")
    raise MggcError(
        f"{source}: its keys (the first is {first}) are of no U-Net, ResNet, PatchGAN or pixel discriminator of "
        "pytorch-CycleGAN-and-pix2pix. Bring another network as a factory, package.module:function."
    )


def _infer_unet(weights: Weights, source: Path, norm: Norm | None, *, dropout: bool) -> UnetSpec:
    downs, block = 1, "model.model.1.model"
    while _convolution(weights, f"{block}.1.weight"):
        downs, block = downs + 1, f"{block}.3.model"
    if downs < 5:
        raise MggcError(f"{source} is a U-Net of {downs} levels; at least 5 can be read.")
    outermost = _shape(weights, "model.model.0.weight", source)
    bias = "model.model.0.bias" in weights
    found_norm = _norm(weights, hint=norm, hidden_bias=bias)
    return UnetSpec(
        input_channels=outermost[1],
        output_channels=_shape(weights, "model.model.3.weight", source)[1],
        downs=downs,
        ngf=outermost[0],
        norm=found_norm,
        dropout=dropout,
        bias=_unusual(bias, found_norm),
    )


def _infer_resnet(weights: Weights, source: Path, norm: Norm | None) -> ResnetSpec:
    if _convolution(weights, "model.0.weight"):
        raise MggcError(
            f"{source} is a ResNet from before July 2017, without reflection padding; such networks cannot be read."
        )
    blocks = len({key.split(".")[1] for key in weights if re.match(r"model\.\d+\.conv_block\.", key)})
    stem = _shape(weights, "model.1.weight", source)
    bias = "model.1.bias" in weights
    found_norm = _norm(weights, hint=norm, hidden_bias=bias)
    return ResnetSpec(
        input_channels=stem[1],
        output_channels=_shape(weights, f"model.{17 + blocks}.weight", source)[0],
        blocks=blocks,
        ngf=stem[0],
        norm=found_norm,
        dropout=_convolution(weights, "model.10.conv_block.6.weight"),
        bias=_unusual(bias, found_norm),
    )


def _infer_patchgan(weights: Weights, source: Path, norm: Norm | None) -> PatchSpec:
    convolutions = sum(_convolution(weights, key) for key in weights)
    if convolutions < 3:
        raise MggcError(f"{source} has {convolutions} convolutions; a PatchGAN has at least 3.")
    first = _shape(weights, "model.0.weight", source)
    bias = "model.2.bias" in weights
    found_norm = _norm(weights, hint=norm, hidden_bias=bias)
    return PatchSpec(
        input_channels=first[1],
        ndf=first[0],
        layers=convolutions - 2,
        norm=found_norm,
        bias=_unusual(bias, found_norm),
    )


def _infer_pixel(weights: Weights, source: Path, norm: Norm | None) -> PixelSpec:
    first = _shape(weights, "net.0.weight", source)
    bias = "net.2.bias" in weights
    found_norm = _norm(weights, hint=norm, hidden_bias=bias)
    return PixelSpec(input_channels=first[1], ndf=first[0], norm=found_norm, bias=_unusual(bias, found_norm))


def _norm(weights: Weights, *, hint: Norm | None, hidden_bias: bool) -> Norm:
    """Batch norms have a weight beside their running mean; the others have nothing that is worth keeping."""
    for key in weights:
        if key.endswith(".running_mean") and key.replace("running_mean", "weight") in weights:
            return "batch"
    return (hint or "instance") if hidden_bias else "none"


def _unusual(hidden_bias: bool, norm: Norm) -> bool | None:
    """A ``bias`` to be written into the specification: only where it differs from what the norm implies."""
    return None if hidden_bias == (norm == "instance") else hidden_bias


def _convolution(weights: Weights, key: str) -> bool:
    return key in weights and weights[key].ndim == 4


def _shape(weights: Weights, key: str, source: Path) -> list[int]:
    if not _convolution(weights, key):
        raise MggcError(
            f"{source}: key {key} is missing or not a convolution's, unlike in the published networks."
        )
    return list(weights[key].shape)
