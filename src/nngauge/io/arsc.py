"""Looks up one resource: what the label or name that a manifest refers to says.

Layout of resources.arsc: the header cited in `nngauge.io.axml`; of a bundle's resources.pb:
https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/tools/aapt2/Resources.proto.

Only single values are read (no styles, arrays, plurals). The default configuration is preferred, then English, then
the one with the fewest conditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import Final

from nngauge.errors import LimitError, NotThisFormat
from nngauge.io import protobuf
from nngauge.io.axml import Chunk, StringPool, Value, chunks, proto_value, typed_value, unpack
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_CONFIGURATIONS, MAX_REFERENCES

_STRING_POOL, _TABLE, _PACKAGE, _TYPE = 0x0001, 0x0002, 0x0200, 0x0201
_SPARSE, _OFFSET16 = 1, 2
_COMPLEX, _COMPACT = 0x1, 0x8

_Rank = tuple[bool, int]
_DEFAULT: Final = (False, 0)


def resolve(buf: Buffer | mmap, resource_id: int) -> str | None:
    """The text of resource `resource_id` (``0x7f010001``) in a resources.arsc, references followed.

    None when the table has no such single value. Raises `NotThisFormat`, `TruncatedError`, `LimitError`.
    """
    view = memoryview(buf)
    if len(view) < 12 or unpack("<H", view, 0)[0] != _TABLE:
        raise NotThisFormat("no resource table")
    start = max(8, unpack("<H", view, 2)[0])
    pool = next(
        (StringPool(view, chunk) for chunk in chunks(view, start, len(view)) if chunk.type == _STRING_POOL), None
    )
    packages = [chunk for chunk in chunks(view, start, len(view)) if chunk.type == _PACKAGE]
    wanted: int | str | None = resource_id
    value: Value = None
    for _ in range(MAX_REFERENCES):
        if not isinstance(wanted, int):
            break
        value = _best(_values(view, packages, pool, wanted))
        wanted = _reference(value)
    return _plain(value)


def proto_resolve(buf: Buffer | mmap, reference: int | str) -> str | None:
    """The text of a resource in a bundle's resources.pb, by id or as ``string/app_name``; otherwise like `resolve`."""
    view = memoryview(buf)
    wanted: int | str | None = reference
    value: Value = None
    for _ in range(MAX_REFERENCES):
        if wanted is None:
            break
        value = _best(_proto_values(view, wanted))
        wanted = _reference(value)
    return _plain(value)


def _best(values: Iterator[tuple[_Rank, Value]]) -> Value:
    best: tuple[_Rank, Value] | None = None
    for count, (rank, value) in enumerate(values):
        if count >= MAX_CONFIGURATIONS:
            raise LimitError(f"more than {MAX_CONFIGURATIONS} configurations of one resource")
        if best is None or rank < best[0]:
            best = (rank, value)
        if rank == _DEFAULT:
            break
    return best[1] if best else None


def _reference(value: Value) -> int | str | None:
    """What a value refers to: an id, or a name without its package; None for a value that is final."""
    if not isinstance(value, str) or not value.startswith("@"):
        return None
    if value.startswith("@0x"):
        return int(value[3:], 16) or None
    return value[1:].rpartition(":")[2] if "/" in value else None


def _plain(value: Value) -> str | None:
    if value is None or (isinstance(value, str) and _reference(value) is not None):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(
    view: memoryview, packages: list[Chunk], pool: StringPool | None, wanted: int
) -> Iterator[tuple[_Rank, Value]]:
    package_id, type_id, entry = wanted >> 24, wanted >> 16 & 0xFF, wanted & 0xFFFF
    for package in packages:
        if unpack("<I", view, package.start + 8)[0] != package_id:
            continue
        for chunk in chunks(view, package.body, package.end):
            if chunk.type == _TYPE and chunk.body - chunk.start >= 24 and view[chunk.start + 8] == type_id:
                value = _entry(view, chunk, entry, pool)
                if value is not None:
                    yield _rank(view, chunk), value


