from pathlib import Path

import pytest
import torch
from deploy_toys import UNET, generator
from torch import Tensor, nn

from mggc.deploy.any_size import translate
from mggc.deploy.graph import deployable
from mggc.deploy.interface import Interface
from mggc.deploy.onnx_file import write_onnx
from mggc.deploy.program import trace
from mggc.deploy.sizes import taken_sizes
from mggc.errors import MggcError
from mggc.networks.specs import FactorySpec, NetworkSpec
from own_networks import Halving, MobileGenerator, UpsamplingGenerator
from toys import images, strong_weights

OWN = FactorySpec(factory="own:network", input_channels=3, output_channels=3)


def bytes_of(*shape: int, seed: int = 0) -> Tensor:
    return ((images(*shape, seed=seed) + 1) * 127.5).round().byte()


def interface_of(network: nn.Module, spec: NetworkSpec) -> Interface:
    return Interface("uint8", 3, 3, *taken_sizes(network, spec))


def test_a_program_from_its_file_takes_every_size_and_number(tmp_path: Path) -> None:
    network = generator(UNET, compressed=True)
    program = trace(deployable(network, UNET, interface_of(network, UNET)))
    torch.export.save(program, tmp_path / "generator.pt2")
    module = torch.export.load(tmp_path / "generator.pt2").module()
    # 32 pixels leave one at the bottom of this U-Net, where the traced example had two.
    for batch, height, width in [(1, 32, 32), (3, 64, 96), (1, 1, 1), (1, 1, 40), (2, 45, 51), (1, 33, 300)]:
        pictures = bytes_of(batch, 3, height, width)
        output = module(pictures.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        expected = torch.stack([translate(network, UNET, picture) for picture in pictures])
        assert output.shape == expected.shape
        # A rounding apart: folded norms compute in another order.
        assert (output.int() - expected.int()).abs().max() <= 1, (batch, height, width)


@pytest.mark.parametrize("own", [MobileGenerator, UpsamplingGenerator])
def test_a_network_of_the_users_own_is_padded_to_what_it_takes(own: type[nn.Module]) -> None:
    network = strong_weights(own()).eval()
    interface = interface_of(network, OWN)
    assert interface.multiple == 2
    whole = deployable(network, OWN, interface)
    for height, width in [(8, 8), (7, 12), (33, 20)]:
        picture = bytes_of(3, height, width)
        output = whole(picture.permute(1, 2, 0)[None])[0].permute(2, 0, 1)
        assert torch.equal(output, translate(network, OWN, picture))


def test_a_network_that_gives_back_another_size_is_refused() -> None:
    with pytest.raises(MggcError, match="own:network takes no image padded to a multiple of up to 256"):
        taken_sizes(Halving().eval(), OWN)


class Undecided(nn.Module):
    """A layer whose flow depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), Hesitant()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.second(self.first(pictures))


class Hesitant(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(features) if features.mean().item() > 0 else features


class Exotic(nn.Module):
    """A layer of a function that ONNX lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), Bessel()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.second(self.first(pictures))


class Bessel(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return torch.special.bessel_j0(features)


def test_what_cannot_be_traced_is_named_with_its_layer(capfd: pytest.CaptureFixture[str]) -> None:
    network = Undecided().eval()
    with pytest.raises(MggcError, match=r"`return torch\.tanh.*` in layer second cannot be traced") as caught:
        trace(deployable(network, OWN, Interface("uint8", 3, 3, 1, 1)))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_what_onnx_lacks_is_named_with_its_layer(tmp_path: Path) -> None:
    network = Exotic().eval()
    program = trace(deployable(network, OWN, Interface("uint8", 3, 3, 1, 1)))
    with pytest.raises(MggcError, match=r"lacks a counterpart of aten\.special_bessel_j0 in layer second"):
        write_onnx(program, tmp_path / "generator.onnx")
    assert list(tmp_path.iterdir()) == []
