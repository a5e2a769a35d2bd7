"""The outputs of a network: which kind of layer made them, how wide it is, and what lies between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import Dim, Graph, Node, Tensor

Shape = tuple[Dim, ...]

_MOST_STEPS: Final = 20
"""Operations between an output and the layer that made it."""
_MOST_COLUMNS: Final = 1024
_MOST_INPUTS: Final = 64
"""Of one operation; a hostile Concat may have millions."""
_LAYERS: Final = frozenset(
    """
    Conv FusedConv NhwcFusedConv QLinearConv ConvTranspose FusedConvTranspose Gemm QGemm MatMul QLinearMatMul
    FusedMatMul MatMulNBits LSTM GRU RNN SVDF DetectionOutput NonMaxSuppression YoloDetection Region Proposal
    DepthToSpace ArgMax TopK Multinomial Gather Custom Call Loop If Delegate TreeEnsemble TreeEnsembleClassifier
    TreeEnsembleRegressor LinearClassifier LinearRegressor SVMClassifier SVMRegressor Spectrogram STFT Mfcc
    """.split()  # noqa: SIM905
)
"""Where a trace from an output ends."""
WIDE: Final = frozenset({"Conv", "FusedConv", "NhwcFusedConv", "QLinearConv"})
SPATIAL: Final = frozenset({"ConvTranspose", "FusedConvTranspose"})
_DENSE: Final = frozenset({"Gemm", "QGemm", "MatMul", "QLinearMatMul", "FusedMatMul", "MatMulNBits"})
_SQUASHING: Final = frozenset({"Softmax", "Sigmoid", "LogSoftmax", "HardSigmoid"})


class Head(Struct, frozen=True):
    """One output."""

    tensor: Tensor
    maker: str
    """Kind of the layer that made it (`_LAYERS`), empty when the trace ended elsewhere."""
    width: int | None
    """Output channels of that layer."""
    passed: frozenset[str]
    """Kinds between the layer and the output."""
    joined: int | None = None
    """Sum of the channels of all layers that the last Concat on the way brings together."""

    dims: tuple[int, ...] | None = None
    """The shape without a leading batch dimension and leading ones; None where a dimension is unknown."""
    length: int | None = None
    """Elements of an output that is one row of numbers (``1 × 1 × 1 × 1404`` too); None for others."""

    @property
    def shape(self) -> Shape | None:
        """As the file tells it."""
        return self.tensor.shape

    @property
    def squashed(self) -> bool:
        """Probabilities come out."""
        return not self.passed.isdisjoint(_SQUASHING)


def trace(graph: Graph, place: int, makers: Mapping[int, Node]) -> Head:
    """Follows output `place` of `graph` back to the layer that made it; `makers`: tensor → operation."""
    passed: list[str] = []
    at = place
    maker, width, split, joined = "", None, 0, None
    for _ in range(_MOST_STEPS):
        node = makers.get(at)
        if node is None:
            break
        kind = node.kind or node.op
        if kind in _LAYERS and not _is_lookup(graph, node):
            maker, width = (kind, _width(graph, node, makers)) if kind != "Custom" else (node.op, None)
            break
        passed.append(kind)
        if kind == "Reshape":
            split = max(split, _columns(node))
        elif kind == "Concat" and joined is None:
            joined = _joined(graph, node, makers)
        fused = node.attributes.get("fused_activation")
        if isinstance(fused, str):
            passed.append(fused)
        onward = next(
            (i for i in node.inputs[:_MOST_INPUTS] if 0 <= i < len(graph.tensors) and not graph.tensors[i].constant),
            None,
        )
        if onward is None:
            break
        at = onward
    if split > (width or 0) and maker in WIDE:
        width = split  # several convolutions side by side, brought together by the reshape
    tensor = graph.tensors[place]
    kinds = frozenset(passed)
    dims, length = _dims(tensor.shape), _length(tensor.shape, maker, width, kinds)
    return Head(tensor, maker, width, kinds, joined, dims, length)


def _joined(graph: Graph, node: Node, makers: Mapping[int, Node]) -> int | None:
    """Channels of the layers a few steps before each input of a Concat, together; None where one is unknown."""
    total = 0
    for place in node.inputs[:8]:
        width = None
        for _ in range(5):
            before = makers.get(place)
            if before is None or not before.inputs:
                break
            if before.kind in _LAYERS:
                width = _width(graph, before, makers)
                break
            place = before.inputs[0]
        if width is None:
            return None
        total += width
    return total or None


def _columns(node: Node) -> int:
    """Product of the fixed dimensions of a reshape with one open dimension; 0 for others."""
    target = node.attributes.get("shape")
    if not isinstance(target, tuple) or target.count(-1) != 1:
        return 0
    fixed = [dim for dim in target if isinstance(dim, int) and dim > 1]
    return math.prod(fixed) if fixed and math.prod(fixed) <= _MOST_COLUMNS else 0


def _is_lookup(graph: Graph, node: Node) -> bool:
    """A Gather that only picks elements of what was computed; the trace goes on through it."""
    if node.kind != "Gather" or not node.inputs:
        return False
    place = node.inputs[0]
    return 0 <= place < len(graph.tensors) and not graph.tensors[place].constant


def _width(graph: Graph, node: Node, makers: Mapping[int, Node]) -> int | None:
    stated = node.attributes.get("channels")
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated
    if node.kind in ("LSTM", "GRU", "RNN"):
        hidden = node.attributes.get("hidden_size")
        return hidden if isinstance(hidden, int) else None
    shape = weight_shape(graph, node, makers)
    if not shape:
        return None
    if node.kind in WIDE:
        return _convolved(shape, str(node.attributes.get("weight_layout", "OIHW")))
    if node.kind in SPATIAL:
        layout = str(node.attributes.get("weight_layout", "IOHW"))
        place = layout.find("O")
        return number_at(shape, place)
    if node.kind in _DENSE:
        transposed = bool(node.attributes.get("transB", 0))
        return number_at(shape, -2 if transposed and len(shape) > 1 else -1)
    return None


def _convolved(shape: Shape, layout: str) -> int | None:
    if layout == "HWIM":
        first, second = number_at(shape, 2), number_at(shape, 3)
        return first * second if first is not None and second is not None else None
    return number_at(shape, layout.find("O"))


def number_at(shape: Shape, place: int) -> int | None:
    """The dimension at `place`, None where there is none or it is no positive number."""
    if not -len(shape) <= place < len(shape):
        return None
    value = shape[place]
    return value if isinstance(value, int) and value > 0 else None


def weight_shape(graph: Graph, node: Node, makers: Mapping[int, Node]) -> Shape | None:
    """Shape of a layer's weights, through what hands them on; None where it is unknown."""
    place = node.inputs[1] if len(node.inputs) > 1 else -1
    for _ in range(4):  # frozen graphs hand weights on through Identity, quantised ones through DequantizeLinear
        if not 0 <= place < len(graph.tensors):
            return None
        tensor = graph.tensors[place]
        if tensor.shape is not None:
            return tensor.shape
        node_before = makers.get(place)
        if node_before is None or not node_before.inputs:
            return None
        place = node_before.inputs[0]
    return None