def _rank(view: memoryview, chunk: Chunk) -> _Rank:
    """False, 0 for the default configuration; its bytes past the size are all zero. Locale: bytes 8 and 9."""
    start = chunk.start + 20
    size = min(unpack("<I", view, start)[0], chunk.body - start)
    config = bytes(view[start + 4 : start + size])
    return config[4:6] not in (b"", b"\0\0", b"en"), len(config) - config.count(0)


def _entry(view: memoryview, chunk: Chunk, entry: int, pool: StringPool | None) -> Value:
    offset = _entry_offset(view, chunk, entry)
    if offset is None:
        return None
    at = chunk.start + unpack("<I", view, chunk.start + 16)[0] + offset
    if at + 8 > chunk.end:
        return None
    size, flags = unpack("<HH", view, at)
    if flags & _COMPACT:
        return typed_value(flags >> 8, unpack("<I", view, at + 4)[0], pool)
    if flags & _COMPLEX or at + size + 8 > chunk.end:
        return None
    _, _, kind, data = unpack("<HBBI", view, at + size)
    return typed_value(kind, data, pool)


def _entry_offset(view: memoryview, chunk: Chunk, entry: int) -> int | None:
    flags, count = view[chunk.start + 9], unpack("<I", view, chunk.start + 12)[0]
    if flags & _SPARSE:
        for row in range(min(count, (chunk.end - chunk.body) // 4)):
            index, offset = unpack("<HH", view, chunk.body + row * 4)
            if index == entry:
                return offset * 4
        return None
    width, layout, none, unit = (2, "<H", 0xFFFF, 4) if flags & _OFFSET16 else (4, "<I", 0xFFFF_FFFF, 1)
    place = chunk.body + entry * width
    if entry >= count or place + width > chunk.end:
        return None
    offset = unpack(layout, view, place)[0]
    return None if offset == none else offset * unit


def _proto_values(view: memoryview, wanted: int | str) -> Iterator[tuple[_Rank, Value]]:
    """ResourceTable.package (2) > type (3) > entry (3) > config_value (6)."""
    ids = (wanted >> 24, wanted >> 16 & 0xFF, wanted & 0xFFFF) if isinstance(wanted, int) else (None, None, None)
    kind, _, name = wanted.partition("/") if isinstance(wanted, str) else ("", "", "")
    whole = protobuf.Field(0, protobuf.BYTES, 0, 0, len(view))
    for package in _parts(view, whole, 2):
        if ids[0] is not None and _id(view, package) != ids[0]:
            continue
        for group in _parts(view, package, 3):
            if not _is(view, group, ids[1], kind):
                continue
            for entry in _parts(view, group, 3):
                if _is(view, entry, ids[2], name):
                    for value in _parts(view, entry, 6):
                        yield from _config_value(view, value)


def _config_value(view: memoryview, config_value: protobuf.Field) -> Iterator[tuple[_Rank, Value]]:
    """ConfigValue: config (1; its locale is 3), value (2) > item (4)."""
    config = next(_parts(view, config_value, 1), None)
    locale = next((protobuf.text(view, part) for part in _parts(view, config, 3)), "") if config else ""
    rank = (locale not in ("", "en"), config.end - config.start if config else 0)
    for value in _parts(view, config_value, 2):
        for item in _parts(view, value, 4):
            yield rank, proto_value(view, item)


def _is(view: memoryview, message: protobuf.Field, number: int | None, name: str) -> bool:
    if number is not None:
        return _id(view, message) == number
    return any(protobuf.text(view, part) == name for part in _parts(view, message, 2))


def _id(view: memoryview, message: protobuf.Field) -> int:
    """The number in the message's first field (PackageId, TypeId, EntryId); 0 is not written out."""
    holder = next(_parts(view, message, 1), None)
    if holder is None:
        return 0
    return next((part.value for part in protobuf.fields(view, holder.start, holder.end) if part.number == 1), 0)


def _parts(view: memoryview, message: protobuf.Field, number: int) -> Iterator[protobuf.Field]:
    for part in protobuf.fields(view, message.start, message.end):
        if part.number == number and part.wire == protobuf.BYTES:
            yield part
