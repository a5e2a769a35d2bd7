"""TNN's ``.tnnmodel``: a list of layers, each with its arrays one behind the other.

Layout: `ModelInterpreter::InterpretModel` and `InterpretResource` of each layer in
https://github.com/Tencent/TNN/tree/master/source/tnn/interpreter/tnn, arrays as in `objseri.h`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import DType, Span
from nngauge.errors import LimitError, MalformedError
from nngauge.formats.vocabulary.tnn import is_type, plain
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_NAME, MAX_RANK

MAGICS: Final = (0xFABC0002, 0xFABC0004)
_WITH_DIMENSIONS: Final = 0xFABC0004
DTYPES: Final = (DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.INT32, DType.BFLOAT16, DType.INT64, DType.UINT32)
_MAX_LAYERS: Final = 10_000
"""What the library itself accepts."""
_MAX_TYPE: Final = 10_000


class Array(NamedTuple):
    """One array of a layer."""

    label: str
    dtype: DType
    shape: tuple[int, ...] | None
    """None where the file gives bytes only."""
    span: Span

    @property
    def elements(self) -> int:
        """Elements by bytes."""
        return self.span.size // _WIDTHS.get(self.dtype, 1)


_WIDTHS: Final = {
    DType.FLOAT32: 4, DType.FLOAT16: 2, DType.INT8: 1, DType.INT32: 4, DType.BFLOAT16: 2, DType.INT64: 8,
    DType.UINT32: 4,
}  # fmt: skip

_LAYOUTS: Final[Mapping[str, str]] = {
    "Add": "element", "And": "element", "BatchNorm": "scale bias", "BatchNormCxx": "scale bias",
    "BatchNormalization": "scale bias", "BiasAdd": "bias", "BlobScale": "+ bias", "Const": "value",
    "ConstantOfShape": "value", "Convolution": "$ ?bias weight bias +", "Convolution1D": "$ ?bias weight bias",
    "Convolution3D": "$ ?bias weight bias", "ConvolutionDepthwise": "$ ?bias weight bias +",
    "Deconvolution": "$ ?bias weight bias +", "DetectionPostProcess": "$ anchors", "Div": "element",
    "Gather": "?data data ?indices indices", "Greater": "element",
    "HDRGuide": "ccm_weight ccm_bias shifts slopes projection_weight projection_bias",
    "InnerProduct": "$ weight bias +", "InstBatchNormCxx": "scale bias", "Less": "element", "MatMul": "weight +",
    "Max": "element", "Min": "element", "Mul": "element", "PReLU": "$ slope", "Scale": "$ ?bias scale bias",
    "SquaredDifference": "element", "Sub": "element", "Sum": "bias",
}  # fmt: skip
"""Layer → what it stores: ``$`` its name once more, ``?x`` whether array x follows, ``+`` scales (and zero points before
them) if the weights are 8-bit integers, else the name of an array."""


class Weights(NamedTuple):
    """The arrays by layer name, and by value name those that belong to no layer."""

    layers: dict[str, list[Array]]
    constants: dict[str, Array]
    problem: str = ""
    """Why the rest of the file was not read."""


def read(buf: Buffer, part: int) -> Weights:
    """Reads the whole file; arrays by offset. Raises `MalformedError` or `TruncatedError`."""
    reader = _Reader(buf, part)
    if reader.cursor.u32() not in MAGICS:
        raise MalformedError("the weight file has no TNN magic")
    count = reader.cursor.u32() & 0x1FFF_FFFF
    if count >= _MAX_LAYERS:
        raise LimitError(f"weights of {count} layers")
    found: dict[str, list[Array]] = {}
    for _ in range(count):
        op, name = reader.header()
        if op not in _LAYOUTS:
            return Weights(found, {}, f"the weight file cannot be read behind layer {name[:60]!r} of type {op[:40]!r}")
        found[name] = reader.layer(_LAYOUTS[op])
    return Weights(found, reader.constants())


class _Reader:
    """Goes forward through the file."""

    def __init__(self, buf: Buffer, part: int) -> None:
        self.cursor = Cursor(buf)
        self.part = part

    def text(self) -> str:
        size = self.cursor.u32()
        if size > MAX_NAME:
            raise LimitError(f"name of {size} bytes", where=f"@{self.cursor.pos}")
        return self.cursor.bytes(size).decode("utf-8", "replace")

    def header(self) -> tuple[str, str]:
        """`(type, name)`; the oldest files have a number for the type."""
        code, first = self.cursor.i32(), self.text()
        if not 0 <= code <= _MAX_TYPE:
            raise MalformedError(f"layer of type {code}", where=f"@{self.cursor.pos}")
        return (plain(first), self.text()) if is_type(first) else (f"type {code}", first)

    def layer(self, layout: str) -> list[Array]:
        """The arrays of one layer."""
        found: list[Array] = []
        absent: set[str] = set()
        for item in layout.split():
            if item == "$":
                self.text()
            elif item[0] == "?":
                if not self.cursor.u32():
                    absent.add(item[1:])
            elif item == "+":
                if found == [] or found[0].dtype is DType.INT8:
                    found += self.scales()
            elif item not in absent:
                array = self.array(item)
                found += [array] if array.span.size else []
        return found

    def scales(self) -> list[Array]:
        """Zero points come first in newer files; older ones have scales only."""
        first = self.array("scale")
        if first.dtype is not DType.INT8:
            return [first]
        return [first._replace(label="zero_point"), self.array("scale")]

    def array(self, label: str) -> Array:
        """Magic, type, bytes, dimensions (of the newer form) and data."""
        cursor = self.cursor
        magic, code, size = cursor.u32(), cursor.u32(), cursor.i32()
        dtype = DTYPES[code] if code < len(DTYPES) else DType.UNKNOWN
        shape: tuple[int, ...] | None = None
        if size <= 0:
            return Array(label, dtype, None, Span(cursor.pos, 0, self.part))
        if magic == _WITH_DIMENSIONS:
            rank = cursor.u32()
            if rank > MAX_RANK:
                raise LimitError(f"rank {rank}", where=f"@{cursor.pos}")
            shape = tuple([max(cursor.i32(), 0) for _ in range(rank)]) or None
        start = cursor.pos
        cursor.skip(size)
        return Array(label, dtype, shape, Span(start, size, self.part))

    def constants(self) -> dict[str, Array]:
        """Values that the network refers to by name, behind the layers of newer files."""
        if self.cursor.left < 8:
            return {}
        self.cursor.skip(4)
        count = self.cursor.u32()
        if count > _MAX_LAYERS:
            raise LimitError(f"{count} constants")
        found = {}
        for _ in range(count):
            name = self.text()
            found[name] = self.array(name)
        return found
