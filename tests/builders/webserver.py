"""A real HTTP server on loopback that serves bytes in ranges, honestly or with one of the faults that servers have."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """Files by path; `fault` decides what goes wrong with a request, see `FAULTS`."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.address = ""
        self.fault: Callable[[Answer], None] = lambda answer: None
        self.asked: list[tuple[str, str, str]] = []
        """Method, path and range of all requests so far."""
        self.headers: list[Any] = []
        """Of all requests so far."""
        self.sent = 0
        """Body bytes."""
        self.stamp = 1
        self.lock = threading.Lock()

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


class Answer:
    """What is about to be sent; faults change it. `number` counts requests from 1."""

    def __init__(self, site: Site, number: int, path: str, asked: str) -> None:
        self.site, self.number, self.path, self.asked = site, number, path, asked
        self.etag: str | None = f'"{site.stamp}"'
        self.headers: dict[str, str] = {}
        self.declared: int | None = None
        self.cut: int | None = None
        """Bytes after which the connection is closed."""
        self.chunked = False
        self.give(site.files.get(path.lstrip("/").partition("?")[0]))

    def give(self, data: bytes | None) -> None:
        """This file is the answer, or none."""
        self.data = data
        self.size = len(data or b"")
        self.first, self.last = _range(self.asked, self.size)
        self.status = 404 if data is None else 206 if self.asked else 200
        self.content_range: str | None = f"bytes {self.first}-{self.last}/{self.size}"
        if self.asked and data is not None and self.first > self.last:
            self.status, self.content_range = 416, f"bytes */{self.size}"

    def whole(self) -> None:
        """The range is ignored."""
        self.status, self.first, self.last = 200, 0, self.size - 1

    @property
    def body(self) -> bytes:
        return (self.data or b"")[self.first : self.last + 1] if self.status in (200, 206) else b""


def _range(asked: str, size: int) -> tuple[int, int]:
    if not asked:
        return 0, size - 1
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last) if last else size - 1, size - 1)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve(head=True)

    def do_GET(self) -> None:
        self._serve(head=False)

    def _serve(self, *, head: bool) -> None:
        site, asked = self.site, self.headers.get("Range", "")
        with site.lock:
            site.asked.append((self.command, self.path, asked))
            site.headers.append(self.headers)
            number = len(site.asked)
        answer = Answer(site, number, self.path, asked)
        site.fault(answer)
        body = answer.body
        self.send_response(answer.status)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body) if answer.declared is None else answer.declared))
        if answer.status in (206, 416) and answer.content_range is not None:
            self.send_header("Content-Range", answer.content_range)
        if answer.etag:
            self.send_header("ETag", answer.etag)
        self.send_header("Last-Modified", formatdate(1_700_000_000 + site.stamp, usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if head:
            return
        if answer.chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        sent = body if answer.cut is None else body[: answer.cut]
        with site.lock:
            site.sent += len(sent)
        try:
            self.wfile.write(sent)
        except OSError:
            self.close_connection = True
        if answer.cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        self.open.append(request)
        return request, address

    open: list[socket.socket]

    def vanish(self) -> None:
        """Ends connections that are kept alive, too."""
        for request in self.open:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def served(files: dict[str, bytes], tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A running server; with `tls`, one for ``https://localhost``."""
    site = Site(files)
    handler = type("Handler", (_Handler,), {"site": site, "disable_nagle_algorithm": True})
    server = _Server(("127.0.0.1", 0), handler)
    server.open = []
    site.address = f"http://127.0.0.1:{server.server_port}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        site.address = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.vanish()
        server.server_close()
        thread.join(5)


class Clock:
    """Pauses that take no time, noted."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        time.sleep(0)
