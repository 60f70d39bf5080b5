import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from bench_toys import latency, stub_timer, tiny_unet
from mggc.deploy import bench_child, bench_runners
from mggc.deploy.bench import Plan, bench, costs, write_artefacts
from mggc.deploy.bench_machine import busy, machine
from mggc.deploy.bench_onnx import to_onnx_bytes
from mggc.deploy.bench_runners import (
    BACKENDS,
    check_backends,
    load_runner,
    missing_for,
    onnx_path,
    usual_backends,
)
from mggc.deploy.bench_start import measure_start
from mggc.errors import MggcError
from mggc.metrics.latency import Latency
from toys import images

EAGER = Plan(32, ("eager",), threads=(1,), rounds=1, cold_start=False)


def test_the_realised_share_is_the_speed_up_over_the_ratio_of_exact_macs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"eager original": 80.0, "eager half": 40.0, "eager narrow": 10.0}
    monkeypatch.setattr("mggc.deploy.bench.measure_latency", stub_timer(lambda name: times[name]))
    subjects = {"original": tiny_unet(8), "half": tiny_unet(8), "narrow": tiny_unet(4)}
    rows = bench(subjects, EAGER, tmp_path)
    assert [row.network for row in rows] == ["original", "half", "narrow"]
    assert [row.speed_up for row in rows] == [1, 2, 8]
    ratio = costs(subjects["original"], 32)["macs"] / costs(subjects["narrow"], 32)["macs"]
    assert [row.realised_share for row in rows] == pytest.approx([1, 2, 8 / ratio])


def test_ratios_are_taken_within_one_backend_batch_size_and_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(1, 100))

    def milliseconds(name: str) -> float:
        return next(calls) * (1.0 if "original" in name else 0.5)

    monkeypatch.setattr("mggc.deploy.bench.measure_latency", stub_timer(milliseconds))
    plan = Plan(32, ("eager",), threads=(1, 2), batch_sizes=(1, 3), rounds=1, cold_start=False)
    rows = bench({"original": tiny_unet(), "other": tiny_unet()}, plan, tmp_path)
    settings = [(row.batch_size, row.threads, row.network) for row in rows]
    assert settings == [(b, t, n) for b in (1, 3) for t in (1, 2) for n in ("original", "other")]
    for original, other in zip(rows[::2], rows[1::2], strict=True):
        assert original.speed_up == 1
        assert other.speed_up == original.latency.median_ms / other.latency.median_ms


def test_rows_are_plain_json(tmp_path: Path) -> None:
    rows = bench({"original": tiny_unet()}, EAGER, tmp_path)
    content = json.loads(json.dumps([row.to_json() for row in rows]))
    assert content[0]["latency"].keys() == {"median_ms", "p10_ms", "p90_ms", "rounds"}
    assert (content[0]["network"], content[0]["start"]) == ("original", None)


def test_the_number_of_threads_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr("mggc.deploy.bench.measure_latency", _idle)
    plan = Plan(32, ("eager",), threads=(before + 1,), rounds=1, cold_start=False)
    bench({"original": tiny_unet()}, plan, tmp_path)
    assert torch.get_num_threads() == before


def _idle(networks: dict[str, object], _: object, **__: int) -> dict[str, Latency]:
    return dict.fromkeys(networks, latency(1.0))


def test_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wanted"):
        bench({}, EAGER, tmp_path)


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every backend loads of the tiny U-Net, for batches of two; not to be changed."""
    folder = tmp_path_factory.mktemp("artefacts")
    write_artefacts(tiny_unet(), folder, Plan(32, ("eager", "onnxruntime"), threads=(1,), batch_sizes=(2,)))
    return folder


def test_every_installed_backend_computes_what_pytorch_does(artefacts: Path) -> None:
    backends = [backend for backend in BACKENDS if not missing_for(backend) and backend != "compiled"]
    assert {"eager", "onnxruntime"} <= set(backends)
    batch = images(2, 1, 32, 32)
    with torch.no_grad():
        expected = tiny_unet().network(batch)
    for backend in backends:
        found: Any = load_runner(backend, artefacts, batch_size=2, threads=1)(batch.numpy())
        output = found if backend == "eager" else torch.as_tensor(found[0])
        assert torch.allclose(output, expected, atol=1e-4), backend


def test_the_graph_has_no_batch_norm_left(artefacts: Path) -> None:
    assert "BatchNormalization" not in {
        node.op_type for node in onnx.load(onnx_path(artefacts, 2)).graph.node
    }


class Undecided(torch.nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image if image.sum() > 0 else -image


def test_a_network_that_becomes_no_graph_is_named_in_one_line() -> None:
    with pytest.raises(
        MggcError, match=r"A Undecided does not become an ONNX graph \(.*backend eager"
    ) as caught:
        to_onnx_bytes(Undecided(), torch.zeros(1, 1, 8, 8))
    assert "\n" not in str(caught.value)


def test_a_fresh_process_tells_load_first_pass_and_its_own_peak_memory(artefacts: Path) -> None:
    start = measure_start("onnxruntime", artefacts, batch_size=2, channels=1, image_size=32, threads=1)
    assert min(start.import_ms, start.load_ms, start.first_ms) > 0
    assert 0 < start.runtime_bytes <= start.peak_bytes
    # This process, which started the other, holds PyTorch: a peak inherited from it would be larger.
    assert start.peak_bytes < bench_child.peak_bytes()


def test_a_process_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        MggcError, match=r"measures onnxruntime at batch size 1 ended with 1: .*batch-1\.onnx"
    ):
        measure_start("onnxruntime", tmp_path, batch_size=1, channels=1, image_size=32, threads=1)


def test_the_process_needs_no_pytorch_for_other_runtimes() -> None:
    script = "import sys, mggc.deploy.bench_child; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )


def test_an_unknown_backend_is_refused_by_the_process() -> None:
    with pytest.raises(ValueError, match="backend"):
        bench_child.main(["abacus", "folder", "1", "1", "32", "1"])


def test_a_missing_runtime_is_refused_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_runners, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(MggcError, match=r"onnxruntime needs onnxruntime, .*mggc\[onnx\]"):
        check_backends(["eager", "onnxruntime"])
    assert usual_backends() == ("eager", "openvino")


def test_compiling_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_runners.shutil, "which", lambda _: None)
    with pytest.raises(MggcError, match=r"C\+\+ compiler"):
        check_backends(["compiled"])


def test_graphs_of_different_batch_sizes_lie_beside_each_other() -> None:
    assert onnx_path(Path("a"), 1) != onnx_path(Path("a"), 3)


def test_the_machine_names_processor_cores_and_runtimes() -> None:
    found = machine(("eager",))
    assert found["processor"]
    assert found["cores"] >= 1
    assert found["runtimes"] == {"eager": torch.__version__}


def test_a_busy_machine_is_warned_of() -> None:
    assert busy({"load": 5.66, "cores": 2}) == (
        "Warning: the machine is busy (load 5.7 on 2 cores). Ratios hold, roughly; milliseconds do not. "
        "Measure again when it is idle."
    )
    assert busy({"load": 1.9, "cores": 2}) is None
    assert busy({"load": None, "cores": 2}) is None
