"""The sizes of a network's layers, and how to give a freshly built network the sizes of a cut one."""

from typing import TypeAlias

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from mggc.networks.build import build
from mggc.networks.resnet import ResnetBlock, Shift
from mggc.networks.specs import FactorySpec, NetworkSpec

LayerShapes: TypeAlias = dict[str, list[int] | None]
"""By module name: [written, read, groups] of a convolution, [written, read] of a linear layer, [channels] of a norm or a
PReLU, None for a residual block that was removed, and
[channels] for one that left a constant behind."""


def build_empty(spec: NetworkSpec) -> nn.Module:
    """The network of a specification for weights that are yet to come: without memory, where that is possible."""
    if isinstance(spec, FactorySpec):
        return build(spec)  # a user's module may hold tensors that no state dict brings
    with torch.device("meta"):
        return build(spec)


def layer_shapes(network: nn.Module) -> dict[str, list[int]]:
    """The sizes of all convolutions, linear layers, norms and PReLUs, by module name."""
    shapes = {name: _shape(module) for name, module in network.named_modules()}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def cut_shapes(network: nn.Module, spec: NetworkSpec) -> LayerShapes | None:
    """What `reshape` needs to turn the network of ``spec`` into this one; None if nothing was cut."""
    original = build_empty(spec)
    shapes: LayerShapes = {**layer_shapes(network)}
    removed: list[str] = []
    for name, module in original.named_modules():
        inside_removed = any(name.startswith(f"{block}.") for block in removed)
        if not inside_removed and not isinstance(module, nn.Identity) and _is_identity(network, name):
            removed.append(name)
    if not removed and shapes == layer_shapes(original):
        return None
    return shapes | dict.fromkeys(removed)


def reshape(network: nn.Module, shapes: LayerShapes) -> None:
    """Give the layers of a network the sizes of `cut_shapes`, in place; resized parameters are left unset.

    Removed blocks become identities. Parameters keep their device, dtype and ``requires_grad``.

    Raises:
        ValueError: The network has no layer of a name, or one of another kind.
    """
    for name, shape in shapes.items():
        try:
            module = network.get_submodule(name)
        except AttributeError as error:
            raise ValueError(f"The network has no layer {name}.") from error
        old = _shape(module)
        if shape is None:
            network.set_submodule(name, nn.Identity())
        elif isinstance(module, ResnetBlock) and len(shape) == 1:
            # Created where the network is, which may be the device without memory.
            with torch.device(next(module.parameters()).device):
                network.set_submodule(name, Shift(shape[0]))
        elif old is None or len(old) != len(shape):
            raise ValueError(f"Layer {name} is a {type(module).__name__}, which has no sizes {shape}.")
        elif old != shape:
            _resize(module, shape)


def _is_identity(network: nn.Module, name: str) -> bool:
    try:
        return isinstance(network.get_submodule(name), nn.Identity)
    except AttributeError:
        return False


def _shape(module: nn.Module) -> list[int] | None:
    match module:
        case _ConvNd():
            return [module.out_channels, module.in_channels, module.groups]
        case nn.Linear():
            return [module.out_features, module.in_features]
        case _NormBase():
            return [module.num_features]
        case nn.GroupNorm():
            return [module.num_channels]
        case nn.PReLU():
            return [module.num_parameters]
        case Shift():
            return [module.shift.numel()]
    return None


def _resize(module: nn.Module, shape: list[int]) -> None:
    match module:
        case _ConvNd():
            module.out_channels, module.in_channels, module.groups = shape
            first, second = (shape[1], shape[0]) if isinstance(module, _ConvTransposeNd) else shape[:2]
            _resize_tensor(module, "weight", first, second // shape[2])
            _resize_tensor(module, "bias", shape[0])
        case nn.Linear():
            module.out_features, module.in_features = shape
            _resize_tensor(module, "weight", *shape)
            _resize_tensor(module, "bias", shape[0])
        case _NormBase():
            module.num_features = shape[0]
            for name in ("weight", "bias", "running_mean", "running_var"):
                _resize_tensor(module, name, shape[0])
        case nn.GroupNorm():
            module.num_channels = shape[0]
            _resize_tensor(module, "weight", shape[0])
            _resize_tensor(module, "bias", shape[0])
        case nn.PReLU():
            module.num_parameters = shape[0]
            _resize_tensor(module, "weight", shape[0])


def _resize_tensor(module: nn.Module, name: str, *sizes: int) -> None:
    """Replace the leading sizes of a parameter or buffer, if the module has it."""
    old = getattr(module, name)
    if old is None:
        return
    new = old.detach().new_empty((*sizes, *old.shape[len(sizes) :]))
    setattr(module, name, nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new)
