import math

import pytest
import torch
from search_toys import assert_chooses_within_budget, assert_resumes, batch, choose_blindly, material, run

from mggc.baselines.gan_slimming import GanSlimming, soft_threshold


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_plans_use_the_budget_up(conditional: bool, residual: bool) -> None:
    assert_chooses_within_budget(GanSlimming, material(conditional=conditional, residual=residual))


def test_stopped_slimming_goes_on_as_if_it_had_not_been() -> None:
    assert_resumes(GanSlimming, lambda: material(updates=3))


@pytest.mark.parametrize("seed", range(3))
def test_gates_of_channels_that_the_output_does_not_depend_on_close(seed: int) -> None:
    assert choose_blindly(GanSlimming, seed=seed, updates=60) == {"used": 8, "useless": 1}


def test_the_proximal_step_moves_toward_zero_and_stops_there() -> None:
    values = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    assert soft_threshold(values, 1.0).tolist() == [-1.0, 0.0, 0.0, 0.0, 1.0]
    # It minimizes (x - value)² / 2 + threshold · |x|.
    grid = torch.linspace(-3, 3, 6001)
    for value in values:
        best = grid[((grid - value) ** 2 / 2 + 0.3 * grid.abs()).argmin()]
        torch.testing.assert_close(soft_threshold(value, 0.3), best, atol=2e-3, rtol=0)


def test_with_open_gates_the_generator_is_the_original() -> None:
    task = material()
    source, _ = batch(0)
    slimming = GanSlimming(task)
    with torch.no_grad():
        torch.testing.assert_close(slimming.generator(source), slimming.original(source))
    assert slimming.step(*batch(0))["distance"].item() < 1e-10


def test_gates_and_weights_learn_and_the_original_does_not() -> None:
    slimming = GanSlimming(material(updates=8), rho=2.0)
    weight = next(slimming.generator.module.masked.parameters()).detach().clone()
    original = next(slimming.original.parameters()).detach().clone()
    judge = next(slimming.adversary.network.module.parameters()).detach().clone()
    run(slimming, range(4))
    assert (slimming.generator.module.gates < 1).any()
    assert not torch.equal(next(slimming.generator.module.masked.parameters()), weight)
    assert not torch.equal(next(slimming.adversary.network.module.parameters()), judge)
    assert torch.equal(next(slimming.original.parameters()), original)


def test_shrinking_rests_while_the_open_gates_fit_into_the_budget() -> None:
    task = material()
    slimming = GanSlimming(task, rho=1.0)
    kept = slimming.plans()[0].mask(task.counter.table)
    with torch.no_grad():
        slimming.generator.module.gates.copy_(kept)
    slimming._shrink(0.25)
    assert torch.equal(slimming.generator.module.gates, kept)
    with torch.no_grad():
        slimming.generator.module.gates.fill_(1)
    slimming._shrink(0.25)
    assert torch.equal(slimming.generator.module.gates, torch.full_like(kept, 0.75))


def test_what_closed_last_is_kept_first() -> None:
    task = material(share=0.5)
    slimming = GanSlimming(task)
    prunable = task.counter.table.prunable
    order = torch.randperm(prunable, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        slimming.generator.module.gates.zero_()
    slimming.mean_gates = order / prunable
    for group, ranks in zip(task.counter.table.groups, task.counter.table.split(order), strict=True):
        kept = slimming.plans()[0].kept[group.name]
        assert kept == tuple(sorted(ranks.argsort(descending=True)[: len(kept)].tolist()))


def test_by_default_a_gate_that_nothing_holds_open_closes_within_half_of_the_updates() -> None:
    updates = 400
    slimming = GanSlimming(material(updates=updates))
    rates = [0.5 * (1 + math.cos(math.pi * step / updates)) for step in range(updates // 2)]
    assert sum(slimming.rho * slimming.gate_lr * rate for rate in rates) == pytest.approx(1, rel=0.01)
    assert GanSlimming(material(updates=10**6)).rho == 0.01
