"""Kernels of MNN's convolutions and what holds them: plain, quantised (IDSTQuan), 8-bit, or in a file of their own.

Schema: https://github.com/alibaba/MNN/blob/master/schema/default/CaffeOp.fbs (field numbers follow it); packing of
quantised weights: `ReadQuanData_c` in source/core/ConvolutionCommon.cpp. Order of the external parts:
tools/converter/source/common/RemoveParams.cpp.
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

from msgspec.structs import replace

from nngauge.domain.graph import Dim, DType, Quantization, Span, Tensor
from nngauge.errors import MalformedError
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.flatbuffer import Table

DEPTHWISE: Final = frozenset({"ConvolutionDepthwise", "DeconvolutionDepthwise", "DepthwiseConvInt8"})
_MAX_PACKED_RANK: Final = 4
_IDST_CODEBOOK, _IDST_HALF, _IDST_INT8 = 1, 3, 4
"""`IDSTQuan.type`; 2 is sparse and is not looked into."""
_PACKED_TYPES: Final = {2: DType.UINT2, 4: DType.UINT4, 8: DType.UINT8}


class Carried(NamedTuple):
    """The constants of one operation, as its ONNX counterpart takes them after the data input."""

    tensors: list[Tensor]
    complete: bool = True
    """False when a converter stripped some of the data or put it into a file that is not there."""


class External(NamedTuple):
    """The file beside the model that holds the constants (``model.mnn.weight``), None where it was not found."""

    buf: Buffer | None = None

    def span(self, offset: int, size: int) -> Span | None:
        """Where these bytes are; None without the file. `MalformedError` outside it."""
        if self.buf is None or size <= 0:
            return None
        if offset < 0 or offset + size > len(self.buf):
            raise MalformedError(f"{size} bytes at {offset} of a weight file of {len(self.buf)}")
        return Span(offset, size, 1)


def vector(main: Table, field: int, name: str) -> Tensor | None:
    """A vector of singles, None when it is empty."""
    start, count = main.vector(field, 4)
    return Tensor(name, DType.FLOAT32, (count,), Span(start, 4 * count), constant=True) if count else None


def outside(name: str, count: int, offset: int, external: External) -> Tensor:
    """A vector of singles beside the model."""
    return Tensor(name, DType.FLOAT32, (count,), external.span(offset, 4 * count), constant=True)


class Packed(NamedTuple):
    """A quantised kernel: its description in the model, its bytes and scales in the model or beside it."""

    table: Table
    """`IDSTQuan`."""
    buf: Buffer
    span: Span
    scales: bytes
    """The first two of them at least."""
    scale_count: int
    """Numbers among the scales."""

    @property
    def kind(self) -> int:
        return self.table.integer(2, "i")

    @property
    def half_scales(self) -> bool:
        return self.table.integer(15, "b") != 0

    def header(self) -> tuple[Cursor, list[int]]:
        """Behind the dimensions, and these."""
        cursor = Cursor(self.buf, self.span.offset, self.span.offset + self.span.size)
        rank, wide = cursor.u8(), self.table.integer(11, "b") != 0
        if rank > _MAX_PACKED_RANK:
            raise MalformedError(f"packed weights of rank {rank}", where=f"@{cursor.pos}")
        return cursor, [cursor.u32() if wide else cursor.u16() for _ in range(rank)]

    def elements(self) -> int:
        """Elements of the kernel, as the packing says."""
        if self.kind == _IDST_HALF:
            return self.span.size // 2
        return self.span.size if self.kind == _IDST_INT8 else math.prod(self.header()[1])


def convolution(op: str, main: Table, name: str, external: External) -> Carried:
    """Kernel and bias, with the shape that the layer declares or, in old files, that the data has."""
    common, quantised, symmetric = main.table(0), main.table(3), main.table(4)
    if common is None:
        return Carried([], complete=False)
    label = f"{name}.weight"
    weight, bias = vector(main, 1, label), vector(main, 2, f"{name}.bias")
    rest = [bias] if bias else []
    if weight is not None:
        return Carried([_shaped(weight, kernel(op, common, weight.elements)), *rest])
    if quantised is not None and quantised.vector(0, 1)[1]:
        packed = inside(quantised)
        return Carried([compressed(packed, kernel(op, common, packed.elements()), label), *rest])
    if symmetric is not None and symmetric.vector(0, 1)[1]:
        return Carried([*_symmetric(op, common, symmetric, name), *rest])
    place = main.ints(6, "q")
    if len(place) >= 3:
        return _outside_kernel(op, common, quantised, name, place, external)
    shape = kernel(op, common, None)
    if None in shape:
        return Carried([], complete=False)
    declared = bias or Tensor(f"{name}.bias", DType.FLOAT32, (common.integer(10, "i"),), constant=True)
    return Carried([Tensor(label, DType.FLOAT32, shape, constant=True), declared], complete=False)


def volume(main: Table, name: str) -> Carried:
    """Kernel and bias of `Convolution3D`; external ones as declared."""
    common = main.table(0)
    weight, bias = vector(main, 1, f"{name}.weight"), vector(main, 2, f"{name}.bias")
    if common is None or weight is None or bias is None:
        return Carried([t for t in (weight, bias) if t], complete=False)
    outputs, window = common.integer(6, "i"), common.ints(2)
    unit = outputs * math.prod(window)
    each = (weight.elements or 0) // unit if unit > 0 and min(window) > 0 else 0
    return Carried([_shaped(weight, (outputs, each, *window)), bias])


def kernel(op: str, common: Table, count: int | None) -> tuple[Dim, ...]:
    """Shape of the kernel, ONNX's order; `count` elements settle what old converters left out (the input channels)."""
    group, outputs, inputs = max(common.integer(9, "i", 1), 1), common.integer(10, "i"), common.integer(11, "i")
    window = (common.integer(3, "i", 1), common.integer(2, "i", 1))
    if min(outputs, inputs, *window) < 0:
        raise MalformedError("a kernel of negative size")
    if op in DEPTHWISE:
        return (outputs, 1, *window)
    unit = outputs * window[0] * window[1]
    each: Dim = None
    if count and unit and count % unit == 0:
        each = count // unit
    elif inputs:
        each = inputs // group if inputs % group == 0 else inputs
    if op != "Deconvolution":
        return (outputs, each, *window)
    return (inputs or (each * group if isinstance(each, int) else None), outputs // group, *window)


def _shaped(weight: Tensor, shape: tuple[Dim, ...]) -> Tensor:
    dense = replace(weight, shape=shape)
    return dense if dense.elements == weight.elements else weight


def inside(quantised: Table) -> Packed:
    """A quantised kernel that lies in the model."""
    half = quantised.integer(15, "b") != 0
    start, size = quantised.vector(0, 1)
    at, count = quantised.vector(14, 2) if half else quantised.vector(1, 4)
    scales = bytes(quantised.buf[at : at + 8])
    return Packed(quantised, quantised.buf, Span(start, size), scales, count)


def _outside_kernel(
    op: str, common: Table, quantised: Table | None, name: str, place: tuple[int, ...], external: External
) -> Carried:
    """`place`: offset, then bytes of the weights, of the scales where quantised, and of the bias."""
    offset, size, *rest = place
    if quantised is None:
        shape, span = kernel(op, common, size // 4), external.span(offset, size)
        found = [Tensor(f"{name}.weight", DType.FLOAT32, shape, span, constant=True)]
        return Carried([*found, *_outside_bias(name, offset + size, rest[0], external)], span is not None)
    span, bias = external.span(offset, size), rest[1] if len(rest) > 1 else 0
    if external.buf is None or span is None:
        found = [Tensor(f"{name}.weight", DType.UNKNOWN, kernel(op, common, None), constant=True)]
    else:
        at = offset + size
        width = 2 if quantised.integer(15, "b") else 4
        packed = Packed(quantised, external.buf, span, bytes(external.buf[at : at + 8]), max(rest[0], 0) // width)
        found = [compressed(packed, kernel(op, common, packed.elements()), f"{name}.weight")]
    return Carried([*found, *_outside_bias(name, offset + size + rest[0], bias, external)], span is not None)


def _outside_bias(name: str, offset: int, size: int, external: External) -> list[Tensor]:
    return [outside(f"{name}.bias", size // 4, offset, external)] if size > 0 else []


def _symmetric(op: str, common: Table, quantised: Table, name: str) -> list[Tensor]:
    """Integers of a network that computes in int8 (`QuantizedFloatParam`): kernel, bias with the scales multiplied."""
    start, size = quantised.vector(0, 1)
    first, scales = quantised.vector(2, 4)
    scale = float(struct.unpack_from("<f", quantised.buf, first)[0]) if scales else None
    axis = 0 if scales > 1 else None
    kind = Quantization(scales, scale, 0, axis)
    weight = Tensor(f"{name}.weight", DType.INT8, kernel(op, common, size), Span(start, size), kind, constant=True)
    start, count = quantised.vector(1, 4)
    bias = Tensor(f"{name}.bias", DType.INT32, (count,), Span(start, 4 * count), constant=True)
    return [weight, bias] if count else [weight]


def compressed(packed: Packed, shape: tuple[Dim, ...], name: str) -> Tensor:
    """Weights in MNN's own packing: element type by their bits, span of the indices, scale of a channel or block.

    The values are stored without sign, so a linear code book of n bits has its zero at 2ⁿ⁻¹ (if not elsewhere).
    """
    tensor = Tensor(name, DType.UNKNOWN, shape, packed.span, constant=True)
    outputs = shape[0] if isinstance(shape[0], int) else 0
    if packed.kind == _IDST_HALF:
        return replace(tensor, dtype=DType.FLOAT16)
    if packed.kind != _IDST_CODEBOOK:
        plain = packed.kind == _IDST_INT8
        return replace(
            tensor,
            dtype=DType.INT8 if plain else DType.UNKNOWN,
            quantization=_scales(packed, outputs, 0 if plain else None),
        )
    cursor, dims = packed.header()
    levels = cursor.u8() or 256
    samples = sorted(byte - 256 if byte > 127 else byte for byte in cursor.bytes(levels))
    bits = max((levels - 1).bit_length(), 1)
    middle = 1 << (bits - 1)
    linear = samples == list(range(-middle, middle))
    used = min((bits * math.prod(dims) + 7) // 8, cursor.left)
    return replace(
        tensor,
        dtype=_PACKED_TYPES.get(bits, DType.UNKNOWN),
        data=Span(cursor.pos, used, packed.span.part),
        quantization=_scales(packed, outputs, middle) if linear else _table(_scales(packed, outputs, None), levels),
    )


def _table(kind: Quantization | None, levels: int) -> Quantization:
    """The numbers index a code book of so many levels, which the scales multiply."""
    return Quantization(table=levels) if kind is None else replace(kind, table=levels)


def _scales(packed: Packed, outputs: int, middle: int | None) -> Quantization | None:
    """A scale for each channel, or `(minimum, scale)` for each channel or block of inputs."""
    width = 2 if packed.half_scales else 4
    known = min(packed.scale_count, len(packed.scales) // width, 2)
    if not known:
        return None
    head = struct.unpack_from(f"<{known}{'e' if packed.half_scales else 'f'}", packed.scales)
    paired = packed.table.integer(9, "i") != 0 and known > 1
    number = packed.scale_count // 2 if paired else packed.scale_count
    scale = float(head[1] if paired else head[0])
    zero = middle
    if paired:
        # MNN keeps the minimum: real = minimum + scale × (index from 0).
        ratio = -head[0] / scale if scale else math.nan
        zero = round(ratio) if middle is not None and math.isfinite(ratio) else None
    return Quantization(number, scale, zero, 0 if number == outputs else None)
