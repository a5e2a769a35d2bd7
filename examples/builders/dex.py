"""A valid dex file of empty classes: names, references and strings, but no code.

Format: https://source.android.com/docs/core/runtime/dex-format
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable

HEADER = 0x70
ENDIAN_TAG, NO_INDEX, PUBLIC = 0x12345678, 0xFFFFFFFF, 0x1
OBJECT, VOID = "Ljava/lang/Object;", "V"
HEADER_ITEM, STRING_IDS, TYPE_IDS, PROTO_IDS, METHOD_IDS, CLASS_DEFS, MAP_LIST, STRING_DATA = (
    0x0000, 0x0001, 0x0002, 0x0003, 0x0005, 0x0006, 0x1000, 0x2002,
)  # fmt: skip


def build_dex(
    *,
    defined: Iterable[str],
    referenced: Iterable[str] = (),
    methods: Iterable[tuple[str, str]] = (),
    strings: Iterable[str] = (),
) -> bytes:
    """A dex file; classes are descriptors (``La/b/C;``), `methods` are pairs of class and the name of a called method.

    Every called method is written as ``void name()``; names and strings must be ASCII.
    """
    classes, calls = sorted(set(defined)), sorted(set(methods))
    types = sorted({*classes, *referenced, *(owner for owner, _ in calls), OBJECT, VOID})
    texts = sorted({*types, *strings, *(name for _, name in calls)})
    data = [_string_item(text) for text in texts]
    tables = (len(texts) * 4, len(types) * 4, 12, len(calls) * 8, len(classes) * 32)
    starts = [HEADER]
    for size in tables:
        starts.append(starts[-1] + size)
    text_at, type_at, proto_at, method_at, class_at, data_at = starts
    offsets = [data_at + sum(map(len, data[:index])) for index in range(len(data))]
    body = struct.pack(f"<{len(texts)}I", *offsets)
    body += struct.pack(f"<{len(types)}I", *map(texts.index, types))
    body += struct.pack("<III", texts.index(VOID), types.index(VOID), 0)
    body += b"".join(struct.pack("<HHI", types.index(owner), 0, texts.index(name)) for owner, name in calls)
    body += b"".join(_class_def(types.index(name), types.index(OBJECT)) for name in classes)
    body += b"".join(data)
    body += bytes(-len(body) % 4)
    map_at = HEADER + len(body)
    sections = [
        (HEADER_ITEM, 1, 0), (STRING_IDS, len(texts), text_at), (TYPE_IDS, len(types), type_at), (PROTO_IDS, 1, proto_at),
        (METHOD_IDS, len(calls), method_at), (CLASS_DEFS, len(classes), class_at), (STRING_DATA, len(texts), data_at),
        (MAP_LIST, 1, map_at),
    ]  # fmt: skip
    body += _map_list([section for section in sections if section[1]])
    counts = [(len(texts), text_at), (len(types), type_at), (1, proto_at), (0, 0), (len(calls), method_at),
              (len(classes), class_at), (HEADER + len(body) - data_at, data_at)]  # fmt: skip
    return _sealed(body, map_at, counts)


def _string_item(text: str) -> bytes:
    """Length in UTF-16 units and MUTF-8, which is UTF-8 for what stands here: nothing beyond U+FFFF, no NUL."""
    size, length = len(text), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*length, size]) + text.encode() + b"\0"


def _class_def(kind: int, parent: int) -> bytes:
    return struct.pack("<8I", kind, PUBLIC, parent, 0, NO_INDEX, 0, 0, 0)


def _map_list(sections: list[tuple[int, int, int]]) -> bytes:
    rows = (struct.pack("<HHII", kind, 0, count, at) for kind, count, at in sections)
    return struct.pack("<I", len(sections)) + b"".join(rows)


def _sealed(body: bytes, map_at: int, counts: list[tuple[int, int]]) -> bytes:
    """Header with sizes, SHA-1 and Adler-32 in front of `body`."""
    rest = struct.pack("<6I", HEADER + len(body), HEADER, ENDIAN_TAG, 0, 0, map_at)
    rest += b"".join(struct.pack("<II", count, at if count else 0) for count, at in counts) + body
    signed = hashlib.sha1(rest, usedforsecurity=False).digest() + rest
    return b"dex\n035\0" + struct.pack("<I", zlib.adler32(signed)) + signed
