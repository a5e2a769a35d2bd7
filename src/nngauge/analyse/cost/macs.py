"""Multiply-accumulates of one operator. The conventions and their reasons: docs/cost.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nngauge.analyse.amounts import plus, times
from nngauge.analyse.cost.attention import ATTENTION
from nngauge.analyse.cost.einsum import einsum
from nngauge.analyse.cost.kernels import dense_depth, per_input, per_output
from nngauge.analyse.cost.operation import Operation, UnknownCostError, dimension, known_product
from nngauge.analyse.families import is_known
from nngauge.analyse.sizes import element_count
from nngauge.domain.cost import Amount, Family
from nngauge.domain.graph import Tensor

Rule = Callable[[Operation], Amount]

_GATES: Final[Mapping[str, int]] = {"LSTM": 4, "DynamicQuantizeLSTM": 4, "GRU": 3, "RNN": 1}
_OPAQUE: Final[Mapping[Family, str]] = {
    Family.DELEGATE: "what a delegate runs cannot be seen",
    Family.SIGNAL: "the multiplications of a Fourier transform depend on the algorithm",
    Family.OTHER: "no rule",
}


def macs_of(operation: Operation, family: Family) -> Amount:
    """MACs of one run of the operator itself (bodies of control flow are layers of their own).

    Raises:
        UnknownCostError: a shape that the rule needs is unknown, or there is no rule.

    """
    kind = operation.node.kind or ""
    rule = RULES.get(kind)
    if rule is not None:
        return rule(operation)
    if not is_known(kind):
        raise UnknownCostError("the operator is unknown")
    if family in _OPAQUE and "body" not in operation.node.attributes:
        raise UnknownCostError(_OPAQUE[family])
    return 0


def _convolution(operation: Operation) -> Amount:
    return times((operation.output_elements(), per_output(operation, 1)))


def _quantised_convolution(operation: Operation) -> Amount:
    return times((operation.output_elements(), per_output(operation, 3)))


def _transposed(operation: Operation) -> Amount:
    data, kernel = (2, 1) if _is_lite_order(operation) else (0, 1)
    return times((known_product(operation.shape(data), "the input"), per_input(operation, data, kernel)))


def _is_lite_order(operation: Operation) -> bool:
    """TensorFlow's order: output shape, kernel, data."""
    first = operation.tensor(0)
    return len(operation.node.inputs) > 2 and first is not None and len(first.shape or (0, 0)) == 1


def _dense(operation: Operation) -> Amount:
    return times((operation.output_elements(), dense_depth(operation, 1)))


def _quantised_dense(operation: Operation) -> Amount:
    return times((operation.output_elements(), dense_depth(operation, 3)))


def _product(operation: Operation) -> Amount:
    """Output elements × the inner dimension, so that broadcast operands are counted as often as they are used."""
    return times((operation.output_elements(), _inner(operation)))


def _inner(operation: Operation) -> Amount:
    shape = operation.shape(0)
    place = -2 if operation.number("transA") and len(shape) > 1 else -1
    if not shape or shape[place] is not None:
        return dimension(shape, place, "input 0")
    other = operation.shape(3 if operation.node.kind == "QLinearMatMul" else 1)
    return dimension(other, -1 if operation.number("transB") or len(other) == 1 else -2, "input 1")


def _blockwise_product(operation: Operation) -> Amount:
    depth = operation.number("K")
    return times((operation.output_elements(), _inner(operation) if depth is None else depth))


def _recurrent(operation: Operation) -> Amount:
    """Every matrix once per time step and sequence; gates' element-wise products are not accumulated."""
    shape = operation.shape(0)
    return times((known_product(shape[:-1], "input 0"), recurrent_matrices(operation)))


def recurrent_matrices(operation: Operation) -> Amount:
    """Elements of all matrices of a recurrent operator, both directions."""
    kernel, recurrence = operation.tensor(1), operation.tensor(2)
    if kernel is None or not kernel.constant:
        return _derived_matrices(operation)
    if len(kernel.shape or ()) == 2:
        return plus(_elements(tensor) for tensor in _matrices(operation))
    if recurrence is None:
        raise UnknownCostError("the recurrent weights are absent")
    return plus((_elements(kernel), _elements(recurrence)))


def _matrices(operation: Operation) -> list[Tensor]:
    tensors = [operation.tensor(place) for place in range(1, len(operation.node.inputs))]
    return [tensor for tensor in tensors if tensor is not None and tensor.constant and len(tensor.shape or ()) == 2]


def _derived_matrices(operation: Operation) -> Amount:
    gates, hidden = _GATES.get(operation.node.kind or ""), operation.number("hidden_size")
    if gates is None or hidden is None:
        raise UnknownCostError("the recurrent weights are absent")
    directions = 2 if operation.text("direction") == "bidirectional" else 1
    width = dimension(operation.shape(0), -1, "input 0")
    return times((directions * gates * hidden, plus((width, hidden))))


def _elements(tensor: Tensor) -> Amount:
    count = element_count(tensor)
    if count is None:
        raise UnknownCostError("the shape of a weight is unknown")
    return count


RULES: Final[Mapping[str, Rule]] = {
    "Conv": _convolution,
    "FusedConv": _convolution,
    "NhwcFusedConv": _convolution,
    "ConvInteger": _convolution,
    "DeformConv": _convolution,
    "QLinearConv": _quantised_convolution,
    "ConvTranspose": _transposed,
    "ConvTransposeWithDynamicPads": _transposed,
    "Gemm": _dense,
    "FusedGemm": _dense,
    "GemmFloat8": _dense,
    "QGemm": _quantised_dense,
    "MatMul": _product,
    "FusedMatMul": _product,
    "FusedMatMulActivation": _product,
    "MatMulInteger": _product,
    "MatMulIntegerToFloat": _product,
    "DynamicQuantizeMatMul": _product,
    "QLinearMatMul": _product,
    "MatMulNBits": _blockwise_product,
    "MatMulBnb4": _blockwise_product,
    "Einsum": einsum,
    "LSTM": _recurrent,
    "DynamicQuantizeLSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "SVDF": _recurrent,
    **ATTENTION,
}
"""Rule by kind; the known kinds without one multiply and accumulate nothing."""
