"""Sources as entries and as files."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from typing import Any

from nngauge.errors import TruncatedError
from nngauge.io.source import ByteSource
from nngauge.limits import CHUNK_BYTES, HEAD_BYTES


class WindowEntry:
    """A file that is a range of its container, uncompressed."""

    __slots__ = ("_source", "path", "size", "stored_size")

    def __init__(self, path: str, source: ByteSource, size: int | None = None) -> None:
        """`size`: bytes declared, when the source may have fewer."""
        self.path = path
        self._source = source
        self.size = source.size if size is None else size
        self.stored_size = source.size

    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes."""
        return self._source.read(0, count)

    def chunks(self) -> Iterator[bytes]:
        """All bytes; `TruncatedError` after them when the archive ends early."""
        yield from read_chunks(self._source)
        if self._source.size < self.size:
            raise TruncatedError(f"{self.size} bytes declared, {self._source.size} left", where=self._source.name)

    def window(self) -> ByteSource | None:
        """The bytes in place."""
        return self._source


def read_chunks(source: ByteSource) -> Iterator[bytes]:
    """All bytes of a source as pieces that the receiver may keep; `TruncatedError` when a file has shrunk."""
    for at in range(0, source.size, CHUNK_BYTES):
        piece = source.read(at, CHUNK_BYTES)
        if piece:
            yield piece
        if len(piece) < min(CHUNK_BYTES, source.size - at):
            raise TruncatedError(f"{source.size} bytes expected, {at + len(piece)} found", where=source.name)


class SourceFile(io.RawIOBase):
    """A source as the file object that libraries want."""

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as there are bytes."""
        data = self._source.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves; `OSError` before the beginning, as files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, self._source.size)
        if base + offset < 0:
            raise OSError(errno.EINVAL, "seek before the beginning")
        self._at = base + offset
        return self._at
