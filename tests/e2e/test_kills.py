"""Real processes, really killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mggc.config import CompressConfig
from mggc.runs.settings import to_toml
from pipeline_toys import leftovers, results, tiny_settings, write_pairs

PATIENCE = 60.0
MOST_KILLS = 12
MOST_INTERRUPTIONS = 3
MGGC = Path(sys.executable).with_name("mggc")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


class Processes:
    """Starts commands one at a time, each a process of its own."""

    def __init__(self, errors: Path) -> None:
        self.errors = errors
        with errors.open("w") as file:
            self._zygote = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("zygote.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=ONE_THREAD,
                text=True,
            )

    def start(self, *arguments: str) -> int:
        """The process's id."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(arguments) + "\n")
        self._zygote.stdin.flush()
        return int(self._read())

    def end(self) -> int:
        """Wait for it; its exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(int(self._read()))

    def _read(self) -> str:
        assert self._zygote.stdout is not None
        line = self._zygote.stdout.readline()
        assert line, self.errors.read_text()
        return line

    def close(self) -> None:
        self._zygote.kill()
        self._zygote.communicate()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    processes = Processes(tmp_path_factory.mktemp("processes") / "errors.txt")
    yield processes
    processes.close()


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A tiny run; ``--out`` is left to say."""
    folder = tmp_path_factory.mktemp("data")
    data, config = write_pairs(folder / "pairs"), folder / "tiny.toml"
    config.write_text(to_toml(CompressConfig.model_validate(tiny_settings("pix2pix"))))
    return ("compress", str(data), "--config", str(config), "--out")


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, processes: Processes, arguments: tuple[str, ...]
) -> dict[str, Any]:
    """The results of the run when nobody disturbs it."""
    out = tmp_path_factory.mktemp("whole") / "run"
    processes.start(*arguments, str(out))
    assert processes.end() == 0, processes.errors.read_text()
    return results(out)


def state(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file's size and time."""
    found = {}
    for parent, folders, files in os.walk(
        folder
    ):  # unlike rglob, no error where a folder goes away meanwhile
        for path in (Path(parent, name) for name in folders + files):
            with suppress(OSError):
                status = path.stat()
                found[path] = (status.st_size, status.st_mtime_ns)
    return found


def wait_for_changes(folder: Path, count: int, alive: int) -> None:
    """Until so many changes to files below a folder have been seen, or the process has ended."""
    before, deadline = state(folder), time.monotonic() + PATIENCE
    while count and is_alive(alive):
        assert time.monotonic() < deadline
        now = state(folder)
        if now != before:
            before, count = now, count - 1
        time.sleep(0.003)


def is_alive(process: int) -> bool:
    """Whether it still runs; one that nobody has asked for its exit status does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def kill(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_a_run_killed_again_and_again_ends_as_one_that_was_left_alone(
    tmp_path: Path, processes: Processes, arguments: tuple[str, ...], whole: dict[str, Any]
) -> None:
    chance, killed = random.Random(0), tmp_path / "killed"
    first = subprocess.Popen([MGGC, *arguments, killed], env=ONE_THREAD, stderr=subprocess.DEVNULL)
    wait_for_changes(killed, 5, first.pid)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    kills, code = 1, -signal.SIGKILL
    while code == -signal.SIGKILL:
        process = processes.start(*arguments, str(killed))
        if kills < MOST_KILLS:
            wait_for_changes(killed, chance.randint(1, 12), process)
            time.sleep(chance.uniform(0, 0.02))
            kill(process, signal.SIGKILL)
        code = processes.end()
        kills += 1
    assert code == 0, processes.errors.read_text()
    assert kills > 2  # a fast machine ends the run between two looks at its folder
    assert leftovers(killed) == []
    assert results(killed) == whole


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_the_same_command_started_twice_leaves_the_first_alone(
    tmp_path: Path, processes: Processes, arguments: tuple[str, ...], whole: dict[str, Any]
) -> None:
    run = tmp_path / "run"
    process = processes.start(*arguments, str(run))
    wait_for_changes(run, 4, process)
    kill(process, signal.SIGSTOP)
    second = subprocess.run([MGGC, *arguments, run], env=ONE_THREAD, capture_output=True, text=True)
    kill(process, signal.SIGCONT)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr.startswith(f"mggc: Another process works in {run}.")
    assert processes.end() == 0
    assert results(run) == whole


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_ctrl_c_ends_with_130_one_line_and_a_run_that_continues(
    tmp_path: Path, processes: Processes, arguments: tuple[str, ...], whole: dict[str, Any]
) -> None:
    run, interruptions, code = tmp_path / "run", 0, 130
    while code == 130:
        before = len(processes.errors.read_text())
        process = processes.start(*arguments, str(run))
        if interruptions < MOST_INTERRUPTIONS:
            wait_for_changes(run, 2, process)
            kill(process, signal.SIGINT)
        code = processes.end()
        if code == 130:
            interruptions += 1
            said = processes.errors.read_text()[before:].splitlines()
            assert said[-1] == "mggc: interrupted; the same command continues a run."
            assert "Traceback" not in "\n".join(said)
            assert leftovers(run) == []
    assert code == 0, processes.errors.read_text()
    assert interruptions > 0
    assert results(run) == whole