def channels(head: Head) -> int | None:
    """Channels of an output: the smallest of the last and second dimension of a map, the last of a vector."""
    shape = head.shape
    if shape is None:
        return head.width
    if len(shape) == 4:
        return _mapped(shape, head.width)
    return number_at(shape, -1) or head.width


def _mapped(shape: Shape, width: int | None) -> int | None:
    """Channels of a map: what the layer made, else the end that does not look like a side."""
    _, second, third, last = shape
    ends = [dim for dim in (second, last) if isinstance(dim, int) and dim > 0]
    if width in ends:
        return width
    if len(ends) == 2 and second != last:
        if third == last:
            return ends[0]
        if second == third:
            return ends[1]
    return min(ends) if ends else width


def _dims(shape: Shape | None) -> tuple[int, ...] | None:
    if shape is None:
        return None
    dims = list(shape)
    if len(dims) > 1 and not (isinstance(dims[0], int) and dims[0] > 1):
        dims = dims[1:]
    while len(dims) > 1 and dims[0] == 1:
        dims = dims[1:]
    known = tuple(dim for dim in dims if isinstance(dim, int) and dim > 0)
    return known if len(known) == len(dims) else None


def _is_row(maker: str, passed: frozenset[str]) -> bool:
    """Without a shape: a dense layer, or a convolution whose result is pooled or flattened into probabilities."""
    if maker in ("Gemm", "QGemm"):
        return True
    if maker != "Conv":
        return False
    flattened = "Softmax" in passed and "Reshape" in passed and passed.isdisjoint({"Transpose", "Concat", "Resize"})
    return flattened or not passed.isdisjoint({"GlobalAveragePool", "ReduceMean", "Flatten", "AveragePool"})


def _length(shape: Shape | None, maker: str, width: int | None, passed: frozenset[str]) -> int | None:
    if shape is None:
        return width if _is_row(maker, passed) else None
    if len(shape) == 3 and shape[1:] == (1, 1):
        shape = shape[:1]  # channels, height, width without a batch
    dims = [dim for dim in shape[1:] if dim != 1] if len(shape) > 1 else list(shape)
    if len(dims) > 1 or (len(shape) > 1 and isinstance(shape[0], int) and shape[0] > 1):
        return None
    if not dims:
        return 1
    return dims[0] if isinstance(dims[0], int) and dims[0] > 0 else width
