"""Opens a file, a range of one, or a folder as a container, by its content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.location import Location
from nngauge.errors import InputError, NotThisFormat, UnsupportedError
from nngauge.io.content import UNREADABLE_ARCHIVES, Kind, content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, MAX_INFLATED_ENTRY
from nngauge.packages._api import Container, Entry
from nngauge.packages._directory import open_directory
from nngauge.packages._window import WindowEntry
from nngauge.packages._zip import open_zip

_COMPRESSED: Final = frozenset({Kind.GZIP, Kind.XZ, Kind.BZIP2, Kind.ZSTD})
_ZIP_SUFFIXES: Final = (".apk", ".apks", ".xapk", ".apkm", ".aab", ".aar", ".ipa", ".obb", ".zip", ".jar")
"""Names whose files are worth a search for an end record even when they do not begin like a zip."""

__all__ = ["entry_source", "open_any", "open_container", "open_directory", "open_file", "salvage"]


def open_container(source: ByteSource, name: str) -> Container:
    """The container in `source`, which it closes when it is closed; `name` is the file's name, without authority.

    `source.name` is the prefix of all locations that are reported. Raises `NotThisFormat` for anything that is no
    container, `UnsupportedError` for kinds that need an absent library or have no reader, and what the readers raise.
    """
    kind = content_kind(source.read(0, HEAD_BYTES))
    if kind is Kind.ZIP:
        return open_zip(source)
    if kind is Kind.TAR:
        from nngauge.packages._tar import open_tar

        return open_tar(source)
    if kind is Kind.SEVENZIP:
        from nngauge.packages._sevenzip import open_7z

        return open_7z(source)
    if kind in _COMPRESSED:
        from nngauge.packages._compressed import open_compressed

        return open_compressed(source, name, kind)
    if name.lower().endswith(_ZIP_SUFFIXES):
        # Android finds zips from their end; bytes in front (a script, padding, a decoy) do not stop it.
        return open_zip(source)
    if kind in UNREADABLE_ARCHIVES:
        raise UnsupportedError(f"{kind.value} archives are not read", where=source.name)
    raise NotThisFormat("not a container", where=source.name)


def open_file(source: ByteSource, name: str) -> Container:
    """A file that is no container, as a container of itself."""
    return Container(kind="file", entries=(WindowEntry(name, source),), source=source, close=source.close)


def entry_source(entry: Entry, location: Location) -> ByteSource:
    """All bytes of an entry: in place when stored, else spooled to memory or to a file without a name.

    Raises what reading the entry raises. The caller closes it.
    """
    return entry.window() or ByteSource.spool(entry.chunks(), str(location))


def salvage(entry: Entry, location: Location, limit: int = MAX_INFLATED_ENTRY) -> tuple[ByteSource, InputError | None]:
    """Like `entry_source`, but what could be read before an error is kept, and the error handed back.

    Raises the error when there is nothing to keep, and `LimitError` past `limit` bytes of unpacking.
    """
    window = entry.window()
    if window is not None:
        return window, None
    met: list[InputError] = []
    source = ByteSource.spool(_until_error(entry, met), str(location), limit=limit)
    if met and not source.size:
        source.close()
        raise met[0]
    return source, met[0] if met else None


def _until_error(entry: Entry, met: list[InputError]) -> Iterator[bytes]:
    try:
        yield from entry.chunks()
    except InputError as error:
        met.append(error)


def open_any(source: ByteSource, name: str) -> Container:
    """Like `open_container`; what is no container becomes one of kind ``file``."""
    try:
        return open_container(source, name)
    except NotThisFormat:
        return open_file(source, name)
