"""Reads what an ELF library tells about itself: identity, needs, symbols by name, and where its data lies.

Specification: https://gabi.xinuos.com/ ; GNU hash table: https://sourceware.org/gnu-gabi/program-loading-and-dynamic-linking.txt ;
Android note: https://android.googlesource.com/platform/ndk/+/refs/heads/main/parse_elfnote.py.

The loader's view (program headers, PT_DYNAMIC) is the authority, since it is what a phone runs; section headers only
name things and may be missing. Whatever contradicts itself short of the file header becomes an entry of
`Elf.anomalies`, because a library that is half readable still has facts worth having.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from mmap import mmap
from typing import Final, NamedTuple, TypeVar

from msgspec import Struct

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.io.binary import Buffer
from nngauge.limits import (
    MAX_ELF_CHAIN,
    MAX_ELF_DYNAMIC,
    MAX_ELF_NOTES,
    MAX_ELF_SECTIONS,
    MAX_ELF_SEGMENTS,
    MAX_ITEMS,
    MAX_NAME,
    MAX_STRING,
    MAX_SYMBOL,
    MAX_SYMBOL_TEXT,
)

MAGIC: Final = b"\x7fELF"

MACHINES: Final = {
    3: "x86", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 164: "hexagon", 183: "aarch64",
    224: "amdgpu", 243: "riscv", 247: "bpf", 258: "loongarch",
}  # fmt: skip
"""Names of the EM_ numbers met in apps and wheels; https://gabi.xinuos.com/elf/a-emachine.html."""

_ABIS: Final = {
    (3, 32): "x86", (62, 64): "x86_64", (40, 32): "armeabi-v7a", (183, 64): "arm64-v8a", (8, 32): "mips",
    (8, 64): "mips64", (243, 64): "riscv64",
}  # fmt: skip
"""Android's names: https://developer.android.com/ndk/guides/abis."""

TYPES: Final = {1: "relocatable", 2: "executable", 3: "shared", 4: "core"}

PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
SHT_PROGBITS, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 1, 7, 8, 11
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4
PF_WRITE: Final = 2
_DT_NEEDED, _DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SONAME = 1, 4, 5, 6, 10, 14
_DT_GNU_HASH, _DT_VERDEF, _DT_VERDEFNUM = 0x6FFF_FEF5, 0x6FFF_FFFC, 0x6FFF_FFFD
_SHN_XINDEX: Final = 0xFFFF
_NT_GNU_BUILD_ID: Final = 3
_NT_ANDROID_IDENT: Final = 1
_VER_FLG_BASE: Final = 1

T = TypeVar("T")


class Section(NamedTuple):
    """One section header; `offset` and `size` are bytes in the file (`size` of NOBITS takes no room)."""

    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int


class Segment(NamedTuple):
    """One program header; `offset`/`size` in the file, `address` in memory."""

    type: int
    flags: int
    offset: int
    address: int
    size: int
    align: int


class AndroidIdent(NamedTuple):
    """The NDK's note: the lowest API level built for, and the NDK where it says (``r27c``, ``12479018``)."""

    api_level: int
    ndk_version: str | None
    ndk_build: str | None


