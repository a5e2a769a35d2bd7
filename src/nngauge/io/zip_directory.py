"""The central directory of a zip: where it is, and what it lists.

Specification: PKWARE APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.12
to 4.3.16. Where tools disagree this reads like Android's libziparchive (``FindCentralDirectoryInfo`` and
``ParseZipArchive`` in system/libziparchive/zip_archive.cc), only more patiently.
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from nngauge.errors import LimitError
from nngauge.io.source import ByteSource
from nngauge.io.zip_oddities import Oddities, ZipOddity, check_names
from nngauge.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, MAX_EOCD_SEARCH, MAX_PATH_BYTES, MAX_RATIO, MIB

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
END_MAGIC: Final = b"PK\x05\x06"
_END64_MAGIC: Final = b"PK\x06\x06"
_LOCATOR64_MAGIC: Final = b"PK\x06\x07"

_RECORD_SIGNATURE: Final = 0x02014B50
# signature, version needed, flags, method, crc, compressed, size, name, extra, comment length, header offset
_RECORD: Final = struct.Struct("<I2xHHH4xIIIHHH8xI")
_END: Final = struct.Struct("<4x4xHHIIH")  # entries here, entries, directory size, directory offset, comment length
_END64: Final = struct.Struct("<24xQQQQ")  # entries here, entries, directory size, directory offset
_LOCATOR64: Final = struct.Struct("<8xQ")  # offset of the zip64 end record
_U64: Final = struct.Struct("<Q")
_EXTRA: Final = struct.Struct("<HH")

MAX32: Final = 0xFFFFFFFF
_MAX16: Final = 0xFFFF
_COPIED_DIRECTORY: Final = 16 * MIB
"""Slicing `bytes` is twice as fast as slicing a view, so ordinary directories are copied."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Where a central directory lies."""

    start: int
    """Its first byte in the source."""
    end: int
    """The end record (zip64's where there is one): no record of the directory reaches beyond."""
    shift: int
    """To be added to every declared offset."""
    count: int
    """Declared entries."""
    size: int
    """Declared bytes."""
    is_zip64: bool
    end_offset: int
    """The ordinary end record."""
    comment_size: int
    first_entry_fits: bool
    """Whether the first record leads to a local header."""


def find_directory(source: ByteSource, oddities: Oddities) -> Directory | None:
    """The central directory that the last believable end record leads to; None when there is none.

    An end record is believed when a directory record stands where it says and leads to a local header. Android takes
    the last signature in the file unseen; fake ones in comments break many tools.
    """
    tail_start = max(source.size - MAX_EOCD_SEARCH, 0)
    tail = source.read(tail_start, MAX_EOCD_SEARCH)
    best: Directory | None = None
    fakes = 0
    for at in _end_candidates(tail):
        found = _directory_at(source, tail, tail_start, at)
        if found is None:
            fakes += best is None
            continue
        if _is_nested(source, found):
            continue
        if best is None or (found.first_entry_fits and not best.first_entry_fits):
            fakes += best is not None
            best = found
        elif found.start != best.start and found.end_offset + 22 + found.comment_size == source.size:
            oddities.note(ZipOddity.SEVERAL_ENDS, f"directories at {found.start} and {best.start}")
    if best is not None:
        _note_ends(source, best, fakes, oddities)
    return best


def _is_nested(source: ByteSource, found: Directory) -> bool:
    """Whether the end record belongs to a stored zip inside a zip whose own end is missing."""
    follows = source.size - found.end_offset - 22 - found.comment_size
    return found.shift > 0 and follows > 0 and source.read(0, 4) == LOCAL_MAGIC


def _note_ends(source: ByteSource, chosen: Directory, fakes: int, oddities: Oddities) -> None:
    if fakes:
        oddities.note(ZipOddity.FAKE_END, f"{fakes} after the one at {chosen.end_offset}")
    if chosen.shift:
        oddities.note(ZipOddity.SHIFTED, f"{chosen.shift:+d} bytes")
    extra = source.size - chosen.end_offset - 22 - chosen.comment_size
    if extra:
        oddities.note(ZipOddity.COMMENT_LENGTH, f"file ends {extra:+d} bytes from the declared end")


def _end_candidates(tail: bytes) -> Iterator[int]:
    at = tail.rfind(END_MAGIC)
    while at >= 0:
        if at + 22 <= len(tail):
            yield at
        at = tail.rfind(END_MAGIC, 0, at + 3)


def _directory_at(source: ByteSource, tail: bytes, tail_start: int, at: int) -> Directory | None:
    """Believes or rejects the end record at `tail[at:]`."""
    here, count, size, offset, comment = _END.unpack_from(tail, at)
    end = end_offset = tail_start + at
    is_zip64 = False
    if _MAX16 in (here, count) or MAX32 in (size, offset):
        found = _end64(source, end_offset)
        if found is not None:
            end, count, size, offset = found
            is_zip64 = True
    for start in (offset, end - size):
        fits = _believable(source, start, end, start - offset, is_empty=count == 0 and size == 0)
        if fits is not None:
            return Directory(
                start=start,
                end=end,
                shift=start - offset,
                count=count,
                size=size,
                is_zip64=is_zip64,
                end_offset=end_offset,
                comment_size=comment,
                first_entry_fits=fits,
            )
    return None


def _believable(source: ByteSource, start: int, end: int, shift: int, *, is_empty: bool) -> bool | None:
    """None: no directory at `start`; else whether its first record leads to a local header."""
    if not 0 <= start <= end:
        return None
    if is_empty and start == end:
        return False  # an empty archive, or a fake: anything better wins
    record = source.read(start, min(_RECORD.size, end - start))
    if len(record) < _RECORD.size or not record.startswith(RECORD_MAGIC):
        return None
    header = int(_RECORD.unpack(record)[-1])
    if header == MAX32:
        return True
    header += shift
    return 0 <= header < source.size and source.read(header, 4) == LOCAL_MAGIC


