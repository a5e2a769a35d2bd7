"""A network in a few facts: what goes in, what comes out of which kind of layer, and which operations there are.

Everything here is bounded and one pass long: classification runs in every scan, before shapes are inferred, and graphs
may be hostile (cycles, millions of nodes, no shapes at all).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final

from msgspec import Struct

from nngauge.analyse.task.heads import SPATIAL, WIDE, Head, Shape, channels, number_at, trace, weight_shape
from nngauge.domain.graph import Dim, DType, Graph, Node, Tensor

_MOST_NODES: Final = 6_000
"""Nodes whose kinds are counted, and nodes at the end through which outputs are traced; half from each end."""
_MOST_SUBGRAPHS: Final = 24
_MOST_PORTS: Final = 64
"""Inputs and outputs looked at; language models with caches have about this many."""
_MOST_HEADS: Final = 16
_SMALLEST_PICTURE: Final = 8

POOLS: Final = frozenset(
    {"GlobalAveragePool", "GlobalMaxPool", "AveragePool", "ReduceMean", "QLinearGlobalAveragePool"}
)


class Picture(Struct, frozen=True):
    """An input that looks like a picture; None is unknown."""

    height: int | None
    width: int | None
    channels: int | None
    certain: bool = True
    """False where only the first convolution tells."""


class Sketch(Struct, frozen=True, dict=True):
    """What the rules look at."""

    graph: Graph
    inputs: tuple[Tensor, ...]
    heads: tuple[Head, ...]
    kinds: Mapping[str, int]
    """How often each kind occurs, sub-graphs included; the source's name where there is no kind."""
    pictures: tuple[Picture, ...]
    tail: tuple[str, ...]
    """Kinds of the last operations, quantisation and constants left out."""
    nodes: int

    def count(self, *kinds: str) -> int:
        """Operations of these kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)

    @cached_property
    def convolutions(self) -> int:
        """Convolutions of all sorts."""
        return self.count(*WIDE, *SPATIAL)

    @cached_property
    def recurrent(self) -> int:
        """Recurrent layers."""
        return self.count("LSTM", "GRU", "RNN", "SVDF")

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Channels of all outputs, by shape or by layer, those that are known, sorted."""
        return tuple(sorted(width for head in self.heads if (width := channels(head)) is not None))

    @cached_property
    def picture(self) -> Picture | None:
        """The only or first picture."""
        return self.pictures[0] if self.pictures else None

    @cached_property
    def pooled(self) -> bool:
        """Resolution is given up on the way: pooling or strides."""
        if self.count("MaxPool", "GlobalAveragePool", "GlobalMaxPool"):
            return True
        return any(_stride(node) > 1 for node in islice(self.graph.nodes, 400) if node.kind in WIDE)


