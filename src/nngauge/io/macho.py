"""Reads what a Mach-O file tells about itself: processors, libraries, platform, sections, symbols by name.

Layout: https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h ; export trie:
https://github.com/apple-oss-distributions/dyld/blob/main/common/MachOLoaded.cpp.

Symbol names keep the leading underscore of C names (``_OrtGetApiBase``).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from itertools import compress
from mmap import mmap
from typing import Final, NamedTuple

from msgspec import Struct

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.binary import Buffer, Cursor, cstring_at
from nngauge.limits import (
    MAX_FAT_SLICES,
    MAX_ITEMS,
    MAX_MACHO_COMMANDS,
    MAX_MACHO_SECTIONS,
    MAX_NAME,
    MAX_SYMBOL,
    MAX_SYMBOL_HITS,
    MAX_SYMBOL_TEXT,
    MAX_TRIE_NODES,
)

_THIN: Final = {
    b"\xce\xfa\xed\xfe": ("<", 32), b"\xcf\xfa\xed\xfe": ("<", 64),
    b"\xfe\xed\xfa\xce": (">", 32), b"\xfe\xed\xfa\xcf": (">", 64),
}  # fmt: skip
_FAT: Final = {b"\xca\xfe\xba\xbe": (">IIIII", 20), b"\xca\xfe\xba\xbf": (">IIQQII", 32)}

CPUS: Final = {7: "i386", 0x01000007: "x86_64", 12: "arm", 0x0100000C: "arm64", 0x0200000C: "arm64_32", 18: "ppc"}
_ARM64E: Final = 2
FILETYPES: Final = {
    1: "object", 2: "executable", 4: "core", 6: "dylib", 7: "dylinker", 8: "bundle", 9: "dylib stub", 10: "dsym",
    11: "kext", 12: "fileset",
}  # fmt: skip
PLATFORMS: Final = {
    1: "macos", 2: "ios", 3: "tvos", 4: "watchos", 5: "bridgeos", 6: "maccatalyst", 7: "ios-simulator",
    8: "tvos-simulator", 9: "watchos-simulator", 10: "driverkit", 11: "visionos", 12: "visionos-simulator",
}  # fmt: skip

_LC_SEGMENT, _LC_SYMTAB, _LC_SEGMENT_64, _LC_UUID = 0x1, 0x2, 0x19, 0x1B
_LC_ID_DYLIB, _LC_RPATH, _LC_BUILD_VERSION = 0xD, 0x8000001C, 0x32
_LOADS: Final = {0xC: "load", 0x80000018: "weak", 0x8000001F: "reexport", 0x20: "lazy", 0x80000023: "upward"}
_VERSION_MIN: Final = {0x24: "macos", 0x25: "ios", 0x2F: "tvos", 0x30: "watchos"}
_ENCRYPTION: Final = (0x21, 0x2C)
_LC_DYLD_INFO: Final = (0x22, 0x80000022)
_LC_DYLD_EXPORTS_TRIE: Final = 0x80000033
_N_STAB, _N_TYPE, _N_EXT = 0xE0, 0x0E, 0x01
_UNDEFINED: Final = bytes(kind & (_N_STAB | _N_TYPE | _N_EXT) == _N_EXT for kind in range(256))
_DEFINED: Final = bytes(bool(kind & _N_EXT and kind & _N_TYPE and not kind & _N_STAB) for kind in range(256))
"""Tables that turn the types of all symbols into a mask at once; large libraries have 10⁶, nearly all of them local."""
_ZEROFILL: Final = (0x1, 0xC, 0x12)


class Dylib(NamedTuple):
    """A library that is linked: install name, current version (``1.31.1``), and how (load, weak, lazy…)."""

    name: str
    version: str
    kind: str


class BuildTarget(NamedTuple):
    """What it was built for; versions in words."""

    platform: str
    minimum_os: str
    sdk: str


class Section(NamedTuple):
    """One section; `offset` is from the start of the whole file, also in a fat one. Zero-filled ones have size 0."""

    segment: str
    name: str
    offset: int
    size: int


class Slice(Struct, frozen=True, kw_only=True):
    """One architecture. Holds a view of the given buffer: drop it before closing a map."""

    cpu: str
    bits: int
    offset: int
    """First byte of the slice in the file."""
    size: int
    filetype: str
    install_name: str | None
    """The name a dylib goes by."""
    install_version: str | None
    dylibs: tuple[Dylib, ...]
    rpaths: tuple[str, ...]
    uuid: str | None
    builds: tuple[BuildTarget, ...]
    sections: tuple[Section, ...]
    encrypted: bool
    """FairPlay: the code of an App Store binary, unreadable outside the phone (`cryptid` is not 0)."""
    encrypted_range: tuple[int, int] | None
    """(offset in the file, size) of the part that encryption concerns."""
    anomalies: tuple[str, ...]
    _symbols: _Symbols

    def exports(self, name: bytes) -> bool:
        """Whether `name` is defined here for others: by the export trie, as the loader sees it, else by the symbols.

        Raises `InputError` subclasses for tables that lie.
        """
        if self._symbols.trie[1]:
            return self._symbols.in_trie(name)
        return self._symbols.has(name, defined=True)

    def imports(self, name: bytes) -> bool:
        """Whether `name` is wanted from elsewhere."""
        return self._symbols.has(name, defined=False)

    def symbol_names(self) -> Iterator[tuple[str, bool]]:
        """External symbols as (name, defined here): those of the symbol table, then those only in the export trie."""
        return self._symbols.names()

    def objc_classes(self) -> tuple[str, ...]:
        """Names of Objective-C classes, categories and protocols (all stand in ``__objc_classname``)."""
        return self._symbols.strings_of(tuple(s for s in self.sections if s.name == "__objc_classname"))

    def section_at(self, offset: int) -> str | None:
        """``segment,section`` that holds the byte at `offset` of the file."""
        for section in self.sections:
            if section.offset <= offset < section.offset + section.size:
                return f"{section.segment},{section.name}"
        return None


class MachO(Struct, frozen=True, kw_only=True):
    """A Mach-O file; thin ones have a single slice."""

    fat: bool
    slices: tuple[Slice, ...]

    @property
    def encrypted(self) -> bool:
        """Whether any slice is encrypted by FairPlay."""
        return any(part.encrypted for part in self.slices)

    def exports(self, name: bytes) -> bool:
        """Whether any slice exports `name`."""
        return any(part.exports(name) for part in self.slices)

    def imports(self, name: bytes) -> bool:
        """Whether any slice imports `name`."""
        return any(part.imports(name) for part in self.slices)


def read_macho(buf: Buffer | mmap) -> MachO:
    """Reads a thin or fat Mach-O file; slices of a fat file that are not Mach-O (bitcode, archives) are left out.

    Raises `NotThisFormat` without the magic (a Java class shares that of fat files), `MalformedError`, `LimitError`,
    `UnsupportedError` for a fat file without any.
    """
    view = memoryview(buf)
    magic = bytes(view[:4])
    if magic in _THIN:
        return MachO(fat=False, slices=(_Reader(view, 0, len(view)).read(),))
    if magic not in _FAT:
        raise NotThisFormat("no Mach-O magic")
    count = _unpack(">I", view, 4)[0]
    if not 0 < count <= MAX_FAT_SLICES:
        raise NotThisFormat("a Java class, or no fat Mach-O")
    slices = []
    layout, step = _FAT[magic]
    for row in range(count):
        offset, size = _unpack(layout, view, 8 + row * step)[2:4]
        if offset + size > len(view):
            raise TruncatedError(f"slice of {size} bytes past the end", where=f"@{offset}")
        if bytes(view[offset : offset + 4]) in _THIN:
            slices.append(_Reader(view, offset, size).read())
    if not slices:
        raise UnsupportedError("fat file of something other than Mach-O", hint="static libraries are archives")
    return MachO(fat=True, slices=tuple(slices))


def _unpack(layout: str, view: memoryview, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, view, offset)
    except struct.error:
        raise TruncatedError("structure cut short", where=f"@{offset}") from None


def _version(packed: int) -> str:
    """Nibbles xxxx.yy.zz; https://developer.apple.com/documentation/xcode/build-settings-reference."""
    major, minor, patch = packed >> 16, packed >> 8 & 0xFF, packed & 0xFF
    return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


