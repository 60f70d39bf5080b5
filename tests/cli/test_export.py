"""``mggc export`` to formats for use: what is written, what is said, and what is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

import mggc as package
from cli_toys import mggc
from mggc.data.pillow import decode, from_pillow
from mggc.deploy.any_size import translate
from mggc.deploy.onnx_file import OnnxGenerator
from mggc.networks.files import load_network
from mggc.stages.export_table import PrecisionTable, Row
from pipeline_toys import draw, leftovers, write_generator

Capture = pytest.CaptureFixture[str]
EXAMPLE = Path(__file__).parents[2] / "examples" / "run_onnx.py"


@pytest.fixture(scope="module")
def as_onnx(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's generator as an ONNX file in a folder of its own."""
    from mggc.stages.export_onnx import export_onnx

    folder = tmp_path_factory.mktemp("exports") / "onnx"
    export_onnx(finished, folder)
    return folder


def test_an_onnx_export_is_described_compared_and_carded(as_onnx: Path, finished: Path) -> None:
    assert sorted(path.name for path in as_onnx.iterdir()) == ["README.md", "export.json", "generator.onnx"]
    metadata = OnnxGenerator(as_onnx / "generator.onnx").metadata
    assert metadata["title"].startswith(
        "Image-to-image generator (U-Net of 5 levels, ngf 4, batch norm), compressed"
    )
    given = json.loads(metadata["input"])
    assert given == {
        "name": "images",
        "type": "uint8",
        "shape": ["batch", "height", "width", 3],
        "range": [0, 255],
        "channels": "RGB",
    }
    assert "multiple of 32" in metadata["sizes"]
    macs = json.loads(metadata["macs"])
    assert 0 < macs["exported"] < macs["original"]
    assert json.loads(metadata["budget"])["asked"] == "30%"
    assert json.loads(metadata["metrics"])["compressed"]["ssim"]["protocol"]["split"] == "test"
    assert {"mggc", "torch", "onnx", "onnxruntime"} <= json.loads(metadata["versions"]).keys()
    difference = json.loads(metadata["difference"])
    assert difference["max_levels"] <= 1
    assert difference["pictures"] == "test images of pairs"
    report = json.loads((as_onnx / "export.json").read_text())
    assert all(
        report[key] == (value if isinstance(report[key], str) else json.loads(value))
        for key, value in metadata.items()
    )
    card = ModelCard.load(as_onnx / "README.md")
    assert card.data.library_name == "mggc"
    (name,) = {result.dataset_name for result in card.data.eval_results or []}
    assert name == "pairs"
    assert "ssim" in {result.metric_type for result in card.data.eval_results or []}
    assert not leftovers(finished)


def test_the_example_translates_as_the_package_does(as_onnx: Path, finished: Path, tmp_path: Path) -> None:
    draw((75, 46), 1).save(tmp_path / "input.png")
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= 20
    assert "import mggc" not in text
    assert "torch" not in text
    target = tmp_path / "output.png"
    arguments = [as_onnx / "generator.onnx", tmp_path / "input.png", target]
    subprocess.run([sys.executable, EXAMPLE, *arguments], check=True, timeout=60)
    loaded = load_network(finished / "compressed")
    expected = translate(loaded.network, loaded.spec, from_pillow(decode(tmp_path / "input.png", channels=3)))
    with Image.open(target) as output:
        assert output.size == (75, 46)
        assert (from_pillow(output).int() - expected.int()).abs().max() <= 1


def test_int8_stands_in_a_table_beside_fp32_and_the_original(run: Path, capsys: Capture) -> None:
    answer = mggc(capsys, "export", run, "--to", "onnx", "--precision", "int8", "--tolerance", 100, "--json")
    content = answer.json
    assert content["layout"] == "onnx"
    assert {Path(file).parent for file in content["files"]} == {run / "export" / "onnx-int8"}
    rows = {row["name"]: row for row in content["table"]["rows"]}
    assert list(rows) == ["original", "fp32", "int8"]
    assert content["table"]["measure"] == "mean absolute error, grey levels"
    assert rows["int8"]["mean_levels"] > 0
    assert rows["fp32"]["mean_levels"] is None
    assert all(row["error"] > 0 and row["latency"]["median_ms"] > 0 for row in rows.values())
    assert rows["fp32"]["bytes"] < rows["original"]["bytes"]
    assert "mean absolute error" in answer.err
    for warning in content["warnings"]:
        assert f"Warning: {warning}" in answer.err
        assert warning in (run / "export" / "onnx-int8" / "README.md").read_text()
    kinds = {
        node.op_type for node in onnx.load_model(run / "export" / "onnx-int8" / "generator.onnx").graph.node
    }
    assert "QuantizeLinear" in kinds


def test_a_program_is_written_compared_and_described(run: Path, capsys: Capture) -> None:
    content = mggc(capsys, "export", run, "--to", "torch-export", "--input", "float", "--json").json
    assert content["difference"]["max_levels"] < 1e-4 * 127.5
    found = {"mggc.json": ""}
    program = torch.export.load(run / "export" / "torch-export" / "generator.pt2", extra_files=found)
    assert json.loads(found["mggc.json"])["input"]["shape"] == ["batch", 3, "height", "width"]
    assert program.module()(torch.zeros(1, 3, 32, 50)).shape == (1, 3, 32, 50)


