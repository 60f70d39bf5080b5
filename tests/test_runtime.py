import pytest
import torch
from torch import nn

from mggc.config import RuntimeConfig
from mggc.errors import MggcError
from mggc.runtime import evaluating, make_fabric, seed_step, step_generator, step_seed


def test_a_seed_is_a_function_of_the_run_and_the_position_and_the_same_everywhere() -> None:
    assert step_seed(0, "update", 1) == 7060942388012077964
    assert step_seed(0, "update", 1) == step_seed(0, "update", 1)
    positions = [(seed, name, step) for seed in range(3) for name in ("update", "game") for step in range(50)]
    seeds = {step_seed(*position) for position in positions}
    assert len(seeds) == len(positions)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_positions_do_not_run_into_each_other() -> None:
    assert step_seed(1, 23) != step_seed(12, 3)
    assert step_seed(1, "2", 3) != step_seed(1, 2, 3)
    assert step_seed(1) != step_seed(1, ())


def test_seeding_a_step_makes_its_draws_those_of_an_uninterrupted_run() -> None:
    def draws(start: int) -> list[float]:
        drawn = []
        for step in range(start, 6):
            seed_step(7, "update", step)
            drawn.append(torch.rand(()).item())
            if step % 2:
                torch.rand(3)
        return drawn

    assert draws(4) == draws(0)[4:]


def test_a_generator_of_its_own_leaves_the_global_one_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    drawn = torch.rand(3, generator=step_generator(0, "centers", 2))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(drawn, torch.rand(3, generator=step_generator(0, "centers", 2)))
    assert not torch.equal(drawn, torch.rand(3, generator=step_generator(0, "centers", 3)))


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
def test_a_cpu_is_always_there(precision: str) -> None:
    fabric = make_fabric(RuntimeConfig(device="cpu", precision=precision))
    assert fabric.device == torch.device("cpu")
    assert fabric.world_size == 1


def nothing_but_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_falls_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_but_a_cpu(monkeypatch)
    assert make_fabric(RuntimeConfig()).device.type == "cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_the_users_to_mend(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_but_a_cpu(monkeypatch)
    with pytest.raises(MggcError, match=f"--device {device} was asked for.*--device cpu"):
        make_fabric(RuntimeConfig(device=device))


def test_more_devices_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MggcError, match="--devices 2 was asked for, but PyTorch finds 1"):
        make_fabric(RuntimeConfig(device="cuda", devices=2))


def test_half_precision_on_a_cpu_is_refused_with_what_to_do() -> None:
    with pytest.raises(MggcError, match="use bf16-mixed or 32"):
        make_fabric(RuntimeConfig(device="cpu", precision="16-mixed"))


def test_modes_come_back_one_by_one_after_evaluation_even_after_an_error() -> None:
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(2), nn.Sequential(nn.Dropout()))
    network[1].eval()
    modes = [module.training for module in network.modules()]
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert modes == [module.training for module in network.modules()]
    with pytest.raises(ValueError, match=r"dimension|expected"), evaluating(network):
        network[1](torch.zeros(2))
    assert modes == [module.training for module in network.modules()]
