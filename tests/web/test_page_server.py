"""The server answers what is in its table, and nothing else, whatever it is asked."""

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mggc.errors import MggcError
from mggc.web.server import HEADERS, PageServer
from mggc.web.site import Resource

SECRET = b"not for the page"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "secret.txt").write_bytes(SECRET)
    (folder / "site").mkdir()
    (folder / "site" / "model.onnx").write_bytes(b"weights")
    (folder / "site" / "link.txt").symlink_to(folder / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[PageServer]:
    site = {
        "index.html": Resource(b"<p>page</p>", "text/html; charset=utf-8"),
        "models/a.onnx": Resource(folder / "site" / "model.onnx", "application/octet-stream"),
        "models/link.onnx": Resource(folder / "site" / "link.txt", "application/octet-stream"),
        "models/gone.onnx": Resource(folder / "site" / "gone", "application/octet-stream"),
    }
    with PageServer(site, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: PageServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are, so that no client cleans an address up on the way."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method=request.partition(b" ")[0].decode())
        response.begin()
        return response.status, dict(response.getheaders()), response.read()


def get(
    server: PageServer, address: str, *, method: str = "GET", host: str | None = None, more: str = ""
) -> tuple[int, dict[str, str], bytes]:
    name = f"127.0.0.1:{server.port}" if host is None else host
    return ask(server, f"{method} {address} HTTP/1.1\r\nHost: {name}\r\n{more}\r\n".encode("latin-1"))


def test_resources_come_with_their_type_and_the_headers_that_threads_need(server: PageServer) -> None:
    for address, content, kind in (
        ("/", b"<p>page</p>", "text/html; charset=utf-8"),
        ("/index.html?x=/../y", b"<p>page</p>", "text/html; charset=utf-8"),
        ("/models/a.onnx", b"weights", "application/octet-stream"),
    ):
        status, headers, body = get(server, address)
        assert (status, body, headers["Content-Type"]) == (200, content, kind)
        assert headers["Content-Length"] == str(len(content))
        assert headers.items() >= HEADERS.items()
    assert HEADERS["Cross-Origin-Opener-Policy"] == "same-origin"
    assert HEADERS["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_head_sends_no_body(server: PageServer) -> None:
    status, headers, body = get(server, "/models/a.onnx", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "7", b"")


@pytest.mark.parametrize(
    "address",
    [
        "/../secret.txt",
        "/models/../../secret.txt",
        "/models/../index.html",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "//etc/passwd",
        "/etc/passwd",
        "etc/passwd",
        "/.",
        "/models",
        "/models/",
        "/models/link.onnx",
        "/models/gone.onnx",
        "/secret.txt",
        "/site/link.txt",
        "/index.html%00.txt",
        "/index.html/",
        "/INDEX.HTML",
        "/caf\xe9",
        "*",
        "http://127.0.0.1/etc/passwd",
        "file:///etc/passwd",
    ],
)
def test_any_other_address_is_not_found(server: PageServer, address: str) -> None:
    status, headers, body = get(server, address)
    assert status == 404
    assert SECRET not in body
    assert b"root" not in body
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_absolute_path_of_a_served_file_is_not_an_address(server: PageServer, folder: Path) -> None:
    for path in (folder / "site" / "model.onnx", folder / "secret.txt"):
        assert get(server, str(path))[0] == 404
        assert get(server, f"/{path}")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_any_other_method_is_refused(server: PageServer, method: str) -> None:
    status, headers, _ = get(server, "/index.html", method=method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_uploads_are_refused_without_being_read(server: PageServer) -> None:
    size = "Content-Length: 99999999999\r\n"
    assert get(server, "/index.html", method="POST", more=size)[0] == 405
    assert get(server, "/index.html", more=size)[0] == 413
    assert get(server, "/index.html", more="Transfer-Encoding: chunked\r\n")[0] == 413


def test_a_page_of_another_name_is_refused(server: PageServer) -> None:
    port = server.port
    for host in ("evil.example", f"evil.example:{port}", "localhost:1", "", "localhost:x", f"[::1:{port}"):
        assert get(server, "/", host=host)[0] == 421, host
    assert ask(server, b"GET / HTTP/1.1\r\n\r\n")[0] == 421
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert get(server, "/", host=host)[0] == 200, host


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_a_plain_answer_and_the_server_lives(
    server: PageServer, request_line: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request_line)
        answer = connection.recv(4096)
    assert SECRET not in answer
    assert b"Traceback" not in answer
    assert get(server, "/")[0] == 200


def test_it_listens_on_this_machine_only_and_says_where(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.port}/"


def test_a_port_in_use_and_a_foreign_address_are_named(server: PageServer) -> None:
    with pytest.raises(MggcError, match=rf"Port {server.port} of 127.0.0.1 is in use.*--port"):
        PageServer({}, port=server.port)
    with pytest.raises(MggcError, match=r"--host 203\.0\.113\.1: nothing can listen there"):
        PageServer({}, host="203.0.113.1", port=0)
