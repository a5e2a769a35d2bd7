"""The central directory of a zip: where it is, and what it lists.

Specification: PKWARE APPNOTE.TXT 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.14
to 4.3.16. Where tools disagree this reads like Android's libziparchive (``FindCentralDirectoryInfo`` and
``ParseZipArchive`` in system/libziparchive/zip_archive.cc), only more patiently.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from nngauge.io.source import ByteSource
from nngauge.io.zip_entries import Listing, ZipEntries
from nngauge.io.zip_oddities import Oddities, ZipOddity
from nngauge.io.zip_parse import parse_records
from nngauge.io.zip_records import LOCAL_MAGIC, MAX32, RECORD, RECORD_MAGIC, Records, note_overlaps, note_record
from nngauge.limits import MAX_EOCD_SEARCH

END_MAGIC: Final = b"PK\x05\x06"
_END64_MAGIC: Final = b"PK\x06\x06"
_LOCATOR64_MAGIC: Final = b"PK\x06\x07"
_END: Final = struct.Struct("<4x4xHHIIH")  # entries here, entries, directory size, directory offset, comment length
_END64: Final = struct.Struct("<24xQQQQ")  # entries here, entries, directory size, directory offset
_LOCATOR64: Final = struct.Struct("<8xQ")  # offset of the zip64 end record
_MAX16: Final = 0xFFFF


class Directory(Struct, frozen=True, kw_only=True):
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
    record = source.read(start, min(RECORD.size, end - start))
    if len(record) < RECORD.size or not record.startswith(RECORD_MAGIC):
        return None
    header = int(RECORD.unpack(record)[-1])
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


def read_directory(source: ByteSource, place: Directory, oddities: Oddities) -> tuple[Listing, bool]:
    """All entries in directory order, and whether the directory was whole.

    Raises `LimitError` past `limits.MAX_ENTRIES` entries or `limits.MAX_DIRECTORY_BYTES`.
    """
    records = Records(source, place.start, place.end - place.start, place.shift)
    parsed = parse_records(records, place.shift, source.name)
    entries = ZipEntries(parsed.places, records.entry)
    for index in parsed.odd:
        note_record(records.at(parsed.places[index]), entries[index], oddities)
    whole = _note_totals(place, len(entries), parsed.stop, oddities)
    listing = Listing(entries, parsed.hashes, parsed.slashed)
    listing.note_names(parsed.doubtful, oddities)
    if parsed.is_disordered:
        note_overlaps(entries, oddities)
    # A local header in front that the directory does not list is alignment (see `zip_recover`) and no news.
    if entries and source.read(0, 4) != LOCAL_MAGIC:
        first = min(entry.header_offset for entry in entries)
        oddities.note(ZipOddity.PREPENDED, f"{first} bytes")
    return listing, whole


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
