"""Small GANs, and updates of theirs written out by hand."""

import copy
import io
from typing import Any

import torch
from torch import Tensor, nn

from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec
from toys import images, strong_weights

SIZE = 32


def unet(seed: int, *, dropout: bool = False) -> nn.Module:
    return strong_weights(
        build(UnetSpec(input_channels=1, output_channels=3, downs=5, ngf=2, dropout=dropout)), seed
    )


def resnet(read: int, written: int, seed: int) -> nn.Module:
    return strong_weights(
        build(ResnetSpec(input_channels=read, output_channels=written, blocks=1, ngf=2)), seed
    )


def patchgan(channels: int, seed: int, *, norm: str = "batch") -> nn.Module:
    return strong_weights(build(PatchSpec(input_channels=channels, ndf=2, layers=2, norm=norm)), seed)


def batch(number: int, *, channels: tuple[int, int] = (1, 3)) -> tuple[Tensor, Tensor]:
    read, written = channels
    return images(2, read, SIZE, SIZE, seed=number), images(2, written, SIZE, SIZE, seed=1000 + number)


def reloaded(state: dict[str, Any]) -> dict[str, Any]:
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


def twins(*networks: nn.Module) -> list[nn.Module]:
    return [copy.deepcopy(network).train() for network in networks]


def adam(lr: float, *networks: nn.Module) -> torch.optim.Adam:
    parameters = [parameter for network in networks for parameter in network.parameters()]
    return torch.optim.Adam(parameters, lr=lr, betas=(0.5, 0.999))
