"""Compressed single files: gzip, xz, bzip2, zstd. One entry, unpacked in bounded steps, never whole."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.content import Kind
from nngauge.io.source import ByteSource
from nngauge.limits import CHUNK_BYTES, HEAD_BYTES, KIB, MAX_INFLATED_ENTRY, MIB
from nngauge.packages._api import Container

ARCHIVES_HINT: Final = "pip install nngauge[archives]"
TRAILING: Final = "trailing-bytes"
"""Bytes behind the end of the compressed data, which every tool ignores."""

_INPUT_BYTES: Final = 64 * KIB
_MEMORY: Final = 128 * MIB
"""Dictionary of xz, window of zstd; ``xz -9`` needs 65 MiB, ``zstd --ultra -22`` 128 MiB."""
_WINDOW_LOG: Final = 27
"""`_MEMORY` as zstd writes it."""
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP: Final = 31
"""zlib's way of saying: gzip header and trailer, window of 32 KiB."""
_GZIP_EXTRA, _GZIP_NAME = 4, 8
"""Flags of RFC 1952, 2.3.1."""
_SUFFIXES: Final = {
    ".gz": "", ".gzip": "", ".xz": "", ".bz2": "", ".zst": "", ".zstd": "",
    ".tgz": ".tar", ".txz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".tzst": ".tar", ".svgz": ".svg",
}  # fmt: skip


class _Decoder(Protocol):
    """One member or frame of a compressed file."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def feed(self, data: bytes) -> Iterator[bytes]: ...


class _Gzip:
    """RFC 1952."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            out = self._stream.decompress(data, CHUNK_BYTES)
            if out:
                yield out
            data = self._stream.unconsumed_tail
            if self._stream.eof or (not data and len(out) < CHUNK_BYTES):
                return


class _Standard:
    """The interface that `bz2`, `lzma` and (from Python 3.14) `compression.zstd` share."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._stream.unused_data)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self._stream.eof:
            out = self._stream.decompress(data, CHUNK_BYTES)
            data = b""
            if out:
                yield out
            if self._stream.needs_input:
                return


class _Zstandard:
    """The `zstandard` package. Its readers take a cut file for a whole one, and its streams know no output bound.

    So a stream is fed little by little: four bytes make one block of 128 KiB at most (RFC 8878, 3.1.1.2), hence 16 MiB
    come out of one step at worst.
    """

    _STEP: Final = 512

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._behind = b""

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._stream.unused_data) + self._behind

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), self._STEP):
            out = self._stream.decompress(data[at : at + self._STEP])
            for start in range(0, len(out), CHUNK_BYTES):
                yield out[start : start + CHUNK_BYTES]
            if self._stream.eof:
                self._behind = data[at + self._STEP :]
                return


class CompressedFile:
    """The one file inside. Its size is not known before the end."""

    __slots__ = ("_odd", "_source", "_unpack", "path", "size", "stored_size")

    def __init__(self, source: ByteSource, path: str, unpack: _Unpack, odd: list[Anomaly]) -> None:
        self._source = source
        self._unpack = unpack
        self._odd = odd
        self.path = path
        self.size = -1
        self.stored_size = source.size

    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes."""
        head = b""
        for piece in self.chunks():
            head += piece[: count - len(head)]
            if len(head) >= count:
                break
        return head

    def chunks(self) -> Iterator[bytes]:
        """All bytes; close to damage up to 1 MiB before it may be missing."""
        total = 0
        for piece in self._unpack(self._source, self._odd):
            total += len(piece)
            if total > MAX_INFLATED_ENTRY:
                raise LimitError(f"unpacks to more than {MAX_INFLATED_ENTRY} bytes", where=self._source.name)
            yield piece

    def window(self) -> ByteSource | None:
        """None: always compressed."""
        return None


_Unpack = Callable[[ByteSource, list[Anomaly]], Iterator[bytes]]


