"""A valid Android shared library without code: symbols, messages, notes and data, as the linker lays them out.

An exported function returns at once, or returns the address of a string, as the version functions of libraries do.
Layout: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html ;
hash table: https://flapenguin.me/elf-dt-gnu-hash ; versions: https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

PAGE = 0x1000
LOAD, DYNAMIC, NOTE = 1, 2, 4
READ, WRITE, EXECUTE = 4, 2, 1
PROGBITS, STRTAB, DYNAMIC_SECTION, NOTE_SECTION, DYNSYM, GNU_HASH, VERDEF, VERSYM = (
    1, 3, 6, 7, 11, 0x6FFFFFF6, 0x6FFFFFFD, 0x6FFFFFFF,
)  # fmt: skip
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME = 1, 5, 6, 10, 11, 14
DT_GNU_HASH, DT_VERSYM, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD
FUNCTION, FUNCTION_SIZE = 0x12, 16
SHARED = 3
SEGMENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How one ABI writes things."""

    wide: bool
    number: int
    flags: int
    nothing: int
    """The instruction that returns."""
    getter: Callable[[int, int], tuple[int, ...]]
    """Instructions at one address that return another address."""


def _getter64(place: int, target: int) -> tuple[int, ...]:
    """``adrp x0, page; add x0, x0, offset; ret``."""
    pages = (target >> 12) - (place >> 12) & 0x1FFFFF
    return 0x90000000 | (pages & 3) << 29 | (pages >> 2) << 5, 0x91000000 | (target & 0xFFF) << 10, 0xD65F03C0


def _getter32(place: int, target: int) -> tuple[int, ...]:
    """``ldr r0, [pc, #4]; add r0, pc, r0; bx lr`` and the distance; pc is two instructions ahead."""
    return 0xE59F0004, 0xE08F0000, 0xE12FFF1E, target - (place + 12) & 0xFFFFFFFF


ARM64 = Machine(wide=True, number=183, flags=0, nothing=0xD65F03C0, getter=_getter64)
ARM32 = Machine(wide=False, number=40, flags=0x05000200, nothing=0xE12FFF1E, getter=_getter32)


@dataclass(slots=True)
class _Section:
    name: str
    kind: int
    flags: int
    content: bytes
    entry: int = 0
    link: str = ""
    info: int = 0
    offset: int = 0
    address: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into the library."""

    soname: str
    needed: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    version: str = ""
    """One symbol version for all exports, like ``VERS_1.22.0``."""
    getters: Mapping[str, str] = field(default_factory=dict)
    """Exported functions that return a string."""
    rodata: bytes = b""
    data: bytes = b""
    comment: bytes = b""
    build_id: bytes = b""
    android: tuple[int, str, str] = (24, "r27c", "12479018")
    """API level, NDK release and build number of the NDK's note."""


@dataclass(slots=True)
class _Names:
    blob: bytearray = field(default_factory=lambda: bytearray(1))

    def add(self, text: str) -> int:
        at = len(self.blob)
        self.blob += text.encode() + b"\0"
        return at


def build_elf(contents: Contents, machine: Machine = ARM64) -> bytes:
    """The image."""
    names = _Names()
    texts = [names.add(item) for item in (*contents.imports, *contents.exports)]
    needed = [names.add(item) for item in contents.needed]
    soname, version = names.add(contents.soname), names.add(contents.version) if contents.version else 0
    sections = _sections(contents, machine, names, (soname, version))
    _place(sections, machine)
    by_name = {section.name: section for section in sections}
    by_name[".dynsym"].content = _symbols(contents, machine, texts, by_name[".text"].address, sections)
    by_name[".text"].content = _code(contents, machine, by_name[".text"].address, by_name[".rodata"])
    by_name[".dynamic"].content = _dynamic(machine, by_name, soname, needed)
    return _image(sections, machine)


