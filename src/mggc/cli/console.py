"""What a person sees: progress on stderr, tables and results on stdout."""

import json
import logging
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from mggc.cli.processes import leads
from mggc.stages.context import Progress as StageProgress

PLAIN_SECONDS = 10.0
SHOWN_VALUES = 4


# Fabric tells how many processes there are and which precision they use, as if nobody had asked for it.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


class ConsoleReporter:
    """Progress bars on a terminal, a line every ten seconds elsewhere; nothing from processes other than the first.

    Use it in a ``with`` block.
    """

    def __init__(self) -> None:
        self.silent = not leads()
        self.console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>6.0f}/{task.total:<6.0f}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[values]}"),
            console=self.console,
            disable=self.silent or not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._printed: dict[str, float] = {}
        self._started: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> "ConsoleReporter":
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def progress(self, progress: StageProgress) -> None:
        """Move the stage's bar, or print a line where there is no terminal."""
        if self.silent:
            return
        values = "  ".join(
            f"{name} {value:.3g}" for name, value in list(progress.values.items())[:SHOWN_VALUES]
        )
        if self.bars.disable:
            self._print_plain(progress, values)
            return
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self.bars.add_task(progress.stage, total=progress.total, values="")
        task = self._tasks[progress.stage]
        if progress.step < self.bars.tasks[task].completed:  # the same stage of the next of several runs
            self.bars.reset(task, total=progress.total)
        self.bars.update(task, completed=progress.step, values=values)

    def message(self, text: str) -> None:
        """Print a line above the bars."""
        if not self.silent:
            self.console.print(text, highlight=False, soft_wrap=True)

    def _print_plain(self, progress: StageProgress, values: str) -> None:
        now = time.monotonic()
        begun, first = self._started.setdefault(progress.stage, (now, progress.step))
        if progress.step < progress.total and now - self._printed.get(progress.stage, begun) < PLAIN_SECONDS:
            return
        self._printed[progress.stage] = now
        if progress.step == progress.total:  # another run's stage of this name begins anew
            del self._started[progress.stage], self._printed[progress.stage]
        done = progress.step - first
        left = (now - begun) / done * (progress.total - progress.step) if done > 0 else 0.0
        remaining = f"{left:4.0f} s left" if progress.step < progress.total else f"{now - begun:4.0f} s"
        print(
            f"{progress.stage:<10} {progress.step:>6}/{progress.total:<6} {remaining}  {values}",
            file=sys.stderr,
            flush=True,
        )


def show(table: Table | str, *, as_json: bool) -> None:
    """Print for a person: on stdout, or on stderr when stdout is for JSON."""
    if leads():
        width = None if sys.stdout.isatty() else 110
        # Names of metrics have brackets, which would pass for markup.
        console = Console(stderr=as_json, width=width, highlight=False, markup=False)
        console.print(table, soft_wrap=isinstance(table, str))


def print_json(content: dict[str, Any]) -> None:
    """One JSON object on one line, as the last line of stdout."""
    if leads():
        print(json.dumps(content), flush=True)


def table_of(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """A plain table; the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", show_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def quantity(value: float | int | None) -> str:
    """A number with a unit prefix where it is large: 6.05 G, 54.4 M, 0.0234."""
    if value is None:
        return "–"
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.4g}"
