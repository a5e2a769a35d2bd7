"""Entries of a zip without a usable central directory, from their local headers: what a broken download still has.

Sizes that the local header leaves to a data descriptor (APPNOTE 4.3.9) are found by looking for the descriptor whose
own size field equals its distance from the data, which needs no inflating and so gives a zip bomb nothing to do.
"""

from __future__ import annotations

import re
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from nngauge.errors import LimitError, NotThisFormat, TruncatedError
from nngauge.io.source import ByteSource
from nngauge.io.zip_entries import Listing, ZipEntries
from nngauge.io.zip_oddities import Oddities, ZipOddity
from nngauge.io.zip_records import (
    DESCRIPTOR_FLAG,
    LOCAL,
    LOCAL_MAGIC,
    MAX32,
    RECORD_MAGIC,
    STORED,
    ZipEntry,
    note_overlaps,
    zip64_values,
)
from nngauge.limits import CHUNK_BYTES, MAX_ENTRIES, MAX_PATH_BYTES, MAX_ZIP_MARKS

_DESCRIPTOR: Final = struct.Struct("<III")  # crc, compressed, size
_DESCRIPTOR64: Final = struct.Struct("<IQQ")
_DESCRIPTOR_MAGIC: Final = b"PK\x07\x08"
_MARK: Final = re.compile(rb"PK(?:\x03\x04|\x07\x08|\x01\x02|\x05\x06)")
_ROW: Final = struct.Struct("<HHIQQQ")
"""A `ZipEntry` without its name."""
_NAME_GUESS: Final = 100
"""Longer than most names."""
_MARK_SLACK: Final = 28
"""Bytes around a signature that decide what it is: a zip64 descriptor, a local header's lengths."""
_EMPTY_DEFLATED: Final = 5
"""A final empty block takes two bytes, a stored one five."""
_LOOKS_PER_MARK: Final = 4
"""Signatures looked at per signature there is; without it headers that miss their descriptors cost quadratic time."""


class _Found(NamedTuple):
    entry: ZipEntry
    after: int
    """Where the next header should be."""
    is_whole: bool


class _Recovered:
    """Recovered entries without their names, which stand in the local headers."""

    __slots__ = ("_rows", "_source", "hashes", "slashed")

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._rows = bytearray()
        self.hashes = array("q")
        self.slashed = array("I")

    def __len__(self) -> int:
        return len(self.hashes)

    def add(self, entry: ZipEntry) -> None:
        if entry.name.endswith("/"):
            self.slashed.append(len(self.hashes))
        self.hashes.append(hash(entry.name))
        self._rows += _ROW.pack(*entry[1:])

    def entry(self, index: int) -> ZipEntry:
        method, flags, crc, packed, size, at = _ROW.unpack_from(self._rows, index * _ROW.size)
        raw = self._source.read(at, LOCAL.size + _NAME_GUESS)
        if len(raw) < LOCAL.size:
            raise TruncatedError("the file has become shorter", where=self._source.name)
        end = LOCAL.size + LOCAL.unpack_from(raw)[-2]
        if end > len(raw):
            raw = self._source.read(at, end)
        return ZipEntry(str(raw[LOCAL.size : end], "utf-8", "replace"), method, flags, crc, packed, size, at)

    def listing(self) -> Listing:
        return Listing(ZipEntries(array("I", range(len(self))), self.entry), self.hashes, self.slashed)


