"""The one error that a user can act on, and where the operating system's happened."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MggcError(Exception):
    """Something wrong with the user's files, flags or machine.

    The message is one line: what was wanted, what was found, what to do. The command line prints it and exits with
    code 2; a caller from Python may catch it.
    """


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the operating system's errors inside name this path; that of a write on a full disk names none."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
