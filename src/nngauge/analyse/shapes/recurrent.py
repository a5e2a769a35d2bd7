"""Shapes of recurrent layers: https://onnx.ai/onnx/operators/onnx__LSTM.html, and those of formats with fewer axes."""

from __future__ import annotations

from collections.abc import Callable

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shapes, UnknownError
from nngauge.domain.graph import Dim


def recurrent(gates: int) -> Callable[[Operation], Shapes]:
    """LSTM (4 gates), GRU (3), RNN (1): the sequence of outputs, then the last states.

    ONNX keeps an axis for the directions and weights of rank 3; elsewhere both directions stand side by side in the
    last axis, and there may be no batch axis (ncnn).
    """

    def rule(op: Operation) -> Shapes:
        shape = op.shape()
        directions = 2 if op.text("direction", "forward").startswith("bidir") else 1
        hidden = _hidden(op, gates)
        if op.integer("cell"):
            return ((*shape[:-1], hidden),) * len(op.node.outputs)
        weights = op.maybe(1)
        if weights is not None and len(weights) == 3 and len(shape) == 3:
            return _onnx(op, directions, hidden)
        if len(shape) < 2:
            raise UnknownError("fewer dimensions than the operator needs")
        width = op.integer("projection_size") or op.integer("output_size") or hidden
        outputs = (*shape[:-1], dims.multiply(width, directions))
        batch = () if len(shape) == 2 else (shape[0] if op.integer("layout") else shape[1],)
        layers = max(op.integer("num_layers", 1), 1)
        return (outputs, (directions * layers, *batch, width), (directions * layers, *batch, hidden))

    return rule


def _onnx(op: Operation, directions: int, hidden: Dim) -> Shapes:
    shape = op.shape()
    if op.integer("layout"):
        batch, length = shape[0], shape[1]
        return ((batch, length, directions, hidden), *((batch, directions, hidden),) * 2)
    length, batch = shape[0], shape[1]
    return ((length, directions, batch, hidden), *((directions, batch, hidden),) * 2)


def _hidden(op: Operation, gates: int) -> Dim:
    """Size of the hidden state: stated, or from the weights ``[(directions,) gates × hidden, input]``."""
    stated = op.integer("hidden_size")
    if stated > 0:
        return stated
    weights = op.maybe(1)
    if weights is None or len(weights) not in (2, 3):
        raise UnknownError("hidden_size is missing")
    return dims.divide(weights[-2], gates)


def svdf(op: Operation) -> Shapes:
    """`SVDF`: a unit for every `rank` filters."""
    shape, filters = op.shape(), op.shape(1)
    if not shape or not filters:
        raise UnknownError("fewer dimensions than the operator needs")
    return ((shape[0], dims.divide(filters[0], op.integer("rank", 1))),)


def causal(op: Operation) -> Shapes:
    """`CausalConvWithState`: as long as the input; the state holds the last ``kernel − 1`` values."""
    shape, weights = op.shape(), op.shape(1)
    if len(shape) != 3 or len(weights) != 3:
        raise UnknownError("the input has not three dimensions")
    return (shape, (shape[0], shape[1], dims.subtract(weights[2], 1)))
