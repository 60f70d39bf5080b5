from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench_toys import latency, stub_timer, tiny_unet
from mggc.config import LatencyConfig
from mggc.deploy.latency_budget import (
    WidthTimer,
    check_latency,
    choose_multiple,
    find_budget,
    roughly_uniform,
)
from mggc.deploy.latency_meter import LatencyMeter, usual_backend
from mggc.errors import MggcError
from mggc.metrics.latency import Latency
from mggc.pruning.channels import trace_channels
from mggc.pruning.macs import MacsCounter, count_macs

ORIGINAL = tiny_unet(8)
COUNTER = MacsCounter(trace_channels(ORIGINAL.network, image_size=32))
FIXED_MS = 1.0


class FakeMeter(LatencyMeter):
    """Tells a fixed cost, and one for each multiply-add that is lower where widths are multiples of four."""

    def __init__(self) -> None:
        self.prepared: list[str] = []

    def __call__(self, subjects: Mapping[str, Any]) -> dict[str, Latency]:
        found = {}
        for name, make in subjects.items():
            self.prepared.append(name)
            macs = count_macs(make().network, 32)
            found[name] = latency(FIXED_MS + 100 * macs / COUNTER.total * (0.7 if "of 4" in name else 1.0))
        return found


def timer() -> WidthTimer:
    return WidthTimer(ORIGINAL, COUNTER, FakeMeter())


@pytest.mark.parametrize("target", [8.0, 30.0, 70.0])
def test_networks_within_the_found_budget_meet_the_latency(target: float) -> None:
    found = find_budget(timer(), target, multiple_of=1)
    assert found.multiple_of == 1
    assert found.multiples_ms == {}
    plan = roughly_uniform(COUNTER, budget=found.macs)
    measured = FIXED_MS + 100 * COUNTER(plan.mask(COUNTER.table)).item() / COUNTER.total
    assert 0.9 * target <= measured <= target
    assert next(iter(found.curve_ms)) == COUNTER.least
    assert COUNTER.total in found.curve_ms


def test_the_multiple_of_widths_is_chosen_by_measurement_and_lets_more_macs_through() -> None:
    plain = find_budget(timer(), 30.0, multiple_of=1)
    found = find_budget(timer(), 30.0, multiple_of=None)
    assert found.multiple_of == 4
    assert {1, 4} <= found.multiples_ms.keys()
    assert found.macs > 1.2 * plain.macs


def test_multiples_that_do_not_fit_into_the_budget_are_not_tried() -> None:
    chosen, tried = choose_multiple(timer(), COUNTER.least)
    assert (chosen, list(tried)) == (1, [1])


def test_a_latency_below_the_least_networks_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(MggcError, match="The least network"):
        check_latency(timer(), 0.5)
    check_latency(timer(), 5.0)


def test_the_meter_prepares_each_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mggc.deploy.latency_meter.measure_latency", stub_timer(lambda name: float(len(name)))
    )
    meter = LatencyMeter(LatencyConfig(backend="eager", threads=1, rounds=3), image_size=32, folder=tmp_path)
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return tiny_unet()

    for names in (("a", "bb"), ("bb", "ccc"), ("a",)):
        found = meter({name: lambda name=name: make(name) for name in names})
        assert {name: found[name].median_ms for name in names} == {name: float(len(name)) for name in names}
    assert made == ["a", "bb", "ccc"]
    protocol = meter.protocol()
    assert (protocol["backend"], protocol["threads"], protocol["image_size"]) == ("eager", 1, 32)
    assert protocol["machine"]["processor"]


def test_onnx_runtime_is_the_usual_backend_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usual_backend() == "onnxruntime"
    monkeypatch.setattr("mggc.deploy.latency_meter.missing_for", lambda _: ["onnx"])
    assert usual_backend() == "eager"
