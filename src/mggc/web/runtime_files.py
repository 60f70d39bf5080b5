"""ONNX Runtime for browsers: which files of its npm package the page needs, where they lie, and how they are obtained.

They are in the wheel; a checkout, which does not hold 41 MB of somebody else's binaries, has them fetched once.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from mggc.errors import MggcError
from mggc.runs.atomic import write_folder_atomically
from mggc.weights import cache_folder, digest_of_file

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the archive, as npm states it."""
FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.webgpu.min.mjs": "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0",
    "ort-wasm-simd-threaded.asyncify.mjs": "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28",
    "ort-wasm-simd-threaded.asyncify.wasm": "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
}
"""The files that are taken, with their SHA-256: three for WASM alone, three for WebGPU."""
VENDORED = Path(__file__).parent / "vendor"
"""Where the wheel holds them."""
REGISTRY = "https://registry.npmjs.org"
NPM_SECONDS = 300


def find_runtime() -> Path:
    """The folder of the runtime's files, each with the digest that it should have.

    Raises:
        MggcError: They are not at hand, or one is damaged.
    """
    for folder in (VENDORED, _cached()):
        if all((folder / name).is_file() for name in FILES):
            _verify(folder)
            return folder
    raise MggcError(
        f"The page needs the files of {PACKAGE}, which are not at hand. Get them once with mggc web --fetch-runtime "
        f"(33 MB), or unpack {_address(REGISTRY)} and put its dist files into {_cached()}."
    )


def fetch_runtime(folder: Path | None = None) -> Path:
    """Get the runtime's files from the npm registry, where they are not at hand.

    npm does it where it is installed, with whatever registry and proxy it is set up for.

    Args:
        folder: Where to put them; absent: the cache of pretrained files.

    Raises:
        MggcError: The registry cannot be reached, or what came is something else. Nothing half-written stays.
    """
    wanted = folder or _cached()
    if all((wanted / name).is_file() for name in FILES):
        _verify(wanted)
        return wanted
    with TemporaryDirectory() as scratch:
        archive = _download(Path(scratch))
        _check_archive(archive)
        write_folder_atomically(wanted, lambda partial: _unpack(archive, partial))
    _verify(wanted)
    return wanted


def _cached() -> Path:
    return cache_folder() / f"onnxruntime-web-{VERSION}"


def _address(registry: str) -> str:
    return f"{registry.rstrip('/')}/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"


def _download(folder: Path) -> Path:
    archive = folder / f"onnxruntime-web-{VERSION}.tgz"
    if shutil.which("npm") is not None:
        finished = subprocess.run(
            ["npm", "pack", PACKAGE, "--pack-destination", str(folder), "--silent"],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            timeout=NPM_SECONDS,
        )
        if finished.returncode or not archive.is_file():
            said = " ".join(finished.stderr.split()) or "no reason given"
            raise MggcError(f"npm pack {PACKAGE} failed: {said[:300]}. Try again, or fetch it by hand.")
        return archive
    address = _address(os.environ.get("NPM_CONFIG_REGISTRY", REGISTRY))
    try:
        with urllib.request.urlopen(address, timeout=30) as response, archive.open("wb") as file:
            shutil.copyfileobj(response, file)
    except OSError as error:  # urllib's own errors are of this kind
        raise MggcError(
            f"{address} cannot be reached: {error}. Try again where there is a network."
        ) from error
    return archive


def _check_archive(archive: Path) -> None:
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise MggcError(f"What came as {PACKAGE} is not what was published (SHA-512). Fetch it again.")


def _unpack(archive: Path, folder: Path) -> None:
    """Copy the named members, and nothing else, under names of our own."""
    with tarfile.open(archive) as package:
        for name in FILES:
            member = package.extractfile(f"package/dist/{name}")
            if member is None:
                raise MggcError(f"{PACKAGE} lacks dist/{name}.")
            with member, (folder / name).open("wb") as file:
                shutil.copyfileobj(member, file)


def _verify(folder: Path) -> None:
    for name, digest in FILES.items():
        if digest_of_file(folder / name) != digest:
            raise MggcError(
                f"{folder / name} is damaged or of another version than {VERSION}. Delete the folder and run "
                "mggc web --fetch-runtime."
            )
