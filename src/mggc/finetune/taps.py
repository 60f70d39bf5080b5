"""Feature taps: what chosen layers were given in the latest forward pass."""

from typing import Any

from torch import Tensor, nn

from mggc.networks.resnet import ResnetGenerator
from mggc.networks.unet import UnetGenerator
from mggc.pruning.table import CONVS


class FeatureTaps:
    """Remembers the inputs of the named layers until they are taken.

    Inputs are features after the activation, the same place where keep masks act.
    """

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        self.names = names
        self._features: dict[str, Tensor] = {}
        modules = dict(network.named_modules())
        for name in names:
            modules[name].register_forward_pre_hook(self._tap(name))

    def take(self) -> list[Tensor]:
        """The features of the latest forward pass, in the order of the names; they are forgotten."""
        features = [self._features[name] for name in self.names]
        self._features.clear()
        return features

    def _tap(self, name: str) -> Any:
        def remember(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._features[name] = inputs[0]

        return remember


def generator_points(generator: nn.Module) -> tuple[str, ...]:
    """Four layers whose inputs are distilled.

    U-Net: the down convolutions of levels 2 and 4 and the up convolutions of levels 3 and 1. ResNet: the start of the
    trunk, its thirds, and its end. Anything else: four convolutions spread evenly over the network.
    """
    match generator:
        case UnetGenerator():
            return tuple(f"{_unet_level(level)}.{layer}" for level, layer in ((2, 1), (4, 1), (3, 5), (1, 5)))
        case ResnetGenerator():
            first, blocks = 10, sum(hasattr(module, "conv_block") for module in generator.modules())
            return tuple(f"model.{first + round(share * blocks / 3)}" for share in range(4))
        case _:
            convs = [name for name, module in generator.named_modules() if isinstance(module, CONVS)]
            return tuple(convs[(quarter * len(convs)) // 5] for quarter in range(1, 5))


def discriminator_points(discriminator: nn.Module) -> tuple[str, ...]:
    """Two layers whose inputs are distilled: the middle and the last convolution (of five in the 70×70 PatchGAN)."""
    convs = [name for name, module in discriminator.named_modules() if isinstance(module, CONVS)]
    return (convs[len(convs) // 2], convs[-1])


def _unet_level(level: int) -> str:
    """Key prefix of a level inside the first: the levels nest."""
    return "model.model.1.model" + ".3.model" * (level - 1)
