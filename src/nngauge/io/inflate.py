"""Raw deflate (RFC 1951) in bounded steps.

ISA-L inflates about twice as fast as zlib for streams; for heads of a few hundred bytes object set-up dominates and
zlib is as good (figures in `docs/adr`). ``IsalError`` is not a subclass of ``zlib.error``, so both are caught.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple, Protocol, cast

from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.io.source import ByteSource
from nngauge.limits import CHUNK_BYTES, KIB, MAX_INFLATED_ENTRY

_INPUT_BYTES = 256 * KIB
_OUTPUT_BYTES = 512 * KIB
"""Checksum, search and copy find a piece of this size still in the second-level cache (measured: 4 % of a scan)."""
_RAW = -15
"""zlib's way of saying: no header, window of 32 KiB."""
HEAD_SLACK = 128
"""Compressed bytes beyond the output wanted that hold nearly every Huffman table description."""
_MAX_EXPANSION = 1032
"""Deflate makes at most 258 bytes of two bits."""
_FINE = 64
"""Output step near an error; at most this many good bytes before the error are lost."""


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes | memoryview, max_length: int = ..., /) -> bytes: ...


class _Engine(NamedTuple):
    stream: Callable[[], _Stream]
    errors: tuple[type[Exception], ...]
    crc32: Callable[[bytes, int], int]


@cache
def engine() -> _Engine:
    """The fastest inflate and CRC-32 installed: ISA-L, else zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return _Engine(lambda: zlib.decompressobj(_RAW), (zlib.error,), zlib.crc32)
    # Its type stub declares the class as an instance.
    failure = cast("type[Exception]", isal_zlib.error)
    return _Engine(lambda: isal_zlib.decompressobj(wbits=_RAW), (failure, zlib.error), isal_zlib.crc32)


def inflate_chunks(
    source: ByteSource,
    offset: int,
    compressed_size: int,
    *,
    expected: int | None = None,
    limit: int = MAX_INFLATED_ENTRY,
) -> Iterator[bytes]:
    """Inflates in pieces of at most 1 MiB, whatever the ratio.

    `expected` is the declared size; it only says in the error how much is missing. Everything that can be had is
    yielded before an error is raised: `TruncatedError` (the input ends early), `MalformedError` (not deflate),
    `LimitError` (more than `limit` bytes come out). Input after the final block is ignored.
    """
    total = 0
    where = f"{source.name}@{offset}"
    for piece in _chunks(source, offset, compressed_size, expected):
        total += len(piece)
        if total > limit:
            if len(piece) > total - limit:
                yield piece[: limit - total]
            raise LimitError(f"inflates to more than {limit} bytes", where=where)
        yield piece


def _chunks(source: ByteSource, offset: int, compressed_size: int, expected: int | None) -> Iterator[bytes]:
    """`inflate_chunks` without the limit."""
    stream = engine().stream()
    total = 0
    try:
        for piece in source.chunks(offset, compressed_size, _INPUT_BYTES):
            for out in _drain(stream, piece, _OUTPUT_BYTES):
                total += len(out)
                yield out
            if stream.eof:
                return
    except engine().errors:
        # The engine throws away what it had when it met the error, up to a whole chunk.
        yield from _inflate_finely(source, offset, compressed_size, total, step=CHUNK_BYTES, fine=_FINE)
        return
    wanted = "" if expected is None else f" of {expected}"
    raise TruncatedError(f"deflate stream ends after {total}{wanted} bytes", where=f"{source.name}@{offset}")


def inflate_whole(data: bytes, size: int) -> bytes | None:
    """All `size` bytes out of `data`, a whole stream; None when it makes more, less or trouble."""
    stream = engine().stream()
    try:
        out = stream.decompress(data, size + 1)
    except engine().errors:
        return None
    return out if stream.eof and len(out) == size else None


def inflate_head(source: ByteSource, offset: int, compressed_size: int, count: int) -> bytes:
    """The first `count` bytes after inflation, fewer when the stream has fewer or is damaged.

    Raises `MalformedError` when nothing at all comes out of a stream that is not deflate.
    """
    data = source.read(offset, min(compressed_size, count + HEAD_SLACK))
    head = head_of(data, count)
    if head is not None:
        return head
    # Rare: damage, empty blocks, or more table than expected. The slow way copes with all of them.
    return _careful_head(source, offset, compressed_size, count)


def head_of(data: bytes, count: int) -> bytes | None:
    """The first `count` bytes out of the first compressed bytes `data`; None when that is not to be had so easily."""
    if count <= 0:  # which zlib takes as "no bound"
        return b""
    stream = zlib.decompressobj(_RAW)
    try:
        head = stream.decompress(data, count)
    except zlib.error:
        return None
    return head if len(head) == count or stream.eof else None


def _careful_head(source: ByteSource, offset: int, compressed_size: int, count: int) -> bytes:
    head = bytearray()
    # Empty blocks make no output; a stream of nothing else must not be read to its end for a head.
    budget = min(compressed_size, count + _INPUT_BYTES)
    try:
        for piece in _inflate_finely(source, offset, budget, 0, step=count, fine=1):
            head += piece
            if len(head) >= count:
                break
    except TruncatedError:
        pass
    except MalformedError:
        if not head:
            raise
    return bytes(head[:count])


def _drain(stream: _Stream, data: bytes | memoryview, step: int) -> Iterator[bytes]:
    """All output that `data` makes, in pieces of at most `step` bytes."""
    while True:
        out = stream.decompress(data, step)
        if out:
            yield out
        data = stream.unconsumed_tail
        # A full piece may have a rest inside the engine even when all input is used up.
        if stream.eof or (not data and len(out) < step):
            return


def _inflate_finely(
    source: ByteSource, offset: int, compressed_size: int, skip: int, *, step: int, fine: int
) -> Iterator[bytes]:
    """Inflates again with zlib: what comes after the first `skip` bytes, up to at most `fine` bytes before the error.

    Yields about `step` bytes at a time.
    """
    where = f"{source.name}@{offset}"
    stream: _Stream = zlib.decompressobj(_RAW)
    total = 0
    pending = bytearray()
    error: Exception | None = None
    try:
        for piece in source.chunks(offset, compressed_size, 4 * KIB):
            # What was delivered already may pass in large steps, as long as the error cannot be in this piece.
            is_far = total + len(piece) * _MAX_EXPANSION < skip
            for out in _drain(stream, piece, CHUNK_BYTES if is_far else fine):
                total += len(out)
                if total > skip:
                    pending += out[-min(len(out), total - skip) :]
                if len(pending) >= step:
                    yield bytes(pending)
                    pending.clear()
            if stream.eof:
                break
    except zlib.error as caught:
        error = caught
    if pending:
        yield bytes(pending)
    if error is not None:
        raise MalformedError(f"corrupt deflate stream after {total} bytes", where=where) from error
    if not stream.eof:
        raise TruncatedError(f"deflate stream ends after {total} bytes", where=where)
