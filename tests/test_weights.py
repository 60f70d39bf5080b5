import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mggc import weights
from mggc.errors import MggcError
from mggc.weights import PretrainedFile, cache_folder, digest_of_file, fetch, find, locate

CONTENT = b"weights " * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MGGC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder with one file, served on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "net.pth").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def published(url: str, *, sha256: str | None = DIGEST, direct: bool = True) -> PretrainedFile:
    return PretrainedFile("net.pth", url, sha256, "free", direct=direct)


def test_the_cache_is_where_the_variable_says_or_below_the_home_folder(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("MGGC_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "mggc"


def test_a_fetched_file_is_checked_and_kept(cache: Path, server: str) -> None:
    wanted = published(f"{server}/net.pth")
    said: list[str] = []
    assert find(wanted) is None
    assert fetch(wanted, said.append) == find(wanted) == cache / "net.pth"
    assert (cache / "net.pth").read_bytes() == CONTENT
    assert "net.pth from http" in said[0]
    fetch(published("http://127.0.0.1:9/gone"), said.append)
    assert len(said) == 1, "what is there is not fetched again"


def test_only_the_word_fetch_downloads(cache: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = published(f"{server}/net.pth")
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("nobody asked for it"))
    assert locate("none", wanted, setting="--x") is None
    assert locate("auto", wanted, setting="--x") is None
    monkeypatch.undo()
    monkeypatch.setenv("MGGC_CACHE", str(cache))
    assert (
        locate("fetch", wanted, setting="--x") == locate("auto", wanted, setting="--x") == cache / "net.pth"
    )
    assert locate("none", wanted, setting="--x") is None


def test_a_file_that_the_user_names_is_taken_as_it_is(cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.pth"
    own.write_bytes(b"other")
    assert locate(str(own), published("http://x"), setting="--x") == own
    assert digest_of_file(own) == hashlib.sha256(b"other").hexdigest()


def test_offline_one_line_says_what_to_fetch_from_where_and_where_to_put_it(cache: Path) -> None:
    wanted = published("http://127.0.0.1:9/net.pth")
    for choice in ("fetch", "missing.pth"):
        with pytest.raises(MggcError) as refused:
            locate(choice, wanted, setting="--x")
        message = str(refused.value)
        assert "\n" not in message
        assert f"Get net.pth from http://127.0.0.1:9/net.pth and put it at {cache / 'net.pth'}" in message


def test_a_page_for_people_is_not_fetched(cache: Path, server: str) -> None:
    with pytest.raises(MggcError, match=r"cannot be fetched by a program\. Get net\.pth from"):
        fetch(published(f"{server}/net.pth", direct=False))


@pytest.mark.parametrize("name", ["net.pth", "nothing.pth"])
def test_what_is_not_the_published_file_is_not_kept(cache: Path, server: str, name: str) -> None:
    with pytest.raises(MggcError):
        fetch(published(f"{server}/{name}", sha256="0" * 64))
    assert list(cache.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_refused(cache: Path) -> None:
    cache.mkdir()
    (cache / "net.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(MggcError, match=f"should have the SHA-256 {DIGEST[:8]}…"):
        find(published("http://x"))
    assert find(published("http://x", sha256=None)) == cache / "net.pth", "nothing to compare it with"


@pytest.mark.parametrize("wanted", [weights.INCEPTION, weights.ALEXNET])
def test_digests_begin_as_the_published_names_say(wanted: PretrainedFile) -> None:
    assert wanted.sha256 is not None
    assert wanted.file_name.removesuffix(".pth").endswith(f"-{wanted.sha256[:8]}")
