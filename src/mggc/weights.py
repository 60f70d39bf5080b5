"""Pretrained files: where they are kept, how they are told from damaged ones, and how a user gets them.

Nothing is downloaded unless somebody asks for it with the word ``fetch``.
"""

import hashlib
import os
import shutil
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mggc.errors import MggcError, naming

CACHE_VARIABLE = "MGGC_CACHE"
NONE, AUTO, FETCH = "none", "auto", "fetch"
"""What a setting may say in place of a file: leave it out; use it where it is in the cache; download it there first."""
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class PretrainedFile:
    """A published file of weights."""

    file_name: str
    """What it is called where it is published, and in the cache."""
    url: str
    """Where it is."""
    sha256: str | None
    """Its digest; None where no digest is known that could be trusted."""
    licence: str
    """Terms of use, in a few words."""
    direct: bool = True
    """Whether the address is the file itself; otherwise a page that a person has to go to."""

    @property
    def cached(self) -> Path:
        """Where it lies, or would lie, in the cache."""
        return cache_folder() / self.file_name


INCEPTION = PretrainedFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "Apache-2.0",
)
ALEXNET = PretrainedFile(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "torchvision: BSD-3-Clause, trained on ImageNet",
)
LPIPS_ALEX = PretrainedFile(
    "lpips-v0.1-alex.pth",
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "BSD-2-Clause",
)
DRN_D_105 = PretrainedFile(
    "drn-d-105_ms_cityscapes.pth",
    "http://go.yf.io/drn-cityscapes-models",
    None,
    "BSD-3-Clause, trained on Cityscapes (no commercial use)",
    direct=False,
)


def cache_folder() -> Path:
    """Where pretrained files and what was computed with them are kept: ``$MGGC_CACHE``, or ``~/.cache/mggc``."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "mggc"


def locate(choice: str, wanted: PretrainedFile, *, setting: str) -> Path | None:
    """The file that a setting means; None where it says ``none``, or ``auto`` and the cache lacks the file.

    A file that the user names is taken as it is; one in the cache has to have the published digest.

    Args:
        choice: ``none``, ``auto``, ``fetch``, or the path of a file.
        wanted: The published file.
        setting: Name of the option, for messages.

    Raises:
        MggcError: The named file is not there, the cached one is damaged, or it cannot be fetched.
    """
    match choice:
        case "none":
            return None
        case "auto":
            return wanted.cached if find(wanted) else None
        case "fetch":
            return fetch(wanted)
    path = Path(choice)
    if not path.is_file():
        raise MggcError(
            f"{setting} wants none, auto, fetch or a file. There is no file {path}. {how_to_get(wanted)}"
        )
    return path


def find(wanted: PretrainedFile) -> Path | None:
    """The file in the cache, checked; None where it is not there.

    Raises:
        MggcError: It is damaged.
    """
    path = wanted.cached
    if not path.is_file():
        return None
    _verify(path, wanted, advice="Delete it and put the published one there")
    return path


def fetch(wanted: PretrainedFile, report: Callable[[str], None] | None = None) -> Path:
    """The file in the cache, downloaded there where it is missing.

    Args:
        wanted: The published file.
        report: Is told in words that a download begins.

    Raises:
        MggcError: There is no way to the file from here, or what came is something else. Nothing half-written stays.
    """
    if (path := find(wanted)) is not None:
        return path
    if not wanted.direct:
        raise MggcError(f"{wanted.file_name} cannot be fetched by a program. {how_to_get(wanted)}")
    if report is not None:
        report(f"Fetching {wanted.file_name} from {wanted.url} ({wanted.licence}).")
    path = wanted.cached
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        _download(wanted, partial)
        _verify(partial, wanted, advice="Fetch it again")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def how_to_get(wanted: PretrainedFile) -> str:
    """A sentence that says what to fetch from where, and where to put it."""
    return f"Get {wanted.file_name} from {wanted.url} and put it at {wanted.cached}, or name your copy."


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _download(wanted: PretrainedFile, partial: Path) -> None:
    try:
        response = urllib.request.urlopen(wanted.url, timeout=30)
    except OSError as error:  # urllib's own errors are of this kind
        raise MggcError(f"{wanted.url} cannot be reached: {error}. {how_to_get(wanted)}") from error
    with response, partial.open("wb") as file, naming(wanted.cached):
        shutil.copyfileobj(response, file, BLOCK_BYTES)


def _verify(path: Path, wanted: PretrainedFile, *, advice: str) -> None:
    if wanted.sha256 is None:
        return
    found = digest_of_file(path)
    if found != wanted.sha256:
        raise MggcError(
            f"{wanted.cached} should have the SHA-256 {wanted.sha256[:8]}…, but has {found[:8]}…: it is damaged or "
            f"something else. {advice}: {wanted.url}."
        )
