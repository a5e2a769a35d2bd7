"""Writes minimal ELF shared libraries: dynamic symbols with their hash tables, versions, notes, sections."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

BASE = 0x10000
"""Address of the first byte of the file once loaded: not 0, so that address and offset cannot be confused."""


@dataclass(kw_only=True)
class ElfSpec:
    bits: int = 64
    order: str = "<"
    machine: int = 183
    soname: str | None = "libx.so"
    needed: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    hash: str = "gnu"  # "gnu", "sysv" or "none"
    section_headers: bool = True
    rodata: bytes = b""
    data: bytes = b""
    comment: bytes = b""
    build_id: bytes = b""
    android: tuple[int, str, str] | None = None
    share_tails: bool = False


@dataclass
class _Parts:
    blobs: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    at: int = 0

    def add(self, name: str, blob: bytes) -> int:
        self.at = (self.at + 7) // 8 * 8
        place = self.at
        self.blobs[name] = (place, blob)
        self.at += len(blob)
        return place


def build_elf(spec: ElfSpec | None = None, **settings: object) -> bytes:
    """The bytes of a library; `settings` are the fields of `ElfSpec`."""
    spec = spec or ElfSpec(**settings)  # type: ignore[arg-type]
    wide = spec.bits == 64
    strings = _Strings(share=spec.share_tails)
    exports = sorted(spec.exports, key=lambda name: gnu_hash(name.encode()) % _buckets(spec))
    parts = _Parts(at=(64 + 4 * 56) if wide else (52 + 4 * 32))
    symbols = [(0, 0, 0)]
    symbols += [(strings.add(n), 0x12, 0) for n in spec.imports] + [(strings.add(n), 0x12, 1) for n in exports]
    dynamic: list[tuple[int, int]] = [(1, strings.add(n)) for n in spec.needed]
    if spec.soname is not None:
        dynamic.append((14, strings.add(spec.soname)))
    names = [strings.add(n) for n in (spec.soname or "", *spec.versions)]
    rodata_at = parts.add(".rodata", spec.rodata)
    assert rodata_at >= 0
    dynamic.append((6, BASE + parts.add(".dynsym", b"".join(_symbol(spec, *s) for s in symbols))))
    dynamic += [(5, BASE + parts.add(".dynstr", bytes(strings.blob))), (10, len(strings.blob))]
    if spec.hash == "gnu":
        dynamic.append((0x6FFFFEF5, BASE + parts.add(".gnu.hash", _gnu_table(spec, exports))))
    elif spec.hash == "sysv":
        count = len(symbols)
        dynamic.append(
            (4, BASE + parts.add(".hash", struct.pack(f"{spec.order}II{1 + count}I", 1, count, *[0] * (1 + count))))
        )
    if spec.versions:
        dynamic += [(0x6FFFFFFC, BASE + parts.add(".gnu.version_d", _verdefs(spec, names))), (0x6FFFFFFD, len(names))]
    parts.add(".note", _notes(spec))
    parts.add(".data", spec.data)
    word = "QQ" if wide else "II"
    parts.add(".dynamic", b"".join(struct.pack(spec.order + word, *pair) for pair in [*dynamic, (0, 0)]))
    parts.add(".comment", spec.comment)
    return _assemble(spec, parts)


def gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


class _Strings:
    def __init__(self, *, share: bool) -> None:
        self.blob = bytearray(b"\0")
        self.share = share

    def add(self, text: str) -> int:
        raw = text.encode() + b"\0"
        found = self.blob.find(raw) if self.share else -1
        if found >= 0:
            return found
        self.blob += raw
        return len(self.blob) - len(raw)


def _buckets(spec: ElfSpec) -> int:
    return max(1, len(spec.exports) // 2)


def _symbol(spec: ElfSpec, name: int, info: int, section: int) -> bytes:
    if spec.bits == 64:
        return struct.pack(spec.order + "IBBHQQ", name, info, 0, section, 0, 0)
    return struct.pack(spec.order + "IIIBBH", name, 0, 0, info, 0, section)


def _gnu_table(spec: ElfSpec, exports: list[str]) -> bytes:
    # GNU ld says 1 where nothing is exported, however many imports there are.
    first, size = (1 + len(spec.imports) if exports else 1), _buckets(spec)
    hashes = [gnu_hash(name.encode()) for name in exports]
    buckets, chain = [0] * size, []
    for index, value in enumerate(hashes):
        buckets[value % size] = buckets[value % size] or first + index
        last = index + 1 == len(hashes) or hashes[index + 1] % size != value % size
        chain.append(value | 1 if last else value & ~1)
    bloom = b"\xff" * (spec.bits // 8)
    return (
        struct.pack(f"{spec.order}4I", size, first, 1, 0)
        + bloom
        + struct.pack(f"{spec.order}{size}I{len(chain)}I", *buckets, *chain)
    )


def _verdefs(spec: ElfSpec, names: list[int]) -> bytes:
    out = b""
    for index, name in enumerate(names):
        step = 0 if index + 1 == len(names) else 28
        out += struct.pack(spec.order + "HHHHIII", 1, 1 if index == 0 else 0, index + 1, 1, 0, 20, step)
        out += struct.pack(spec.order + "II", name, 0)
    return out


def _notes(spec: ElfSpec) -> bytes:
    out = b""
    if spec.build_id:
        out += struct.pack(spec.order + "III", 4, len(spec.build_id), 3) + b"GNU\0" + spec.build_id
        out += b"\0" * (-len(out) % 4)
    if spec.android:
        level, version, build = spec.android
        payload = struct.pack(spec.order + "I64s64s", level, version.encode(), build.encode())
        out += struct.pack(spec.order + "III", 8, len(payload), 1) + b"Android\0" + payload
    return out


_SECTION_KINDS = {
    ".rodata": (1, 2), ".dynsym": (11, 2), ".dynstr": (3, 2), ".gnu.hash": (0x6FFFFFF6, 2), ".hash": (5, 2),
    ".gnu.version_d": (0x6FFFFFFD, 2), ".note": (7, 2), ".data": (1, 3), ".dynamic": (6, 3), ".comment": (1, 0x30),
}  # fmt: skip


def _assemble(spec: ElfSpec, parts: _Parts) -> bytes:
    names = bytearray(b"\0")
    headers = [_section(spec, (0,) * 10)]
    order = list(parts.blobs)
    for name, (place, blob) in parts.blobs.items():
        kind, flags = _SECTION_KINDS[name]
        link = 1 + order.index(".dynstr") if kind == 11 else 0
        headers.append(_section(spec, (len(names), kind, flags, BASE + place, place, len(blob), link, 0, 8, 0)))
        names += name.encode() + b"\0"
    names_at = parts.add(".shstrtab", b"")
    headers.append(_section(spec, (len(names), 3, 0, 0, names_at, len(names) + 10, 0, 0, 1, 0)))
    names += b".shstrtab\0"
    parts.blobs[".shstrtab"] = (names_at, bytes(names))
    headers_at = (names_at + len(names) + 7) // 8 * 8
    image = bytearray(headers_at)
    for place, blob in parts.blobs.values():
        image[place : place + len(blob)] = blob
    image[: len(_head(spec, parts, 0, 0))] = _head(spec, parts, headers_at, len(headers))
    return bytes(image) + b"".join(headers) if spec.section_headers else bytes(image[:names_at])


def _head(spec: ElfSpec, parts: _Parts, headers_at: int, count: int) -> bytes:
    wide = spec.bits == 64
    if not spec.section_headers:
        headers_at = count = 0
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if spec.order == "<" else 2, 1)) + bytes(9)
    size, program, section = (64, 56, 64) if wide else (52, 32, 40)
    layout = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
    head = struct.pack(
        spec.order + layout,
        3,
        spec.machine,
        1,
        0,
        size,
        headers_at,
        0,
        size,
        program,
        4,
        section,
        count,
        max(0, count - 1),
    )
    data_at = parts.blobs[".data"][0]
    end = parts.blobs[".comment"][0]
    loads = [(1, 4, 0, data_at), (1, 6, data_at, end - data_at)]
    loads += [(2, 6, *_span(parts, ".dynamic")), (4, 4, *_span(parts, ".note"))]
    return ident + head + b"".join(_program(spec, *load) for load in loads)


def _span(parts: _Parts, name: str) -> tuple[int, int]:
    place, blob = parts.blobs[name]
    return place, len(blob)


def _program(spec: ElfSpec, kind: int, flags: int, offset: int, size: int) -> bytes:
    if spec.bits == 64:
        return struct.pack(spec.order + "IIQQQQQQ", kind, flags, offset, BASE + offset, 0, size, size, 4)
    return struct.pack(spec.order + "8I", kind, offset, BASE + offset, 0, size, size, flags, 4)


def _section(spec: ElfSpec, fields: tuple[int, ...]) -> bytes:
    return struct.pack(spec.order + ("IIQQQQIIQQ" if spec.bits == 64 else "10I"), *fields)