def sketch(graph: Graph) -> Sketch:
    """The facts of `graph`; about a microsecond per operation, bounded."""
    main = _principal(graph)
    nodes = main.nodes
    ends = nodes[-_MOST_NODES // 2 :]
    makers = {index: node for node in ends for index in node.outputs[:_MOST_PORTS]}
    inputs = _tensors(main, main.inputs)
    heads = tuple(trace(main, index, makers) for index in _outputs(main, ends)[:_MOST_HEADS])
    return Sketch(
        graph=main,
        inputs=inputs,
        heads=heads,
        kinds=_kinds(graph),
        pictures=_pictures(main, inputs),
        tail=_tail(ends),
        nodes=len(nodes),
    )


def _principal(graph: Graph) -> Graph:
    """The sub-graph that does the work where the main one only wraps it (a call, or nothing at all)."""
    if len(graph.nodes) > 3 or not graph.subgraphs:
        return graph
    largest = max(graph.subgraphs[:_MOST_SUBGRAPHS], key=lambda inner: len(inner.nodes))
    return largest if len(largest.nodes) > len(graph.nodes) and largest.outputs else graph


def _kinds(graph: Graph) -> Mapping[str, int]:
    total: dict[str, int] = {}
    waiting, seen = [graph], 0
    while waiting and seen < _MOST_SUBGRAPHS:
        inner = waiting.pop()
        seen += 1
        waiting.extend(inner.subgraphs[:_MOST_SUBGRAPHS])
        for node in _both_ends(inner.nodes):
            kind = node.kind or node.op
            if kind == "Custom":
                kind = node.op
            total[kind] = total.get(kind, 0) + 1
    return total


def _both_ends(nodes: Sequence[Node]) -> Iterable[Node]:
    if len(nodes) <= _MOST_NODES:
        return nodes
    half = _MOST_NODES // 2
    return (*nodes[:half], *nodes[-half:])


def _tensors(graph: Graph, places: Sequence[int]) -> tuple[Tensor, ...]:
    return tuple([graph.tensors[place] for place in places[:_MOST_PORTS] if 0 <= place < len(graph.tensors)])


def _outputs(graph: Graph, ends: Sequence[Node]) -> tuple[int, ...]:
    """The declared outputs; else what the last operations make and nobody uses."""
    declared = tuple([place for place in graph.outputs[:_MOST_PORTS] if 0 <= place < len(graph.tensors)])
    if declared or not ends:
        return declared
    used = {place for node in ends for place in node.inputs[:_MOST_PORTS]}
    loose = [place for node in ends[-64:] for place in node.outputs[:_MOST_PORTS] if place not in used]
    return tuple([place for place in loose[-_MOST_HEADS:] if 0 <= place < len(graph.tensors)])


def _tail(nodes: Sequence[Node]) -> tuple[str, ...]:
    quiet = {"Constant", "QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Shape"}
    kinds = [node.kind or node.op for node in nodes[-24:]]
    return tuple([kind for kind in kinds if kind not in quiet][-8:])


def _stride(node: Node) -> int:
    strides = node.attributes.get("strides")
    first = strides[0] if isinstance(strides, tuple) and strides else 1
    return first if isinstance(first, int) else 1


# --- inputs -----------------------------------------------------------------------------------------------------------

_CHANNELS: Final = frozenset({1, 2, 3, 4, 6})


def _pictures(graph: Graph, inputs: Sequence[Tensor]) -> tuple[Picture, ...]:
    found = tuple([picture for tensor in inputs if (picture := picture_of(tensor)) is not None])
    if found or any(tensor.shape and len(tensor.shape) > 1 for tensor in inputs):
        return found
    first = _first_convolution(graph)
    return (first,) if first is not None else ()


def picture_of(tensor: Tensor) -> Picture | None:
    """The tensor as a picture: NHWC, NCHW, HWC or CHW with 1 to 6 channels; None when its shape is no such thing."""
    shape = tensor.shape
    if shape is None or tensor.dtype in (DType.STRING, DType.BOOL):
        return None
    if len(shape) == 5:
        shape = shape[1:]  # a video; its frames
    if len(shape) == 4:
        shape = shape[1:]
    elif len(shape) != 3:
        return None
    return _three(shape, batched=len(tensor.shape or ()) > 3)


def _three(shape: Shape, *, batched: bool) -> Picture | None:
    first, second, third = shape
    if third in _CHANNELS and _is_side(first) and _is_side(second) and (batched or third == 3):
        return Picture(_side(first), _side(second), third if isinstance(third, int) else None)
    if first in _CHANNELS and _is_side(second) and _is_side(third) and (batched or first == 3):
        return Picture(_side(second), _side(third), first if isinstance(first, int) else None)
    return None


def _is_side(dim: Dim) -> bool:
    return not isinstance(dim, int) or dim < 0 or dim >= _SMALLEST_PICTURE


def _side(dim: Dim) -> int | None:
    return dim if isinstance(dim, int) and dim > 0 else None


def _first_convolution(graph: Graph) -> Picture | None:
    """Without a shape at the input: what the first convolution in two dimensions expects."""
    for node in islice(graph.nodes, 80):
        if node.kind not in WIDE:
            continue
        kernel = node.attributes.get("kernel_shape")
        shape = weight_shape(
            graph, node, {index: other for other in islice(graph.nodes, 80) for index in other.outputs[:_MOST_PORTS]}
        )
        taken = _taken(shape, str(node.attributes.get("weight_layout", "OIHW"))) if shape else None
        if shape and len(shape) != 4:
            return None
        if taken in _CHANNELS or (taken is None and isinstance(kernel, tuple) and len(kernel) == 2):
            return Picture(None, None, taken, certain=False)
        return None
    return None


def _taken(shape: Shape, layout: str) -> int | None:
    if layout in ("1HWO", "HWIM"):
        return number_at(shape, 3 if layout == "1HWO" else 2)
    return number_at(shape, layout.find("I"))
