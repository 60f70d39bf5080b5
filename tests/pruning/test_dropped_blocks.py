"""Residual blocks whose inner group a plan leaves empty are removed, and nothing else changes."""

from pathlib import Path

import pytest
import torch
from torch import nn

from asserts import assert_cut_is_masked
from mggc.config import Norm
from mggc.networks.build import build
from mggc.networks.files import load_network, save_network
from mggc.networks.resnet import ResnetBlock, Shift
from mggc.networks.specs import ResnetSpec, UnetSpec
from mggc.pruning.blocks import allow_dropping_blocks
from mggc.pruning.channels import ChannelTable, trace_channels
from mggc.pruning.cut import cut
from mggc.pruning.macs import MacsCounter, count_macs
from mggc.pruning.masks import sample_mask
from mggc.pruning.plan import ChannelPlan, plan_from_scores
from toys import images, random_plan, strong_weights

SIZE = 16


def resnet(norm: Norm, *, dropout: bool = False, bias: bool | None = None) -> tuple[nn.Module, ResnetSpec]:
    spec = ResnetSpec(
        input_channels=3, output_channels=3, blocks=3, ngf=4, norm=norm, dropout=dropout, bias=bias
    )
    return strong_weights(build(spec)).eval(), spec


def droppable_table(network: nn.Module) -> ChannelTable:
    return allow_dropping_blocks(network, trace_channels(network, image_size=SIZE))


def without_blocks(table: ChannelTable, *numbers: int, seed: int = 0) -> ChannelPlan:
    plan = random_plan(table, seed, share=0.5)
    inner = [group.name for group in table.groups if group.droppable]
    return ChannelPlan(
        {name: () if name in [inner[n] for n in numbers] else kept for name, kept in plan.kept.items()}
    )


def test_only_the_inner_groups_of_residual_blocks_are_droppable() -> None:
    network, _ = resnet("instance")
    table = droppable_table(network)
    assert [group.name for group in table.groups if group.droppable] == [
        f"model.{number}.conv_block.1" for number in (10, 11, 12)
    ]
    assert table.floors.tolist() == [0 if group.droppable else 1 for group in table.groups]
    unet = build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=2))
    plain = trace_channels(unet, image_size=32)
    assert allow_dropping_blocks(unet, plain) == plain


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(
    ("norm", "bias"),
    [
        ("instance", None),
        ("instance", False),
        ("batch", None),
        ("batch", True),
        ("none", True),
        ("none", None),
    ],
)
@pytest.mark.parametrize("numbers", [(0,), (1, 2), (0, 1, 2)])
def test_the_network_without_its_empty_blocks_is_the_masked_one(
    norm: Norm, bias: bool | None, dropout: bool, numbers: tuple[int, ...]
) -> None:
    network, _ = resnet(norm, dropout=dropout, bias=bias)
    table = droppable_table(network)
    smaller = assert_cut_is_masked(network, table, without_blocks(table, *numbers), images(2, 3, SIZE, SIZE))
    assert sum(isinstance(module, ResnetBlock) for module in smaller.modules()) == 3 - len(numbers)
    shifts = sum(isinstance(module, Shift) for module in smaller.modules())
    constant = norm == "batch" or (norm == "none" and bias)
    assert shifts == (len(numbers) if constant else 0)


def test_macs_of_removed_blocks_are_not_counted() -> None:
    network, _ = resnet("batch")
    table = droppable_table(network)
    plan = without_blocks(table, 0, 2)
    counter = MacsCounter(table)
    assert counter(plan.mask(table)).item() == count_macs(cut(network, table, plan), SIZE)
    assert counter.least < MacsCounter(trace_channels(network, image_size=SIZE)).least


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_a_network_without_blocks_comes_back_from_its_file(norm: Norm, tmp_path: Path) -> None:
    network, spec = resnet(norm, bias=True)
    table = droppable_table(network)
    smaller = cut(network, table, without_blocks(table, 1))
    save_network(tmp_path / "cut", smaller, spec=spec)
    inputs = images(2, 3, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(load_network(tmp_path / "cut").network(inputs), smaller(inputs))


def test_plans_and_masks_may_empty_droppable_groups_and_no_others() -> None:
    network, _ = resnet("instance")
    table = droppable_table(network)
    counter = MacsCounter(table)
    last = torch.cat(
        [torch.full((group.size,), -100.0 if group.droppable else 0.0) for group in table.groups]
    )
    plan = plan_from_scores(last, counter, budget=counter.total // 4)
    assert all((plan.widths[group.name] == 0) == group.droppable for group in table.groups)
    torch.manual_seed(0)
    mask = sample_mask(torch.full((table.prunable,), 50.0), table, tau=0.4).counted
    kept = [int(piece.sum()) for piece in table.split(mask)]
    assert kept == [0 if group.droppable else 1 for group in table.groups]


def test_without_leave_an_empty_group_is_refused() -> None:
    network, _ = resnet("instance")
    plan = without_blocks(droppable_table(network), 0)
    with pytest.raises(ValueError, match="at least one channel"):
        cut(network, trace_channels(network, image_size=SIZE), plan)
