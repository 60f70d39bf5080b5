from collections.abc import Callable

import pytest
import torch
from gan_toys import adam, batch, patchgan, reloaded, twins, unet
from torch import Tensor, nn

from asserts import assert_same, snapshot
from mggc.config import GanMode, ObjectiveConfig
from mggc.gan.adversary import Adversary, frozen
from mggc.gan.pix2pix import Pix2Pix, Teacher
from mggc.runtime import seed_step
from toys import cpu_fabric, images

CONFIG = ObjectiveConfig(lr=1e-2, lambda_l1=7.0)

REAL: dict[GanMode, Callable[[Tensor], Tensor]] = {
    "hinge": lambda logits: torch.clamp(1 - logits, min=0).mean(),
    "vanilla": lambda logits: -torch.log(torch.sigmoid(logits)).mean(),
    "lsgan": lambda logits: ((logits - 1) ** 2).mean(),
}
FAKE: dict[GanMode, Callable[[Tensor], Tensor]] = {
    "hinge": lambda logits: torch.clamp(1 + logits, min=0).mean(),
    "vanilla": lambda logits: -torch.log(1 - torch.sigmoid(logits)).mean(),
    "lsgan": lambda logits: (logits**2).mean(),
}
FOOLED: dict[GanMode, Callable[[Tensor], Tensor]] = {**REAL, "hinge": lambda logits: -logits.mean()}


def make(*, dropout: bool = False, mode: GanMode = "hinge", **options: object) -> Pix2Pix:
    return Pix2Pix(unet(1, dropout=dropout), patchgan(4, 2), CONFIG, cpu_fabric(), gan_mode=mode, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["hinge", "vanilla", "lsgan"])
def test_updates_are_those_of_the_recipe_written_out(mode: GanMode) -> None:
    gan = make(mode=mode)
    g, d = twins(gan.generator.module, gan.adversary.network.module)
    g_adam, d_adam = adam(1e-2, g), adam(1e-2, d)
    for number in range(3):
        x, y = batch(number)
        fake = g(x)
        d_loss = (REAL[mode](d(torch.cat([x, y], 1))) + FAKE[mode](d(torch.cat([x, fake.detach()], 1)))) / 2
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        adversarial = FOOLED[mode](d(torch.cat([x, fake], 1)))
        l1 = (fake - y).abs().mean()
        g_adam.zero_grad()
        (adversarial + 7.0 * l1).backward()
        g_adam.step()
        losses = gan.update(x, y)
        expected = {"discriminator": d_loss, "adversarial": adversarial, "l1": l1}
        assert losses.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(losses[name], value.detach())
        for network, twin in ((gan.generator.module, g), (gan.adversary.network.module, d)):
            # Adam's first steps are signs of gradients: rounding decides where these are near zero, but not elsewhere.
            for found, wanted in zip(network.parameters(), twin.parameters(), strict=True):
                assert (found - wanted).abs().mean() < 1e-5


def test_without_pairs_the_discriminator_sees_images_alone_and_there_is_no_distance() -> None:
    gan = Pix2Pix(unet(1), patchgan(3, 2), CONFIG, cpu_fabric(), gan_mode="lsgan", paired=False)
    x, y = batch(0)
    g, d = twins(gan.generator.module, gan.adversary.network.module)
    fake = g(x)
    expected = (REAL["lsgan"](d(y)) + FAKE["lsgan"](d(fake))) / 2
    losses = gan.update(x, y)
    assert losses.keys() == {"discriminator", "adversarial"}
    torch.testing.assert_close(losses["discriminator"], expected.detach())


def test_the_discriminators_update_touches_the_discriminator_alone() -> None:
    gan = make()
    x, y = batch(0)
    fake = gan.generator(x)
    g, d = snapshot(gan.generator.module), snapshot(gan.adversary.network.module)
    gan.adversary.learn(torch.cat([x, y], 1), torch.cat([x, fake], 1))
    assert_same(snapshot(gan.generator.module), g)
    assert all(parameter.grad is None for parameter in gan.generator.parameters())
    assert not torch.equal(snapshot(gan.adversary.network.module)["model.0.weight"], d["model.0.weight"])


