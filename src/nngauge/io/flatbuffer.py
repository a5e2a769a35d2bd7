"""A bounded, read-only FlatBuffers reader: tables by field number, no generated code, no copies.

Layout as in the FlatBuffers internals document (https://flatbuffers.dev/internals/). Cycles cannot hang a caller
that walks a fixed schema; those that recurse must carry their own depth.
"""

from __future__ import annotations

import struct

from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.io.meter import Meter
from nngauge.limits import MAX_ITEMS, MAX_STRING

_U16 = struct.Struct("<H").unpack_from
_U32 = struct.Struct("<I").unpack_from
_I32 = struct.Struct("<i").unpack_from
_MAX_FIELDS = 128
"""Fields of a table that are looked at; the largest model schema has about 30."""
_MAX_VTABLES = 1024
"""Decoded vtables kept for one buffer; a real model has one for each table type and set of present fields."""
_WIDTHS = {code: struct.calcsize("<" + code) for code in "bBhHiIqQfd?"}
_SCALARS = {code: struct.Struct("<" + code).unpack_from for code in _WIDTHS}


class Table:
    """One FlatBuffers table at absolute offset `pos` of `buf`.

    Tables of one type share their vtable, so decoded vtables are kept in `vtables`, handed down from the root.
    """

    __slots__ = ("_size", "_slots", "_vtable", "_vtables", "buf", "pos")

    def __init__(self, buf: Buffer, pos: int, vtables: dict[int, tuple[int, ...]] | None = None) -> None:
        try:
            vtable: int = pos - _I32(buf, pos)[0] if pos >= 0 else -1
            if vtable < 0:
                raise MalformedError("vtable before the data", where=f"@{pos}")
            size: int = _U16(buf, vtable)[0]
        except struct.error:
            raise TruncatedError("table outside the data", where=f"@{pos}") from None
        known = {} if vtables is None else vtables
        slots = known.get(vtable)
        if slots is None:
            if size < 4 or size & 1 or vtable + size > len(buf):
                raise MalformedError("vtable of impossible size", where=f"@{vtable}")
            slots = struct.unpack_from(f"<{min((size - 4) // 2, _MAX_FIELDS)}H", buf, vtable + 4)
            if len(known) < _MAX_VTABLES:
                known[vtable] = slots
        self.buf = buf
        self.pos = pos
        self._vtable = vtable
        self._size = size
        self._slots = slots
        self._vtables = known

    @property
    def fields(self) -> int:
        """Number of field slots in the vtable."""
        return (self._size - 4) // 2

    @property
    def end(self) -> int:
        """Offset one past the table and its vtable (whichever comes later), what they refer to not included."""
        inline: int = _U16(self.buf, self._vtable + 2)[0]
        return max(self._vtable + self._size, self.pos + inline)

    @property
    def vtables_end(self) -> int:
        """Offset one past the furthest vtable met so far below the root; shared vtables may lie behind all tables."""
        return max((vtable + 4 + 2 * len(slots) for vtable, slots in self._vtables.items()), default=0)

    def offset(self, field: int) -> int:
        """Absolute offset of the field's inline value, 0 when absent."""
        slots = self._slots
        relative = slots[field] if field < len(slots) else 0
        return self.pos + relative if relative else 0

    def scalar(self, field: int, code: str, default: float = 0) -> int | float:
        """A scalar by `struct` code (one of ``bBhHiIqQfd?``)."""
        slots = self._slots
        relative = slots[field] if field < len(slots) else 0
        if not relative:
            return default
        try:
            return _SCALARS[code](self.buf, self.pos + relative)[0]  # type: ignore[no-any-return]
        except struct.error:
            raise TruncatedError("scalar outside the data", where=f"@{self.pos + relative}") from None

    def integer(self, field: int, code: str, default: int = 0) -> int:
        """An integer scalar."""
        slots = self._slots
        relative = slots[field] if field < len(slots) else 0
        if not relative:
            return default
        try:
            return int(_SCALARS[code](self.buf, self.pos + relative)[0])
        except struct.error:
            raise TruncatedError("scalar outside the data", where=f"@{self.pos + relative}") from None

    def indirect(self, field: int) -> int:
        """Absolute offset that the field's reference points to, 0 when absent."""
        slots = self._slots
        relative = slots[field] if field < len(slots) else 0
        return _follow(self.buf, self.pos + relative) if relative else 0

    def table(self, field: int) -> Table | None:
        """A sub-table."""
        at = self.indirect(field)
        return Table(self.buf, at, self._vtables) if at else None

    def string(self, field: int, default: str = "") -> str:
        """A string (bad UTF-8 replaced)."""
        at = self.indirect(field)
        return _string(self.buf, at) if at else default

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """`(absolute offset of element 0, count)` of a vector of `width`-byte elements; `(0, 0)` when absent."""
        slots = self._slots
        relative = slots[field] if field < len(slots) else 0
        return _vector(self.buf, _follow(self.buf, self.pos + relative), width) if relative else (0, 0)

    def scalars(self, field: int, code: str) -> tuple[int, ...] | tuple[float, ...]:
        """A vector of scalars, by `struct` code."""
        start, count = self.vector(field, _WIDTHS[code])
        if count == 1:
            return _SCALARS[code](self.buf, start)
        return struct.unpack_from(f"<{count}{code}", self.buf, start) if count else ()

    def ints(self, field: int, code: str = "i") -> tuple[int, ...]:
        """A vector of integers."""
        return self.scalars(field, code)  # type: ignore[return-value]

    def tables(self, field: int) -> list[Table]:
        """A vector of sub-tables."""
        start, count = self.vector(field, 4)
        return [Table(self.buf, _follow(self.buf, at), self._vtables) for at in range(start, start + 4 * count, 4)]

    def string_places(self, field: int) -> list[tuple[int, int]]:
        """`(offset, bytes)` of each string of a vector."""
        start, count = self.vector(field, 4)
        return [_vector(self.buf, _follow(self.buf, at), 1) for at in range(start, start + 4 * count, 4)]

    def strings(self, field: int) -> list[str]:
        """A vector of strings; `LimitError` when shared references would copy many times the size of the file."""
        start, count = self.vector(field, 4)
        meter = Meter.for_size(len(self.buf))
        texts = []
        for at in range(start, start + 4 * count, 4):
            text = _string(self.buf, _follow(self.buf, at))
            meter.spend(len(text) + 1)
            texts.append(text)
        return texts


