"""Figures of one tensor's values, from its bytes and without numpy.

Floats are not decoded. The byte with sign and exponent of each element (its *top*) is taken out with one strided slice;
tables of `bytes.translate` then compare a million of them in a millisecond. An element is zero when all its other bits
are: the bytes of all elements are joined with "or" as long integers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct, field

from nngauge.domain.graph import DType

MAX_DISTINCT: Final = 1024
"""Different values counted exactly; a weight tensor that was not clustered has thousands in its first kilobytes."""
_FIRST: Final = 2048
"""Elements looked at in one step while different values are counted."""
_ROUNDED_ELEMENTS: Final = 256
"""Values other than 0 that must all be short before they are said to come from a narrower type."""
_CLEAR_SIGN: Final = bytes(value & 0x7F for value in range(256))
_BELOW: Final = tuple(bytes(range(value)) for value in range(257))
"""`_BELOW[n]`: all bytes below n, for `translate` to delete."""
_FINITE: Final = {top: bytes(value for value in range(256) if value & 0x7F < top) for top in (0x7C, 0x7F)}
"""Tops below that of infinity, by that top."""
_FP16_LOW: Final = bytes(value for value in range(256) if value & 0x1F == 0)


class FloatForm(Struct, frozen=True):
    """Where a little-endian float keeps what is looked at."""

    width: int
    code: Literal["H", "I"]
    """`struct` code of an unsigned integer of this width."""
    steps: int
    """Steps of the top byte, sign cleared, in which the magnitude grows 1024 times (2¹⁰)."""
    dead: int
    """The same for 2²⁰."""
    endless: int
    """Top byte of infinity; of types with eight exponent bits also of the largest magnitudes of all."""
    exponent: int
    """Mask of the exponent bits, all of which infinity has."""
    start: Callable[[int], float]
    """Top byte above 0 → the smallest magnitude it stands for."""


FORMS: Final[Mapping[DType, FloatForm]] = {
    DType.FLOAT32: FloatForm(4, "I", 5, 10, 0x7F, 0x7F80_0000, lambda top: 2.0 ** (2 * top - 127)),
    DType.BFLOAT16: FloatForm(2, "H", 5, 10, 0x7F, 0x7F80, lambda top: 2.0 ** (2 * top - 127)),
    DType.FLOAT16: FloatForm(2, "H", 40, 80, 0x7C, 0x7C00, lambda top: _half(top << 8)),
}
"""The top byte holds 7 of 8 exponent bits (steps of 4 times) or, for float16, 5 and two of the fraction (quarters)."""


class Values(Struct, kw_only=True):
    """Figures of the elements read so far."""

    read: int = 0
    zeros: int = 0
    near_zeros: int | None = None
    threshold: float | None = None
    distinct: int | None = None
    patterns: frozenset[int] = field(default_factory=frozenset)
    """The different values as stored, while there are at most `MAX_DISTINCT`."""
    holds: str = ""
    finite: bool = True
    """No infinity and nothing that is no number: masks have them, weights do not."""
    mask: bytes = b""
    """One byte an element: 0 where the magnitude is below 2⁻²⁰ of the largest; empty where that is not known."""


def float_values(chunks: Iterable[bytes], form: FloatForm) -> Values:
    """Figures of IEEE floats; `chunks` hold whole elements."""
    tops: list[bytes] = []
    found = Values()
    seen: set[int] | None = set()
    rounded = {"float16", "bfloat16"} if form.width == 4 else set[str]()
    for chunk in chunks:
        top = chunk[form.width - 1 :: form.width]
        tops.append(top)
        found.zeros += _zeros(chunk, top, form.width)
        elements = memoryview(chunk).cast(form.code)
        seen = _more(seen, elements)
        if found.finite and top.translate(None, _FINITE[form.endless]):
            found.finite = not any(element & form.exponent == form.exponent for element in elements)
        rounded -= _not_rounded(chunk) if rounded else set()
    joined = b"".join(tops)
    found.read = len(joined)
    found.holds = min(rounded, default="") if found.read - found.zeros >= _ROUNDED_ELEMENTS else ""
    _count_distinct(found, seen)
    if found.read:
        _compare(found, joined.translate(_CLEAR_SIGN), form)
    return found


def _zeros(chunk: bytes, top: bytes, width: int) -> int:
    """Elements whose bits are all zero, the sign aside."""
    if b"\0" not in top and b"\x80" not in top:
        return 0
    joined = int.from_bytes(top.translate(_CLEAR_SIGN), "little")
    for place in range(width - 1):
        joined |= int.from_bytes(chunk[place::width], "little")
    return joined.to_bytes(len(top), "little").count(0)


def _not_rounded(chunk: bytes) -> set[str]:
    """Which narrower types the float32 values of `chunk` do not come from: their low fraction bits are not all zero."""
    low, next_ = chunk[0::4], chunk[1::4]
    if low.count(0) != len(low):
        return {"float16", "bfloat16"}
    failed = {"bfloat16"} if next_.count(0) != len(next_) else set()
    return failed | ({"float16"} if next_.translate(None, _FP16_LOW) else set())


def _more(seen: set[int] | None, elements: memoryview) -> set[int] | None:
    """`seen` with the values of `elements`, None once there are too many."""
    for start in range(0, len(elements), _FIRST):
        if seen is None:
            return None
        seen.update(elements[start : start + _FIRST])
        if len(seen) > MAX_DISTINCT:
            seen = None
    return seen


def _count_distinct(found: Values, seen: set[int] | None) -> None:
    if seen is not None:
        found.distinct, found.patterns = len(seen), frozenset(seen)


def _compare(found: Values, tops: bytes, form: FloatForm) -> None:
    """Near-zeros and the mask of the living, relative to the largest magnitude."""
    largest = _largest(tops)
    if not found.finite:
        found.holds = ""
        largest = max(tops.translate(None, bytes(range(form.endless, 128))), default=0)
    limit = largest - form.steps
    if limit > 0:
        found.near_zeros = found.read - len(tops.translate(None, _BELOW[limit]))
        found.threshold = form.start(limit)
    else:  # all magnitudes are near the smallest the type can hold
        found.near_zeros = found.zeros
    dead = max(largest - form.dead, 1)
    found.mask = tops.translate(bytes(dead) + b"\1" * (256 - dead)) if largest else bytes(len(tops))


def _largest(tops: bytes) -> int:
    """The largest byte: of the first, then of what remains when everything up to it is deleted."""
    first = max(tops[:_FIRST])
    return max(tops.translate(None, _BELOW[first + 1]), default=first)


def byte_values(chunks: Iterable[bytes], zero: int) -> Values:
    """Figures of one-byte elements whose stored value `zero` means 0."""
    found = Values(near_zeros=0)
    seen: set[int] = set()
    parts = []
    mark = bytes([zero & 0xFF])
    table = bytes(int(value != zero & 0xFF) for value in range(256))
    for chunk in chunks:
        found.read += len(chunk)
        found.zeros += chunk.count(mark)
        seen |= _bytes_in(chunk)
        parts.append(chunk.translate(table))
    found.near_zeros = found.zeros
    found.mask = b"".join(parts)
    _count_distinct(found, seen)
    return found


def _bytes_in(chunk: bytes) -> set[int]:
    """The byte values that occur; a search for each is faster than a set of a million."""
    return {value for value in range(256) if value in chunk}


def packed_values(chunks: Iterable[bytes], bits: int, zero: int, elements: int) -> Values:
    """Figures of elements of 2 or 4 bits, the first in the lowest bits; padding behind `elements` is not counted."""
    found = Values()
    per, low = 8 // bits, (1 << bits) - 1
    zero &= low
    have = tuple(bytes(v for v in range(256) if v >> shift & low == zero) for shift in range(0, 8, bits))
    seen: set[int] = set()
    for chunk in chunks:
        count = min(len(chunk) * per, elements - found.read)
        whole = chunk[: count // per]
        found.zeros += sum(len(whole) - len(whole.translate(None, table)) for table in have)
        for value in _bytes_in(whole):
            seen.update(value >> shift & low for shift in range(0, 8, bits))
        for place in range(count % per):  # the last byte, partly padding
            value = chunk[count // per] >> place * bits & low
            found.zeros += value == zero
            seen.add(value)
        found.read += count
    found.near_zeros = found.zeros
    _count_distinct(found, seen)
    return found


def short_values(chunks: Iterable[bytes], zero: int) -> Values:
    """Figures of 16-bit integers."""
    found = Values()
    seen: set[int] | None = set()
    for chunk in chunks:
        elements = memoryview(chunk).cast("H")
        found.read += len(elements)
        found.zeros += _zeros16(chunk) if zero == 0 else elements.tolist().count(zero & 0xFFFF)
        seen = _more(seen, elements)
    found.near_zeros = found.zeros
    _count_distinct(found, seen)
    return found


def _zeros16(chunk: bytes) -> int:
    joined = int.from_bytes(chunk[0::2], "little") | int.from_bytes(chunk[1::2], "little")
    return joined.to_bytes(len(chunk) // 2, "little").count(0)


def on_a_grid(patterns: frozenset[int], dtype: DType) -> bool:
    """Whether the float values lie at equal steps, some of them empty: the trace of fake quantisation.

    Steps are compared to 2 % of a step, at most 512 of them from end to end (an 8-bit grid has 256).
    """
    values = sorted(_decoded(patterns, dtype))
    gaps = [high - low for low, high in pairwise(values) if high > low]
    if len(gaps) < 3:
        return False
    step = min(gaps)
    span = (values[-1] - values[0]) / step
    # Rounded to float16, the smallest gap is off by up to a few per mille: the step follows from the whole span.
    if not 3 <= span <= 512:
        return False
    step = (values[-1] - values[0]) / round(span)
    return all(abs((value - values[0]) / step - round((value - values[0]) / step)) <= 0.02 for value in values)


def _half(pattern: int) -> float:
    """A float16 by its bits."""
    return float(struct.unpack("<e", struct.pack("<H", pattern))[0])


def _decoded(patterns: frozenset[int], dtype: DType) -> list[float]:
    """Finite values of the stored bit patterns."""
    if dtype is DType.FLOAT16:
        raw = [_half(pattern) for pattern in patterns]
    else:
        shift = 16 if dtype is DType.BFLOAT16 else 0
        raw = [struct.unpack("<f", struct.pack("<I", pattern << shift))[0] for pattern in patterns]
    return [value for value in raw if value - value == 0]
