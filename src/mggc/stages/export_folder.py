"""Where exported files go: a folder that appears whole, or not at all."""

import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from mggc.errors import MggcError
from mggc.runs.atomic import write_folder_atomically
from mggc.runs.rundir import is_run

CARD_NAME = "README.md"


def export_folder(source: Path, layout: str) -> Path:
    """Where a run's networks are written when nobody says: into a folder of the run, by layout.

    Raises:
        MggcError: The source is no run.
    """
    if not is_run(source):
        raise MggcError(f"A folder to write to was wanted, since {source} is no run: mggc export SOURCE OUT.")
    return source / "export" / layout


def check_folder(folder: Path, names: Collection[str], *, force: bool) -> None:
    """Refuse a folder that cannot become one of exported files, before anything is computed.

    Args:
        folder: Where to.
        names: The files that will be in it.
        force: Replace an earlier export.

    Raises:
        MggcError: It is a file, holds something else, or holds an export that is not to be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise MggcError(f"A folder to write to was wanted; {folder} is a file.")
    present = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in present if name not in names]
    if others:
        raise MggcError(f"{folder} holds something else ({others[0]}); give the export a folder of its own.")
    if present and not force:
        raise MggcError(
            f"{folder / present[0]} is there already. Allow replacing with --force, or choose another folder."
        )


def fill_folder(folder: Path, write: Callable[[Path], None]) -> list[Path]:
    """Let ``write`` fill a folder elsewhere, then put its files into ``folder``, in the place of an earlier export.

    Nothing of ``folder`` is touched, nor made, before everything is computed and checked.

    Returns:
        The files, in the order of their names.
    """
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        write(made)

        def take(partial: Path) -> None:
            shutil.copytree(made, partial, dirs_exist_ok=True)

        write_folder_atomically(folder, take)
    return sorted(folder.iterdir())