def root(buf: Buffer, start: int = 0, identifier: bytes | None = None) -> Table:
    """The root table of the buffer that begins at `start`; checks the 4-byte file identifier when given."""
    if len(buf) < start + 8:
        raise TruncatedError("shorter than a FlatBuffers header", where=f"@{start}")
    if identifier is not None and bytes(buf[start + 4 : start + 8]) != identifier:
        raise MalformedError(f"file identifier is not {identifier!r}", where=f"@{start + 4}")
    return Table(buf, _follow(buf, start))


def _follow(buf: Buffer, at: int) -> int:
    try:
        target: int = at + _U32(buf, at)[0]
    except struct.error:
        raise TruncatedError("reference outside the data", where=f"@{at}") from None
    if target == at or target + 4 > len(buf):
        raise MalformedError("reference points outside the data", where=f"@{at}")
    return target


def _vector(buf: Buffer, at: int, width: int) -> tuple[int, int]:
    count: int = _U32(buf, at)[0]
    if at + 4 + count * width > len(buf):
        raise TruncatedError(f"vector of {count} elements outside the data", where=f"@{at}")
    if count > MAX_ITEMS and width > 1:
        raise LimitError(f"vector of {count} elements", where=f"@{at}")
    return at + 4, count


def _string(buf: Buffer, at: int) -> str:
    start, count = _vector(buf, at, 1)
    if count > MAX_STRING:
        raise LimitError(f"string of {count} bytes", where=f"@{at}")
    return str(buf[start : start + count], "utf-8", "replace")
