import errno
from typing import NoReturn

import pytest

from cli_toys import mggc
from mggc.cli.console import ConsoleReporter, print_json, quantity, show, table_of
from mggc.stages.context import Progress

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.02341, "0.02341"),
        (17, "17"),
        (1500, "1.5 k"),
        (54_413_955, "54.4 M"),
        (6_048_186_368, "6.05 G"),
        (-2e6, "-2 M"),
    ],
)
def test_quantities_are_short(value: float | None, text: str) -> None:
    assert quantity(value) == text


def test_without_a_terminal_a_stage_prints_its_last_step_on_stderr(capsys: Capture) -> None:
    with ConsoleReporter() as reporter:
        reporter.progress(Progress("prune", 1, 3, {"loss": 0.5}))
        reporter.progress(Progress("prune", 2, 3, {"loss": 0.4}))
        reporter.progress(Progress("prune", 3, 3, {"loss": 0.3}))
        reporter.message("Warning: look here.")
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.split() == ["prune", "3/3", "0", "s", "loss", "0.3"]
    assert second == "Warning: look here."


def test_the_same_stage_of_the_next_of_several_runs_has_a_clock_of_its_own(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 100.0, 200.0, 215.0, 260.0])
    monkeypatch.setattr("mggc.cli.console.time.monotonic", lambda: next(seconds))
    with ConsoleReporter() as reporter:
        for step in (1, 4, 1, 2, 4):
            reporter.progress(Progress("prune", step, 4, {}))
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        ["prune", "4/4", "100", "s"],
        ["prune", "2/4", "30", "s", "left"],
        ["prune", "4/4", "60", "s"],
    ]


def test_on_a_terminal_the_next_run_s_stage_starts_the_bar_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with ConsoleReporter() as reporter:
        for step, total in ((3, 4), (4, 4), (1, 5), (2, 5)):
            reporter.progress(Progress("prune", step, total, {}))
        (bar,) = reporter.bars.tasks
    assert (bar.completed, bar.total) == (2, 5)


def test_only_the_first_of_several_processes_speaks(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with ConsoleReporter() as reporter:
        reporter.progress(Progress("prune", 3, 3, {}))
        reporter.message("Warning")
    show(table_of("a table", ["", "b"], [["1", "2"]]), as_json=False)
    print_json({"a": 1})
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            OSError(errno.ENOSPC, "full", "runs/a"),
            2,
            "mggc: No space left on device at runs/a. Nothing half-written is left; "
            "make room or access and run it again.\n",
        ),
        (OSError(errno.EROFS, "closed"), 2, "mggc: Read-only file system. Nothing half-written is left; "),
        (KeyboardInterrupt(), 130, "\nmggc: interrupted; the same command continues a run.\n"),
        (
            RuntimeError("[gloo] Connection closed by peer [127.0.0.1]:1"),
            2,
            "mggc: another process of this run has ended; what it said stands above.\n",
        ),
    ],
)
def test_what_the_operating_system_says_becomes_one_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr("mggc.stages.inspect.inspect", fail)
    answer = mggc(capsys, "inspect", "unet_256")
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(said)


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "ours"), RuntimeError("ours"), ValueError("ours")])
def test_a_mistake_of_ours_is_not_taken_for_the_users(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr("mggc.stages.inspect.inspect", fail)
    with pytest.raises(type(error), match="ours"):
        mggc(capsys, "inspect", "unet_256")