def _sections(contents: Contents, machine: Machine, names: _Names, versioned: tuple[int, int]) -> list[_Section]:
    count = 1 + len(contents.imports) + len(contents.exports)
    symbol = 24 if machine.wide else 16
    entries = 8 + len(contents.needed) + (3 if contents.version else 0)
    sections = [
        _Section(".note.android.ident", NOTE_SECTION, 2, _android_note(contents)),
        _Section(".note.gnu.build-id", NOTE_SECTION, 2, _note("GNU", 3, contents.build_id)),
        _Section(".dynsym", DYNSYM, 2, bytes(symbol * count), symbol, ".dynstr", 1),
        _Section(".gnu.hash", GNU_HASH, 2, _hash_table(contents, machine), 0, ".dynsym"),
        _Section(".dynstr", STRTAB, 2, bytes(names.blob)),
        _Section(".rodata", PROGBITS, 2, contents.rodata + _returned(contents)),
        _Section(".text", PROGBITS, 6, bytes(FUNCTION_SIZE * len(contents.exports))),
        _Section(".data", PROGBITS, 3, contents.data),
        _Section(".dynamic", DYNAMIC_SECTION, 3, bytes((16 if machine.wide else 8) * entries), 16 if machine.wide else 8, ".dynstr"),
        _Section(".comment", PROGBITS, 0x30, contents.comment, 1),
    ]  # fmt: skip
    if contents.version:
        versions = struct.pack(f"<{count}H", 0, *[1] * len(contents.imports), *[2] * len(contents.exports))
        sections[4:4] = [
            _Section(".gnu.version", VERSYM, 2, versions, 2, ".dynsym"),
            _Section(".gnu.version_d", VERDEF, 2, _definitions(contents, versioned), 0, ".dynstr", 2),
        ]
    return sections


def _definitions(contents: Contents, names: tuple[int, int]) -> bytes:
    rows = ((1, 1, contents.soname, names[0], 28), (0, 2, contents.version, names[1], 0))
    return b"".join(
        struct.pack("<HHHHIIIII", 1, base, index, 1, sysv_hash(text), 20, following, name, 0)
        for base, index, text, name, following in rows
    )


