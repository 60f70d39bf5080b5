import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from asserts import assert_cut_is_masked
from mggc.baselines.choose import (
    inner_layers_first,
    inner_scores,
    l1_norm,
    l1_per_layer,
    norm_scale,
    random_pick,
    uniform_width,
)
from mggc.baselines.scores import l1_scores
from mggc.networks.build import build
from mggc.networks.specs import ResnetSpec, UnetSpec
from mggc.pruning.channels import ALWAYS, ChannelTable, trace_channels
from mggc.pruning.macs import MacsCounter, count_macs
from mggc.pruning.plan import ChannelPlan
from toys import Separable, Tangled, images, strong_weights

NETWORKS = {
    "unet": (lambda: build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=4)), 3),
    "resnet": (lambda: build(ResnetSpec(input_channels=3, output_channels=3, blocks=2, ngf=4)), 3),
    "separable": (Separable, 3),
    "tangled": (Tangled, 3),
}


RANKINGS = (l1_norm, l1_per_layer, inner_layers_first)


def traced_wide() -> tuple[nn.Module, MacsCounter]:
    network = strong_weights(build(UnetSpec(input_channels=3, output_channels=3, downs=5, ngf=24)))
    return network, MacsCounter(trace_channels(network, image_size=32))


WIDE = traced_wide()


@pytest.fixture(scope="module", params=NETWORKS)
def traced(request: pytest.FixtureRequest) -> tuple[nn.Module, MacsCounter]:
    network = strong_weights(NETWORKS[request.param][0]()).eval()
    return network, MacsCounter(trace_channels(network, image_size=32), convention="exact")


def slow_l1_scores(network: nn.Module, table: ChannelTable) -> Tensor:
    scores = []
    for channel in range(table.prunable):
        norms = []
        for conv in table.convs:
            weight = network.get_submodule(conv.name).weight
            for number, written in enumerate(conv.writes):
                if written == channel:
                    filter_ = weight[:, number] if conv.transposed else weight[number]
                    norms.append(filter_.abs().mean().item())
        scores.append(sum(norms) / len(norms))
    return torch.tensor(scores)


def test_scores_are_the_mean_absolute_weights_of_all_writers(traced: tuple[nn.Module, MacsCounter]) -> None:
    network, counter = traced
    assert ALWAYS < 0
    scores = l1_scores(network, counter.table)
    torch.testing.assert_close(scores, slow_l1_scores(network, counter.table))


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.15, 1.0), seed=st.integers(0, 99))
def test_every_baseline_keeps_to_the_budget_and_cuts(
    traced: tuple[nn.Module, MacsCounter], share: float, seed: int
) -> None:
    network, counter = traced
    least = round(counter(torch.tensor(_least(counter.table))).item())
    budget = max(round(share * counter.total), least)
    plans = [
        uniform_width(network, counter, budget=budget),
        *(choose(network, counter, budget=budget) for choose in RANKINGS),
        random_pick(counter, budget=budget, seed=seed),
    ]
    for plan in plans:
        assert all(plan.kept.values())
        smaller = assert_cut_is_masked(network, counter.table, plan, images(1, 3, 32, 32), 1e-4)
        assert count_macs(smaller, 32) <= budget
    for plan in plans[1:]:
        assert_no_channel_more_would_fit(plan, counter, budget)


def assert_no_channel_more_would_fit(plan: ChannelPlan, counter: MacsCounter, budget: int) -> None:
    mask = plan.mask(counter.table)
    for dropped in (mask == 0).nonzero().flatten():
        wider = mask.clone()
        wider[dropped] = 1
        assert counter(wider) > budget


@settings(max_examples=5, deadline=None)
@given(share=st.floats(0.05, 0.9))
def test_in_a_network_of_some_width_two_percent_of_the_budget_are_left_at_most(share: float) -> None:
    network, counter = WIDE
    budget = int(share * counter.total)
    for choose in (*RANKINGS, norm_scale):
        macs = counter(choose(network, counter, budget=budget).mask(counter.table))
        assert 0.98 * budget <= macs <= budget


