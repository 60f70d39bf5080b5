from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mggc.runs.logbook import Logbook, read_log


def write(path: Path, steps: list[int], *, start: int = 0) -> None:
    with Logbook(path, start=start) as log:
        for step in steps:
            log.write({"step": step, "loss": step / 3})


def steps_of(path: Path) -> list[int]:
    return [record["step"] for record in read_log(path)]


def test_records_come_back_in_order_and_exactly(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", [1, 2, 3])
    assert list(read_log(tmp_path / "log.jsonl")) == [{"step": step, "loss": step / 3} for step in (1, 2, 3)]


def test_a_line_reaches_the_file_at_once(tmp_path: Path) -> None:
    with Logbook(tmp_path / "log.jsonl", start=0) as log:
        log.write({"step": 1})
        assert steps_of(tmp_path / "log.jsonl") == [1]


@given(written=st.integers(0, 8), start=st.integers(0, 8), cut=st.integers(0, 12))
def test_a_resumed_log_equals_an_uninterrupted_one(
    tmp_path_factory: pytest.TempPathFactory, written: int, start: int, cut: int
) -> None:
    """Lines of steps that are repeated, and a last line cut short by a kill, disappear first."""
    start = min(start, written)  # a checkpoint never lies beyond what was logged
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write(path, list(range(1, written + 1)))
    whole = path.read_text()
    kept = len("".join(line for line in whole.splitlines(keepends=True)[:start]))
    path.write_text(whole[: max(len(whole) - cut, kept)])
    write(path, list(range(start + 1, 11)), start=start)
    other = path.with_name("other.jsonl")
    write(other, list(range(1, 11)))
    assert path.read_text() == other.read_text()


def test_a_process_that_does_not_lead_writes_nothing(tmp_path: Path) -> None:
    with Logbook(tmp_path / "stage" / "log.jsonl", start=0, active=False) as log:
        log.write({"step": 1})
    assert list(tmp_path.iterdir()) == []
