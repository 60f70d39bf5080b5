import pytest
import torch
from torch import Tensor, nn

from mggc.metrics import peak_memory
from toys import Separable


class Chain(nn.Module):
    """Three tensors of 1,000, 4,000 and 500 numbers, each made from the one before."""

    def forward(self, images: Tensor) -> Tensor:
        wide = images.repeat(1, 4, 1, 1)
        narrow = wide[:, 0] + 1.0
        del wide
        return narrow.flatten(1)[:, ::2] + 1.0


class Skip(nn.Module):
    """The first tensor is still wanted when the last is made."""

    def forward(self, images: Tensor) -> Tensor:
        first = images + 1.0
        return (first * 2.0) * 3.0 + first


def test_the_peak_is_what_is_alive_at_the_widest_point():
    images = torch.zeros(1, 1, 25, 40)
    # The four copies, and the sum over one of them.
    assert peak_memory(Chain(), images) == (4 * (4000 + 1000), "live tensors")
    # The first tensor, twice it, six times it; then the last product and the sum take the places of others.
    assert peak_memory(Skip(), images).bytes == 4 * 3 * 1000


def test_operations_in_place_and_views_take_nothing():
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Identity())
    assert peak_memory(network, torch.zeros(2, 3, 8, 8)).bytes == 0


def test_the_peak_grows_with_the_image_and_is_a_function_of_network_and_size():
    network = Separable()
    small, large = (peak_memory(network, torch.zeros(1, 3, size, size)).bytes for size in (16, 32))
    assert large == pytest.approx(4 * small, rel=0.1)
    assert peak_memory(network, torch.ones(1, 3, 16, 16)).bytes == small


def test_modes_stay_and_weights_do_not_count():
    network = nn.Conv2d(1, 1, 3, bias=False).train()
    assert peak_memory(network, torch.zeros(1, 1, 10, 10)).bytes == 4 * 8 * 8
    assert network.training