def _end64(source: ByteSource, end_offset: int) -> tuple[int, int, int, int] | None:
    """Offset, entry count, directory size and directory offset of the zip64 end record before the end record."""
    if end_offset < 76:
        return None
    locator = source.read(end_offset - 20, 20)
    if not locator.startswith(_LOCATOR64_MAGIC):
        return None
    # The second place is where it stands when bytes were prepended.
    for at in (_LOCATOR64.unpack_from(locator)[0], end_offset - 76):
        if at <= end_offset - 76:
            record = source.read(at, _END64.size)
            if record.startswith(_END64_MAGIC):
                _, count, size, offset = _END64.unpack(record)
                return at, count, size, offset
    return None


def read_directory(source: ByteSource, place: Directory, oddities: Oddities) -> tuple[list[ZipEntry], bool]:
    """All entries in directory order, and whether the directory was whole.

    Raises `LimitError` past `limits.MAX_ENTRIES` entries or `limits.MAX_DIRECTORY_BYTES`.
    """
    region = place.end - place.start
    raw = source.read(place.start, region) if region <= _COPIED_DIRECTORY else source.view(place.start, region)
    with _collector_paused():
        entries, stop, odd = _parse_records(raw, place.shift, source.name)
    for index in odd:
        _note_entry(raw, entries[index], odd[index], oddities)
    whole = _note_totals(place, len(entries), stop, oddities)
    check_names([entry.name for entry in entries], [entry.header_offset for entry in entries], oddities)
    check_extents(entries, oddities)
    return entries, whole


@contextmanager
def _collector_paused() -> Iterator[None]:
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


def _parse_records(raw: bytes | memoryview, shift: int, name: str) -> tuple[list[ZipEntry], int, dict[int, int]]:
    """The entries, where the records stop, and which entries (index → record offset) want a closer look."""
    entries: list[ZipEntry] = []
    odd: dict[int, int] = {}
    at = 0
    last = min(len(raw), MAX_DIRECTORY_BYTES) - _RECORD.size
    unpack, add, new = _RECORD.unpack_from, entries.append, tuple.__new__
    while at <= last:
        signature, needed, flags, method, crc, packed, size, name_size, extra_size, comment_size, offset = unpack(
            raw, at
        )
        if signature != _RECORD_SIGNATURE:
            break
        start = at + 46
        after = start + name_size + extra_size + comment_size
        if after > len(raw):
            break
        if (
            method & ~8
            or flags & _HIDING_FLAGS
            or needed > _NEWEST_VERSION
            or size > packed * MAX_RATIO
            or name_size > MAX_PATH_BYTES
        ):
            odd[len(entries)] = at
            name_size_kept = min(name_size, MAX_PATH_BYTES)
        else:
            name_size_kept = name_size
        if MAX32 in (packed, size, offset):
            packed, size, offset, known = zip64_values(
                bytes(raw[start + name_size : start + name_size + extra_size]), packed, size, offset
            )
            if not known:
                odd[len(entries)] = at
        text = str(raw[start : start + name_size_kept], "utf-8", "replace")
        add(new(ZipEntry, (text, method, flags, crc, packed, size, offset + shift)))
        at = after
        if len(entries) > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} entries", where=name)
    if at > last and len(raw) > MAX_DIRECTORY_BYTES:
        raise LimitError(f"central directory of more than {MAX_DIRECTORY_BYTES} bytes", where=name)
    return entries, at, odd


def zip64_values(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int, bool]:
    """Replaces saturated 32-bit values from extra field 0x0001 (APPNOTE 4.5.3); False when it lacks one."""
    field = _extra_field(extra, 0x0001)
    at = 0
    values = [size, packed, offset]
    for index, value in enumerate(values):
        # golang writes all three even where one would do; the others are then to be skipped.
        if value == MAX32 or len(field) >= 24:
            if at + 8 > len(field):
                return values[1], values[0], values[2], False
            if value == MAX32:
                values[index] = int(_U64.unpack_from(field, at)[0])
            at += 8
    return values[1], values[0], values[2], True


def _extra_field(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, size = _EXTRA.unpack_from(extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return b""


def _note_entry(raw: bytes | memoryview, entry: ZipEntry, at: int, oddities: Oddities) -> None:
    _, needed, _, _, _, packed, size, name_size, _, _, offset = _RECORD.unpack_from(raw, at)
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


def _note_totals(place: Directory, count: int, stop: int, oddities: Oddities) -> bool:
    declared = place.count if place.is_zip64 else place.count & _MAX16
    actual = count if place.is_zip64 else count & _MAX16
    if actual != declared or (count != actual and not place.is_zip64):
        oddities.note(ZipOddity.ENTRY_COUNT, f"{place.count} declared, {count} found")
    if stop != place.size:
        oddities.note(ZipOddity.DIRECTORY_SIZE, f"{place.size} bytes declared, {stop} found")
    if count < declared:
        oddities.note(ZipOddity.DIRECTORY_BROKEN, f"stops after {count} entries at {place.start + stop}")
        return False
    return True


def check_extents(entries: list[ZipEntry], oddities: Oddities) -> None:
    """Notes entries that share bytes, and bytes before the first entry."""
    if not entries:
        return
    if _overlapping(entries, None):
        entries = sorted(entries, key=lambda entry: entry.header_offset)
        _overlapping(entries, oddities)
    if entries[0].header_offset > 0:
        oddities.note(ZipOddity.PREPENDED, f"{entries[0].header_offset} bytes")


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
