import shutil
from pathlib import Path

import pytest

from cli_toys import mggc

Capture = pytest.CaptureFixture[str]


def test_the_command_says_where_the_report_is(capsys: Capture, run: Path) -> None:
    answer = mggc(capsys, "report", run, "--pictures", 2, "--map-images", 3, "--json")
    assert answer.json == {"out": str(run / "report.html")}
    assert (run / "report.html").is_file()


def test_several_runs_make_one_file_in_the_current_folder(
    capsys: Capture, run: Path, paired_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = mggc(capsys, "report", run, paired_run, "--pictures", 1, "--map-images", 2)
    assert (answer.code, answer.out) == (0, "Report: report.html\n")
    assert (tmp_path / "report.html").is_file()


def test_a_folder_of_two_directions_is_two_runs_and_stays_as_it_is(
    capsys: Capture, one_way_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AtoB", "BtoA"):
        shutil.copytree(one_way_run, tmp_path / "both" / name)
    answer = mggc(capsys, "report", "both", "--pictures", 1, "--map-images", 2)
    assert (answer.code, answer.out) == (0, "Report: report.html\n")
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["AtoB", "BtoA"]
    assert "AtoB and BtoA" in (tmp_path / "report.html").read_text()


def test_bad_input_is_one_line_and_leaves_nothing(capsys: Capture, run: Path, tmp_path: Path) -> None:
    for name in ("prune", "finetune", "compressed", "evaluate"):
        shutil.rmtree(run / name)
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        ((tmp_path / "empty",), "holds no config.toml and no compare.json"),
        ((tmp_path / "gone",), "A run or a comparison was wanted"),
        ((run,), f"chosen no channels yet. Run mggc prune {run}"),
        ((), "RUNS"),
        ((run, "--pictures", 0), "greater than 0"),
    ):
        answer = mggc(capsys, "report", *arguments, "--out", tmp_path / "page.html")
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.count("\n") == 1
        assert words in answer.err
    assert not (tmp_path / "page.html").exists()
