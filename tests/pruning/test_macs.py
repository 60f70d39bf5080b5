import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mggc.config import MacsConvention
from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import PatchSpec, ResnetSpec, UnetSpec, named_spec
from mggc.pruning.channels import trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter, count_macs
from toys import Separable, Shared, Shuffled, Tangled, random_plan

NETWORKS = {
    "unet": (lambda: build(UnetSpec(input_channels=3, output_channels=2, downs=5, ngf=4)), 32),
    "resnet": (lambda: build(ResnetSpec(input_channels=3, output_channels=3, blocks=3, ngf=4)), 16),
    "patchgan": (lambda: build(PatchSpec(input_channels=3, ndf=4)), 32),
    "separable": (Separable, 16),
    "tangled": (Tangled, 8),
    "shared": (Shared, 8),
    "shuffled": (Shuffled, 8),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "groups", "channels", "exact", "paper"),
    [
        ("resnet_9blocks", 14, 2944, 49_551_507_456, 56_799_264_768),
        ("unet_256", 15, 5504, 6_048_186_368, 18_140_364_800),
        ("basic", 4, 960, 3_197_140_992, 3_197_140_992),
    ],
)
def test_the_published_networks_have_the_known_groups_and_macs(
    name: str, groups: int, channels: int, exact: int, paper: int
) -> None:
    network = build(named_spec(name))
    assert count_macs(network, 256) == exact
    table = trace_channels(network, image_size=256)
    assert (len(table.groups), table.prunable) == (groups, channels)
    assert MacsCounter(table).total == exact
    assert MacsCounter(table, convention="paper").total == paper


@pytest.mark.parametrize("name", NETWORKS)
def test_exact_macs_are_half_of_what_torch_counts_as_operations(name: str) -> None:
    make, size = NETWORKS[name]
    network = make().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    assert count_macs(network, size) * 2 == counter.get_total_flops()


@pytest.mark.parametrize("convention", ["exact", "paper"])
@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_the_macs_of_a_mask_are_those_of_the_cut_network(
    name: str, convention: MacsConvention, seed: int
) -> None:
    make, size = NETWORKS[name]
    network = make()
    table = trace_channels(network, image_size=size)
    counter = MacsCounter(table, convention=convention)
    plan = random_plan(table, seed)
    expected = count_macs(cut(network, table, plan), size, convention=convention)
    assert counter(plan.mask(table)).item() == expected
    assert counter.total == count_macs(network, size, convention=convention)
    assert counter.least == counter(random_plan(table, seed, share=0.0).mask(table)).item()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_entry_of_the_mask(name: str) -> None:
    make, size = NETWORKS[name]
    counter = MacsCounter(trace_channels(make(), image_size=size))
    mask = torch.ones(counter.table.prunable, requires_grad=True)
    counter(mask).backward()
    assert mask.grad is not None
    assert (mask.grad > 0).all()


def test_the_gradient_is_the_cost_of_a_channel() -> None:
    """Macs are linear in a single channel: a difference quotient is exact."""
    network = build(UnetSpec(input_channels=1, output_channels=1, downs=5, ngf=2))
    counter = MacsCounter(trace_channels(network, image_size=32))
    mask = torch.ones(counter.table.prunable, dtype=torch.float64, requires_grad=True)
    counter(mask).backward()
    assert mask.grad is not None
    for channel in (0, 5, counter.table.prunable - 1):
        without = mask.detach().clone()
        without[channel] = 0
        assert counter.total - counter(without).item() == mask.grad[channel].item()


def test_transposed_convolutions_cost_their_input_or_their_output() -> None:
    network = nn.Sequential(nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1))
    assert count_macs(network, 8) == 8 * 8 * 16 * 2 * 3
    assert count_macs(network, 8, convention="paper") == 16 * 16 * 16 * 2 * 3


def test_images_need_not_be_square() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1))
    assert count_macs(network, (4, 6)) == 4 * 6 * 9 * 2


def test_counting_leaves_modes_and_statistics_alone() -> None:
    network = Separable().train()
    network.stem.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    count_macs(network, 16)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert network.training
    assert not network.stem.training
    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_without_convolutions_is_refused() -> None:
    with pytest.raises(MggcError, match="has no convolution"):
        count_macs(nn.Sequential(nn.Linear(2, 2)), 8)
