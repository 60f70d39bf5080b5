"""Files that are either whole or not there."""

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mggc.errors import MggcError, naming

PARTIAL_SUFFIXES = (".partial", ".old")
"""Ends of the hidden names that files and folders have while they are written, or about to be replaced."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary sibling, then give it its name in one step.

    Raises:
        OSError: The disk is full or the folder is closed to us, with the name of the file that was wanted.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(partial)
            _flush_to_disk(partial)
            partial.replace(path)
    finally:
        _remove(partial)


def write_folder_atomically(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary folder, then put it in the place of ``folder`` and of what that held.

    Raises:
        OSError: As above, with the name of the folder.
    """
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with naming(folder):
            partial.mkdir(parents=True)
            write(partial)
            _remove(folder)
            partial.rename(folder)
    finally:
        _remove(partial)


def is_partial(path: Path) -> bool:
    """Whether this is what a killed process left of a file or folder that it was writing."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL_SUFFIXES)


def remove_partials(folder: Path) -> None:
    """Remove what a killed process left below a folder in which nobody is writing."""
    for path in [path for path in folder.rglob(".*") if is_partial(path)]:
        _remove(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""

    def write(partial: Path) -> None:
        partial.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole, indented, with a final newline."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        MggcError: It is not readable as JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MggcError(f"{path} should be JSON. Found: {error}. Delete it to make it again.") from error


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Save tensors, numbers, strings, lists and dictionaries, replacing an older checkpoint only when whole."""

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:
                # PyTorch hides a full disk behind an error about its own format.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from error
                raise

    write_atomically(path, write)


def load_checkpoint(path: Path, *, lazy: bool = False) -> dict[str, Any]:
    """Load a checkpoint onto the CPU; nothing in it is executed.

    Args:
        path: The file.
        lazy: Tensors are read from the file where and when they are used: for a look at the rest.

    Raises:
        MggcError: The file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=lazy)
    except Exception as error:  # torch raises half a dozen kinds for damaged files
        raise MggcError(f"{path} is no readable checkpoint. Delete it to start this stage again.") from error
    return state


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
