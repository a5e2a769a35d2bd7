"""Shapes of reductions: https://onnx.ai/onnx/operators/onnx__ReduceMean.html, `ArgMax`, and losses."""

from __future__ import annotations

from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, place_of


def reduce(op: Operation) -> Shapes:
    """Reduces `axes` (attribute or input 1), all without them; they stay as 1 unless `keepdims` is 0."""
    shape = op.shape()
    keep = op.integer("keepdims", 1) != 0
    try:
        axes = op.whole("axes", 1)
    except UnknownError:
        if not keep:
            raise
        return ((None,) * len(shape),)
    if not axes:
        if op.integer("noop_with_empty_axes"):
            return (shape,)
        return ((1,) * len(shape) if keep else (),)
    return (_without(shape, axes, keep=keep),)


def _without(shape: Shape, axes: tuple[int, ...], *, keep: bool) -> Shape:
    gone = {place_of(axis, len(shape)) for axis in axes} if shape else set()
    if keep:
        return tuple([1 if place in gone else dim for place, dim in enumerate(shape)])
    return tuple([dim for place, dim in enumerate(shape) if place not in gone])


def arg(op: Operation) -> Shapes:
    """`ArgMax`, `ArgMin`: one axis."""
    shape = op.shape()
    axis = op.axis(0, 1)
    return (_without(shape, (axis,), keep=op.integer("keepdims", 1) != 0),)


def scalar(_op: Operation) -> Shapes:
    """A single number whatever goes in."""
    return ((),)


def loss(op: Operation) -> Shapes:
    """Losses: a number, or one for each label with `reduction` none; a second output has the input's shape."""
    first = op.shape(1) if op.text("reduction", "mean") == "none" else ()
    return (first, op.maybe(0))


def determinant(op: Operation) -> Shapes:
    """`Det`: the last two axes go."""
    return (op.shape()[:-2],)
