"""The constants that MNN operations carry in their parameters: plain, quantised (IDSTQuan), or in a file of their own.

Schema: https://github.com/alibaba/MNN/tree/master/schema/default (CaffeOp.fbs, Tensor.fbs; field numbers follow it);
packing of quantised weights: `ReadQuanData_c` in source/core/ConvolutionCommon.cpp. Order of the external parts:
tools/converter/source/common/RemoveParams.cpp.
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

from msgspec.structs import replace

from nngauge.domain.graph import Dim, DType, Quantization, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.flatbuffer import Table
from nngauge.limits import MAX_INLINE_VALUES, MAX_RANK

DTYPES: Final = {
    1: DType.FLOAT32, 2: DType.FLOAT64, 3: DType.INT32, 4: DType.UINT8, 5: DType.INT16, 6: DType.INT8, 7: DType.STRING,
    8: DType.COMPLEX64, 9: DType.INT64, 10: DType.BOOL, 11: DType.INT8, 12: DType.UINT8, 13: DType.INT32,
    14: DType.BFLOAT16, 15: DType.INT16, 16: DType.UINT16, 17: DType.UINT16, 18: DType.COMPLEX128, 19: DType.FLOAT16,
}  # fmt: skip
"""Element type by `DataType` number."""
DEPTHWISE: Final = frozenset({"ConvolutionDepthwise", "DeconvolutionDepthwise", "DepthwiseConvInt8"})
_BLOB, _CONVOLUTION, _INNER, _PRELU, _SCALE = 7, 9, 20, 32, 58
_BATCH_NORM, _LSTM, _MATMUL, _NORMALIZE, _RNN, _CONVOLUTION_3D, _LAYER_NORM, _GROUP_NORM = 5, 24, 25, 27, 72, 80, 88, 95
_IDST_CODEBOOK, _IDST_SPARSE, _IDST_HALF, _IDST_INT8 = 1, 2, 3, 4
_PACKED_TYPES: Final = {2: DType.UINT2, 4: DType.UINT4, 8: DType.UINT8}
_MAX_PACKED_RANK: Final = 4
_BLOB_DATA: Final = ((3, "B"), (4, "b"), (5, "i"), (6, "q"), (7, "f"))
"""Fields of `Blob` that may hold its values."""


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


def carried(op: str, main: Table | None, kind: int, name: str, external: External) -> Carried:
    """The constants of an operation of type `op` with parameter `main` of union type `kind`."""
    if main is None:
        return Carried([])
    if kind == _CONVOLUTION:
        return _convolution(op, main, name, external)
    if kind == _INNER:
        return _inner_product(main, name)
    if kind == _SCALE:
        return _scale(main, name, external)
    if kind in (_LAYER_NORM, _GROUP_NORM):
        return _affine(main, name, main.ints(5 if kind == _LAYER_NORM else 6, "q"), external)
    if kind == _BATCH_NORM:
        fields = ((1, "scale"), (4, "bias"), (2, "mean"), (3, "variance"))
        return Carried([t for field, label in fields if (t := _vector(main, field, f"{name}.{label}"))])
    if kind == _LSTM:
        return Carried(_blobs(main, ((3, "weight_ih"), (4, "weight_hh"), (5, "bias")), name, external))
    if kind == _RNN:
        labels = ("gate_weight", "gate_bias", "candidate_weight", "candidate_bias", "recurrent_bias")
        both = [(4 + at, f"fw_{label}") for at, label in enumerate(labels)]
        both += [(9 + at, f"bw_{label}") for at, label in enumerate(labels)]
        return Carried(_blobs(main, tuple(both), name, external))
    if kind == _CONVOLUTION_3D:
        return _volume(main, name)
    plain = {_PRELU: (1,), _NORMALIZE: (3,), _MATMUL: (3, 4)}.get(kind, ())
    return Carried([t for field in plain if (t := _vector(main, field, f"{name}.{field}"))])


def blob(main: Table, name: str, external: External) -> Tensor:
    """A `Blob`: shape, type, and its values or where they are."""
    dims = main.ints(0)
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}")
    shape = tuple(max(dim, 0) for dim in dims)
    dtype = DTYPES.get(main.integer(2, "i", 1), DType.UNKNOWN)
    tensor = Tensor(name, dtype, shape, constant=True)
    for field, code in _BLOB_DATA:
        width = struct.calcsize(code)
        start, stored = main.vector(field, width)
        if stored:
            values = _few(main, start, stored * width, "e" if dtype is DType.FLOAT16 else code, math.prod(shape))
            return replace(tensor, data=Span(start, stored * width), values=values)
    place = main.ints(8, "q")
    return replace(tensor, data=external.span(*place[:2])) if len(place) > 1 else tensor


def _few(main: Table, start: int, size: int, code: str, count: int) -> tuple[int, ...] | tuple[float, ...] | None:
    """The values when they are few and as many as the shape says. Halves stand in the field of bytes."""
    if count > MAX_INLINE_VALUES or size != count * struct.calcsize(code):
        return None
    return struct.unpack_from(f"<{count}{code}", main.buf, start)


def _blobs(main: Table, fields: tuple[tuple[int, str], ...], name: str, external: External) -> list[Tensor]:
    return [
        blob(table, f"{name}.{label}", external) for field, label in fields if (table := main.table(field)) is not None
    ]


def _vector(main: Table, field: int, name: str) -> Tensor | None:
    start, count = main.vector(field, 4)
    return Tensor(name, DType.FLOAT32, (count,), Span(start, 4 * count), constant=True) if count else None


def _outside(name: str, count: int, offset: int, external: External) -> Tensor:
    return Tensor(name, DType.FLOAT32, (count,), external.span(offset, 4 * count), constant=True)


def _scale(main: Table, name: str, external: External) -> Carried:
    """Scale and bias of a channel; their count where the data was stripped."""
    labels = (f"{name}.scale", f"{name}.bias")
    place = main.ints(3, "q")
    if len(place) >= 2:
        offset, scale, bias = (*place, 0)[:3]
        places = ((labels[0], scale, offset), (labels[1], bias, offset + scale))
        found = [_outside(label, size // 4, at, external) for label, size, at in places if size > 0]
        return Carried(found, all(t.data for t in found))
    here = [t for t in (_vector(main, 1, labels[0]), _vector(main, 2, labels[1])) if t]
    if here:
        return Carried(here)
    channels = (max(main.integer(0, "i"), 0),)
    return Carried([Tensor(label, DType.FLOAT32, channels, constant=True) for label in labels], complete=False)


def _affine(main: Table, name: str, place: tuple[int, ...], external: External) -> Carried:
    """Gamma and beta of `LayerNorm` and `GroupNorm`."""
    here = [t for t in (_vector(main, 2, f"{name}.gamma"), _vector(main, 3, f"{name}.beta")) if t]
    if here or len(place) < 3:
        return Carried(here)
    offset, gamma, beta = place[:3]
    parts = ((f"{name}.gamma", gamma, offset), (f"{name}.beta", beta, offset + gamma))
    found = [_outside(label, size // 4, at, external) for label, size, at in parts if size > 0]
    return Carried(found, all(t.data for t in found))


def _inner_product(main: Table, name: str) -> Carried:
    outputs, size, quantised = max(main.integer(0, "i"), 0), max(main.integer(2, "i"), 0), main.table(7)
    bias = _vector(main, 4, f"{name}.bias")
    weight = _vector(main, 3, f"{name}.weight")
    shape = (outputs, size // outputs) if outputs and size % outputs == 0 else (size,)
    if weight is not None:
        weight = replace(weight, shape=shape) if math.prod(shape) == weight.elements else weight
    elif quantised is not None and quantised.vector(0, 1)[1]:
        weight = _compressed(_inside(quantised), shape, f"{name}.weight")
    else:
        return Carried([Tensor(f"{name}.weight", DType.FLOAT32, shape, constant=True)], complete=False)
    return Carried([weight, *([bias] if bias else [])])


# --- convolutions ----------------------------------------------------------------------------------------------------


class _Packed(NamedTuple):
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


def _convolution(op: str, main: Table, name: str, external: External) -> Carried:
    """Kernel and bias, with the shape that the layer declares or, in old files, that the data has."""
    common, quantised, symmetric = main.table(0), main.table(3), main.table(4)
    if common is None:
        return Carried([], complete=False)
    label = f"{name}.weight"
    weight, bias = _vector(main, 1, label), _vector(main, 2, f"{name}.bias")
    rest = [bias] if bias else []
    if weight is not None:
        return Carried([_shaped(weight, kernel(op, common, weight.elements)), *rest])
    if quantised is not None and quantised.vector(0, 1)[1]:
        packed = _inside(quantised)
        return Carried([_compressed(packed, kernel(op, common, packed.elements()), label), *rest])
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


def _volume(main: Table, name: str) -> Carried:
    """Kernel and bias of `Convolution3D`; external ones as declared."""
    common = main.table(0)
    weight, bias = _vector(main, 1, f"{name}.weight"), _vector(main, 2, f"{name}.bias")
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


def _inside(quantised: Table) -> _Packed:
    half = quantised.integer(15, "b") != 0
    start, size = quantised.vector(0, 1)
    at, count = quantised.vector(14, 2) if half else quantised.vector(1, 4)
    scales = bytes(quantised.buf[at : at + 8])
    return _Packed(quantised, quantised.buf, Span(start, size), scales, count)


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
        packed = _Packed(quantised, external.buf, span, bytes(external.buf[at : at + 8]), max(rest[0], 0) // width)
        found = [_compressed(packed, kernel(op, common, packed.elements()), f"{name}.weight")]
    return Carried([*found, *_outside_bias(name, offset + size + rest[0], bias, external)], span is not None)


def _outside_bias(name: str, offset: int, size: int, external: External) -> list[Tensor]:
    return [_outside(f"{name}.bias", size // 4, offset, external)] if size > 0 else []


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


def _compressed(packed: _Packed, shape: tuple[Dim, ...], name: str) -> Tensor:
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
        quantization=_scales(packed, outputs, middle if linear else None),
    )


def _scales(packed: _Packed, outputs: int, middle: int | None) -> Quantization | None:
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
