from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.settings import to_toml
from mggc.stages.context import Context
from mggc.stages.single import STAGES
from pipeline_toys import tiny_settings

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(CompressConfig.model_validate(tiny_settings("pix2pix"))))
    return path


def test_sweep_prints_the_last_iteration_of_each_value(
    capsys: Capture, toml: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("sweep", pairs, "--config", toml, "--vary", "prune.tau=0.2,0.8", "--out", "out")
    found = mggc(capsys, *arguments, "--json").json
    assert (found["setting"], found["values"], found["failed"]) == ("prune.tau", [0.2, 0.8], 0)
    answer = mggc(capsys, *arguments)
    assert "The game at budget 30%, last iteration" in answer.out
    assert "Written: out/sweep.json" in answer.out

    def fail(context: Context) -> None:
        raise MggcError("Something the user can act on.")

    monkeypatch.setitem(STAGES, "prune", fail)
    answer = mggc(capsys, *arguments)
    assert answer.code == 1
    assert "Something the user" in answer.out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("", "give --lambda1 1,3,10"),
        ("--lambda1 1 --vary prune.tau=1", "give --lambda1 1,3,10"),
        ("--vary prune.tau", "--vary is a setting and its values"),
        ("--vary prune.taw=1", "Did you mean prune.tau?"),
        ("--lambda1 1,x", "lambda1=x: prune.lambda1"),
        ("--lambda1 1,3 --prune.lambda1 2", "--prune.lambda1 is what the runs differ in"),
    ],
)
def test_a_mistake_is_refused_in_one_line(
    capsys: Capture, toml: Path, pairs: Path, arguments: str, part: str
) -> None:
    answer = mggc(capsys, "sweep", pairs, "--config", toml, *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert part in answer.err
    assert not Path("runs").exists()
