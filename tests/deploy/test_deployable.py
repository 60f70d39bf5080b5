import pytest
import torch
from deploy_toys import RESNET, UNET, generator
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mggc.deploy.any_size import pad_to_multiple, translate
from mggc.deploy.graph import deployable
from mggc.deploy.interface import InputKind, Interface
from mggc.deploy.parity import expected_levels, tolerance_of
from mggc.networks.specs import NetworkSpec
from toys import images

NETWORKS = {"unet": (generator(UNET), UNET), "resnet": (generator(RESNET), RESNET)}
SIZES = {"unet": (32, 32), "resnet": (4, 8)}


def bytes_of(*shape: int, seed: int = 0) -> Tensor:
    return ((images(*shape, seed=seed) + 1) * 127.5).round().byte()


class Echo(torch.nn.Module):
    """Gives back what it is given, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, pictures: Tensor) -> Tensor:
        self.seen = pictures
        return pictures


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), minimum=st.sampled_from([4, 8, 32]))
def test_padding_inside_is_that_of_translate(height: int, width: int, minimum: int) -> None:
    pictures = images(1, 3, height, width)
    echo = Echo()
    whole = deployable(echo, UNET, Interface("float", 3, 3, 4, minimum))
    assert torch.equal(whole(pictures), pictures)
    seen = whole.generator.seen
    assert torch.equal(seen, pad_to_multiple(pictures, multiple=4, minimum=minimum))


@pytest.mark.parametrize("kind", ["uint8", "float"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(32, 32), (2, 9), (65, 40)])
def test_what_is_exported_translates_as_translate_does(
    name: str, kind: InputKind, size: tuple[int, int]
) -> None:
    network, spec = NETWORKS[name]
    interface = Interface(kind, 3, 3, *SIZES[name])
    pictures = bytes_of(2, 3, *size)
    levels = interface.levels(deployable(network, spec, interface)(interface.feed(pictures)))
    expected = expected_levels(network, interface, pictures)
    assert (levels - expected).abs().max() <= tolerance_of("fp32", interface).levels
    translated = torch.stack([translate(network, spec, picture) for picture in pictures])
    assert (levels.round() - translated).abs().max() <= 1


@pytest.mark.parametrize(("network", "spec"), NETWORKS.values(), ids=NETWORKS)
def test_the_network_itself_is_left_alone(network: torch.nn.Module, spec: NetworkSpec) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    whole = deployable(network, spec, Interface("uint8", 3, 3, 32, 32), half=True)
    assert {parameter.dtype for parameter in whole.parameters()} == {torch.float16}
    assert {parameter.requires_grad for parameter in whole.parameters()} == {False}
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_each_precision_has_a_stated_tolerance() -> None:
    floats, whole = (Interface(kind, 3, 3, 4, 8) for kind in ("float", "uint8"))
    assert tolerance_of("fp32", floats) == ("max", pytest.approx(1e-4 * 127.5))
    assert tolerance_of("fp32", whole) == ("max", 1.0)
    assert tolerance_of("fp16", whole) == ("mean", 0.5)
    assert tolerance_of("int8", whole) == ("mean", 8.0)
    assert tolerance_of("int8", whole, 2.0) == ("mean", 2.0)
