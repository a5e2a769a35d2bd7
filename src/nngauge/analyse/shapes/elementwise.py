"""Shapes of operations on single elements: the input's own, or both inputs broadcast.

https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md
"""

from __future__ import annotations

from collections.abc import Callable

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, place_of
from nngauge.domain.graph import Dim


def same(op: Operation) -> Shapes:
    """Every output has the shape of the first input."""
    return (op.shape(),) * len(op.node.outputs)


def same_as_indices(op: Operation) -> Shapes:
    """The output has the shape of the second input (`GatherElements`)."""
    return (op.shape(1),)


def broadcast(*places: int) -> Callable[[Operation], Shapes]:
    """The inputs at `places` together."""

    def rule(op: Operation) -> Shapes:
        return (together([op.shape(place) for place in places]),)

    return rule


def broadcast_all(op: Operation) -> Shapes:
    """All inputs together. With `axis`, those after the first begin at that axis of it (ONNX before opset 7)."""
    shapes = [op.shape(place) for place in range(len(op.inputs)) if op.inputs[place] >= 0]
    if not shapes:
        raise UnknownError("an input is missing")
    if "axis" in op.attributes and shapes[0]:
        rank = len(shapes[0])
        start = place_of(op.integer("axis"), rank)
        others = [shape + (1,) * (rank - start - len(shape)) for shape in shapes[1:]]
        return (together([shapes[0], *others]),)
    return (together(shapes),)


def scaled(op: Operation) -> Shapes:
    """`DynamicQuantizeLinear`: the input's shape, a scale and a zero point."""
    return (op.shape(), (), ())


def together(shapes: list[Shape]) -> Shape:
    """The shape of all broadcast to each other, aligned at the last axis; at the first where only that fits."""
    found = shapes[0]
    for shape in shapes[1:]:
        found = _pair(found, shape)
    return found


def _pair(left: Shape, right: Shape) -> Shape:
    if left == right:
        return left
    if len(left) < len(right):
        left, right = right, left
    gap = (1,) * (len(left) - len(right))
    try:
        return tuple([_wider(one, other) for one, other in zip(left, gap + right, strict=True)])
    except UnknownError:
        if not gap or not right:
            raise
        # ncnn and MNN repeat a vector over the axes behind the channels.
        return tuple([_wider(one, other) for one, other in zip(left, right + gap, strict=True)])


def _wider(left: Dim, right: Dim) -> Dim:
    """One dimension of a broadcast: a 1 takes the other's size."""
    if right in (left, 1):
        return left
    if left == 1:
        return right
    if isinstance(left, int):
        if isinstance(right, int):
            raise UnknownError("the operands do not broadcast")
        return left
    return right if isinstance(right, int) else dims.larger(left, right)


def statistics(op: Operation) -> Shapes:
    """`LayerNormalization` and relatives: the first output like the input, mean and deviation with reduced axes.

    A fourth output (`SkipLayerNormalization`) is the sum before the normalisation.
    """
    shape = op.shape()
    axis = place_of(op.integer("axis", -1), len(shape)) if shape else 0
    reduced = tuple(dim if place < axis else 1 for place, dim in enumerate(shape))
    return (shape, reduced, reduced, shape)


def batch_statistics(op: Operation) -> Shapes:
    """`BatchNormalization`: beyond the first, outputs are statistics of the channels, like the mean."""
    return (op.shape(), *((op.maybe(3),) * (len(op.node.outputs) - 1)))


def nothing(_op: Operation) -> Shapes:
    """No outputs that matter."""
    return ()


def opaque(_op: Operation) -> Shapes:
    """What is inside cannot be seen."""
    raise UnknownError("what it does is not in the file")
