import pytest
import torch
from torch import nn

from asserts import assert_same, snapshot
from mggc.deploy.strided import stride_last_convolution
from mggc.networks.build import build
from mggc.networks.specs import ResnetSpec, UnetSpec
from toys import images, strong_weights


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (44, 28)])
def test_a_resnet_with_a_strided_output_gives_the_same_images(channels: int, size: tuple[int, int]) -> None:
    generator = strong_weights(
        build(ResnetSpec(input_channels=3, output_channels=channels, blocks=1, ngf=4)), seed=1
    )
    before, generator = snapshot(generator), generator.eval()
    strided = stride_last_convolution(generator).eval()
    source = images(2, 3, *size)
    with torch.inference_mode():
        torch.testing.assert_close(strided(source), generator(source), rtol=0, atol=1e-5)
    assert_same(snapshot(generator), before)
    shapes = [layer.weight.shape[2:] for layer in strided.modules() if isinstance(layer, nn.Conv2d)]
    assert shapes[-1] == (8, 8)


def test_other_networks_stay_as_they_are() -> None:
    network = build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=4))
    assert stride_last_convolution(network) is network
