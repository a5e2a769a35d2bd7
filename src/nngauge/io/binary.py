"""A bounded cursor over bytes: the one way the other readers take integers out of hostile input."""

from __future__ import annotations

import struct
from typing import Any, Final

from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.limits import MAX_STRING

Buffer = bytes | bytearray | memoryview

_U16: Final = {"<": struct.Struct("<H"), ">": struct.Struct(">H")}
_U32: Final = {"<": struct.Struct("<I"), ">": struct.Struct(">I")}
_U64: Final = {"<": struct.Struct("<Q"), ">": struct.Struct(">Q")}
_I32: Final = {"<": struct.Struct("<i"), ">": struct.Struct(">i")}
_I64: Final = {"<": struct.Struct("<q"), ">": struct.Struct(">q")}


class Cursor:
    """Reads forward through `buf[start:end]`; every read is checked and raises `TruncatedError` with its offset.

    `order` is the byte order, ``"<"`` or ``">"``.
    """

    __slots__ = ("buf", "end", "order", "pos")

    def __init__(self, buf: Buffer, start: int = 0, end: int | None = None, *, order: str = "<") -> None:
        limit = len(buf)
        self.buf = buf
        self.end = limit if end is None else min(end, limit)
        self.pos = start
        self.order = order
        if not 0 <= start <= self.end:
            raise TruncatedError("offset outside the data", where=f"@{start}")

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.pos

    def _take(self, count: int) -> int:
        at = self.pos
        if count < 0 or at + count > self.end:
            raise TruncatedError(f"{count} bytes wanted, {self.end - at} left", where=f"@{at}")
        self.pos = at + count
        return at

    def skip(self, count: int) -> None:
        """Moves on by `count` bytes."""
        self._take(count)

    def seek(self, pos: int) -> None:
        """Moves to the absolute offset `pos`."""
        if not 0 <= pos <= self.end:
            raise TruncatedError("offset outside the data", where=f"@{pos}")
        self.pos = pos

    def align(self, unit: int) -> None:
        """Moves on to the next multiple of `unit`."""
        self.seek((self.pos + unit - 1) // unit * unit)

    def bytes(self, count: int) -> bytes:
        """Takes `count` bytes (copied)."""
        at = self._take(count)
        return bytes(self.buf[at : at + count])

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Takes the fields of a record at once; `layout` has its own byte order."""
        return layout.unpack_from(self.buf, self._take(layout.size))

    def u8(self) -> int:
        """Takes an unsigned byte."""
        return self.buf[self._take(1)]

    def u16(self) -> int:
        """Takes an unsigned 16-bit integer."""
        return int(_U16[self.order].unpack_from(self.buf, self._take(2))[0])

    def u32(self) -> int:
        """Takes an unsigned 32-bit integer."""
        return int(_U32[self.order].unpack_from(self.buf, self._take(4))[0])

    def u64(self) -> int:
        """Takes an unsigned 64-bit integer."""
        return int(_U64[self.order].unpack_from(self.buf, self._take(8))[0])

    def i32(self) -> int:
        """Takes a signed 32-bit integer."""
        return int(_I32[self.order].unpack_from(self.buf, self._take(4))[0])

    def i64(self) -> int:
        """Takes a signed 64-bit integer."""
        return int(_I64[self.order].unpack_from(self.buf, self._take(8))[0])

    def uleb(self) -> int:
        """Takes an unsigned LEB128 of at most ten bytes."""
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise MalformedError("variable-length integer longer than 64 bits", where=f"@{self.pos}")


def cstring_at(buf: Buffer, pos: int, end: int | None = None, limit: int = MAX_STRING) -> bytes:
    """The NUL-terminated bytes at `pos`, without the NUL; raises `TruncatedError` without one before `end`."""
    stop = len(buf) if end is None else min(end, len(buf))
    if not 0 <= pos < stop:
        raise TruncatedError("string offset outside the data", where=f"@{pos}")
    step = 256
    at = pos
    while at < stop:
        piece = bytes(buf[at : min(at + step, stop)])
        nul = piece.find(b"\0")
        if nul >= 0:
            return bytes(buf[pos : at + nul])
        at += len(piece)
        if at - pos > limit:
            raise LimitError(f"string longer than {limit} bytes", where=f"@{pos}")
        step *= 4
    raise TruncatedError("string without end", where=f"@{pos}")
