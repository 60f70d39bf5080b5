import copy
from functools import partial

import pytest
import torch
from search_toys import assert_chooses_within_budget, assert_resumes, batch, choose_blindly, material

from mggc.baselines.supernet import Supernet
from mggc.baselines.supernet_search import SupernetSearch, training_updates
from mggc.baselines.widths import WidthSpace, share_choices, widths_of
from mggc.gan.objectives import fake_loss, generator_loss, real_loss

make = partial(SupernetSearch, population=5, generations=2)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_plans_use_the_budget_up(conditional: bool, residual: bool) -> None:
    assert_chooses_within_budget(make, material(conditional=conditional, residual=residual))


@pytest.mark.parametrize("conditional", [True, False])
def test_a_stopped_search_goes_on_as_if_it_had_not_been(conditional: bool) -> None:
    assert_resumes(make, lambda: material(conditional=conditional, updates=6))


@pytest.mark.parametrize("seed", range(3))
def test_a_group_that_the_output_does_not_depend_on_becomes_as_narrow_as_it_can(seed: int) -> None:
    search = partial(SupernetSearch, population=8, generations=12)
    assert choose_blindly(search, seed=seed, updates=24) == {"used": 8, "useless": 1}


def test_the_supernet_learns_what_the_objective_says() -> None:
    task = material()
    expected, judge = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
    supernet = Supernet(task, lr=1e-3, lambda_recon=None)
    for network in (expected, judge):
        for layer in network.modules():
            layer.training = isinstance(layer, torch.nn.BatchNorm2d)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.999)) for network in (judge, expected)
    ]
    source, target = batch(0)
    supernet.learn(source, target, torch.ones(task.counter.table.prunable))
    fake = expected(source)
    real_logits = judge(torch.cat([source, target], dim=1))
    fake_logits = judge(torch.cat([source, fake.detach()], dim=1))
    ((real_loss(real_logits, "hinge") + fake_loss(fake_logits, "hinge")) / 2).backward()
    optimizers[0].step()
    adversarial = generator_loss(judge(torch.cat([source, fake], dim=1)), "hinge")
    (adversarial + 100 * (fake - target).abs().mean()).backward()
    optimizers[1].step()
    found = supernet.generator.module.network.named_parameters()
    for (_, parameter), wanted in zip(found, expected.parameters(), strict=True):
        torch.testing.assert_close(parameter, wanted, atol=1e-5, rtol=1e-3)


def test_a_channel_that_the_mask_drops_is_not_trained() -> None:
    task = material(residual=True)
    group = task.counter.table.groups[0]
    mask = torch.ones(task.counter.table.prunable)
    mask[group.offset] = 0
    supernet = Supernet(task, lr=1e-3, lambda_recon=None)
    filters = task.generator.get_submodule(group.name).weight
    before = filters.detach().clone()
    supernet.learn(*batch(0), mask)
    assert torch.equal(filters[0], before[0])
    assert not torch.equal(filters[1:], before[1:])


def test_the_score_of_a_mask_is_its_loss_and_trains_nothing() -> None:
    task = material(conditional=False)
    supernet = Supernet(task, lr=1e-3, lambda_recon=3.0)
    before = copy.deepcopy(supernet.state_dict())
    source, target = batch(0)
    table = task.counter.table
    masks = [torch.ones(table.prunable), torch.arange(table.prunable).remainder(2).float()]
    whole, half = supernet.score(source, target, masks)
    judge = supernet.adversary.network.module
    for mask, found in zip(masks, (whole, half), strict=True):
        fake = supernet.generator.module(source, mask)
        adversarial = (judge(fake) - 1).square().mean()
        wanted = adversarial + 3 * (fake - supernet.original(source)).abs().mean()
        torch.testing.assert_close(found, wanted.double())
    after = supernet.state_dict()
    for name, tensor in before["generator"].items():
        assert torch.equal(after["generator"][name], tensor)


def test_survivors_are_the_best_and_children_take_their_widths_from_them() -> None:
    search = SupernetSearch(material(), population=40, mutation=0.0)
    scores = torch.rand(40, generator=torch.Generator().manual_seed(0)).double()
    search.scores, genomes = scores, search.genomes
    search._breed()
    best = genomes[scores.argsort()[:10]]
    assert torch.equal(search.genomes[:10], best)
    for child in search.genomes[10:]:
        assert all((best[:, group] == width).any() for group, width in enumerate(child))
    for mutant in search.genomes[10:25]:  # with no mutation they are copies
        assert (best == mutant).all(dim=1).any()


def test_shares_reach_from_below_the_budget_to_the_whole_in_even_ratios() -> None:
    task = material(share=0.04)
    shares = share_choices(task.counter, budget=task.budget, choices=5)
    assert shares[0].item() == pytest.approx(0.04, rel=1e-3)
    assert shares[-1] == 1
    ratios = shares[1:] / shares[:-1]
    torch.testing.assert_close(ratios, ratios[0].expand(4))
    assert share_choices(task.counter, budget=task.counter.total, choices=4)[0].item() == pytest.approx(1 / 8)
    with pytest.raises(ValueError, match="at least 2"):
        share_choices(task.counter, budget=task.budget, choices=1)


def test_widths_are_shares_rounded_up() -> None:
    table = material().counter.table
    every = torch.ones(len(table.groups))
    assert widths_of(0.3 * every, table) == [-(-3 * group.size // 10) for group in table.groups]
    assert set(widths_of(1e-6 * every, table)) == {1}
    assert widths_of(every, table) == [group.size for group in table.groups]


def test_widths_within_the_budget_are_to_each_other_as_their_shares() -> None:
    task = material(residual=True, share=0.1)
    space = WidthSpace(task, choices=4)
    shares = torch.ones(len(space.table.groups))
    shares[1] = 0.5
    plan = space.plan(shares)
    kept = torch.tensor([plan.widths[group.name] / group.size for group in space.table.groups])
    scale = (kept / shares).median()
    for group, share, wanted in zip(space.table.groups, kept, shares, strict=True):
        assert abs(share - scale * wanted) <= 2 / group.size
    # Within a group the strongest stay.
    for group, strength in zip(space.table.groups, space.table.split(space.strength), strict=True):
        dropped = [c for c in range(group.size) if c not in plan.kept[group.name]]
        assert strength[list(plan.kept[group.name])].min() >= strength[dropped].max()


@pytest.mark.parametrize(("updates", "expected"), [(1, 0), (2, 1), (3, 2), (10, 5)])
def test_the_search_has_at_least_one_update(updates: int, expected: int) -> None:
    assert training_updates(updates, share=0.5) == expected
    assert training_updates(updates, share=1.0) == updates - 1
