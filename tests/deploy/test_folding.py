import pytest
import torch
from deploy_toys import UNET, generator
from torch import nn

from mggc.deploy.folding import fold_batch_norms
from mggc.networks.specs import NetworkSpec, ResnetSpec
from own_networks import MobileGenerator
from toys import images, strong_weights

RESNET = ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=4, norm="batch", dropout=True)


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("spec", [UNET, RESNET], ids=["U-Net", "ResNet"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_folded_network_computes_the_same_without_batch_norms(spec: NetworkSpec, compressed: bool) -> None:
    network = generator(spec, compressed=compressed).double()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = fold_batch_norms(network)
    pictures = images(2, 3, 64, 32).double()
    with torch.no_grad():
        torch.testing.assert_close(folded(pictures), network(pictures), rtol=0, atol=1e-12)
    assert norms(network) > 0
    assert norms(folded) == 0
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_depthwise_convolutions_and_norms_without_weights_fold_too() -> None:
    network = strong_weights(MobileGenerator()).double().eval()
    for block in network.blocks:
        block.layers[4] = nn.BatchNorm2d(8, affine=False).double().eval()
    folded = fold_batch_norms(network)
    pictures = images(1, 3, 24, 24).double()
    with torch.no_grad():
        torch.testing.assert_close(folded(pictures), network(pictures), rtol=0, atol=1e-12)
    assert norms(folded) == 0


class Unfoldable(nn.Module):
    """A convolution used twice, a norm in another order than its layers' list, and one before any convolution."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Conv2d(3, 3, 1)
        self.first = nn.Sequential(nn.BatchNorm2d(3), shared, nn.BatchNorm2d(3))
        self.second = nn.Sequential(shared, nn.ReLU(), nn.BatchNorm2d(3))
        self.listed = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)])

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features = self.second(self.first(pictures))
        return self.listed[0](self.listed[1](features))


def test_what_cannot_be_folded_stays() -> None:
    network = strong_weights(Unfoldable()).double().eval()
    folded = fold_batch_norms(network)
    pictures = images(1, 3, 8, 8).double()
    with torch.no_grad():
        torch.testing.assert_close(folded(pictures), network(pictures), rtol=0, atol=0)
    assert norms(folded) == norms(network)
    training = generator(UNET).train()
    assert norms(fold_batch_norms(training)) == norms(training), "norms with statistics of the batch"
