"""Lists of apps: rows out of text files, plain or gzipped, here or behind an address, and what is wrong with some of them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Final, cast

from nngauge.domain.study import Item
from nngauge.errors import LimitError, MalformedError
from nngauge.io.source import ByteSource
from nngauge.io.web import require_plain
from nngauge.limits import CHUNK_BYTES, MAX_BAD_ROWS, MAX_LIST_BYTES, MAX_LIST_LINE, MAX_LIST_ROWS
from nngauge.sources._download import Download

if TYPE_CHECKING:
    from typing_extensions import Buffer

_GZIP: Final = b"\x1f\x8b"
_BAD: Final = "bad row: "


def numbered_lines(place: str) -> Iterator[tuple[int, str | None]]:
    """Number and text of each line of the list at `place`, a path or an address; None for what is no text or too long.

    Raises `UnreadableError`, `TransientError`, `TruncatedError` and `MalformedError` for broken gzip, `LimitError`.
    """
    with _source(place) as source:
        stream = unpacked(source)
        number = 0
        while line := bounded_line(stream, place):
            number += 1
            if number > MAX_LIST_ROWS:
                raise LimitError(f"more than {MAX_LIST_ROWS} rows", where=place)
            yield number, _text(line, first=number == 1)
            while len(line) == MAX_LIST_LINE and not line.endswith(b"\n"):  # the rest of one that is too long
                line = bounded_line(stream, place)


def _source(place: str) -> ByteSource:
    if place.startswith(("http://", "https://")):
        return Download(require_plain(place), most=MAX_LIST_BYTES).read()
    return ByteSource.open(place)


def unpacked(source: ByteSource) -> IO[bytes]:
    """The bytes of a list, without gzip where they are packed."""
    plain = io.BufferedReader(_Raw(source), CHUNK_BYTES)
    if plain.peek(2)[:2] != _GZIP:
        return plain
    from isal import igzip

    unpacked = cast("io.RawIOBase", igzip.GzipFile(fileobj=plain))  # type: ignore[no-untyped-call]
    return io.BufferedReader(unpacked, CHUNK_BYTES)


class _Raw(io.RawIOBase):
    """A source as a stream."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        data = self._source.read(self._at, len(room))
        room[: len(data)] = data
        self._at += len(data)
        return len(data)


def bounded_line(stream: IO[bytes], place: str, most: int = MAX_LIST_LINE) -> bytes:
    """The next line or `most` bytes of it, empty at the end. Raises `MalformedError` when packed bytes are damaged."""
    from isal import isal_zlib

    damaged = cast("type[Exception]", isal_zlib.error)
    try:
        return stream.readline(most)
    except (EOFError, OSError, zlib.error, damaged) as error:
        raise MalformedError(
            f"the packed list breaks off or is damaged ({type(error).__name__})", where=place
        ) from None


def _text(line: bytes, *, first: bool) -> str | None:
    if len(line) == MAX_LIST_LINE and not line.endswith(b"\n"):
        return None
    try:
        text = line.decode("utf-8-sig" if first else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


class BadRows:
    """Items that stand for rows which name no package, so that they fail by name when their turn comes."""

    def __init__(self, kind: str, place: str) -> None:
        self._place = f"{kind}:{place}"
        self.count = 0
        """Bad rows so far."""

    def item(self, row: int | str, why: str) -> Iterator[Item]:
        """One bad row; nothing when there were too many."""
        self.count += 1
        if self.count <= MAX_BAD_ROWS:
            yield Item(locator=f"{self._place}#row={row}", stamp=_BAD + why)

    def rest(self) -> Iterator[Item]:
        """One item for all that were too many."""
        if self.count > MAX_BAD_ROWS:
            more = self.count - MAX_BAD_ROWS
            yield Item(locator=f"{self._place}#rows", stamp=f"{_BAD}{more} more")


def refuse_bad_row(item: Item) -> None:
    """Raises `MalformedError` for an item that stands for a bad row."""
    if item.stamp is not None and item.stamp.startswith(_BAD):
        raise MalformedError(
            item.stamp, where=item.locator, hint="correct the list and add it again: nngauge study add"
        )
