from pathlib import Path
from typing import Any

import pytest
from report_toys import toy_comparison, toy_sweep, write_results

from mggc.errors import MggcError
from mggc.report.comparison import TableCell, read_comparison, tables_of
from mggc.report.figures_budget import budget_legend, budget_panels
from mggc.report.sweep import read_sweep, sweep_curves


def read(tmp_path: Path, **changes: Any) -> Any:
    return read_comparison(
        write_results(tmp_path, "compare.json", toy_comparison(**changes)) / "compare.json"
    )


def test_each_budget_has_a_table_with_the_best_of_each_column_marked(tmp_path: Path) -> None:
    tables = tables_of(read(tmp_path))
    assert [table.budget for table in tables] == ["20%", "5%"]
    assert tables[0].columns == ["multiply-adds", "seeds", "mean IoU ↑", "Fréchet distance ↓"]
    assert tables[0].features == "f"
    rows = dict(tables[0].rows)
    assert rows["original"][2] == TableCell("0.900")
    assert rows["uniform"] == [
        TableCell("20\u202f%"),
        TableCell("2"),
        TableCell("0.710", spread="± 0.014"),
        TableCell("1.41"),
    ]
    assert rows["game"][2:] == [TableCell("0.810", best=True, spread="± 0.014"), TableCell("1.23", best=True)]


def test_runs_that_failed_are_told(tmp_path: Path) -> None:
    comparison = read(tmp_path)
    assert [(cell.method, cell.seed, cell.error) for cell in comparison.failed] == [
        ("game", 1, "The disk <is> full.")
    ]
    assert comparison.macs_share("game", "5%") == 0.05


def test_there_is_a_plot_for_each_metric_and_a_colour_for_each_method(tmp_path: Path) -> None:
    comparison = read(tmp_path)
    panels = budget_panels(comparison, key="toy")
    assert [panel.title for panel in panels] == ["mean IoU ↑", "Fréchet distance [f] ↓"]
    assert "uniform 0.560, 0.710; game 0.660, 0.810" in panels[0].svg
    assert [entry.label for entry in budget_legend(comparison)] == ["uniform", "game"]


def test_at_a_single_budget_methods_stand_side_by_side(tmp_path: Path) -> None:
    (panel, _) = budget_panels(read(tmp_path, budgets=["20%"]), key="toy")
    assert "uniform 0.710; game 0.810" in panel.svg
    assert "in the order of the legend" in panel.svg


def test_a_grid_with_nothing_done_yet_has_tables_of_dashes(tmp_path: Path) -> None:
    comparison = read(tmp_path, cells=[], summary=[], original={})
    assert comparison.metrics == []
    assert dict(tables_of(comparison)[0].rows)["game"] == [TableCell("–"), TableCell("0")]


@pytest.mark.parametrize("content", [{}, [], {"methods": 3}, toy_comparison(budgets=None)])
def test_what_is_no_results_file_is_refused_in_one_line(tmp_path: Path, content: Any) -> None:
    folder = write_results(tmp_path, "compare.json", content)
    with pytest.raises(
        MggcError, match=r"compare\.json is no results file of this version: .*Make it again\."
    ):
        read_comparison(folder / "compare.json")


def test_a_sweep_has_curves_by_value(tmp_path: Path) -> None:
    folder = write_results(tmp_path, "sweep.json", toy_sweep())
    curves = sweep_curves(read_sweep(folder / "sweep.json"))
    assert list(curves) == ["λ1 = 1", "λ1 = 3"]
    assert curves["λ1 = 3"]["budget_penalty"].mean[-1] == 0
    assert "macs_share" not in curves["λ1 = 1"]
    curves = [
        {**curve, "value": value, "seed": seed}
        for curve, value, seed in zip(toy_sweep()["curves"], ("hinge", "hinge"), (0, 1), strict=True)
    ]
    content = {"curves": [*curves, {"value": True, "seed": 0}], "setting": "prune.gan_mode"}
    write_results(tmp_path, "sweep.json", content)
    found = sweep_curves(read_sweep(folder / "sweep.json"))
    assert list(found) == ["gan_mode = hinge, seed 0", "gan_mode = hinge, seed 1"]
    write_results(tmp_path, "sweep.json", {})
    with pytest.raises(MggcError, match="curves: Field required"):
        read_sweep(folder / "sweep.json")
