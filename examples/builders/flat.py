"""Writes FlatBuffers from nested Python values, without a schema: fields by number, as the readers see them."""

from __future__ import annotations

import struct
from typing import Any

Fields = dict[int, Any]
"""Field number → `(code, value)` scalar, `str`, `bytes` vector, `(code, [values])` vector, `list` of tables or strings,
`dict` table."""


def flatbuffer(root: Fields, identifier: bytes = b"") -> bytes:
    """The buffer whose root table has these fields."""
    buf = bytearray(4) + identifier
    _align(buf, 4)
    _refer(buf, 0, _table(buf, root))
    return bytes(buf)


def _align(buf: bytearray, unit: int) -> None:
    buf.extend(bytes(-len(buf) % unit))


def _refer(buf: bytearray, at: int, target: int) -> None:
    struct.pack_into("<I", buf, at, target - at)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value[1], list)


def _table(buf: bytearray, fields: Fields) -> int:
    offsets, at = {}, 4
    for number, value in sorted(fields.items()):
        size = struct.calcsize("<" + value[0]) if _is_scalar(value) else 4
        at += -at % size
        offsets[number] = at
        at += size
    count = max(fields, default=-1) + 1
    _align(buf, 4)
    vtable = len(buf)
    buf.extend(struct.pack(f"<{count + 2}H", 4 + 2 * count, at, *(offsets.get(n, 0) for n in range(count))))
    _align(buf, 8)
    start = len(buf)
    buf.extend(struct.pack("<i", start - vtable) + bytes(at - 4))
    for number, value in fields.items():
        where = start + offsets[number]
        if _is_scalar(value):
            struct.pack_into("<" + value[0], buf, where, value[1])
        else:
            _refer(buf, where, _object(buf, value))
    return start


def _object(buf: bytearray, value: Any) -> int:
    if isinstance(value, dict):
        return _table(buf, value)
    _align(buf, 8)
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        start = len(buf)
        buf.extend(struct.pack("<I", len(raw)) + raw + b"\0")
        return start
    if isinstance(value, tuple):
        code, numbers = value
        if struct.calcsize("<" + code) == 8:
            buf.extend(bytes(4))  # so that the elements, not the count, are aligned
        start = len(buf)
        buf.extend(struct.pack(f"<I{len(numbers)}{code}", len(numbers), *numbers))
        return start
    start = len(buf)
    buf.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
    places: dict[int, int] = {}
    for index, item in enumerate(value):  # the same object twice is written once and shared, as writers may do
        if id(item) not in places:
            places[id(item)] = _object(buf, item)
        _refer(buf, start + 4 + 4 * index, places[id(item)])
    return start
