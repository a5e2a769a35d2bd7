"""7z archives, through `py7zr`.

The files of a 7z share compressed blocks, so all are unpacked at once, one after the other into one temporary file
without a name; nothing is ever written under a name from the archive.
"""

from __future__ import annotations

import io
import lzma
import struct
import tempfile
from typing import IO, Any, Final

from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.errors import InputError, LimitError, MalformedError, UnsupportedError
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_ENTRIES, MAX_SOLID
from nngauge.packages._api import Container
from nngauge.packages._compressed import ARCHIVES_HINT
from nngauge.packages._window import SourceFile, WindowEntry

_ERRORS: Final = (
    ValueError, ArithmeticError, LookupError, EOFError, RecursionError, TypeError, AttributeError, AssertionError,
    struct.error, lzma.LZMAError, OSError, NotImplementedError, MemoryError,
)  # fmt: skip
"""What `py7zr` raises on damaged archives besides its own errors."""


def open_7z(source: ByteSource) -> Container:
    """All files, unpacked; damage ends the list and becomes a failure.

    Raises `UnsupportedError` without `py7zr` and for encrypted archives, `MalformedError` when nothing can be had and
    `LimitError` for too many files.
    """
    try:
        from py7zr.exceptions import ArchiveError, PasswordRequired
    except ImportError as error:
        raise UnsupportedError("7z needs a library", where=source.name, hint=ARCHIVES_HINT) from error
    failure: InputError | None = None
    with tempfile.NamedTemporaryFile(prefix="nngauge-") as spool:
        sink = _Sink(spool, source.name)
        try:
            _unpack(source, sink)
        except PasswordRequired as error:
            raise UnsupportedError("encrypted", where=source.name) from error
        except InputError as error:
            failure = error
        except (ArchiveError, *_ERRORS) as error:
            failure = MalformedError(f"7z: {str(error) or type(error).__name__}", where=source.name)
        if failure is not None and not sink.files:
            raise failure
        spool.flush()
        unpacked = ByteSource.open(spool.name, source.name)
    return _container(source, unpacked, sink, failure)


def _unpack(source: ByteSource, sink: _Sink) -> None:
    import py7zr

    with py7zr.SevenZipFile(io.BufferedReader(SourceFile(source)), "r") as archive:
        if len(archive.files) > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} files", where=source.name)
        archive.extractall(factory=_factory(sink))


def _container(source: ByteSource, unpacked: ByteSource, sink: _Sink, failure: InputError | None) -> Container:
    def close() -> None:
        unpacked.close()
        source.close()

    where = Location(path=source.name)
    failures = (
        Failure(stage=Stage.PACKAGE, location=where, error=type(failure).__name__, reason=failure.what),
    ) if failure else ()  # fmt: skip
    entries = [
        WindowEntry(path, unpacked.sub(start, size, str(where.inside(path)))) for path, start, size in sink.files
    ]
    return Container(kind="7z", entries=entries, source=source, failures=failures, close=close)


class _Sink:
    """One growing file, and which range of it is which file of the archive."""

    def __init__(self, spool: IO[bytes], name: str) -> None:
        self._spool = spool
        self._name = name
        self._total = 0
        self.files: list[tuple[str, int, int]] = []

    def begin(self, path: str) -> None:
        self.files.append((path, self._total, 0))

    def write(self, data: bytes | bytearray) -> int:
        path, start, size = self.files[-1]
        if self._total + len(data) > MAX_SOLID:
            raise LimitError(f"unpacks to more than {MAX_SOLID} bytes", where=self._name)
        self._spool.write(data)
        self._total += len(data)
        self.files[-1] = (path, start, size + len(data))
        return len(data)


def _factory(sink: _Sink) -> Any:
    """The sink in the shape `py7zr` wants. It asks for one writer after the other and never reads back."""
    from py7zr.io import Py7zIO, WriterFactory

    class Writer(Py7zIO):  # type: ignore[misc,unused-ignore]
        def write(self, data: bytes | bytearray) -> int:
            return sink.write(data)

        def read(self, size: int | None = None) -> bytes:  # noqa: ARG002 (its signature)
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
            return offset

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return sink.files[-1][2]

    class Factory(WriterFactory):  # type: ignore[misc,unused-ignore]
        def create(self, filename: str) -> Py7zIO:
            sink.begin(filename)
            return Writer()

    return Factory()
