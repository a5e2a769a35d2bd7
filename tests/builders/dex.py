"""Writes minimal dex files: sorted strings, types, methods and class definitions; containers of version 41."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def mutf8(text: str) -> bytes:
    """Modified UTF-8, unit by unit."""
    raw = text.encode("utf-16-be", "surrogatepass")
    out = b""
    for (unit,) in struct.iter_unpack(">H", raw):
        out += b"\xc0\x80" if unit == 0 else chr(unit).encode("utf-8", "surrogatepass")
    return out


def build_dex(
    *,
    defined: Sequence[str] = (),
    referenced: Sequence[str] = (),
    methods: Sequence[tuple[str, str]] = (),
    strings: Sequence[str] = (),
    version: int = 35,
    base: int = 0,
) -> bytes:
    """One dex file; `base` is where it stands in its container (version 41)."""
    types = sorted({*defined, *referenced, *(owner for owner, _ in methods)}, key=mutf8)
    pool = sorted({*types, *strings, *(name for _, name in methods)}, key=mutf8)
    size = 0x78 if version >= 41 else 0x70
    rows = sorted((types.index(owner), pool.index(name)) for owner, name in methods)
    string_ids = size
    type_ids = string_ids + 4 * len(pool)
    method_ids = type_ids + 4 * len(types)
    class_defs = method_ids + 8 * len(rows)
    data_at = class_defs + 32 * len(defined)
    data, offsets = b"", []
    for text in pool:
        offsets.append(base + data_at + len(data))
        data += _uleb(len(text.encode("utf-16-be", "surrogatepass")) // 2) + mutf8(text) + b"\0"
    data += b"\0" * (-len(data) % 4)
    body = struct.pack(f"<{len(pool)}I", *offsets)
    body += struct.pack(f"<{len(types)}I", *(pool.index(name) for name in types))
    body += b"".join(struct.pack("<HHI", owner, 0, name) for owner, name in rows)
    body += b"".join(struct.pack("<I28x", types.index(name)) for name in defined)
    tables = [
        (len(pool), string_ids), (len(types), type_ids), (0, 0), (0, 0), (len(rows), method_ids), (len(defined), class_defs)
    ]  # fmt: skip
    total = data_at + len(data)
    head = b"dex\n%03d\0" % version + bytes(24)
    head += struct.pack("<IIIIII", total, size, 0x12345678, 0, 0, 0)
    head += b"".join(struct.pack("<II", count, base + at if count else 0) for count, at in tables)
    head += struct.pack("<II", len(data), base + data_at)
    return head + bytes(size - len(head)) + body + data


def build_container(parts: Sequence[dict[str, Sequence[str]]]) -> bytes:
    """A version 41 container."""
    out = b""
    starts = []
    for part in parts:
        starts.append(len(out))
        out += build_dex(version=41, base=len(out), **part)  # type: ignore[arg-type]
    image = bytearray(out)
    for start in starts:
        struct.pack_into("<II", image, start + 0x70, len(out), start)
    return bytes(image)


def _uleb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
