"""The records of a zip: what one entry is, and how its record in the directory is read.

Specification: PKWARE APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.7
(local header) and 4.3.12 (central directory).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from nngauge.errors import TruncatedError
from nngauge.io.source import ByteSource
from nngauge.io.zip_oddities import Oddities, ZipOddity
from nngauge.limits import KIB, MAX_PATH_BYTES, MAX_RATIO, MIB

STORED: Final = 0
DEFLATED: Final = 8
ENCRYPTED_FLAG: Final = 0x0001
DESCRIPTOR_FLAG: Final = 0x0008
HIDING_FLAGS: Final = 0x2041
"""Encrypted, strong encryption, masked local headers (APPNOTE 4.4.4, bits 0, 6, 13)."""
NEWEST_VERSION: Final = 63
"""APPNOTE 4.4.3.2: 6.3 is the newest version needed to extract."""

LOCAL_MAGIC: Final = b"PK\x03\x04"
RECORD_MAGIC: Final = b"PK\x01\x02"

RECORD_SIGNATURE: Final = 0x02014B50
# signature, version needed, flags, method, crc, compressed, size, name, extra, comment length, header offset
RECORD: Final = struct.Struct("<I2xHHH4xIIIHHH8xI")
RECORD_BYTES: Final = RECORD.size
"""Without name, extra field and comment."""
LOCAL: Final = struct.Struct("<4sHHH4xIIIHH")
# magic, version needed, flags, method, crc, compressed, size, name length, extra length
_U64: Final = struct.Struct("<Q")
_EXTRA: Final = struct.Struct("<HH")

MAX32: Final = 0xFFFFFFFF

BATCH_BYTES: Final = 64 * KIB
"""Records looked at together."""
_COPIED_DIRECTORY: Final = 4 * MIB
"""A directory of this size is kept whole: 40,000 entries, more than nearly any app has."""
_PIECE: Final = 512 * KIB
_LONGEST_RECORD: Final = RECORD_BYTES + 3 * 0xFFFF
_INDEX_BITS: Final = 21
"""Enough for `limits.MAX_ENTRIES`."""


class ZipEntry(NamedTuple):
    """One entry as the central directory declares it."""

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


class Records:
    """The bytes of a central directory: all of a small one, of a large one the piece last asked for.

    A copy cannot be pulled away by another process, and unlike a map it is as small as we want.
    """

    __slots__ = ("_held", "_shift", "_source", "_start", "size")

    def __init__(self, source: ByteSource, start: int, size: int, shift: int) -> None:
        """The directory in `source[start : start + size]`; `shift` is added to the offsets that it declares."""
        self._source = source
        self._start = start
        self._shift = shift
        self.size = min(size, source.size - start)
        # Where the piece starts, the last place behind which a batch and a record are whole, and the piece. One tuple,
        # so that no thread sees one piece's place with another's bytes.
        self._held = (0, -1, b"")

    def at(self, place: int) -> tuple[bytes, int]:
        """Bytes, and where in them `place` is: a batch and a record, or all there is, are behind it.

        Raises `TruncatedError` when the file has become shorter.
        """
        base, last, raw = self._held
        if not base <= place <= last:
            base, last, raw = self._held = self._fetch(place)
        return raw, place - base

    def _fetch(self, place: int) -> tuple[int, int, bytes]:
        base, count = 0, self.size
        if self.size > _COPIED_DIRECTORY:
            base, count = place, min(_PIECE, self.size - place)
        raw = self._source.read(self._start + base, count)
        if len(raw) < count:
            raise TruncatedError("the central directory has become shorter", where=self._source.name)
        end = base + count
        return base, end if end == self.size else end - BATCH_BYTES - _LONGEST_RECORD, raw

    def entry(self, place: int) -> ZipEntry:
        """The entry whose record stands at `place`; errors as in `at`."""
        base, last, raw = self._held
        if not base <= place <= last:
            base, last, raw = self._held = self._fetch(place)
        at = place - base
        _, _, flags, method, crc, packed, size, name_size, extra_size, _, offset = RECORD.unpack_from(raw, at)
        at += RECORD_BYTES
        stop = at + name_size
        if MAX32 in (packed, size, offset):
            packed, size, offset = zip64_values(raw[stop : stop + extra_size], packed, size, offset)
        if name_size > MAX_PATH_BYTES:
            stop = at + MAX_PATH_BYTES
        name = str(raw[at:stop], "utf-8", "replace")
        return tuple.__new__(ZipEntry, (name, method, flags, crc, packed, size, offset + self._shift))


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


def note_record(record: tuple[bytes, int], entry: ZipEntry, oddities: Oddities) -> None:
    """Notes what is odd about `record` (bytes, and where it stands in them), which became `entry`."""
    _, needed, _, _, _, packed, size, name_size, _, _, offset = RECORD.unpack_from(*record)
    name = entry.name
    if entry.flags & HIDING_FLAGS:
        oddities.note(ZipOddity.ENCRYPTED_FLAG, f"flags 0x{entry.flags:04x}", entry=name)
    if entry.method not in (STORED, DEFLATED):
        oddities.note(ZipOddity.UNKNOWN_METHOD, f"method {entry.method}", entry=name)
    if needed > NEWEST_VERSION:
        oddities.note(ZipOddity.VERSION_NEEDED, f"version {needed / 10:g}", entry=name)
    if entry.method == DEFLATED and entry.size > entry.compressed_size * MAX_RATIO:
        oddities.note(ZipOddity.DECLARED_RATIO, f"{entry.compressed_size} to {entry.size} bytes", entry=name)
    if name_size > MAX_PATH_BYTES:
        oddities.note(ZipOddity.LONG_NAME, f"{name_size} bytes", entry=name)
    if MAX32 in (packed, size, offset) and MAX32 in (entry.compressed_size, entry.size, entry.header_offset):
        oddities.note(ZipOddity.ZIP64_EXTRA, entry=name)


def note_overlaps(entries: Sequence[ZipEntry], oddities: Oddities) -> None:
    """Notes entries that start before the ones before them end.

    Names and extra fields of local headers are not counted: they may differ from the directory's.
    """
    order: list[int] = []
    taken = array("Q")
    for index, (_, method, _, _, packed, size, offset) in enumerate(entries):
        order.append(offset << _INDEX_BITS | index)
        taken.append(packed if method == DEFLATED or packed > size else size)
    order.sort()
    reached = 0
    for key in order:
        offset, index = key >> _INDEX_BITS, key & ((1 << _INDEX_BITS) - 1)
        if offset < reached:
            name = entries[index].name if oddities.lists(ZipOddity.OVERLAP) else None
            oddities.note(ZipOddity.OVERLAP, f"header at {offset}, bytes taken up to {reached}", entry=name)
        reached = max(reached, offset + LOCAL.size + taken[index])
