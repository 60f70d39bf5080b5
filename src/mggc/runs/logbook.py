"""A stage's log: one JSON object a line, in the order of the steps."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from mggc.errors import naming
from mggc.runs.atomic import write_text


class Logbook:
    """Appends records with a ``step``; lines of steps that a resumed run will repeat are dropped first.

    Args:
        path: The file; made when missing.
        start: Steps done so far: later lines, and a line cut short by a kill, are removed.
        active: Whether this process writes at all (one of several does).
    """

    def __init__(self, path: Path, *, start: int, active: bool = True) -> None:
        self._path = path
        self._file: TextIO | None = None
        if not active:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            kept = [record for record in read_log(path) if record["step"] <= start]
            write_text(path, "".join(json.dumps(record) + "\n" for record in kept))
        self._file = path.open("a", encoding="utf-8")

    def write(self, record: dict[str, Any]) -> None:
        """Add one line; it reaches the operating system at once."""
        if self._file is not None:
            with naming(self._path):
                self._file.write(json.dumps(record) + "\n")
                self._file.flush()

    def __enter__(self) -> "Logbook":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            with naming(self._path):
                self._file.close()


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a log; a last line that a kill cut short is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            return
        yield record
