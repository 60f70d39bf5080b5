"""A budget in milliseconds, on a machine whose times are a function of the network: no clock is read."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench_toys import latency
from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.deploy.latency_meter import LatencyMeter
from mggc.errors import MggcError
from mggc.metrics.latency import Latency
from mggc.networks.files import load_network
from mggc.pruning.macs import count_macs
from mggc.pruning.table import CONVS
from mggc.runs.settings import to_toml
from mggc.stages.compress import compress_run
from mggc.stages.single import run_stage
from pipeline_toys import results, tiny_settings, write_pairs

ORIGINAL_MACS = 376_832
Slowness = Callable[[str], float]


class Machine:
    """Takes 1 ms, and 100 ms for as many multiply-adds as the original has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.timed: list[str] = []
        self.slowness: Slowness = lambda name: 1.0
        monkeypatch.setattr(LatencyMeter, "__call__", lambda _, subjects: self.times(subjects))

    def times(self, subjects: Mapping[str, Callable[[], Any]]) -> dict[str, Latency]:
        self.timed += subjects
        return {
            name: latency(self.slowness(name) * self.ms(make().network)) for name, make in subjects.items()
        }

    @staticmethod
    def ms(network: Any) -> float:
        return 1.0 + 100.0 * count_macs(network, 32) / ORIGINAL_MACS


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", train=5, test=1)


def config(data: Path, budget: str = "30ms", **prune: Any) -> CompressConfig:
    settings = tiny_settings("pix2pix", data, prune=prune, latency={"backend": "eager", "threads": 1})
    # The U-Net of the other tests for images of one channel: its MACs are those above.
    settings["data"] |= {"input_channels": 1, "output_channels": 1}
    return CompressConfig.model_validate(settings | {"budget": budget})


def test_the_delivered_generator_meets_the_latency(machine: Machine, data: Path, tmp_path: Path) -> None:
    result = compress_run(config(data), tmp_path / "run")
    assert result.macs["original"] == ORIGINAL_MACS
    record = json.loads((tmp_path / "run" / "budget.json").read_text())
    assert result.latency == record
    assert result.budget == record["macs"]
    assert 27 <= machine.ms(load_network(result.compressed).network) <= 30
    assert record["delivered"]["met"]
    assert 27 <= record["delivered"]["median_ms"] <= 30
    assert record["delivered"]["macs"] == result.macs["compressed"]
    assert (record["backend"], record["threads"], record["image_size"]) == ("eager", 1, 32)
    assert record["machine"]["processor"]


def test_what_was_found_is_not_measured_again(machine: Machine, data: Path, tmp_path: Path) -> None:
    first = compress_run(config(data), tmp_path / "run")
    timed, before = len(machine.timed), results(tmp_path / "run")
    machine.slowness = lambda _: 50.0  # today nothing would be fast enough
    assert compress_run(config(data), tmp_path / "run") == first
    assert len(machine.timed) == timed
    assert results(tmp_path / "run") == before


