"""What is behind a disguise that needs no secret: tried on the bytes, and believed when a parser accepts the result."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.protection.masking import likely_key, shortest, unmasked
from nngauge.analyse.protection.unpacking import Unpacked, unpack, unpack_whole
from nngauge.domain.evidence import Confidence
from nngauge.domain.location import Location
from nngauge.domain.protection import Cipher, Grade
from nngauge.extract.attempt import Extracted, Piece, try_format
from nngauge.extract.candidates import FormatIndex
from nngauge.formats import Format
from nngauge.io.content import content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES, KIB, MIB

_WHOLE: Final = 64 * MIB
"""Larger files are recognised by their magic after unmasking, without being parsed."""
_CONTAINER_HEAD: Final = 4 * KIB
"""As far into a file a private container's payload is looked for."""
_TRIES: Final = 16
_HEADERS: Final = (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096)
"""Lengths of private headers in front of formats without a magic; those with one are found at any place."""
_COLUMN: Final = 64
"""Bytes of a key's column in the header of a model, which is fuller of zeros than its weights."""


class Revealed(Struct, frozen=True, kw_only=True):
    """What a file turned out to be."""

    grade: Grade
    how: str
    """One clause: what was undone."""
    title: str | None
    """Title of the format inside; None when only the wrapping is known."""
    confidence: Confidence
    offset: int = 0
    """Where the payload begins."""
    cipher: Cipher | None = None
    inner: Unpacked | None = None


def reveal(index: FormatIndex, location: Location, source: ByteSource, period: int | None) -> Revealed | None:
    """Tries masks, encodings, streams and offsets, the surest first. `period`: length of a key that statistics show."""
    head = source.read(0, HEAD_BYTES)
    if not head:
        return None
    return (
        _masked(index, location, source, head, period)
        or _unpacked(index, location, source)
        or _offset(index, location, source)
        or _backwards(index, location, source)
    )


def accepts(index: FormatIndex, location: Location, content: bytes | memoryview, name: str) -> Format | None:
    """The format whose parser accepts `content` as a whole model."""
    head = bytes(content[:HEAD_BYTES])
    source = ByteSource.of_bytes(content, name)
    for form in index.matching(head, len(content), name, content_kind(head)):
        if isinstance(try_format(form, Piece(location, source)), Extracted):
            return form
    return None


def recognise(index: FormatIndex, head: bytes, name: str) -> Format | None:
    """The format whose magic stands at the start of `head`: all that is asked of a sample."""
    starts = head[:HEAD_BYTES]
    for form in index.matching(starts, len(head), name, content_kind(starts)):
        if any(starts.startswith(magic.value, magic.offset) for magic in form.magics):
            return form
    return None


def _masked(
    index: FormatIndex, location: Location, source: ByteSource, head: bytes, period: int | None
) -> Revealed | None:
    for key in map(shortest, _keys(index, source, head, period)):
        if source.size <= _WHOLE:
            found = accepts(index, location, unmasked(source.read(0, source.size), key), source.name)
            sure = Confidence.CERTAIN
        else:
            found = recognise(index, unmasked(source.read(0, HEAD_BYTES), key), source.name)
            sure = Confidence.LIKELY
        if found is not None:
            how = f"XORed with a key of {len(key)} byte{'s' if len(key) > 1 else ''}"
            cipher = Cipher(name="XOR", key_bytes=len(key))
            return Revealed(grade=Grade.WEAK, how=how, title=found.title, confidence=sure, cipher=cipher)
    return None


def _keys(index: FormatIndex, source: ByteSource, head: bytes, period: int | None) -> Iterator[bytes]:
    single = index.masks.find(head)
    if single is not None:
        yield bytes([single[0]])
    sample = source.read(0, 256 * KIB)
    repeating = index.masks.find_repeating(sample)
    if repeating is not None:
        yield repeating[0]
    yield from _single_keys(index, source, head)
    if period is not None:
        for part in (sample[: max(_CONTAINER_HEAD, _COLUMN * period)], sample):
            yield likely_key(part, period)


def _single_keys(index: FormatIndex, source: ByteSource, head: bytes) -> Iterator[bytes]:
    """One-byte keys under which the head looks like a format without a magic, which `masks` does not know."""
    for key in range(1, 256):
        plain = unmasked(head, bytes([key]))
        if any(True for _ in index.matching(plain, source.size, source.name, content_kind(plain))):
            yield bytes([key])


def _unpacked(index: FormatIndex, location: Location, source: ByteSource) -> Revealed | None:
    stream = unpack(source)
    if stream is None:
        return None
    grade = Grade.ENCODED if stream.text else Grade.COMPRESSED
    inside = recognise(index, stream.content, source.name) if stream.content else None
    if inside is None:
        content = unpack_whole(source, stream, _WHOLE)
        inside = accepts(index, location, content, source.name) if content else None
        if stream.text and content:
            stream = replace(stream, content=content)
    place = f" from byte {stream.offset}" if stream.offset else ""
    return Revealed(
        grade=grade, how=f"{stream.name}{place}", title=inside.title if inside else None, offset=stream.offset,
        confidence=Confidence.CERTAIN if inside else Confidence.LIKELY, inner=stream,
    )  # fmt: skip


def _offset(index: FormatIndex, location: Location, source: ByteSource) -> Revealed | None:
    """A whole model behind a private header."""
    head = source.read(0, _CONTAINER_HEAD + HEAD_BYTES)
    for start, form in islice(_starts(index, head, source), _TRIES):
        rest = source.sub(start, source.size - start, source.name)
        if isinstance(try_format(form, Piece(location.at(start, rest.size), rest)), Extracted):
            how = f"{form.title} behind a header of {start} bytes"
            return Revealed(
                grade=Grade.PRIVATE, how=how, title=form.title, confidence=Confidence.CERTAIN, offset=start
            )  # fmt: skip
    return None


def _starts(index: FormatIndex, head: bytes, source: ByteSource) -> Iterator[tuple[int, Format]]:
    """Where a model may begin: at any magic, and behind headers of the usual lengths for formats without one."""
    for form in index.formats:
        for magic in form.magics:
            if len(magic.value) < 4:
                continue
            at = head.find(magic.value, magic.offset + 1)
            while at >= 0:
                yield at - magic.offset, form
                at = head.find(magic.value, at + 1)
    for start in _HEADERS:
        first = head[start : start + HEAD_BYTES]
        if start < source.size:
            for form in index.matching(first, source.size - start, source.name, content_kind(first)):
                yield start, form


def _backwards(index: FormatIndex, location: Location, source: ByteSource) -> Revealed | None:
    """Written from the last byte to the first."""
    tail = source.read(max(0, source.size - HEAD_BYTES), HEAD_BYTES)[::-1]
    if source.size > _WHOLE or not any(
        True for _ in index.matching(tail, source.size, source.name, content_kind(tail))
    ):
        return None
    form = accepts(index, location, source.read(0, source.size)[::-1], source.name)
    if form is None:
        return None
    how = f"{form.title} with its bytes in reverse order"
    return Revealed(grade=Grade.PRIVATE, how=how, title=form.title, confidence=Confidence.CERTAIN)
