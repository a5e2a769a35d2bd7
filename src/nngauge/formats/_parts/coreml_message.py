"""One protobuf message of Core ML with its fields by number, and the weights that such messages hold."""

from __future__ import annotations

import math

from nngauge.domain.graph import Dim, DType, Quantization, Span, Tensor
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields, floats, signed, single, text, varints
from nngauge.limits import MAX_INLINE_VALUES

_PACKED = {
    1: DType.UINT1, 2: DType.UINT2, 3: DType.UINT3, 4: DType.UINT4, 6: DType.UINT6, 8: DType.UINT8,
}  # fmt: skip
"""Element type of quantised weights by their number of bits."""


class Message:
    """Fields of `buf[start:end]`, read once. Values that are absent have the default of the specification."""

    __slots__ = ("_fields", "buf")

    def __init__(self, buf: Buffer, start: int, end: int) -> None:
        self.buf = buf
        self._fields: dict[int, list[Field]] = {}
        for item in fields(buf, start, end):
            self._fields.setdefault(item.number, []).append(item)

    @classmethod
    def of(cls, buf: Buffer, where: Field) -> Message:
        """The message in a field."""
        return cls(buf, where.start, where.end)

    def numbers(self) -> tuple[int, ...]:
        """Numbers of the fields that are there, in order of appearance."""
        return tuple(self._fields)

    def all(self, number: int) -> list[Field]:
        """Every field of that number that holds bytes."""
        return [item for item in self._fields.get(number, ()) if item.wire == BYTES]

    def whole(self, number: int, default: int = 0) -> int:
        """An integer, an enumeration's value or a flag."""
        found = self._fields.get(number)
        return signed(found[-1].value) if found and found[-1].wire == VARINT else default

    def flag(self, number: int) -> bool:
        """A truth value."""
        return self.whole(number) != 0

    def real(self, number: int, default: float = 0.0) -> float:
        """A single-precision number."""
        found = self._fields.get(number)
        return single(found[-1].value) if found and found[-1].wire == FIXED32 else default

    def text(self, number: int) -> str:
        """A string."""
        found = self.all(number)
        return text(self.buf, found[-1]) if found else ""

    def texts(self, number: int) -> list[str]:
        """Repeated strings."""
        return [text(self.buf, item) for item in self.all(number)]

    def wholes(self, number: int) -> tuple[int, ...]:
        """Repeated integers, packed or not."""
        found = [item for item in self._fields.get(number, ()) if item.wire in (BYTES, VARINT)]
        return tuple(value for item in found for value in varints(self.buf, item))

    def reals(self, number: int) -> tuple[float, ...]:
        """Repeated single-precision numbers, packed or not."""
        found = [item for item in self._fields.get(number, ()) if item.wire in (BYTES, FIXED32)]
        return tuple(value for item in found for value in floats(self.buf, item))

    def count(self, number: int, width: int) -> int:
        """How many numbers of `width` bytes a repeated field holds, without reading them."""
        found = self._fields.get(number, ())
        plain = sum(1 for item in found if item.wire in (FIXED32, FIXED64))
        return plain + sum((item.end - item.start) // width for item in found if item.wire == BYTES)

    def message(self, number: int) -> Message | None:
        """A message inside, None when absent."""
        found = self.all(number)
        return Message.of(self.buf, found[-1]) if found else None

    def span(self, number: int) -> Span | None:
        """Where the payload of a field lies, None when it is absent or in several pieces."""
        found = self.all(number)
        return Span(found[0].start, found[0].end - found[0].start) if len(found) == 1 else None


def weight(params: Message, name: str, shape: tuple[Dim, ...] | None) -> Tensor | None:
    """One `WeightParams`: floats, halves, or numbers of few bits with scales or a table; None for an empty one.

    The shape is kept when it fits the numbers that are stored, else they are one axis.
    """
    for number, width, dtype in ((1, 32, DType.FLOAT32), (2, 16, DType.FLOAT16)):
        count = params.count(number, width // 8)
        if count:
            return Tensor(name, dtype, _fitting(shape, count, exact=True), params.span(number), constant=True)
    scheme = params.message(40)
    for number, default in ((30, DType.UINT8), (31, DType.INT8)):
        span = params.span(number)
        if span is not None and span.size:
            bits = scheme.whole(1, 8) if scheme is not None and number == 30 else 8
            dtype = default if number == 31 else _PACKED.get(bits, DType.UNKNOWN)
            fitted = _fitting(shape, span.size * 8 // max(bits, 1), exact=False)
            return Tensor(name, dtype, fitted, span, _quantization(scheme, fitted), constant=True)
    return None


def _fitting(shape: tuple[Dim, ...] | None, count: int, *, exact: bool) -> tuple[Dim, ...]:
    """`shape` if it has `count` elements; packed ones may leave up to seven unused behind the last."""
    if shape is None or not all(isinstance(dim, int) for dim in shape):
        return (count,)
    wanted = math.prod(dim for dim in shape if isinstance(dim, int))
    return shape if wanted == count or (not exact and 0 <= count - wanted < 8) else (count,)


def _quantization(scheme: Message | None, shape: tuple[Dim, ...]) -> Quantization | None:
    if scheme is None:
        return None
    linear, table = scheme.message(101), scheme.message(102)
    if linear is not None:
        scales = linear.count(1, 4)
        # Real = scale × stored + bias, so the zero point is no whole number of steps in general.
        first = linear.reals(1)[:1] if scales <= MAX_INLINE_VALUES else ()
        # One scale for each output channel, whichever axis those are.
        axis = next((place for place, dim in enumerate(shape) if dim == scales > 1), None)
        return Quantization(scales, first[0] if first else None, axis=axis)
    return Quantization(table=table.count(1, 4)) if table is not None else None
