"""Bytes that are far away, fetched in ranges when they are asked for, each at most once.

What came is kept in a sparse temporary file of the package's size, so memory stays small and views work as on any file.
Where bytes come from is the business of a `Remote`; here is what all of them need: which bytes are missing, which
ranges are worth joining (`limits.REMOTE_GAP`), and what is tried again after which pause.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from nngauge.errors import InputError, LimitError, TransientError, UnreadableError
from nngauge.limits import (
    KIB,
    MAX_REMOTE_BYTES,
    MIB,
    REMOTE_AHEAD,
    REMOTE_ATTEMPTS,
    REMOTE_GAP,
    REMOTE_PATIENCE,
    REMOTE_PIECE,
    REMOTE_STREAMS,
)

_LEAST: Final = 4 * KIB
"""A read that nobody announced brings at least this much: its neighbours are asked for next."""
_FIRST_PAUSE: Final = 0.25
"""Seconds before the second attempt; four times as long before each further one."""
_STREAMED: Final = 4 * MIB
"""How far a stream that nobody announced runs ahead of its reader."""


class BusyError(TransientError):
    """Not now: the request may be repeated after `after` seconds. Never leaves `nngauge.io.remote`."""

    after: float = 0.0


class Remote(Protocol):
    """One file somewhere else, which does not change while it is read. Asked from several threads."""

    @property
    def name(self) -> str:
        """What locations begin with; without secrets."""

    @property
    def size(self) -> int:
        """Bytes; −1 while a server has not told."""

    def fetch(self, offset: int, count: int) -> Iterator[bytes | memoryview]:
        """Pieces of the bytes at `offset`, in order, `count` in all.

        Raises `BusyError` when the same request may succeed later, `TransientError` when only a new start helps (the file
        has changed) and other kinds of `InputError` when nothing does. What came before counts.
        """

    def close(self) -> None:
        """Gives back connections."""


class RemoteStore:
    """Keeps what of a `Remote` was fetched. Thread-safe."""

    def __init__(self, remote: Remote, *, sleep: Callable[[float], None] = time.sleep) -> None:
        if remote.size > MAX_REMOTE_BYTES:
            raise LimitError(f"{remote.size} bytes, more than {MAX_REMOTE_BYTES}", where=remote.name)
        self._remote = remote
        self._sleep = sleep
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._held = Spans()
        self._map: memoryview | None = None
        self.fetched = 0
        """Bytes that came over the network, those of broken attempts included; without the protocol's own."""
        self.requests = 0
        self.lost: InputError | None = None
        """Why bytes did not come. From then on nothing is asked for: what is known of the file is not the whole truth."""
        import tempfile

        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the store
            os.truncate(self._file.fileno(), max(0, remote.size))
        except OSError as error:
            raise UnreadableError(f"no room for fetched bytes: {error.strerror}", where=remote.name) from error

    @property
    def is_remote(self) -> bool:
        """Whether some bytes have not come yet."""
        return bool(self._held.missing(0, self._remote.size))

    def keep(self, offset: int, piece: bytes | memoryview) -> None:
        """Takes over bytes that came with the first answer, which may be the whole file, of unknown size."""
        if offset + len(piece) > MAX_REMOTE_BYTES:
            raise LimitError(f"more than {MAX_REMOTE_BYTES} bytes", where=self._remote.name)
        with self._lock:
            self.fetched += len(piece)
            self._write(offset, piece)
            self._held.add(offset, offset + len(piece))

    def pread(self, offset: int, count: int) -> bytes:
        """The bytes at `offset`, fetched first where they are missing."""
        self._need(offset, offset + count, least=_LEAST)
        return os.pread(self._descriptor(), count, offset)

    def stream(self, offset: int, size: int, chunk: int) -> Iterator[memoryview]:
        """The same in pieces, some megabytes ahead of the reader at most."""
        end = offset + size
        reached = offset
        while offset < end:
            if offset >= reached:
                reached = min(end, offset + max(chunk, _STREAMED))
                self._need(offset, reached)
            piece = os.pread(self._descriptor(), min(chunk, reached - offset), offset)
            yield memoryview(piece)
            offset += len(piece)

    def mapped(self, offset: int, count: int) -> memoryview:
        """A view on bytes that are fetched first, all of them."""
        self._need(offset, offset + count)
        if self._map is None:
            self._map = memoryview(mmap.mmap(self._descriptor(), self._remote.size, access=mmap.ACCESS_READ))
        return self._map[offset : offset + count]

    def prepare(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Fetches what of these ranges is missing: neighbours together, several requests at a time."""
        wanted = Spans()
        for offset, count in ranges:
            wanted.add(offset, offset + count)
        with self._lock:
            missing = [gap for start, end in wanted for gap in self._held.missing(start, end)]
            self._fetch(list(_pieces(joined(missing))))

    def close(self) -> None:
        """Gives back connections and the file; views handed out before stay valid."""
        self._map = None
        self._file.close()
        self._remote.close()

    # --- fetching -------------------------------------------------------------------------------------------------------

    def _descriptor(self) -> int:
        if self._file.closed:
            raise UnreadableError("already closed", where=self._remote.name)
        return self._file.fileno()

    def _need(self, start: int, end: int, least: int = 0) -> None:
        with self._lock:
            missing = self._held.missing(start, end)
            if not missing:
                return
            self._descriptor()
            stop = min(max(end, start + least), self._remote.size)
            if stop > end:
                missing = self._held.missing(start, stop)
            self._fetch(list(_pieces(joined(missing))))

    def _fetch(self, ranges: list[tuple[int, int]]) -> None:
        if self.lost is not None:
            raise self.lost
        try:
            if len(ranges) > 1:
                self._bring_all(ranges)
            elif ranges:
                self._bring(*ranges[0])
        except InputError as error:
            self.lost = error
            raise
        for start, end in ranges:
            self._held.add(start, end)

    def _bring_all(self, ranges: list[tuple[int, int]]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(REMOTE_STREAMS, len(ranges))) as pool:
            futures = [pool.submit(self._bring, start, end) for start, end in ranges]
            try:
                for future in futures:
                    future.result()  # raises the first error, with which the rest is given up
            finally:
                for future in futures:
                    future.cancel()

    def _bring(self, start: int, end: int) -> None:
        """Fetches `start` to `end` into the file; a broken attempt goes on where it broke."""
        attempt = 0
        while start < end:
            at = start
            problem = BusyError("the answer ends early", where=self._remote.name)
            try:
                for piece in self._request(start, end):
                    if start + len(piece) > end:
                        raise UnreadableError("the server sends more than was asked for", where=self._remote.name)
                    self._write(start, piece)
                    start += len(piece)
            except BusyError as error:
                problem = error
            if start < end:
                # Progress earns another attempt, so that a line that breaks every megabyte still gets there.
                attempt = 1 if start - at >= MIB else attempt + 1
                pause(problem, attempt, self._sleep)

    def _request(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        with self._counting:
            self.requests += 1
        for piece in self._remote.fetch(start, end - start):
            with self._counting:
                self.fetched += len(piece)
            yield piece

    def _write(self, offset: int, piece: bytes | memoryview) -> None:
        view = memoryview(piece)
        try:
            while view:
                done = os.pwrite(self._descriptor(), view, offset)
                view = view[done:]
                offset += done
        except OSError as error:
            raise UnreadableError(f"no room for fetched bytes: {error.strerror}", where=self._remote.name) from error


def pause(error: BusyError, attempt: int, sleep: Callable[[float], None]) -> None:
    """Waits before the attempt after this one. Raises `TransientError` when there is none."""
    import random

    wait = max(error.after, _FIRST_PAUSE * 4 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
    if attempt >= REMOTE_ATTEMPTS or wait > REMOTE_PATIENCE:
        raise TransientError(error.what, where=error.where, hint=error.hint or "try again later") from None
    sleep(wait)


class Spans:
    """A set of byte ranges without overlaps, in order."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def add(self, start: int, end: int) -> None:
        """Adds the range; neighbours and overlaps become one."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """What of the range is not in the set, in order."""
        gaps: list[tuple[int, int]] = []
        for at in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[at] >= end:
                break
            if self._starts[at] > start:
                gaps.append((start, self._starts[at]))
            start = self._ends[at]
        if start < end:
            gaps.append((start, end))
        return gaps


def joined(ranges: Iterable[tuple[int, int]], gap: int = REMOTE_GAP) -> Iterator[tuple[int, int]]:
    """Ascending ranges, those with at most `gap` bytes between them as one."""
    held: tuple[int, int] | None = None
    for start, end in ranges:
        if held is None:
            held = start, end
        elif start - held[1] <= gap:
            held = held[0], max(held[1], end)
        else:
            yield held
            held = start, end
    if held is not None:
        yield held


def _pieces(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in ranges:
        for at in range(start, end, REMOTE_PIECE):
            yield at, min(end, at + REMOTE_PIECE)


def ahead(sizes: Iterable[int], room: int = REMOTE_AHEAD) -> int:
    """How many of the next things, by their sizes, are worth asking for together; at least one."""
    count = 0
    for size in sizes:
        room -= size
        if count and room < 0:
            break
        count += 1
    return count
