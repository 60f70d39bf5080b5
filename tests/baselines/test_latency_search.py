from functools import partial

import pytest
import torch
from search_toys import assert_chooses_within_budget, assert_resumes, batch, choose_blindly, material, run

from mggc.baselines.latency_search import LatencySearch, gumbel_one_hot
from mggc.runtime import step_generator

make = partial(LatencySearch, choices=3, checks=2)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_plans_use_the_budget_up(conditional: bool, residual: bool) -> None:
    assert_chooses_within_budget(make, material(conditional=conditional, residual=residual))


def test_a_stopped_search_goes_on_as_if_it_had_not_been() -> None:
    assert_resumes(make, lambda: material(updates=6))


@pytest.mark.parametrize("seed", range(3))
def test_a_group_that_the_output_does_not_depend_on_becomes_narrow(seed: int) -> None:
    widths = choose_blindly(LatencySearch, seed=seed, updates=200)
    # With trained weights seven useful channels do what eight did; half of the nine would be chance.
    assert widths["used"] >= 7
    assert widths["useless"] <= 2


def test_draws_are_one_hot_follow_the_softmax_and_let_gradients_through() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]], requires_grad=True)
    draws = torch.stack([gumbel_one_hot(logits, step_generator(0, number)) for number in range(4000)])
    assert torch.equal(draws.detach().unique(), torch.tensor([0.0, 1.0]))
    assert torch.equal(draws.sum(dim=-1), torch.ones(4000, 2))
    torch.testing.assert_close(draws.mean(dim=0), logits.softmax(dim=-1), atol=0.03, rtol=0)
    (gradient,) = torch.autograd.grad(draws.mean(dim=0)[0, 2], logits)
    assert gradient[0, 2] > 0 > gradient[0, :2].max()
    assert torch.equal(gradient[1], torch.zeros(3))


def test_a_mask_is_the_chosen_width_of_each_group() -> None:
    search = make(material())
    chosen = torch.arange(len(search.space.table.groups)).remainder(3)
    mask = search._mask(torch.eye(3)[chosen])
    assert torch.equal(mask, search.space.mask(search.space.choices[chosen]))


def test_weights_and_widths_take_turns() -> None:
    search = make(material(updates=4), pretraining=0.25)
    state = search.state_dict
    for step, moves_widths in enumerate([False, True, False, True]):
        weights = {name: tensor.clone() for name, tensor in state()["generator"].items()}
        logits = state()["logits"].clone()
        run(search, range(step, step + 1))
        assert torch.equal(state()["logits"], logits) != moves_widths
        same = [torch.equal(state()["generator"][name], tensor) for name, tensor in weights.items()]
        assert all(same) == moves_widths


def test_without_a_distance_the_cost_makes_every_group_narrower() -> None:
    task = material(residual=True, updates=40)
    search = make(task, pretraining=0.0, cost_weight=1e6, width_lr=0.1)
    run(search, range(40))
    assert (search._likeliest() == search.space.choices[0]).all()


def test_the_cost_weighs_more_while_the_likeliest_widths_are_too_expensive() -> None:
    search = make(material(share=0.2), cost_weight=1.0)
    for favourite, expected in ((2, 2.0), (0, 1.0)):
        with torch.no_grad():
            search.logits.zero_()
            search.logits[:, favourite] = 1
        search._adapt()
        assert search.cost_weight == expected


def test_the_likeliest_widths_are_to_each_other_as_in_the_plan() -> None:
    search = make(material(residual=True))
    with torch.no_grad():
        search.logits[:, 2] = 1
        search.logits[1, 0] = 2
    plan = search.plans()[0]
    groups = search.space.table.groups
    shares = [plan.widths[group.name] / group.size for group in groups]
    assert shares[1] == min(shares)
    assert shares[0] > 2 * shares[1]


def test_the_first_distance_is_zero_at_full_width() -> None:
    search = make(material())
    source, target = batch(0)
    assert search.step(source, target)["whole_distance"].item() < 1e-6
