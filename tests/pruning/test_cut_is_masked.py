"""The central test of the project: cut network = masked network, for any plan, for every network."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from asserts import assert_cut_is_masked, snapshot
from mggc.networks.build import build
from mggc.networks.files import load_network, save_network
from mggc.networks.specs import NetworkSpec, PatchSpec, PixelSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import ChannelTable, trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.game import freeze
from mggc.pruning.plan import ChannelPlan
from toys import Separable, Shared, Shuffled, Tangled, images, random_plan, strong_weights

SPECS: dict[str, tuple[NetworkSpec, int]] = {
    **{
        f"unet of {downs} levels, {norm}": (
            UnetSpec(input_channels=3, output_channels=2, downs=downs, ngf=4, norm=norm, dropout=downs != 5),
            2**downs,
        )
        for downs in (5, 6, 7)
        for norm in ("batch", "instance", "none")
    },
    **{
        f"resnet of {blocks} blocks, {norm}": (
            ResnetSpec(
                input_channels=1, output_channels=3, blocks=blocks, ngf=4, norm=norm, dropout=blocks == 6
            ),
            16,
        )
        for blocks, norm in ((6, "instance"), (6, "batch"), (9, "instance"), (9, "none"))
    },
    **{
        f"patchgan of {layers} layers, {norm}": (
            PatchSpec(input_channels=6, ndf=4, layers=layers, norm=norm),
            48,
        )
        for layers, norm in ((1, "batch"), (2, "none"), (3, "batch"), (3, "instance"), (4, "batch"))
    },
    **{
        f"pixel, {norm}": (PixelSpec(input_channels=4, ndf=8, norm=norm), 8)
        for norm in ("batch", "instance", "none")
    },
}
USER_NETWORKS = (Separable, Tangled, Shared, Shuffled)
NAMES = [*SPECS, *(network.__name__ for network in USER_NETWORKS)]


@cache
def traced(name: str) -> tuple[nn.Module, ChannelTable, torch.Tensor]:
    """A network with strong weights in eval mode, its table, and images that it takes."""
    if name in SPECS:
        spec, size = SPECS[name]
        network, channels = build(spec), spec.input_channels
    else:
        network, size, channels = next(c for c in USER_NETWORKS if c.__name__ == name)(), 16, 3
    table = trace_channels(strong_weights(network).eval(), image_size=size)
    return network, table, images(2, channels, size, size)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_worth_comparing_and_feel_a_mask(name: str) -> None:
    network, table, inputs = traced(name)
    smaller = cut(network, table, random_plan(table, 0, share=0.5))
    with torch.no_grad():
        assert network(inputs).std() > 0.02
        assert (smaller(inputs) - network(inputs)).abs().max() > 0.02


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), share=st.none() | st.floats(0, 1))
def test_the_cut_network_computes_what_the_masked_one_does(name: str, seed: int, share: float | None) -> None:
    network, table, inputs = traced(name)
    assert_cut_is_masked(network, table, random_plan(table, seed, share=share), inputs)


@pytest.mark.parametrize("name", [name for name in NAMES if "batch" in name or name == "Tangled"])
def test_the_equality_holds_with_the_statistics_of_the_batch_too(name: str) -> None:
    _, table, inputs = traced(name)
    training = strong_weights(type_of(name), seed=3)
    freeze(training, norm="batch", dropout=False)
    assert_cut_is_masked(training, table, random_plan(table, 5), inputs, tolerance=1e-4)


def type_of(name: str) -> nn.Module:
    return build(SPECS[name][0]) if name in SPECS else Tangled()


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_that_keeps_everything_changes_nothing(name: str) -> None:
    network, table, inputs = traced(name)
    everything = ChannelPlan({group.name: tuple(range(group.size)) for group in table.groups})
    smaller = cut(network, table, everything)
    with torch.no_grad():
        assert torch.equal(smaller(inputs), network(inputs))
    assert everything.mask(table).eq(1).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_channel_in_every_group_is_enough(name: str) -> None:
    network, table, inputs = traced(name)
    smaller = assert_cut_is_masked(network, table, random_plan(table, 7, share=0.0), inputs)
    modules = dict(smaller.named_modules())
    for group in table.groups:
        assert modules[group.name].out_channels == 1


def test_a_residual_trunk_cut_to_one_channel_adds_channel_to_channel() -> None:
    network, table, inputs = traced("resnet of 6 blocks, instance")
    trunk = max(table.groups, key=lambda group: sum(group.offset in conv.writes for conv in table.convs))
    kept = {g.name: tuple(range(g.size)) if g is not trunk else (3,) for g in table.groups}
    smaller = assert_cut_is_masked(network, table, ChannelPlan(kept), inputs)
    assert dict(smaller.named_modules())["model.10.conv_block.6"].out_channels == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_original_is_left_as_it_was_and_the_cut_shares_no_memory_with_it(name: str) -> None:
    network, table, _ = traced(name)
    before, modes = snapshot(network), [module.training for module in network.modules()]
    smaller = cut(network, table, random_plan(table, 1))
    with torch.no_grad():
        for tensor in [*smaller.parameters(), *smaller.buffers()]:
            tensor.zero_()
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert modes == [module.training for module in network.modules()]


@pytest.mark.parametrize("name", SPECS)
def test_a_cut_network_comes_back_from_its_file_with_identical_output(name: str, tmp_path: Path) -> None:
    network, table, inputs = traced(name)
    smaller = cut(network, table, random_plan(table, 2))
    save_network(tmp_path / "cut", smaller, spec=SPECS[name][0])
    loaded = load_network(tmp_path / "cut").network
    with torch.no_grad():
        assert torch.equal(loaded(inputs), smaller(inputs))


def test_cutting_a_cut_network_again_is_cutting_once() -> None:
    network, table, inputs = traced("unet of 5 levels, batch")
    once = cut(network, table, random_plan(table, 3, share=0.5))
    again_table = trace_channels(once, image_size=32)
    assert [group.size for group in again_table.groups] == [round(0.5 * g.size) for g in table.groups]
    assert_cut_is_masked(once, again_table, random_plan(again_table, 4), inputs)


def test_parameters_keep_their_requires_grad() -> None:
    network = strong_weights(Separable())
    table = trace_channels(network, image_size=16)
    network.requires_grad_(False)
    assert not any(p.requires_grad for p in cut(network, table, random_plan(table, 0)).parameters())


def test_a_plan_for_another_network_is_refused() -> None:
    network, table, _ = traced("pixel, batch")
    with pytest.raises(ValueError, match="same groups"):
        cut(network, table, ChannelPlan({"net.0": (0,)}))
    wider = {group.name: tuple(range(group.size + 1)) for group in table.groups}
    with pytest.raises(ValueError, match="has 8 channels"):
        cut(network, table, ChannelPlan(wider))
    with pytest.raises(ValueError, match="at least one channel"):
        cut(network, table, ChannelPlan({group.name: () for group in table.groups}))
