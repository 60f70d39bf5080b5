import math

import pytest
import torch

from mggc.pruning.objectives import budget_penalty, sparsity_penalty


@pytest.mark.parametrize(
    ("macs", "budget", "penalty"),
    [(100.0, 20, math.log(5)), (40.0, 20, math.log(2)), (20.0, 20, 0.0), (3.0, 20, 0.0)],
)
def test_the_budget_penalty_is_the_logarithm_of_the_excess(macs: float, budget: int, penalty: float) -> None:
    assert budget_penalty(torch.tensor(macs), budget).item() == pytest.approx(penalty, abs=1e-6)


def test_the_budget_penalty_pulls_until_the_budget_is_met_and_not_further() -> None:
    for macs, slope in ((50.0, 1 / 50), (10.0, 0.0)):
        value = torch.tensor(macs, requires_grad=True)
        budget_penalty(value, 20).backward()
        assert value.grad is not None
        assert value.grad.item() == pytest.approx(slope)


def test_the_sparsity_penalty_is_the_kept_share() -> None:
    mask = torch.tensor([1.0, 0.0, 1.0, 1.0], requires_grad=True)
    penalty = sparsity_penalty(mask)
    penalty.backward()
    assert penalty.item() == 0.75
    assert mask.grad is not None
    assert mask.grad.tolist() == [0.25] * 4
