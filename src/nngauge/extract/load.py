"""The bytes of one entry, brought to where parsers can reach them, and scanned on the way."""

from __future__ import annotations

import contextlib
import mmap
import sys
from collections.abc import Iterable, Iterator

from msgspec import Struct

from nngauge import limits
from nngauge.detect.literals import Hit, Literals
from nngauge.detect.stream import PieceScanner
from nngauge.errors import InputError, LimitError, TruncatedError
from nngauge.io.source import ByteSource
from nngauge.packages import Entry


class Loaded(Struct, frozen=True):
    """One entry at hand. `error` is set when its bytes ended early; what came before it is there."""

    source: ByteSource
    hits: tuple[Hit, ...]
    error: InputError | None
    in_place: bool = False
    """Not unpacked: a window on the container."""
    saturated: bool = False
    """There were more hits than `limits.MAX_SCAN_HITS`; only some of them are kept."""


class Arena:
    """Memory for one large entry after the other: fresh pages would cost more than the copying into them.

    It is used again only when nobody holds a view on it any more; otherwise the holder keeps it, and a new one is made.
    """

    __slots__ = ("_memory",)

    def __init__(self) -> None:
        self._memory: mmap.mmap | None = None

    def take(self, size: int) -> mmap.mmap:
        """At least `size` bytes of anything."""
        memory = self._memory
        # A view holds a reference; without one there are this attribute, the local name and the argument.
        if memory is None or len(memory) < size or sys.getrefcount(memory) > _UNHELD:
            # Pages that nobody writes to cost nothing, so there is no need to grow.
            memory = self._memory = mmap.mmap(
                -1, max(size, limits.MEMORY_ENTRY), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            )
            if hasattr(mmap, "MADV_HUGEPAGE"):
                with contextlib.suppress(OSError):  # a kernel without huge pages
                    memory.madvise(mmap.MADV_HUGEPAGE)  # a third of the time for the first touch
        return memory

    def drop(self) -> None:
        """Gives the memory back."""
        self._memory = None


_UNHELD = 3


def load(
    entry: Entry, literals: Literals | None, limit: int = limits.MAX_INFLATED_ENTRY, arena: Arena | None = None
) -> Loaded:
    """Reads `entry` in place, into memory or into a temporary file, whichever is cheapest; scans unless None.

    Stops with a `LimitError` in `Loaded.error` soon after `limit` unpacked bytes. `arena` serves one thread.
    """
    window = entry.window()
    if window is None and 0 <= entry.size <= min(limit, limits.CHUNK_BYTES):
        loaded = _at_once(entry, literals)
        if loaded is not None:
            return loaded
    scanner = PieceScanner(literals) if literals else None
    if window is not None:
        if scanner:
            for piece in window.chunks():
                scanner.feed(piece)
        return _loaded(window, scanner, _missing(entry, window), in_place=True)
    arena = arena or Arena()
    pieces = _Stoppable(entry.chunks(), limit)
    if 0 <= entry.size <= limits.MEMORY_ENTRY:
        # Each piece is scanned while the processor's cache still has it.
        data = _joined(scanner.through(pieces) if scanner else pieces, entry.size, arena)
        if data is not None:
            return _loaded(ByteSource.of_bytes(data, entry.path), scanner, pieces.error)
        pieces = _Stoppable(entry.chunks(), limit)  # larger than declared: start again, on disk
        scanner = PieceScanner(literals) if literals else None
    arena.drop()
    memory = limits.MEMORY_ENTRY if entry.size < 0 else 0
    source = ByteSource.spool(scanner.through(pieces) if scanner else pieces, entry.path, memory=memory)
    return _loaded(source, scanner, pieces.error)


def _at_once(entry: Entry, literals: Literals | None) -> Loaded | None:
    """The content of an entry that comes in one piece, as nearly all do; None when there is anything odd about it."""
    try:
        pieces = entry.chunks()
        content = next(pieces, b"")
        if next(pieces, None) is not None:
            return None
    except InputError:
        return None
    hits = literals.scan(content) if literals else []
    if len(hits) >= limits.MAX_SCAN_HITS:
        return None
    return Loaded(ByteSource.of_bytes(content, entry.path), tuple(hits), None)


def _missing(entry: Entry, window: ByteSource) -> InputError | None:
    """The error of a stored entry whose end is cut off."""
    if window.size >= entry.stored_size:
        return None
    return TruncatedError(f"{entry.stored_size} bytes declared, {window.size} left", where=entry.path)


def _loaded(
    source: ByteSource, scanner: PieceScanner | None, error: InputError | None, *, in_place: bool = False
) -> Loaded:
    if scanner is None:
        return Loaded(source, (), error, in_place)
    return Loaded(source, tuple(scanner.hits), error, in_place, scanner.saturated)


def _joined(pieces: Iterable[bytes], size: int, arena: Arena) -> bytes | memoryview | None:
    """All pieces in one, None when they come to more than was declared and than memory should hold.

    Large entries are copied into place piece by piece: half the memory of joining a list.
    """
    if size > 2 * limits.CHUNK_BYTES:
        return _placed(pieces, size, arena)
    parts: list[bytes] = []
    total = 0
    for piece in pieces:
        parts.append(piece)
        total += len(piece)
        if total > limits.MEMORY_ENTRY:
            return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _placed(pieces: Iterable[bytes], size: int, arena: Arena) -> memoryview | None:
    whole = memoryview(arena.take(size))
    total = 0
    for piece in pieces:
        if total + len(piece) > size:
            return None
        whole[total : total + len(piece)] = piece
        total += len(piece)
    return whole[:total]


class _Stoppable:
    """Ends where the pieces end or break, and keeps the error instead of raising it."""

    __slots__ = ("_limit", "_pieces", "error")

    def __init__(self, pieces: Iterator[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[bytes]:
        room = self._limit
        try:
            for piece in self._pieces:
                yield piece
                room -= len(piece)
                if room < 0:
                    self.error = LimitError("unpacks to more than an app of its size may")
                    return
        except InputError as error:
            self.error = error
