"""Shapes of attention: https://onnx.ai/onnx/operators/onnx__Attention.html and the `com.microsoft` operators.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError
from nngauge.domain.graph import Dim


def attention(op: Operation) -> Shapes:
    """`Attention`: of ONNX (query, key, value) or of ONNX Runtime (one input, weights of all three)."""
    weights = op.maybe(1)
    if op.is_constant(1) and weights is not None and len(weights) == 2:
        return _packed(op, weights)
    return _separate(op)


def _packed(op: Operation, weights: Shape) -> Shapes:
    """Input ``[batch, length, width]``, weights of query, key and value side by side; `past` grows."""
    shape = op.shape()
    sizes = op.integers("qkv_hidden_sizes")
    hidden = sizes[2] if sizes and len(sizes) == 3 else dims.divide(weights[1], 3)
    heads = max(op.integer("num_heads", 1), 1)
    if len(shape) != 3:
        raise UnknownError("the query has not three dimensions")
    length = _length(op, 4, shape[1])
    return ((shape[0], shape[1], hidden), (2, shape[0], heads, length, dims.divide(hidden, heads)))


def _separate(op: Operation) -> Shapes:
    """Query, key, value of rank 4 ``[batch, heads, length, size]``, or 3 with the heads in the last axis."""
    query, value = op.shape(0), op.maybe(2)
    if len(query) < 2:
        raise UnknownError("the query has too few dimensions")
    key = op.maybe(1)
    if value is None or len(value) != len(query):
        return (query,)
    heads = op.integer("num_heads")
    kv_heads = op.integer("kv_num_heads", heads) or heads
    if len(query) != 3 or not heads:
        # Without a batch axis (ncnn) the first axis are heads.
        return ((*query[:-1], value[-1]), *_grown(op, key, value, kv_heads, heads))
    size = dims.divide(value[-1], kv_heads)
    return ((query[0], query[1], dims.multiply(size, heads)), *_grown(op, key, value, kv_heads, heads))


def _grown(op: Operation, key: Shape | None, value: Shape, heads: int, query_heads: int) -> Shapes:
    """Present key and value, those of the past and the new ones, and the scores of each query for each key."""
    found: list[Shape | None] = []
    for place, new in ((4, key), (5, value)):
        bare = op.text("data_layout") == "CHW"
        if new is None or len(new) not in (3, 4):
            found.append(None)
            continue
        if len(new) == 3 and not bare:
            new = (new[0], heads, new[1], dims.divide(new[2], heads) if heads else None)
        found.append((*new[:-2], _length(op, place, new[-2]), new[-1]))
    query, present = op.shape(0), found[0]
    if present is None or len(query) not in (3, 4) or len(present) != 4:
        return found
    rows = query[:3] if len(query) == 4 else (query[0], query_heads, query[1])
    return [*found, (*rows, present[2])]


def _length(op: Operation, place: int, new: Dim) -> Dim:
    """Positions in a cache: those of the past at input `place`, and the new ones."""
    if not op.present(place):
        return new
    past = op.maybe(place)
    return dims.add(past[-2], new) if past is not None and len(past) > 2 else None


def linear(op: Operation) -> Shapes:
    """`LinearAttention`: heads in the last axis; the state is a matrix for each head of keys."""
    query, key, value = op.shape(0), op.shape(1), op.shape(2)
    heads, kv_heads = max(op.integer("q_num_heads", 1), 1), max(op.integer("kv_num_heads", 1), 1)
    if not len(query) == len(key) == len(value) == 3:
        raise UnknownError("the query has not three dimensions")
    size = dims.divide(value[2], kv_heads)
    state = (query[0], kv_heads, dims.divide(key[2], kv_heads), size)
    return ((query[0], query[1], dims.multiply(size, heads)), state)


def multi_head(op: Operation) -> Shapes:
    """`MultiHeadAttention`: as wide as the values; caches of key and value grow by the new ones.

    ncnn's has no batch axis and projects to the width of the query (`embed_dim`).
    """
    query, value = op.shape(0), op.maybe(2)
    heads = max(op.integer("num_heads", 1), 1)
    if len(query) == 2:
        return ((query[0], op.integer("embed_dim") or query[1]),)
    if len(query) == 5:
        width = dims.multiply(query[2], query[4])
        return ((query[0], query[1], width),)
    if len(query) != 3:
        raise UnknownError("the query has not three dimensions")
    if value is None or len(value) not in (3, 4) or op.is_constant(2):
        return (query,)
    width = value[-1] if len(value) == 3 else dims.multiply(heads, value[-1])
    total = _length(op, 6, value[1] if len(value) == 3 else value[2])
    key_cache = (query[0], heads, total, dims.divide(query[2], heads))
    value_cache = (query[0], heads, total, dims.divide(width, heads))
    return ((query[0], query[1], width), key_cache, value_cache)


def grouped_query(op: Operation) -> Shapes:
    """`GroupQueryAttention`: as wide as the query; key and value may be packed into it."""
    query, key = op.shape(0), op.maybe(1)
    heads, kv_heads = max(op.integer("num_heads", 1), 1), max(op.integer("kv_num_heads", 1), 1)
    if len(query) != 3:
        raise UnknownError("the query has not three dimensions")
    size = dims.divide(query[2], heads if key is not None else heads + 2 * kv_heads)
    cache = (query[0], kv_heads, _length(op, 3, query[1]), size)
    return ((query[0], query[1], dims.multiply(size, heads)), cache, cache)


def embedding(op: Operation) -> Shapes:
    """`EmbedLayerNormalization`: a vector for each word, an index of the mask, and the sum before normalisation."""
    words, table = op.shape(0), op.shape(2)
    if not words or len(table) != 2:
        raise UnknownError("the embedding has not two dimensions")
    found = (*words, table[1])
    return (found, (words[0],), found)
