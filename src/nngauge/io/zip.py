"""Zips read as leniently as Android reads them, with every anomaly recorded.

The central directory decides; local headers are read for where the data starts and compared. Rules taken from
Android's own readers (libziparchive ``zip_archive.cc``, androidfw ``ApkAssets``/``AssetsProvider``):

- the encrypted flag is ignored,
- method 8 is inflated, every other method is taken as stored, with the *uncompressed* size,
- names are UTF-8 whatever flag 11 says,
- the first of two equal names is found (libziparchive refuses the whole archive; older Androids did not).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from nngauge.domain.outcome import Anomaly
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.inflate import HEAD_SLACK, engine, head_of, inflate_chunks, inflate_head, inflate_whole
from nngauge.io.source import ByteSource
from nngauge.io.zip_directory import (
    Directory,
    find_directory,
    read_directory,
)
from nngauge.io.zip_entries import Listing
from nngauge.io.zip_oddities import Oddities, ZipOddity
from nngauge.io.zip_records import (
    DEFLATED,
    DESCRIPTOR_FLAG,
    ENCRYPTED_FLAG,
    LOCAL,
    LOCAL_MAGIC,
    MAX32,
    STORED,
    ZipEntry,
)
from nngauge.io.zip_recover import recover, recover_truncated
from nngauge.limits import CHUNK_BYTES, HEAD_BYTES, KIB, MAX_INFLATED_ENTRY, MAX_PATH_BYTES, MEMORY_ENTRY, MIB

__all__ = ["ZipArchive", "ZipEntry", "ZipOddity", "read_zip"]

_REAL_CODECS: Final = frozenset({1, 2, 3, 4, 5, 6, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99})
"""Methods that mean another compression (APPNOTE 4.4.5), so that the stored bytes are the compressed ones."""
_AES_METHOD: Final = 99
"""WinZip AES (APPNOTE appendix E)."""
_CRYPT_HEADER: Final = 12
"""Random bytes that traditional PKWARE encryption puts before the data (APPNOTE 6.1.3)."""
_HEADER_GUESS: Final = 160
"""Name and extra field of nearly every local header, so that head and header come with one read."""
_SMALL_PACKED: Final = 64 * KIB
_KEPT_ENTRY: Final = 4 * KIB
_KEPT_BYTES: Final = 8 * MIB
"""A head is asked for first and everything later: half of an app's data files are so small that both are one read."""
_KNOWN_ENCRYPTED: Final = 10_000
"""Entries of which we remember whether they are; a million would take 100 MB."""
_TRIAL_BYTES: Final = 1 * MIB
"""Output without an error and a good CRC, or this much without an error, proves that data is not encrypted."""


def read_zip(source: ByteSource) -> ZipArchive:
    """Reads the directory of a zip; the entries stay where they are.

    Raises `NotThisFormat` for what is not a zip (an empty file, too) and `LimitError` for too many entries. A
    truncated zip is recovered from its local headers. The source must stay open as long as the archive is used.
    """
    if source.size == 0:
        raise NotThisFormat("empty file", where=source.name)
    oddities = Oddities(source.name)
    place = find_directory(source, oddities)
    if place is None:
        return ZipArchive(source, recover_truncated(source, oddities), oddities, None)
    listing, whole = read_directory(source, place, oddities)
    if not whole:
        listing = _completed(source, listing, place, oddities)
    return ZipArchive(source, listing, oddities, place)


def _completed(source: ByteSource, listing: Listing, place: Directory, oddities: Oddities) -> Listing:
    """The listed entries and those that only their local headers tell of."""
    listed = {entry.header_offset for entry in listing.entries}
    try:
        found = recover(source, oddities, end=place.start)
    except NotThisFormat:  # nothing in front that looks like an entry
        return listing
    return listing.joined(found, lambda entry: entry.header_offset not in listed)


