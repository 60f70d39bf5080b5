import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mggc.config import CompressConfig
from mggc.errors import MggcError
from mggc.runs.rundir import RunDir, digest_of, is_run

CONFIG = CompressConfig()
OTHER = CompressConfig.model_validate({"seed": 5, "train": {"lr": 0.5}})


def begun(path: Path) -> RunDir:
    """A run in which a stage has begun."""
    run = RunDir.create(path, CONFIG)
    run.stage("original").save("digest", 3, {})
    return run


def test_a_run_is_made_with_its_parents_and_opened_with_its_configuration(tmp_path: Path) -> None:
    RunDir.create(tmp_path / "runs" / "one", OTHER)
    assert RunDir.open(tmp_path / "runs" / "one").config == OTHER
    assert is_run(tmp_path / "runs" / "one")
    assert not is_run(tmp_path / "runs")


def test_an_empty_folder_becomes_a_run(tmp_path: Path) -> None:
    assert RunDir.create(tmp_path, CONFIG).config == CONFIG


def test_a_folder_in_which_a_run_was_killed_at_birth_becomes_a_run(tmp_path: Path) -> None:
    (tmp_path / ".config.toml.12ab34cd.partial").write_text("bud")
    RunDir.create(tmp_path, CONFIG).take()
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", ".lock"}


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_holds_something_else_is_refused_and_untouched(tmp_path: Path, force: bool) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(MggcError, match="holds something else"):
        RunDir.create(tmp_path, CONFIG, force=force)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"thesis.txt": "mine"}


@pytest.mark.parametrize("force", [False, True])
def test_a_file_in_the_runs_place_is_refused_and_untouched(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("mine")
    with pytest.raises(MggcError, match="holds something else"):
        RunDir.create(path, CONFIG, force=force)
    assert path.read_text() == "mine"


def test_another_configuration_is_refused_with_what_differs(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(MggcError, match="another configuration") as caught:
        RunDir.create(tmp_path, OTHER)
    assert "seed was 0 and is 5, train.lr was 0.0002 and is 0.5" in str(caught.value)
    assert RunDir.open(tmp_path).config == CONFIG


def test_a_run_in_which_nothing_has_begun_takes_on_another_configuration(tmp_path: Path) -> None:
    RunDir.create(tmp_path, CONFIG)
    assert RunDir.create(tmp_path, OTHER).config == OTHER
    assert RunDir.open(tmp_path).config == OTHER


def test_the_same_configuration_continues(tmp_path: Path) -> None:
    begun(tmp_path)
    assert RunDir.create(tmp_path, CONFIG).stage("original").load("digest") == (3, {})


def test_devices_may_change_between_a_run_and_its_continuation(tmp_path: Path) -> None:
    begun(tmp_path)
    moved = CompressConfig.model_validate({"runtime": {"device": "cpu", "devices": 2}})
    assert RunDir.create(tmp_path, moved).config == moved


def test_force_takes_over_a_run_and_keeps_its_stages(tmp_path: Path) -> None:
    begun(tmp_path)
    run = RunDir.create(tmp_path, OTHER, force=True)
    assert RunDir.open(tmp_path).config == OTHER
    assert run.stage("original").made_for() == "digest"


def test_a_run_is_taken_by_one_process_at_a_time(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, CONFIG)
    script = f"""
from pathlib import Path
from mggc.errors import MggcError
from mggc.runs.lock import lock_folder
try:
    lock_folder(Path({str(tmp_path)!r}))
except MggcError as error:
    print(error)
"""

    def another_process_says() -> str:
        finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return finished.stdout

    run.take()
    RunDir.open(tmp_path).take()  # the same process may; but letting go of this one ends the lock
    run.take()
    assert "Another process works in" in another_process_says()
    del run
    assert another_process_says() == ""


def test_a_folder_that_is_no_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(MggcError, match=r"A run was wanted, but .* holds no config\.toml"):
        RunDir.open(tmp_path)
    with pytest.raises(MggcError, match="A run was wanted"):
        RunDir.open(tmp_path / "missing")


def test_a_run_whose_configuration_has_a_typo_is_refused_with_the_key(tmp_path: Path) -> None:
    begun(tmp_path)
    path = tmp_path / "config.toml"
    path.write_text(path.read_text().replace("checkpoint_every", "checkpont_every", 1))
    with pytest.raises(MggcError, match=r"config\.toml: there is no setting train\.checkpont_every"):
        RunDir.create(tmp_path, CONFIG)


def test_a_stage_is_finished_when_done_is_written_and_its_checkpoint_goes(tmp_path: Path) -> None:
    stage = begun(tmp_path).stage("original")
    assert stage.done() is None
    with pytest.raises(MggcError, match=r"The stage original of .* is not finished\. Run mggc train DATA"):
        stage.require("mggc train DATA")
    stage.finish("digest", macs=7)
    assert stage.done() == stage.require("") == {"digest": "digest", "macs": 7}
    assert [path.name for path in stage.path.iterdir()] == ["done.json"]


def test_a_checkpoint_is_continued_only_for_what_it_was_made_for(tmp_path: Path) -> None:
    stage = begun(tmp_path).stage("prune")
    assert stage.made_for() is None
    assert stage.load("a") is None
    stage.save("a", 7, {"weights": torch.arange(3)})
    assert stage.made_for() == "a"
    assert stage.load("b") is None
    found = stage.load("a")
    assert found is not None
    assert found[0] == 7
    assert torch.equal(found[1]["weights"], torch.arange(3))
    stage.finish("b")
    assert stage.made_for() == "b"
    stage.clear()
    assert stage.made_for() is None
    assert not stage.path.exists()


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    stage = begun(tmp_path).stage("original")
    path = stage.path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-30])
    for look in (stage.made_for, lambda: stage.load("digest")):
        with pytest.raises(MggcError, match=r"original/checkpoint\.pt is no readable checkpoint"):
            look()


def test_a_digest_depends_on_every_part_and_on_nothing_else() -> None:
    assert digest_of("a", {"x": 1, "y": None}) == digest_of("a", {"y": None, "x": 1})
    digests = {digest_of(*parts) for parts in [("a",), ("a", 1), (["a"],), ("a", None), ("a", {"x": 1.0})]}
    assert len(digests) == 5
    assert all(len(digest) == 16 for digest in digests)
