"""Zips written by hand, so that every field can lie. `ordinary` is what tools write; `Member` fields override."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry; None means the true value. `local_*` go to the local header, the others to the directory (or both)."""

    name: bytes
    data: bytes = b""
    method: int = DEFLATED
    packed: bytes | None = None
    """Bytes written as compressed data."""
    flags: int = 0
    needed: int = 20
    crc: int | None = None
    compressed_size: int | None = None
    size: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    local_compressed_size: int | None = None
    local_size: int | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    descriptor: str = ""
    """``"signed"``, ``"bare"``, ``"zip64"`` or none."""
    zip64: bool = False
    header_offset: int | None = None
    """Share the bytes of another entry: nothing local is written."""

    @property
    def stream(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.method == DEFLATED else self.data


@dataclass(slots=True)
class Layout:
    """A zip in pieces, for those who want to put something between them."""

    local: bytes = b""
    offsets: list[int] = field(default_factory=list)
    directory: bytes = b""
    count: int = 0


def deflate(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _or(value: int | None, true: int) -> int:
    return true if value is None else value


def local_part(member: Member) -> bytes:
    stream = member.stream
    crc, packed, size = zlib.crc32(member.data), len(stream), len(member.data)
    flags = _or(member.local_flags, member.flags)
    extra = member.local_extra
    tail = b""
    if member.descriptor:
        flags |= 8
        shape = "<IQQ" if member.descriptor == "zip64" else "<III"
        tail = (b"" if member.descriptor == "bare" else b"PK\x07\x08") + struct.pack(shape, crc, packed, size)
        crc = packed = size = 0
    elif member.zip64:
        extra += struct.pack("<HHQQ", 1, 16, size, packed)
        packed = size = 0xFFFFFFFF
    name = member.name if member.local_name is None else member.local_name
    header = struct.pack(
        "<4sHHHHHIIIHH",
        b"PK\x03\x04",
        member.needed & 0xFFFF,
        flags,
        _or(member.local_method, member.method),
        0,
        0x21,
        _or(member.local_crc, crc if member.descriptor else _or(member.crc, crc)),
        _or(member.local_compressed_size, packed),
        _or(member.local_size, size),
        len(name),
        len(extra),
    )
    return header + name + extra + stream + tail


def record(member: Member, offset: int) -> bytes:
    packed = _or(member.compressed_size, len(member.stream))
    size = _or(member.size, len(member.data))
    extra = member.extra
    if member.zip64:
        extra += struct.pack("<HHQQQ", 1, 24, size, packed, offset)
        packed = size = offset = 0xFFFFFFFF
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\x01\x02",
            0x0314,
            member.needed,
            member.flags | (8 if member.descriptor else 0),
            member.method,
            0,
            0x21,
            _or(member.crc, zlib.crc32(member.data)),
            packed,
            size,
            len(member.name),
            len(extra),
            0,
            0,
            0,
            0,
            offset,
        )
        + member.name
        + extra
    )


def lay_out(members: Iterable[Member]) -> Layout:
    layout = Layout()
    local, directory = bytearray(), bytearray()
    for member in members:
        offset = len(local) if member.header_offset is None else member.header_offset
        layout.offsets.append(offset)
        if member.header_offset is None:
            local += local_part(member)
        directory += record(member, offset)
        layout.count += 1
    layout.local, layout.directory = bytes(local), bytes(directory)
    return layout


def end_record(count: int, size: int, offset: int, comment: bytes = b"", *, comment_size: int | None = None) -> bytes:
    return (
        struct.pack(
            "<4sHHHHIIH",
            b"PK\x05\x06",
            0,
            0,
            count & 0xFFFF,
            count & 0xFFFF,
            size,
            offset,
            _or(comment_size, len(comment)),
        )
        + comment
    )


def end64(count: int, size: int, offset: int, at: int) -> bytes:
    """Zip64 end record standing at `at`, its locator and the saturated ordinary one."""
    return (
        struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
        + struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
        + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    )


def archive(
    members: Iterable[Member],
    *,
    comment: bytes = b"",
    comment_size: int | None = None,
    count: int | None = None,
    between: bytes = b"",
    zip64: bool = False,
) -> bytes:
    """A whole zip; `between` stands between the last entry and the directory (the APK Signing Block's place)."""
    layout = lay_out(members)
    start = len(layout.local) + len(between)
    body = layout.local + between + layout.directory
    declared = _or(count, layout.count)
    if zip64:
        return body + end64(declared, len(layout.directory), start, len(body))
    return body + end_record(declared, len(layout.directory), start, comment, comment_size=comment_size)


MANIFEST = Member(name=b"AndroidManifest.xml", data=b"\x03\x00\x08\x00" + b"manifest " * 300)
DEX = Member(name=b"classes.dex", data=b"dex\n035\0" + bytes(range(256)) * 40)
RESOURCES = Member(name=b"resources.arsc", data=b"\x02\x00\x0c\x00" + b"res" * 1000, method=STORED)
ORDINARY = (MANIFEST, DEX, RESOURCES)


def ordinary(**changes: object) -> bytes:
    """The small app with every entry changed in the same way."""
    return archive([replace(member, **changes) for member in ORDINARY])  # type: ignore[arg-type]


def signing_block(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    body = b"".join(struct.pack("<QI", len(value) + 4, key) + value for key, value in pairs)
    size = len(body) + 24
    return struct.pack("<Q", size) + body + struct.pack("<Q", size) + b"APK Sig Block 42"