class ZipArchive:
    """The entries of one zip, in directory order, and their bytes.

    Methods that take an entry raise subclasses of `InputError`: the archive may lie about each.
    """

    __slots__ = ("_encrypted", "_kept", "_kept_room", "_listing", "_oddities", "directory", "entries", "source")

    def __init__(self, source: ByteSource, listing: Listing, oddities: Oddities, directory: Directory | None) -> None:
        self.source = source
        self.entries: Sequence[ZipEntry] = listing.entries
        """Made when they are asked for, see `ZipEntries`."""
        self.directory = directory
        """None when the entries were recovered without one."""
        self._listing = listing
        self._oddities = oddities
        self._encrypted: dict[int, bool] = {}
        self._kept: dict[int, tuple[ZipEntry, bytes]] = {}
        """Small contents by the offset of their header, until they are read."""
        self._kept_room = _KEPT_BYTES

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """What is odd, so far: local headers and checksums are compared when an entry is read."""
        return self._oddities.report()

    def find(self, name: str) -> ZipEntry | None:
        """The first entry of that name."""
        return self._listing.find(name)

    def files(self, is_file: Callable[[ZipEntry], bool]) -> Sequence[ZipEntry]:
        """The entries without those directories, by their names, that are none for `is_file` either."""
        return self._listing.files(is_file)

    def is_stored(self, entry: ZipEntry) -> bool:
        """Whether the bytes lie in the archive as they are."""
        return entry.method != DEFLATED

    def data_offset(self, entry: ZipEntry) -> int:
        """Where the entry's data starts, by its local header; `MalformedError` when there is none."""
        return self._local(entry, 0)[1]

    def head(self, entry: ZipEntry, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes of the content, fewer when there are fewer or the data is damaged."""
        if entry.size <= _KEPT_ENTRY and self._kept_room > 0 and entry.header_offset not in self._kept:
            content = self._small(entry, _KEPT_ENTRY)
            if content is not None:
                self._kept[entry.header_offset] = entry, content
                self._kept_room -= len(content)
                return content[:count]
        raw, start = self._local(entry, count)
        if entry.flags & ENCRYPTED_FLAG:
            self._refuse_encrypted(entry, start)
        if entry.method != DEFLATED:
            return self.source.read(start, min(count, self._stored_size(entry, start)))
        at = start - entry.header_offset
        head = head_of(raw[at : at + entry.compressed_size], count)
        return inflate_head(self.source, start, entry.compressed_size, count) if head is None else head

    def extent(self, entry: ZipEntry, count: int | None = HEAD_BYTES) -> tuple[int, int]:
        """Offset in the source and size of what `head` reads for its first `count` bytes; None: what `chunks` reads."""
        is_small = entry.method == DEFLATED and entry.size <= _KEPT_ENTRY
        size = entry.compressed_size if entry.method == DEFLATED else max(entry.size, entry.compressed_size)
        if count is not None:
            size = max(count + HEAD_SLACK, size if is_small else 0)
        return entry.header_offset, LOCAL.size + _HEADER_GUESS + size

    def chunks(self, entry: ZipEntry, limit: int = MAX_INFLATED_ENTRY) -> Iterator[bytes]:
        """The content in pieces of at most 1 MiB; a wrong checksum or size becomes an anomaly.

        What can be had is yielded before `TruncatedError`, `MalformedError` or, past `limit` bytes, `LimitError`.
        """
        small = self._taken(entry) if entry.header_offset in self._kept else self._small(entry, limit)
        if small is not None:
            yield small
            return
        start = self.data_offset(entry)
        if entry.flags & ENCRYPTED_FLAG:
            self._refuse_encrypted(entry, start)
        crc32 = engine().crc32
        crc = total = 0
        for piece in self._pieces(entry, start, limit):
            crc = crc32(piece, crc)
            total += len(piece)
            yield piece
        self._verify(entry, crc, total)

    def _taken(self, entry: ZipEntry) -> bytes | None:
        """What `head` kept of `entry`, and of none that merely claims the same place."""
        kept, content = self._kept.pop(entry.header_offset)
        self._kept_room += len(content)
        return content if kept == entry else None

    def _small(self, entry: ZipEntry, limit: int) -> bytes | None:
        """All of a small deflated entry with one read; None for others and for those with anything odd about them."""
        if (
            entry.method != DEFLATED
            or entry.compressed_size > _SMALL_PACKED
            or not 0 < entry.size <= min(limit, CHUNK_BYTES)
            or entry.flags & ENCRYPTED_FLAG
        ):
            return None
        raw, start = self._local(entry, entry.compressed_size)
        at = start - entry.header_offset
        content = inflate_whole(raw[at : at + entry.compressed_size], entry.size)
        return content if content is not None and engine().crc32(content, 0) == entry.crc else None

    def read(self, entry: ZipEntry, limit: int = MEMORY_ENTRY) -> bytes:
        """The whole content of a small entry; errors as in `chunks`."""
        return b"".join(self.chunks(entry, limit))

    def open(self, entry: ZipEntry) -> ByteSource | None:
        """A window on a stored entry, no copy; None when it has to be inflated."""
        if not self.is_stored(entry):
            return None
        start = self.data_offset(entry)
        if entry.flags & ENCRYPTED_FLAG:
            self._refuse_encrypted(entry, start)
        return self.source.sub(start, self._stored_size(entry, start), f"{self.source.name}!{entry.name}")

    def _pieces(self, entry: ZipEntry, start: int, limit: int) -> Iterator[bytes]:
        if entry.method == DEFLATED:
            yield from inflate_chunks(self.source, start, entry.compressed_size, expected=entry.size, limit=limit)
            return
        size = self._stored_size(entry, start)
        where = self._where(entry)
        end = start + min(size, limit)
        for at in range(start, end, CHUNK_BYTES):
            piece = self.source.read(at, min(CHUNK_BYTES, end - at))
            if piece:
                yield piece
            if len(piece) < min(CHUNK_BYTES, end - at):
                raise TruncatedError(f"{size} bytes declared, {self.source.size - start} left", where=where)
        if size > limit:
            raise LimitError(f"more than {limit} bytes", where=where)

    def _stored_size(self, entry: ZipEntry, start: int) -> int:
        """Bytes of an entry that is taken as stored.

        Android maps the *uncompressed* size; archives that lie in the compressed one install nevertheless.
        """
        if entry.size == entry.compressed_size or entry.method in _REAL_CODECS:
            return entry.compressed_size
        end = self.source.size if self.directory is None else self.directory.start
        return entry.size if start + entry.size <= end else entry.compressed_size

    def _local(self, entry: ZipEntry, count: int) -> tuple[bytes, int]:
        """The bytes from the local header on, `count` or more of data among them as a rule, and the data's offset."""
        at = entry.header_offset
        raw = self.source.read(at, LOCAL.size + _HEADER_GUESS + count)
        if len(raw) < LOCAL.size:
            raise TruncatedError("local header outside the file", where=self._where(entry))
        magic, _, flags, method, crc, packed, size, name_size, extra_size = LOCAL.unpack_from(raw)
        if magic != LOCAL_MAGIC:
            raise MalformedError(f"no local header at {at}", where=self._where(entry))
        start = at + LOCAL.size + name_size + extra_size
        if start > self.source.size:
            raise TruncatedError("local header outside the file", where=self._where(entry))
        if method != entry.method:
            self._odd(ZipOddity.LOCAL_METHOD, entry, f"{method}, directory says {entry.method}")
        if not flags & DESCRIPTOR_FLAG and (crc, packed, size) != entry[3:6]:
            self._compare(entry, crc, packed, size)
        name = raw[LOCAL.size : LOCAL.size + name_size]
        if name != entry.name.encode("utf-8", "replace"):
            self._compare_name(entry, name_size)
        return raw, start

    def _compare(self, entry: ZipEntry, crc: int, packed: int, size: int) -> None:
        # Saturated fields refer to a zip64 extra field, whose values matter to nobody: the directory decides.
        if packed not in (entry.compressed_size, MAX32) or size not in (entry.size, MAX32):
            detail = f"{packed}/{size}, directory says {entry.compressed_size}/{entry.size}"
            self._odd(ZipOddity.LOCAL_SIZE, entry, detail)
        if crc != entry.crc:
            self._odd(ZipOddity.LOCAL_CRC, entry, f"{crc:08x}, directory says {entry.crc:08x}")

    def _compare_name(self, entry: ZipEntry, size: int) -> None:
        """The slow comparison: long names, bad UTF-8."""
        raw = self.source.read(entry.header_offset + LOCAL.size, min(size, MAX_PATH_BYTES))
        name = str(raw, "utf-8", "replace")
        if name != entry.name:
            self._odd(ZipOddity.LOCAL_NAME, entry, ascii(name[:200]))

    def _verify(self, entry: ZipEntry, crc: int, total: int) -> None:
        if entry.method in _REAL_CODECS:  # sizes and checksum are those of the decompressed content
            return
        if self._oddities.has(ZipOddity.INCOMPLETE_ENTRY, entry.header_offset):  # they are not known
            return
        if total != entry.size:
            self._odd(ZipOddity.WRONG_SIZE, entry, f"{entry.size} declared, {total} found")
        if crc != entry.crc:
            self._odd(ZipOddity.BAD_CRC, entry, f"{entry.crc:08x} declared, {crc:08x} found")

    def _refuse_encrypted(self, entry: ZipEntry, start: int) -> None:
        known = self._encrypted.get(entry.header_offset)
        if known is None:
            if len(self._encrypted) >= _KNOWN_ENCRYPTED:
                self._encrypted.clear()
            known = self._encrypted[entry.header_offset] = self._is_encrypted(entry, start)
        if known:
            self._odd(ZipOddity.ENCRYPTED, entry, "")
            raise UnsupportedError("encrypted", where=self._where(entry))

    def _is_encrypted(self, entry: ZipEntry, start: int) -> bool:
        """Whether the flag tells the truth: cipher text neither inflates nor matches the checksum."""
        if entry.method == STORED:
            return entry.compressed_size == entry.size + _CRYPT_HEADER
        if entry.method != DEFLATED:
            return entry.method == _AES_METHOD
        crc32 = engine().crc32
        crc = 0
        try:
            for piece in inflate_chunks(self.source, start, entry.compressed_size, limit=_TRIAL_BYTES):
                crc = crc32(piece, crc)
        except (LimitError, TruncatedError):
            return False
        except MalformedError:
            return True
        # Few bytes of cipher text may happen to be valid deflate; a wrong checksum without a flag is only odd.
        return crc != entry.crc and entry.compressed_size < 64

    def _odd(self, kind: ZipOddity, entry: ZipEntry, detail: str) -> None:
        self._oddities.note(kind, detail, entry=entry.name, key=entry.header_offset)

    def _where(self, entry: ZipEntry) -> str:
        return f"{self.source.name}!{entry.name}"
