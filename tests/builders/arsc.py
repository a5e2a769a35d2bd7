"""Writes minimal resource tables: resources.arsc and resources.pb."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.builders.axml import chunk, pb, string_pool

Entry = tuple[int, int]
"""(value type, data); data indexes the string pool where the type is a string (3)."""


def config(locale: str = "", density: int = 0) -> bytes:
    """A ResTable_config of 36 bytes."""
    lang = locale.encode().ljust(4, b"\0")
    return struct.pack("<II4sBBH", 36, 0, lang, 0, 0, density) + bytes(20)


def build_arsc(
    strings: Sequence[str],
    types: Sequence[tuple[int, bytes, Mapping[int, Entry]]],
    *,
    form: str = "plain",
    package: int = 0x7F,
) -> bytes:
    """`types` are (type id, config, entries by index); `form` is plain, sparse, offset16 or compact."""
    body = b"".join(_type(kind, settings, entries, form) for kind, settings, entries in types)
    header = struct.pack("<I256s5I", package, b"", 0, 0, 0, 0, 0)
    table = string_pool(strings) + chunk(0x200, body, header=header)
    return chunk(2, table, header=struct.pack("<I", 1))


def _type(kind: int, settings: bytes, entries: Mapping[int, Entry], form: str) -> bytes:
    count = max(entries) + 1
    data, places = b"", {}
    for index, (value_type, value) in sorted(entries.items()):
        places[index] = len(data)
        if form == "compact":
            data += struct.pack("<HHI", 0, 8 | value_type << 8, value)
        else:
            data += struct.pack("<HHIHBBI", 8, 0, 0, 8, 0, value_type, value)
    if form == "sparse":
        table = b"".join(struct.pack("<HH", index, at // 4) for index, at in places.items())
        flags, count = 1, len(places)
    elif form == "offset16":
        table = b"".join(struct.pack("<H", places[i] // 4 if i in places else 0xFFFF) for i in range(count))
        table += b"\0" * (-len(table) % 4)
        flags = 2
    else:
        table = b"".join(struct.pack("<I", places.get(i, 0xFFFFFFFF)) for i in range(count))
        flags = 0
    start = 8 + 12 + len(settings) + len(table)
    return chunk(0x201, table + data, header=struct.pack("<BBHII", kind, flags, 0, count, start) + settings)


def build_resources_pb(entries: Sequence[tuple[str, int, str, int, Mapping[str, bytes]]], package: int = 0x7F) -> bytes:
    """`entries` are (type name, type id, entry name, entry id, item message by locale)."""
    body = pb(1, pb(1, package))
    for type_name, type_id, name, entry_id, values in entries:
        entry = pb(1, pb(1, entry_id)) + pb(2, name.encode())
        for locale, item in values.items():
            entry += pb(6, pb(1, pb(3, locale.encode()) if locale else b"") + pb(2, pb(4, item)))
        body += pb(3, pb(1, pb(1, type_id)) + pb(2, type_name.encode()) + pb(3, entry))
    return pb(2, body)
