"""A model in one line, from its interface alone: ``image 224×224×3 → 1,000 scores``.

Only what shapes, element types and the last operation say; nothing is guessed from names of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nngauge.domain.analysis import Analysis
from nngauge.domain.graph import Dim, DType, Graph
from nngauge.domain.model import Port
from nngauge.words.amounts import format_shape

_CHANNELS: Final = (3, 4, 1)
_SMALLEST_IMAGE: Final = 8
_LONGEST: Final = 40
_SCORES: Final = {"Softmax", "LogSoftmax", "Sigmoid", "QLinearSigmoid", "QLinearSoftmax"}
_INTEGERS: Final = {DType.INT64, DType.INT32, DType.UINT32, DType.UINT64}
_SHOWN: Final = 2


def outline(analysis: Analysis) -> str:
    """What goes in and what comes out, empty when the model does not tell."""
    model = analysis.model
    if all(port.shape is None for port in model.inputs) or all(port.shape is None for port in model.outputs):
        return ""
    scores = _ends_in_scores(analysis.graph)
    image = next((size for port in model.inputs if (size := _image(port))), None)
    inputs = [_input(port) for port in model.inputs]
    outputs = [_output(port, image, scores=scores) for port in model.outputs]
    return f"{_listed(inputs)} → {_listed(outputs)}"


def _listed(texts: Sequence[str]) -> str:
    shown = " + ".join(texts[:_SHOWN])
    return f"{shown} + {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else shown


def _image(port: Port) -> tuple[int, int, int] | None:
    """Height, width and channels of an image or the like, in either axis order; None when it is none."""
    shape = port.shape[1:] if port.shape is not None and len(port.shape) == 4 else port.shape
    if shape is None or len(shape) != 3 or not all(isinstance(dim, int) for dim in shape):
        return None
    if (
        len(port.shape or ()) == 4
        and port.shape
        and port.shape[0] not in (1, None)
        and not isinstance(port.shape[0], str)
    ):
        return None
    a, b, c = (dim for dim in shape if isinstance(dim, int))
    for height, width, channels in ((b, c, a), (a, b, c)):
        if channels in _CHANNELS and min(height, width) >= _SMALLEST_IMAGE:
            return height, width, channels
    return None


def _input(port: Port) -> str:
    size = _image(port)
    if size:  # one channel may as well be a spectrogram
        return f"{'image' if size[2] > 1 else 'map'} {size[0]}×{size[1]}×{size[2]}"
    inner = _inner(port.shape)
    if port.dtype in _INTEGERS and len(inner) <= 1:
        return f"{inner[0]} integers" if inner and isinstance(inner[0], int) else "integers"
    if len(inner) == 1 and isinstance(inner[0], int):
        return f"{inner[0]:,} values"
    return _plain(port)


def _output(port: Port, image: tuple[int, int, int] | None, *, scores: bool) -> str:
    inner = _inner(port.shape)
    if image and port.shape is not None and len(port.shape) >= 3:
        sizes = [dim for dim in inner if isinstance(dim, int)]
        if len(inner) == 2 and sizes == list(image[:2]):
            return f"map {image[0]}×{image[1]}"
        if len(sizes) == 3 and (tuple(sizes[:2]) == image[:2] or tuple(sizes[1:]) == image[:2]):
            channels = sizes[2] if tuple(sizes[:2]) == image[:2] else sizes[0]
            return f"map {image[0]}×{image[1]}×{channels}"
    if len(inner) == 1 and isinstance(inner[0], int) and inner[0] > 1:
        return f"{inner[0]:,} {'scores' if scores else 'values'}"
    if len(inner) == 0 and port.shape:
        return "1 score" if scores else "1 value"
    return _plain(port)


def _inner(shape: tuple[Dim, ...] | None) -> tuple[Dim, ...]:
    """Without the batch and axes of one."""
    if not shape:
        return ()
    return tuple(dim for dim in (shape[1:] if len(shape) > 1 else shape) if dim != 1)


def _plain(port: Port) -> str:
    shape = format_shape(port.shape)
    shape = shape if len(shape) <= _LONGEST else f"{shape[: _LONGEST - 1]}…"
    return shape if port.dtype is DType.UNKNOWN else f"{port.dtype} {shape}"


def _ends_in_scores(graph: Graph) -> bool:
    """The first output comes from a softmax or sigmoid, possibly through operations that only move values."""
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    wanted = graph.outputs[0] if graph.outputs else -1
    for _ in range(4):
        node = makers.get(wanted)
        if node is None:
            return False
        if node.kind in _SCORES or node.attributes.get("fused_activation") in _SCORES:
            return True
        if node.kind not in ("Reshape", "Squeeze", "Identity", "DequantizeLinear", "QuantizeLinear", "Flatten", "Cast"):
            return False
        wanted = next((at for at in node.inputs if at >= 0), -1)
    return False
