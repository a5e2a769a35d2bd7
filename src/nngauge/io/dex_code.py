"""Reads what the code of a dex file refers to: classes with their methods, and the instructions of one method at a time.

Specification: https://source.android.com/docs/core/runtime/dex-format (class_def, class_data, code_item, call sites) and
https://source.android.com/docs/core/runtime/dalvik-bytecode (instructions, their formats and the payloads behind them).

Nothing is decoded before it is asked for: a search through a call graph meets only a part of an app's methods. A plain
loop over a table of lengths turned out twice as fast as a regular expression that walks the instructions.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final, NamedTuple

from msgspec import Struct

from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.io.dex import DexPart, read_dex
from nngauge.limits import MAX_DEX_MEMBERS, MAX_DEX_SITES

ACC_STATIC, ACC_NATIVE = 0x8, 0x100
_NO_INDEX: Final = 0xFFFF_FFFF
_METHOD_HANDLES: Final = range(4, 9)
"""Kinds of method handles whose target is a method; 0 to 3 are fields."""
_MAP_CALL_SITES, _MAP_METHOD_HANDLES = 0x0007, 0x0008
_VALUE_METHOD_HANDLE: Final = 0x16

_STRING, _JUMBO, _LITERAL, _CREATE, _FIELD, _CALL, _SITE, _PADDING, _CONST, _HIGH = range(1, 11)


class MethodId(NamedTuple):
    """A method as its callers name it: ``(Lcom/example/A;, run, (I)V)``."""

    owner: str
    name: str
    proto: str


class FieldId(NamedTuple):
    """A field: descriptor of its class, and its name."""

    owner: str
    name: str


class MethodDef(NamedTuple):
    """A method with a definition, row `row` of the method table; `code` is the offset of its code item, 0 for native and abstract ones."""

    row: int
    access: int
    code: int

    @property
    def native(self) -> bool:
        """Implemented in a native library."""
        return bool(self.access & ACC_NATIVE)

    @property
    def static(self) -> bool:
        """Called without an object."""
        return bool(self.access & ACC_STATIC)


class ClassDef(NamedTuple):
    """The head of a class definition; `data` is the offset of its members, 0 without any."""

    name: str
    access: int
    parent: str | None
    """Descriptor of the superclass; None for ``java.lang.Object`` only."""
    interfaces: tuple[str, ...]
    data: int


class Members(NamedTuple):
    """The methods of one class."""

    direct: tuple[MethodDef, ...]
    """Static ones, constructors and private ones."""
    virtual: tuple[MethodDef, ...]


class References(Struct, frozen=True, gc=False):
    """What the instructions of one method name, each once, in the order of the code. All are indices of the part."""

    calls: tuple[int, ...] = ()
    """Methods of ``invoke-*``."""
    strings: tuple[int, ...] = ()
    created: tuple[int, ...] = ()
    """Types of ``new-instance``."""
    literals: tuple[int, ...] = ()
    """Types of ``const-class``."""
    fields: tuple[int, ...] = ()
    """Static fields read or written."""
    sites: tuple[int, ...] = ()
    """Call sites of ``invoke-custom``."""
    resources: tuple[int, ...] = ()
    """Constants in the range of an app's own resource identifiers (0x7f…)."""


