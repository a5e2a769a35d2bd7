"""Multiply-accumulates of fused attention: Q·Kᵀ and P·V over all positions, and the projections inside the operator.

Causal masks halve nothing: kernels and published figures differ, the full product is an upper bound that all agree on.
Operators: https://onnx.ai/onnx/operators/onnx__Attention.html and
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nngauge.analyse.amounts import divide, plus, times
from nngauge.analyse.cost.operation import Operation, UnknownCostError, dimension, known, known_product
from nngauge.analyse.sizes import element_count
from nngauge.domain.cost import Amount
from nngauge.domain.graph import Dim

_HEADED: Final = 4
"""Rank of (batch, heads, positions, head size); 3 is (batch, positions, hidden size)."""
_PROJECTIONS: Final = 4
"""Matrices of query, key, value and result."""
_PACKED: Final = 5
"""Rank of (batch, positions, heads, 3, head size): queries, keys and values in one tensor."""


def _attention(operation: Operation) -> Amount:
    """ONNX (query, key, value as inputs), or with one matrix that projects input 0 to all three (ONNX Runtime)."""
    if operation.is_constant(1) and len(operation.shape(1)) == 2:
        return _self_attention(operation)
    query, key, value = (operation.shape(place) for place in range(3))
    return _products(query, _positions(operation, key, past=4, present=1), _width(operation, value, query))


def _self_attention(operation: Operation) -> Amount:
    shape = operation.shape(0)
    weights = operation.tensor(1)
    count = element_count(weights) if weights is not None else None
    if count is None or len(shape) != 3:
        raise UnknownCostError("the projection's shape is unknown")
    rows = known_product(shape[:2], "input 0")
    sizes = operation.numbers("qkv_hidden_sizes")
    query, value = (sizes[0], sizes[2]) if len(sizes) == 3 else (hidden := _third(operation), hidden)
    past = 5 if operation.node.kind == "Attention" else 8
    length = _positions(operation, shape, past=past, present=1)
    return plus((times((rows, count)), times((rows, length, query + value))))


def _third(operation: Operation) -> int:
    width = _at(operation.shape(1), 1)
    if not isinstance(width, int) or width % 3:
        raise UnknownCostError("the projection's shape is unknown")
    return width // 3


def _multi_head(operation: Operation) -> Amount:
    matrices = _matrices(operation)
    if len(matrices) == _PROJECTIONS:
        return _projected(operation, matrices)
    query = operation.shape(0)
    if len(query) == _PACKED:
        rows, width = known_product(query[:2], "the query"), times((_at(query, 2), _at(query, 4)))
        return times((rows, _at(query, 1), 2, width))
    key = operation.shape(1)
    if len(key) == _PACKED:  # (batch, positions, heads, 2, head size)
        width = times((_at(key, 2), _at(key, 4)))
        return times((known_product(query, "the query"), _at(key, 1), 2))
    return _products(query, _positions(operation, key, past=6, present=1), _width(operation, operation.shape(2), query))


def _projected(operation: Operation, matrices: list[Amount]) -> Amount:
    """With the matrices of query, key, value and result inside; an absent value is the key, an absent key the query."""
    places = [place for place in range(len(operation.node.inputs)) if not operation.is_constant(place)]
    shapes = [operation.shape(place) for place in places[:3]]
    if not shapes:
        raise UnknownCostError("the query is a constant")
    query = shapes[0]
    key = shapes[1] if len(shapes) > 1 else query
    depth = _at(query, -1)
    rows, length = known_product(query[:-1], "the query"), known_product(key[:-1], "the key")
    width = divide(matrices[0], depth) if isinstance(depth, int) else None
    if width is None:
        raise UnknownCostError("the projection's shape is unknown")
    projections = [times((rows, plus((matrices[0], matrices[3])))), times((length, plus(matrices[1:3])))]
    return plus([*projections, times((rows, _at(key, -2), 2, width))])


def _matrices(operation: Operation) -> list[Amount]:
    """Elements of the matrices that are stored with the operator."""
    found = [operation.tensor(place) for place in range(len(operation.node.inputs)) if operation.is_constant(place)]
    counts = [element_count(tensor) for tensor in found if tensor is not None and len(tensor.shape or ()) == 2]
    return [count for count in counts if count is not None]


def _grouped(operation: Operation) -> Amount:
    """Queries (batch, positions, heads × size), with keys and values behind them when inputs 1 and 2 are absent."""
    query = operation.shape(0)
    rows = known_product(query[:2], "the query")
    width = dimension(operation.output_shape(), -1, "the output")
    length = _positions(operation, query, past=3, present=1)
    return times((rows, length, 2, width))


def _products(query: tuple[Dim, ...], length: Amount, value_width: Amount) -> Amount:
    """Query elements × positions + rows × positions × width of all value heads."""
    if len(query) == _HEADED:
        rows = times((_at(query, 0), _at(query, 2)))
    else:
        rows = known_product(query[:-1], "the query")
    return plus((times((known_product(query, "the query"), length)), times((rows, length, value_width))))


def _positions(operation: Operation, key: tuple[Dim, ...], *, past: int, present: int) -> Amount:
    """Positions that are looked at: the cache after this step when its shape is known, else what comes in and was."""
    headed = _HEADED - (operation.text("data_layout") == "CHW")  # ncnn has no axis of the batch
    cache = operation.output(present)
    if cache is not None and cache.shape is not None and len(cache.shape) >= headed and cache.shape[-2] is not None:
        return known(cache.shape[-2], "the cache")
    length = _at(key, -2)
    before = operation.tensor(past)
    if before is None or before.shape is None or len(before.shape) < headed:
        return length
    return plus((length, _at(before.shape, -2)))


def _width(operation: Operation, value: tuple[Dim, ...], query: tuple[Dim, ...]) -> Amount:
    """Columns of the result: every query head has the width of a value head."""
    heads, groups = operation.number("q_num_heads") or operation.number("num_heads"), _groups(operation)
    if len(value) == _HEADED:
        return times((_at(query, 1) if len(query) == _HEADED else heads or _at(value, 1), _at(value, 3)))
    width = _at(value, -1)
    if heads and groups and heads != groups and isinstance(width, int) and not width % groups:
        return width // groups * heads
    return width


def _groups(operation: Operation) -> int | None:
    return operation.number("kv_num_heads")


def _at(shape: tuple[Dim, ...], place: int) -> Amount:
    return dimension(shape, place, "an attention operand")


ATTENTION: Final[Mapping[str, Callable[[Operation], Amount]]] = {
    "Attention": _attention,
    "QAttention": _self_attention,
    "MultiHeadAttention": _multi_head,
    "DecoderMaskedMultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped,
}
"""Rule by kind."""
