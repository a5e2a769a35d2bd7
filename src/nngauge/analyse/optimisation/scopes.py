"""A graph and its sub-graphs, each with the answers to "who makes this tensor" and "who reads it"."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from nngauge.domain.graph import Graph, Node, Tensor
from nngauge.limits import MAX_STRUCT_DEPTH

_PASSING = frozenset({
    "Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice", "Split",
})  # fmt: skip
_MAX_CHAIN = 8
"""Operations between a constant and its reader: cast, dequantise, transpose, reshape and no more."""
DEQUANTISERS = frozenset({"dequantizelinear", "dequantize", "densify", "constexpr_affine_dequantize"})
PALETTES = frozenset({"constexpr_lut_to_dense"})


class Source:
    """The constant behind an input, and how it gets there."""

    __slots__ = ("dequantised", "index", "palette", "tensor")

    def __init__(self, index: int, tensor: Tensor, *, dequantised: bool, palette: bool) -> None:
        self.index = index
        self.tensor = tensor
        self.dequantised = dequantised
        self.palette = palette


class Scope:
    """One graph of a model; `label` is empty for the main one."""

    def __init__(self, graph: Graph, label: str) -> None:
        self.graph = graph
        self.label = label

    @cached_property
    def producers(self) -> dict[int, Node]:
        """Tensor index → the node that writes it."""
        return {index: node for node in self.graph.nodes for index in node.outputs if index >= 0}

    @cached_property
    def readers(self) -> dict[int, int]:
        """Tensor index → how many nodes read it, the graph's outputs included."""
        found: dict[int, int] = {}
        for indices in (*(node.inputs for node in self.graph.nodes), self.graph.outputs):
            for index in indices:
                found[index] = found.get(index, 0) + 1
        return found

    def tensor(self, index: int) -> Tensor | None:
        """The tensor, None for an absent input."""
        return self.graph.tensors[index] if 0 <= index < len(self.graph.tensors) else None

    def constant_behind(self, index: int) -> Source | None:
        """The constant that input `index` is, or is computed from by casts, dequantisation and changes of shape."""
        dequantised = palette = False
        for _ in range(_MAX_CHAIN):
            tensor = self.tensor(index)
            if tensor is None:
                return None
            if tensor.constant:
                return Source(index, tensor, dequantised=dequantised, palette=palette)
            node = self.producers.get(index)
            if node is None or not node.inputs:
                return None
            name = (node.kind or node.op).lower()
            if name in DEQUANTISERS or node.op.lower() in DEQUANTISERS:
                dequantised = True
            elif node.op.lower() in PALETTES:
                palette = True
            elif node.kind not in _PASSING:
                return None
            index = node.inputs[0]
        return None


def scopes(graph: Graph, label: str = "", depth: int = 0) -> Iterator[Scope]:
    """The graph and all graphs inside it, the main one first."""
    yield Scope(graph, label)
    if depth < MAX_STRUCT_DEPTH:
        for place, inner in enumerate(graph.subgraphs):
            name = inner.name or str(place)
            yield from scopes(inner, f"{label}/{name}" if label else name, depth + 1)
