"""MLIR bytecode: dialects, operations and the values between them, without knowing any dialect.

Specification: https://mlir.llvm.org/docs/BytecodeFormat/ and, for what it leaves out,
https://github.com/llvm/llvm-project/tree/main/mlir/lib/Bytecode (versions 4 to 6 of the format).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from nngauge.errors import LimitError, MalformedError, TruncatedError, UnsupportedError
from nngauge.io.binary import Buffer, cstring_at
from nngauge.io.meter import Meter
from nngauge.limits import MAX_ITEMS, MAX_NODES, MAX_STRUCT_DEPTH

MAGIC: Final = b"ML\xefR"
_STRINGS, _DIALECTS, _ATTRIBUTES, _OFFSETS, _IR, _RESOURCES, _RESOURCE_OFFSETS, _, _PROPERTIES = range(9)
_BLOB: Final = 0
"""Kind of a resource that is plain bytes."""
_VERSIONS: Final = range(4, 7)
"""Before 4, operation names stand without their number; after 6 is not known."""
_HAS_ATTRIBUTES, _HAS_RESULTS, _HAS_OPERANDS, _HAS_SUCCESSORS, _HAS_REGIONS, _HAS_ORDERS, _HAS_PROPERTIES = (
    1 << bit for bit in range(7)
)


class Operation(Struct):
    """One operation. Values are numbered within their outermost isolated region; types by their place in the file."""

    dialect: str
    name: str
    operands: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    result_types: tuple[int, ...] = ()
    properties: int | None = None
    regions: list[Region] = field(default_factory=list)


class Region(Struct):
    """The operations of all blocks of a region, and the arguments of the first."""

    arguments: tuple[int, ...] = ()
    argument_types: tuple[int, ...] = ()
    operations: list[Operation] = field(default_factory=list)


class Entry(Struct, frozen=True):
    """An attribute or type of a dialect, or a blob: where its encoding lies."""

    dialect: str
    start: int
    end: int


class Program(Struct):
    """What a file of bytecode holds."""

    version: int
    producer: str
    strings: list[str]
    dialects: list[str]
    attributes: list[Entry]
    types: list[Entry]
    properties: list[Entry]
    resources: list[Entry]
    """Large constants; the dialect is the one that keeps them."""
    operations: list[Operation]
    """The top level: one module, as a rule."""


class Reader:
    """Variable-length numbers and bytes out of ``buf[pos:end]``."""

    def __init__(self, buf: Buffer, pos: int = 0, end: int | None = None) -> None:
        self.buf = buf
        self.pos = pos
        self.end = len(buf) if end is None else end

    def byte(self) -> int:
        """One byte."""
        if self.pos >= self.end:
            raise TruncatedError("bytecode cut short", where=f"@{self.pos}")
        self.pos += 1
        return self.buf[self.pos - 1]

    def number(self) -> int:
        """A number whose first byte ends in as many zero bits as further bytes follow."""
        first = self.byte()
        if first & 1:
            return first >> 1
        extra = 8 if first == 0 else (first & -first).bit_length() - 1
        raw = self.bytes(extra)
        if first == 0:
            return int.from_bytes(raw, "little")
        return (first | int.from_bytes(raw, "little") << 8) >> (extra + 1)

    def signed(self) -> int:
        """A zigzag number."""
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def flagged(self) -> tuple[int, bool]:
        """A number whose lowest bit is a flag."""
        value = self.number()
        return value >> 1, bool(value & 1)

    def count(self) -> int:
        """A number of things that take at least a byte each."""
        value = self.number()
        if value > min(self.end - self.pos, MAX_ITEMS):
            raise LimitError(f"{value} items in {self.end - self.pos} bytes", where=f"@{self.pos}")
        return value

    def bytes(self, size: int) -> bytes:
        """`size` bytes."""
        if not 0 <= size <= self.end - self.pos:
            raise TruncatedError("bytecode cut short", where=f"@{self.pos}")
        self.pos += size
        return bytes(self.buf[self.pos - size : self.pos])

    def entry(self, dialect: str, size: int) -> Entry:
        """The next `size` bytes, passed over."""
        if not 0 <= size <= self.end - self.pos:
            raise TruncatedError("bytecode cut short", where=f"@{self.pos}")
        self.pos += size
        return Entry(dialect, self.pos - size, self.pos)

    def section(self) -> tuple[int, Reader]:
        """The next section's number and content."""
        first = self.byte()
        size = self.number()
        if first & 0x80:
            unit = self.number()
            if unit <= 0 or unit & (unit - 1) or unit > 1 << 20:
                raise MalformedError(f"alignment of {unit}", where=f"@{self.pos}")
            self.pos += -self.pos % unit
        if not 0 <= size <= self.end - self.pos:
            raise TruncatedError("a section outside the file", where=f"@{self.pos}")
        inner = Reader(self.buf, self.pos, self.pos + size)
        self.pos += size
        return first & 0x7F, inner


