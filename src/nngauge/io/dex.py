"""Reads Dalvik executables: which types a dex defines, which it only refers to, its strings, its method references.

Specification: https://source.android.com/docs/core/runtime/dex-format ; containers (version 41):
https://android.googlesource.com/platform/art/+/refs/heads/main/libdexfile/dex/dex_file.h.

Types are asked for by prefix through bisection: `string_ids` are sorted by their UTF-16 units, and MUTF-8 keeps that
order byte by byte, except for U+0000, which no descriptor may hold. The runtime refuses files that are not sorted.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import Final, NamedTuple

from msgspec import Struct

from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_DEX_IDS, MAX_DEX_PARTS, MAX_STRING

MAGIC: Final = b"dex\n"
_OTHERS: Final = {
    b"cdex": "compact dex, a form only made on the phone",
    b"dey\n": "optimised dex, a form only made on the phone",
    b"vdex": "verified dex container, a form only made on the phone",
}
_HEADER: Final = 0x70
_CONTAINER_HEADER: Final = 0x78
_CONTAINER_VERSION: Final = 41
_VERSIONS: Final = range(35, 42)
_ENDIAN_CONSTANT: Final = 0x12345678
_VDEX_DEX_SECTION: Final = 1


class Counts(NamedTuple):
    """Sizes of the identifier tables."""

    strings: int
    types: int
    protos: int
    fields: int
    methods: int
    classes: int


class MethodRef(NamedTuple):
    """A method as its callers name it: class descriptor and method name."""

    owner: str
    name: str


class Dex(Struct, frozen=True, kw_only=True):
    """One dex file, or a container of several that share their data."""

    version: int
    """35 to 41, as in the magic."""
    parts: tuple[DexPart, ...]
    """The logical dex files; one before version 41."""

    @property
    def counts(self) -> Counts:
        """Sums over the parts."""
        return Counts(*(sum(column) for column in zip(*(part.counts for part in self.parts), strict=True)))

    def strings(self) -> Iterator[str]:
        """All strings, in the order of the file."""
        for part in self.parts:
            yield from part.strings()

    def types(self) -> Iterator[str]:
        """Descriptors of all types, defined or referred to (``Lcom/google/ai/Edge;``)."""
        for part in self.parts:
            yield from part.types()

    def defined_classes(self) -> set[str]:
        """Descriptors of the classes whose code is here."""
        return {name for part in self.parts for name in part.defined_classes()}

    def defines(self, prefix: bytes) -> tuple[str, ...]:
        """Descriptors beginning with `prefix` whose code is here."""
        return tuple(name for part in self.parts for name in part.with_prefix(prefix, defined=True))

    def references(self, prefix: bytes) -> tuple[str, ...]:
        """Descriptors beginning with `prefix` that are used here and defined in none of the parts."""
        found = dict.fromkeys(name for part in self.parts for name in part.with_prefix(prefix, defined=False))
        if len(self.parts) > 1 and found:
            here = set(self.defines(prefix))
            return tuple(name for name in found if name not in here)
        return tuple(found)

    def method_refs(self, class_prefix: bytes) -> Iterator[MethodRef]:
        """Methods of classes whose descriptors begin with `class_prefix`, called or defined here."""
        for part in self.parts:
            yield from part.method_refs(class_prefix)


class _Table(NamedTuple):
    rows: int
    offset: int


class DexPart:
    """The tables of one logical dex file. Every method may raise `MalformedError` or `LimitError`."""

    __slots__ = ("_buf", "_classes", "_defined", "_descriptors", "_methods", "_strings", "_types", "counts", "start")

    def __init__(self, buf: bytes | mmap, start: int) -> None:
        header = struct.unpack_from("<12I", buf, start + 0x38)
        tables = [_Table(header[at], header[at + 1]) for at in range(0, 12, 2)]
        for table, width in zip(tables, (4, 4, 12, 8, 8, 32), strict=True):
            if table.rows > MAX_DEX_IDS:
                raise LimitError(f"table of {table.rows} entries", where=f"@{start}")
            if table.rows and table.offset + table.rows * width > len(buf):
                raise TruncatedError(f"table of {table.rows} entries past the end", where=f"@{table.offset}")
        self._buf = buf
        self.start = start
        """Offset of its header."""
        self.counts = Counts(*(table.rows for table in tables))
        self._strings, self._types, self._methods, self._classes = tables[0], tables[1], tables[4], tables[5]
        self._descriptors: list[bytes] | None = None
        self._defined: frozenset[int] | None = None

    def strings(self) -> Iterator[str]:
        """All strings."""
        return map(_mutf8, self._raw(self._column(self._strings, 4)))

    def types(self) -> Iterator[str]:
        """Descriptors of all types."""
        return map(_mutf8, self._names())

    def defined_classes(self) -> Iterator[str]:
        """Descriptors of the classes defined here, in the order of their definitions."""
        names = self._names()
        try:
            yield from [_mutf8(names[row]) for row in self._column(self._classes, 32)]
        except IndexError:
            raise MalformedError(f"class of a type past {len(names)}") from None

    def with_prefix(self, prefix: bytes, *, defined: bool) -> Iterator[str]:
        """Descriptors beginning with `prefix`, those that have a definition here or those that have none."""
        first, last = self._range(prefix)
        if first < last and self._defined is None:
            self._defined = frozenset(self._column(self._classes, 32))
        here, names = self._defined or frozenset(), self._names()
        return (_mutf8(names[row]) for row in range(first, last) if (row in here) is defined)

    def method_refs(self, class_prefix: bytes) -> Iterator[MethodRef]:
        """Methods of the classes in the prefix's range; `method_ids` are sorted by class."""
        first, last = self._range(class_prefix)
        rows = range(self._methods.rows)
        start = bisect_left(rows, first, key=self._method_class)
        stop = bisect_left(rows, last, lo=start, key=self._method_class)
        ids = [self._method(row) for row in range(start, stop)]
        strings, types = self._column(self._strings, 4), self._names()
        try:
            names = self._raw([strings[name] for _, name in ids])
            for (owner, _), name in zip(ids, names, strict=True):
                yield MethodRef(_mutf8(types[owner]), _mutf8(name))
        except IndexError:
            raise MalformedError("method of a type or name outside its table") from None

    def _range(self, prefix: bytes) -> tuple[int, int]:
        """Type indices from..to whose descriptors begin with `prefix`; MUTF-8 has no byte 0xFF."""
        names = self._names()
        first = bisect_left(names, prefix)
        return first, bisect_left(names, prefix + b"\xff", lo=first)

    def _names(self) -> list[bytes]:
        """Descriptors of all types, sorted as the format demands; kept, since rules ask for many prefixes."""
        if self._descriptors is None:
            strings = self._column(self._strings, 4)
            try:
                offsets = [strings[index] for index in self._column(self._types, 4)]
            except IndexError:
                raise MalformedError(f"type named by a string past {len(strings)}") from None
            names = list(self._raw(offsets))
            if names != sorted(names):
                raise MalformedError("types are not sorted", hint="the runtime would refuse this file")
            self._descriptors = names
        return self._descriptors

    def _column(self, table: _Table, width: int) -> tuple[int, ...]:
        """First 32-bit field of every row."""
        if not table.rows:
            return ()
        return struct.unpack_from(f"<{table.rows * width // 4}I", self._buf, table.offset)[:: width // 4]

    def _method_class(self, row: int) -> int:
        return self._method(row)[0]

    def _method(self, row: int) -> tuple[int, int]:
        """Class (a type index) and name (a string index) of one method."""
        owner, name = struct.unpack_from("<H2xI", self._buf, self._methods.offset + row * 8)
        return owner, name

    def _raw(self, offsets: Iterable[int]) -> Iterator[bytes]:
        """The MUTF-8 bytes at `offsets`; a NUL where the count of UTF-16 units puts it ends pure ASCII.

        Strings do not overlap in honest files, so together they are no longer than the file.
        """
        buf = self._buf
        size = len(buf)
        left = size + MAX_STRING
        for at in offsets:
            units = buf[at] if at < size else 0x80
            end = at + 1 + units
            raw = buf[at + 1 : end] if units < 0x80 and end < size and not buf[end] else self._long(at)
            left -= len(raw)
            if left < 0:
                raise LimitError("strings together longer than the file")
            yield raw

    def _long(self, at: int) -> bytes:
        """The bytes past the count (a LEB128 of at most five bytes) up to the NUL."""
        buf = self._buf
        start = at
        while start < len(buf) and start < at + 4 and buf[start] >= 0x80:
            start += 1
        end = buf.find(b"\0", start + 1, start + 1 + MAX_STRING)
        if end < 0:
            raise TruncatedError("string without end", where=f"@{at}")
        return buf[start + 1 : end]


def read_dex(buf: Buffer | mmap) -> Dex:
    """Reads the tables of a dex; strings are decoded when asked for. Views and bytearrays are copied.

    Raises `NotThisFormat`, `UnsupportedError` (on-device forms, byte-swapped files, unknown versions),
    `MalformedError`, `LimitError`.
    """
    data = buf if isinstance(buf, bytes | mmap) else bytes(buf)
    magic = data[:8]
    if magic[:4] in _OTHERS:
        raise UnsupportedError(_OTHERS[magic[:4]], hint="`embedded_dex` finds the dex files inside")
    if magic[:4] != MAGIC:
        raise NotThisFormat("no dex magic")
    if len(data) < _HEADER:
        raise TruncatedError("dex header cut short", where="@0")
    version = _version(magic)
    starts = tuple(_container(data)) if version >= _CONTAINER_VERSION else (0,)
    parts = tuple(DexPart(data, start) for start in starts)
    # Parts share strings, but no other table; without this, 256 headers could claim the same bytes.
    if sum(p.counts.types * 4 + p.counts.methods * 8 + p.counts.classes * 32 for p in parts) > len(data):
        raise MalformedError("tables together longer than the file")
    if sum(p.counts.strings for p in parts) > MAX_DEX_IDS:
        raise LimitError(f"more than {MAX_DEX_IDS} strings in all parts")
    return Dex(version=version, parts=parts)


def embedded_dex(buf: Buffer | mmap) -> tuple[tuple[int, int], ...]:
    """(offset, size) of the dex files inside a vdex (Android 12 and later) or odex; empty when it keeps none."""
    data = memoryview(buf)
    magic = bytes(data[:4])
    if magic == b"dey\n":
        return tuple(_chain(data, *_unpack("<II", data, 8)))
    if magic != b"vdex":
        raise NotThisFormat("neither vdex nor odex")
    for row in range(min(_unpack("<I", data, 8)[0], 16)):
        kind, offset, size = _unpack("<III", data, 12 + row * 12)
        if kind == _VDEX_DEX_SECTION:
            return tuple(_chain(data, offset, size))
    return ()


def _version(magic: bytes) -> int:
    digits = magic[4:7]
    if magic[7] != 0 or not digits.isdigit():
        raise MalformedError("dex magic without version", where="@4")
    if int(digits) not in _VERSIONS:
        raise UnsupportedError(f"dex version {digits.decode()}")
    return int(digits)


def _container(data: bytes | mmap) -> Iterator[int]:
    """Starts of the dex files of a version 41 container: each header gives its own size and the container's."""
    at = 0
    end = len(data)
    for _ in range(MAX_DEX_PARTS):
        if at + _CONTAINER_HEADER > len(data):
            raise TruncatedError("dex header cut short", where=f"@{at}")
        (size,) = struct.unpack_from("<I", data, at + 0x20)
        container, own = struct.unpack_from("<II", data, at + 0x70)
        if data[at : at + 4] != MAGIC or own != at or size < _CONTAINER_HEADER:
            raise MalformedError("dex container with a broken header", where=f"@{at}")
        yield at
        at += size
        end = min(end, container)
        if at >= end:
            return
    raise LimitError(f"more than {MAX_DEX_PARTS} dex files in one container")


def _chain(data: memoryview, offset: int, size: int) -> Iterator[tuple[int, int]]:
    end = min(offset + size, len(data))
    for _ in range(MAX_DEX_PARTS):
        if offset + _HEADER > end or bytes(data[offset : offset + 4]) != MAGIC:
            return
        length = _unpack("<I", data, offset + 0x20)[0]
        if length < _HEADER or offset + length > end:
            return
        yield offset, length
        offset += (length + 3) // 4 * 4


def _unpack(layout: str, data: memoryview, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise TruncatedError("header cut short", where=f"@{offset}") from None


def _mutf8(raw: bytes) -> str:
    """Modified UTF-8: U+0000 in two bytes, surrogates coded one by one. What is neither becomes U+FFFD."""
    if raw.isascii():
        return raw.decode("ascii")
    try:
        text = raw.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
