import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.logbook import read_log
from mggc.stages.comparison.curves import CURVES, read_curves, running_mean, thin
from mggc.stages.comparison.sweep import sweep, sweep_rows
from mggc.stages.comparison.sweep_figure import game_curves
from pipeline_toys import tiny_config, write_pairs


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CompressConfig:
    return tiny_config("pix2pix", write_pairs(tmp_path_factory.mktemp("data") / "pairs"))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, config: CompressConfig) -> Path:
    """The folder of a finished sweep; not to be changed."""
    out = tmp_path_factory.mktemp("sweeps") / "swept"
    assert sweep(config, "prune.lambda1", ["1", "30"], out, seeds=(2,)).failed == 0
    return out


def read(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "sweep.json").read_text())
    return content


def test_each_value_has_its_game_and_the_game_s_curves(swept: Path) -> None:
    content = read(swept)
    keys = ["data", "model", "budget", "setting", "values", "seeds", "runs", "curves"]
    assert list(content) == keys
    assert (content["setting"], content["values"], content["seeds"]) == ("prune.lambda1", [1.0, 30.0], [2])
    for run, game in zip(content["runs"], content["curves"], strict=True):
        log = list(read_log(swept / run["run"] / "prune" / "log.jsonl"))
        assert game.keys() == {"value", "seed", "step", *CURVES}
        assert (game["value"], game["seed"]) == (run["value"], run["seed"])
        for name in ("step", *CURVES):
            assert game[name] == [record[name] for record in log]
        assert (run["status"], run["metrics"]) == ("done", {})
        assert run["seconds"].keys() == {"prune"}
    one, other = (game["macs_share"] for game in content["curves"])
    assert one != other


def test_a_sweep_stops_after_the_game_unless_finetuning_is_asked_for(
    swept: Path, config: CompressConfig, tmp_path: Path
) -> None:
    assert not list(swept.glob("cells/*/finetune"))
    found = sweep(config, "prune.lambda1", ["30"], tmp_path / "out", seeds=(2,), finetuned=True)
    (run,) = found.results["runs"]
    assert run["metrics"]["ssim"]["value"] is not None
    assert found.results["curves"] == read(swept)["curves"][1:]


@pytest.mark.parametrize(
    ("setting", "values", "part"),
    [
        ("prune.lambda3", ["1"], "Did you mean prune.lambda"),
        ("train.lr", ["1"], "a setting of the game"),
        ("prune.method", ["game"], "a setting of the game"),
        ("prune.tau", [""], "needs values"),
        ("prune.tau", ["1", " 1"], "each once"),
    ],
)
def test_another_setting_or_no_values_are_refused(setting: str, values: list[str], part: str) -> None:
    with pytest.raises(MggcError) as refused:
        sweep_rows(setting, values)
    assert part in str(refused.value)


def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(
    config: CompressConfig, tmp_path: Path
) -> None:
    with pytest.raises(MggcError, match=r"lambda1=many: prune.lambda1: .* Found 'many'"):
        sweep(config, "prune.lambda1", ["1", "many"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("count", "most"), [(3, 5), (5, 5), (6, 5), (1201, 500), (2, 2), (0, 5)])
def test_a_long_log_is_thinned_evenly_with_its_ends(count: int, most: int) -> None:
    records = [{"step": step} for step in range(count)]
    steps = [record["step"] for record in thin(records, most=most)]
    assert len(steps) == min(count, most)
    assert steps == sorted(set(steps))
    if count:
        assert (steps[0], steps[-1]) == (0, count - 1)
        gaps = np.diff(steps)
        assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


def test_where_there_is_no_log_there_are_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "log.jsonl") == {}


def test_a_running_mean_looks_back() -> None:
    values = [4.0, 2.0, 6.0, 1.0]
    assert running_mean(values, 2) == [4.0, 3.0, 4.0, 3.5]
    assert running_mean(values, 1) == values


def test_the_figure_has_a_line_for_each_run_and_a_name_for_each_value(swept: Path) -> None:
    games = read(swept)["curves"]
    figure = game_curves([*games, {**games[0], "seed": 3}, {"value": 9.0}], "prune.lambda1")
    assert [len(panel.lines) for panel in figure.axes] == [3] * len(CURVES)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1.0", "30.0"]
    assert (swept / "sweep.png").is_file()
