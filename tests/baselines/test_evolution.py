from functools import partial

import pytest
import torch
from search_toys import assert_chooses_within_budget, assert_resumes, batch, choose_blindly, material

from mggc.baselines.comparison import ends_period
from mggc.baselines.evolution import Evolution
from mggc.config import PruneConfig


def make(task, **numbers):
    return Evolution(task, **{"population": 5, "generations": 3, **numbers})


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_every_individual_is_a_plan_that_uses_the_budget_up(conditional: bool, residual: bool) -> None:
    task = material(conditional=conditional, residual=residual)
    assert_chooses_within_budget(make, task)
    evolution = make(task)
    for number in range(4):
        evolution.step(*batch(number))
        for mask in evolution.masks:
            assert 0.98 * task.budget <= task.counter(mask).item() <= task.budget


def test_a_stopped_evolution_goes_on_as_if_it_had_not_been() -> None:
    assert_resumes(make, lambda: material(updates=5))


@pytest.mark.parametrize("seed", range(3))
def test_channels_that_the_output_does_not_depend_on_die_out(seed: int) -> None:
    assert choose_blindly(partial(make, population=16, generations=30), seed=seed, updates=30) == {
        "used": 8,
        "useless": 1,
    }


def test_the_discrepancy_is_the_mean_square_of_what_the_discriminator_notices() -> None:
    task = material()
    evolution = make(task)
    source, target = batch(0)
    figures = evolution.step(source, target)
    with torch.no_grad():
        expected = task.discriminator(torch.cat([source, task.generator(source)], dim=1))
        by_hand = []
        for mask in make(material()).masks:
            fake = evolution.generator(source, mask)
            logits = task.discriminator(torch.cat([source, fake], dim=1))
            by_hand.append(((logits - expected) ** 2).mean())
    torch.testing.assert_close(figures["best_discrepancy"], min(by_hand).double())
    torch.testing.assert_close(figures["mean_discrepancy"], torch.stack(by_hand).mean().double())


def test_the_best_survives_and_is_the_plan() -> None:
    evolution = make(material(updates=3))
    before = evolution.masks
    evolution.step(*batch(0))
    best = evolution.masks[0]
    assert any(torch.equal(best, mask) for mask in before)
    assert evolution.plans()[0].mask(evolution.material.counter.table).equal(best)


def test_no_weight_changes() -> None:
    task = material()
    before = {name: tensor.clone() for name, tensor in task.generator.state_dict().items()}
    evolution = make(task)
    evolution.step(*batch(0))
    assert all(torch.equal(task.generator.state_dict()[name], tensor) for name, tensor in before.items())


def test_widths_are_multiples_where_that_is_asked_for() -> None:
    evolution = make(material(config=PruneConfig(multiple_of=4)))
    evolution.step(*batch(0))
    assert all(width % 4 == 0 for width in evolution.plans()[0].widths.values())


def test_a_population_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        make(material(), population=1)


@pytest.mark.parametrize(("periods", "updates"), [(3, 10), (10, 3), (1, 7), (5, 5)])
def test_periods_are_even_and_end_with_the_last_update(periods: int, updates: int) -> None:
    ends = [step for step in range(updates) if ends_period(step, periods=periods, updates=updates)]
    assert len(ends) == min(periods, updates)
    assert ends[-1] == updates - 1
    lengths = [end - start for start, end in zip([-1, *ends[:-1]], ends, strict=True)]
    assert max(lengths) - min(lengths) <= 1