def _fixed(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace")


class _Reader:
    """One pass over the load commands of one slice."""

    def __init__(self, view: memoryview, offset: int, size: int) -> None:
        self.view = view[offset : offset + size]
        self.offset = offset
        magic = bytes(self.view[:4])
        if magic not in _THIN:
            raise TruncatedError("slice of less than a magic", where=f"@{offset}")
        self.order, self.bits = _THIN[magic]
        self.install: Dylib | None = None
        self.dylibs: list[Dylib] = []
        self.rpaths: list[str] = []
        self.uuid: str | None = None
        self.builds: list[BuildTarget] = []
        self.sections: list[Section] = []
        self.crypt: tuple[int, int, int] | None = None
        self.symbols = _Symbols(self.view, self.order, self.bits, offset)
        self.anomalies: list[str] = []

    def read(self) -> Slice:
        _, cpu, subtype, kind, count, _, _ = self._unpack("7I", 0)
        try:
            self._commands(count)
        except InputError as error:
            self.anomalies.append(str(error))
        name = CPUS.get(cpu, f"cpu {cpu:#x}")
        crypt = self.crypt
        return Slice(
            cpu="arm64e" if name == "arm64" and subtype & 0xFF == _ARM64E else name,
            bits=self.bits,
            offset=self.offset,
            size=len(self.view),
            filetype=FILETYPES.get(kind, str(kind)),
            install_name=self.install.name if self.install else None,
            install_version=self.install.version if self.install else None,
            dylibs=tuple(self.dylibs),
            rpaths=tuple(self.rpaths),
            uuid=self.uuid,
            builds=tuple(self.builds),
            sections=tuple(self.sections),
            encrypted=crypt is not None and crypt[2] != 0,
            encrypted_range=(self.offset + crypt[0], crypt[1]) if crypt else None,
            anomalies=tuple(self.anomalies),
            _symbols=self.symbols,
        )

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return _unpack(self.order + layout, self.view, at)

    def _commands(self, count: int) -> None:
        if count > MAX_MACHO_COMMANDS:
            raise LimitError(f"{count} load commands")
        at = 32 if self.bits == 64 else 28
        for _ in range(count):
            kind, size = self._unpack("II", at)
            if size < 8 or at + size > len(self.view):
                raise MalformedError(f"load command of {size} bytes", where=f"@{self.offset + at}")
            self._command(kind, at, size)
            at += size

    def _command(self, kind: int, at: int, size: int) -> None:
        if kind in (_LC_SEGMENT, _LC_SEGMENT_64):
            self._segment(at, wide=kind == _LC_SEGMENT_64)
        elif kind == _LC_SYMTAB:
            symbols, count, strings, strings_size = self._unpack("4I", at + 8)
            self.symbols.table = (symbols, count)
            self.symbols.place = (strings, strings_size)
        elif kind in _LOADS or kind == _LC_ID_DYLIB:
            self._dylib(kind, at, size)
        elif kind == _LC_RPATH:
            self.rpaths.append(self._string(at, size, self._unpack("I", at + 8)[0]))
        elif kind == _LC_UUID:
            self.uuid = bytes(self.view[at + 8 : at + 24]).hex()
        elif kind in _ENCRYPTION:
            offset, length, crypt_id = self._unpack("III", at + 8)
            self.crypt = (offset, length, crypt_id)
        elif kind in _LC_DYLD_INFO:
            offset, length = self._unpack("II", at + 40)
            self.symbols.trie = (offset, length)
        elif kind == _LC_DYLD_EXPORTS_TRIE:
            offset, length = self._unpack("II", at + 8)
            self.symbols.trie = (offset, length)
        elif kind == _LC_BUILD_VERSION:
            platform, minimum, sdk = self._unpack("III", at + 8)
            name = PLATFORMS.get(platform, f"platform {platform}")
            self.builds.append(BuildTarget(name, _version(minimum), _version(sdk)))
        elif kind in _VERSION_MIN:
            minimum, sdk = self._unpack("II", at + 8)
            self.builds.append(BuildTarget(_VERSION_MIN[kind], _version(minimum), _version(sdk)))

    def _dylib(self, kind: int, at: int, size: int) -> None:
        name, _, version, _ = self._unpack("4I", at + 8)
        dylib = Dylib(self._string(at, size, name), _version(version), _LOADS.get(kind, "id"))
        if kind == _LC_ID_DYLIB:
            self.install = dylib
        else:
            self.dylibs.append(dylib)

    def _string(self, at: int, size: int, offset: int) -> str:
        return _fixed(bytes(self.view[at + min(offset, size) : at + min(size, offset + MAX_NAME)]))

    def _segment(self, at: int, *, wide: bool) -> None:
        count = self._unpack("I", at + (64 if wide else 48))[0]
        layout, step, first = ("16s16sQQ8I", 80, at + 72) if wide else ("16s16s9I", 68, at + 56)
        if len(self.sections) + count > MAX_MACHO_SECTIONS:
            raise LimitError(f"{count} sections in one segment")
        shape = struct.Struct(self.order + layout)
        data = self.view[first : first + count * step]
        if len(data) < count * step:
            raise TruncatedError(f"{count} sections declared", where=f"@{self.offset + at}")
        for name, segment, _, size, offset, _, _, _, flags, *_ in shape.iter_unpack(data):
            kept = 0 if flags & 0xFF in _ZEROFILL else size
            self.sections.append(Section(_fixed(segment), _fixed(name), self.offset + offset, kept))


class _Symbols:
    """Symbol table and export trie, asked by name. Tables are copied out on first use and kept."""

    __slots__ = ("_bits", "_offset", "_order", "_starts", "_strings", "_view", "place", "table", "trie")

    def __init__(self, view: memoryview, order: str, bits: int, offset: int) -> None:
        self._view = view
        self._order = order
        self._bits = bits
        self._offset = offset
        self.table = (0, 0)
        """Offset and count of the symbols."""
        self.place = (0, 0)
        """Offset and size of their names."""
        self.trie = (0, 0)
        """Offset and size of the export trie."""
        self._strings: bytes | None = None
        self._starts: tuple[frozenset[int], frozenset[int]] | None = None

    def has(self, name: bytes, *, defined: bool) -> bool:
        """Looks for the name in the string table, then whether an external symbol begins there."""
        starts = self._external()[defined]
        if not starts:
            return False
        strings, wanted = self._texts(), name + b"\0"
        at = strings.find(wanted)
        for _ in range(MAX_SYMBOL_HITS):
            if at < 0 or at in starts:
                return at >= 0
            at = strings.find(wanted, at + 1)
        raise LimitError(f"a symbol name that occurs more than {MAX_SYMBOL_HITS} times")

    def in_trie(self, name: bytes) -> bool:
        """Follows the export trie along `name`; microseconds, and stripped binaries keep their exports there alone."""
        cursor = self._trie_cursor()
        rest = name
        while cursor is not None:
            terminal, children = _trie_node(cursor)
            if not rest:
                return terminal
            step = next(((edge, to) for edge, to in children if rest.startswith(edge) and edge), None)
            if step is None:
                return False
            rest = rest[len(step[0]) :]
            cursor.seek(self.trie[0] + step[1])
        return False

    def names(self) -> Iterator[tuple[str, bool]]:
        """All external names, those of the symbol table first."""
        strings, left = self._texts(), MAX_SYMBOL_TEXT
        seen: set[bytes] = set()
        undefined, defined = self._external()
        for starts, here in ((defined, True), (undefined, False)):
            for at in sorted(starts):
                end = strings.find(b"\0", at, at + MAX_SYMBOL)
                name = strings[at : end if end >= 0 else at + MAX_SYMBOL]
                left -= len(name)
                if left < 0:
                    raise LimitError(f"symbol names of more than {MAX_SYMBOL_TEXT} bytes")
                if here:
                    seen.add(name)
                yield name.decode("utf-8", "replace"), here
        for name in self._trie_names(left):
            if name not in seen:
                yield name.decode("utf-8", "replace"), True

    def strings_of(self, sections: tuple[Section, ...]) -> tuple[str, ...]:
        """The NUL-separated strings of the sections."""
        names: dict[str, None] = {}
        left = len(self._view)
        for section in sections:
            left -= section.size
            if left < 0:
                raise MalformedError("sections together longer than the file")
            start = section.offset - self._offset
            for raw in bytes(self._view[start : start + section.size]).split(b"\0"):
                if raw:
                    names[raw[:MAX_NAME].decode("utf-8", "replace")] = None
        return tuple(names)

    def _texts(self) -> bytes:
        if self._strings is None:
            offset, size = self.place
            self._strings = bytes(self._view[offset : offset + size])
        return self._strings

    def _external(self) -> tuple[frozenset[int], frozenset[int]]:
        """Where names of external symbols begin in the string table: (undefined, defined)."""
        if self._starts is None:
            offset, count = self.table
            width = 16 if self._bits == 64 else 12
            data = bytes(self._view[offset : offset + min(count, MAX_ITEMS) * width])
            data = data[: len(data) // width * width]
            places = array("I", data)
            if (self._order == "<") != (sys.byteorder == "little"):
                places.byteswap()
            begins, kinds = places[:: width // 4], data[4::width]
            self._starts = (
                frozenset(compress(begins, kinds.translate(_UNDEFINED))) - {0},
                frozenset(compress(begins, kinds.translate(_DEFINED))) - {0},
            )
        return self._starts

    def _trie_cursor(self) -> Cursor | None:
        offset, size = self.trie
        return Cursor(self._view, offset, offset + size) if size else None

    def _trie_names(self, left: int) -> Iterator[bytes]:
        cursor = self._trie_cursor()
        stack = [(b"", 0)] if cursor is not None else []
        for _ in range(MAX_TRIE_NODES):
            if not stack or cursor is None:
                return
            prefix, at = stack.pop()
            cursor.seek(self.trie[0] + at)
            terminal, children = _trie_node(cursor)
            left -= sum(len(prefix) + len(edge) for edge, _ in children)
            if left < 0 or len(prefix) > MAX_SYMBOL or len(stack) > MAX_TRIE_NODES:
                raise LimitError("export trie without end")
            if terminal:
                yield prefix
            stack.extend((prefix + edge, to) for edge, to in reversed(children) if edge)
        raise LimitError(f"more than {MAX_TRIE_NODES} nodes in the export trie")


def _trie_node(cursor: Cursor) -> tuple[bool, list[tuple[bytes, int]]]:
    """Whether a name ends at the node, and its edges (text, offset of the child)."""
    size = cursor.uleb()
    cursor.skip(size)
    children = []
    for _ in range(cursor.u8()):
        edge = cstring_at(cursor.buf, cursor.pos, cursor.end, MAX_SYMBOL)
        cursor.skip(len(edge) + 1)
        children.append((edge, cursor.uleb()))
    return size > 0, children
