"""Shapes of detection heads, as Caffe's SSD branch and ncnn define them; how many boxes remain only the data tells.

https://github.com/weiliu89/caffe/blob/ssd/src/caffe/layers/prior_box_layer.cpp, `detection_output_layer.cpp`.
"""

from __future__ import annotations

from collections.abc import Callable

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shapes, UnknownError, layout_of


def prior_box(op: Operation) -> Shapes:
    """`PriorBox`: four corners of every prior at every position, and their variances."""
    shape = op.shape()
    layout = layout_of(op, len(shape))
    cells = dims.product([shape[axis] for axis in layout.spatial])
    total = dims.multiply(dims.multiply(cells, _priors(op)), 4)
    return ((2, total) if layout.batch is None else (1, 2, total),)


def _priors(op: Operation) -> int:
    """Priors at one position: of each smallest size one for each aspect ratio, and one for each largest size."""
    stated = op.integer("num_priors")
    if stated > 0:
        return stated
    smallest, largest = _count(op, "min_size"), _count(op, "max_size")
    widths = _count(op, "width")
    if widths:
        return widths
    ratios = op.attributes.get("aspect_ratio", op.attributes.get("aspect_ratios", ()))
    listed = ratios if isinstance(ratios, tuple) else (ratios,)
    flipped = op.integer("flip", 1) != 0
    # 1 is always there, and a ratio that is there already is not added again.
    kinds = [1.0]
    for ratio in listed[:256]:
        for value in (ratio, 1 / ratio if flipped and isinstance(ratio, int | float) and ratio else ratio):
            if isinstance(value, int | float) and all(abs(value - known) > 1e-6 for known in kinds):
                kinds.append(float(value))
    if not smallest:
        raise UnknownError("min_size is missing")
    return smallest * len(kinds) + largest


def _count(op: Operation, name: str) -> int:
    value = op.attributes.get(name, op.attributes.get(f"{name}s", ()))
    return len(value) if isinstance(value, tuple) else 1


def detections(op: Operation) -> Shapes:
    """`DetectionOutput`: image, class, score and corners of each box; ncnn keeps no image."""
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