class Elf(Struct, frozen=True, kw_only=True):
    """Facts of one ELF file. Holds a view of the given buffer: drop it before closing a map."""

    machine: int
    """EM_ number; `machine_name` in words."""
    bits: int
    order: str
    """``"<"`` or ``">"``."""
    type: str
    """One of `TYPES`' values, or the number."""
    soname: str | None
    needed: tuple[str, ...]
    build_id: str | None
    """Hex of the GNU build id."""
    sections: tuple[Section, ...]
    """Empty when the section headers were stripped or lie."""
    segments: tuple[Segment, ...]
    android: AndroidIdent | None
    comment: tuple[str, ...]
    """Compilers and linkers, from ``.comment``."""
    anomalies: tuple[str, ...]
    _spans: tuple[tuple[int, int, str], ...]
    _symbols: _Symbols | None

    @property
    def machine_name(self) -> str:
        """The processor in words, or ``machine N``."""
        return MACHINES.get(self.machine, f"machine {self.machine}")

    @property
    def abi(self) -> str | None:
        """Android's name of the ABI, None for processors that Android apps do not run on (a DSP, say)."""
        return _ABIS.get((self.machine, self.bits))

    def exports(self, name: bytes) -> bool:
        """Whether `name` is a dynamic symbol defined here. Raises `InputError` subclasses for tables that lie."""
        return self._symbols is not None and self._symbols.exports(name)

    def imports(self, name: bytes) -> bool:
        """Whether `name` is a dynamic symbol wanted from elsewhere."""
        return self._symbols is not None and name in self._symbols.imported()

    def address_of(self, name: bytes) -> int | None:
        """Address of a defined dynamic symbol, None when there is none."""
        return self._symbols.value(name) if self._symbols else None

    def offset_of(self, address: int) -> int | None:
        """File offset of the byte that is loaded at `address`, None where nothing is loaded from the file."""
        for segment in self.segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.size:
                return segment.offset + address - segment.address
        return None

    def dynamic_names(self) -> Iterator[tuple[str, bool]]:
        """Every dynamic symbol as (name, defined here), in file order."""
        if self._symbols is not None:
            for name, _, defined in self._symbols.entries():
                yield name.decode("utf-8", "replace"), defined

    def names_beginning(self, prefix: bytes) -> Iterator[str]:
        """Names in the string table of the dynamic symbols, in its order, without reading the symbols themselves."""
        if self._symbols is None:
            return
        strings = self._symbols.strings()
        at = strings.find(b"\0" + prefix)
        while at >= 0:
            end = strings.find(b"\0", at + 1)
            yield strings[at + 1 : end if end >= 0 else None].decode("utf-8", "replace")
            at = strings.find(b"\0" + prefix, at + 1)

    def symbol_versions(self) -> tuple[str, ...]:
        """Version names this library defines (``VERS_1.31.1``), without the base entry, which repeats the soname."""
        return () if self._symbols is None else self._symbols.versions()

    def section_at(self, offset: int) -> str | None:
        """Name of the section that holds the byte at `offset` of the file."""
        at = bisect_right(self._spans, offset, key=_span_start) - 1
        if at < 0 or offset >= self._spans[at][1]:
            return None
        return self._spans[at][2]

    def read_only_ranges(self) -> tuple[tuple[int, int], ...]:
        """(offset, size) of constant data; without usable section headers, whole segments that are not writable."""
        return self._ranges(SHF_ALLOC, lambda flags: not flags & PF_WRITE)

    def data_ranges(self) -> tuple[tuple[int, int], ...]:
        """(offset, size) of initialised writable data, relocated constants included."""
        return self._ranges(SHF_ALLOC | SHF_WRITE, lambda flags: bool(flags & PF_WRITE))

    def _ranges(self, section_flags: int, wanted: Callable[[int], bool]) -> tuple[tuple[int, int], ...]:
        loaded = [s for s in self.sections if s.type == SHT_PROGBITS and s.flags & SHF_ALLOC]
        if loaded:  # protectors leave section headers that name nothing of what is loaded
            mask = SHF_ALLOC | SHF_WRITE | SHF_EXEC
            return tuple((s.offset, s.size) for s in loaded if s.flags & mask == section_flags and s.size)
        return tuple((s.offset, s.size) for s in self.segments if s.type == PT_LOAD and s.size and wanted(s.flags))


def read_elf(buf: Buffer | mmap) -> Elf:
    """Reads the ELF file in `buf`; cost does not grow with the size of the file.

    Raises `NotThisFormat` without the magic, `MalformedError`/`TruncatedError` when the file header is no use.
    """
    view = memoryview(buf)
    if bytes(view[:4]) != MAGIC:
        raise NotThisFormat("no ELF magic")
    return _Reader(view).read()


def _span_start(span: tuple[int, int, str]) -> int:
    return span[0]


