import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir
from mggc.stages.comparison.compare import Comparison, compare
from mggc.stages.comparison.grid import Grid, cell_config, method_rows, shared_config
from mggc.stages.comparison.sharing import lend_segmenter, link_folder
from mggc.stages.compress import compress_run
from mggc.stages.context import Context
from mggc.stages.resolve import resolve
from mggc.stages.single import STAGES, run_stage
from mggc.stages.source import GeneratorSource
from pipeline_toys import leftovers, results, tiny_config, write_generator, write_pairs

GRID = Grid(method_rows("random,game"), ("30%",), (0, 1))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> CompressConfig:
    return tiny_config("pix2pix", write_pairs(tmp_path_factory.mktemp("data") / "pairs"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, config: CompressConfig) -> Path:
    """The folder of a finished comparison; not to be changed."""
    out = tmp_path_factory.mktemp("grids") / "compared"
    assert compare(config, GRID, out).failed == 0
    return out


@pytest.fixture
def grid_folder(compared: Path, tmp_path: Path) -> Path:
    """A copy of it to work with."""
    return Path(shutil.copytree(compared, tmp_path / "grid"))


def read(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "compare.json").read_text())
    return content


def times(out: Path) -> dict[str, int]:
    return {path.relative_to(out).as_posix(): path.stat().st_mtime_ns for path in out.rglob("done.json")}


def without_clock(run: Path) -> dict[str, Any]:
    return {name: content for name, content in results(run).items() if name != "seconds.json"}


def test_a_cell_is_what_compress_makes_of_its_configuration(
    compared: Path, config: CompressConfig, tmp_path: Path
) -> None:
    cell = GRID.cells()[3]
    assert cell.name == "game-30pct-s1"
    alone = cell_config(shared_config(resolve(config)), cell)
    compress_run(alone, tmp_path / "alone")
    assert without_clock(compared / "cells" / cell.name) == without_clock(tmp_path / "alone")


def test_all_cells_have_one_original_encoder_and_set_of_neighbourhoods(compared: Path) -> None:
    for stage in ("original", "encode", "neighbors"):
        for path in (compared / "shared" / stage).rglob("*"):
            twins = [cell / path.relative_to(compared / "shared") for cell in (compared / "cells").iterdir()]
            assert len(twins) == 4
            assert all(twin.is_dir() if path.is_dir() else twin.samefile(path) for twin in twins)


def test_seeds_vary_the_choice_of_channels_and_the_finetuning(compared: Path) -> None:
    def content(name: str, file: str) -> bytes:
        return (compared / "cells" / name / file).read_bytes()

    plans = {content(f"random-30pct-s{seed}", "prune/plan.json") for seed in (0, 1)}
    logs = {content(f"game-30pct-s{seed}", "finetune/log.jsonl") for seed in (0, 1)}
    assert len(plans) == len(logs) == 2


def test_a_stage_with_the_run_s_own_seed_does_what_it_does_without(
    config: CompressConfig, tmp_path: Path
) -> None:
    """But for the configuration and the digests, which name the seed."""
    seeded = {name: getattr(config, name).model_copy(update={"seed": 0}) for name in ("prune", "finetune")}
    compress_run(config, tmp_path / "without")
    compress_run(config.model_copy(update=seeded), tmp_path / "with")
    for file in ("prune/log.jsonl", "finetune/log.jsonl", "compressed/model.safetensors"):
        assert (tmp_path / "with" / file).read_bytes() == (tmp_path / "without" / file).read_bytes()


def test_results_are_written_in_every_form(compared: Path) -> None:
    content = read(compared)
    assert (content["data"], content["model"], content["split"]) == ("pairs", "pix2pix", "test")
    assert (content["budgets"], content["seeds"], content["methods"]) == (["30%"], [0, 1], ["random", "game"])
    for cell in content["cells"]:
        run = RunDir.open(compared / cell["run"])
        assert cell["status"] == "done"
        assert cell["macs"]["compressed"] <= 0.3 * cell["macs"]["original"]
        assert cell["seconds"].keys() == {"prune", "finetune", "evaluate"}
        metrics = json.loads((run.path / "evaluate" / "metrics.json").read_text())
        assert cell["metrics"] == metrics["compressed"]
        assert content["original"].keys() == metrics["original"].keys()
    assert (compared / "compare.md").read_text().startswith("# Comparison: pairs, pix2pix\n")
    assert len((compared / "compare.csv").read_text().splitlines()) == 5
    assert (compared / "compare.svg").read_text().startswith("<?xml")
    assert (compared / "compare.png").stat().st_size > 1000
    assert leftovers(compared) == []


