"""LPIPS (Zhang et al., 2018), version 0.1 with AlexNet: a distance of deep features, weighted as people judge.

Names of layers are those of the published files: torchvision's ``features.*`` and the lpips package's ``lin*.model.1``.
"""

from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from mggc.metrics.published import fill, read_state_dict
from mggc.shapes import Images

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation for images in [-1, 1], as the weights were trained with."""
CHANNELS = (64, 192, 384, 256, 256)
SMALLEST = 31
"""Side of the smallest image for which every layer has a position, in pixels."""
NORM_EPSILON = 1e-10


@final
class Lpips(nn.Module):
    """The distance between images of a pair. Use :func:`load_lpips` for the weights."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict(
            {
                "0": nn.Conv2d(3, 64, 11, stride=4, padding=2),
                "3": nn.Conv2d(64, 192, 5, padding=2),
                "6": nn.Conv2d(192, 384, 3, padding=1),
                "8": nn.Conv2d(384, 256, 3, padding=1),
                "10": nn.Conv2d(256, 256, 3, padding=1),
            }
        )
        for number, channels in enumerate(CHANNELS):
            head = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))
            self.add_module(f"lin{number}", nn.ModuleDict({"model": head}))
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, fake: Images, real: Images) -> Float[Tensor, " batch"]:
        """One distance for each pair of images in [-1, 1], of 3 channels or 1 (grey); 0 for equal images.

        Σ over layers of the mean over positions of w · (f̂ - ĝ)², where f̂, ĝ are the layer's features at unit length
        over channels, and the weights w are not negative.

        Raises:
            ValueError: The stacks differ in shape, or the images are smaller than 31 pixels.
        """
        if fake.shape != real.shape or min(fake.shape[-2:]) < SMALLEST:
            raise ValueError(
                f"LPIPS needs pairs of one shape of {SMALLEST}×{SMALLEST} or more. Found {tuple(fake.shape)} and "
                f"{tuple(real.shape)}."
            )
        total = fake.new_zeros(len(fake))
        for number, (first, second) in enumerate(zip(self._layers(fake), self._layers(real), strict=True)):
            head = self.get_submodule(f"lin{number}.model")
            total = total + head((_unit(first) - _unit(second)).square()).mean((1, 2, 3))
        return total

    def _layers(self, images: Images) -> list[Tensor]:
        """Features after each of the five convolutions and its ReLU."""
        hidden = (images.expand(-1, 3, -1, -1) - self.shift) / self.scale
        layers = []
        for name, convolution in self.features.items():
            if name in ("3", "6"):
                hidden = max_pool2d(hidden, 3, stride=2)
            hidden = torch.relu(convolution(hidden))
            layers.append(hidden)
        return layers


def load_lpips(backbone: Path, heads: Path) -> Lpips:
    """The distance with published weights, frozen and in eval mode, on the CPU.

    Args:
        backbone: A copy of torchvision's ``alexnet-owt-7be5be79.pth``; its classifier is not used.
        heads: A copy of ``alex.pth`` of the lpips package, version 0.1.

    Raises:
        MggcError: A file is missing, is not a file of weights, or holds another network's.
    """
    network = Lpips()
    _fill_part(network, backbone, prefix="features.", wanted="alexnet-owt-7be5be79.pth of torchvision")
    _fill_part(network, heads, prefix="lin", wanted="weights/v0.1/alex.pth of the lpips package")
    return network.eval().requires_grad_(False)


def _fill_part(network: Lpips, path: Path, *, prefix: str, wanted: str) -> None:
    state = read_state_dict(path, what="LPIPS", wanted=wanted)
    if isinstance(state, dict):
        rest = {name: value for name, value in network.state_dict().items() if not name.startswith(prefix)}
        state = {name: value for name, value in state.items() if not str(name).startswith("classifier.")}
        state |= rest  # the other file's part is as it was
    fill(network, state, path=path, wanted=wanted)


def _unit(features: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch channels h w"]:
    return features / (features.square().sum(1, keepdim=True).sqrt() + NORM_EPSILON)
