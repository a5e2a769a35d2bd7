"""Shapes of pooling: https://onnx.ai/onnx/operators/onnx__MaxPool.html and its relatives."""

from __future__ import annotations

from math import prod

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shapes, UnknownError, layout_of, per_axis
from nngauge.analyse.shapes.windows import output_size, windows


def pool(op: Operation) -> Shapes:
    """Maximum, average and Lp pooling; a second output (indices) has the shape of the first."""
    shape = op.shape()
    layout = layout_of(op, len(shape))
    kernel = op.integers("kernel_shape")
    if kernel is None:
        raise UnknownError("kernel_shape is missing")
    placed = windows(op, per_axis(kernel, len(layout.spatial), 1, "kernel_shape"))
    found = list(shape)
    for axis, window in zip(layout.spatial, placed, strict=True):
        found[axis] = output_size(shape[axis], window)
    return (tuple(found),) * 2


def global_pool(op: Operation) -> Shapes:
    """One value a channel. Without batch axis (ncnn) a vector, and likewise with `keepdims` 0."""
    shape = op.shape()
    layout = layout_of(op, len(shape))
    keep = op.integer("keepdims", int(layout.batch is not None))
    if not keep:
        return (tuple(dim for axis, dim in enumerate(shape) if axis not in layout.spatial),)
    return (tuple(1 if axis in layout.spatial else dim for axis, dim in enumerate(shape)),)


def unpool(op: Operation) -> Shapes:
    """`MaxUnpool`: the inverse sizes of a pooling, unless input 2 states them."""
    wanted = op.sizes("output_shape", 2)
    if wanted is not None:
        return (wanted,)
    shape = op.shape()
    layout = layout_of(op, len(shape))
    kernel = op.integers("kernel_shape")
    if kernel is None:
        raise UnknownError("kernel_shape is missing")
    found = list(shape)
    for axis, window in zip(
        layout.spatial, windows(op, per_axis(kernel, len(layout.spatial), 1, "kernel_shape")), strict=True
    ):
        grown = dims.multiply(dims.subtract(shape[axis], 1), window.stride)
        found[axis] = dims.add(grown, window.kernel - window.begin - window.end)
    return (tuple(found),)


def region_pool(op: Operation) -> Shapes:
    """`RoiAlign` and relatives: one picture of fixed size for each region in input 1.

    `PSRoiPool` has channels of its own for each place of the picture.
    """
    shape, regions = op.shape(), op.maybe(1)
    layout = layout_of(op, len(shape))
    pooled = op.integers("pooled_shape") or (op.integer("output_height", 1), op.integer("output_width", 1))
    if len(layout.spatial) != len(pooled):
        raise UnknownError("pooled_shape does not fit the number of axes")
    found = list(shape)
    if layout.batch is not None:
        found[layout.batch] = regions[0] if regions else None
    for axis, size in zip(layout.spatial, pooled, strict=True):
        found[axis] = size
    if op.node.kind == "PSRoiPool":
        found[layout.channel] = dims.divide(shape[layout.channel], prod(pooled))
    return (tuple(found),)


def adaptive_pool(op: Operation) -> Shapes:
    """To `output_size` whatever the input's size; a size of −233 (ncnn) or below 1 keeps the input's."""
    shape = op.shape()
    layout = layout_of(op, len(shape))
    sizes = per_axis(op.integers("output_size"), len(layout.spatial), 1, "output_size")
    found = list(shape)
    for axis, size in zip(layout.spatial, sizes, strict=True):
        found[axis] = size if size > 0 else shape[axis]
    return (tuple(found),) * 2


def columns(op: Operation) -> Shapes:
    """`Im2Col`: the values under each place of a window become a column."""
    shape, kernel = op.shape(), op.integers("kernel_shape")
    layout = layout_of(op, len(shape))
    if kernel is None:
        raise UnknownError("kernel_shape is missing")
    placed = windows(op, per_axis(kernel, len(layout.spatial), 1, "kernel_shape"))
    sizes = [output_size(shape[axis], window) for axis, window in zip(layout.spatial, placed, strict=True)]
    area = dims.product([window.kernel for window in placed])
    rows = dims.multiply(shape[layout.channel], area)
    return ((*(shape[:1] if layout.batch is not None else ()), rows, dims.product(sizes)),)
