"""Writes dex files with code: classes, methods and a handful of instructions. Real layout, so that other tools read it."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.builders.dex import mutf8

OBJECT = "Ljava/lang/Object;"
PUBLIC, STATIC, NATIVE, ABSTRACT, INTERFACE, CONSTRUCTOR = 0x1, 0x8, 0x100, 0x400, 0x200, 0x10000
_INVOKE = {"virtual": 0x6E, "super": 0x6F, "direct": 0x70, "static": 0x71, "interface": 0x72}


@dataclass(frozen=True)
class Call:
    owner: str
    name: str
    proto: str = "()V"
    kind: str = "static"
    range: bool = False


@dataclass(frozen=True)
class Text:
    value: str
    jumbo: bool = False


@dataclass(frozen=True)
class New:
    type: str


@dataclass(frozen=True)
class Literal:
    type: str


@dataclass(frozen=True)
class Static:
    owner: str
    name: str


@dataclass(frozen=True)
class Raw:
    """Any code units, for instructions without a reference and for payloads."""

    data: bytes


@dataclass(frozen=True)
class Lambda:
    """``invoke-custom`` whose call site holds a handle of the method."""

    owner: str
    name: str
    proto: str = "()V"


Instruction = Call | Text | New | Literal | Static | Raw | Lambda


@dataclass(frozen=True)
class Method:
    name: str
    body: Sequence[Instruction] | None = ()
    """None: native or abstract."""
    proto: str = "()V"
    access: int = PUBLIC

    @property
    def direct(self) -> bool:
        return bool(self.access & STATIC) or self.name.startswith("<") or bool(self.access & 2)


@dataclass(frozen=True)
class Class:
    name: str
    methods: Sequence[Method] = ()
    parent: str | None = OBJECT
    interfaces: Sequence[str] = ()
    access: int = PUBLIC
    fields: Sequence[str] = field(default_factory=tuple)
    """Names of static fields of type Object."""


def static(name: str, *body: Instruction, proto: str = "()V") -> Method:
    return Method(name, body, proto, PUBLIC | STATIC)


def virtual(name: str, *body: Instruction, proto: str = "()V") -> Method:
    return Method(name, body, proto, PUBLIC)


def native(name: str, proto: str = "()V") -> Method:
    return Method(name, None, proto, PUBLIC | NATIVE)


def init(*body: Instruction) -> Method:
    return Method("<init>", body, "()V", PUBLIC | CONSTRUCTOR)


def new(kind: str) -> tuple[Instruction, Instruction]:
    """Creates an object, as compilers do."""
    return New(kind), Call(kind, "<init>", "()V", "direct")


def build_code(classes: Sequence[Class]) -> bytes:
    return _Writer(classes).build()


def _types_of(proto: str) -> tuple[list[str], str]:
    inside, _, result = proto[1:].partition(")")
    return re.findall(r"\[*(?:L[^;]+;|[A-Z])", inside), result


class _Writer:
    def __init__(self, classes: Sequence[Class]) -> None:
        self.classes = classes
        code = [item for c in classes for m in c.methods for item in m.body or ()]
        self.methods = {(c.name, m.name, m.proto) for c in classes for m in c.methods}
        self.methods |= {(i.owner, i.name, i.proto) for i in code if isinstance(i, Call | Lambda)}
        self.fields = {(c.name, name) for c in classes for name in c.fields}
        self.fields |= {(i.owner, i.name) for i in code if isinstance(i, Static)}
        self.lambdas = [i for i in code if isinstance(i, Lambda)]
        protos = {proto for _, _, proto in self.methods}
        types = {OBJECT} | {c.name for c in classes} | {owner for owner, *_ in (*self.methods, *self.fields)}
        types |= {c.parent for c in classes if c.parent} | {name for c in classes for name in c.interfaces}
        types |= {i.type for i in code if isinstance(i, New | Literal)}
        types |= {name for proto in protos for part in [_types_of(proto)] for name in (*part[0], part[1])}
        strings = types | {name for _, name, *_ in (*self.methods, *self.fields)} | {_shorty(proto) for proto in protos}
        strings |= {i.value for i in code if isinstance(i, Text)}
        self.strings = sorted(strings, key=mutf8)
        self.types = sorted(types, key=mutf8)
        self.type_at = {name: at for at, name in enumerate(self.types)}
        self.string_at = {name: at for at, name in enumerate(self.strings)}
        self.protos = sorted(protos, key=self._proto_key)
        self.proto_at = {proto: at for at, proto in enumerate(self.protos)}
        self.method_rows = sorted(
            self.methods, key=lambda m: (self.type_at[m[0]], self.string_at[m[1]], self.proto_at[m[2]])
        )
        self.method_at = {m: at for at, m in enumerate(self.method_rows)}
        self.field_rows = sorted(self.fields, key=lambda f: (self.type_at[f[0]], self.string_at[f[1]]))
        self.field_at = {f: at for at, f in enumerate(self.field_rows)}

    def _proto_key(self, proto: str) -> tuple[int, list[int]]:
        parameters, result = _types_of(proto)
        return self.type_at[result], [self.type_at[name] for name in parameters]

    def build(self) -> bytes:
        counts = [
            len(x) for x in (self.strings, self.types, self.protos, self.field_rows, self.method_rows, self.classes)
        ]
        widths = (4, 4, 12, 8, 8, 32)
        starts, at = [], 0x70
        for count, width in zip(counts, widths, strict=True):
            starts.append(at)
            at += count * width
        handles_at = at + 4 * len(self.lambdas)
        data = _Data(handles_at + 8 * len(self.lambdas))
        lists: dict[tuple[str, ...], int] = {}
        protos = b"".join(self._proto_row(proto, data, lists) for proto in self.protos)
        for c in self.classes:
            self._list(c.interfaces, data, lists)
        codes = {id(m): self._code(m, data) for c in self.classes for m in c.methods}
        classes = b"".join(self._class_row(c, data, lists, codes) for c in self.classes)
        strings = [
            data.put(_uleb(len(t.encode("utf-16-be", "surrogatepass")) // 2) + mutf8(t) + b"\0") for t in self.strings
        ]
        data.strings += strings
        sites = b"".join(
            struct.pack("<I", data.put(bytes([1, 0x16 | 1 << 5]) + struct.pack("<H", n)))
            for n in range(len(self.lambdas))
        )
        handles = b"".join(
            struct.pack("<HHHH", 4, 0, self.method_at[i.owner, i.name, i.proto], 0) for i in self.lambdas
        )
        total = self._map(data, starts, counts, at, handles_at)
        body = struct.pack(f"<{len(strings)}I", *strings)
        body += struct.pack(f"<{len(self.types)}I", *(self.string_at[name] for name in self.types)) + protos
        body += b"".join(
            struct.pack("<HHI", self.type_at[o], self.type_at[OBJECT], self.string_at[n]) for o, n in self.field_rows
        )
        body += b"".join(
            struct.pack("<HHI", self.type_at[o], self.proto_at[p], self.string_at[n]) for o, n, p in self.method_rows
        )
        body += classes + sites + handles + bytes(data.out)
        return self._header(body, starts, counts, total, handles_at + len(handles))

    def _header(self, body: bytes, starts: list[int], counts: list[int], map_at: int, data_at: int) -> bytes:
        size = 0x70 + len(body)
        tail = struct.pack("<IIIIII", size, 0x70, 0x12345678, 0, 0, map_at)
        for count, start in zip(counts, starts, strict=True):
            tail += struct.pack("<II", count, start if count else 0)
        tail += struct.pack("<II", size - data_at, data_at)
        signature = hashlib.sha1(tail + body).digest()
        return b"dex\n039\0" + struct.pack("<I", zlib.adler32(signature + tail + body)) + signature + tail + body

    def _map(self, data: _Data, starts: list[int], counts: list[int], sites_at: int, handles_at: int) -> int:
        items = [
            (0, 1, 0),
            *((kind, count, at) for kind, (count, at) in enumerate(zip(counts, starts, strict=True), 1) if count),
        ]
        if self.lambdas:
            items += [(7, len(self.lambdas), sites_at), (8, len(self.lambdas), handles_at)]
        for kind, places in (
            (0x1001, data.lists),
            (0x2001, data.codes),
            (0x2000, data.members),
            (0x2002, data.strings),
        ):
            if places:
                items.append((kind, len(places), places[0]))
        data.align()
        items.append((0x1000, 1, data.base + len(data.out)))
        items.sort(key=lambda item: item[2])
        return data.put(
            struct.pack("<I", len(items)) + b"".join(struct.pack("<HHII", k, 0, n, at) for k, n, at in items)
        )

    def _proto_row(self, proto: str, data: _Data, lists: dict[tuple[str, ...], int]) -> bytes:
        parameters, result = _types_of(proto)
        return struct.pack(
            "<III", self.string_at[_shorty(proto)], self.type_at[result], self._list(parameters, data, lists)
        )

    def _list(self, names: Sequence[str], data: _Data, lists: dict[tuple[str, ...], int]) -> int:
        if not names:
            return 0
        if tuple(names) not in lists:
            data.align()
            lists[tuple(names)] = data.put(
                struct.pack(f"<I{len(names)}H", len(names), *(self.type_at[n] for n in names))
            )
            data.lists.append(lists[tuple(names)])
        return lists[tuple(names)]

    def _class_row(self, c: Class, data: _Data, lists: dict[tuple[str, ...], int], codes: dict[int, int]) -> bytes:
        out = _uleb(len(c.fields)) + b"\0"
        groups = [[m for m in c.methods if m.direct], [m for m in c.methods if not m.direct]]
        out += b"".join(_uleb(len(group)) for group in groups)
        last = 0
        for at in sorted(self.field_at[c.name, name] for name in c.fields):
            out += _uleb(at - last) + _uleb(PUBLIC | STATIC)
            last = at
        for group in groups:
            last = 0
            for m in sorted(group, key=lambda m: self.method_at[c.name, m.name, m.proto]):
                at = self.method_at[c.name, m.name, m.proto]
                out += _uleb(at - last) + _uleb(m.access) + _uleb(codes[id(m)])
                last = at
        interfaces = self._list(c.interfaces, data, lists)
        members = data.put(out)
        data.members.append(members)
        parent = 0xFFFFFFFF if c.parent is None else self.type_at[c.parent]
        return struct.pack("<8I", self.type_at[c.name], c.access, parent, interfaces, 0xFFFFFFFF, 0, members, 0)

    def _code(self, m: Method, data: _Data) -> int:
        if m.body is None:
            return 0
        units = b"".join(self._units(item) for item in m.body) + b"\x0e\0"
        data.align()
        at = data.put(struct.pack("<HHHHII", 8, 1, 0, 0, 0, len(units) // 2) + units)
        data.codes.append(at)
        return at

    def _units(self, item: Instruction) -> bytes:
        match item:
            case Call(owner, name, proto, kind, ranged):
                opcode = _INVOKE[kind] + (6 if ranged else 0)
                return struct.pack("<BBHH", opcode, 0, self.method_at[owner, name, proto], 0)
            case Text(value, True):
                return struct.pack("<BBI", 0x1B, 0, self.string_at[value])
            case Text(value):
                return struct.pack("<BBH", 0x1A, 0, self.string_at[value])
            case New(kind):
                return struct.pack("<BBH", 0x22, 0, self.type_at[kind])
            case Literal(kind):
                return struct.pack("<BBH", 0x1C, 0, self.type_at[kind])
            case Static(owner, name):
                return struct.pack("<BBH", 0x62, 0, self.field_at[owner, name])
            case Lambda():
                return struct.pack("<BBHH", 0xFC, 0, self.lambdas.index(item), 0)
            case Raw(data):
                return data
        raise TypeError(item)


class _Data:
    """The data section while it grows."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.out = bytearray()
        self.strings: list[int] = []
        self.lists: list[int] = []
        self.codes: list[int] = []
        self.members: list[int] = []

    def put(self, data: bytes) -> int:
        at = self.base + len(self.out)
        self.out += data
        return at

    def align(self) -> None:
        self.out += bytes(-(self.base + len(self.out)) % 4)


def _shorty(proto: str) -> str:
    parameters, result = _types_of(proto)
    return "".join("L" if name[0] in "L[" else name for name in (result, *parameters))


def _uleb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
