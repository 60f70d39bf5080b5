import pytest
import torch
from torch import Tensor, nn

from mggc.finetune.taps import FeatureTaps, discriminator_points, generator_points
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, PixelSpec, ResnetSpec, UnetSpec
from toys import Separable, images, strong_weights


def outputs_of(network: nn.Module, names: list[str], inputs: Tensor) -> list[Tensor]:
    """What the named layers give, in one pass."""
    found: dict[str, Tensor] = {}
    modules = dict(network.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _, __, output, name=name: found.update({name: output}))
        for name in names
    ]
    with torch.no_grad():
        network(inputs)
    for handle in handles:
        handle.remove()
    return [found[name] for name in names]


def leaky(features: Tensor) -> Tensor:
    return nn.functional.leaky_relu(features, 0.2)


INNER = "model.model.1.model.3.model.3.model"


@pytest.mark.parametrize("downs", [5, 8])
def test_unet_taps_are_the_published_layers_behind_their_activations(downs: int) -> None:
    """GCC distils the norms of levels 1 and 3 on the way down and the activations of both on the way up."""
    size = 2**downs
    network = strong_weights(build(UnetSpec(input_channels=3, output_channels=3, downs=downs, ngf=2))).eval()
    inputs = images(1, 3, size, size)
    names = ["model.model.1.model.2", f"{INNER}.2", f"{INNER}.4", "model.model.1.model.4"]
    expected = outputs_of(network, names, inputs)
    taps = FeatureTaps(network, generator_points(network))
    with torch.no_grad():
        network(inputs)
    found = taps.take()
    for feature, wanted, name in zip(found, expected, names, strict=True):
        assert torch.equal(feature, leaky(wanted) if name.endswith(".2") else wanted), name
    assert [feature.shape[1] for feature in found] == [4, 16, 32, 8]  # 2, 8, 16 and 4 times ngf


@pytest.mark.parametrize(
    ("blocks", "names"),
    [
        (9, ["model.9", "model.12", "model.15", "model.18"]),
        (6, ["model.9", "model.11", "model.13", "model.15"]),
    ],
)
def test_resnet_taps_are_the_start_the_thirds_and_the_end_of_the_trunk(blocks: int, names: list[str]) -> None:
    network = strong_weights(build(ResnetSpec(input_channels=3, output_channels=3, blocks=blocks, ngf=2)))
    inputs = images(1, 3, 16, 16)
    expected = outputs_of(network.eval(), names, inputs)
    taps = FeatureTaps(network, generator_points(network))
    with torch.no_grad():
        network(inputs)
    for feature, wanted in zip(taps.take(), expected, strict=True):
        assert torch.equal(feature, wanted)
        assert feature.shape[1] == 8


def test_discriminator_taps_are_the_second_and_the_fourth_convolution_normed_and_activated() -> None:
    network = strong_weights(build(PatchSpec(input_channels=3, ndf=2))).eval()
    inputs = images(1, 3, 32, 32)
    expected = outputs_of(network, ["model.3", "model.9"], inputs)
    taps = FeatureTaps(network, discriminator_points(network))
    with torch.no_grad():
        network(inputs)
    for feature, wanted in zip(taps.take(), expected, strict=True):
        assert torch.equal(feature, leaky(wanted))


def test_networks_of_other_kinds_have_their_points_too() -> None:
    assert generator_points(Separable()) == ("depthwise.0", "pointwise.0", "up.1", "out")
    assert discriminator_points(build(PixelSpec(input_channels=3))) == ("net.2", "net.5")
    assert discriminator_points(build(PatchSpec(input_channels=3, layers=1))) == ("model.2", "model.5")


def test_taps_hold_the_latest_pass_and_forget_what_was_taken() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1))
    taps = FeatureTaps(network, ("1", "0"))
    for seed in range(3):
        inputs = images(1, 1, 2, 2, seed=seed)
        network(inputs)
    features = taps.take()
    assert torch.equal(features[1], inputs)
    assert torch.equal(features[0], network[0](inputs))
    assert features[0].requires_grad
    with pytest.raises(KeyError):
        taps.take()