def _least(table: ChannelTable) -> list[float]:
    """One channel in each group."""
    return [
        float(number == group.offset)
        for group in table.groups
        for number in range(group.offset, group.offset + group.size)
    ]


def test_uniform_width_keeps_one_share_of_every_group_and_the_strongest_of_each(
    traced: tuple[nn.Module, MacsCounter],
) -> None:
    network, counter = traced
    plan = uniform_width(network, counter, budget=counter.total // 2)
    for group, scores in zip(
        counter.table.groups, counter.table.split(l1_scores(network, counter.table)), strict=True
    ):
        kept = plan.kept[group.name]
        assert abs(len(kept) / group.size - _share(plan, counter)) <= 1 / group.size + 0.15
        dropped = sorted(set(range(group.size)) - set(kept))
        if dropped:
            assert scores[list(kept)].min() >= scores[dropped].max()


def _share(plan: ChannelPlan, counter: MacsCounter) -> float:
    return sum(len(kept) for kept in plan.kept.values()) / counter.table.prunable


def test_chance_is_a_function_of_the_seed(traced: tuple[nn.Module, MacsCounter]) -> None:
    _, counter = traced
    budget = counter.total // 2
    plans = [random_pick(counter, budget=budget, seed=seed) for seed in (3, 3, 4)]
    assert plans[0] == plans[1]
    assert plans[0] != plans[2]


def test_the_scale_of_a_layer_plays_no_part_in_the_ranking_per_layer() -> None:
    network, counter = traced_wide()
    before = [choose(network, counter, budget=counter.total // 4) for choose in (l1_per_layer, l1_norm)]
    with torch.no_grad():
        network.get_submodule("model.model.1.model.5").weight.mul_(100)
    after = [choose(network, counter, budget=counter.total // 4) for choose in (l1_per_layer, l1_norm)]
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_inner_layers_go_before_outer_ones_and_layers_of_one_resolution_evenly(name: str) -> None:
    network = strong_weights(NETWORKS[name][0]())
    table = trace_channels(network, image_size=32)
    pixels = {conv.name: conv.output_positions for conv in table.convs}
    groups = list(zip(table.groups, table.split(inner_scores(network, table)), strict=True))
    assert len({pixels[group.name] for group, _ in groups}) > 2
    for group, scores in groups:
        for other, other_scores in groups:
            if pixels[group.name] < pixels[other.name]:
                assert scores.max() < other_scores.min()
            if pixels[group.name] == pixels[other.name]:
                assert abs(scores.median() - other_scores.median()) <= 1 / min(group.size, other.size)


def test_a_small_cut_leaves_the_outer_layers_as_they_are_and_a_deep_one_does_not_stop() -> None:
    network, counter = WIDE
    small, deep = (
        inner_layers_first(network, counter, budget=int(share * counter.total)).widths
        for share in (0.9, 0.05)
    )
    sizes = {group.name: group.size for group in counter.table.groups}
    outermost, innermost = "model.model.0", "model.model.1.model.3.model.3.model.3.model.1"
    assert small[outermost] == sizes[outermost]
    assert small[innermost] < 0.3 * sizes[innermost]
    assert deep[outermost] < sizes[outermost]


def test_of_equal_layers_the_strongest_channels_stay() -> None:
    network, counter = WIDE
    plan = inner_layers_first(network, counter, budget=counter.total // 2)
    norms = counter.table.split(l1_scores(network, counter.table))
    for kept, scores in zip(plan.kept.values(), norms, strict=True):
        assert set(kept) == set(torch.argsort(scores, descending=True, stable=True)[: len(kept)].tolist())


def test_channels_whose_norm_has_no_scale_left_go_first() -> None:
    network, counter = traced_wide()
    dead = torch.zeros(counter.table.prunable, dtype=torch.bool)
    with torch.no_grad():
        for entry in counter.table.channelwise:
            network.get_submodule(entry.name).weight[::3] = 0
            dead[list(entry.channels[::3])] = True
    mask = torch.where(dead, 0.0, 1.0)
    plan = norm_scale(network, counter, budget=round(counter(mask).item()))
    assert plan == ChannelPlan.from_mask(mask, counter.table)
