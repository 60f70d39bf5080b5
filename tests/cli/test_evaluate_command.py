from pathlib import Path

import pytest

from cli_toys import mggc
from mggc.cli.results import label

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("macs", "multiply-adds, exact ↓"),
        ("latency", "latency, one image, ms ↓"),
        ("mean_iou", "mean IoU ↑"),
        ("mean_iou[drn-d-105]", "mean IoU [drn-d-105] ↑"),
        ("kid[inception]", "KID [inception] ↓"),
        ("fid_infinity[inception]", "FID∞ [inception] ↓"),
        ("neighborhood_preservation@5[swav-r18]", "neighbourhoods preserved, k = 5 [swav-r18] ↑"),
        ("something_new[mine]", "something new [mine]"),
    ],
)
def test_people_read_names_arrows_and_what_judged(metric: str, shown: str) -> None:
    assert label(metric) == shown


def test_settings_of_the_evaluation_are_flags(
    capsys: Capture, run: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGGC_CACHE", str(tmp_path / "cache"))
    arguments = ("--features", finished, "--infinity", "--split", "train", "--force")
    found = mggc(capsys, "evaluate", run, *arguments, "--json").json["metrics"]["compressed"]
    assert {"frechet[swav-r18-w4]", "frechet_infinity[swav-r18-w4]"} < found.keys()
    shown = mggc(capsys, "evaluate", run)
    assert "Original and compressed, train split" in shown.out
    for row in ("kernel distance [swav-r18-w4] ↓", "precision [swav-r18-w4] ↑", "peak memory, bytes ↓"):
        assert row in shown.out


def test_a_table_lists_the_kernel_distance_before_the_frechet_distance(
    capsys: Capture, finished: Path
) -> None:
    shown = mggc(capsys, "evaluate", finished).out
    assert shown.index("kernel distance") < shown.index("Fréchet distance")


def test_weights_that_cannot_be_had_are_one_line(capsys: Capture, run: Path, tmp_path: Path) -> None:
    before = (run / "config.toml").read_text()
    for flags in (("--inception", tmp_path / "none.pth"), ("--segmenter", "drn-d-105")):
        answer = mggc(capsys, "evaluate", run, *flags, "--force")
        assert answer.code == 2
        assert "Get " in answer.err
        assert "put it at" in answer.err
        assert len([line for line in answer.err.splitlines() if line.startswith("mggc:")]) == 1
    assert (run / "config.toml").read_text() == before