class CodePart:
    """The code of one logical dex file. Every method may raise `MalformedError` (or a subclass) and `LimitError`."""

    __slots__ = (
        "_buf", "_fields", "_left", "_methods", "_part", "_protos", "_rows", "_seen", "_sites", "_start", "_strings", "_texts", "types"
    )  # fmt: skip

    def __init__(self, buf: bytes | mmap, part: DexPart) -> None:
        header = struct.unpack_from("<12I", buf, part.start + 0x38)
        self._buf = buf
        self._part = part
        self._start = part.start
        self._strings, self._protos, self._fields, self._methods, self._rows = (
            (header[at], header[at + 1]) for at in (0, 4, 6, 8, 10)
        )
        self.types: tuple[str, ...] = tuple(part.types())
        """Descriptors of all types, by index."""
        self._texts: dict[int, str] = {}
        self._seen: dict[int, References] = {}
        self._left = len(buf)
        self._sites: dict[int, tuple[int, ...]] | None = None

    def classes(self) -> Iterator[ClassDef]:
        """All class definitions, in the order of the file."""
        count, start = self._rows
        for row in struct.iter_unpack("<8I", self._buf[start : start + 32 * count]):
            kind, access, parent, interfaces, _, _, data, _ = row
            yield ClassDef(
                self.type(kind),
                access,
                None if parent == _NO_INDEX else self.type(parent),
                self._type_list(interfaces),
                data,
            )

    def members(self, data: int) -> Members:
        """The methods of the class whose members are at `data`."""
        if not data:
            return Members((), ())
        reader = _Leb(self._buf, data)
        fields = reader.take() + reader.take()
        direct, virtual = reader.take(), reader.take()
        if fields + direct + virtual > MAX_DEX_MEMBERS:
            raise LimitError(f"class with {fields + direct + virtual} members", where=f"@{data}")
        for _ in range(2 * fields):
            reader.take()
        return Members(reader.methods(direct, self._methods[0]), reader.methods(virtual, self._methods[0]))

    def type(self, index: int) -> str:
        """Descriptor of a type."""
        try:
            return self.types[index]
        except IndexError:
            raise MalformedError(f"type {index} of {len(self.types)}") from None

    def string(self, index: int) -> str:
        """One string of the table."""
        known = self._texts.get(index)
        if known is None:
            at = self._row(self._strings, index, 4, "string")
            known = self._texts[index] = self._text(struct.unpack_from("<I", self._buf, at)[0])
        return known

    def strings(self) -> Iterator[str]:
        """All strings of the table."""
        return self._part.strings()

    def method(self, index: int) -> MethodId:
        """The class, name and signature of a method."""
        owner, proto, name = struct.unpack_from("<HHI", self._buf, self._row(self._methods, index, 8, "method"))
        return MethodId(self.type(owner), self.string(name), self._proto(proto))

    def method_owner(self, index: int) -> int:
        """The type index of the class a method belongs to."""
        owner: int = struct.unpack_from("<H", self._buf, self._row(self._methods, index, 8, "method"))[0]
        return owner

    def field(self, index: int) -> FieldId:
        """The class and name of a field."""
        owner, name = struct.unpack_from("<H2xI", self._buf, self._row(self._fields, index, 8, "field"))
        return FieldId(self.type(owner), self.string(name))

    def references(self, code: int) -> References:
        """What the code item at `code` names; methods that share code are decoded once.

        Code items do not overlap in honest files, so all together are no longer than the file: `LimitError` beyond.
        """
        known = self._seen.get(code)
        if known is None:
            if not 0 < code <= len(self._buf) - 16:
                raise TruncatedError("code item outside the file", where=f"@{code}")
            (units,) = struct.unpack_from("<I", self._buf, code + 12)
            end = code + 16 + 2 * units
            if end > len(self._buf):
                raise TruncatedError(f"code of {units} units past the end", where=f"@{code}")
            self._left -= end - code
            if self._left < 0:
                raise LimitError("code items together longer than the file")
            known = self._seen[code] = _decode(self._buf, code + 16, end)
        return known

    def site_methods(self, site: int) -> tuple[int, ...]:
        """Methods whose handles a call site holds: the bootstrap method and, for lambdas, the implementation."""
        if self._sites is None:
            self._sites = self._read_sites()
        return self._sites.get(site, ())

    # --- tables ---------------------------------------------------------------------------------------------------------

    def _row(self, table: tuple[int, int], index: int, width: int, what: str) -> int:
        rows, start = table
        if not 0 <= index < rows:
            raise MalformedError(f"{what} {index} of {rows}")
        at = start + index * width
        if at + width > len(self._buf):
            raise TruncatedError(f"{what} table past the end", where=f"@{at}")
        return at

    def _text(self, at: int) -> str:
        try:
            while self._buf[at] >= 0x80:  # the count of UTF-16 units
                at += 1
        except IndexError:
            raise TruncatedError("string outside the file", where=f"@{at}") from None
        end = self._buf.find(b"\0", at + 1)
        if end < 0:
            raise TruncatedError("string without end", where=f"@{at}")
        raw = self._buf[at + 1 : end]
        self._left -= len(raw)
        if self._left < -len(self._buf):
            raise LimitError("strings together longer than the file")
        return raw.decode("utf-8", "replace")

    def _proto(self, index: int) -> str:
        key = ~index  # the table of texts serves both; strings have indices from 0
        known = self._texts.get(key)
        if known is None:
            at = self._row(self._protos, index, 12, "proto")
            _, result, parameters = struct.unpack_from("<III", self._buf, at)
            known = self._texts[key] = f"({''.join(self._type_list(parameters))}){self.type(result)}"
        return known

    def _type_list(self, at: int) -> tuple[str, ...]:
        if not at:
            return ()
        if at + 4 > len(self._buf):
            raise TruncatedError("type list outside the file", where=f"@{at}")
        (count,) = struct.unpack_from("<I", self._buf, at)
        self._left -= 2 * count
        if count > 0xFFFF or at + 4 + 2 * count > len(self._buf) or self._left < -len(self._buf):
            raise MalformedError(f"type list of {count}", where=f"@{at}")
        return tuple(self.type(index) for index in struct.unpack_from(f"<{count}H", self._buf, at + 4))

    def _read_sites(self) -> dict[int, tuple[int, ...]]:
        """Call sites by index. They and the method handles are found through the map list only."""
        tables = dict(self._map())
        handles = tables.get(_MAP_METHOD_HANDLES, (0, 0))
        sites = tables.get(_MAP_CALL_SITES, (0, 0))
        if sites[0] > MAX_DEX_SITES:
            raise LimitError(f"{sites[0]} call sites")
        found = {}
        for index in range(sites[0]):
            (at,) = struct.unpack_from("<I", self._buf, self._row(sites, index, 4, "call site"))
            found[index] = tuple(self._handles_in(at, handles))
        return found

    def _map(self) -> Iterator[tuple[int, tuple[int, int]]]:
        (at,) = struct.unpack_from("<I", self._buf, self._start + 0x34)
        if not 0 < at <= len(self._buf) - 4:
            return
        (count,) = struct.unpack_from("<I", self._buf, at)
        for row in range(min(count, 64, (len(self._buf) - at - 4) // 12)):
            kind, rows, start = struct.unpack_from("<H2xII", self._buf, at + 4 + 12 * row)
            yield kind, (rows, start)

    def _handles_in(self, at: int, handles: tuple[int, int]) -> Iterator[int]:
        """Targets of the method handles in the encoded array at `at`; ends at the first value that is an array."""
        reader = _Leb(self._buf, at)
        for _ in range(min(reader.take(), 64)):
            head = reader.byte()
            size, kind = (head >> 5) + 1, head & 0x1F
            if kind in (0x1E, 0x1F):  # null and booleans carry nothing
                continue
            if kind in (0x1C, 0x1D):
                return
            value = int.from_bytes(reader.bytes(size), "little")
            if kind == _VALUE_METHOD_HANDLE:
                which, target = struct.unpack_from("<H2xH", self._buf, self._row(handles, value, 8, "method handle"))
                if which in _METHOD_HANDLES:
                    yield target


class _Leb:
    """Reads unsigned LEB128 numbers forward."""

    __slots__ = ("_buf", "_pos")

    def __init__(self, buf: bytes | mmap, pos: int) -> None:
        self._buf = buf
        self._pos = pos

    def take(self) -> int:
        buf, pos = self._buf, self._pos
        value = shift = 0
        try:
            while (byte := buf[pos]) >= 0x80 and shift < 28:
                value |= (byte & 0x7F) << shift
                shift += 7
                pos += 1
        except IndexError:
            raise TruncatedError("number past the end", where=f"@{pos}") from None
        self._pos = pos + 1
        return value | (byte & 0x7F) << shift

    def byte(self) -> int:
        return self.bytes(1)[0]

    def bytes(self, count: int) -> bytes:
        start = self._pos
        self._pos += count
        if self._pos > len(self._buf):
            raise TruncatedError("value past the end", where=f"@{start}")
        return self._buf[start : self._pos]

    def methods(self, count: int, known: int) -> tuple[MethodDef, ...]:
        found = []
        index = 0
        for _ in range(count):
            index += self.take()
            if index >= known:
                raise MalformedError(f"method {index} of {known}")
            found.append(MethodDef(index, self.take(), self.take()))
        return tuple(found)


def read_code(buf: Buffer | mmap) -> tuple[CodePart, ...]:
    """Opens the code of a dex file, or of a container of several. Raises what `read_dex` raises, and `MalformedError`."""
    data = buf if isinstance(buf, bytes | mmap) else bytes(buf)
    return tuple(CodePart(data, part) for part in read_dex(data).parts)


def _lengths() -> bytes:
    """Code units of each instruction by its opcode; those without a meaning are taken for one unit, as ART does."""
    table = bytearray([1]) * 256
    for units, ranges in _FORMATS.items():
        for first, last in ranges:
            table[first : last + 1] = bytes([units]) * (last - first + 1)
    return bytes(table)


_FORMATS: Final = {
    2: (
        (0x02, 0x02), (0x05, 0x05), (0x08, 0x08), (0x13, 0x13), (0x15, 0x16), (0x19, 0x1A), (0x1C, 0x1C), (0x1F, 0x20),
        (0x22, 0x23), (0x29, 0x29), (0x2D, 0x3D), (0x44, 0x6D), (0x90, 0xAF), (0xD0, 0xE2), (0xFE, 0xFF),
    ),
    3: (
        (0x03, 0x03), (0x06, 0x06), (0x09, 0x09), (0x14, 0x14), (0x17, 0x17), (0x1B, 0x1B), (0x24, 0x26), (0x2A, 0x2C),
        (0x6E, 0x72), (0x74, 0x78), (0xFC, 0xFD),
    ),
    4: ((0xFA, 0xFB),),
    5: ((0x18, 0x18),),
}  # fmt: skip
_UNITS: Final = _lengths()


def _kinds() -> bytes:
    table = bytearray(256)
    table[0x00], table[0x14], table[0x1A], table[0x1B], table[0x1C], table[0x22] = (
        _PADDING, _CONST, _STRING, _JUMBO, _LITERAL, _CREATE
    )  # fmt: skip
    for opcode in range(0x60, 0x6E):
        table[opcode] = _FIELD
    for opcode in (*range(0x6E, 0x73), *range(0x74, 0x79), 0xFA, 0xFB):
        table[opcode] = _CALL
    table[0xFC] = table[0xFD] = _SITE
    table[0x15] = _HIGH
    return bytes(table)


_KINDS: Final = _kinds()


def _decode(buf: bytes | mmap, at: int, end: int) -> References:
    """Walks the instructions from `at` to `end`; the last one may be cut short, which only loses its operand."""
    found: dict[int, dict[int, None]] = {}
    units, kinds = _UNITS, _KINDS
    last = end - 4
    while at < end:
        opcode = buf[at]
        kind = kinds[opcode]
        if kind:
            if kind == _PADDING:
                at += _payload(buf, at, end)
                continue
            if at > last:
                break
            operand = buf[at + 2] | buf[at + 3] << 8
            if kind in (_JUMBO, _CONST):
                operand |= int.from_bytes(buf[at + 4 : min(at + 6, end)], "little") << 16
                if kind == _CONST and operand >> 24 != 0x7F:
                    at += 6
                    continue
            elif kind == _HIGH:  # const/high16: identifiers that end in four zeros
                kind, operand = (_CONST, operand << 16) if operand >> 8 == 0x7F else (_HIGH, 0)
            found.setdefault(kind, {})[operand] = None
        at += 2 * units[opcode]
    take = found.get
    return References(
        calls=tuple(take(_CALL, ())),
        strings=tuple({**dict.fromkeys(take(_STRING, ())), **dict.fromkeys(take(_JUMBO, ()))}),
        created=tuple(take(_CREATE, ())),
        literals=tuple(take(_LITERAL, ())),
        fields=tuple(take(_FIELD, ())),
        sites=tuple(take(_SITE, ())),
        resources=tuple(take(_CONST, ())),
    )


def _payload(buf: bytes | mmap, at: int, end: int) -> int:
    """Bytes of the table at `at`, or of a plain nop: both begin with the opcode 0."""
    kind = buf[at + 1] if at + 1 < end else 0
    if kind not in (1, 2, 3) or at + 4 > end:
        return 2
    count = buf[at + 2] | buf[at + 3] << 8
    if kind == 1:  # packed-switch: first key and one target each
        return 8 + 4 * count
    if kind == 2:  # sparse-switch: a key and a target each
        return 4 + 8 * count
    elements = int.from_bytes(buf[at + 4 : min(at + 8, end)], "little")
    return 8 + (count * elements + 1) // 2 * 2
