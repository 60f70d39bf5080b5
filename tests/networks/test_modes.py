import pytest
import torch
from torch import nn

from asserts import assert_same, snapshot
from mggc.networks.modes import set_modes
from toys import images, strong_weights


def network() -> nn.Sequential:
    return strong_weights(
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5), nn.Conv2d(6, 2, 1))
    ).train()


def test_batch_statistics_are_those_of_the_one_image_and_leave_the_running_ones() -> None:
    model, image = network(), images(1, 3, 9, 9)
    set_modes(model, norm="batch", dropout=False)
    before = snapshot(model)
    with torch.no_grad():
        found, features = model(image), model[0](image)
        deviation = features.var((2, 3), correction=0, keepdim=True).add(model[1].eps).sqrt()
        normed = (features - features.mean((2, 3), keepdim=True)) / deviation
        normed = normed * model[1].weight[:, None, None] + model[1].bias[:, None, None]
        torch.testing.assert_close(found, model[3](normed), rtol=1e-4, atol=1e-5)
    assert_same(snapshot(model), before)


def test_running_statistics_are_eval_mode() -> None:
    model, image = network(), images(2, 3, 9, 9)
    set_modes(model, norm="running", dropout=False)
    with torch.no_grad():
        found = model(image)
        assert torch.equal(found, model.eval()(image))


@pytest.mark.parametrize("norm", ["batch", "running"])
def test_dropout_is_a_switch_of_its_own(norm: str) -> None:
    model, image = network(), images(2, 3, 9, 9)
    for dropout in (True, False):
        set_modes(model, norm=norm, dropout=dropout)
        with torch.no_grad():
            assert torch.equal(model(image), model(image)) != dropout
