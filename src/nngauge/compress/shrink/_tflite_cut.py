"""Takes channels out of the constants and shapes of a TFLite sub-graph."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from nngauge.compress.shrink._tflite_read import Graph, numbers

if TYPE_CHECKING:
    from nngauge.compress.shrink.channels import Array, Layer, Solution


class Cutter:
    """Cuts one sub-graph. A constant that several layers read is copied first."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def linear(
        self, op: Any, layer: Layer, found: Solution, *, weight: int, bias: int, shape: int | None = None
    ) -> None:
        """Rows and columns of the weights; what constants add goes into the bias."""
        from nngauge.compress.shrink.channels import Linear

        assert isinstance(layer, Linear)  # noqa: S101 - by construction
        rows, columns = found.kept[layer.y], found.kept[layer.x]
        if columns.all() and rows.all():
            return
        value = np.where(columns, 0.0, np.nan_to_num(found.constant(layer.x)))
        value[~((layer.plus != 0) | (layer.minus != 0)).any(axis=0)] = 0.0
        shift = (layer.plus + layer.minus) @ value
        if shift[rows].any():
            self._replace(op, bias, lambda old: (old.astype(np.float64).reshape(-1) + shift).reshape(old.shape))
        self._replace(op, weight, lambda old: _columns(old, columns))
        self.slices(op, {weight: 0, bias: 0}, rows)
        if shape is not None:
            self._replace(op, shape, lambda old: np.concatenate([old[:-1], [rows.sum()]]))

    def slices(self, op: Any, axes: Mapping[int, int], kept: Array) -> None:
        """Of the constants at these places of `op`, along these axes."""
        if kept.all():
            return
        for place, axis in axes.items():
            if place < len(op.inputs) and op.inputs[place] >= 0:
                root = self._replace(op, place, lambda old, axis=axis: old.compress(kept, axis))
                _slice_scales(self._graph.tensors[root], axis, kept)

    def target_shape(self, op: Any, count: int, before: int) -> None:
        """The last number of the shape that a ``RESHAPE`` makes."""
        if count == before:
            return
        options = op.builtinOptions
        if options is not None and options.newShape is not None and len(options.newShape):
            options.newShape = np.array(_last(numbers(options.newShape), count), np.int32)
        if len(op.inputs) > 1 and op.inputs[1] >= 0:
            self._replace(op, 1, lambda old: np.array(_last(old.reshape(-1).tolist(), count)).reshape(old.shape))

    def narrow(self, index: int, kept: Array) -> None:
        """The shape of an activation."""
        tensor = self._graph.tensors[index]
        tensor.shape = np.array([*numbers(tensor.shape)[:-1], kept.sum()], np.int32)
        if tensor.shapeSignature is not None and len(tensor.shapeSignature):
            tensor.shapeSignature = np.array([*numbers(tensor.shapeSignature)[:-1], kept.sum()], np.int32)

    def _replace(self, op: Any, place: int, change: Any) -> int:
        """Changes the constant at `place`; the index of the tensor that holds it now."""
        graph = self._graph
        index = int(op.inputs[place])
        root = graph.root(index)
        if root is None:
            raise ValueError("a constant that is none")
        old = graph.stored(root)
        if old is None:
            raise ValueError("a constant that cannot be read")
        made = np.ascontiguousarray(np.asarray(change(old)).astype(old.dtype))
        if graph.readers[root] > 1 or root in graph.outputs:
            graph.tensors.append(copy(graph.tensors[root]))
            graph.readers[root] -= 1
            root = len(graph.tensors) - 1
            graph.readers[root] = 1
            graph.tensors[root].quantization = copy(graph.tensors[root].quantization)
            op.inputs[place] = index = root
        buffer = import_module("ai_edge_litert.schema_py_generated").BufferT()
        buffer.data = np.frombuffer(made.tobytes(), np.uint8)
        graph.model.buffers.append(buffer)
        graph.tensors[root].buffer = len(graph.model.buffers) - 1
        for tensor in {root, index}:
            graph.tensors[tensor].shape = np.array(made.shape, np.int32)
            graph.tensors[tensor].shapeSignature = None
        return root


def _columns(old: Array, columns: Array) -> Array:
    """Of the last axis, which counts them once for every place of a window."""
    return old.compress(np.tile(columns, old.shape[-1] // len(columns)), -1)


def _last(shape: list[int], count: int) -> list[int]:
    """The shape with another last dimension; an open one stays open."""
    return [*shape[:-1], shape[-1] if shape[-1] == -1 else count]


def _slice_scales(tensor: Any, axis: int, kept: Array) -> None:
    """Scales, zero points and ranges that are one for each channel."""
    quantization = tensor.quantization
    if quantization is None or quantization.quantizedDimension != axis:
        return
    for name in ("scale", "zeroPoint", "min", "max"):
        values = getattr(quantization, name)
        if values is not None and len(values) == len(kept) > 1:
            setattr(quantization, name, np.asarray(values).compress(kept))
