import time

import pytest
import torch
from torch import nn

from mggc.metrics import measure_latency

EXAMPLE = torch.zeros(1, 1, 8, 8)


def test_networks_are_timed_in_turns_and_each_goes_first():
    calls: list[str] = []
    networks = {name: lambda _, name=name: calls.append(name) for name in "abc"}
    found = measure_latency(networks, EXAMPLE, rounds=3, warmup=1)
    turns = ["".join(calls[i : i + 3]) for i in range(0, len(calls), 3)]
    assert turns == ["cab", "abc", "bca", "cab"]
    assert list(found) == ["a", "b", "c"]
    assert {latency.rounds for latency in found.values()} == {3}


def test_a_network_settles_in_before_each_timed_pass() -> None:
    calls: list[str] = []
    networks = {name: lambda _, name=name: calls.append(name) for name in "ab"}
    measure_latency(networks, EXAMPLE, rounds=2, warmup=0, settle=2)
    assert "".join(calls) == "aaabbb" + "bbbaaa"


def test_figures_are_milliseconds_in_order():
    found = measure_latency({"slow": lambda _: time.sleep(0.004), "fast": lambda _: None}, EXAMPLE, rounds=7)
    for latency in found.values():
        assert 0 <= latency.p10_ms <= latency.median_ms <= latency.p90_ms
    assert found["slow"].p10_ms >= 4
    assert found["fast"].median_ms < 1


def test_modules_run_in_eval_mode_without_gradients_and_keep_their_own_modes():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    network[1].eval()
    seen = []
    network.register_forward_hook(
        lambda module, _, output: seen.append((module.training, module[2].training, output.requires_grad))
    )
    statistics = network[1].running_mean.clone()
    measure_latency({"network": network}, EXAMPLE, rounds=1, warmup=1)
    assert seen == [(False, False, False)] * 2
    assert [part.training for part in network.modules()] == [True, True, False, True]
    assert network[1].running_mean.equal(statistics)


def test_modes_are_restored_after_a_failure():
    network = nn.Conv2d(3, 1, 1).train()
    with pytest.raises(RuntimeError):
        measure_latency({"network": network}, EXAMPLE, rounds=1)
    assert network.training


def test_without_networks_or_rounds_there_is_nothing_to_measure():
    for networks, rounds in (({}, 3), ({"a": nn.Identity()}, 0)):
        with pytest.raises(ValueError, match="Latency needs"):
            measure_latency(networks, EXAMPLE, rounds=rounds)
