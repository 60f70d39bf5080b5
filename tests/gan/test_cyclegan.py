from collections import Counter

import pytest
import torch
from gan_toys import adam, batch, patchgan, reloaded, resnet, twins
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.config import ObjectiveConfig
from mggc.gan.cyclegan import CycleGan
from mggc.gan.pix2pix import Teacher
from mggc.runtime import seed_step
from toys import cpu_fabric

CONFIG = ObjectiveConfig(lr=1e-2, lambda_cycle=4.0, lambda_identity=0.25, pool_size=3)
COLOUR = (3, 3)


def make(
    config: ObjectiveConfig = CONFIG, *, teacher: Teacher | None = None, channels: tuple[int, int] = COLOUR
) -> CycleGan:
    read, written = channels
    return CycleGan(
        resnet(read, written, 1),
        resnet(written, read, 2),
        patchgan(written, 3, norm="instance"),
        patchgan(read, 4, norm="instance"),
        config,
        cpu_fabric(),
        teacher=teacher,
    )


def networks(gan: CycleGan) -> list[nn.Module]:
    return [
        gan.forward_generator.module,
        gan.backward_generator.module,
        gan.target_adversary.network.module,
        gan.source_adversary.network.module,
    ]


def test_an_update_is_that_of_the_recipe_written_out() -> None:
    gan = make()
    g_forward, g_backward, d_target, d_source = twins(*networks(gan))
    g_adam, dt_adam, ds_adam = adam(1e-2, g_forward, g_backward), adam(1e-2, d_target), adam(1e-2, d_source)
    x, y = batch(0, channels=COLOUR)
    fake_y, fake_x = g_forward(x), g_backward(y)
    expected = {
        "adversarial": ((d_target(fake_y) - 1) ** 2).mean(),
        "backward_adversarial": ((d_source(fake_x) - 1) ** 2).mean(),
        "cycle": (g_backward(fake_y) - x).abs().mean() + (g_forward(fake_x) - y).abs().mean(),
        "identity": (g_forward(y) - y).abs().mean() + (g_backward(x) - x).abs().mean(),
    }
    total = expected["adversarial"] + expected["backward_adversarial"]
    total = total + 4.0 * expected["cycle"] + 4.0 * 0.25 * expected["identity"]
    g_adam.zero_grad()
    total.backward()
    g_adam.step()
    # The discriminators' inputs were generated before the generators moved; a pool that is not full keeps them.
    for name, optimizer, d, real, fake in (
        ("discriminator", dt_adam, d_target, y, fake_y),
        ("source_discriminator", ds_adam, d_source, x, fake_x),
    ):
        expected[name] = (((d(real) - 1) ** 2).mean() + (d(fake.detach()) ** 2).mean()) / 2
        optimizer.zero_grad()
        expected[name].backward()
        optimizer.step()
    losses = gan.update(x, y)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach())
    for network, twin in zip(networks(gan), (g_forward, g_backward, d_target, d_source), strict=True):
        for found, wanted in zip(network.parameters(), twin.parameters(), strict=True):
            # Biases before an instance norm have no gradient but rounding, which Adam blows up to its step.
            torch.testing.assert_close(found, wanted, atol=2.1e-2, rtol=0)
        weights = zip(network.named_parameters(), twin.parameters(), strict=True)
        moved = [(found, wanted) for (name, found), wanted in weights if name.endswith("weight")]
        assert all((found - wanted).abs().mean() < 1e-4 for found, wanted in moved)


def count_passes(gan: CycleGan) -> Counter[str]:
    passes: Counter[str] = Counter()
    for name, network in zip(("forward", "backward", "target", "source"), networks(gan), strict=True):
        network.register_forward_hook(lambda *_, name=name: passes.update([name]))
    return passes


@pytest.mark.parametrize(("identity", "generator_passes"), [(0.5, 3), (0.0, 2)])
def test_generated_images_are_computed_once(identity: float, generator_passes: int) -> None:
    gan = make(ObjectiveConfig(lambda_identity=identity))
    passes = count_passes(gan)
    gan.update(*batch(0, channels=COLOUR))
    assert passes["forward"] == passes["backward"] == generator_passes
    assert passes["target"] == passes["source"] == 3  # judged once, learned from a real and a generated batch