@pytest.mark.parametrize("layout", ["safetensors", "hub"])
def test_weights_go_as_they_were_delivered(run: Path, capsys: Capture, layout: str) -> None:
    files = mggc(capsys, "export", run, "--to", layout, "--json").json["files"]
    folder = run / "export" / layout
    assert [Path(file) for file in files] == [
        folder / name for name in ("README.md", "config.json", "model.safetensors")
    ]
    for name in ("config.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (run / "compressed" / name).read_bytes()
    assert "compressed to" in (folder / "README.md").read_text()
    assert package.HubGenerator.from_pretrained(folder).spec == load_network(run / "compressed").spec


def test_hub_pushes_where_it_is_asked_to(run: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    monkeypatch.setattr("mggc.deploy.hub.HubGenerator.push_to_hub", lambda _, name: pushed.append(name))
    assert mggc(capsys, "export", run, "--to", "hub").code == 0
    assert pushed == []
    assert mggc(capsys, "export", run, "--to", "hub", "--push", "me/model", "--force").code == 0
    assert pushed == ["me/model"]
    assert 'from_pretrained("me/model")' in (run / "export" / "hub" / "README.md").read_text()


def hide(*modules: str) -> Callable[[pytest.MonkeyPatch, Path], None]:
    """As if these packages were not installed."""

    def prepare(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return prepare


def forget_the_compressed(_: pytest.MonkeyPatch, run: Path) -> None:
    shutil.rmtree(run / "compressed")


def lose_the_images(_: pytest.MonkeyPatch, run: Path) -> None:
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(
        "\n".join('data = "gone"' if line.startswith("data = ") else line for line in text.splitlines())
    )


def take_the_folder(_: pytest.MonkeyPatch, run: Path) -> None:
    (run / "export" / "onnx").mkdir(parents=True)
    (run / "export" / "onnx" / "thesis.txt").write_text("mine")


def export_before(_: pytest.MonkeyPatch, run: Path) -> None:
    (run / "export" / "onnx").mkdir(parents=True)
    (run / "export" / "onnx" / "README.md").write_text("an earlier export")


REFUSALS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch, Path], None] | None, list[str]]] = {
    "nothing compressed": ("--to onnx", forget_the_compressed, ["nothing compressed yet", "mggc compress"]),
    "nothing compressed for the hub": ("--to hub", forget_the_compressed, ["nothing compressed yet"]),
    "no onnx": ("--to onnx", hide("onnxruntime"), ["needs onnxruntime", "pip install 'mggc[onnx]'"]),
    "no hub": ("--to hub", hide("huggingface_hub"), ["needs huggingface_hub", "pip install 'mggc[hub]'"]),
    "int8 without images": (
        "--to onnx --precision int8",
        lose_the_images,
        ["int8 is calibrated", "--images"],
    ),
    "an empty folder of images": ("--to onnx --images nowhere", None, ["--images", "nowhere holds none"]),
    "another's folder": ("--to onnx --force", take_the_folder, ["holds something else (thesis.txt)"]),
    "an earlier export": ("--to onnx", export_before, ["is there already", "--force"]),
    "a precision of weights": (
        "--to safetensors --precision int8",
        None,
        ["--precision goes with --to onnx"],
    ),
    "a push of a file": ("--to onnx --push me/model", None, ["--push goes with --to hub"]),
    "an unknown layout": ("--to tflite", None, ["--to", "tflite"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_in_one_line_with_nothing_written(
    name: str, run: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, prepare, said = REFUSALS[name]
    if prepare is not None:
        prepare(monkeypatch, run)
    before = sorted(run.rglob("*"))
    answer = mggc(capsys, "export", run, *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    for part in said:
        assert part in answer.err
    assert sorted(run.rglob("*")) == before


def test_a_file_that_computes_something_else_is_not_written(
    as_onnx: Path, run: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(OnnxGenerator):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return super().__call__(images).flip(1)

    monkeypatch.setattr("mggc.stages.export_onnx.OnnxGenerator", Wrong)
    # The file as it was written before, which takes no time.
    monkeypatch.setattr(
        "mggc.stages.export_onnx.write_onnx",
        lambda _, path: shutil.copyfile(as_onnx / "generator.onnx", path),
    )
    monkeypatch.setattr("mggc.stages.export_onnx.trace", lambda _: None)
    answer = mggc(capsys, "export", run, "--to", "onnx")
    assert (answer.code, answer.out) == (2, "")
    assert "differs from PyTorch by" in answer.err
    assert "the max may be 1. Nothing was written" in answer.err
    assert not (run / "export").exists()


def test_a_network_without_a_run_is_compared_on_generated_images(tmp_path: Path, capsys: Capture) -> None:
    write_generator(tmp_path / "saved")
    arguments = [tmp_path / "saved", tmp_path / "out", "--to", "torch-export"]
    answer = mggc(capsys, "export", *arguments)
    assert answer.code == 0
    assert "generated images, since the source is no run" in answer.out
    assert mggc(capsys, "export", tmp_path / "saved", "--to", "onnx").code == 2


def row(name: str, milliseconds: float, levels: float | None, error: float | None) -> Row:
    from mggc.metrics.latency import Latency

    return Row(name, 1, Latency(milliseconds, milliseconds, milliseconds, 3), levels, levels, error)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (row("int8", 5, 0.2, 10.1), []),
        (row("int8", 11, 0.2, 10.1), ["no faster than fp32 here"]),
        (row("int8", 5, 3.0, 12.0), ["made images worse: error 12 against 10"]),
        (row("int8", 11, 3.0, 12.0), ["no faster", "made images worse"]),
        (row("int8", 5, 3.0, None), ["changed images by 3 grey levels"]),
    ],
)
def test_the_verdict_names_what_got_worse_or_slower(own: Row, said: list[str]) -> None:
    full: Any = row("fp32", 10, None, None if own.error is None else 10.0)
    verdict = PrecisionTable([full, own], "error", {}).verdict("int8")
    assert len(verdict) == len(said)
    assert all(part in line for part, line in zip(said, verdict, strict=True))
