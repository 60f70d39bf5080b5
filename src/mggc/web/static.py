"""The page as a folder that any static host can serve."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from mggc.errors import MggcError
from mggc.runs.atomic import write_folder_atomically
from mggc.web.server import HEADERS
from mggc.web.site import Site

MARK = "models.json"
"""Tells a folder that was written here from any other."""
HOST_HEADERS = "_headers"
"""What some static hosts read the headers of their answers from."""
SENT = ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy")


def check_static_folder(folder: Path, *, force: bool, sources: Sequence[Path] = ()) -> None:
    """Refuse a folder that cannot become the page's, before anything is computed.

    Args:
        folder: Where the page is to lie.
        force: Replace an earlier page.
        sources: Runs, which the folder must not replace.

    Raises:
        MggcError: It is a file, holds something else, holds a page that is not to be replaced, or a run.
    """
    if folder.exists() and not folder.is_dir():
        raise MggcError(f"--static wants a folder to write to; {folder} is a file.")
    if any(source.resolve().is_relative_to(folder.resolve()) for source in sources):
        raise MggcError(f"--static wants a folder of its own; {folder} holds a run.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file() or not (folder / "index.html").is_file():
        raise MggcError(
            f"--static wants a new or empty folder; {folder} holds something else. Choose another."
        )
    if not force:
        raise MggcError(f"{folder} holds a page already. Replace it with --force, or choose another folder.")


def write_static(site: Site, folder: Path) -> None:
    """Write a site's resources as files, in the place of an earlier page; the folder appears whole or not at all."""

    def write(partial: Path) -> None:
        for address, resource in site.items():
            path = partial / address
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(resource.content, bytes):
                path.write_bytes(resource.content)
            else:
                shutil.copyfile(resource.content, path)
        lines = ["/*", *(f"  {name}: {HEADERS[name]}" for name in SENT)]
        (partial / HOST_HEADERS).write_text("\n".join(lines) + "\n", encoding="utf-8")

    write_folder_atomically(folder, write)
