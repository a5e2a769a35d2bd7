"""Random access to bytes that are somewhere else: a file, memory, or a region of another source, never loaded whole."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from nngauge.errors import LimitError, TruncatedError, UnreadableError
from nngauge.limits import CHUNK_BYTES, MAX_INFLATED_ENTRY, MEMORY_ENTRY


class _Store(Protocol):
    """Where the bytes of one or many sources lie. Offsets are absolute and already checked against the size."""

    def pread(self, offset: int, count: int) -> bytes: ...
    def stream(self, offset: int, size: int, chunk: int) -> Iterator[memoryview]: ...
    def mapped(self, offset: int, count: int) -> memoryview: ...
    def prepare(self, ranges: Iterable[tuple[int, int]]) -> None: ...
    def close(self) -> None: ...

    @property
    def is_remote(self) -> bool: ...


class ByteSource:
    """A window on bytes that are read when they are asked for. Thread-safe for reading.

    Sources made by `sub` share the file of their parent and must not outlive its `close`. After `close` every read
    raises `UnreadableError`; views handed out before stay valid.

    A mapped file that another process shortens kills the reading process with SIGBUS on `view`; `read` and `chunks`
    merely come up short.
    """

    __slots__ = ("_owner", "_start", "_store", "name", "size")

    def __init__(self, store: _Store, size: int, name: str, *, start: int = 0, owner: bool = True) -> None:
        self._store = store
        self._start = start
        self._owner = owner
        self.size = size
        self.name = name

    @classmethod
    def open(cls, path: str | os.PathLike[str], name: str | None = None) -> Self:
        """Opens a regular file; `UnreadableError` for anything else (directories, pipes, missing files)."""
        text = os.fspath(path)
        store = _FileStore(*_open_regular(text), text)
        return cls(store, store.size, text if name is None else name)

    @classmethod
    def of_bytes(cls, data: bytes | bytearray | memoryview, name: str) -> Self:
        """Wraps memory without copying it."""
        view = memoryview(data)
        if not isinstance(data, bytes):
            view = view.toreadonly().cast("B")
        return cls(_MemoryStore(view), view.nbytes, name)

    @classmethod
    def spool(
        cls, chunks: Iterable[bytes], name: str, *, memory: int = MEMORY_ENTRY, limit: int = MAX_INFLATED_ENTRY
    ) -> Self:
        """Keeps the joined chunks: in memory up to `memory` bytes, beyond in a temporary file that has no name.

        Raises `LimitError` past `limit` bytes, and whatever `chunks` raises.
        """
        # SpooledTemporaryFile: rollover and unlinking are the standard library's business.
        # Its 0 means "never roll over", ours "at once".
        import tempfile

        with tempfile.SpooledTemporaryFile(max_size=max(memory, 1)) as spooled:
            size = 0
            try:
                for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise LimitError(f"more than {limit} bytes", where=name)
                    spooled.write(chunk)
                if size <= memory:
                    spooled.seek(0)
                    return cls.of_bytes(spooled.read(), name)
                spooled.flush()
                store = _FileStore(os.dup(spooled.fileno()), size, name)
            except OSError as error:
                raise UnreadableError(f"cannot spool: {error.strerror}", where=name) from error
        return cls(store, size, name)

    def read(self, offset: int, count: int) -> bytes:
        """The bytes at `offset`: `count` of them, fewer only at the end; `TruncatedError` if `offset` is negative."""
        left = self.size - offset  # as in `_clip`, which would cost a call for each of ten thousand heads
        if left < count or offset < 0:
            count = self._clip(offset, count)
        return self._store.pread(self._start + offset, count) if count > 0 else b""

    def view(self, offset: int = 0, size: int | None = None) -> memoryview:
        """The bytes at `offset` as a read-only view without copying, clipped at the end like `read`."""
        count = self._clip(offset, self.size if size is None else size)
        if count <= 0:
            return memoryview(b"")
        return self._store.mapped(self._start + offset, count)

    def chunks(self, offset: int = 0, size: int | None = None, chunk: int = CHUNK_BYTES) -> Iterator[memoryview]:
        """Pieces of at most `chunk` bytes, in order, clipped at the end like `read`.

        The buffer behind a piece is used again: a piece is valid until the next one is asked for.
        """
        count = self._clip(offset, self.size if size is None else size)
        return self._store.stream(self._start + offset, max(count, 0), chunk)

    @property
    def is_remote(self) -> bool:
        """Whether bytes come over a network, so that `prepare` is worth the trouble."""
        return self._store.is_remote

    def prepare(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Says that these `(offset, count)` will be read soon: remote bytes come in few requests then, others do nothing.

        Raises `TransientError` and other kinds of `InputError` when they do not come.
        """
        if self._store.is_remote:
            start, size = self._start, self.size
            clipped = ((offset, min(count, size - offset)) for offset, count in ranges if 0 <= offset < size)
            self._store.prepare((start + offset, count) for offset, count in clipped)

    def sub(self, offset: int, size: int, name: str) -> ByteSource:
        """A window on this source, clipped at its end, without copying."""
        count = max(self._clip(offset, size), 0)
        return ByteSource(self._store, count, name, start=self._start + offset, owner=False)

    def close(self) -> None:
        """Releases the file; a window does nothing, its parent owns the file."""
        if self._owner:
            self._store.close()

    def _clip(self, offset: int, count: int) -> int:
        """How many of `count` bytes there are at `offset`; zero or less when there are none."""
        if offset < 0:
            raise TruncatedError("offset before the data", where=f"{self.name}@{offset}")
        return min(count, self.size - offset)

    def __repr__(self) -> str:
        return f"ByteSource({self.name!r}, {self.size} bytes)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_regular(path: str) -> tuple[int, int]:
    """Descriptor and size of a regular file."""
    try:
        # Without O_NONBLOCK the open of a named pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be opened", where=path) from error
    except ValueError as error:  # a NUL in the path
        raise UnreadableError(str(error), where=path) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise UnreadableError("not a regular file", where=path)
    return descriptor, status.st_size


