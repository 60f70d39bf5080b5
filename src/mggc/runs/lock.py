"""One process at a time works in a run."""

import os
import sys
from pathlib import Path

from mggc.errors import MggcError

LOCK_NAME = ".lock"


def lock_folder(folder: Path) -> int:
    """Keep other processes from working in a folder; the file descriptor that holds the lock, for `os.close`.

    The lock ends with the process, however that ends. The same process may take it again. Where the system has no such
    locks, nothing is locked.

    Raises:
        MggcError: Another process works there.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    if sys.platform == "win32":
        return descriptor
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        os.close(descriptor)
        raise MggcError(
            f"Another process works in {folder}. Wait for it or end it, or choose another run."
        ) from error
    except OSError:
        return descriptor  # a file system without locks
    return descriptor
