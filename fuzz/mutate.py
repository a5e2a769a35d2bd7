"""Damages bytes the way that finds mistakes: lengths and counts set to extremes, pieces cut, moved and mixed."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable, Sequence

_NUMBERS = (
    0, 1, 2, 3, 7, 8, 15, 16, 31, 63, 64, 127, 128, 255, 256, 1023, 4096, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFFFFFF,
    0x3FFFFFFF, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x100000000, 1 << 40, (1 << 63) - 1, 1 << 63,
    (1 << 64) - 1,
)  # fmt: skip
_TEXTS = (
    b"9" * 19,
    b"-1",
    b"1e999",
    b"NaN",
    b"\xff\xfe",
    b"[" * 300,
    b"{" * 300,
    b"\0",
    b'"',
    b"<",
    b"\xb2",
    b"0x",
    b"",
)
_FIGURES = (
    b"0", b"-1", b"1", b"255", b"4096", b"65536", b"2147483647", b"-2147483648", b"4294967295", b"9223372036854775807",
    b"-9223372036854775808", b"18446744073709551616", b"1e308", b"-0.0", b"1" * 400, b"0x7fffffff", b"nan", b"../../etc/passwd",
)  # fmt: skip
"""Numbers in texts."""
_FRONT = 512
_SMALL_ARCHIVE = 512 << 10


def mutated(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """`data` after one to eight changes; `others` lend pieces. Archives are changed as such, or in one member."""
    if data[:4] == b"PK\x03\x04" and len(data) < _SMALL_ARCHIVE and rng.random() < 0.6:
        inside = _repacked(data, others, rng)
        if inside is not None:
            return inside
    return _changed(data, others, rng)


def _repacked(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes | None:
    """The same zip with one member damaged and all sums right; None when it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(item, archive.read(item)) for item in archive.infolist()]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
        return None
    if not members:
        return None
    victim = rng.randrange(len(members))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for place, (item, content) in enumerate(members):
            kept = _changed(content, others, rng) if place == victim else content
            archive.writestr(item.filename, kept, compress_type=item.compress_type)
    return buffer.getvalue()


def _changed(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        rng.choice(_CHANGES)(out, others, rng)
    return bytes(out)


def _place(out: bytearray, rng: random.Random) -> int:
    """Half of the time near the front, where headers are."""
    span = min(len(out), _FRONT) if rng.random() < 0.5 else len(out)
    return rng.randrange(span) if span else 0


def _flip(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    if out:
        out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _byte(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    if out:
        out[_place(out, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _number(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 4, 4, 8))
    value = rng.choice((*_NUMBERS, len(out), max(len(out) - 1, 0), rng.randrange(1 << 32)))
    at = _place(out, rng)
    if rng.random() < 0.7:
        at -= at % size
    piece = (value & ((1 << 8 * size) - 1)).to_bytes(size, rng.choice(("little", "little", "big")))
    out[at : at + size] = piece[: max(len(out) - at, 0)]


def _nudge(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A little more or less: off-by-one offsets and counts."""
    at = _place(out, rng)
    at -= at % 4
    value = int.from_bytes(out[at : at + 4], "little") + rng.choice((-8, -4, -1, 1, 4, 8))
    out[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")[: max(len(out) - at, 0)]


def _cut(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    del out[_place(out, rng) :]


def _drop(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    at = _place(out, rng)
    del out[at : at + rng.choice((1, 2, 4, 8, 32, 256))]


def _repeat(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    at = _place(out, rng)
    out[at:at] = bytes(out[at : at + rng.choice((1, 4, 16, 128))]) * rng.choice((1, 2, 40))


def _splice(out: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    other = rng.choice(others)
    start = rng.randrange(len(other)) if other else 0
    piece = other[start : start + rng.choice((4, 32, 512, 8192))]
    at = _place(out, rng)
    if rng.random() < 0.5:
        out[at:at] = piece
    else:
        out[at : at + len(piece)] = piece


def _noise(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    at = _place(out, rng)
    size = rng.choice((2, 8, 64))
    out[at : at + size] = rng.randbytes(size)


def _text(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    at = _place(out, rng)
    out[at : at + rng.choice((0, 1, 4))] = rng.choice(_TEXTS)


def _figure(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Another number where one stands in a text; in binary files, one of the varints that protobufs are made of."""
    at = _place(out, rng)
    found = re.compile(rb"-?[0-9]{1,20}").search(out, at, at + 256)
    if found and rng.random() < 0.8:
        out[found.start() : found.end()] = rng.choice(_FIGURES)
    else:
        out[at : at + rng.choice((1, 2, 5))] = rng.choice(
            (b"\xff" * 9 + b"\1", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x40")
        )


def _swap(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A word of a text in another place: names that turn in circles, words where numbers should be."""
    source, at = _place(out, rng), _place(out, rng)
    words = re.compile(rb"[A-Za-z0-9_./]{1,40}")
    one, two = words.search(out, source, source + 256), words.search(out, at, at + 256)
    if one and two:
        out[two.start() : two.end()] = bytes(one.group())


def _move(out: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A word of the file somewhere else: offsets that point back make cycles."""
    source, at = _place(out, rng), _place(out, rng)
    word = bytes(out[source : source + 4])
    out[at : at + len(word)] = word


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip, _byte, _number, _number, _number, _nudge, _cut, _drop, _repeat, _splice, _noise, _text, _move, _figure, _swap,
)  # fmt: skip