def test_the_generators_loss_leaves_no_trace_in_the_discriminators_weights() -> None:
    gan = make()
    x, _ = batch(0)
    d = gan.adversary.network.module
    weights = [parameter.detach().clone() for parameter in d.parameters()]
    gan.adversary.judge(torch.cat([x, gan.generator(x)], 1)).backward()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in d.parameters())
    assert all(torch.equal(one, other) for one, other in zip(weights, d.parameters(), strict=True))
    assert all(parameter.grad is not None for parameter in gan.generator.parameters())


def test_frozen_networks_thaw_even_after_an_error() -> None:
    network = nn.Conv2d(1, 1, 1)
    with frozen(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
    with pytest.raises(RuntimeError), frozen(network):
        network(torch.zeros(1, 2, 1, 1))
    assert all(parameter.requires_grad for parameter in network.parameters())


def run(gan: Pix2Pix, steps: range) -> list[dict[str, Tensor]]:
    records = []
    for step in steps:
        seed_step(0, "update", step)
        gan.set_learning_rate(1e-2 / (step + 1))
        records.append(gan.update(*batch(step)))
    return records


class Nudge(nn.Module):
    """A teacher with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, source: Tensor, fake: Tensor) -> Tensor:
        return (self.scale * fake - source).square().mean()


def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit() -> None:
    whole = make(dropout=True, teacher=Nudge())
    records = run(whole, range(5))
    first = make(dropout=True, teacher=Nudge())
    run(first, range(2))
    state = reloaded(first.state_dict())
    second = make(dropout=True, teacher=Nudge())
    run(second, range(1))  # a state of its own, to be forgotten
    second.load_state_dict(state)
    assert_same(run(second, range(2, 5)), records[2:])
    assert_same(reloaded(second.state_dict()), reloaded(whole.state_dict()))


def test_a_teacher_adds_its_loss_and_learns_along() -> None:
    teacher = Nudge()
    assert isinstance(teacher, Teacher)
    gan = make(teacher=teacher)
    (generator,) = twins(gan.generator.module)
    x, y = batch(0)
    expected = (generator(x) - x).square().mean()
    losses = gan.update(x, y)
    torch.testing.assert_close(losses["distillation"], expected.detach())
    assert (teacher.scale != 1).all()


def test_losses_come_without_their_history() -> None:
    assert not any(loss.requires_grad for loss in make(teacher=Nudge()).update(*batch(0)).values())


def test_both_networks_train_in_training_mode() -> None:
    gan = Pix2Pix(unet(1).eval(), patchgan(4, 2).eval(), CONFIG, cpu_fabric())
    assert gan.generator.module.training
    assert gan.adversary.network.module.training


def test_the_learning_rate_reaches_every_optimizer() -> None:
    gan = make()
    gan.set_learning_rate(0.125)
    for optimizer in (gan.optimizer, gan.adversary.optimizer):
        assert [group["lr"] for group in optimizer.param_groups] == [0.125]
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_a_learning_rate_of_zero_trains_nothing() -> None:
    gan = make()
    weights = [p.detach().clone() for p in [*gan.generator.parameters(), *gan.adversary.network.parameters()]]
    gan.set_learning_rate(0.0)
    gan.update(*batch(0))
    now = [*gan.generator.parameters(), *gan.adversary.network.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(weights, now, strict=True))


def test_training_runs_in_mixed_precision() -> None:
    gan = Pix2Pix(unet(1), patchgan(4, 2), CONFIG, cpu_fabric("bf16-mixed"))
    losses = gan.update(*batch(0))
    assert all(loss.isfinite() and loss.dtype == torch.float32 for loss in losses.values())
    assert all(parameter.dtype == torch.float32 for parameter in gan.generator.parameters())


def test_a_discriminator_learns_to_tell_two_colours_apart() -> None:
    adversary = Adversary(patchgan(1, 0).train(), ObjectiveConfig(lr=5e-3), cpu_fabric(), gan_mode="hinge")
    losses = []
    for step in range(40):
        noise = 0.1 * images(2, 1, 32, 32, seed=step)
        losses.append(adversary.learn(0.5 + noise, noise - 0.5).item())
    assert losses[-1] < 0.2 < losses[0]
