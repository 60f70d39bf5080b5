from pathlib import Path

import pytest

from bench_toys import latency
from cli_toys import mggc

Capture = pytest.CaptureFixture[str]
QUICK = ("--backends", "eager", "--rounds", 1, "--no-cold-start")


@pytest.fixture(autouse=True)
def stated_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(networks: dict[str, object], _: object, **__: int) -> object:
        return {name: latency(8.0 / number) for number, name in enumerate(networks, start=1)}

    monkeypatch.setattr("mggc.deploy.bench.measure_latency", measure)


def test_both_generators_of_a_run_are_measured_at_the_runs_size(capsys: Capture, finished: Path) -> None:
    found = mggc(capsys, "bench", finished, *QUICK, "--json").json
    assert found["image_size"] == 32
    assert list(found["networks"]) == ["original", "compressed"]
    assert [(row["network"], row["speed_up"]) for row in found["rows"]] == [
        ("original", 1),
        ("compressed", 2),
    ]
    ratio = found["networks"]["original"]["macs"] / found["networks"]["compressed"]["macs"]
    assert found["rows"][1]["realised_share"] == pytest.approx(2 / ratio)
    assert found["machine"]["runtimes"].keys() == {"eager"}


def test_the_table_has_a_line_for_each_network_and_setting(capsys: Capture) -> None:
    answer = mggc(
        capsys, "bench", "unet_32", "unet_32", *QUICK, "--ngf", 4, "--image-size", 32, "--batch-sizes", "1,2"
    )
    assert answer.code == 0, answer.err
    assert answer.out.count("unet_32 (2)") == 2
    assert answer.out.count("2.00×") == 2
    assert "batch" in answer.out
    assert "Timing 2 images at once" in answer.err


def test_cold_start_and_memory_make_a_second_table(capsys: Capture) -> None:
    answer = mggc(
        capsys, "bench", "unet_32", "--ngf", 4, "--image-size", 32, "--backends", "eager", "--rounds", 1
    )
    assert "Each in a process of its own" in answer.out
    assert "peak MB" in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("unet_256 --backends tensorrt", "--backends: backends are eager, compiled, onnxruntime, openvino."),
        (
            "unet_256 --threads 0",
            "--threads: positive numbers with commas between them were wanted. Found '0'.",
        ),
        ("unet_256 --batch-sizes 1,,2", "--batch-sizes: positive numbers"),
        ("unet_265", "Did you mean unet_256?"),
    ],
)
def test_a_mistake_is_refused_in_one_line(capsys: Capture, arguments: str, message: str) -> None:
    answer = mggc(capsys, "bench", *arguments.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert message in answer.err