class _Image:
    """The file with its class, byte order and loaded segments: turns addresses into offsets."""

    __slots__ = ("bits", "loads", "order", "view")

    def __init__(self, view: memoryview, bits: int, order: str) -> None:
        self.view = view
        self.bits = bits
        self.order = order
        self.loads: tuple[Segment, ...] = ()

    def offset_of(self, address: int) -> int | None:
        """File offset of the byte loaded at `address`, None where nothing is loaded from the file."""
        for load in self.loads:
            if load.address <= address < load.address + load.size:
                return load.offset + address - load.address
        return None

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Integers at `offset`, in the file's byte order; raises `TruncatedError`."""
        try:
            return struct.unpack_from(self.order + layout, self.view, offset)
        except (struct.error, OverflowError):
            raise TruncatedError("structure past the end of the file", where=f"@{offset}") from None

    def table(self, layout: str, offset: int, size: int) -> Iterator[tuple[int, ...]]:
        """The records in `size` bytes at `offset`, as far as the file goes."""
        shape = struct.Struct(self.order + layout)
        data = self.view[offset : offset + size]
        return shape.iter_unpack(data[: len(data) // shape.size * shape.size])


class _Reader:
    """One pass over the headers."""

    def __init__(self, view: memoryview) -> None:
        if len(view) < 52:
            raise TruncatedError("file header cut short", where="@0")
        bits = {1: 32, 2: 64}.get(view[4])
        order = {1: "<", 2: ">"}.get(view[5])
        if bits is None or order is None:
            raise MalformedError(f"ELF class {view[4]}, data encoding {view[5]}", where="@4")
        self.image = _Image(view, bits, order)
        self.anomalies: list[str] = []

    def read(self) -> Elf:
        image = self.image
        header = image.unpack("HHIQQQIHHHHHH" if image.bits == 64 else "HHIIIIIHHHHHH", 16)
        kind, machine, _, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, shstrndx = header
        segments = self._attempt(lambda: self._segments(phoff, phentsize, phnum)) or ()
        image.loads = tuple(s for s in segments if s.type == PT_LOAD and s.size)
        sections = self._attempt(lambda: self._sections(shoff, shentsize, shnum, shstrndx)) or ()
        entries = self._attempt(lambda: self._dynamic(segments)) or []
        symbols = self._symbols(entries, sections)
        build_id, android = self._notes(segments, sections)
        return Elf(
            machine=machine,
            bits=image.bits,
            order=image.order,
            type=TYPES.get(kind, str(kind)),
            soname=next(iter(self._names(entries, _DT_SONAME, symbols)), None),
            needed=tuple(self._names(entries, _DT_NEEDED, symbols)),
            build_id=build_id,
            sections=sections,
            segments=segments,
            android=android,
            comment=self._comment(sections),
            anomalies=tuple(self.anomalies),
            _spans=tuple(sorted((s.offset, s.offset + s.size, s.name) for s in sections if _in_file(s))),
            _symbols=symbols,
        )

    def _attempt(self, part: Callable[[], T]) -> T | None:
        try:
            return part()
        except InputError as error:
            self.anomalies.append(str(error))
            return None

    def _segments(self, offset: int, entry: int, count: int) -> tuple[Segment, ...]:
        if not count:
            return ()
        if count > MAX_ELF_SEGMENTS:
            raise LimitError(f"{count} program headers")
        image = self.image
        wide = image.bits == 64
        layout, size = ("IIQQQQQQ", 56) if wide else ("8I", 32)
        if entry < size:
            raise MalformedError(f"program headers of {entry} bytes")
        rows = list(image.table(f"{layout}{entry - size}x", offset, count * entry))
        if len(rows) < count:
            self.anomalies.append(f"{count} program headers declared, {len(rows)} in the file")
        if wide:
            return tuple(Segment(r[0], r[1], r[2], r[3], r[5], r[7]) for r in rows)
        return tuple(Segment(r[0], r[6], r[1], r[2], r[4], r[7]) for r in rows)

    def _sections(self, offset: int, entry: int, count: int, names: int) -> tuple[Section, ...]:
        if not offset:
            return ()
        image = self.image
        layout, size = ("IIQQQQIIQQ", 64) if image.bits == 64 else ("10I", 40)
        if entry < size:
            raise MalformedError(f"section headers of {entry} bytes")
        first = image.unpack(layout, offset)
        count = count or first[5]  # more than 65,279 sections: the count stands in the first, so do the names
        names = first[6] if names == _SHN_XINDEX else names
        if count > MAX_ELF_SECTIONS:
            raise LimitError(f"{count} section headers")
        rows = list(image.table(f"{layout}{entry - size}x", offset, count * entry))
        if len(rows) < count:
            raise TruncatedError(f"{count} section headers declared, {len(rows)} in the file")
        strings = _text_of(image.view, rows[names][4], rows[names][5]) if names < count else b""
        return tuple(Section(_string(strings, r[0]), r[1], r[2], r[4], r[5], r[6]) for r in rows)

    def _dynamic(self, segments: tuple[Segment, ...]) -> list[tuple[int, int]]:
        place = next((s for s in segments if s.type == PT_DYNAMIC), None)
        if place is None:
            return []
        entries: list[tuple[int, int]] = []
        for tag, value in self.image.table("QQ" if self.image.bits == 64 else "II", place.offset, place.size):
            if tag == 0:
                return entries
            entries.append((tag, value))
            if len(entries) > MAX_ELF_DYNAMIC:
                raise LimitError("dynamic section without end")
        return entries

    def _symbols(self, entries: list[tuple[int, int]], sections: tuple[Section, ...]) -> _Symbols | None:
        facts = dict(reversed(entries))  # the first of a repeated tag counts
        place = self.image.offset_of
        strings, table = place(facts.get(_DT_STRTAB, -1)), place(facts.get(_DT_SYMTAB, -1))
        if strings is not None and table is not None:
            texts = (strings, facts.get(_DT_STRSZ, 0))
            return _Symbols(self.image, facts, texts, table, _dynsym_size(sections))
        symbols = next((s for s in sections if s.type == SHT_DYNSYM), None)
        if symbols is None or symbols.link >= len(sections):
            return None
        linked = sections[symbols.link]
        return _Symbols(self.image, {}, (linked.offset, linked.size), symbols.offset, symbols.size)

    def _names(self, entries: list[tuple[int, int]], tag: int, symbols: _Symbols | None) -> Iterator[str]:
        if symbols is not None:
            for offset in (value for key, value in entries if key == tag):
                yield symbols.text(offset)

    def _notes(
        self, segments: tuple[Segment, ...], sections: tuple[Section, ...]
    ) -> tuple[str | None, AndroidIdent | None]:
        places = [(s.offset, s.size, s.align) for s in segments if s.type == PT_NOTE]
        places += [(s.offset, s.size, 4) for s in sections if s.type == SHT_NOTE]
        build_id: str | None = None
        android: AndroidIdent | None = None
        for offset, size, align in places[:MAX_ELF_NOTES]:
            for owner, kind, payload in _notes_in(self.image, offset, size, 8 if align == 8 else 4):
                if owner == b"GNU" and kind == _NT_GNU_BUILD_ID:
                    build_id = build_id or payload.hex()
                elif owner == b"Android" and kind == _NT_ANDROID_IDENT and len(payload) >= 4:
                    android = android or _android_ident(payload, self.image.order)
            if build_id and android:
                break
        return build_id, android

    def _comment(self, sections: tuple[Section, ...]) -> tuple[str, ...]:
        place = next((s for s in sections if s.name == ".comment" and s.type == SHT_PROGBITS), None)
        if place is None:
            return ()
        text = bytes(self.image.view[place.offset : place.offset + min(place.size, MAX_STRING)])
        return tuple(dict.fromkeys(part.decode("utf-8", "replace") for part in text.split(b"\0") if part))


class _Symbols:
    """The dynamic symbol table, asked by name. Tables are copied out on first use and kept."""

    __slots__ = ("_count", "_defined", "_facts", "_gnu", "_image", "_imported", "_place", "_size", "_strings", "_table")

    def __init__(self, image: _Image, facts: dict[int, int], texts: tuple[int, int], table: int, size: int) -> None:
        self._image = image
        self._facts = facts
        self._place = texts
        self._table = table
        self._size = size
        self._strings: bytes | None = None
        self._gnu: _GnuHash | None = None
        self._count: int | None = None
        self._imported: frozenset[bytes] | None = None
        self._defined: frozenset[bytes] | None = None

    def strings(self) -> bytes:
        """The dynamic string table."""
        if self._strings is None:
            offset, size = self._place
            self._strings = bytes(self._image.view[offset : offset + size])
        return self._strings

    def text(self, offset: int) -> str:
        """One name of the string table, which stays where it is: in large libraries it has megabytes."""
        return _string(self._raw(offset, MAX_NAME), 0)

    def _raw(self, offset: int, size: int) -> bytes:
        start, whole = self._place
        return bytes(self._image.view[start + offset : start + min(whole, offset + size)])

    def exports(self, name: bytes) -> bool:
        """By the GNU hash table where there is one, as the loader does; else from the set of all names."""
        table = self._hash()
        if table is not None:
            return any(self._is(name, index) for index in table.candidates(name))
        if self._defined is None:
            self._defined = frozenset(text for text, _, defined in self.entries() if defined)
        return name in self._defined

    def value(self, name: bytes) -> int | None:
        """Address of the defined symbol `name`."""
        table = self._hash()
        if table is not None:
            index = next((place for place in table.candidates(name) if self._is(name, place)), None)
        else:
            index = next((place for text, place, defined in self.entries() if defined and text == name), None)
        if index is None:
            return None
        size, value = (24, "8xQ") if self._image.bits == 64 else (16, "4xI")
        return self._image.unpack(value, self._table + index * size)[0]

    def imported(self) -> frozenset[bytes]:
        """Names of undefined symbols: a hash table has the defined ones last, so only those before are read."""
        if self._imported is None:
            table = self._hash()
            stop = min(table.first, self.count()) if table is not None and table.count() else self.count()
            self._imported = frozenset(text for text, _, defined in self.entries(stop) if not defined)
        return self._imported

    def entries(self, stop: int | None = None) -> Iterator[tuple[bytes, int, bool]]:
        """(name, index, defined) of each symbol that other libraries can see; raises `LimitError`."""
        strings = self.strings()
        left = MAX_SYMBOL_TEXT
        size, layout = self._layout()
        count = self.count() if stop is None else stop
        for index, (at, info, section) in enumerate(self._image.table(layout, self._table, count * size)):
            if not at or not info >> 4:  # unnamed or local
                continue
            end = strings.find(b"\0", at, at + MAX_SYMBOL)
            name = strings[at : end if end >= 0 else at + MAX_SYMBOL]
            left -= len(name)
            if left < 0:
                raise LimitError(f"symbol names of more than {MAX_SYMBOL_TEXT} bytes")
            yield name, index, section != 0

    def count(self) -> int:
        """How many symbols there are: the hash tables know; without them, the section or the room before the names."""
        if self._count is None:
            size = self._layout()[0]
            room = max(0, len(self._image.view) - self._table) // size
            self._count = min(self._declared(size), room, MAX_ITEMS)
        return self._count

    def versions(self) -> tuple[str, ...]:
        """Names of the version definitions."""
        names: list[str] = []
        at = self._image.offset_of(self._facts.get(_DT_VERDEF, -1))
        for _ in range(min(self._facts.get(_DT_VERDEFNUM, 0), MAX_ELF_DYNAMIC)):
            if at is None:
                break
            _, flags, _, count, _, aux, step = self._image.unpack("HHHHIII", at)
            if count and not flags & _VER_FLG_BASE:
                names.append(self.text(self._image.unpack("I", at + aux)[0]))
            at = at + step if step else None
        return tuple(names)

    def _declared(self, size: int) -> int:
        table = self._hash()
        sysv = self._image.offset_of(self._facts.get(_DT_HASH, -1))
        if sysv is not None:
            return self._image.unpack("II", sysv)[1]
        counted = 0 if table is None else table.count()
        return counted or (self._size or max(0, self._place[0] - self._table)) // size

    def _hash(self) -> _GnuHash | None:
        if self._gnu is None and _DT_GNU_HASH in self._facts:
            place = self._image.offset_of(self._facts[_DT_GNU_HASH])
            self._gnu = None if place is None else _GnuHash.at(self._image, place)
            if self._gnu is None:
                del self._facts[_DT_GNU_HASH]
        return self._gnu

    def _is(self, name: bytes, index: int) -> bool:
        size, layout = self._layout()
        at, info, section = self._image.unpack(layout, self._table + index * size)
        return bool(section and info >> 4 and self._raw(at, len(name) + 1) == name + b"\0")

    def _layout(self) -> tuple[int, str]:
        return (24, "IBxH16x") if self._image.bits == 64 else (16, "I8xBxH")


class _GnuHash:
    """DT_GNU_HASH: names of the defined symbols, which stand from index `first` on, sorted by bucket."""

    __slots__ = ("_buckets", "_chains", "_image", "_size", "first")

    def __init__(self, image: _Image, size: int, first: int, buckets: int, chains: int) -> None:
        self._image = image
        self._size = size
        self.first = first
        self._buckets = buckets
        self._chains = chains

    @classmethod
    def at(cls, image: _Image, offset: int) -> _GnuHash | None:
        """The table at `offset`, None where its sizes cannot be."""
        if offset + 16 > len(image.view):
            return None
        size, first, bloom, _ = image.unpack("4I", offset)
        buckets = offset + 16 + bloom * image.bits // 8
        chains = buckets + size * 4
        if not 0 < size <= MAX_ITEMS or chains > len(image.view):
            return None
        return cls(image, size, first, buckets, chains)

    def candidates(self, name: bytes) -> Iterator[int]:
        """Indices of the symbols whose hash is that of `name` (without the lowest bit, which marks a chain's end)."""
        value = 5381
        for byte in name:
            value = (value * 33 + byte) & 0xFFFF_FFFF
        index = self._image.unpack("I", self._buckets + value % self._size * 4)[0]
        if index < self.first:
            return
        for place, hashed in self._chain(index):
            if hashed | 1 == value | 1:
                yield place

    def count(self) -> int:
        """Index past the last symbol: the end of the chain that starts last. 0 for an empty table, which cannot tell."""
        buckets = array("I", bytes(self._image.view[self._buckets : self._chains]))
        if (self._image.order == "<") != (sys.byteorder == "little"):
            buckets.byteswap()
        last = max(buckets)
        if last < self.first:
            return 0
        return 1 + max(place for place, _ in self._chain(last))

    def _chain(self, index: int) -> Iterator[tuple[int, int]]:
        for place in range(index, index + MAX_ELF_CHAIN):
            hashed = self._image.unpack("I", self._chains + (place - self.first) * 4)[0]
            yield place, hashed
            if hashed & 1:
                return
        raise LimitError(f"hash chain longer than {MAX_ELF_CHAIN}")


def _in_file(section: Section) -> bool:
    return section.type != SHT_NOBITS and section.size > 0


def _dynsym_size(sections: tuple[Section, ...]) -> int:
    return next((s.size for s in sections if s.type == SHT_DYNSYM), 0)


def _text_of(view: memoryview, offset: int, size: int) -> bytes:
    return bytes(view[offset : offset + min(size, MAX_STRING)])


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset, offset + MAX_NAME)
    return strings[offset : end if end >= 0 else offset + MAX_NAME].decode("utf-8", "replace")


def _notes_in(image: _Image, offset: int, size: int, align: int) -> Iterator[tuple[bytes, int, bytes]]:
    end = min(offset + size, len(image.view))
    for _ in range(MAX_ELF_NOTES):
        if offset + 12 > end:
            return
        name_size, payload_size, kind = image.unpack("III", offset)
        payload = offset + 12 + _padded(name_size, 4 if align == 4 else 8, 12)
        after = payload + _padded(payload_size, align, 0)
        if payload + payload_size > end:
            return
        yield (
            bytes(image.view[offset + 12 : offset + 12 + min(name_size, 16)]).rstrip(b"\0"),
            kind,
            bytes(image.view[payload : payload + min(payload_size, 4096)]),
        )
        offset = after


def _padded(size: int, unit: int, before: int) -> int:
    return (before + size + unit - 1) // unit * unit - before


def _android_ident(payload: bytes, order: str) -> AndroidIdent:
    level = struct.unpack_from(f"{order}I", payload)[0]
    version, build = (payload[at : at + 64].split(b"\0")[0].decode("utf-8", "replace") for at in (4, 68))
    return AndroidIdent(level, version or None, build or None)
