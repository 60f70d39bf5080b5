"""Running the command line within the test's process."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mggc.cli.app import main


class Output(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The object on the last line of stdout, which is its only line."""
        assert self.code == 0, self.err
        (line,) = self.out.splitlines()
        content: dict[str, Any] = json.loads(line, parse_constant=_refuse)
        return content


def mggc(capsys: pytest.CaptureFixture[str], *arguments: str | Path | int | float) -> Output:
    """Run a command as ``mggc ARGUMENTS`` would."""
    capsys.readouterr()
    code: int | str | None = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = end.code
    assert isinstance(code, int)
    return Output(code, *capsys.readouterr())


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON.")
