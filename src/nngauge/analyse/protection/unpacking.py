"""Encodings and compressed streams that need no secret: recognised by undoing a part of them."""

from __future__ import annotations

import base64
import binascii
import lzma
import re
import zlib
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from nngauge.analyse.protection.brotli import is_brotli
from nngauge.io.content import Kind, content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, KIB, MIB

_LOOK: Final = 4 * KIB
"""A private header in front of a stream is rarely longer."""
_INPUT: Final = 64 * KIB
_OUTPUT: Final = 1 * MIB
"""As much is unpacked as it takes to know what it is; bombs get no further."""
_ENOUGH: Final = 16 * KIB
"""Input that a raw deflate stream must have made sense of: noise fails within some hundred bytes."""
_RAW_STARTS: Final = (0, 4, 8, 12, 16, 20, 24, 32, 64)
_LZMA_MEMORY: Final = 128 * MIB
_TEXT_SHARE: Final = 1024
"""Characters a file must have to be taken for encoded bytes."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_HEX: Final = re.compile(rb"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_STREAMS: Final = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PK\x03\x04", "zip"),
    (b"Rar!\x1a\x07", "RAR"),
)
"""Magics long enough not to occur in the first 4 KiB of noise but once in a thousand files; gzip is tried."""
_KIND_NAMES: Final = {
    Kind.ZIP: "zip", Kind.GZIP: "gzip", Kind.XZ: "xz", Kind.BZIP2: "bzip2", Kind.ZSTD: "zstd", Kind.SEVENZIP: "7z",
    Kind.RAR: "RAR", Kind.LZ4: "LZ4", Kind.TAR: "tar",
}  # fmt: skip


class Unpacked(Struct, frozen=True):
    """A stream that was recognised."""

    name: str
    """``Base64``, ``hexadecimal``, ``zlib``, ``gzip`` …"""
    offset: int
    """Where it begins."""
    content: bytes
    """The beginning of what is inside; empty where there is no decoder for it."""
    text: bool = False
    """An encoding as text, not a compression."""


def unpack(source: ByteSource) -> Unpacked | None:
    """The first encoding or compressed stream that `source` turns out to be, with a sample of its content."""
    head = source.read(0, _INPUT)
    found = _as_text(head) or _named(head) or _zlib(head) or _lzma_alone(head) or _raw_deflate(head)
    if found is None and (is_brotli(head) or (source.name.lower().endswith(".br") and _dense(head))):
        return Unpacked("Brotli", 0, b"")  # content that does not compress is stored: then its name is all there is
    return found


def unpack_whole(source: ByteSource, found: Unpacked, limit: int) -> bytes:
    """All of the content of `found`, a stream in `source`, up to `limit` bytes; empty where only samples can be had."""
    if source.size > limit:
        return b""
    stream = source.read(found.offset, source.size)
    if found.text:
        decoded = _as_text(stream)
        return decoded.content if decoded is not None else b""
    windows = {"zlib": 15, "gzip": 31, "deflate": -15}
    if found.name in windows:
        return inflated(stream, windows[found.name], limit)
    if found.name in ("xz", "LZMA"):
        return _unxz(stream, lzma.FORMAT_XZ if found.name == "xz" else lzma.FORMAT_ALONE, limit)
    return b""


def _dense(head: bytes) -> bool:
    return len(zlib.compress(head, 1)) > 0.97 * len(head)


def _as_text(head: bytes) -> Unpacked | None:
    """Base64 or hexadecimal digits throughout, with at most line breaks between them."""
    if len(head) < _TEXT_SHARE or b" " in head[:_LOOK]:
        return None
    lines = head.split()
    if len({len(line) for line in lines[:-1]}) > 1 or not lines:
        return None  # words and identifiers: encoders break lines evenly or not at all
    digits = b"".join(lines)
    if _HEX.fullmatch(digits[: len(digits) // 2 * 2]):
        return Unpacked("hexadecimal", 0, binascii.unhexlify(digits[: len(digits) // 2 * 2]), text=True)
    if not _BASE64.fullmatch(digits) or not _mixed(digits):
        return None
    usable = digits.rstrip(b"=")
    usable = usable[:-1] if len(usable) % 4 == 1 else usable  # a sample may end anywhere
    padded = usable + b"=" * (-len(usable) % 4)
    raw = base64.b64decode(padded, altchars=b"-_" if b"-" in usable or b"_" in usable else None)
    return Unpacked("Base64", 0, raw, text=True)


def _mixed(digits: bytes) -> bool:
    """Upper case, lower case and figures: other alphabets are not Base64."""
    return all(any(bytes([code]) in digits for code in group) for group in _GROUPS)


_GROUPS: Final = (range(0x30, 0x3A), range(0x41, 0x5B), range(0x61, 0x7B))


def _named(head: bytes) -> Unpacked | None:
    """Streams with a magic, at the start or behind a private header."""
    kind = content_kind(head[:HEAD_BYTES])
    if kind in _KIND_NAMES:
        return Unpacked(_KIND_NAMES[kind], 0, _inside(_KIND_NAMES[kind], head))
    for magic, name in _STREAMS:
        at = head.find(magic, 0, _LOOK)
        if at > 0:
            content = _inside(name, head[at:])
            if content or name not in ("gzip", "zip"):
                return Unpacked(name, at, content)
    return None


def _inside(name: str, stream: bytes) -> bytes:
    if name == "gzip":
        return inflated(stream, 31)
    if name == "xz":
        return _unxz(stream)
    if name == "LZ4":
        return _lz4_frame(stream)
    return b""


def inflated(stream: bytes, window: int, limit: int = _OUTPUT) -> bytes:
    """What the beginning of a deflate stream unpacks to; empty when it is none. `window` as zlib's ``wbits``."""
    try:
        return zlib.decompressobj(window).decompress(stream, limit)
    except zlib.error:
        return b""


