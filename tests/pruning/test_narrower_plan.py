import pytest
import torch

from mggc.networks.build import build
from mggc.networks.specs import named_spec
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter
from mggc.pruning.plan import narrower_plan
from toys import random_plan

TABLE = trace_channels(build(named_spec("unet_32", ngf=8)), image_size=32)
COUNTER = MacsCounter(TABLE)
SCORES = torch.rand(TABLE.prunable, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_a_narrower_plan_keeps_the_best_of_what_was_kept_in_proportion(seed: int, share: float) -> None:
    plan = random_plan(TABLE, seed, share=0.7)
    budget = int(share * COUNTER(plan.mask(TABLE)).item())
    found = narrower_plan(plan, SCORES, COUNTER, budget=budget)
    assert COUNTER(found.mask(TABLE)).item() <= budget
    for group, scores in zip(TABLE.groups, TABLE.split(SCORES), strict=True):
        before, after = plan.kept[group.name], found.kept[group.name]
        assert set(after) <= set(before)
        assert len(after) >= 1
        dropped = set(before) - set(after)
        if dropped:
            assert max(scores[list(dropped)]) <= min(scores[list(after)])
    ratios = [found.widths[name] / width for name, width in plan.widths.items() if width >= 30]
    assert max(ratios) - min(ratios) < 0.05


def test_multiples_are_kept_and_no_group_vanishes() -> None:
    plan = random_plan(TABLE, 0, share=1.0)
    found = narrower_plan(plan, SCORES, COUNTER, budget=COUNTER.total // 10, multiple_of=4)
    assert all(width % 4 == 0 and width > 0 for width in found.widths.values())
    least = narrower_plan(plan, SCORES, COUNTER, budget=1, multiple_of=4)
    assert set(least.widths.values()) == {4}


def test_a_plan_within_the_budget_stays_as_it_is() -> None:
    plan = random_plan(TABLE, 0, share=0.5)
    assert narrower_plan(plan, SCORES, COUNTER, budget=COUNTER.total) == plan