class _Scan:
    """All signatures of one source, found in one pass the first time they are needed."""

    __slots__ = ("_left", "_marks", "source")

    def __init__(self, source: ByteSource) -> None:
        self.source = source
        self._marks: array[int] | None = None
        self._left = 0

    def _positions(self, start: int) -> Iterator[int]:
        if self._marks is None:
            self._marks = _find_marks(self.source)
            self._left = _LOOKS_PER_MARK * len(self._marks)
        for index in range(bisect_left(self._marks, start), len(self._marks)):
            yield self._marks[index]

    def marks(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Signatures from `start` on, as long as the budget lasts: their offsets and the bytes from there."""
        for at in self._positions(start):
            self._left -= 1
            if self._left < 0:
                return
            yield at, self.source.read(at, _MARK_SLACK)

    def next_header(self, start: int) -> int | None:
        """The next believable local header."""
        for at in self._positions(start):
            if _plausible(self.source, at):
                return at
        return None


def _find_marks(source: ByteSource) -> array[int]:
    found = array("Q")
    for at in range(0, source.size, CHUNK_BYTES):
        # Three bytes more, so that no signature is cut; none can start twice.
        window = source.read(at, CHUNK_BYTES + 3)
        found.extend(at + match.start() for match in _MARK.finditer(window))
        if len(found) > MAX_ZIP_MARKS:
            raise LimitError(f"more than {MAX_ZIP_MARKS} zip signatures", where=source.name)
    return found


def recover(source: ByteSource, oddities: Oddities, *, end: int | None = None) -> Listing:
    """Entries by their local headers, in file order, up to offset `end`.

    An unknown size (truncated, data descriptor lost) is given as the compressed size. Raises `NotThisFormat` unless
    the source starts like a zip and has an entry, and `LimitError` past `limits.MAX_ENTRIES`.
    """
    if source.read(0, 4) != LOCAL_MAGIC or not _plausible(source, 0):
        raise NotThisFormat("neither an end record nor a local header of a zip", where=source.name)
    stop = source.size if end is None else end
    scan = _Scan(source)
    entries = _Recovered(source)
    at: int | None = 0
    while at is not None and at < stop:
        found = _entry_at(scan, at)
        if found.entry.name or found.entry.size:
            entries.add(found.entry)
        if len(entries) > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} entries", where=source.name)
        if not found.is_whole:
            oddities.note(ZipOddity.INCOMPLETE_ENTRY, "", entry=found.entry.name, key=at)
        at = _following(scan, found.after)
    if not entries:
        raise NotThisFormat("no entry of a zip", where=source.name)
    return entries.listing()


def recover_truncated(source: ByteSource, oddities: Oddities) -> Listing:
    """`recover` for a whole source, with the checks that a directory would have got."""
    found = recover(source, oddities)
    count = len(found.entries)
    oddities.note(ZipOddity.TRUNCATED, f"{count} entries recovered from local headers")
    found.note_names([range(count)], oddities)
    note_overlaps(found.entries, oddities)
    return found


def _following(scan: _Scan, at: int) -> int | None:
    """The next local header at or after `at`; None at the directory or the end."""
    magic = scan.source.read(at, 4)
    if magic == LOCAL_MAGIC and _plausible(scan.source, at):
        return at
    if magic == RECORD_MAGIC or len(magic) < 4:
        return None
    return scan.next_header(at)


def _plausible(source: ByteSource, at: int) -> bool:
    """Whether a local header stands at `at`: a version that exists, a name that could be one."""
    raw = source.read(at, LOCAL.size)
    if len(raw) < LOCAL.size:
        return False
    magic, needed, _, _, _, packed, _, name_size, _ = LOCAL.unpack(raw)
    if magic != LOCAL_MAGIC or needed & 0xFF > 99:
        return False
    # Android's build tools align entries with headers that have neither name nor data (zipflinger, "virtual entry").
    return bool(name_size <= MAX_PATH_BYTES if name_size else packed == 0)


def _entry_at(scan: _Scan, at: int) -> _Found:
    source = scan.source
    _, _, flags, method, crc, packed, size, name_size, extra_size = LOCAL.unpack(source.read(at, LOCAL.size))
    rest = source.read(at + LOCAL.size, name_size + extra_size)
    name = str(rest[:name_size], "utf-8", "replace")
    if MAX32 in (packed, size):
        packed, size, _ = zip64_values(rest[name_size:], packed, size, 0)
    data = at + LOCAL.size + name_size + extra_size
    after = data + packed
    if flags & DESCRIPTOR_FLAG and packed == 0:
        found = _described(scan, data, method)
        if found is None:
            after = min(scan.next_header(data) or source.size, source.size)
            packed = size = max(after - data, 0)
            return _Found(ZipEntry(name, method, flags, 0, packed, size, at), after, is_whole=False)
        crc, packed, size, after = found
    elif flags & DESCRIPTOR_FLAG:
        after += _descriptor_size(source, after)
    whole = data + packed <= source.size
    return _Found(ZipEntry(name, method, flags, crc, packed, size, at), after, whole)


def _descriptor_size(source: ByteSource, at: int) -> int:
    """Length of the data descriptor that follows data of known size."""
    raw = source.read(at, 28)
    start = 4 if raw.startswith(_DESCRIPTOR_MAGIC) else 0
    for length in (start + 12, start + 20):
        if raw[length : length + 2] == b"PK":
            return length
    return start + 12


def _described(scan: _Scan, data: int, method: int) -> tuple[int, int, int, int] | None:
    """CRC, compressed size, size and following offset from the data descriptor of the data at `data`."""
    for at, head in scan.marks(data):
        distance = at - data
        if head.startswith(_DESCRIPTOR_MAGIC):
            found = _descriptor_in(head[4:], distance, method)
            if found is not None:
                return *found[:3], at + 4 + found[3]
            continue
        # The signature is optional (APPNOTE 4.3.9.3): the descriptor may stand bare before the next header.
        for shape in (_DESCRIPTOR, _DESCRIPTOR64):
            if distance >= shape.size:
                bare = scan.source.read(at - shape.size, shape.size)
                found = _descriptor_in(bare, distance - shape.size, method)
                if found is not None and found[3] == shape.size:
                    return *found[:3], at
    return None


def _descriptor_in(raw: bytes, distance: int, method: int) -> tuple[int, int, int, int] | None:
    """CRC, compressed size, size and own length, if `raw` starts with a descriptor of `distance` bytes of data."""
    for shape in (_DESCRIPTOR, _DESCRIPTOR64):
        if len(raw) >= shape.size:
            crc, packed, size = shape.unpack_from(raw)
            # Read as a short one, a zip64 descriptor has size 0; empty content deflates to two bytes.
            fits = size == packed if method == STORED else size > 0 or packed <= _EMPTY_DEFLATED
            if packed == distance and fits:
                return crc, packed, size, shape.size
    return None
