"""Batch norms merged into the convolutions before them: the same function in eval mode, with one pass less."""

import copy
from collections import Counter

import torch
from torch import nn

Convolution = nn.Conv2d | nn.ConvTranspose2d


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """A copy without the batch norms that directly follow a convolution in an ``nn.Sequential``.

    In eval mode batch norm is the affine map γ (x - μ) / √(σ² + ε) + β with fixed numbers, so it scales the
    convolution's weights and shifts its bias. Norms that are not foldable stay: those with statistics of the batch, those
    of shared convolutions, and those anywhere but in a plain ``nn.Sequential``, whose order is the order of computation.

    Args:
        network: Left as it is; with dropout inactive the copy computes the same in eval mode.
    """
    folded = copy.deepcopy(network)
    uses = Counter(id(module) for _, module in folded.named_modules(remove_duplicate=False))
    for sequence in folded.modules():
        if type(sequence) is not nn.Sequential:
            continue
        for index in range(1, len(sequence)):
            convolution, norm = sequence[index - 1], sequence[index]
            if _foldable(convolution, norm) and uses[id(convolution)] == uses[id(norm)] == 1:
                _fold(convolution, norm)  # type: ignore[arg-type]  # `_foldable` has looked
                sequence[index] = nn.Identity()
    return folded


def _foldable(convolution: nn.Module, norm: nn.Module) -> bool:
    return (
        isinstance(norm, nn.BatchNorm2d)
        and not norm.training
        and norm.running_mean is not None
        and (
            type(convolution) is nn.Conv2d
            or (type(convolution) is nn.ConvTranspose2d and convolution.groups == 1)
        )
    )


def _fold(convolution: Convolution, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("A batch norm without running statistics cannot be folded.")
    scale = (variance.double() + norm.eps).rsqrt()
    shift = -mean.double() * scale
    if norm.affine:
        scale, shift = scale * norm.weight.double(), shift * norm.weight.double() + norm.bias.double()
    if convolution.bias is not None:
        shift = shift + convolution.bias.double() * scale
    weight = convolution.weight
    along_output = scale[None, :] if isinstance(convolution, nn.ConvTranspose2d) else scale[:, None]
    with torch.no_grad():
        convolution.weight = nn.Parameter((weight.double() * along_output[..., None, None]).to(weight.dtype))
        convolution.bias = nn.Parameter(shift.to(weight.dtype))