def test_domains_with_different_channels_have_no_identity_loss() -> None:
    losses = make(channels=(1, 3)).update(*batch(0))
    assert "identity" not in losses


def run(gan: CycleGan, steps: range) -> list[dict[str, Tensor]]:
    records = []
    for step in steps:
        seed_step(0, "update", step)
        records.append(gan.update(*batch(step, channels=COLOUR)))
    return records


def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit() -> None:
    """With pools of three images and batches of two, the pools' content decides from the second update on."""
    whole = make()
    records = run(whole, range(6))
    first = make()
    run(first, range(3))
    state = reloaded(first.state_dict())
    second = make()
    run(second, range(1))  # a state of its own, to be forgotten
    second.load_state_dict(state)
    assert_same(run(second, range(3, 6)), records[3:])
    assert_same(reloaded(second.state_dict()), reloaded(whole.state_dict()))
    assert len(whole.target_pool.images) == len(whole.source_pool.images) == 3


def test_the_discriminators_learn_from_the_pool() -> None:
    gan = make(ObjectiveConfig(pool_size=1))
    run(gan, range(1))
    (kept,) = gan.target_pool.images
    old = kept.clone()
    seen: list[Tensor] = []
    gan.target_adversary.network.module.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach())
    )
    for step in range(1, 12):
        run(gan, range(step, step + 1))
        if any((image == old).all() for images in seen for image in images):
            return
    pytest.fail("The first generated image never came back.")


def test_the_discriminators_updates_touch_no_generator_and_the_generators_no_discriminator() -> None:
    gan = make()
    gan.set_learning_rate(0.0)
    gan.optimizer.param_groups[0]["lr"] = 1e-2
    before = [snapshot(network) for network in networks(gan)]
    run(gan, range(1))
    changed = [
        any(not torch.equal(network.state_dict()[name], value) for name, value in state.items())
        for network, state in zip(networks(gan), before, strict=True)
    ]
    assert changed == [True, True, False, False]
    gan.optimizer.param_groups[0]["lr"] = 0.0
    gan.target_adversary.optimizer.param_groups[0]["lr"] = 1e-2
    before = [snapshot(network) for network in networks(gan)]
    run(gan, range(1))
    changed = [
        any(not torch.equal(network.state_dict()[name], value) for name, value in state.items())
        for network, state in zip(networks(gan), before, strict=True)
    ]
    assert changed == [False, False, True, False]


class Listening(nn.Module):
    """A teacher that notes which pass of the forward generator came last before it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.latest: Tensor | None = None
        self.heard: list[bool] = []

    def forward(self, source: Tensor, fake: Tensor) -> Tensor:
        assert self.latest is not None
        self.heard.append(torch.equal(self.latest, source))
        return self.scale * (fake - source).square().mean()


def test_the_teacher_is_asked_right_after_the_pass_that_it_judges() -> None:
    teacher = Listening()
    gan = make(teacher=teacher)

    def listen(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        teacher.latest = inputs[0]

    gan.forward_generator.module.register_forward_pre_hook(listen)
    records = run(gan, range(2))
    assert teacher.heard == [True, True]
    assert all("distillation" in record for record in records)
    assert teacher.scale.item() != 1


def test_the_learning_rate_reaches_every_optimizer() -> None:
    gan = make()
    gan.set_learning_rate(0.125)
    optimizers = (gan.optimizer, gan.target_adversary.optimizer, gan.source_adversary.optimizer)
    assert all(group["lr"] == 0.125 for optimizer in optimizers for group in optimizer.param_groups)


def test_training_runs_in_mixed_precision() -> None:
    gan = CycleGan(
        resnet(3, 3, 1), resnet(3, 3, 2), patchgan(3, 3), patchgan(3, 4), CONFIG, cpu_fabric("bf16-mixed")
    )
    assert all(loss.isfinite() for record in run(gan, range(2)) for loss in record.values())
