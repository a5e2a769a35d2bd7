"""One file behind an ``http(s)://`` address, in ranges (RFC 9110, section 14).

Servers are not believed: the unit, the range, the size, the coding and the validators of every answer are compared with
what was asked for and with the first answer. What the bytes themselves are is for the zip's checksums to tell.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from nngauge.errors import (
    AccessError,
    InputError,
    MalformedError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.io.remote import BusyError, RemoteStore, pause
from nngauge.io.source import ByteSource
from nngauge.limits import KIB, MAX_REDIRECTS, REMOTE_SECONDS, REMOTE_STREAMS, REMOTE_TAIL
from nngauge.version import __version__

if TYPE_CHECKING:
    from logging import LogRecord

    from urllib3 import BaseHTTPResponse, PoolManager

_PIECE: Final = 64 * KIB
_CONNECT_SECONDS: Final = 10.0
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": f"nngauge/{__version__}"}
_RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = {401: "asks for credentials", 403: "refuses", 404: "has no such file", 410: "has no such file any more"}
_SECRET: Final = re.compile(r"(?i)signature|credential|token|^sig$|^se?cret|^key$|api_?key|passw|^auth")
"""Names of query fields that carry access rights: Amazon's, Google's and Azure's signed addresses, tokens, keys."""


def require_plain(address: str) -> str:
    """The address, when nothing in it is a secret. Raises `UsageError`: addresses are stored and shown."""
    try:
        parts = urlsplit(address)
        fields = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        host = parts.hostname
    except ValueError:
        host, parts, fields = None, urlsplit(""), []
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError("not an http address", hint="https://example.org/app.apk")
    if parts.username or parts.password or any(_SECRET.search(name) for name in fields):
        raise UsageError(
            "the address holds a secret, which would be stored with the results", where=shown(address),
            hint="use s3://, gs:// or az:// with credentials in the environment, or an address without a signature",
        )  # fmt: skip
    return address


def shown(address: str) -> str:
    """The address as it may be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


_TALKERS: Final = ("urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")
"""Loggers that write down addresses."""


def _without_queries(record: LogRecord) -> bool:
    """What a log gets to see of addresses: keys and signatures stand behind the question mark."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
    return True


