import json
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mggc.errors import MggcError
from mggc.networks.build import build
from mggc.networks.specs import NetworkSpec, PatchSpec, ResnetSpec, UnetSpec
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import ChannelPlan, check_budget, plan_from_scores, plan_from_widths, uniform_plan

SPECS: dict[str, tuple[NetworkSpec, int]] = {
    "unet": (UnetSpec(input_channels=3, output_channels=3, downs=6, ngf=16), 64),
    "resnet": (ResnetSpec(input_channels=3, output_channels=3, blocks=6, ngf=24), 32),
    "patchgan": (PatchSpec(input_channels=6, ndf=32), 64),
}


@cache
def counter_of(name: str) -> MacsCounter:
    spec, size = SPECS[name]
    return MacsCounter(trace_channels(build(spec), image_size=size))


def random_scores(counter: MacsCounter, seed: int, *, spread: float) -> torch.Tensor:
    """Scores whose level differs between groups by ``spread``: with a large one, groups are taken one after the other."""
    generator = torch.Generator().manual_seed(seed)
    levels = spread * torch.randn(len(counter.table.groups), generator=generator)
    return levels[counter.table.group_index] + torch.randn(counter.table.prunable, generator=generator)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), share=st.floats(0.05, 0.8), spread=st.sampled_from([0.0, 1.0, 10.0]))
def test_a_plan_uses_its_budget_up_and_never_exceeds_it(
    name: str, seed: int, share: float, spread: float
) -> None:
    counter = counter_of(name)
    budget = int(share * counter.total)
    plan = plan_from_scores(random_scores(counter, seed, spread=spread), counter, budget=budget)
    macs = counter(plan.mask(counter.table)).item()
    assert 0.98 * budget <= macs <= budget


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), share=st.floats(0.05, 0.8))
def test_within_a_group_the_best_channels_stay(name: str, seed: int, share: float) -> None:
    counter = counter_of(name)
    scores = random_scores(counter, seed, spread=1.0)
    plan = plan_from_scores(scores, counter, budget=int(share * counter.total))
    for group, piece in zip(counter.table.groups, counter.table.split(scores), strict=True):
        kept = plan.kept[group.name]
        best = torch.argsort(piece, descending=True)[: len(kept)]
        assert kept == tuple(sorted(best.tolist()))
        assert len(kept) >= 1


def test_a_larger_budget_never_keeps_less_of_the_ranking() -> None:
    counter = counter_of("unet")
    scores = random_scores(counter, 0, spread=1.0)
    macs = [
        counter(
            plan_from_scores(scores, counter, budget=int(share * counter.total)).mask(counter.table)
        ).item()
        for share in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
    ]
    assert macs == sorted(macs)
    assert macs[-1] == counter.total


def test_scores_decide_only_by_their_order() -> None:
    counter = counter_of("resnet")
    scores = random_scores(counter, 1, spread=0.5)
    one, other = (
        plan_from_scores(values, counter, budget=counter.total // 5) for values in (scores, scores.exp() * 7)
    )
    assert one == other


def test_channels_that_matter_across_groups_come_first() -> None:
    """All of one group's channels outrank everything: the group stays whole, others shrink."""
    counter = counter_of("patchgan")
    first = counter.table.groups[0]
    scores = random_scores(counter, 2, spread=0.0)
    scores[first.offset : first.offset + first.size] += 100
    plan = plan_from_scores(scores, counter, budget=counter.total // 10)
    assert plan.widths[first.name] == first.size
    assert all(plan.widths[group.name] < group.size for group in counter.table.groups[1:])


@pytest.mark.parametrize("multiple_of", [2, 4, 8])
def test_widths_are_multiples_and_the_budget_still_holds(multiple_of: int) -> None:
    counter = counter_of("unet")
    for seed in range(3):
        budget = int(0.3 * counter.total)
        scores = random_scores(counter, seed, spread=1.0)
        plan = plan_from_scores(scores, counter, budget=budget, multiple_of=multiple_of)
        assert all(width % multiple_of == 0 for width in plan.widths.values())
        assert counter(plan.mask(counter.table)).item() <= budget


def test_widths_are_rounded_up_to_the_whole_group_where_no_multiple_fits() -> None:
    spec = PatchSpec(input_channels=3, ndf=6, layers=1)
    counter = MacsCounter(trace_channels(build(spec), image_size=16))
    scores = torch.arange(counter.table.prunable).float()
    plan = plan_from_scores(scores, counter, budget=counter.total, multiple_of=4)
    assert list(plan.widths.values()) == [6, 12]


@pytest.mark.parametrize("name", SPECS)
def test_a_budget_below_one_channel_a_group_is_refused_with_the_least(name: str) -> None:
    counter = counter_of(name)
    scores = random_scores(counter, 0, spread=1.0)
    for make in (plan_from_scores, uniform_plan):
        with pytest.raises(MggcError, match=f"{counter.least:,} MACs"):
            make(scores, counter, budget=counter.least - 1)
        assert set(make(scores, counter, budget=counter.least).widths.values()) == {1}
    with pytest.raises(MggcError, match="raise --budget"):
        check_budget(counter, counter.least - 1)
    check_budget(counter, counter.least)


def test_multiples_that_do_not_fit_are_refused() -> None:
    counter = counter_of("unet")
    with pytest.raises(MggcError, match="multiples of 16"):
        plan_from_scores(
            random_scores(counter, 0, spread=1.0), counter, budget=counter.least * 2, multiple_of=16
        )


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_uniform_widths_are_one_share_of_every_group_within_the_budget(name: str, share: float) -> None:
    counter = counter_of(name)
    budget = int(share * counter.total)
    scores = random_scores(counter, 3, spread=1.0)
    plan = uniform_plan(scores, counter, budget=budget)
    macs = counter(plan.mask(counter.table)).item()
    assert 0.9 * budget <= macs <= budget
    shares = [plan.widths[group.name] / group.size for group in counter.table.groups]
    narrowest = min(group.size for group in counter.table.groups)
    assert max(shares) - min(shares) <= 2 / narrowest
    for group, piece in zip(counter.table.groups, counter.table.split(scores), strict=True):
        best = torch.argsort(piece, descending=True)[: plan.widths[group.name]]
        assert plan.kept[group.name] == tuple(sorted(best.tolist()))


def test_plans_from_widths_keep_the_best() -> None:
    counter = counter_of("patchgan")
    scores = torch.arange(counter.table.prunable).float()
    plan = plan_from_widths(scores, counter.table, [1, 2, 3, 4])
    assert list(plan.widths.values()) == [1, 2, 3, 4]
    last = counter.table.groups[-1]
    assert plan.kept[last.name] == tuple(range(last.size - 4, last.size))


def test_plan_mask_and_json_are_three_forms_of_one_thing() -> None:
    counter = counter_of("resnet")
    plan = plan_from_scores(random_scores(counter, 4, spread=1.0), counter, budget=counter.total // 3)
    assert ChannelPlan.from_mask(plan.mask(counter.table), counter.table) == plan
    assert ChannelPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_ties_go_to_the_lower_index() -> None:
    counter = counter_of("patchgan")
    plan = plan_from_scores(torch.zeros(counter.table.prunable), counter, budget=counter.total // 3)
    assert all(kept == tuple(range(len(kept))) for kept in plan.kept.values())
