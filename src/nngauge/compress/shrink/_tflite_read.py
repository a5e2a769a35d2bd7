"""Access to the schema's objects of a TFLite file: constants as arrays, quantisation, who uses what."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]

DTYPES: Final = {
    0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8", 6: "?", 7: "<i2", 9: "i1", 10: "<f8", 15: "<u4", 16: "<u2"
}  # fmt: skip
"""``TensorType`` → numpy; types of which the elements are no numbers, or no whole bytes, are missing."""
_FLOATS: Final = frozenset({0, 1, 10})
_DEQUANTIZE: Final = 6


class Graph:
    """One sub-graph with the buffers of its model."""

    def __init__(self, model: Any, table: Any) -> None:
        self.model = model
        self.table = table
        self.tensors = list(table.tensors if table.tensors is not None else ())
        self.operators = list(table.operators if table.operators is not None else ())
        self._codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes or ()]
        self.inputs, self.outputs = numbers(table.inputs), numbers(table.outputs)
        self.readers = Counter(index for op in self.operators for index in set(numbers(op.inputs)))
        self.makers = {index: op for op in self.operators for index in numbers(op.outputs)}
        for op in self.operators:
            op.inputs, op.outputs = numbers(op.inputs), numbers(op.outputs)
            if any(not -1 <= index < len(self.tensors) for index in (*op.inputs, *op.outputs)):
                raise ValueError("tensor index out of range")

    def code(self, op: Any) -> int:
        """``BuiltinOperator`` of an operator."""
        return int(self._codes[op.opcodeIndex])

    def shape(self, index: int) -> tuple[int, ...]:
        """As the file says; open dimensions are 1 there."""
        return tuple(numbers(self.tensors[index].shape))

    def is_float(self, index: int) -> bool:
        """Are its elements floating-point numbers?"""
        return self.tensors[index].type in _FLOATS

    def is_constant(self, index: int) -> bool:
        """Does the file hold its elements?"""
        tensor = self.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        return data is not None and len(data) > 0 and not tensor.isVariable

    def stored(self, index: int) -> Array | None:
        """The elements of a dense constant as they lie there."""
        tensor = self.tensors[index]
        kind = DTYPES.get(tensor.type)
        if kind is None or not self.is_constant(index) or tensor.sparsity is not None or tensor.externalBuffer:
            return None
        data = np.asarray(self.model.buffers[tensor.buffer].data, dtype=np.uint8).tobytes()
        shape = self.shape(index)
        if len(data) != prod(shape) * np.dtype(kind).itemsize:
            return None
        return np.frombuffer(data, kind).reshape(shape)

    def root(self, index: int) -> int | None:
        """The constant behind a weight: itself, or what a ``DEQUANTIZE`` for it alone turns into it."""
        if self.is_constant(index):
            return index
        op = self.makers.get(index)
        if op is None or self.code(op) != _DEQUANTIZE or len(op.inputs) != 1 or index in self.outputs:
            return None
        source = int(op.inputs[0])
        alone = self.readers[index] == 1 and self.readers[source] == 1
        return source if alone and self.is_constant(source) and self.is_float(source) else None

    def scales(self, index: int, axis: int) -> tuple[Array, Array] | None:
        """Scale and zero point of a quantised constant along `axis`: one, or one for each element of it."""
        quantization = self.tensors[index].quantization
        if quantization is None or quantization.detailsType != 0:
            return None
        scale = floats(quantization.scale)
        zero = floats(quantization.zeroPoint) if quantization.zeroPoint is not None else np.zeros(1)
        if len(scale) == 0 or len(zero) not in {1, len(scale)}:
            return None
        if len(scale) > 1 and (quantization.quantizedDimension != axis or len(scale) != self.shape(index)[axis]):
            return None
        return scale, zero

    def affine(self, index: int) -> tuple[float, float] | None:
        """Scale and zero point of a quantised activation; None without, or with several."""
        found = self.scales(index, 0)
        if found is None or len(found[0]) != 1 or not found[0][0] > 0:
            return None
        return float(found[0][0]), float(found[1][0])


def numbers(values: Any) -> list[int]:
    """A vector of the schema; empty where it is missing."""
    return [] if values is None else [int(value) for value in values]


def floats(values: Any) -> Array:
    """A vector of the schema in double precision; empty where it is missing."""
    return np.zeros(0) if values is None else np.asarray(values, dtype=np.float64)
