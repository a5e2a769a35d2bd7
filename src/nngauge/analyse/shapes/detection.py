"""Shapes of detection heads, as Caffe's SSD branch and ncnn define them; how many boxes remain only the data tells.

https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers/prior_box_layer.cpp, `detection_output_layer.cpp`.
"""

from __future__ import annotations

from collections.abc import Callable

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shapes, UnknownError, layout_of


def prior_box(op: Operation) -> Shapes:
    """`PriorBox`: four corners of each of `num_priors` at every position, and their variances."""
    shape, priors = op.shape(), op.integer("num_priors")
    if priors < 1:
        raise UnknownError("num_priors is missing")
    layout = layout_of(op, len(shape))
    cells = dims.product([shape[axis] for axis in layout.spatial])
    total = dims.multiply(cells, 4 * priors)
    return ((2, total) if layout.batch is None else (1, 2, total),)


def detections(op: Operation) -> Shapes:
    """`DetectionOutput`: image, class, score and corners of each box; ncnn keeps no image.

    TensorFlow's has boxes, classes and scores of `keep_top_k` detections, and how many of them count.
    """
    if len(op.node.outputs) == 4:
        count = op.integer("keep_top_k") if op.integer("keep_top_k") > 0 else None
        return ((1, count, 4), (1, count), (1, count), (1,))
    return ((None, 6) if op.text("data_layout") == "CHW" else (1, 1, None, 7),)


def boxes(columns: int) -> Callable[[Operation], Shapes]:
    """As many rows as the data gives, of `columns` numbers."""
    return lambda _op: ((None, columns),)


def yolo(op: Operation) -> Shapes:
    """`YoloDetection`: Darknet's head keeps the grid, ncnn's gives class, score and corners of each box."""
    return (op.shape(),) if "boxes" in op.attributes else ((None, 6),)


def suppressed(op: Operation) -> Shapes:
    """`NonMaxSuppression` of ONNX: batch, class and box of each that remains; TensorFlow's vectors keep no class."""
    boxes = op.maybe(0)
    if boxes is not None and len(boxes) == 2:
        size = op.values(2)
        limit = size[0] if size else None
        vector = (int(limit) if isinstance(limit, int | float) else limit,)
        return (vector, *((vector, ()) if len(op.node.outputs) == 3 else ((),)))
    return ((None, 3),)
