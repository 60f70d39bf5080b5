import itertools

import pytest
import torch
from gan_toys import batch, patchgan, reloaded, unet
from torch import nn

from asserts import assert_same, snapshot
from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.objectives import fake_loss, real_loss
from mggc.gan.recover import GUESSING, Recovery, recover
from toys import cpu_fabric


def recovery(*, gan_mode: GanMode = "hinge", conditional: bool = True, seed: int = 1) -> Recovery:
    channels = 4 if conditional else 3
    return Recovery(
        unet(0),
        patchgan(channels, seed),
        ObjectiveConfig(lr=2e-3),
        cpu_fabric(),
        gan_mode=gan_mode,
        conditional=conditional,
    )


def batches(start: int = 0):
    return (batch(number) for number in itertools.count(start))


HELD_OUT = [batch(500), batch(501)]


@pytest.mark.parametrize("gan_mode", ["hinge", "vanilla", "lsgan"])
def test_a_discriminator_that_cannot_tell_has_a_share_of_one(gan_mode: GanMode) -> None:
    model = recovery(gan_mode=gan_mode)
    last = [m for m in model.adversary.network.modules() if isinstance(m, nn.Conv2d)][-1]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 0.5 if gan_mode == "lsgan" else 0.0)
    assert model.measure(HELD_OUT) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("conditional", [True, False])
def test_the_measure_is_the_loss_in_training_mode_and_leaves_the_network_alone(conditional: bool) -> None:
    model = recovery(conditional=conditional)
    network = model.adversary.network.module
    before = snapshot(network)
    losses = []
    for source, target in HELD_OUT:
        with torch.no_grad():
            fake = model.generator(source)
            judged = [torch.cat([source, x], 1) if conditional else x for x in (target, fake)]
            real_logits, fake_logits = (patchgan(4 if conditional else 3, 1).train()(x) for x in judged)
        losses.append((real_loss(real_logits, "hinge") + fake_loss(fake_logits, "hinge")) / 2)
    assert model.measure(HELD_OUT) == pytest.approx(torch.stack(losses).mean().item() / GUESSING["hinge"])
    assert_same(snapshot(network), before)
    assert network.training


def test_training_stops_at_the_first_measurement_below_the_target() -> None:
    shares = [
        record.share
        for record in recover(recovery(), batches(), HELD_OUT, target_share=1e-9, check_every=2, most=12)
    ]
    assert [share is not None for share in shares] == [False, True] * 6
    measured = [share for share in shares if share is not None]
    assert min(measured) < measured[0]
    target = min(measured)
    first = next(number for number, share in enumerate(shares, 1) if share is not None and share <= target)
    records = list(recover(recovery(), batches(), HELD_OUT, target_share=target, check_every=2, most=12))
    assert [record.step for record in records] == list(range(1, first + 1))
    assert [record.share for record in records] == shares[:first]


def test_it_ends_after_the_most_updates_with_a_measurement() -> None:
    records = list(recover(recovery(), batches(), HELD_OUT, target_share=1e-9, check_every=4, most=6))
    assert [record.step for record in records if record.share is not None] == [4, 6]
    assert len(records) == 6


def test_a_resumed_recovery_is_bit_equal_and_one_that_has_reached_its_target_does_nothing() -> None:
    whole = recovery()
    list(recover(whole, batches(), HELD_OUT, target_share=1e-9, check_every=2, most=6))
    first = recovery()
    list(recover(first, batches(), HELD_OUT, target_share=1e-9, check_every=2, most=4))
    second = recovery(seed=2)
    second.load_state_dict(reloaded(first.state_dict()))
    list(recover(second, batches(4), HELD_OUT, target_share=1e-9, check_every=2, most=6, start=4))
    assert_same(second.state_dict(), whole.state_dict())
    done = recovery(seed=2)
    done.load_state_dict(reloaded(whole.state_dict()))
    assert done.share is not None
    assert not list(
        recover(done, batches(6), HELD_OUT, target_share=done.share, check_every=2, most=9, start=6)
    )


def test_the_generator_does_not_learn() -> None:
    model = recovery()
    before = snapshot(model.generator)
    list(recover(model, batches(), HELD_OUT, target_share=1e-9, check_every=2, most=3))
    assert_same(snapshot(model.generator), before)
