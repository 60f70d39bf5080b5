import math

import pytest
import torch

from mggc.config import GanMode
from mggc.gan.objectives import fake_loss, generator_loss, real_loss

LOGITS = torch.tensor([-2.0, -0.5, 0.0, 3.0])[:, None, None, None]


def softplus(*values: float) -> float:
    return sum(math.log1p(math.exp(value)) for value in values) / len(values)


GOLDEN: dict[GanMode, tuple[float, float, float]] = {
    # on real images, on generated ones, the generator's
    "hinge": ((3 + 1.5 + 1 + 0) / 4, (0 + 0.5 + 1 + 4) / 4, -0.5 / 4),
    "vanilla": (softplus(2, 0.5, 0, -3), softplus(-2, -0.5, 0, 3), softplus(2, 0.5, 0, -3)),
    "lsgan": ((9 + 2.25 + 1 + 4) / 4, (4 + 0.25 + 0 + 9) / 4, (9 + 2.25 + 1 + 4) / 4),
}


@pytest.mark.parametrize("mode", GOLDEN)
def test_each_objective_has_its_golden_value(mode: GanMode) -> None:
    values = (real_loss(LOGITS, mode), fake_loss(LOGITS, mode), generator_loss(LOGITS, mode))
    assert [value.item() for value in values] == pytest.approx(GOLDEN[mode], rel=1e-6)


def test_cross_entropy_is_torchs() -> None:
    for target, loss in ((1.0, real_loss), (0.0, fake_loss), (1.0, generator_loss)):
        expected = torch.nn.functional.binary_cross_entropy_with_logits(
            LOGITS, torch.full_like(LOGITS, target)
        )
        torch.testing.assert_close(loss(LOGITS, "vanilla"), expected)


@pytest.mark.parametrize("mode", GOLDEN)
def test_discriminators_want_real_up_and_fake_down_and_generators_fake_up(mode: GanMode) -> None:
    for loss, direction in ((real_loss, -1), (fake_loss, 1), (generator_loss, -1)):
        logits = torch.full((1, 1, 2, 2), 0.25, requires_grad=True)
        loss(logits, mode).backward()
        assert logits.grad is not None
        assert (logits.grad.sign() == direction).all()


@pytest.mark.parametrize("mode", GOLDEN)
def test_sure_logits_stay_finite(mode: GanMode) -> None:
    logits = torch.tensor([-1e3, 1e3])[:, None, None, None]
    assert all(loss(logits, mode).isfinite() for loss in (real_loss, fake_loss, generator_loss))
