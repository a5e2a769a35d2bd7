"""Whole files from behind addresses: fetched once, in one stream, compared with what was promised.

For sources whose lists promise a digest, which only the whole file can prove, and for the lists themselves. What a scan
does not need of packages without a digest stays where it is: see `nngauge.sources.web`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import Final

from nngauge.domain.study import Item
from nngauge.errors import MalformedError, TransientError, UnreadableError
from nngauge.io.remote import BusyError, pause
from nngauge.io.source import ByteSource
from nngauge.io.web import WebFile, shown
from nngauge.limits import DOWNLOAD_GRACE, DOWNLOAD_LEAST, MAX_REMOTE_BYTES, MIB
from nngauge.packages import Package, open_source

_IN_MEMORY: Final = 1 * MIB
"""Larger files go to a temporary one without a name: whatever is killed, nothing is left behind."""


class Download:
    """One file that is fetched by `read`. Counts bytes also when it fails."""

    def __init__(
        self,
        address: str,
        *,
        name: str = "",
        size: int | None = None,
        sha256: str | None = None,
        most: int = MAX_REMOTE_BYTES,
        sleep: Callable[[float], None] | None = None,
        busy: Callable[[float], None] | None = None,
    ) -> None:
        """`name` stands for the address where it must not be seen; `size` and `sha256` are promised, `most` bytes may come.

        `busy` is told for how many seconds a server that sends nothing now wants to be left alone.
        """
        self.name = name or shown(address)
        self.fetched = 0
        """Bytes that came over the network, those that came twice included."""
        self._at = 0
        """Bytes of the file that are here."""
        self._address = address
        self._size = size
        self._sha256 = sha256.lower() if sha256 else None
        self._most = most if size is None else size
        self._sleep = sleep or time.sleep
        self._busy = busy
        self._whole = size
        """Bytes of the file, by promise or by the server."""
        self._hash = hashlib.sha256()

    def read(self) -> ByteSource:
        """The file.

        Raises `TransientError` when another attempt may do better; other kinds of `InputError` when the server refuses,
        has no such file, or has another one than promised.
        """
        file = WebFile(self._address)
        try:
            source = ByteSource.spool(self._pieces(file), self.name, memory=_IN_MEMORY, limit=self._most)
        except UnreadableError as error:
            if isinstance(error.__cause__, OSError):  # what spooling says when the disk is full
                raise TransientError(error.what, where=self.name, hint="free space in the temporary folder") from None
            raise
        finally:
            file.close()
        if self._size is not None and source.size != self._size:
            raise self._other(f"{source.size} bytes, the source promised {self._size}")
        got = self._hash.hexdigest()
        if self._sha256 is not None and got != self._sha256:
            raise self._other(f"its SHA-256 is {got}, the source promised {self._sha256}")
        return source

    def _pieces(self, file: WebFile) -> Iterator[bytes]:
        """The bytes in order; after a broken connection from where it broke."""
        begun, attempt = monotonic(), 0
        while True:
            at = self._at
            problem = BusyError("the answer ends early", where=file.name)
            try:
                for piece in self._rest(file):
                    self._at += len(piece)
                    self._hash.update(piece)
                    self._keep_pace(monotonic() - begun)
                    yield piece
                if self._whole is None or self._at >= self._whole:
                    return
            except BusyError as error:
                problem = error
                if self._busy is not None:
                    self._busy(error.after)
            # Progress earns another attempt, so that a line that breaks every megabyte still gets there.
            attempt = 1 if self._at - at >= MIB else attempt + 1
            pause(problem, attempt, self._sleep)

    def _rest(self, file: WebFile) -> Iterator[bytes]:
        """What is missing, of one answer."""
        at = self._at
        with file.ask("GET", {"Range": f"bytes={at}-"} if at else {}) as answer:
            file.same(answer)
            skipped = 0
            whole: int | None
            if answer.status == 206:
                first, _, whole = file.range_of(answer)
                if first != at or not at:
                    raise MalformedError("the server answered with another range than asked for", where=file.name)
            elif answer.status == 200:
                skipped = at
                length = answer.headers.get("Content-Length", "")
                whole = int(length) if length.isdigit() else None
            else:
                self._agree(file.range_of(answer)[2])
                raise MalformedError("the server denies what it has sent", where=file.name)
            self._agree(whole)
            for piece in file.body(answer):
                self.fetched += len(piece)
                if skipped < len(piece):
                    yield piece[skipped:]
                skipped = max(0, skipped - len(piece))

    def _agree(self, whole: int | None) -> None:
        """Raises when the server's size is not the promised one, so that nothing has to be fetched to see it."""
        if whole is None:
            return
        if self._size is not None and whole != self._size:
            raise self._other(f"{whole} bytes, the source promised {self._size}")
        self._whole = whole

    def _keep_pace(self, seconds: float) -> None:
        if seconds > DOWNLOAD_GRACE and self.fetched < DOWNLOAD_LEAST * seconds:
            raise TransientError(
                f"only {self.fetched} bytes in {seconds:.0f} s", where=self.name, hint="try again later"
            )

    def _other(self, what: str) -> MalformedError:
        return MalformedError(what, where=self.name, hint="fetch it again, or ask the source's owner")


class Fetched:
    """A fetched package at hand."""

    def __init__(self, package: Package, fetched: int) -> None:
        self.package = package
        self.fetched = fetched


@contextmanager
def opened(item: Item, download: Download, turn: AbstractContextManager[None] | None = None) -> Iterator[Fetched]:
    """The package that `download` brings, in its `turn`, under the item's locator; closed afterwards."""
    with turn or nullcontext():
        source = download.read()
    source.name = item.locator
    package = open_source(source)
    try:
        yield Fetched(package, download.fetched)
    finally:
        package.close()
