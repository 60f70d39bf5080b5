import pytest
import torch

from asserts import assert_same
from choice_toys import Difference, TwoHalves, learn, material, reloaded, room_for_one_half, small_networks
from mggc.baselines.chooser import Chooser
from mggc.baselines.dmad import PENALTY_WEIGHT, AnnealedMask, Dmad, annealed_bound, annealed_step
from mggc.config import ObjectiveConfig, PruneConfig
from mggc.pruning.channels import trace_channels
from mggc.runtime import seed_step


def test_the_step_goes_through_the_published_points_and_is_flat_outside() -> None:
    for bound in (1.0, 0.3, 0.006):
        theta = bound * torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
        expected = torch.tensor([0.0, 0.0, 0.125, 0.5, 0.875, 1.0, 1.0])
        torch.testing.assert_close(annealed_step(theta, torch.tensor(bound)), expected)


def test_at_a_bound_of_zero_the_mask_is_hard() -> None:
    theta = torch.tensor([-0.1, 0.0, 1e-9, 0.2])
    assert annealed_step(theta, torch.tensor(0.0)).tolist() == [0, 0, 1, 1]


def test_the_bound_falls_from_one_to_zero_over_three_quarters_of_the_updates() -> None:
    bounds = [annealed_bound(step, 400) for step in range(400)]
    assert bounds[0] == 1
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[299] > 0
    assert set(bounds[300:]) == {0.0}
    assert annealed_bound(75, 400) == pytest.approx(1 - 0.25 ** (1 / 3))


def test_only_undecided_channels_pay_and_no_group_is_shut() -> None:
    table = trace_channels(TwoHalves(useless_first=False), image_size=8)
    mask = AnnealedMask(table)
    mask.bound.fill_(0.5)
    with torch.no_grad():
        mask.theta.copy_(torch.cat([torch.full((8,), 0.6), torch.full((8,), -0.7)]))
        mask.theta[3] = 0.1
        mask.theta[12] = -0.6
    penalty = mask.penalty()
    assert penalty.item() == pytest.approx(0.6)
    (gradient,) = torch.autograd.grad(penalty, mask.theta)
    assert gradient.nonzero().flatten().tolist() == [3]
    assert mask()[8:].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("useless_first", [True, False])
def test_channels_that_do_nothing_for_the_image_are_dropped(useless_first: bool) -> None:
    generator = TwoHalves(useless_first=useless_first)
    given = material(
        generator,
        Difference(),
        budget=room_for_one_half(generator),
        updates=150,
        objective=ObjectiveConfig(lr=1e-5),
        config=PruneConfig(mask_lr=2e-2),
    )
    seed_step(0, "dmad")
    dmad = Dmad(given)
    records = learn(dmad, range(150))
    assert dmad.plans()[0].widths == {"used": 8, "useless": 1}
    assert records[-1]["bound"] == 0
    assert records[-1]["macs_share"] <= given.budget / given.counter.total


@pytest.mark.parametrize("conditional", [True, False])
def test_a_resumed_dmad_is_the_uninterrupted_one_bit_for_bit(conditional: bool) -> None:
    def fresh() -> Chooser:
        networks = small_networks(conditional=conditional)
        given = material(*networks, size=32, conditional=conditional, share=0.3)
        seed_step(0, "dmad")
        return Dmad(given)

    whole, first, second = fresh(), fresh(), fresh()
    records = learn(whole, range(6), size=32)
    learn(first, range(3), size=32)
    learn(second, range(1), size=32)  # a state of its own, to be forgotten
    second.load_state_dict(reloaded(first.state_dict()))
    assert_same(learn(second, range(3, 6), size=32), records[3:])
    assert_same(second.state_dict(), whole.state_dict())
    assert second.plans() == whole.plans()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_plan_is_within_the_budget_whenever_it_is_asked_for(share: float) -> None:
    given = material(*small_networks(), size=32, share=share)
    dmad = Dmad(given)
    for step in range(4):
        plan, d_plan = dmad.plans()
        assert 0.9 * given.budget <= given.counter(plan.mask(given.counter.table)) <= given.budget
        assert d_plan.widths == {group.name: group.size for group in given.discriminator_table.groups}
        learn(dmad, range(step, step + 1), size=32)


def test_masks_and_weights_are_trained_together_also_in_mixed_precision() -> None:
    given = material(*small_networks(), size=32, precision="bf16-mixed")
    dmad = Dmad(given)
    theta = dmad.mask.theta.detach().clone()
    weights = [parameter.detach().clone() for parameter in given.generator.parameters()]
    records = learn(dmad, range(2), size=32)
    assert not torch.equal(dmad.mask.theta, theta)
    after = list(given.generator.parameters())
    assert all(not torch.equal(one, other) for one, other in zip(after, weights, strict=True))
    assert all(torch.isfinite(value) for record in records for value in record.values())


def test_the_penalty_grows_heavier_over_the_budget_and_lighter_below_it() -> None:
    for share, heavier in ((0.05, True), (0.99, False)):
        dmad = Dmad(material(*small_networks(), size=32, share=share))
        (record,) = learn(dmad, range(1), size=32)
        assert (dmad.weight > PENALTY_WEIGHT) is heavier
        assert bool(record["penalty"] > 0) is heavier
    seed_step(0, "dmad")
    dmad = Dmad(material(*small_networks(), size=32, share=0.01, updates=400))
    for _ in range(3):
        learn(dmad, range(1), size=32)
    assert dmad.weight == pytest.approx(PENALTY_WEIGHT * 1000 ** (3 / 300))
