"""A bounded protobuf wire reader: fields in order, payloads by offset, nothing copied until asked for.

Wire format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_ITEMS, MAX_STRING

VARINT, FIXED64, BYTES, GROUP_START, GROUP_END, FIXED32 = range(6)


_MAX_NUMBER = 0x1FFF_FFFF
_tuple = tuple.__new__


class Field(NamedTuple):
    """One field: `number`, `wire` type, and `value` (varint or fixed bits) or payload `start`..`end`."""

    number: int
    wire: int
    value: int
    start: int
    end: int


def fields(  # noqa: C901  (one hot loop: a call for each field would double its time)
    buf: Buffer, start: int = 0, end: int | None = None
) -> Iterator[Field]:
    """Yields the fields of the message in `buf[start:end]`.

    Groups are refused (`MalformedError`): no model format uses them. Raises `TruncatedError` for a payload past `end`,
    `LimitError` past `nngauge.limits.MAX_ITEMS` fields.
    """
    stop = len(buf) if end is None else end
    if not 0 <= start <= stop <= len(buf):
        raise TruncatedError("message outside the data", where=f"@{start}")
    pos = start
    count = 0
    while pos < stop:
        at = pos
        key = buf[pos]
        pos += 1
        if key >= 0x80:
            key, pos = _varint(buf, at, stop)
        number, wire = key >> 3, key & 7
        if not 0 < number <= _MAX_NUMBER:
            raise MalformedError(f"field number {number}", where=f"@{at}")
        count += 1
        if count > MAX_ITEMS:
            raise LimitError(f"more than {MAX_ITEMS} fields in one message", where=f"@{start}")
        # One-byte lengths and values are read in place and tuples made without `Field.__new__`: a third of the time.
        if wire == BYTES:
            if pos < stop and (size := buf[pos]) < 0x80:
                at = pos + 1
            else:
                size, at = _varint(buf, pos, stop)
            pos = at + size
            if pos > stop:
                raise TruncatedError(f"field {number} of {size} bytes, {stop - at} left", where=f"@{at}")
            yield _tuple(Field, (number, wire, 0, at, pos))
        elif wire == VARINT:
            if pos < stop and (value := buf[pos]) < 0x80:
                pos += 1
            else:
                value, pos = _varint(buf, pos, stop)
            yield _tuple(Field, (number, wire, value, at, pos))
        elif wire in (FIXED32, FIXED64):
            at, pos = pos, pos + (4 if wire == FIXED32 else 8)
            if pos > stop:
                raise TruncatedError(f"field {number} cut short", where=f"@{at}")
            yield _tuple(Field, (number, wire, int.from_bytes(buf[at:pos], "little"), at, pos))
        else:
            raise MalformedError(f"wire type {wire}", where=f"@{at}")


def text(buf: Buffer, field: Field, limit: int = MAX_STRING) -> str:
    """The payload as UTF-8 (bad bytes replaced)."""
    if field.wire != BYTES:
        raise MalformedError(f"field {field.number} is not a string", where=f"@{field.start}")
    if field.end - field.start > limit:
        raise LimitError(f"string of {field.end - field.start} bytes", where=f"@{field.start}")
    return bytes(buf[field.start : field.end]).decode("utf-8", "replace")


def signed(value: int) -> int:
    """A varint read as int32/int64 (two's complement over 64 bits)."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return value - (1 << 64) if value >> 63 else value


def single(value: int) -> float:
    """The 32 fixed bits as a float; `MalformedError` for a field of another wire type with more of them."""
    if value >> 32:
        raise MalformedError("not a single-precision number")
    return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])


def varints(buf: Buffer, field: Field) -> list[int]:
    """The integers of a repeated field, packed or not (signed)."""
    if field.wire == VARINT:
        return [signed(field.value)]
    if field.wire != BYTES:
        raise MalformedError(f"field {field.number} is not a list of integers", where=f"@{field.start}")
    pos, out = field.start, []
    while pos < field.end:
        value, pos = _varint(buf, pos, field.end)
        out.append(signed(value))
        if len(out) > MAX_ITEMS:
            raise LimitError(f"more than {MAX_ITEMS} packed integers", where=f"@{field.start}")
    return out


def floats(buf: Buffer, field: Field) -> tuple[float, ...]:
    """The singles of a repeated field, packed or not."""
    if field.wire == FIXED32:
        return (single(field.value),)
    size = field.end - field.start
    if field.wire != BYTES or size % 4:
        raise MalformedError(f"field {field.number} is not a list of floats", where=f"@{field.start}")
    if size // 4 > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS} packed floats", where=f"@{field.start}")
    return struct.unpack_from(f"<{size // 4}f", buf, field.start)


def _varint(buf: Buffer, pos: int, stop: int) -> tuple[int, int]:
    value = shift = 0
    while pos < stop:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
        if shift > 63:
            raise MalformedError("varint longer than 64 bits", where=f"@{pos}")
    raise TruncatedError("varint cut short", where=f"@{pos}")