def read_bytecode(buf: Buffer) -> Program:
    """The program in `buf`. Raises `UnsupportedError` for other versions of the format, `InputError` kinds for damage."""
    if bytes(buf[:4]) != MAGIC:
        raise MalformedError("no MLIR bytecode")
    reader = Reader(buf, 4)
    version = reader.number()
    if version not in _VERSIONS:
        raise UnsupportedError(f"MLIR bytecode of version {version}")
    producer = cstring_at(buf, reader.pos, limit=256).decode("utf-8", "replace")
    reader.pos += len(producer.encode()) + 1
    sections: dict[int, Reader] = {}
    while reader.pos < reader.end:
        number, inner = reader.section()
        sections.setdefault(number, inner)
    if not {_STRINGS, _DIALECTS, _ATTRIBUTES, _OFFSETS, _IR} <= sections.keys():
        raise MalformedError("a section of the bytecode is missing")
    strings = _strings(sections[_STRINGS])
    dialects, names = _dialects(sections[_DIALECTS], strings)
    attributes, types = _entries(sections[_OFFSETS], sections[_ATTRIBUTES], dialects)
    body = _Body(names, Meter.for_size(len(buf)))
    operations = body.top(sections[_IR])
    properties = _properties(sections[_PROPERTIES]) if _PROPERTIES in sections else []
    resources = (
        _resources(sections[_RESOURCE_OFFSETS], sections[_RESOURCES], dialects)
        if {_RESOURCES, _RESOURCE_OFFSETS} <= sections.keys()
        else []
    )
    return Program(version, producer, strings, dialects, attributes, types, properties, resources, operations)


def _strings(reader: Reader) -> list[str]:
    """Lengths stand in reverse order in front."""
    lengths = [reader.number() for _ in range(reader.count())]
    return [reader.bytes(length)[:-1].decode("utf-8", "replace") for length in reversed(lengths)]


def _at(strings: list[str], place: int) -> str:
    if place >= len(strings):
        raise MalformedError(f"string {place} of {len(strings)}")
    return strings[place]


