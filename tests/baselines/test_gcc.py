import copy

import pytest
import torch
from torch import Tensor, nn

from asserts import assert_same, snapshot
from choice_toys import Difference, TwoHalves, learn, material, reloaded, room_for_one_half, small_networks
from mggc.baselines.chooser import Chooser
from mggc.baselines.gcc import Gcc, SelectiveGates, balance
from mggc.config import ObjectiveConfig, PruneConfig
from mggc.pruning.channels import trace_channels
from toys import images


class Normed(TwoHalves):
    """The useful half and the useless one, each behind a batch norm."""

    def __init__(self) -> None:
        super().__init__(useless_first=True)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
        with torch.no_grad():
            self.out.weight.div_(3**0.5)  # the norms scale uniform images up to a deviation of 1

    def forward(self, pictures: Tensor) -> Tensor:
        halves = zip(self.norms, (self.used(pictures), self.useless(pictures)), strict=True)
        return self.out(torch.relu(torch.cat([norm(half) for norm, half in halves], dim=1)))  # type: ignore[no-any-return]


def test_scales_that_do_nothing_for_the_image_wither_and_their_channels_go() -> None:
    generator = Normed()
    given = material(
        generator,
        Difference(),
        budget=room_for_one_half(generator),
        updates=100,
        objective=ObjectiveConfig(lr=1e-5),
    )
    gcc = Gcc(given)
    learn(gcc, range(60))
    assert gcc.plans()[0].widths == {"used": 8, "useless": 1}
    used, useless = (norm.weight.abs() for norm in generator.norms)
    assert used.min() > 2 * useless.max()


def test_without_scales_filters_are_sparsified_and_ranked() -> None:
    generator = TwoHalves(useless_first=False)
    with torch.no_grad():
        generator.useless.weight.mul_(0.5)
    given = material(generator, Difference(), updates=4)
    gcc = Gcc(given)
    (penalty, *_) = [record["penalty"] for record in learn(gcc, range(1))]
    assert penalty.item() == pytest.approx(1e-3 * (8 + 4 + 2), rel=1e-4)
    widths = gcc.plans()[0].widths
    assert widths["used"] > widths["useless"]


def test_the_gap_is_between_the_generators_and_the_discriminators_loss_on_generated_images() -> None:
    on_real, on_fake = torch.full((1, 1, 2, 2), 0.25), torch.full((1, 1, 2, 2), 0.5)
    found = balance(on_real, on_fake, "hinge")
    assert found.gap.item() == pytest.approx(abs(-0.5 - 1.5))
    assert found.own_loss.item() == pytest.approx((0.75 + 1.5) / 2)


def test_gates_are_shut_below_one_half_but_not_all_of_a_group() -> None:
    table = trace_channels(Difference(), image_size=8)
    gates = SelectiveGates(table)
    assert gates().tolist() == [1, 1]
    gates.alpha.copy_(torch.tensor([0.5, 0.49]))
    assert gates().tolist() == [1, 0]
    gates.alpha.copy_(torch.tensor([0.2, 0.3]))
    assert gates().tolist() == [0, 1]


def test_a_discriminator_too_strong_for_the_pruned_generator_loses_a_channel() -> None:
    """With one channel in place of eight the generator's images lack what is dark, or bright."""
    given = material(
        TwoHalves(useless_first=True),
        Difference(),
        share=0.13,
        updates=80,
        objective=ObjectiveConfig(lr=1e-6),
        config=PruneConfig(mask_lr=2e-2),
    )
    gcc = Gcc(given)
    records = learn(gcc, range(80))[40:]
    assert gcc.plans()[1].widths == {"compare": 1}
    first, last = (abs(record["student_gap"] - record["teacher_gap"]) for record in (records[0], records[-1]))
    assert last < 0.5 * first


def test_an_update_of_the_gates_changes_nothing_else() -> None:
    given = material(*small_networks(), size=32, updates=2)
    gcc = Gcc(given)
    learn(gcc, range(1), size=32)
    weights = [snapshot(network) for network in (gcc.teacher, gcc.teacher_judge)]
    parameters = [copy.deepcopy(list(n.parameters())) for n in (given.generator, given.discriminator)]
    alpha = gcc.gates.alpha.clone()
    gcc._update_gates(images(2, 1, 32, 32), images(2, 1, 32, 32, seed=1))
    assert not torch.equal(gcc.gates.alpha, alpha)
    assert 0 <= gcc.gates.alpha.min() <= gcc.gates.alpha.max() <= 1
    for network, before in zip((gcc.teacher, gcc.teacher_judge), weights, strict=True):
        assert_same(snapshot(network), before)
    for network, before in zip((given.generator, given.discriminator), parameters, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))


def test_the_generator_is_pruned_to_the_budget_at_half_time_and_stays_so() -> None:
    given = material(*small_networks(), size=32, share=0.3, updates=6)
    gcc = Gcc(given)
    kept = []
    for step in range(6):
        learn(gcc, range(step, step + 1), size=32)
        kept.append(gcc.mask.values.clone())
        macs = given.counter(gcc.plans()[0].mask(given.counter.table))
        assert 0.9 * given.budget <= macs <= given.budget
    assert all(mask.min() == 1 for mask in kept[:3])
    assert all(torch.equal(mask, kept[3]) for mask in kept[4:])
    assert torch.equal(gcc.plans()[0].mask(given.counter.table), kept[3])


@pytest.mark.parametrize("interrupted", [2, 3, 4])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_resumed_gcc_is_the_uninterrupted_one_bit_for_bit(conditional: bool, interrupted: int) -> None:
    def fresh() -> Chooser:
        networks = small_networks(conditional=conditional)
        return Gcc(material(*networks, size=32, conditional=conditional, share=0.3))

    whole, first, second = fresh(), fresh(), fresh()
    records = learn(whole, range(6), size=32)
    learn(first, range(interrupted), size=32)
    learn(second, range(1), size=32)  # a state of its own, to be forgotten
    second.load_state_dict(reloaded(first.state_dict()))
    assert_same(learn(second, range(interrupted, 6), size=32), records[interrupted:])
    assert_same(second.state_dict(), whole.state_dict())
    assert second.plans() == whole.plans()


def test_gcc_runs_in_mixed_precision() -> None:
    gcc = Gcc(material(*small_networks(), size=32, precision="bf16-mixed", updates=4))
    records = learn(gcc, range(4), size=32)
    assert all(torch.isfinite(value) for record in records for value in record.values())