def sysv_hash(name: str) -> int:
    """The hash of the System V ABI, which version definitions use."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        value ^= (value >> 24) & 0xF0
        value &= 0x0FFFFFFF
    return value


def gnu_hash(name: str) -> int:
    """The hash of the GNU symbol table."""
    value = 5381
    for byte in name.encode():
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def _hash_table(contents: Contents, machine: Machine) -> bytes:
    """One bucket and a filter that lets everything pass: small, and as valid as any other."""
    hashes = [gnu_hash(name) & ~1 for name in contents.exports]
    chain = [*hashes[:-1], hashes[-1] | 1] if hashes else []
    first = 1 + len(contents.imports)
    bloom = b"\xff" * (8 if machine.wide else 4)
    return (
        struct.pack("<4I", 1, first, 1, 0) + bloom + struct.pack(f"<{1 + len(chain)}I", first if chain else 0, *chain)
    )


def _note(owner: str, kind: int, payload: bytes) -> bytes:
    name = owner.encode() + b"\0"
    name += bytes(-len(name) % 4)
    return struct.pack("<III", len(owner) + 1, len(payload), kind) + name + payload + bytes(-len(payload) % 4)


def _android_note(contents: Contents) -> bytes:
    level, release, number = contents.android
    return _note("Android", 1, struct.pack("<I64s64s", level, release.encode(), number.encode()))


def _place(sections: list[_Section], machine: Machine) -> None:
    """Offsets one after the other; each change of rights moves the addresses to a page of their own."""
    offset = (64 + 56 * SEGMENTS) if machine.wide else (52 + 32 * SEGMENTS)
    shift, rights = 0, 2
    for section in sections:
        if section.flags & 2 and section.flags != rights:
            shift, rights = shift + PAGE, section.flags
        offset += -offset % _alignment(section)
        section.offset = offset
        section.address = offset + shift if section.flags & 2 else 0
        offset += len(section.content)


def _alignment(section: _Section) -> int:
    """Notes stand close together, because the one segment over them is read as one list."""
    return 4 if section.kind == NOTE_SECTION else 16 if section.flags & 2 else 1


def _symbols(contents: Contents, machine: Machine, texts: list[int], code: int, sections: list[_Section]) -> bytes:
    where = 1 + [section.name for section in sections].index(".text")
    rows = [(0, 0, 0, 0, 0)]
    for index, text in enumerate(texts):
        function = index - len(contents.imports)
        place = (where, code + FUNCTION_SIZE * function, FUNCTION_SIZE) if function >= 0 else (0, 0, 0)
        rows.append((text, FUNCTION, *place))
    if machine.wide:
        return b"".join(
            struct.pack("<IBBHQQ", text, kind, 0, home, value, size) for text, kind, home, value, size in rows
        )
    return b"".join(struct.pack("<IIIBBH", text, value, size, kind, 0, home) for text, kind, home, value, size in rows)


def _returned(contents: Contents) -> bytes:
    return b"\0" + b"".join(text.encode() + b"\0" for text in contents.getters.values())


def _code(contents: Contents, machine: Machine, place: int, rodata: _Section) -> bytes:
    out = b""
    for index, name in enumerate(contents.exports):
        words: tuple[int, ...] = (machine.nothing,)
        if name in contents.getters:
            target = rodata.address + rodata.content.rindex(b"\0" + contents.getters[name].encode() + b"\0") + 1
            words = machine.getter(place + FUNCTION_SIZE * index, target)
        out += struct.pack(f"<{len(words)}I", *words).ljust(FUNCTION_SIZE, b"\0")
    return out


def _dynamic(machine: Machine, by_name: dict[str, _Section], soname: int, needed: list[int]) -> bytes:
    at = {name: section.address for name, section in by_name.items()}
    rows = [(DT_NEEDED, text) for text in needed]
    rows += [
        (DT_SONAME, soname),
        (DT_GNU_HASH, at[".gnu.hash"]),
        (DT_STRTAB, at[".dynstr"]),
        (DT_SYMTAB, at[".dynsym"]),
    ]
    rows += [(DT_STRSZ, len(by_name[".dynstr"].content)), (DT_SYMENT, by_name[".dynsym"].entry)]
    if ".gnu.version" in at:
        rows += [(DT_VERSYM, at[".gnu.version"]), (DT_VERDEF, at[".gnu.version_d"]), (DT_VERDEFNUM, 2)]
    packed = b"".join(struct.pack("<QQ" if machine.wide else "<II", *row) for row in rows)
    return packed.ljust(len(by_name[".dynamic"].content), b"\0")


def _image(sections: list[_Section], machine: Machine) -> bytes:
    names = _Names()
    titles = [names.add(section.name) for section in sections]
    last = names.add(".shstrtab")
    end = sections[-1].offset + len(sections[-1].content)
    sections = [*sections, _Section(".shstrtab", STRTAB, 0, bytes(names.blob), offset=end)]
    headers_at = end + len(names.blob)
    headers_at += -headers_at % 8
    image = bytearray(headers_at)
    for section in sections:
        image[section.offset : section.offset + len(section.content)] = section.content
    front = _head(machine, headers_at, len(sections) + 1) + _segments(sections, machine)
    image[: len(front)] = front
    rows = [
        _section_row(machine, section, title, sections)
        for section, title in zip(sections, [*titles, last], strict=True)
    ]
    return bytes(image) + bytes(64 if machine.wide else 40) + b"".join(rows)


def _head(machine: Machine, headers_at: int, count: int) -> bytes:
    ident = b"\x7fELF" + bytes([2 if machine.wide else 1, 1, 1]) + bytes(9)
    own, program, section = (64, 56, 64) if machine.wide else (52, 32, 40)
    layout = "<HHIQQQIHHHHHH" if machine.wide else "<HHIIIIIHHHHHH"
    return ident + struct.pack(
        layout,
        SHARED,
        machine.number,
        1,
        0,
        own,
        headers_at,
        machine.flags,
        own,
        program,
        SEGMENTS,
        section,
        count,
        count - 1,
    )


def _segments(sections: list[_Section], machine: Machine) -> bytes:
    def span(chosen: list[_Section]) -> tuple[int, int, int]:
        first, last = chosen[0], chosen[-1]
        return first.offset, first.address, last.offset + len(last.content) - first.offset

    def having(flags: int) -> list[_Section]:
        return [section for section in sections if section.flags == flags]

    readable = having(2)
    rows = [
        (LOAD, READ, 0, 0, readable[-1].offset + len(readable[-1].content)),
        (LOAD, READ | EXECUTE, *span(having(6))),
        (LOAD, READ | WRITE, *span(having(3))),
        (DYNAMIC, READ | WRITE, *span([section for section in sections if section.name == ".dynamic"])),
        (NOTE, READ, *span([section for section in sections if section.kind == NOTE_SECTION])),
    ]
    return b"".join(_segment(machine, *row) for row in rows)


def _segment(machine: Machine, kind: int, rights: int, offset: int, address: int, size: int) -> bytes:
    align = PAGE if kind == LOAD else 4
    if machine.wide:
        return struct.pack("<IIQQQQQQ", kind, rights, offset, address, address, size, size, align)
    return struct.pack("<8I", kind, offset, address, address, size, size, rights, align)


def _section_row(machine: Machine, section: _Section, title: int, sections: list[_Section]) -> bytes:
    link = 1 + [other.name for other in sections].index(section.link) if section.link else 0
    fields = (
        title,
        section.kind,
        section.flags,
        section.address,
        section.offset,
        len(section.content),
        link,
        section.info,
    )
    layout = "<IIQQQQIIQQ" if machine.wide else "<10I"
    return struct.pack(layout, *fields, _alignment(section), section.entry)
