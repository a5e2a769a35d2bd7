"""The records of a zip: what one entry is, and reading a directory's worth of them fast.

Specification: PKWARE APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.7
(local header) and 4.3.12 (central directory).
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from nngauge.errors import LimitError
from nngauge.io.zip_oddities import Oddities, ZipOddity
from nngauge.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, MAX_PATH_BYTES, MAX_RATIO

STORED: Final = 0
DEFLATED: Final = 8
ENCRYPTED_FLAG: Final = 0x0001
DESCRIPTOR_FLAG: Final = 0x0008
_HIDING_FLAGS: Final = 0x2041
"""Encrypted, strong encryption, masked local headers (APPNOTE 4.4.4, bits 0, 6, 13)."""
_NEWEST_VERSION: Final = 63
"""APPNOTE 4.4.3.2: 6.3 is the newest version needed to extract."""

LOCAL_MAGIC: Final = b"PK\x03\x04"
RECORD_MAGIC: Final = b"PK\x01\x02"

_RECORD_SIGNATURE: Final = 0x02014B50
# signature, version needed, flags, method, crc, compressed, size, name, extra, comment length, header offset
RECORD: Final = struct.Struct("<I2xHHH4xIIIHHH8xI")
LOCAL: Final = struct.Struct("<4sHHH4xIIIHH")
# magic, version needed, flags, method, crc, compressed, size, name length, extra length
_U64: Final = struct.Struct("<Q")
_EXTRA: Final = struct.Struct("<HH")

MAX32: Final = 0xFFFFFFFF


class ZipEntry(NamedTuple):
    """One entry as the central directory declares it. A tuple, because there may be a million."""

    name: str
    """UTF-8 with bad bytes replaced; whatever flag 11 says, as on Android."""
    method: int
    """0 stored, 8 deflated (APPNOTE 4.4.5); others occur."""
    flags: int
    crc: int
    """CRC-32 of the content."""
    compressed_size: int
    size: int
    """Declared bytes after inflation."""
    header_offset: int
    """Of the local header, from the start of the source (a shift of all offsets is already corrected)."""

    @property
    def is_dir(self) -> bool:
        """Whether the name says directory."""
        return self.name.endswith("/")


@contextmanager
def collector_paused() -> Iterator[None]:
    """A million new tuples make the cyclic collector walk all of them again and again (measured: 40 % of the time).

    They hold strings and integers only, so there is nothing to collect.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def parse_records(raw: bytes | memoryview, shift: int, where: str) -> tuple[list[ZipEntry], int, dict[int, int]]:
    """The entries, where the records stop, and which entries (index → record offset) want a closer look.

    Raises `LimitError` past `limits.MAX_ENTRIES` entries or `limits.MAX_DIRECTORY_BYTES`.
    """
    entries: list[ZipEntry] = []
    odd: dict[int, int] = {}
    at = 0
    last = min(len(raw), MAX_DIRECTORY_BYTES) - RECORD.size
    unpack, add, new = RECORD.unpack_from, entries.append, tuple.__new__
    while at <= last:
        signature, needed, flags, method, crc, packed, size, name_size, extra_size, comment_size, offset = unpack(
            raw, at
        )
        if signature != _RECORD_SIGNATURE:
            break
        start = at + RECORD.size
        stop = start + name_size
        after = stop + extra_size + comment_size
        if after > len(raw):
            break
        if (
            method & ~DEFLATED
            or flags & _HIDING_FLAGS
            or needed > _NEWEST_VERSION
            or size > packed * MAX_RATIO
            or MAX32 in (size, packed, offset)
            or name_size > MAX_PATH_BYTES
        ):
            odd[len(entries)] = at
            packed, size, offset = zip64_values(bytes(raw[stop : stop + extra_size]), packed, size, offset)
            stop = min(stop, start + MAX_PATH_BYTES)
        name = str(raw[start:stop], "utf-8", "replace")
        add(new(ZipEntry, (name, method, flags, crc, packed, size, offset + shift)))
        at = after
        if len(entries) > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} entries", where=where)
    if at > last and len(raw) > MAX_DIRECTORY_BYTES:
        raise LimitError(f"central directory of more than {MAX_DIRECTORY_BYTES} bytes", where=where)
    return entries, at, odd


def zip64_values(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Replaces saturated 32-bit values from extra field 0x0001 (APPNOTE 4.5.3), as far as it has them."""
    field = _extra_field(extra, 0x0001)
    at = 0
    values = [size, packed, offset]
    for index, value in enumerate(values):
        # golang writes all three even where one would do; the others are then to be skipped.
        if value == MAX32 or len(field) >= 24:
            if at + 8 > len(field):
                break
            if value == MAX32:
                values[index] = int(_U64.unpack_from(field, at)[0])
            at += 8
    return values[1], values[0], values[2]


def _extra_field(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return b""


def note_record(raw: bytes | memoryview, entry: ZipEntry, at: int, oddities: Oddities) -> None:
    """Notes what is odd about the record at `raw[at:]`, which became `entry`."""
    _, needed, _, _, _, packed, size, name_size, _, _, offset = RECORD.unpack_from(raw, at)
    name, key = entry.name, entry.header_offset
    if entry.flags & _HIDING_FLAGS:
        oddities.note(ZipOddity.ENCRYPTED_FLAG, f"flags 0x{entry.flags:04x}", entry=name, key=key)
    if entry.method not in (STORED, DEFLATED):
        oddities.note(ZipOddity.UNKNOWN_METHOD, f"method {entry.method}", entry=name, key=key)
    if needed > _NEWEST_VERSION:
        oddities.note(ZipOddity.VERSION_NEEDED, f"version {needed / 10:g}", entry=name, key=key)
    if entry.method == DEFLATED and entry.size > entry.compressed_size * MAX_RATIO:
        oddities.note(ZipOddity.DECLARED_RATIO, f"{entry.compressed_size} to {entry.size} bytes", entry=name, key=key)
    if name_size > MAX_PATH_BYTES:
        oddities.note(ZipOddity.LONG_NAME, f"{name_size} bytes", entry=name, key=key)
    if MAX32 in (packed, size, offset) and MAX32 in (entry.compressed_size, entry.size, entry.header_offset):
        oddities.note(ZipOddity.ZIP64_EXTRA, entry=name, key=key)


def check_extents(entries: list[ZipEntry], oddities: Oddities) -> None:
    """Notes entries that share bytes."""
    if _overlapping(entries, None):
        _overlapping(sorted(entries, key=lambda entry: entry.header_offset), oddities)


def _overlapping(entries: list[ZipEntry], oddities: Oddities | None) -> bool:
    """Whether any entry starts before the ones before it end.

    Names and extra fields of local headers are not counted: they may differ from the directory's.
    """
    reached = 0
    found = False
    for index, (name, method, _, _, packed, size, offset) in enumerate(entries):
        if offset < reached:
            if oddities is None:
                return True
            found = True
            oddities.note(ZipOddity.OVERLAP, f"header at {offset}, bytes taken up to {reached}", entry=name, key=index)
        end = offset + 30 + (packed if method == DEFLATED or packed > size else size)
        if end > reached:  # noqa: PLR1730 (max() is three times slower, a million times)
            reached = end
    return found
