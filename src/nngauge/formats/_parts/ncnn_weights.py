"""What each ncnn layer takes from the weights file, in order, and how the file stores it.

From `load_model` of each layer in https://github.com/Tencent/ncnn/tree/master/src/layer and
`ModelBinFromDataReader::load` in `src/modelbin.cpp`. Shapes are outermost dimension first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import DType
from nngauge.errors import MalformedError
from nngauge.io.binary import Buffer, Cursor

Value = int | float | str | tuple[int, ...] | tuple[float, ...]


class Params:
    """Numbered parameters of one layer."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[int, Value]) -> None:
        self.values = values

    def __call__(self, number: int, default: int = 0) -> int:
        """An integer parameter; refuses negative and absurd ones, because sizes are made of them."""
        value = self.values.get(number, default)
        if not isinstance(value, int | float) or not -(1 << 31) <= value < 1 << 31:
            raise MalformedError(f"parameter {number} is {str(value)[:40]}")
        return int(value)


class Weight(NamedTuple):
    """One array of a layer."""

    name: str
    shape: tuple[int, ...]
    raw: bool = True
    """Bare singles; otherwise a flag word tells the element type."""
    stored: int | None = None
    """Elements in the file where block quantisation packs them; None means as the shape says."""
    dtype: DType = DType.FLOAT32
    """Element type when the file is absent or stores packed bits."""

    @property
    def elements(self) -> int:
        """Elements in the file."""
        return math.prod(self.shape) if self.stored is None else self.stored


def weights(op: str, values: Mapping[int, Value]) -> list[Weight]:
    """The arrays of one layer, empty for layers without; raises `MalformedError` for impossible sizes."""
    read = _READERS.get(op)
    if read is None:
        return []
    found = read(Params(values))
    if any(size < 0 for weight in found for size in weight.shape):
        raise MalformedError(f"negative size in a {op} layer")
    return [weight for weight in found if weight.elements]


