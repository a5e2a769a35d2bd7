"""A minimal arm64 Mach-O executable: strings, linked frameworks and imported symbols, no code worth the name.

Layout: https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
"""

from __future__ import annotations

import hashlib
import struct

MAGIC_64, CPU_ARM64, EXECUTE = 0xFEEDFACF, 0x0100000C, 2
SEGMENT_64, SYMTAB, DYSYMTAB, LOAD_DYLIB, LOAD_WEAK_DYLIB, UUID, BUILD_VERSION, MAIN = (
    0x19, 0x02, 0x0B, 0x0C, 0x80000018, 0x1B, 0x32, 0x80000028,
)  # fmt: skip
BASE = 0x1_0000_0000
PAGE = 0x4000
PLATFORM_IOS = 2
RETURN_ZERO = struct.pack("<2I", 0x52800000, 0xD65F03C0)  # mov w0, #0; ret


def executable(
    *,
    name: str,
    frameworks: tuple[str, ...],
    weak_frameworks: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
    strings: tuple[str, ...] = (),
) -> bytes:
    """The bytes of an executable that links `frameworks` and imports `imports` (Objective-C and C symbol names)."""
    text = RETURN_ZERO
    literals = b"".join(item.encode() + b"\0" for item in strings)
    dylibs = [_dylib(LOAD_DYLIB, _framework(item)) for item in frameworks]
    dylibs += [_dylib(LOAD_WEAK_DYLIB, _framework(item)) for item in weak_frameworks]
    dylibs.append(_dylib(LOAD_DYLIB, "/usr/lib/libSystem.B.dylib"))
    table, names = _symbols(imports)
    text_at = PAGE - len(text) - len(literals)
    link_at = PAGE
    commands = [
        _segment("__PAGEZERO", 0, BASE, 0, 0, 0),
        _segment("__TEXT", BASE, PAGE, 0, PAGE, 5, _section("__text", text_at, len(text), 0x80000400)
                 + _section("__cstring", text_at + len(text), len(literals), 2)),
        _segment("__LINKEDIT", BASE + PAGE, PAGE, link_at, len(table) + len(names), 1),
        struct.pack("<6I", SYMTAB, 24, link_at, len(imports), link_at + len(table), len(names)),
        struct.pack("<20I", DYSYMTAB, 80, 0, 0, 0, 0, 0, len(imports), *[0] * 12),
        struct.pack("<II16s", UUID, 24, hashlib.md5(name.encode(), usedforsecurity=False).digest()),
        struct.pack("<6I", BUILD_VERSION, 24, PLATFORM_IOS, 17 << 16, 26 << 16, 0),
        struct.pack("<IIQQ", MAIN, 24, text_at, 0),
        *dylibs,
    ]  # fmt: skip
    body = b"".join(commands)
    head = struct.pack("<8I", MAGIC_64, CPU_ARM64, 0, EXECUTE, len(commands), len(body), 0x200085, 0)
    front = head + body
    if len(front) > text_at:
        raise ValueError("load commands and strings do not fit the first page")
    return front + bytes(text_at - len(front)) + text + literals + table + names


def _framework(name: str) -> str:
    return f"/System/Library/Frameworks/{name}.framework/{name}"


def _segment(
    name: str, address: int, size: int, offset: int, file_size: int, protection: int, sections: bytes = b""
) -> bytes:
    count = len(sections) // 80
    head = struct.pack("<II16sQQQQ", SEGMENT_64, 72 + len(sections), name.encode(), address, size, offset, file_size)
    return head + struct.pack("<IIII", protection, protection, count, 0) + sections


def _section(name: str, offset: int, size: int, flags: int) -> bytes:
    where = struct.pack("<16s16sQQ", name.encode(), b"__TEXT", BASE + offset, size)
    return where + struct.pack("<8I", offset, 0, 0, 0, flags, 0, 0, 0)


def _dylib(command: int, path: str) -> bytes:
    text = path.encode() + b"\0"
    text += bytes(-len(text) % 8)
    return struct.pack("<6I", command, 24 + len(text), 24, 2, 0x10000, 0x10000) + text


def _symbols(imports: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Undefined external symbols; the library ordinal stays 1, which no reader here needs."""
    names, table = b" \0", b""
    for item in imports:
        table += struct.pack("<IBBHQ", len(names), 0x01, 0, 0x0100, 0)
        names += item.encode() + b"\0"
    return table, names + bytes(-len(names) % 8)
