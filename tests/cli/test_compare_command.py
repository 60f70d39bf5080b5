"""``mggc compare`` as a user runs it, within the process."""

from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.settings import to_toml
from mggc.stages.context import Context
from mggc.stages.single import STAGES
from pipeline_toys import tiny_settings, write_pairs

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs", train=4, test=2)
    settings = tiny_settings("pix2pix", evaluate={"split": "val"})
    (tmp_path / "tiny.toml").write_text(to_toml(CompressConfig.model_validate(settings)))
    return tmp_path


def test_compare_prints_tables_for_people_and_one_object_for_programs(capsys: Capture, desk: Path) -> None:
    arguments = (
        "compare pairs --config tiny.toml --methods uniform,random --budgets 0.4 --seeds 3, --out grid"
    )
    first = mggc(capsys, *arguments.split(), "--json")
    found = first.json
    assert (found["out"], found["failed"], found["split"]) == ("grid", 0, "val")
    assert [(cell["method"], cell["seed"]) for cell in found["cells"]] == [("uniform", 3), ("random", 3)]
    assert "Run 2 of 2: random, budget 0.4, seed 3" in first.err
    assert "| uniform | " in first.err
    again = mggc(capsys, *arguments.split())
    assert "Measured on the val split" in again.out
    assert "Written: grid/compare.json" in again.out
    assert "finetune " not in again.err
    assert mggc(capsys, "translate", "grid/cells/random-0.4-s3", "pairs/test", "made").code == 0


def test_without_budgets_the_settings_budget_is_the_only_one(capsys: Capture, desk: Path) -> None:
    arguments = "compare pairs --config tiny.toml --budget 50% --methods uniform --seeds 1 --out grid --json"
    assert mggc(capsys, *arguments.split()).json["budgets"] == ["50%"]


def test_the_exit_code_says_when_every_run_failed(
    capsys: Capture, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(context: Context) -> None:
        raise MggcError("Something the user can act on.")

    monkeypatch.setitem(STAGES, "finetune", fail)
    arguments = "compare pairs --config tiny.toml --methods uniform --seeds 2 --out grid"
    answer = mggc(capsys, *arguments.split())
    assert answer.code == 1
    assert "2 of 2 runs failed; the same command tries them again." in answer.out
    assert "Failed: cells/uniform-30pct-s1: Something the user can act on." in answer.err


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("--methods game,unifrom", ["--methods are some of game, ", "Did you mean uniform?"]),
        ("--budgets 0.2,lots", ["--budgets: A budget is a share", "'lots'"]),
        ("--budgets 0.001%", ["A budget of at least", "raise --budget"]),
        ("--seeds 0", ["--seeds is their number, at least 1", "'0'"]),
        ("--out pairs", ["pairs holds something else"]),
        ("--generator none.pth", ["none.pth"]),
        ("--prune.method game", ["--prune.method is what the runs differ in"]),
        ("--budgets 0.2 --budget 0.1", ["--budget is what the runs differ in"]),
        ("--finetune.seed 3", ["--finetune.seed is what the runs differ in"]),
    ],
)
def test_a_mistake_is_refused_in_one_line_before_anything_is_written(
    capsys: Capture, desk: Path, arguments: str, parts: list[str]
) -> None:
    before = sorted(desk.rglob("*"))
    answer = mggc(capsys, "compare", "pairs", "--config", "tiny.toml", *arguments.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("mggc: ")
    assert answer.err.count("\n") == 1
    assert all(part in answer.err for part in parts), answer.err
    assert sorted(desk.rglob("*")) == before
