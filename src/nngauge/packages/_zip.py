"""Zips as containers: APK, IPA, AAB and what lies inside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, ZipEntry, read_zip
from nngauge.limits import HEAD_BYTES, KEPT_ENTRIES
from nngauge.packages._api import Container, Entry

_EMPTY_DEFLATE = 2
"""Bytes of a deflated nothing, which some writers store for directories."""


class ZippedFile:
    """One file in a zip."""

    __slots__ = ("archive", "record")

    def __init__(self, archive: ZipArchive, entry: ZipEntry) -> None:
        self.archive = archive
        self.record = entry

    @property
    def path(self) -> str:
        """Name in the central directory."""
        return self.record.name

    @property
    def size(self) -> int:
        """Declared bytes after inflation."""
        return self.record.size

    @property
    def stored_size(self) -> int:
        """Declared bytes before inflation."""
        return self.record.compressed_size

    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes of the content."""
        return self.archive.head(self.record, count)

    def chunks(self) -> Iterator[bytes]:
        """All bytes."""
        return self.archive.chunks(self.record)

    def window(self) -> ByteSource | None:
        """The bytes in place, when they are stored."""
        return self.archive.open(self.record)


def archive_of(container: Container) -> ZipArchive | None:
    """The archive behind a container that `open_zip` made, for its signing block; None for all others."""
    return container.entries.archive if isinstance(container.entries, ZippedFiles) else None


def ask_ahead(entries: Iterable[Entry], *, heads: bool) -> None:
    """Has the heads or the contents of entries of a remote zip fetched together. Others are none of its business.

    Raises `TransientError` and other kinds of `InputError` when they do not come.
    """
    source = None
    ranges: list[tuple[int, int]] = []
    for entry in entries:
        if isinstance(entry, ZippedFile):
            source = entry.archive.source
            ranges.append(entry.archive.extent(entry.record, HEAD_BYTES if heads else None))
    if source is not None:
        source.prepare(ranges)


def is_remote(entries: Sequence[Entry]) -> bool:
    """Whether the entries, all of one container, lie in a zip that is far away."""
    first = entries[0] if entries else None
    return isinstance(first, ZippedFile) and first.archive.source.is_remote


class ZippedFiles(Sequence[Entry]):
    """The files of a zip, made when they are asked for, since a hostile directory lists a million; kept when they are few."""

    __slots__ = ("_files", "_made", "archive")

    def __init__(self, archive: ZipArchive, files: Sequence[ZipEntry]) -> None:
        self.archive = archive
        self._files = files
        self._made: list[Entry] | None = None

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if self._made is not None:
            return self._made[index]
        if isinstance(index, slice):
            return ZippedFiles(self.archive, self._files[index])
        return ZippedFile(self.archive, self._files[index])

    def __iter__(self) -> Iterator[Entry]:
        if len(self._files) > KEPT_ENTRIES:
            return (ZippedFile(self.archive, entry) for entry in self._files)
        if self._made is None:
            self._made = [ZippedFile(self.archive, entry) for entry in self._files]
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._files)


def open_zip(source: ByteSource) -> Container:
    """The container, which closes `source`. Errors as in `nngauge.io.zip.read_zip`."""
    archive = read_zip(source)

    def find(path: str) -> Entry | None:
        entry = archive.find(path)
        return None if entry is None else ZippedFile(archive, entry)

    return Container(
        kind="zip",
        entries=ZippedFiles(archive, archive.files(_is_file)),
        source=source,
        report=lambda: archive.anomalies,
        lookup=find,
        close=source.close,
    )


def _is_file(entry: ZipEntry) -> bool:
    # Packers hide files under names that end in a slash; Android finds them by that very name.
    return not entry.name.endswith("/") or entry.compressed_size > _EMPTY_DEFLATE