class WebFile:
    """A file behind an address. `open_web` makes one; see `nngauge.io.remote.Remote`."""

    def __init__(self, address: str) -> None:
        self.name = shown(address)
        self.size = 0
        self._seen: tuple[str, str] | None = None
        """Validators of the first answer."""
        self._address = address
        self._place = address
        """Where redirects led."""
        self._pool = _pool()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes connections."""
        self._pool.clear()

    def fetch(self, offset: int, count: int) -> Iterator[bytes | memoryview]:
        """See `nngauge.io.remote.Remote.fetch`."""
        last = offset + count - 1
        with self.ask("GET", {"Range": f"bytes={offset}-{last}"}) as answer:
            if answer.status != 206:
                self.same(answer)
                raise BusyError("the server answered a range with the whole file", where=self.name)
            if self.range_of(answer) != (offset, last, self.size):
                raise MalformedError("the server answered with another range than asked for", where=self.name)
            self.same(answer)
            yield from self.body(answer)

    @contextmanager
    def ask(self, method: str, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        """An answer that is 200, 206 or 416, its body unread. Raises `BusyError` and other kinds of `InputError`."""
        begun = self._place
        place, answer = self._answer(begun, method, headers)
        whole = False
        try:
            self._judge(begun, place, answer)
            yield answer
            whole = answer.status == 206
        finally:
            if not whole:  # an unread rest would be taken for the next answer
                answer.close()
            answer.release_conn()

    def _answer(self, place: str, method: str, headers: Mapping[str, str]) -> tuple[str, BaseHTTPResponse]:
        """The answer that is no redirect, and the place that gave it."""
        import urllib3

        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = self._pool.request(
                    method, place, headers={**_HEADERS, **headers}, preload_content=False, decode_content=False,
                    retries=False, redirect=False,
                )  # fmt: skip
            except urllib3.exceptions.HTTPError as error:
                raise self._problem(error) from None
            if answer.status not in _REDIRECTS:
                return place, answer
            answer.close()
            place = self._next(place, answer.headers.get("Location", ""))
        raise UnreadableError("the server redirects for ever", where=self.name)

    def _next(self, place: str, location: str) -> str:
        """Where a redirect leads."""
        try:
            target = urljoin(place, location)
            parts = urlsplit(target)
        except ValueError:
            raise UnreadableError("the server redirects to nowhere", where=self.name) from None
        if not location or parts.scheme not in ("http", "https") or not parts.hostname:
            raise UnreadableError("the server redirects to nowhere", where=self.name)
        if place.startswith("https:") and parts.scheme == "http":
            raise UnreadableError("the server leads from https to http", where=self.name)
        return target

    def body(self, answer: BaseHTTPResponse) -> Iterator[bytes]:
        """The bytes of an answer. Raises `BusyError` when they break off."""
        import urllib3

        coding = answer.headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            raise UnsupportedError(f"the server packs ranges ({coding[:40]!r})", where=self.name)
        try:
            yield from answer.stream(_PIECE, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise self._problem(error) from None

    def described(self) -> tuple[int | None, str | None]:
        """Size and validator as the server tells them without a body; None where it does not. Errors as in `ask`."""
        with self.ask("HEAD", {}) as answer:
            length = answer.headers.get("Content-Length", "")
            stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            return int(length) if length.isdigit() else None, stamp

    def same(self, answer: BaseHTTPResponse) -> None:
        """Raises `TransientError` when the file is not the one of the first answer."""
        etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        if self._seen is None:
            self._seen = etag, modified
        elif (etag or modified) != (self._seen[0] or self._seen[1]):
            raise TransientError("the file changed while it was read", where=self.name)

    def range_of(self, answer: BaseHTTPResponse) -> tuple[int, int, int]:
        """First byte, last byte and size by `Content-Range`; −1 for the range of an answer without one."""
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if found is None:
            raise MalformedError("the server does not say which range it sends", where=self.name)
        first, last, size = found.groups()
        return int(first or -1), int(last or -1), int(size)

    def _judge(self, begun: str, asked: str, answer: BaseHTTPResponse) -> None:
        """Raises for a status that brings no bytes, and remembers where redirects led. `begun`: asked first."""
        status = answer.status
        if status in (200, 206, 416):
            with self._lock:
                self._place = asked
            return
        if status in _BUSY:
            raise _later(f"the server answers {status}", self.name, answer.headers.get("Retry-After"))
        if begun != self._address:  # a signed place that has expired: the address leads to a new one
            with self._lock:
                self._place = self._address
            raise BusyError(f"the place it was redirected to answers {status}", where=self.name)
        kind = AccessError if status in (401, 403) else UnreadableError
        raise kind(f"the server {_GONE.get(status, 'answers')} ({status})", where=self.name)

    def _problem(self, error: Exception) -> InputError:
        """What a failed connection means. Its own text may hold addresses with secrets, so it is not quoted."""
        import urllib3.exceptions as web

        if isinstance(error, web.LocationValueError | web.LocationParseError):
            return UnreadableError("the server redirects to nowhere", where=self.name)
        if isinstance(error, web.SSLError):
            return UnreadableError("the server's certificate is not valid", where=self.name)
        if isinstance(error, web.NameResolutionError):
            return BusyError("the server's name is not known", where=self.name)
        if isinstance(error, web.TimeoutError):
            return BusyError("the server does not answer in time", where=self.name)
        return BusyError(f"the connection failed ({type(error).__name__})", where=self.name)


def open_web(address: str, *, sleep: Callable[[float], None] = time.sleep) -> tuple[ByteSource, RemoteStore]:
    """The bytes behind an address, the last ones fetched already; closing the source closes everything.

    Of servers that know no ranges the whole file is fetched. Raises `TransientError` when another attempt may do better,
    else other kinds of `InputError`.
    """
    file = WebFile(address)
    for attempt in itertools.count(1):
        try:
            store = _begun(file, sleep)
        except BusyError as error:
            pause(error, attempt, sleep)
        except InputError:
            file.close()
            raise
        else:
            break
    return ByteSource(store, file.size, file.name), store


def _begun(file: WebFile, sleep: Callable[[float], None]) -> RemoteStore:
    """One attempt to fetch the end, from which the size is known."""
    with file.ask("GET", {"Range": f"bytes=-{REMOTE_TAIL}"}) as answer:
        if answer.status == 416:  # an empty file, or a server that counts from the start only
            file.size = file.range_of(answer)[2]
            return RemoteStore(file, sleep=sleep)
        file.same(answer)
        if answer.status == 200:
            declared = answer.headers.get("Content-Length", "")
            file.size = int(declared) if declared.isdigit() else -1
            return _filled(RemoteStore(file, sleep=sleep), file, answer, 0)
        first, last, file.size = file.range_of(answer)
        if (first, last) != (max(0, file.size - REMOTE_TAIL), file.size - 1):
            raise MalformedError("the server answered with another range than asked for", where=file.name)
        return _filled(RemoteStore(file, sleep=sleep), file, answer, first)


def _filled(store: RemoteStore, file: WebFile, answer: BaseHTTPResponse, at: int) -> RemoteStore:
    """`store` with the body of `answer`, which reaches from `at` to the end."""
    end = file.size
    try:
        for piece in file.body(answer):
            store.keep(at, piece)
            at += len(piece)
        if end >= 0 and at != end:
            raise BusyError("the answer ends early", where=file.name)
    except InputError:
        store.close()
        raise
    file.size = at
    return store


def _later(what: str, where: str, told: str | None) -> BusyError:
    """An error that says how long the server wants to be left alone (RFC 9110, section 10.2.3)."""
    error = BusyError(what, where=where)
    if told and told.strip().isdigit():
        error.after = float(told.strip()[:9])
    elif told:
        from email.utils import parsedate_to_datetime

        with suppress(ValueError, TypeError):
            error.after = max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    return error


def _pool() -> PoolManager:
    import logging

    try:
        import urllib3
    except ImportError as error:
        raise UnsupportedError("urllib3 is not installed", hint="pip install 'nngauge[cloud]'") from error
    for name in _TALKERS:
        logging.getLogger(name).addFilter(_without_queries)
    return urllib3.PoolManager(
        maxsize=REMOTE_STREAMS, timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=REMOTE_SECONDS)
    )
