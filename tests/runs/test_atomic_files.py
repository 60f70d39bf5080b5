import errno
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from mggc.errors import MggcError
from mggc.runs.atomic import (
    is_partial,
    load_checkpoint,
    read_json,
    remove_partials,
    save_checkpoint,
    write_atomically,
    write_folder_atomically,
    write_json,
    write_text,
)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can grow beyond ``size`` bytes: the kernel refuses as it does when the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_written_text_is_read_back_and_nothing_else_is_in_the_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "é\n")
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "é\n"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("old", [None, "old content"])
def test_a_writer_that_raises_leaves_neither_file_nor_partial_and_the_old_content_intact(
    tmp_path: Path, old: str | None
) -> None:
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)

    def write(partial: Path) -> None:
        partial.write_text("half of the new con")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, write)
    assert [child.name for child in tmp_path.iterdir()] == ([] if old is None else ["a.txt"])
    assert old is None or path.read_text() == old


def test_a_writers_disk_error_names_the_file_that_was_wanted(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(partial))

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(tmp_path / "a.txt", write)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.txt"))


def test_a_file_in_the_place_of_a_folder_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a user's")
    with pytest.raises(OSError, match="File exists"):
        write_text(tmp_path / "file" / "config.toml", "")
    assert (tmp_path / "file").read_text() == "a user's"


def test_a_full_disk_under_a_checkpoint_is_the_operating_systems_error_and_the_old_one_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    with largest_file(50_000), pytest.raises(OSError, match=r"checkpoint\.pt") as caught:
        save_checkpoint(path, {"step": 2, "weights": torch.zeros(100_000)})
    assert caught.value.errno == errno.EFBIG
    assert load_checkpoint(path) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_comes_back_equal_and_on_the_cpu(tmp_path: Path) -> None:
    state = {"a": torch.randn(3), "b": {"lr": 1e-3, "names": ["x"], "none": None}, "step": 7}
    save_checkpoint(tmp_path / "c.pt", state)
    for lazy in (False, True):
        loaded = load_checkpoint(tmp_path / "c.pt", lazy=lazy)
        assert torch.equal(loaded["a"], state["a"])
        assert (loaded["b"], loaded["step"]) == (state["b"], 7)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    torch.save({"step": 1, "evil": Path}, tmp_path / "c.pt")
    with pytest.raises(MggcError, match=r"c\.pt is no readable checkpoint"):
        load_checkpoint(tmp_path / "c.pt")


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_truncated_checkpoint_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MggcError, match=r"c\.pt is no readable checkpoint\. Delete it"):
        load_checkpoint(path)


def test_json_is_read_back_and_damaged_json_is_refused_by_name(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [1, None]})
    assert read_json(tmp_path / "a.json") == {"a": [1, None]}
    assert (tmp_path / "a.json").read_text() == json.dumps({"a": [1, None]}, indent=2) + "\n"
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(MggcError, match=r"a\.json should be JSON"):
        read_json(tmp_path / "a.json")


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"

    def write(content: str) -> None:
        write_folder_atomically(folder, lambda partial: _fill(partial, content))

    write("first")
    write("second")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"second": "second"}
    with pytest.raises(ValueError, match="third"):
        write("third")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"second": "second"}
    assert list(tmp_path.iterdir()) == [folder]


def _fill(folder: Path, content: str) -> None:
    (folder / content).write_text(content)
    if content == "third":
        raise ValueError(content)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / "a" / name for name in ("model.partial", ".hidden", "x.old", "checkpoint.pt")]
    left = [tmp_path / "a" / name for name in (".checkpoint.pt.12ab.partial", ".compressed.12ab.old")]
    for path in kept + left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    folder = tmp_path / ".encoder.12ab.partial"
    folder.mkdir()
    (folder / ".config.json.34cd.partial").write_text("")
    assert all(is_partial(path) for path in [*left, folder])
    remove_partials(tmp_path)
    assert set(tmp_path.rglob("*")) == {tmp_path / "a", *kept}
