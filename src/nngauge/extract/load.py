"""The bytes of one entry, brought to where parsers can reach them, and scanned on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nngauge.detect.literals import Hit, Literals
from nngauge.detect.stream import PieceScanner
from nngauge.errors import InputError
from nngauge.io.source import ByteSource
from nngauge.limits import MEMORY_ENTRY
from nngauge.packages import Entry


@dataclass(frozen=True, slots=True)
class Loaded:
    """One entry at hand. `error` is set when its bytes ended early; what came before it is there."""

    source: ByteSource
    hits: tuple[Hit, ...]
    error: InputError | None


def load(entry: Entry, literals: Literals | None) -> Loaded:
    """Reads `entry` in place, into memory or into a temporary file, whichever is cheapest; scans unless None."""
    window = entry.window()
    if window is not None:
        return Loaded(window, _scan_window(window, literals) if literals else (), None)
    pieces = _Stoppable(entry.chunks())
    if 0 <= entry.size <= MEMORY_ENTRY:
        data = _joined(pieces, entry.size)
        if data is not None:
            return Loaded(
                ByteSource.of_bytes(data, entry.path), tuple(literals.scan(data)) if literals else (), pieces.error
            )
        pieces = _Stoppable(entry.chunks())  # larger than declared: start again, on disk
    scanner = PieceScanner(literals) if literals else None
    source = ByteSource.spool(scanner.through(pieces) if scanner else pieces, entry.path)
    return Loaded(source, tuple(scanner.hits) if scanner else (), pieces.error)


def _scan_window(window: ByteSource, literals: Literals) -> tuple[Hit, ...]:
    scanner = PieceScanner(literals)
    for piece in window.chunks():
        scanner.feed(piece)
    return tuple(scanner.hits)


def _joined(pieces: Iterable[bytes], size: int) -> bytes | None:
    """All pieces in one, None when they come to much more than was declared."""
    parts: list[bytes] = []
    total = 0
    for piece in pieces:
        parts.append(piece)
        total += len(piece)
        if total > size and total > MEMORY_ENTRY:
            return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


class _Stoppable:
    """Ends where the pieces end or break, and keeps the error instead of raising it."""

    __slots__ = ("_pieces", "error")

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except InputError as error:
            self.error = error
