import csv
import io
from typing import Any

import numpy as np
import pytest

from mggc.metrics.names import HIGHER_IS_BETTER, LOWER_IS_BETTER, better
from mggc.metrics.results import Measurement
from mggc.stages.comparison.cells import CellResult
from mggc.stages.comparison.figures import quality_against_macs
from mggc.stages.comparison.grid import Cell, Grid, Row
from mggc.stages.comparison.metrics import MAIN, main_metrics
from mggc.stages.comparison.summary import results_object, statistic, summarize
from mggc.stages.comparison.tables import csv_text, markdown

ONE, TWO = Row("one", {}), Row("two", {})
GRID = Grid((ONE, TWO), ("0.2", "0.1"), (0, 1))


def result(row: Row, budget: str, seed: int, error: str | None = None, **figures: float | None) -> CellResult:
    cell = Cell(row, budget, seed)
    if error is not None:
        return CellResult(cell, f"cells/{cell.name}", error=error)
    metrics = {
        "original": {"ssim": Measurement(0.9, "", {"split": "test"})},
        "compressed": {name: Measurement(value, "") for name, value in figures.items()},
    }
    macs = {"original": 1000, "compressed": 195 if budget == "0.2" else 99}
    return CellResult(cell, f"cells/{cell.name}", macs=macs, metrics=metrics, seconds={"prune": 1.5})


RESULTS = [
    result(ONE, "0.2", 0, ssim=0.5, frechet=3.0, latency=1.0),
    result(TWO, "0.2", 0, ssim=0.7, frechet=3.5, latency=2.0),
    result(ONE, "0.1", 0, ssim=0.4, frechet=None, latency=1.0),
    result(TWO, "0.1", 0, error="A budget, they said | was wanted"),
    result(ONE, "0.2", 1, ssim=0.6, frechet=2.0, latency=1.0),
    result(TWO, "0.2", 1, ssim=0.6, frechet=4.5, latency=2.0),
]


def object_of(results: list[CellResult]) -> dict[str, Any]:
    return results_object(GRID, results, data="letters", model="pix2pix", split="test")


@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [3.0, 3.0], [0.1, -5.0, 2.0, 8.0]])
def test_statistics_are_mean_and_sample_deviation(values: list[float]) -> None:
    found = statistic(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert found.n == len(values)


def test_one_seed_has_no_deviation() -> None:
    assert statistic([2.0]) == (2.0, None, 1)


def test_the_summary_takes_rows_and_budgets_apart_and_counts_what_is_there() -> None:
    groups = {(group.row, group.budget): group for group in summarize(GRID, RESULTS)}
    assert list(groups) == [("one", "0.2"), ("two", "0.2"), ("one", "0.1"), ("two", "0.1")]
    assert groups["one", "0.2"].metrics["ssim"] == statistic([0.5, 0.6])
    assert groups["one", "0.1"].metrics["ssim"] == (0.4, None, 1)
    assert "frechet" not in groups["one", "0.1"].metrics
    share = groups["one", "0.2"].macs_share
    assert share is not None
    assert share.mean == 0.195
    assert (groups["two", "0.1"].metrics, groups["two", "0.1"].failed) == ({}, 1)


def test_the_object_has_the_documented_keys() -> None:
    content = object_of(RESULTS)
    keys = ["data", "model", "split", "budgets", "seeds", "methods", "original", "cells", "summary"]
    assert list(content) == keys
    assert content["original"] == {
        "ssim": {"value": 0.9, "unit": "", "protocol": {"split": "test"}, "sd": None}
    }
    places = [(cell["method"], cell["budget"], cell["seed"]) for cell in content["cells"]]
    assert places == [
        ("one", "0.2", 0), ("one", "0.2", 1), ("one", "0.1", 0), ("two", "0.2", 0), ("two", "0.2", 1), ("two", "0.1", 0)
    ]  # fmt: skip
    done, failed = content["cells"][0], content["cells"][-1]
    assert list(done) == [
        "method", "budget", "seed", "run", "status", "error", "macs", "metrics", "seconds"
    ]  # fmt: skip
    assert (done["status"], done["error"], done["macs"]) == (
        "done",
        None,
        {"original": 1000, "compressed": 195},
    )
    assert (failed["status"], failed["macs"], failed["metrics"]) == ("failed", None, {})
    assert content["summary"][0]["metrics"]["frechet"] == {
        "mean": 2.5, "sd": pytest.approx(0.5**0.5), "n": 2
    }  # fmt: skip


def test_the_table_marks_the_best_in_the_metric_s_own_direction() -> None:
    text = markdown("Letters", GRID, RESULTS, split="test")
    lines = {
        line.split(" | ")[0].strip("| "): line for line in text.partition("## Budget 0.1")[0].splitlines()
    }
    assert "Fréchet distance ↓ | SSIM ↑" in text
    assert "latency" not in text
    assert lines["original"] == "| original | 100 % | – | 0.9 |"
    assert lines["one"] == "| one | 19.5 % | **2.5 ± 0.71** | 0.55 ± 0.071 |"
    assert lines["two"] == "| two | 19.5 % | 4 ± 0.71 | **0.65 ± 0.071** |"


def test_the_table_says_what_failed() -> None:
    text = markdown("Letters", GRID, RESULTS, split="test")
    assert "| two (1 failed) | – | – |" in text
    assert "- `cells/two-0.1-s0`: A budget, they said | was wanted" in text


def test_nothing_is_best_of_a_single_row() -> None:
    grid = Grid((ONE,), ("0.2",), (0,))
    assert "**" not in markdown("Letters", grid, [RESULTS[0]], split="test")


def test_the_csv_has_a_line_for_each_run_and_every_figure() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text(RESULTS))))
    assert len(lines) == len(RESULTS)
    assert lines[0]["method"] == "one"
    assert [float(line["ssim"]) for line in lines if line["ssim"]] == [0.5, 0.7, 0.4, 0.6, 0.6]
    assert lines[2]["frechet"] == ""
    assert (lines[3]["status"], lines[3]["error"]) == ("failed", "A budget, they said | was wanted")
    assert lines[0]["latency"] == "1.0"
    assert lines[0]["seconds_prune"] == "1.5"


def test_a_metric_has_one_direction_whatever_its_features_are() -> None:
    assert not HIGHER_IS_BETTER & LOWER_IS_BETTER
    assert better("frechet[swav-r18]") == -1
    assert better("neighborhood_preservation@5[swav-r18]") == 1
    assert better("unheard_of") == 0
    assert all(better(metric) for metric in MAIN)
    assert main_metrics(["latency", "ssim", "frechet[b]", "frechet[a]", "mean_iou"]) == [
        "mean_iou", "frechet[b]", "frechet[a]", "ssim"
    ]  # fmt: skip


def test_the_figure_has_a_panel_for_each_metric_and_a_line_for_each_row() -> None:
    figure = quality_against_macs(GRID, RESULTS)
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in visible] == ["Fréchet distance ↓", "SSIM ↑"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    line = visible[1].containers[0].lines[0]
    assert line.get_xdata() == pytest.approx([9.9, 19.5])
    assert line.get_ydata() == pytest.approx([0.4, 0.55])


def test_a_figure_of_nothing_but_failures_is_empty() -> None:
    assert not quality_against_macs(GRID, [RESULTS[3]]).legends
