"""Short fingerprints of weights that survive renaming, conversion, batch-norm folding, quantisation and light training.

A sketch has 128 bits for one weight tensor. Each bit compares eight weights of one output channel, at places that follow
from the tensor's shape alone: whether ``(a + b) - (c + d)`` and ``(e + f) - (g + h)`` have the same sign. The four members of
a difference lie at the same position of the kernel, in different input channels. So nothing changes

- with the scale of a channel, also when it is negative (batch norm folded into the convolution),
- with a zero point (asymmetric quantisation), as it cancels in a difference,
- with the order of the axes, because channels and positions are counted, not bytes,

and 1,024 elements are read whatever the size of the tensor. (Sums of two, because single weights of four bits or of a
pruned network are often equal.) Kernels that are alike in every network (bright centre, dark rim; one colour against
another) say nothing, as positions are not compared with each other and tensors with fewer than `MIN_INPUTS` input channels
have no sketch. Sketches of unrelated tensors differ in 64 bits on average, ± 5.7 (binomial).

The idea to keep signs of random projections: Charikar 2002, https://doi.org/10.1145/509907.509965.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from nngauge.analyse.attribution.layers import Axis, WeightLayer
from nngauge.domain.graph import DType
from nngauge.errors import InputError
from nngauge.io.source import ByteSource

BITS: Final = 128
MIN_INPUTS: Final = 8
MIN_ELEMENTS: Final = 256
MIN_KNOWN: Final = 56
"""Bits that must be decided; the others compare equal weights (coarse quantisation, pruning) and say nothing."""
SIGMAS: Final = 7.0
"""How far below one half the share of differing bits of two tensors must lie before they count as the same: of 10¹¹ pairs
of unrelated ones about one does (binomial)."""
MAX_TENSORS: Final = 192
"""Tensors of one model that are sketched, the largest first: tens of milliseconds at most."""
_CODES: Final = {
    DType.FLOAT32: "<f", DType.FLOAT16: "<e", DType.FLOAT64: "<d", DType.INT8: "<b", DType.UINT8: "<B",
    DType.INT16: "<h", DType.UINT16: "<H",
}  # fmt: skip
_NIBBLES: Final = frozenset({DType.INT4, DType.UINT4})


class Sketch(Struct, frozen=True):
    """The fingerprint of one weight tensor."""

    shape: tuple[int, int, int]
    """Output channels, input channels of each, positions."""
    bits: int
    known: int
    """The bits that say something."""

    @property
    def elements(self) -> int:
        """Weights it stands for."""
        return self.shape[0] * self.shape[1] * self.shape[2]


def distance(one: Sketch, other: Sketch) -> float:
    """Share of the bits known to both that differ: 0 for the same weights, about 0.5 for unrelated ones."""
    known = one.known & other.known
    count = known.bit_count()
    return ((one.bits ^ other.bits) & known).bit_count() / count if count >= MIN_KNOWN else 0.5


def alike(one: Sketch, other: Sketch) -> float | None:
    """The distance of two tensors that count as the same weights, None of any others: at most 0.19 when all bits are known,
    the less the fewer are.
    """
    known = (one.known & other.known).bit_count()
    if known < MIN_KNOWN:
        return None
    apart = distance(one, other)
    return apart if apart <= 0.5 - SIGMAS / 2 / math.sqrt(known) else None


def sketches(layers: Sequence[WeightLayer], parts: Sequence[ByteSource]) -> tuple[Sketch, ...]:
    """Fingerprints of the weights whose bytes can be read, in the order of `layers`."""
    able = [layer for layer in layers if _able(layer)]
    if len(able) > MAX_TENSORS:
        floor = sorted((_elements(layer) for layer in able), reverse=True)[MAX_TENSORS - 1]
        able = [layer for layer in able if _elements(layer) >= floor][:MAX_TENSORS]
    found = (_sketch(layer, parts) for layer in able)
    return tuple(sketch for sketch in found if sketch is not None)


def _elements(layer: WeightLayer) -> int:
    out, into, space = layer.shape
    return out * into * space


def _able(layer: WeightLayer) -> bool:
    return layer.shape[1] >= MIN_INPUTS and _elements(layer) >= MIN_ELEMENTS


def _sketch(layer: WeightLayer, parts: Sequence[ByteSource]) -> Sketch | None:
    read = _reader(layer, parts)
    if read is None:
        return None
    shape = layer.shape
    bits = known = 0
    for at, (channel, first, second, places) in enumerate(_plan(shape)):
        base = _offset(layer.out, channel)
        one, other = base + _offset(layer.space, first), base + _offset(layer.space, second)
        a, b, c, d, e, f, g, h = (_offset(layer.into, place) for place in places)
        left = read(one + a) + read(one + b) - read(one + c) - read(one + d)
        right = read(other + e) + read(other + f) - read(other + g) - read(other + h)
        product = left * right
        if product > 0:
            bits |= 1 << at
        if product > 0 or product < 0:
            known |= 1 << at
    return Sketch(shape, bits, known) if known.bit_count() >= MIN_KNOWN else None


_Places = tuple[int, ...]


@lru_cache(maxsize=256)
def _plan(shape: tuple[int, int, int]) -> tuple[tuple[int, int, int, _Places], ...]:
    """For each bit: output channel, position of the first and the second difference, eight input channels."""
    out, into, space = shape
    noise = struct.unpack(f"<{11 * BITS}I", hashlib.shake_128(repr(shape).encode()).digest(44 * BITS))
    plan = []
    for at in range(0, len(noise), 11):
        channel, first, second, *rest = noise[at : at + 11]
        places = (*_different(rest[:4], into), *_different(rest[4:], into))
        plan.append((channel % out, first % space, second % space, places))
    return tuple(plan)


def _different(numbers: Sequence[int], among: int) -> tuple[int, ...]:
    """Four different channels out of `among`, from four random numbers: equal ones would cancel."""
    found: list[int] = []
    for number in numbers:
        place = number % among
        while place in found:
            place = (place + 1) % among
        found.append(place)
    return tuple(found)


def _offset(axes: tuple[Axis, ...], index: int) -> int:
    """Where the `index`-th of the places along `axes` lies, in elements."""
    offset = 0
    for axis in reversed(axes):
        index, at = divmod(index, axis.size)
        offset += at * axis.stride
    return offset


def _reader(layer: WeightLayer, parts: Sequence[ByteSource]) -> Callable[[int], float] | None:
    """Element number → its stored value; None when the elements cannot be read one by one."""
    tensor = layer.tensor
    span = tensor.data
    if span is None or not 0 <= span.part < len(parts) or (tensor.quantization and tensor.quantization.table):
        return None
    count = _elements(layer)
    if tensor.dtype in _NIBBLES:
        view = _view(parts[span.part], span.offset, (count + 1) // 2, span.size)
        return None if view is None else _nibble_reader(view, signed=tensor.dtype is DType.INT4)
    if tensor.dtype is DType.BFLOAT16:
        view = _view(parts[span.part], span.offset, 2 * count, span.size)
        return None if view is None else _bfloat_reader(view)
    code = _CODES.get(tensor.dtype)
    if code is None:
        return None
    form = struct.Struct(code)
    view = _view(parts[span.part], span.offset, form.size * count, span.size)
    return None if view is None else _element_reader(form, view)


def _view(source: ByteSource, offset: int, wanted: int, size: int) -> memoryview | None:
    if wanted > size or offset < 0 or offset + wanted > source.size:
        return None
    try:
        return source.view(offset, wanted)
    except InputError:
        return None


def _element_reader(form: struct.Struct, view: memoryview) -> Callable[[int], float]:
    unpack, width = form.unpack_from, form.size

    def read(index: int) -> float:
        return float(unpack(view, index * width)[0])

    return read


def _bfloat_reader(view: memoryview) -> Callable[[int], float]:
    def read(index: int) -> float:
        return float(struct.unpack("<f", b"\0\0" + bytes(view[2 * index : 2 * index + 2]))[0])

    return read


def _nibble_reader(view: memoryview, *, signed: bool) -> Callable[[int], float]:
    def read(index: int) -> float:
        value = view[index >> 1] >> 4 * (index & 1) & 15
        return value - 16 if signed and value > 7 else value

    return read
