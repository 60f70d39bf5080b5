"""From a specification to a network: the only place where specifications and classes of networks meet."""

import importlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from mggc.errors import MggcError
from mggc.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from mggc.networks.resnet import ResnetGenerator
from mggc.networks.specs import FactorySpec, NetworkSpec, PatchSpec, PixelSpec, ResnetSpec, UnetSpec
from mggc.networks.unet import UnetGenerator


def build(spec: NetworkSpec) -> nn.Module:
    """The network that a specification describes, with PyTorch's default weights; `initialize` draws the usual ones.

    Raises:
        MggcError: A user's factory cannot be imported, or does not return a network.
    """
    match spec:
        case UnetSpec():
            return UnetGenerator(
                spec.input_channels,
                spec.output_channels,
                downs=spec.downs,
                ngf=spec.ngf,
                norm=spec.norm,
                dropout=spec.dropout,
                bias=spec.bias,
            )
        case ResnetSpec():
            return ResnetGenerator(
                spec.input_channels,
                spec.output_channels,
                blocks=spec.blocks,
                ngf=spec.ngf,
                norm=spec.norm,
                dropout=spec.dropout,
                bias=spec.bias,
            )
        case PatchSpec():
            return PatchDiscriminator(
                spec.input_channels, ndf=spec.ndf, layers=spec.layers, norm=spec.norm, bias=spec.bias
            )
        case PixelSpec():
            return PixelDiscriminator(spec.input_channels, ndf=spec.ndf, norm=spec.norm, bias=spec.bias)
        case FactorySpec():
            return _call_factory(spec.factory)


def initialize(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw convolutions from N(0, 0.02) and batch-norm weights from N(1, 0.02), in place; biases are zero.

    The draws are a function of the generator (on the CPU) alone, whatever device the network is on. Running
    statistics start again.

    Returns:
        The same network.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            _draw(module.weight, mean=0.0, generator=generator)
        elif isinstance(module, nn.modules.batchnorm._NormBase) and module.affine:
            module.reset_running_stats()
            _draw(module.weight, mean=1.0, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


def _draw(weight: Tensor, *, mean: float, generator: torch.Generator) -> None:
    with torch.no_grad():
        weight.copy_(torch.empty(weight.shape).normal_(mean, 0.02, generator=generator))


def _call_factory(path: str) -> nn.Module:
    module_name, _, function_name = path.partition(":")
    # An installed command, unlike `python -m`, does not look for modules in the current folder.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        factory = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise MggcError(
            f"The network's factory {path} cannot be imported ({error}). "
            "Run from the folder that holds the module, or install it."
        ) from error
    network = factory()
    if not isinstance(network, nn.Module):
        raise MggcError(
            f"The factory {path} should return a torch.nn.Module. Found {type(network).__name__}."
        )
    return network
