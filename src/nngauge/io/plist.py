"""Reads Apple property lists, binary and XML.

Binary layout: https://github.com/apple-oss-distributions/CF/blob/main/CFBinaryPList.c. The standard library's binary
reader trusts declared counts (it builds format strings of that length) and shares objects without a bound, so the
binary form is read here; the XML form goes through `plistlib`, which refuses entities.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from mmap import mmap
from typing import Final

from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_PLIST_BYTES, MAX_PLIST_OBJECTS, MAX_STRUCT_DEPTH

Plist = dict[str, object]
"""Values: str, int, float, bool, bytes, datetime, list, dict, `plistlib.UID`, None."""

_MAGIC: Final = b"bplist00"
_EPOCH: Final = datetime(2001, 1, 1, tzinfo=UTC)
_XML_HEADS: Final = (b"<?xml", b"<!DOCTYPE plist", b"<plist")


def read_plist(buf: Buffer | mmap) -> Plist:
    """The dictionary in the property list.

    Raises `NotThisFormat` when it is neither form, `MalformedError` (also when the top is no dictionary), `LimitError`
    past size, depth or number of values, shared ones counted each time they appear.
    """
    if len(buf) > MAX_PLIST_BYTES:
        raise LimitError(f"property list of {len(buf)} bytes")
    data = bytes(buf)
    if data.startswith(_MAGIC):
        value = _Binary(data).read()
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_XML_HEADS):
        value = _xml(data)
    else:
        raise NotThisFormat("no property list")
    if not isinstance(value, dict):
        raise MalformedError("property list without a dictionary")
    return value


def _xml(data: bytes) -> object:
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        value: object = plistlib.load(BytesIO(data), fmt=plistlib.FMT_XML)
    except (ExpatError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        # plistlib has no error of its own for most of what can be wrong.
        raise MalformedError(f"XML property list: {error}") from None
    level = [value]
    for _ in range(MAX_STRUCT_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise LimitError(f"values nested deeper than {MAX_STRUCT_DEPTH}")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Binary:
    """One binary list. Objects are built each time they are referred to, which the count of values bounds."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 40:
            raise TruncatedError("binary property list cut short")
        self.data = data
        offset_size, ref_size, count, top, table = struct.unpack(">6xBBQQQ", data[-32:])
        end = len(data) - 32
        if offset_size not in range(1, 9) or ref_size not in range(1, 9) or top >= count:
            raise MalformedError("trailer of the binary property list")
        if table > end or count > (end - table) // offset_size:
            raise TruncatedError(f"{count} objects declared", where=f"@{table}")
        self.end = table
        self.ref_size = ref_size
        self.top = top
        self.offsets = [
            int.from_bytes(data[at : at + offset_size], "big")
            for at in range(table, table + count * offset_size, offset_size)
        ]
        self.left = MAX_PLIST_OBJECTS
        self.bytes_left = MAX_PLIST_BYTES

    def read(self) -> object:
        return self._object(self.top, MAX_STRUCT_DEPTH)

    def _object(self, index: int, depth: int) -> object:
        self.left -= 1
        if self.left < 0:
            raise LimitError(f"more than {MAX_PLIST_OBJECTS} values", hint="shared values count each time")
        if depth <= 0:
            raise LimitError(f"values nested deeper than {MAX_STRUCT_DEPTH}", hint="or in a circle")
        if index >= len(self.offsets):
            raise MalformedError(f"object {index} of {len(self.offsets)}")
        at = self.offsets[index]
        if at >= self.end:
            raise TruncatedError("object outside the data", where=f"@{at}")
        token = self.data[at]
        kind, low = token >> 4, token & 0x0F
        if kind in (0x0, 0x1, 0x2, 0x3, 0x8):
            return self._scalar(kind, low, at)
        size, at = self._size(low, at + 1)
        if kind in (0x4, 0x5, 0x6, 0x7):
            return self._text(kind, size, at)
        if kind in (0xA, 0xC):
            return [self._object(ref, depth - 1) for ref in self._refs(at, size)]
        if kind == 0xD:
            return self._dict(at, size, depth)
        raise MalformedError(f"object of type {token:#04x}", where=f"@{at}")

    def _scalar(self, kind: int, low: int, at: int) -> object:
        if kind == 0x0:
            if low not in (0, 8, 9, 15):
                raise MalformedError(f"object of type {low:#04x}", where=f"@{at}")
            return {8: False, 9: True}.get(low)
        if kind == 0x8:
            import plistlib

            return plistlib.UID(int.from_bytes(self._take(at + 1, min(low + 1, 8)), "big"))
        if low > 4:
            raise MalformedError(f"number of {1 << low} bytes", where=f"@{at}")
        raw = self._take(at + 1, 1 << low)
        if kind == 0x1:
            return int.from_bytes(raw, "big", signed=low >= 3)
        if (kind == 0x3 and low != 3) or low not in (2, 3):
            raise MalformedError(f"number of {len(raw)} bytes", where=f"@{at}")
        number = float(struct.unpack(">f" if low == 2 else ">d", raw)[0])
        return number if kind == 0x2 else _date(number)

    def _text(self, kind: int, size: int, at: int) -> str | bytes:
        raw = self._take(at, size * 2 if kind == 0x6 else size)
        if kind == 0x4:
            return raw
        return raw.decode({0x5: "ascii", 0x6: "utf-16-be", 0x7: "utf-8"}[kind], "replace")

    def _dict(self, at: int, size: int, depth: int) -> Plist:
        keys = self._refs(at, size)
        values = self._refs(at + size * self.ref_size, size)
        result: Plist = {}
        for key_ref, value_ref in zip(keys, values, strict=True):
            key = self._object(key_ref, depth - 1)
            if not isinstance(key, str):
                raise MalformedError("dictionary key that is no string", where=f"@{at}")
            result[key] = self._object(value_ref, depth - 1)
        return result

    def _size(self, low: int, at: int) -> tuple[int, int]:
        """The count in the token's low bits, or in the integer that follows when they are all set."""
        if low != 0x0F:
            return low, at
        marker = self._take(at, 1)[0]
        if marker >> 4 != 0x1 or marker & 0x0F > 3:
            raise MalformedError("size that is no integer", where=f"@{at}")
        width = 1 << (marker & 0x0F)
        return int.from_bytes(self._take(at + 1, width), "big"), at + 1 + width

    def _refs(self, at: int, count: int) -> list[int]:
        width = self.ref_size
        raw = self._take(at, count * width)
        return [int.from_bytes(raw[place : place + width], "big") for place in range(0, len(raw), width)]

    def _take(self, at: int, size: int) -> bytes:
        if at + size > self.end:
            raise TruncatedError(f"{size} bytes wanted", where=f"@{at}")
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise LimitError(f"values of more than {MAX_PLIST_BYTES} bytes", hint="shared values count each time")
        return self.data[at : at + size]


def _date(seconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise MalformedError(f"date {seconds} s from 2001") from None