def test_the_same_command_computes_nothing_again(grid_folder: Path, config: CompressConfig) -> None:
    before, content = times(grid_folder), read(grid_folder)
    assert compare(config, GRID, grid_folder).failed == 0
    assert times(grid_folder) == before
    assert read(grid_folder) == content


def test_a_larger_grid_over_the_same_folder_computes_what_is_new(
    grid_folder: Path, config: CompressConfig
) -> None:
    before = times(grid_folder)
    grid = Grid(method_rows("uniform,game"), ("30%",), (0,))
    assert compare(config, grid, grid_folder).failed == 0
    after = times(grid_folder)
    new = {name for name in after if name not in before}
    assert {name.split("/")[1] for name in new} == {"uniform-30pct-s0"}
    assert {name: after[name] for name in before} == before
    assert read(grid_folder)["methods"] == ["uniform", "game"]


def test_other_settings_over_the_same_folder_are_refused(grid_folder: Path, config: CompressConfig) -> None:
    longer = config.model_copy(update={"finetune": config.finetune.model_copy(update={"updates": 6})})
    before = times(grid_folder)
    with pytest.raises(MggcError, match=r"finetune.updates was 5 and is 6"):
        compare(longer, GRID, grid_folder)
    assert times(grid_folder) == before
    forced = compare(longer, Grid(GRID.rows[:1], GRID.budgets, (0,)), grid_folder, force=True)
    assert forced.failed == 0
    redone = {name for name, time in times(grid_folder).items() if time != before.get(name)}
    assert redone == {f"cells/random-30pct-s0/{stage}/done.json" for stage in ("finetune", "evaluate")}


def failing(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, *, cell: str, stage: str = "finetune"
) -> None:
    """Let a stage of one cell end with an error."""
    whole = STAGES[stage]  # type: ignore[index]

    def fail(context: Context) -> None:
        if context.run.path.name == cell:
            raise error
        whole(context)

    monkeypatch.setitem(STAGES, stage, fail)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MggcError("Something\nthe user can act on."), "Something the user can act on."),
        (torch.OutOfMemoryError("CUDA out of memory."), "OutOfMemoryError: CUDA out of memory."),
    ],
)
def test_a_run_that_fails_is_reported_the_others_go_on_and_it_is_tried_again(
    grid_folder: Path, config: CompressConfig, error: Exception, line: str
) -> None:
    whole = read(grid_folder)
    shutil.rmtree(grid_folder / "cells" / "random-30pct-s0")
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, error, cell="random-30pct-s0")
        found: Comparison = compare(config, GRID, grid_folder)
    assert (found.failed, found.all_failed) == (1, False)
    failed, *others = read(grid_folder)["cells"]
    assert (failed["status"], failed["error"], failed["macs"]) == ("failed", line, None)
    assert "prune" in failed["seconds"]
    assert all(cell["status"] == "done" for cell in others)
    assert f"- `cells/random-30pct-s0`: {line}" in (grid_folder / "compare.md").read_text()
    assert compare(config, GRID, grid_folder).failed == 0
    again = read(grid_folder)
    for cell, expected in zip(again["cells"], whole["cells"], strict=True):
        assert cell["metrics"]["ssim"] == expected["metrics"]["ssim"]


def test_an_interrupted_comparison_goes_on_and_ends_as_an_uninterrupted_one(
    compared: Path, config: CompressConfig, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, KeyboardInterrupt(), cell="random-30pct-s1")
        with pytest.raises(KeyboardInterrupt):
            compare(config, GRID, tmp_path)
    assert [cell["status"] for cell in read(tmp_path)["cells"]] == ["done", "done"]
    compare(config, GRID, tmp_path)
    for cell in GRID.cells():
        folder = Path("cells") / cell.name
        assert without_clock(tmp_path / folder) == without_clock(compared / folder)


def test_a_fault_of_ours_is_not_taken_for_a_failed_run(grid_folder: Path, config: CompressConfig) -> None:
    shutil.rmtree(grid_folder / "cells" / "random-30pct-s0")
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, ValueError("ours"), cell="random-30pct-s0")
        with pytest.raises(ValueError, match="ours"):
            compare(config, GRID, grid_folder)