def open_compressed(source: ByteSource, name: str, kind: Kind) -> Container:
    """`name` without its suffix names the entry, unless the gzip header knows better."""
    odd: list[Anomaly] = []
    path = (_gzip_name(source) if kind is Kind.GZIP else "") or _inner_name(name)
    return Container(
        kind=kind.value,
        entries=(CompressedFile(source, path, _unpacker(kind), odd),),
        source=source,
        report=lambda: tuple(odd),
        close=source.close,
    )


def _inner_name(name: str) -> str:
    base = name.rpartition("/")[2]
    for suffix, replacement in _SUFFIXES.items():
        if base.lower().endswith(suffix) and len(base) > len(suffix):
            return base[: -len(suffix)] + replacement
    return base or "content"


def _gzip_name(source: ByteSource) -> str:
    """The original file name of RFC 1952, 2.3.1: Latin-1, ends in NUL."""
    head = source.read(0, HEAD_BYTES)
    flags, at = head[3], 10
    if flags & _GZIP_EXTRA:
        at += 2 + int.from_bytes(head[10:12], "little")
    end = head.find(b"\0", at)
    if not flags & _GZIP_NAME or end <= at:
        return ""
    return head[at:end].decode("latin-1").replace("\\", "/").rpartition("/")[2]


def _unpacker(kind: Kind) -> _Unpack:
    if kind is Kind.GZIP:
        return lambda source, odd: _members(source, odd, _Gzip, b"\x1f\x8b", zlib.error)
    if kind is Kind.BZIP2:
        return lambda source, odd: _members(source, odd, lambda: _Standard(bz2.BZ2Decompressor()), b"BZh", OSError)
    if kind is Kind.XZ:
        return lambda source, odd: _members(source, odd, _xz, b"\xfd7zXZ", lzma.LZMAError)
    if kind is Kind.ZSTD:
        return _zstd
    raise NotThisFormat(f"{kind} is no compressed file")


def _xz() -> _Decoder:
    return _Standard(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY))


def _members(
    source: ByteSource, odd: list[Anomaly], new: Callable[[], _Decoder], magic: bytes, error: type[Exception]
) -> Iterator[bytes]:
    """Members one after the other, with zero padding between them (allowed by xz, tolerated by gzip)."""
    stream: _Decoder | None = new()
    at = 0
    try:
        for piece in source.chunks(0, None, _INPUT_BYTES):
            data = bytes(piece)
            at += len(data)
            while data:
                if stream is None:
                    data = data.lstrip(b"\0")
                    if data and not (data.startswith(magic) or magic.startswith(data)):
                        _note_trailing(source, odd, at - len(data))
                        return
                    stream = new() if data else None
                    continue
                yield from stream.feed(data)
                data, stream = (stream.unused_data, None) if stream.eof else (b"", stream)
    except error as caught:
        where = f"{source.name}@{at}"
        if "memory" in str(caught).lower():
            raise LimitError(f"wants more than {_MEMORY >> 20} MiB of memory", where=where) from caught
        raise MalformedError(f"corrupt data: {caught}", where=where) from caught
    if stream is not None:
        raise TruncatedError("compressed data ends early", where=f"{source.name}@{at}")


def _note_trailing(source: ByteSource, odd: list[Anomaly], at: int) -> None:
    if not odd:
        size = source.size - at
        odd.append(
            Anomaly(kind=TRAILING, location=Location(path=source.name, offset=at, size=size), detail=f"{size} bytes")
        )


def _zstd(source: ByteSource, odd: list[Anomaly]) -> Iterator[bytes]:
    """RFC 8878, by Python 3.14's own module or by the `zstandard` package."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        yield from _zstandard(source, odd)
        return
    options = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}

    def new() -> _Decoder:
        return _Standard(zstd.ZstdDecompressor(options=options))

    yield from _members(source, odd, new, _ZSTD_MAGIC, zstd.ZstdError)


def _zstandard(source: ByteSource, odd: list[Anomaly]) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedError("zstd needs a library", where=source.name, hint=ARCHIVES_HINT) from error

    def new() -> _Decoder:
        return _Zstandard(zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj())

    yield from _members(source, odd, new, _ZSTD_MAGIC, zstandard.ZstdError)
