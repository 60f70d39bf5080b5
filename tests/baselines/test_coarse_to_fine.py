from functools import partial

import pytest
import torch
from search_toys import assert_chooses_within_budget, assert_resumes, batch, choose_blindly, material

from mggc.baselines.coarse_to_fine import CoarseToFine

make = partial(CoarseToFine, choices=4, moves=2)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_plans_use_the_budget_up(conditional: bool, residual: bool) -> None:
    assert_chooses_within_budget(make, material(conditional=conditional, residual=residual))


def test_a_stopped_search_goes_on_as_if_it_had_not_been() -> None:
    assert_resumes(make, lambda: material(residual=True, updates=6))


@pytest.mark.parametrize("seed", range(3))
def test_a_group_that_the_output_does_not_depend_on_becomes_as_narrow_as_it_can(seed: int) -> None:
    assert choose_blindly(CoarseToFine, seed=seed, updates=40) == {"used": 8, "useless": 1}


def test_every_run_of_updates_trains_every_width_of_every_group_once() -> None:
    search = CoarseToFine(material(updates=40), choices=5)
    for run in range(3):
        shares = torch.stack([search._fair_shares(5 * run + position) for position in range(5)])
        expected = search.space.choices[:, None].expand_as(shares)
        assert torch.equal(shares.sort(dim=0).values, expected)
    orders = [search._fair_shares(position) for position in range(5)]
    assert any(len(set(shares.tolist())) > 1 for shares in orders)


def test_the_coarse_stage_ends_within_the_budget_and_the_ceiling_falls_to_it() -> None:
    task = material(residual=True, updates=8, share=0.1)
    search = CoarseToFine(task, training=0.0, choices=4)
    ceilings = [search._ceiling(step) for step in range(4)]
    assert ceilings == sorted(ceilings, reverse=True)
    assert ceilings[-1] == pytest.approx(task.budget)
    for step in range(4):
        search.step(*batch(step))
        assert task.counter(search.space.mask(search.shares)).item() <= ceilings[step]
        assert search.fine == (step == 3)


def test_what_is_narrowed_first_costs_least_for_the_macs_that_it_saves() -> None:
    task = material(residual=True, updates=4)
    search = CoarseToFine(task, training=0.0, choices=4)
    stay, *moves = search._candidates()
    assert len(moves) == len(task.counter.table.groups)
    scores = torch.rand(1 + len(moves), generator=torch.Generator().manual_seed(0)).double()
    search.scores = scores
    costs = [
        (score - scores[0]) / (task.counter(stay.mask) / task.counter(move.mask)).log()
        for score, move in zip(scores[1:], moves, strict=True)
    ]
    # A ceiling just below what there is now asks for one decision.
    search._narrow(*batch(0), ceiling=task.counter.total - 1.0)
    assert torch.equal(search.shares, moves[int(torch.stack(costs).argmin())].shares)
    assert search.scores is None


def test_fine_moves_keep_the_budget_and_become_finer() -> None:
    task = material(residual=True)
    search = CoarseToFine(task, choices=4, moves=2)
    search.fine = True
    search._go_to(0.5 * torch.ones_like(search.shares))
    steps = []
    for _ in range(2):
        candidates = search._candidates()
        assert len(candidates) == 1 + 2 * len(search.shares)
        for candidate in candidates:
            macs = task.counter(candidate.mask).item()
            assert 0.98 * task.budget <= macs <= task.budget
        steps.append((candidates[1].shares / candidates[0].shares)[0].log())
        search._shift(torch.arange(len(candidates)).double())  # staying is best
        assert torch.equal(search.shares, candidates[0].shares)
    torch.testing.assert_close(steps[1], steps[0] / 2)


def test_it_runs_with_a_single_update() -> None:
    assert_chooses_within_budget(make, material(updates=1))
