"""Scanning bytes that come in pieces: the same hits as over the whole, in memory of one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nngauge.detect.literals import Hit, Literals
from nngauge.io.binary import Buffer
from nngauge.limits import CHUNK_BYTES, MAX_SCAN_HITS


class PieceScanner:
    """Feed pieces in order; `hits` holds `(literal index, end offset in the whole)`.

    A literal that crosses a border is found by a second, tiny scan over the border, so no piece is ever copied.
    """

    __slots__ = ("_literals", "_overlap", "_position", "_tail", "hits", "saturated")

    def __init__(self, literals: Literals) -> None:
        self._literals = literals
        self._overlap = literals.longest - 1
        self._position = 0
        self._tail = b""
        self.hits: list[Hit] = []
        self.saturated = False
        """True once `limits.MAX_SCAN_HITS` was met: then only the first hit of each literal in each MiB is kept."""

    def feed(self, piece: Buffer) -> None:
        """Scans the next piece."""
        if self._tail:
            border = self._tail + bytes(piece[: self._overlap])
            at, size = self._position - len(self._tail), len(self._tail)
            for index, end in self._literals.scan(border):
                if end - self._literals.lengths[index] < size < end:
                    self.hits.append((index, at + end))
        position = self._position
        self.hits += [(index, position + end) for index, end in self._found(piece)]
        self._position += len(piece)
        if len(piece) >= self._overlap:
            self._tail = bytes(piece[len(piece) - self._overlap :]) if self._overlap else b""
        else:
            self._tail = (self._tail + bytes(piece))[-self._overlap :]

    def _found(self, piece: Buffer) -> list[Hit]:
        if self.saturated:
            return self._firsts(piece)
        room = max(1, MAX_SCAN_HITS - len(self.hits))
        found = self._literals.scan(piece, room)
        if len(found) < room:
            return found
        self.saturated = True
        return list(dict.fromkeys(found + self._firsts(piece)))

    def _firsts(self, piece: Buffer) -> list[Hit]:
        view = memoryview(piece)
        return [
            (index, at + end)
            for at in range(0, len(view), CHUNK_BYTES)
            for index, end in self._literals.scan_first(view[at : at + CHUNK_BYTES + self._overlap])
        ]

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Passes pieces on after scanning them."""
        for piece in pieces:
            self.feed(piece)
            yield piece
