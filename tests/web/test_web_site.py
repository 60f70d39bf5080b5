import dataclasses
import json
import shutil
import socket
from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.errors import MggcError
from mggc.web import runtime_files
from mggc.web.models import WebRun, prepare_run
from mggc.web.site import make_site

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def runtime(stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_files, "VENDORED", stand_ins)
    monkeypatch.setattr(runtime_files, "_verify", lambda folder: None)


def test_files_for_the_browser_are_written_once(run: Path) -> None:
    said: list[str] = []
    files = sorted((run / "export" / "web").iterdir())
    before = [path.stat().st_mtime_ns for path in files]
    prepared = prepare_run(run, said.append)
    assert said == []
    assert [path.stat().st_mtime_ns for path in files] == before
    assert sorted(model.path for model in prepared.models) == files


def test_new_weights_make_a_new_file_in_the_place_of_the_old_one_and_of_a_link(run: Path) -> None:
    said: list[str] = []
    (old,) = (run / "export" / "web").glob("compressed-*.onnx")
    (original,) = (run / "export" / "web").glob("original-*.onnx")
    shutil.rmtree(run / "compressed")
    shutil.copytree(run / "original" / "generator", run / "compressed")
    new = original.with_name(original.name.replace("original", "compressed"))
    new.symlink_to(run / "config.toml")
    prepare_run(run, said.append)
    assert len(said) == 1
    assert str(new) in said[0]
    assert not old.exists()
    assert not new.is_symlink()
    assert (run / "config.toml").read_text()


def test_the_page_knows_each_generator_and_its_cost(prepared: WebRun, stand_ins: Path) -> None:
    site = make_site([prepared], stand_ins, examples=2, static=False)
    (task,) = json.loads(site["models.json"].content)["tasks"]
    assert [model["role"] for model in task["models"]] == ["original", "compressed"]
    for model, found in zip(prepared.models, task["models"], strict=True):
        assert found["bytes"] == model.path.stat().st_size
        assert (found["macs"], found["parameters"]) == (model.cost.macs, model.cost.parameters)
        assert site[found["url"]].content == model.path.resolve()
    assert (task["size"], task["channels"]) == (32, [3, 3])
    assert [site[name].type for name in task["examples"]] == ["image/png"] * 2


def test_examples_can_be_left_out(prepared: WebRun, stand_ins: Path) -> None:
    site = make_site([prepared], stand_ins, examples=0, static=False)
    assert not [name for name in site if name.startswith("examples/")]


def test_runs_of_one_original_stand_beside_each_other(prepared: WebRun, stand_ins: Path) -> None:
    site = make_site([prepared, dataclasses.replace(prepared)], stand_ins, examples=0, static=False)
    (task,) = json.loads(site["models.json"].content)["tasks"]
    assert [model["label"] for model in task["models"]] == ["original", "tiny", "tiny"]


def test_a_static_page_is_a_folder_with_everything_in_it(
    capsys: Capture, web_run: Path, stand_ins: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page"
    answer = mggc(capsys, "web", web_run, "--static", out, "--examples", 1, "--json")
    assert answer.json["out"] == str(out)
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {*answer.json["files"], "_headers"}
    assert json.loads((out / "models.json").read_text())["static"] is True
    assert all(not path.is_symlink() for path in out.rglob("*"))
    assert "Cross-Origin-Opener-Policy: same-origin" in (out / "_headers").read_text()
    again = mggc(capsys, "web", web_run, "--static", out)
    assert (again.code, again.out) == (2, "")
    assert "--force" in again.err
    assert mggc(capsys, "web", web_run, "--static", out, "--examples", 0, "--force").code == 0
    assert not (out / "examples").exists()


def test_bad_input_is_one_line_and_leaves_nothing(
    capsys: Capture, run: Path, web_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(run / "compressed")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    out = tmp_path / "page"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, words in (
            ((), "A run was wanted"),
            ((tmp_path / "gone",), "holds no config.toml"),
            ((run, "--static", out), "holds nothing compressed yet"),
            ((web_run, "--static", tmp_path / "taken"), "holds something else"),
            ((web_run, "--static", tmp_path / "taken" / "mine.txt"), "is a file"),
            ((web_run, "--static", web_run, "--force"), "holds a run"),
            ((web_run, "--port", port), f"Port {port} of 127.0.0.1 is in use"),
            ((web_run, "--port", 70000), "port"),
        ):
            answer = mggc(capsys, "web", *arguments)
            assert (answer.code, answer.out) == (2, ""), arguments
            assert words in answer.err
            assert answer.err.count("\n") == 1
    assert not out.exists()
    monkeypatch.setattr(runtime_files, "VENDORED", tmp_path / "none")
    answer = mggc(capsys, "web", web_run)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "mggc web --fetch-runtime" in answer.err


def test_a_missing_package_is_named(web_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mggc.deploy.extras.find_spec", lambda module: None)
    with pytest.raises(MggcError, match=r"pip install 'mggc\[onnx\]'"):
        prepare_run(web_run, lambda _: None)
