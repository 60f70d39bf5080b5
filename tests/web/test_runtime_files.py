import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from mggc.errors import MggcError
from mggc.web import runtime_files
from mggc.web.runtime_files import FILES, fetch_runtime, find_runtime


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive as npm would send it, of small files, with digests to match; and a member that would leave the folder."""
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name in (*(f"package/dist/{name}" for name in FILES), "package/dist/other.js", "../outside.txt"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            package.addfile(member, io.BytesIO(name.encode()))
    digests = {name: hashlib.sha256(f"package/dist/{name}".encode()).hexdigest() for name in FILES}
    whole = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    monkeypatch.setattr(runtime_files, "FILES", digests)
    monkeypatch.setattr(runtime_files, "INTEGRITY", f"sha512-{whole}")
    monkeypatch.setattr(runtime_files, "VENDORED", tmp_path / "vendor")
    monkeypatch.setenv("MGGC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime_files, "_download", lambda folder: path)
    return path


@pytest.mark.usefixtures("archive")
def test_the_runtime_is_fetched_once_and_found_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MggcError, match="mggc web --fetch-runtime"):
        find_runtime()
    folder = fetch_runtime()
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert find_runtime() == folder
    assert not (tmp_path / "outside.txt").exists()
    monkeypatch.setattr(runtime_files, "_download", lambda folder: pytest.fail("It is there."))
    assert fetch_runtime() == folder


@pytest.mark.usefixtures("archive")
def test_the_wheels_own_files_come_first(tmp_path: Path) -> None:
    fetch_runtime()
    assert fetch_runtime(tmp_path / "vendor") == tmp_path / "vendor"
    assert find_runtime() == tmp_path / "vendor"


def test_another_archive_than_the_published_one_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(MggcError, match="not what was published"):
        fetch_runtime()
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("archive")
def test_a_damaged_file_is_named() -> None:
    folder = fetch_runtime()
    (folder / "ort.wasm.min.mjs").write_text("else")
    with pytest.raises(MggcError, match=r"ort\.wasm\.min\.mjs is damaged"):
        find_runtime()
