"""Universal Binary JSON as XGBoost writes it: bounded, and arrays of numbers are skipped, not built.

Specification: https://ubjson.org/type-reference/
"""

from __future__ import annotations

from nngauge.errors import LimitError, MalformedError
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_ITEMS, MAX_STRING, MAX_STRUCT_DEPTH

_WIDTHS = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8, b"d": 4, b"D": 8, b"C": 1, b"Z": 0, b"N": 0, b"T": 0, b"F": 0}
_INTEGERS = b"iUIlL"


def read_ubjson(buf: Buffer) -> tuple[object, int]:
    """`(value, offset behind it)`; typed arrays of numbers are given as None."""
    reader = _Reader(Cursor(buf, order=">"))
    return reader.value(reader.cursor.bytes(1), 0), reader.cursor.pos


class _Reader:
    """Reads values recursively to a bounded depth and number."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.items = 0

    def value(self, kind: bytes, depth: int) -> object:
        self.items += 1
        if depth > MAX_STRUCT_DEPTH or self.items > MAX_ITEMS:
            raise LimitError("nested too deeply, or too many values", where=f"@{self.cursor.pos}")
        if kind == b"{":
            return self._object(depth)
        if kind == b"[":
            return self._array(depth)
        if kind in (b"S", b"H"):
            return self._text()
        if kind in (b"T", b"F"):
            return kind == b"T"
        width = _WIDTHS.get(kind)
        if width is None:
            raise MalformedError(f"type marker {kind!r}", where=f"@{self.cursor.pos}")
        raw = self.cursor.bytes(width)
        return int.from_bytes(raw, "big", signed=kind != b"U") if kind in _INTEGERS else None

    def _size(self) -> int:
        kind = self.cursor.bytes(1)
        if kind not in _INTEGERS or len(kind) != 1:
            raise MalformedError("a length that is not an integer", where=f"@{self.cursor.pos}")
        size = int.from_bytes(self.cursor.bytes(_WIDTHS[kind]), "big", signed=kind != b"U")
        if size < 0:
            raise MalformedError("a negative length", where=f"@{self.cursor.pos}")
        return size

    def _text(self) -> str:
        size = self._size()
        if size > MAX_STRING:
            raise LimitError(f"string of {size} bytes", where=f"@{self.cursor.pos}")
        return self.cursor.bytes(size).decode("utf-8", "replace")

    def _object(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while self._peek() != b"}":
            key = self._text()
            found[key] = self.value(self.cursor.bytes(1), depth + 1)
        self.cursor.skip(1)
        return found

    def _array(self, depth: int) -> object:
        kind = b""
        if self._peek() == b"$":
            self.cursor.skip(1)
            kind = self.cursor.bytes(1)
        if self._peek() == b"#":
            self.cursor.skip(1)
            count = self._size()
            if kind in _WIDTHS:
                self.cursor.skip(count * _WIDTHS[kind])
                return None
            if count > self.cursor.left:
                raise MalformedError(f"array of {count} elements", where=f"@{self.cursor.pos}")
            return [self.value(kind or self.cursor.bytes(1), depth + 1) for _ in range(count)]
        values = []
        while self._peek() != b"]":
            values.append(self.value(self.cursor.bytes(1), depth + 1))
        self.cursor.skip(1)
        return values

    def _peek(self) -> bytes:
        kind = self.cursor.bytes(1)
        self.cursor.seek(self.cursor.pos - 1)
        return kind
