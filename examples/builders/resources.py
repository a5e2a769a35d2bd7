"""A small ``resources.arsc``: one package with named strings, so that a label can be a reference as in real apps.

Layout: https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/libs/androidfw/include/androidfw/ResourceTypes.h
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

PACKAGE_ID, STRING_TYPE = 0x7F, 1
"""Applications' resources live in package 0x7f; the only type here is ``string``."""
TABLE, POOL, PACKAGE, TYPE, TYPE_SPEC = 0x0002, 0x0001, 0x0200, 0x0201, 0x0202
VALUE_STRING = 0x03


def reference(names: Mapping[str, str], name: str) -> int:
    """The resource id of the string `name` in a table built from `names`."""
    return PACKAGE_ID << 24 | STRING_TYPE << 16 | list(names).index(name)


def resource_table(package: str, names: Mapping[str, str]) -> bytes:
    """The table of the strings `names` (name to text) in the default configuration."""
    return chunk(TABLE, struct.pack("<I", 1), string_pool(list(names.values())) + _package(package, list(names)))


def string_pool(strings: list[str]) -> bytes:
    """A pool of UTF-16 strings, as tables and manifests hold them."""
    data, offsets = b"", []
    for text in strings:
        offsets.append(len(data))
        raw = text.encode("utf-16-le")
        data += struct.pack("<H", len(raw) // 2) + raw + b"\0\0"
    data += bytes(-len(data) % 4)
    header = struct.pack("<5I", len(strings), 0, 0, 28 + 4 * len(strings), 0)
    return chunk(POOL, header, struct.pack(f"<{len(strings)}I", *offsets) + data)


def chunk(kind: int, header: bytes, body: bytes) -> bytes:
    """A chunk: type, header size, whole size, header, body."""
    return struct.pack("<HHI", kind, 8 + len(header), 8 + len(header) + len(body)) + header + body


def _package(package: str, keys: list[str]) -> bytes:
    types, names = string_pool(["string"]), string_pool(keys)
    head = 8 + 4 + 256 + 5 * 4
    where = (head, 1, head + len(types), len(keys), 0)
    header = struct.pack("<I", PACKAGE_ID) + package.encode("utf-16-le").ljust(256, b"\0") + struct.pack("<5I", *where)
    spec = chunk(TYPE_SPEC, struct.pack("<BBHI", STRING_TYPE, 0, 0, len(keys)), bytes(4 * len(keys)))
    return chunk(PACKAGE, header, types + names + spec + _strings(len(keys)))


def _strings(count: int) -> bytes:
    """Every entry points to its key and to the string of the same number in the global pool."""
    config = struct.pack("<I", 28) + bytes(24)
    start = 8 + 12 + len(config) + 4 * count
    header = struct.pack("<BBHII", STRING_TYPE, 0, 0, count, start) + config
    offsets = struct.pack(f"<{count}I", *range(0, 16 * count, 16))
    entries = b"".join(struct.pack("<HHIHBBI", 8, 0, index, 8, 0, VALUE_STRING, index) for index in range(count))
    return chunk(TYPE, header, offsets + entries)