class _FileStore:
    """A file descriptor, mapped only when a view is asked for."""

    __slots__ = ("_descriptor", "_map", "_name", "size")

    is_remote = False

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self._descriptor = descriptor
        self._map: memoryview | None = None
        self._name = name
        self.size = size

    def pread(self, offset: int, count: int) -> bytes:
        try:
            data = os.pread(self._descriptor, count, offset)
            # One call hands over at most 2 GiB on Linux.
            while len(data) < count:
                more = os.pread(self._descriptor, count - len(data), offset + len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise self._unreadable(error) from error
        return data

    def stream(self, offset: int, size: int, chunk: int) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(chunk, size)))
        end = offset + size
        while offset < end:
            try:
                got = os.preadv(self._descriptor, [buffer[: end - offset]], offset)
            except OSError as error:
                raise self._unreadable(error) from error
            if not got:
                return
            yield buffer[:got]
            offset += got

    def mapped(self, offset: int, count: int) -> memoryview:
        if self._map is None:
            if self._descriptor < 0:  # mmap would take -1 for anonymous memory
                raise UnreadableError("already closed", where=self._name)
            try:
                self._map = memoryview(mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_READ))
            except (OSError, ValueError) as error:  # ValueError: the file has shrunk below `size`
                raise UnreadableError(f"cannot be mapped: {error}", where=self._name) from error
        return self._map[offset : offset + count]

    def prepare(self, ranges: Iterable[tuple[int, int]]) -> None:
        """The operating system reads ahead."""

    def close(self) -> None:
        # The mapping goes when the last view on it goes.
        self._map = None
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _unreadable(self, error: OSError) -> UnreadableError:
        return UnreadableError(error.strerror or "cannot be read", where=self._name)


class _MemoryStore:
    """Bytes that are in memory already."""

    __slots__ = ("_view",)

    is_remote = False

    def __init__(self, view: memoryview) -> None:
        self._view: memoryview | None = view

    def pread(self, offset: int, count: int) -> bytes:
        return bytes(self.mapped(offset, count))

    def stream(self, offset: int, size: int, chunk: int) -> Iterator[memoryview]:
        view = self._whole()
        for at in range(offset, offset + size, chunk):
            yield view[at : min(at + chunk, offset + size)]

    def mapped(self, offset: int, count: int) -> memoryview:
        return self._whole()[offset : offset + count]

    def prepare(self, ranges: Iterable[tuple[int, int]]) -> None:
        """It is here."""

    def _whole(self) -> memoryview:
        if self._view is None:
            raise UnreadableError("already closed", where="memory")
        return self._view

    def close(self) -> None:
        self._view = None
