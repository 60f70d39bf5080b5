import json
import shutil
from pathlib import Path

import pytest

from mggc.errors import MggcError
from mggc.report.collect import collect_run
from mggc.report.embed import png_uri
from mggc.report.run_section import run_section, take_pictures
from mggc.runs.logbook import read_log
from mggc.stages.context import Silence


def test_a_finished_run_is_collected_whole(paired_run: Path) -> None:
    found = collect_run(paired_run, label="mine")
    assert found.notes == []
    assert {name for name, state in found.stages.items() if state == "finished"} >= {"prune", "evaluate"}
    assert found.metrics.keys() == {"original", "compressed"}
    plan = json.loads((paired_run / "prune" / "plan.json").read_text())
    for role, widths in found.widths.items():
        assert {width.name: width.kept for width in widths} == {
            name: len(c) for name, c in plan[role].items()
        }
    assert sum(width.total for width in found.widths["discriminator"]) == 15 * 4
    assert found.curves is not None
    logged = [record["generator_loss"] for record in read_log(paired_run / "prune" / "log.jsonl")]
    assert found.curves["generator_loss"].mean.tolist() == pytest.approx(logged)


def test_a_unets_layers_are_named_by_their_level(paired_run: Path) -> None:
    labels = [width.label for width in collect_run(paired_run, label="mine").widths["generator"]]
    downs, ups = [f"down {level}" for level in range(1, 6)], [f"up {level}" for level in range(5, 1, -1)]
    assert labels == downs + ups


def test_a_resnets_layers_are_named_by_their_place(one_way_run: Path) -> None:
    labels = [width.label for width in collect_run(one_way_run, label="mine").widths["generator"]]
    blocks = [f"block {number}" for number in range(1, 7)]
    assert labels == ["stem", "down 1", "trunk", *blocks, "up 1", "up 2"]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["evaluate"], "nothing was measured yet. Run mggc evaluate"),
        (["evaluate", "finetune", "compressed"], "no compressed generator yet. Run mggc finetune"),
        (["evaluate", "finetune", "compressed", "prune/plan.json"], "no plan yet. Run mggc prune"),
    ],
)
def test_an_unfinished_run_says_what_is_missing_and_what_to_run(
    run: Path, missing: list[str], said: str
) -> None:
    for name in missing:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    found = collect_run(run, label="mine")
    pictured = take_pictures(found, count=2, reporter=Silence())
    assert any(said in note for note in run_section(found, pictured, place=1).notes)


def test_settings_of_another_version_leave_figures_plan_and_curves(run: Path) -> None:
    path = run / "config.toml"
    path.write_text("shape = 'round'\n" + path.read_text())
    found = collect_run(run, label="mine")
    assert found.run is None
    assert "there is no setting shape" in found.notes[0]
    assert found.metrics
    assert found.curves
    assert found.settings["shape"] == "round"
    assert take_pictures(found, count=2, reporter=Silence()) == (None, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("evaluate/metrics.json", "{"),
        ("evaluate/metrics.json", '{"original": {"ssim": {}}}'),
        ("prune/plan.json", '{"generator": {"other": [1]}, "discriminator": {}}'),
        ("prune/plan.json", "{"),
        ("prune/log.jsonl", ""),
        ("original/discriminator/model.safetensors", "no weights"),
    ],
)
def test_a_damaged_file_costs_its_part_of_the_page(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    found = collect_run(run, label="mine")
    assert found.notes
    assert all(note.count("\n") == 0 for note in found.notes)
    assert run_section(found, take_pictures(found, count=2, reporter=Silence()), place=1).notes is found.notes


def test_data_that_is_gone_costs_the_pictures(run: Path) -> None:
    path = run / "config.toml"
    lines = [
        f'data = "{run}/gone"' if line.startswith("data = ") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    found = collect_run(run, label="mine")
    pictured = take_pictures(found, count=2, reporter=Silence())
    assert pictured == (None, None)
    assert "gone" in found.notes[-1]
    grid = run_section(found, pictured, place=1).grid
    assert grid == png_uri((run / "evaluate" / "grid.png").read_bytes())


def test_channels_chosen_anew_are_not_taken_for_those_of_the_compressed_generator(run: Path) -> None:
    path = run / "prune" / "plan.json"
    plan = json.loads(path.read_text())
    first = next(iter(plan["generator"]))
    plan["generator"][first] = [0]
    path.write_text(json.dumps(plan))
    found = collect_run(run, label="mine")
    section = run_section(found, take_pictures(found, count=2, reporter=Silence()), place=1)
    assert "is of an earlier choice of channels" in section.notes[-1]


def test_what_is_no_run_or_has_nothing_compressed_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MggcError, match=r"holds no config\.toml"):
        collect_run(tmp_path, label="mine")
    for name in ("prune", "finetune", "compressed", "evaluate"):
        shutil.rmtree(run / name)
    with pytest.raises(
        MggcError, match=r"has finished original, encode, neighbors and chosen no channels yet"
    ):
        collect_run(run, label="mine")