def _unxz(stream: bytes, form: int = lzma.FORMAT_XZ, limit: int = _OUTPUT) -> bytes:
    try:
        return lzma.LZMADecompressor(form, memlimit=_LZMA_MEMORY).decompress(stream, limit)
    except (lzma.LZMAError, EOFError):
        return b""


def _zlib(head: bytes) -> Unpacked | None:
    """A zlib header whose check bits agree, and kilobytes that unpack."""
    for at in _zlib_starts(head):
        content = inflated(head[at:], 15)
        if len(content) >= _LOOK or (content and len(head) - at < _LOOK):
            return Unpacked("zlib", at, content)
    return None


def _zlib_starts(head: bytes) -> Iterator[int]:
    at = head.find(b"\x78", 0, _LOOK)
    while at >= 0:
        if head[at + 1 : at + 2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            yield at
        at = head.find(b"\x78", at + 1, _LOOK)


def _lzma_alone(head: bytes) -> Unpacked | None:
    """The old LZMA container: 0x5D, a dictionary size that is a power of two, and a length."""
    for at in (0, 4, 8, 16):
        if head[at : at + 3] == b"\x5d\0\0" and head[at + 9 : at + 13] in (bytes(4), b"\xff" * 4):
            content = _unxz(head[at:], lzma.FORMAT_ALONE)
            if content:
                return Unpacked("LZMA", at, content)
    return None


def _raw_deflate(head: bytes) -> Unpacked | None:
    """Deflate without any header: accepted when kilobytes of it make sense."""
    for at in _RAW_STARTS:
        stream = head[at:]
        unpacker = zlib.decompressobj(-15)
        try:
            content = unpacker.decompress(stream, _OUTPUT)
        except zlib.error:
            continue
        used = len(stream) - len(unpacker.unused_data) - len(unpacker.unconsumed_tail)
        if used >= _ENOUGH or (unpacker.eof and used > _TEXT_SHARE and not unpacker.unused_data):
            return Unpacked("deflate", at, content)
    return None


def _lz4_frame(stream: bytes) -> bytes:
    """The first block of an LZ4 frame; https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md."""
    if len(stream) < 15:
        return b""
    flags = stream[4]
    at = 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    size = int.from_bytes(stream[at : at + 4], "little")
    block = stream[at + 4 : at + 4 + (size & 0x7FFF_FFFF)]
    return block if size >> 31 else _lz4_block(block)


def _lz4_block(block: bytes) -> bytes:
    """As much of an LZ4 block as is there; https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md."""
    out = bytearray()
    at = 0
    while at < len(block) and len(out) < _OUTPUT:
        token = block[at]
        count, at = _lz4_length(block, at + 1, token >> 4)
        out += block[at : at + count]
        at += count
        distance = int.from_bytes(block[at : at + 2], "little")
        if at + 2 > len(block) or not 0 < distance <= len(out):
            break
        count, at = _lz4_length(block, at + 2, token & 15)
        piece = bytes(out[-distance:])[: count + 4]
        out += (piece * ((count + 4) // len(piece) + 1))[: min(count + 4, _OUTPUT)]
    return bytes(out)


def _lz4_length(block: bytes, at: int, count: int) -> tuple[int, int]:
    if count == 15:
        while at < len(block):
            count += block[at]
            at += 1
            if block[at - 1] != 255:
                break
    return count, at
