"""The constants that MNN operations carry in their parameters.

Schema: https://github.com/alibaba/MNN/tree/master/schema/default (CaffeOp.fbs, Tensor.fbs, TensorflowOp.fbs; field
numbers follow them).
"""

from __future__ import annotations

import math
import struct
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import DType, Span, Tensor
from nngauge.errors import LimitError
from nngauge.formats._parts.mnn_kernels import (
    Carried,
    External,
    compressed,
    convolution,
    inside,
    outside,
    vector,
    volume,
)
from nngauge.io.flatbuffer import Table
from nngauge.limits import MAX_INLINE_VALUES, MAX_RANK

DTYPES: Final = {
    1: DType.FLOAT32, 2: DType.FLOAT64, 3: DType.INT32, 4: DType.UINT8, 5: DType.INT16, 6: DType.INT8, 7: DType.STRING,
    8: DType.COMPLEX64, 9: DType.INT64, 10: DType.BOOL, 11: DType.INT8, 12: DType.UINT8, 13: DType.INT32,
    14: DType.BFLOAT16, 15: DType.INT16, 16: DType.UINT16, 17: DType.UINT16, 18: DType.COMPLEX128, 19: DType.FLOAT16,
}  # fmt: skip
"""Element type by `DataType` number."""
_BLOB, _CONVOLUTION, _INNER, _PRELU, _SCALE = 7, 9, 20, 32, 58
_BATCH_NORM, _LSTM, _MATMUL, _NORMALIZE, _RNN, _CONVOLUTION_3D, _LAYER_NORM, _GROUP_NORM = 5, 24, 25, 27, 72, 80, 88, 95
_BLOB_DATA: Final = ((3, "B"), (4, "b"), (5, "i"), (6, "q"), (7, "f"))
"""Fields of `Blob` that may hold its values."""


def carried(op: str, main: Table | None, kind: int, name: str, external: External) -> Carried:
    """The constants of an operation of type `op` with parameter `main` of union type `kind`."""
    if main is None:
        return Carried([])
    if kind == _CONVOLUTION:
        return convolution(op, main, name, external)
    if kind == _INNER:
        return _inner_product(main, name)
    if kind == _SCALE:
        return _scale(main, name, external)
    if kind in (_LAYER_NORM, _GROUP_NORM):
        return _affine(main, name, main.ints(5 if kind == _LAYER_NORM else 6, "q"), external)
    if kind == _BATCH_NORM:
        fields = ((1, "scale"), (4, "bias"), (2, "mean"), (3, "variance"))
        return Carried([t for field, label in fields if (t := vector(main, field, f"{name}.{label}"))])
    if kind == _LSTM:
        return Carried(_blobs(main, ((3, "weight_ih"), (4, "weight_hh"), (5, "bias")), name, external))
    if kind == _RNN:
        labels = ("gate_weight", "gate_bias", "candidate_weight", "candidate_bias", "recurrent_bias")
        both = [(4 + at, f"fw_{label}") for at, label in enumerate(labels)]
        both += [(9 + at, f"bw_{label}") for at, label in enumerate(labels)]
        return Carried(_blobs(main, tuple(both), name, external))
    if kind == _CONVOLUTION_3D:
        return volume(main, name)
    plain = {_PRELU: (1,), _NORMALIZE: (3,), _MATMUL: (3, 4)}.get(kind, ())
    return Carried([t for field in plain if (t := vector(main, field, f"{name}.{field}"))])


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


def _scale(main: Table, name: str, external: External) -> Carried:
    """Scale and bias of a channel; their count where the data was stripped."""
    labels = (f"{name}.scale", f"{name}.bias")
    place = main.ints(3, "q")
    if len(place) >= 2:
        offset, scale, bias = (*place, 0)[:3]
        places = ((labels[0], scale, offset), (labels[1], bias, offset + scale))
        found = [outside(label, size // 4, at, external) for label, size, at in places if size > 0]
        return Carried(found, all(t.data for t in found))
    here = [t for t in (vector(main, 1, labels[0]), vector(main, 2, labels[1])) if t]
    if here:
        return Carried(here)
    channels = (max(main.integer(0, "i"), 0),)
    return Carried([Tensor(label, DType.FLOAT32, channels, constant=True) for label in labels], complete=False)


def _affine(main: Table, name: str, place: tuple[int, ...], external: External) -> Carried:
    """Gamma and beta of `LayerNorm` and `GroupNorm`."""
    here = [t for t in (vector(main, 2, f"{name}.gamma"), vector(main, 3, f"{name}.beta")) if t]
    if here or len(place) < 3:
        return Carried(here)
    offset, gamma, beta = place[:3]
    parts = ((f"{name}.gamma", gamma, offset), (f"{name}.beta", beta, offset + gamma))
    found = [outside(label, size // 4, at, external) for label, size, at in parts if size > 0]
    return Carried(found, all(t.data for t in found))


def _inner_product(main: Table, name: str) -> Carried:
    outputs, size, quantised = max(main.integer(0, "i"), 0), max(main.integer(2, "i"), 0), main.table(7)
    bias = vector(main, 4, f"{name}.bias")
    weight = vector(main, 3, f"{name}.weight")
    shape = (outputs, size // outputs) if outputs and size % outputs == 0 else (size,)
    if weight is not None:
        weight = replace(weight, shape=shape) if math.prod(shape) == weight.elements else weight
    elif quantised is not None and quantised.vector(0, 1)[1]:
        weight = compressed(inside(quantised), shape, f"{name}.weight")
    else:
        return Carried([Tensor(f"{name}.weight", DType.FLOAT32, shape, constant=True)], complete=False)
    return Carried([weight, *([bias] if bias else [])])