def test_a_run_killed_after_the_measurement_goes_on_with_the_same_budget(
    machine: Machine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compress_run(config(data), tmp_path / "whole")

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mggc.stages.play.run_updates", die)
        with pytest.raises(KeyboardInterrupt):
            compress_run(config(data), tmp_path / "run")
    machine.slowness = lambda _: 2.0
    assert compress_run(config(data), tmp_path / "run").budget == whole.budget
    pruned = [results(tmp_path / name)["prune/plan.json"] for name in ("run", "whole")]
    assert pruned[0] == pruned[1]


def test_a_choice_that_is_slower_than_uniform_width_is_narrowed_before_finetuning(
    machine: Machine, data: Path, tmp_path: Path
) -> None:
    machine.slowness = lambda name: 1.5 if name.startswith("plan") or name == "delivered" else 1.0
    said = Messages()
    result = compress_run(config(data), tmp_path / "run", reporter=said)
    assert any("narrowed from" in text and "before finetuning" in text for text in said.messages)
    assert result.macs["compressed"] < 0.8 * result.budget
    assert result.latency is not None
    assert result.latency["delivered"]["met"]
    assert result.latency["delivered"]["median_ms"] <= 1.1 * 30


def test_a_delivered_generator_that_misses_the_latency_is_said_to(
    machine: Machine, data: Path, tmp_path: Path
) -> None:
    machine.slowness = lambda name: 1.4 if name == "delivered" else 1.0
    said = Messages()
    result = compress_run(config(data), tmp_path / "run", reporter=said)
    assert result.latency is not None
    assert not result.latency["delivered"]["met"]
    assert any("misses the budget by more than 10%" in text for text in said.messages)


def test_a_busier_machine_is_told_apart_from_a_slower_generator(
    machine: Machine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.slowness = lambda name: 3.0 if name == "delivered" or "delivered" in machine.timed[-2:] else 1.0
    said = Messages()
    result = compress_run(config(data), tmp_path / "run", reporter=said)
    assert result.latency is not None
    delivered = result.latency["delivered"]
    assert delivered["median_ms"] > 60
    assert delivered["when_found_ms"] <= 30
    assert delivered["met"]
    assert any("busier than when the budget was found" in text for text in said.messages)


def test_a_latency_below_the_least_networks_is_refused_before_anything_is_written(
    machine: Machine, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(MggcError, match=r"0\.5 ms was wanted\. The least network"):
        compress_run(config(data, "0.5ms"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_widths_are_multiples_of_what_was_measured_to_pay(
    machine: Machine, data: Path, tmp_path: Path
) -> None:
    machine.slowness = lambda name: 0.7 if name.endswith("multiples of 4") else 1.0
    result = compress_run(config(data, "50ms"), tmp_path / "run")
    assert result.latency is not None
    assert result.latency["multiple_of"] == 4
    network = load_network(result.compressed).network
    widths = {module.out_channels for module in network.modules() if isinstance(module, CONVS)}
    assert all(width % 4 == 0 or width == 1 for width in widths)  # 1: the image


def test_with_a_budget_of_macs_the_multiple_is_measured_where_it_is_asked_for(
    machine: Machine, data: Path, tmp_path: Path
) -> None:
    machine.slowness = lambda name: 0.7 if name.endswith("multiples of 4") else 1.0
    result = compress_run(config(data, "40%", measured_widths=True), tmp_path / "run")
    assert result.budget == int(0.4 * ORIGINAL_MACS)
    record = json.loads((tmp_path / "run" / "budget.json").read_text())
    assert record["multiple_of"] == 4
    assert "delivered" not in record


def test_another_latency_is_measured_anew_by_force_only(machine: Machine, data: Path, tmp_path: Path) -> None:
    first = compress_run(config(data), tmp_path / "run")
    with pytest.raises(MggcError, match="budget was '30ms' and is '50ms'"):
        run_stage(tmp_path / "run", "prune", {"budget": "50ms"})
    run_stage(tmp_path / "run", "prune", {"budget": "50ms"}, force=True)
    record = json.loads((tmp_path / "run" / "budget.json").read_text())
    assert record["target_ms"] == 50
    assert record["macs"] > 1.5 * first.budget
    run_stage(tmp_path / "run", "prune", {"budget": "20%"}, force=True)
    run_stage(tmp_path / "run", "finetune", {}, force=True)
    assert "delivered" not in json.loads((tmp_path / "run" / "budget.json").read_text())


def test_a_dry_run_says_the_macs_that_a_latency_leaves(
    capsys: pytest.CaptureFixture[str], machine: Machine, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(to_toml(config(data)))
    arguments = ("compress", data, "--config", file, "--out", tmp_path / "run", "--dry-run")
    prediction = mggc(capsys, *arguments, "--json").json["prediction"]
    assert prediction["budget"] == prediction["latency"]["macs"]
    assert 0.2 < prediction["budget"] / ORIGINAL_MACS < 0.3
    assert "A budget of 30ms is" in mggc(capsys, *arguments).out.replace("\n", " ")
    refused = mggc(capsys, *arguments, "--budget", "200ms")
    assert refused.code == 2
    assert "The original takes 101 ms here already" in refused.err
    assert not (tmp_path / "run").exists()


class Messages:
    """A reporter that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def progress(self, progress: Any) -> None:
        pass

    def message(self, text: str) -> None:
        self.messages.append(text)