def _dialects(reader: Reader, strings: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Dialects, and the operations of each by their number in the file."""
    dialects = []
    for _ in range(reader.count()):
        place, versioned = reader.flagged()
        dialects.append(_at(strings, place))
        if versioned:
            reader.section()
    names: list[tuple[str, str]] = []
    total = reader.number()
    while reader.pos < reader.end and len(names) < total:
        dialect = _at(dialects, reader.number())
        for _ in range(reader.count()):
            place, _registered = reader.flagged()
            names.append((dialect, _at(strings, place)))
    return dialects, names


def _entries(offsets: Reader, data: Reader, dialects: list[str]) -> tuple[list[Entry], list[Entry]]:
    """Encodings of attributes and types, whose sizes stand in a section of their own."""
    counts = offsets.number(), offsets.number()
    found: tuple[list[Entry], list[Entry]] = ([], [])
    for target, wanted in zip(found, counts, strict=True):
        while len(target) < wanted:
            dialect = _at(dialects, offsets.number())
            for _ in range(offsets.count()):
                size, _custom = offsets.flagged()
                target.append(data.entry(dialect, size))
            if offsets.pos >= offsets.end and len(target) < wanted:
                raise TruncatedError("attributes or types are missing")
    return found


def _properties(reader: Reader) -> list[Entry]:
    return [reader.entry("", reader.number()) for _ in range(reader.count())]


def _resources(offsets: Reader, data: Reader, dialects: list[str]) -> list[Entry]:
    """Blobs in order, those outside of dialects first; other kinds are kept as empty places."""
    found: list[Entry] = []
    outside = offsets.number()
    groups = 0
    while offsets.pos < offsets.end:
        place = offsets.number()
        name = "" if groups < outside else _at(dialects, place)
        groups += 1
        for _ in range(offsets.count()):
            offsets.number()
            size = offsets.number()
            kind = offsets.byte()
            whole = data.entry(name, size)
            found.append(_blob(data.buf, whole) if kind == _BLOB else Entry(name, whole.end, whole.end))
    return found


def _blob(buf: Buffer, whole: Entry) -> Entry:
    """A blob behind its alignment, its size and padding."""
    reader = Reader(buf, whole.start, whole.end)
    unit, size = reader.number(), reader.number()
    if unit > 0:
        reader.pos += -reader.pos % unit
    return reader.entry(whole.dialect, size)


class _Body:
    """The operations, with values numbered as the writer numbered them."""

    def __init__(self, names: list[tuple[str, str]], meter: Meter) -> None:
        self._names = names
        self._meter = meter
        self._count = 0

    def top(self, reader: Reader) -> list[Operation]:
        region = Region()
        self._block(reader, region, _Scope(), 0)
        return region.operations

    def _region(self, reader: Reader, scope: _Scope, depth: int) -> Region:
        if depth > MAX_STRUCT_DEPTH:
            raise LimitError("regions nested too deeply", where=f"@{reader.pos}")
        region = Region()
        blocks = reader.count()
        if not blocks:
            return region
        scope.enter(reader.number())
        for _ in range(blocks):
            self._block(reader, region, scope, depth)
        scope.leave()
        return region

    def _block(self, reader: Reader, region: Region, scope: _Scope, depth: int) -> None:
        count, has_arguments = reader.flagged()
        if count > min(reader.end - reader.pos, MAX_NODES):
            raise LimitError(f"{count} operations", where=f"@{reader.pos}")
        if has_arguments:
            self._arguments(reader, region, scope)
        for _ in range(count):
            region.operations.append(self._operation(reader, scope, depth))

    def _arguments(self, reader: Reader, region: Region, scope: _Scope) -> None:
        types = []
        for _ in range(reader.count()):
            kind, has_location = reader.flagged()
            if has_location:
                reader.number()
            types.append(kind)
        places = scope.define(len(types))
        if not region.arguments:
            region.arguments, region.argument_types = places, tuple(types)
        if reader.byte():
            _skip_orders(reader, len(types))

    def _operation(self, reader: Reader, scope: _Scope, depth: int) -> Operation:
        self._count += 1
        self._meter.spend(1)
        if self._count > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")
        place, mask = reader.number(), reader.byte()
        if place >= len(self._names):
            raise MalformedError(f"operation name {place} of {len(self._names)}", where=f"@{reader.pos}")
        found = Operation(*self._names[place])
        reader.number()  # location
        if mask & _HAS_ATTRIBUTES:
            reader.number()
        if mask & _HAS_PROPERTIES:
            found.properties = reader.number()
        if mask & _HAS_RESULTS:
            found.result_types = tuple(reader.number() for _ in range(reader.count()))
        if mask & _HAS_OPERANDS:
            found.operands = tuple(reader.number() for _ in range(reader.count()))
        if mask & _HAS_SUCCESSORS:
            for _ in range(reader.count()):
                reader.number()
        if mask & _HAS_ORDERS:
            _skip_orders(reader, len(found.result_types))
        found.results = scope.define(len(found.result_types))
        if mask & _HAS_REGIONS:
            found.regions = self._regions(reader, scope, depth)
        return found

    def _regions(self, reader: Reader, scope: _Scope, depth: int) -> list[Region]:
        """Regions of one operation; isolated ones are a section of their own and number their values anew."""
        count, isolated = reader.flagged()
        if count > MAX_STRUCT_DEPTH:
            raise LimitError(f"{count} regions", where=f"@{reader.pos}")
        if not isolated:
            return [self._region(reader, scope, depth + 1) for _ in range(count)]
        number, inner = reader.section()
        if number != _IR:
            raise MalformedError("an isolated region without its section", where=f"@{reader.pos}")
        fresh = _Scope()
        return [self._region(inner, fresh, depth + 1) for _ in range(count)]


class _Scope:
    """Numbers of values: each region reserves as many as it says, and takes them in order."""

    def __init__(self) -> None:
        self._reserved = 0
        self._stack: list[tuple[int, int]] = []
        self._next = 0

    def enter(self, count: int) -> None:
        self._stack.append((self._next, self._reserved))
        self._next = self._reserved
        self._reserved += min(count, MAX_ITEMS)

    def leave(self) -> None:
        self._next, self._reserved = self._stack.pop()

    def define(self, count: int) -> tuple[int, ...]:
        first = self._next
        self._next += count
        return tuple(range(first, first + count))


def _skip_orders(reader: Reader, count: int) -> None:
    """Orders of uses, which matter only for writing the file again."""
    values = reader.count() if count > 1 else 1
    for _ in range(values):
        if count > 1:
            reader.number()
        uses, _pairs = reader.flagged()
        if uses > reader.end - reader.pos:
            raise TruncatedError("bytecode cut short", where=f"@{reader.pos}")
        for _ in range(uses):
            reader.number()


def walk(operations: list[Operation]) -> Iterator[Operation]:
    """All operations, those inside regions included, in order."""
    stack = list(reversed(operations))
    while stack:
        found = stack.pop()
        yield found
        for region in reversed(found.regions):
            stack.extend(reversed(region.operations))