def _matrix(name: str, outputs: int, size: int, window: tuple[int, ...] = ()) -> Weight:
    """A flagged matrix of `size` elements for `outputs` rows of a window; flat when it does not divide."""
    unit = outputs * math.prod(window)
    shape = (outputs, size // unit, *window) if unit > 0 and size % unit == 0 else (size,)
    return Weight(name, shape, raw=False)


def _convolution(rank: int, dynamic: int) -> Callable[[Params], list[Weight]]:
    def read(p: Params) -> list[Weight]:
        if dynamic and p(dynamic):
            return []
        width = p(1)
        window = (p(21, width), p(11, width), width)[3 - rank :]
        found = [_matrix("weight", p(0), p(6), window)]
        if p(5):
            found.append(Weight("bias", (p(0),)))
        return found

    return read


def _int8_convolution(p: Params) -> list[Weight]:
    found, term = _convolution(2, 19)(p), p(8)
    if term and found:
        found += [Weight("weight_scales", (p(0),)), Weight("bottom_scale", (1,))]
    if term > 100 and found:
        found.append(Weight("top_scale", (1,)))
    return found


def _int8_depthwise(p: Params) -> list[Weight]:
    found, term = _convolution(2, 19)(p), p(8)
    if term % 100 in (1, 2) and found:
        found += [Weight("weight_scales", (p(7, 1) if term % 100 == 1 else 1,)), Weight("bottom_scale", (1,))]
    if term > 100 and found:
        found.append(Weight("top_scale", (1,)))
    return found


def _inner_product(p: Params) -> list[Weight]:
    found = [_matrix("weight", p(0), p(2))]
    if p(1):
        found.append(Weight("bias", (p(0),)))
    if p(8):
        found += [Weight("weight_scales", (p(0),)), Weight("bottom_scale", (1,))]
    return found


def _embed(p: Params) -> list[Weight]:
    outputs, size = p(0), p(3)
    rows = size // outputs if outputs > 0 and size % outputs == 0 else 0
    found = [Weight("weight", (rows, outputs) if rows else (size,), raw=False)]
    if p(2):
        found.append(Weight("bias", (outputs,)))
    if p(18):
        found.append(Weight("weight_scale", (1,)))
    return found


def _recurrent(gates: int, biases: int) -> Callable[[Params], list[Weight]]:
    def read(p: Params) -> list[Weight]:
        outputs, directions = p(0), 2 if p(2) == 2 else 1
        hidden = p(3, outputs) if gates == 4 else outputs
        rows = hidden * gates
        inputs = p(1) // directions // rows if rows > 0 else 0
        found = [
            Weight("weight_xc", (directions, rows, inputs), raw=False),
            Weight("bias_c", (directions, biases, hidden), raw=False),
            Weight("weight_hc", (directions, rows, outputs), raw=False),
        ]
        if hidden != outputs:
            found.append(Weight("weight_hr", (directions, outputs, hidden), raw=False))
        if p(8):
            found += [Weight(f"weight_{which}_scales", (directions, rows)) for which in ("xc", "hc")]
        return found

    return read


def _attention(p: Params) -> list[Weight]:
    embed, term = p(0), p(18)
    query = p(2) // embed if embed > 0 else 0
    key, value = p(3, embed), p(4, embed)
    sides = (("q", embed, query), ("k", embed, key), ("v", embed, value), ("out", query, embed))
    found = []
    for name, rows, columns in sides:
        found += [_packed(f"{name}_weight", rows, columns, term), Weight(f"{name}_bias", (rows,))]
    if term >= 400:
        found += [Weight(f"{name}_scales", (rows, _blocks(columns, term))) for name, rows, columns in sides]
        if term % 100 // 10 == 1:
            found += [Weight(f"{name}_input_scales", (columns,)) for name, _, columns in sides]
    elif term:
        found += [Weight(f"{name}_scales", (rows if name != "out" else 1,)) for name, rows, _ in sides]
    return found


def _packed(name: str, rows: int, columns: int, term: int) -> Weight:
    """A flagged matrix, its rows packed to 4, 6 or 8 bits where `quantize_term` (bits × 100 + …) says so."""
    if term < 400:
        return Weight(name, (rows, columns), raw=False)
    bits = term // 100
    dtype = {4: DType.INT4, 8: DType.INT8}.get(bits, DType.UNKNOWN)
    return Weight(name, (rows, columns), raw=False, stored=rows * ((columns * bits + 7) // 8), dtype=dtype)


def _blocks(columns: int, term: int) -> int:
    size = (32, 64, 128)[min(term % 10, 2)]
    return (columns + size - 1) // size


def _gemm(p: Params) -> list[Weight]:
    m, n, k, term = p(7), p(8), p(9), p(18)
    found = []
    if p(4) == 1:
        found.append(Weight("A", (k, m) if p(2) else (m, k), raw=False))
    if p(5) == 1:
        found.append(_packed("B", n, k, term) if p(3) else Weight("B", (k, n), raw=False))
    shapes = {0: (1,), 1: (m,), 2: (m, 1), 3: (m, n), 4: (1, n)}
    if p(6) == 1 and p(10) in shapes:
        found.append(Weight("C", shapes[p(10)], raw=False))
    if term >= 400:
        found.append(Weight("B_scales", (n, _blocks(k, term))))
        if term % 100 // 10 == 1:
            found.append(Weight("B_input_scales", (k,)))
    elif term:
        found += [Weight("A_scales", (m,))] if p(4) == 1 else []
        found += [Weight("B_scale", (1,))] if p(5) == 1 else []
    return found


def _memory(p: Params) -> list[Weight]:
    shape = tuple(size for size in (p(2), p(11), p(1), p(0)) if size) or (1,)
    return [Weight("data", shape, raw=p(21, 1) == 1)]


def _vectors(*specs: tuple[str, int, int], when: tuple[int, int] | None = None) -> Callable[[Params], list[Weight]]:
    """Bare vectors `(name, number of the size parameter, its default)`, if the flag parameter `when` is set."""

    def read(p: Params) -> list[Weight]:
        if when is not None and not p(*when):
            return []
        return [Weight(name, (p(number, default),)) for name, number, default in specs]

    return read


def _scale(p: Params) -> list[Weight]:
    size = p(0)
    if size == -233:  # the scale is a second input
        return []
    return [Weight("scale", (size,)), *([Weight("bias", (size,))] if p(1) else [])]


_READERS: Final[Mapping[str, Callable[[Params], list[Weight]]]] = {
    "BatchNorm": _vectors(("slope", 0, 0), ("mean", 0, 0), ("variance", 0, 0), ("bias", 0, 0)),
    "Bias": _vectors(("bias", 0, 0)),
    "Convolution": _int8_convolution,
    "Convolution1D": _convolution(1, 19),
    "Convolution3D": _convolution(3, 0),
    "ConvolutionDepthWise": _int8_depthwise,
    "ConvolutionDepthWise1D": _convolution(1, 19),
    "ConvolutionDepthWise3D": _convolution(3, 0),
    "Deconvolution": _convolution(2, 28),
    "Deconvolution1D": _convolution(1, 28),
    "Deconvolution3D": _convolution(3, 0),
    "DeconvolutionDepthWise": _convolution(2, 28),
    "DeconvolutionDepthWise1D": _convolution(1, 28),
    "DeconvolutionDepthWise3D": _convolution(3, 0),
    "DeformableConv2D": _convolution(2, 0),
    "Dequantize": _vectors(("scale", 0, 1), ("bias", 1, 0)),
    "Embed": _embed,
    "GRU": _recurrent(3, 4),
    "Gemm": _gemm,
    "GroupNorm": _vectors(("gamma", 1, 0), ("beta", 1, 0), when=(3, 1)),
    "InnerProduct": _inner_product,
    "InstanceNorm": _vectors(("gamma", 0, 0), ("beta", 0, 0), when=(2, 1)),
    "LSTM": _recurrent(4, 4),
    "LayerNorm": _vectors(("gamma", 0, 0), ("beta", 0, 0), when=(2, 1)),
    "MemoryData": _memory,
    "MultiHeadAttention": _attention,
    "Normalize": _vectors(("scale", 3, 0)),
    "PReLU": _vectors(("slope", 0, 0)),
    "Padding": _vectors(("per_channel_pad", 6, 0)),
    "Quantize": _vectors(("scale", 0, 1)),
    "RMSNorm": _vectors(("gamma", 0, 0), when=(2, 1)),
    "RNN": _recurrent(1, 1),
    "Requantize": _vectors(("scale_in", 0, 1), ("scale_out", 1, 1), ("bias", 2, 0)),
    "Scale": _scale,
}

_HALF, _INT8, _SINGLE, _PLAIN = 0x01306B47, 0x000D4B38, 0x0002C056, 0
_TABLE_BYTES: Final = 1024


class WeightFile:
    """Walks the weights file in the order of the layers."""

    def __init__(self, buf: Buffer) -> None:
        self.cursor = Cursor(buf)

    def take(self, weight: Weight) -> tuple[DType, int, int]:
        """`(element type, offset, bytes)` of the next array; `TruncatedError` past the end."""
        cursor, count = self.cursor, weight.elements
        dtype, size = DType.FLOAT32, 4 * count
        if not weight.raw:
            flag = cursor.u32()
            if flag == _HALF:
                dtype, size = DType.FLOAT16, 2 * count
            elif flag == _INT8:
                dtype, size = DType.INT8, count
            elif flag not in (_SINGLE, _PLAIN):
                # Anything else is the first bytes of a table of 256 singles that byte indices refer to.
                cursor.skip(_TABLE_BYTES)
                dtype, size = DType.UINT8, count
        start = cursor.pos
        cursor.skip((size + 3) // 4 * 4)
        return dtype if weight.stored is None else weight.dtype, start, size
