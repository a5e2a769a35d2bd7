"""ONNX: scales of integer weights are further inputs of the operation that reads them.

Operators: https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html, …QLinearConv.html, …ConvInteger.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.compress.patching._api import Format, Lattice, fitting
from nngauge.domain.graph import DType, Node, Tensor

if TYPE_CHECKING:
    from nngauge.compress.subject import Subject

_MOST: Final = 1 << 16
_CODES: Final = {DType.FLOAT32: "f4", DType.FLOAT16: "f2", DType.INT8: "i1", DType.UINT8: "u1", DType.INT32: "i4"}


class _Places(NamedTuple):
    weight: int
    scale: int
    """−1: the scale is applied later, so that any will do."""
    zero: int
    axis: int


_READERS: Final = {
    "DequantizeLinear": _Places(0, 1, 2, 1), "QLinearConv": _Places(3, 4, 5, 0), "QLinearMatMul": _Places(3, 4, 5, 1),
    "ConvInteger": _Places(1, -1, 3, 0), "MatMulInteger": _Places(1, -1, 3, 1),
}  # fmt: skip


def _lattice(subject: Subject, number: int, scope: Scope, index: int) -> Lattice | None:
    del number
    tensor = scope.tensor(index)
    for node in scope.graph.nodes:
        places = _READERS.get(node.op)
        if places is None or tensor is None or len(node.inputs) <= places.weight or node.inputs[places.weight] != index:
            continue
        return _of(subject, scope, node, places, tensor)
    return None


def _of(subject: Subject, scope: Scope, node: Node, places: _Places, tensor: Tensor) -> Lattice | None:
    if places.scale < 0:
        scales: tuple[float, ...] = (1.0,)
    else:
        scales = _numbers(subject, _input(scope, node, places.scale))
    zeros = tuple(int(value) for value in _numbers(subject, _input(scope, node, places.zero)))
    if len(zeros) > 1 and len(scales) == 1:
        scales *= len(zeros)
    axis = node.attributes.get("axis", places.axis)
    return fitting(scales, zeros, int(axis) if isinstance(axis, int) else places.axis, tensor.shape or ())


def _input(scope: Scope, node: Node, place: int) -> Tensor | None:
    return scope.tensor(node.inputs[place]) if place < len(node.inputs) else None


def _numbers(subject: Subject, tensor: Tensor | None) -> tuple[float, ...]:
    """Elements of a constant vector; nothing where there is none."""
    import numpy as np

    if tensor is None:
        return ()
    if tensor.values is not None:
        return tuple(float(value) for value in tensor.values)
    span, code = tensor.data, _CODES.get(tensor.dtype)
    if span is None or code is None or not 0 <= span.part < len(subject.files) or span.size > 4 * _MOST:
        return ()
    content = subject.files[span.part].content[span.offset : span.offset + span.size]
    if len(content) % np.dtype(code).itemsize:
        return ()
    return tuple(float(value) for value in np.frombuffer(content, f"<{code}"))


FORMAT: Final = Format(
    name="onnx",
    lattice=_lattice,
    # DequantizeLinear takes int8 for each axis from opset 13 on and int4 from 21 on; Cast takes float16.
    storage={"linear": (16, 8, 4)},
)
