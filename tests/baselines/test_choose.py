import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from asserts import assert_cut_is_masked
from mggc.baselines.choose import l1_norm, random_pick, uniform_width
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
        l1_norm(network, counter, budget=budget),
        random_pick(counter, budget=budget, seed=seed),
    ]
    for plan in plans:
        assert all(plan.kept.values())
        smaller = assert_cut_is_masked(network, counter.table, plan, images(1, 3, 32, 32), 1e-4)
        assert count_macs(smaller, 32) <= budget


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