def test_a_stage_redone_in_one_cell_changes_that_cell_alone(grid_folder: Path) -> None:
    cell, others = grid_folder / "cells" / "game-30pct-s0", ["shared", "cells/game-30pct-s1"]
    for stage in ("original", "encode", "neighbors"):  # the copy of the folder has no links
        link_folder(grid_folder / "shared" / stage, cell / stage)
    before = {name: results(grid_folder / name) for name in others}
    run_stage(cell, "encode", {"encode": {"updates": 3}}, force=True)
    run_stage(cell, "neighbors", {"prune": {"neighbors": 1}}, force=True)
    assert (cell / "encode" / "log.jsonl").read_bytes() != (
        grid_folder / "shared" / "encode" / "log.jsonl"
    ).read_bytes()
    assert {name: results(grid_folder / name) for name in others} == before


def test_where_links_are_not_to_be_had_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> NoReturn:
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "deep" / "file").write_text("text")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "old").write_text("text")
    monkeypatch.setattr("os.link", refuse)
    link_folder(tmp_path / "from", tmp_path / "to")
    assert [path.name for path in sorted((tmp_path / "to").rglob("*"))] == ["deep", "file"]
    assert (tmp_path / "to" / "deep" / "file").read_text() == "text"
    assert not (tmp_path / "to" / "deep" / "file").samefile(tmp_path / "from" / "deep" / "file")


def test_a_segmenter_is_lent_to_a_run_that_has_none_or_another(tmp_path: Path) -> None:
    one, other, third = (tmp_path / name for name in ("one", "other", "third"))
    for run, digest in ((one, "a"), (other, "b")):
        (run / "segmenter").mkdir(parents=True)
        (run / "segmenter" / "done.json").write_text(json.dumps({"digest": digest}))
    lend_segmenter(one, other)
    lend_segmenter(other, third)
    lend_segmenter(tmp_path / "none", third)
    records = [run / "segmenter" / "done.json" for run in (one, other, third)]
    assert all(record.samefile(records[0]) for record in records)
    assert json.loads(records[0].read_text()) == {"digest": "a"}


def test_a_given_generator_is_imported_once_and_its_discriminator_recovered_once(
    tmp_path: Path, config: CompressConfig
) -> None:
    source = GeneratorSource(str(write_generator(tmp_path / "generator", channels=3)))
    out = tmp_path / "out"
    assert compare(config, Grid(GRID.rows[:1], ("30%",), (0, 1)), out, generator=source).failed == 0
    discriminators = {path.stat().st_ino for path in out.rglob("recover/discriminator/model.safetensors")}
    assert len(discriminators) == 1
    with pytest.raises(MggcError, match="holds what --generator names"):
        compare(config, GRID, out, generator=GeneratorSource(str(out / "shared")))


@pytest.mark.parametrize("holds", ["a file", "something else", "a run"])
def test_a_folder_that_holds_something_else_is_refused(
    tmp_path: Path, config: CompressConfig, compared: Path, holds: str
) -> None:
    out = tmp_path / "out"
    if holds == "a file":
        out.write_text("mine")
    elif holds == "a run":
        shutil.copytree(compared / "shared", out)
    else:
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    with pytest.raises(MggcError, match="holds something else"):
        compare(config, GRID, out, force=True)


def test_a_grid_killed_at_its_very_beginning_can_go_on(tmp_path: Path, config: CompressConfig) -> None:
    (tmp_path / "out" / "shared").mkdir(parents=True)
    (tmp_path / "out" / "shared" / ".config.toml.1234.partial").write_text("half")
    assert compare(config, Grid(GRID.rows[:1], GRID.budgets, (0,)), tmp_path / "out").failed == 0
    assert leftovers(tmp_path) == []


def test_a_stage_that_the_shared_run_lacks_is_not_kept(grid_folder: Path, config: CompressConfig) -> None:
    cell = grid_folder / "cells" / "random-30pct-s0"
    (cell / "recover").mkdir()
    compare(config, Grid(GRID.rows[:1], GRID.budgets, (0,)), grid_folder)
    assert not (cell / "recover").exists()


def test_a_budget_that_cannot_be_met_is_refused_before_anything_is_written(
    tmp_path: Path, config: CompressConfig
) -> None:
    with pytest.raises(MggcError, match="A budget of at least"):
        compare(config, Grid(GRID.rows, ("30%", "0.001%"), (0,)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
