"""Inputs whose shape the file leaves out: what the operators that read them tell of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.shapes.operation import Shape
from nngauge.domain.graph import Dim, Graph, Node

_PASSING: Final = frozenset({
    "Add", "BatchNormalization", "Cast", "Clip", "DequantizeLinear", "Div", "Dropout", "Identity", "LayerNormalization",
    "LeakyRelu", "Mul", "Neg", "PRelu", "QuantizeLinear", "RMSNormalization", "Relu", "Sigmoid", "Sub", "Swish", "Tanh",
})  # fmt: skip
"""Operators behind which the shape is still that of their first input."""
_RANKS: Final[Mapping[tuple[str, int], int]] = {
    ("Attention", 4): 3,
    ("Attention", 5): 3,
    ("RotaryEmbedding", 1): 2,
    ("RotaryEmbedding", 2): 2,
}
"""Dimensions of further inputs where there is no batch axis (ncnn): caches of key and value, cosines and sines."""
_WINDOWS: Final = frozenset({"Conv", "AveragePool", "MaxPool"})
_MAX_AXES: Final = 3
_MAX_STEPS: Final = 64
"""Nodes looked at for one input."""


def guessed(graph: Graph, given: Collection[str]) -> tuple[Graph, tuple[str, ...]]:
    """`(the graph with shapes of inputs as far as their readers tell, what was assumed)`."""
    wanted = [
        place
        for place in graph.inputs
        if 0 <= place < len(graph.tensors)
        and graph.tensors[place].shape is None
        and graph.tensors[place].name not in given
    ]
    if not wanted:
        return graph, ()
    readers: dict[int, list[tuple[int, Node]]] = {}
    for node in graph.nodes:
        for number, source in enumerate(node.inputs):
            readers.setdefault(source, []).append((number, node))
    tensors = list(graph.tensors)
    names: dict[str, list[str]] = {}
    for place in wanted:
        found = _search(graph, place, readers)
        if found is not None:
            tensors[place] = replace(tensors[place], shape=found[0])
            names.setdefault(found[1].kind or "", []).append(tensors[place].name)
    return replace(graph, tensors=tuple(tensors)), tuple(_said(kind, told) for kind, told in names.items())


def _said(kind: str, names: list[str]) -> str:
    if len(names) == 1:
        return f"shape of `{names[0][:80]}` taken from the {kind} that reads it"
    return f"shapes of {len(names)} inputs (`{names[0][:80]}` …) taken from the {kind} that reads each"


def _search(graph: Graph, place: int, readers: Mapping[int, list[tuple[int, Node]]]) -> tuple[Shape, Node] | None:
    """The nearest reader that tells the rank, through operators that keep it."""
    waiting = deque([place])
    for _ in range(_MAX_STEPS):
        if not waiting:
            return None
        for number, node in readers.get(waiting.popleft(), ()):
            shape = _told(graph, node) if number == 0 else _beside(node, number)
            if shape is not None:
                return shape, node
            if number == 0 and node.kind in _PASSING and len(waiting) < _MAX_STEPS:
                waiting.extend(node.outputs[:_MAX_STEPS])
    return None


def _beside(node: Node, number: int) -> Shape | None:
    rank = _RANKS.get((node.kind or "", number), 0)
    return (None,) * rank if rank and node.attributes.get("data_layout") == "CHW" else None


def _told(graph: Graph, node: Node) -> Shape | None:
    """Shape of the first input as the node's kernel or weights have it; None for unknown dimensions."""
    weights = _weights(graph, node)
    if node.kind in _WINDOWS:
        kernel = node.attributes.get("kernel_shape")
        axes = len(kernel) if isinstance(kernel, tuple) else len(weights or ()) - 2
        if 0 < axes <= _MAX_AXES:
            return _picture(node, axes, _channels(node, weights) if node.kind == "Conv" else None)
    if node.kind == "Gemm" and "axis" not in node.attributes and weights is not None and len(weights) == 2:
        width = weights[1] if node.attributes.get("transB") else weights[0]
        return (width, None) if node.attributes.get("transA") else (None, width)
    return None


def _weights(graph: Graph, node: Node) -> Shape | None:
    place = node.inputs[1] if len(node.inputs) > 1 else -1
    known = 0 <= place < len(graph.tensors) and graph.tensors[place].constant
    return graph.tensors[place].shape if known else None


def _picture(node: Node, axes: int, channels: Dim) -> Shape:
    layout = node.attributes.get("data_layout", "NCHW")
    name = layout if isinstance(layout, str) else "NCHW"
    batch: Shape = (None,) if name.startswith("N") else ()
    spatial: Shape = (None,) * axes
    return (*batch, *spatial, channels) if name.endswith("C") else (*batch, channels, *spatial)


def _channels(node: Node, weights: Shape | None) -> Dim:
    """Input channels: those of one group in the weights, times the groups."""
    layout, group = node.attributes.get("weight_layout", "OIHW"), node.attributes.get("group", 1)
    if weights is None or not isinstance(layout, str) or not isinstance(group, int) or layout.count("I") != 1:
        return None
    place = layout.index("I")
    if place > 1 and layout[0] not in "OI":
        place -= len(layout)
    size = weights[place] if -len(weights) <= place < len(weights) else None
    return size * group if isinstance(size, int) else None
