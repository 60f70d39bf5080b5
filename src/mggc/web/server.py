"""A local HTTP server for one table of resources: it knows no folders, takes no uploads, and answers to its own names."""

import errno
import ipaddress
import os
import re
import shutil
import socket
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader, BytesIO

from mggc.errors import MggcError
from mggc.web.site import Resource, Site

METHODS = ("GET", "HEAD")
HEADERS = {
    # Threads need shared memory, which browsers grant to pages that are isolated from others only.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""Of every answer."""
IDLE_SECONDS = 60
HOST = re.compile(r"(?P<name>\[[^][]+\]|[^][:]+)(?::(?P<port>[0-9]{1,5}))?")


class PageServer(ThreadingHTTPServer):
    """Serves a site until it is shut down.

    Args:
        site: What there is.
        host: The address to listen at.
        port: 0 takes any free one.

    Raises:
        MggcError: The port is taken, or the address is not one of this machine's.
    """

    daemon_threads = True

    def __init__(self, site: Site, *, host: str = "127.0.0.1", port: int = 8000) -> None:
        self.site, self.host = site, host
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            self.address_family = found[0][0]
            super().__init__((host, port), PageHandler)
        except OSError as error:
            raise MggcError(_refusal(error, host, port)) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The page's address, for a browser on this machine."""
        everywhere = self.host in ("", "0.0.0.0", "::")
        name = "localhost" if everywhere else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}/"

    def server_bind(self) -> None:
        """Listen, without asking a name server what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if os.name == "posix" else 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.host, int(self.server_address[1])

    def answers_to(self, host: str | None) -> bool:
        """Whether a request's ``Host`` is one of this server's names.

        A page elsewhere whose name somebody has pointed at this machine (DNS rebinding) sends its own name.
        """
        parts = HOST.fullmatch(host or "")
        if parts is None or int(parts["port"] or 80) != self.port:
            return False
        name = parts["name"].strip("[]").lower()
        return name in {"localhost", self.host.lower(), socket.gethostname().lower()} or _is_number(name)


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the addresses in the server's table, and refuses everything else."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"

    def parse_request(self) -> bool:
        """Refuse what is not for this server before anything is done about it."""
        if not super().parse_request():
            return False
        if not self.server.answers_to(self.headers.get("Host")):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.command not in METHODS:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        elif self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            return True
        return False

    def do_GET(self) -> None:
        """Send a resource."""
        resource = self._resource()
        if resource is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            file = _open(resource)
        except OSError:  # it was removed, or something else was put in its place
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with file, suppress(ConnectionError, TimeoutError):  # who leaves the page hears no more
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", resource.type)
            self.send_header("Content-Length", str(file.seek(0, os.SEEK_END)))
            self.end_headers()
            if self.command == "GET":
                file.seek(0)
                shutil.copyfileobj(file, self.wfile, 1 << 18)

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def _resource(self) -> Resource | None:
        """Addresses are compared as they came: nothing is decoded, joined or cleaned up."""
        address = self.path.partition("?")[0]
        return self.server.site.get("index.html" if address == "/" else address.removeprefix("/"))

    def _refuse(self, status: HTTPStatus) -> None:
        content = f"{status.value} {status.phrase}\n".encode()
        self.close_connection = True  # what may follow is not read
        with suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            self.send_header("Content-Type", self.error_content_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            if status is HTTPStatus.METHOD_NOT_ALLOWED:
                self.send_header("Allow", ", ".join(METHODS))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def end_headers(self) -> None:
        """Add what every answer carries."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """The name without the versions of anything, which are nobody's business."""
        return "mggc"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the page says what goes wrong."""


def _open(resource: Resource) -> BufferedReader | BytesIO:
    if isinstance(resource.content, bytes):
        return BytesIO(resource.content)
    # A link that has taken the file's place since is not followed.
    return os.fdopen(os.open(resource.content, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use. Choose another with --port, or --port 0 for any free one."
    if error.errno == errno.EACCES:
        return f"Port {port} is not open to this user. Choose one from 1024 upwards with --port."
    return f"--host {host}: nothing can listen there ({error.strerror or error}). 127.0.0.1 always works."
