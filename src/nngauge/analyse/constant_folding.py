"""Tensors that depend on constants alone: a runtime computes them once, before the first inference."""

from __future__ import annotations

from typing import Final

from nngauge.domain.graph import Graph

_UNFIXED: Final = frozenset(
    {
        "RandomNormal",
        "RandomUniform",
        "RandomNormalLike",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
        "Variable",
        "Assign",
        "Input",
        "If",
        "Loop",
        "Scan",
        "Call",
        "Custom",
        "Delegate",
    }
)


def fixed_tensors(graph: Graph) -> frozenset[int]:
    """Indices of tensors that nodes compute from constants alone (a dequantised or transposed weight).

    Nodes are taken in the order of the file; random numbers, variables and control flow fix nothing.
    """
    fixed: set[int] = set()
    for node in graph.nodes:
        if node.kind == "Constant":
            fixed.update(index for index in node.outputs if 0 <= index < len(graph.tensors))
            continue
        present = [index for index in node.inputs if 0 <= index < len(graph.tensors)]
        if not present or node.kind is None or node.kind in _UNFIXED:
            continue
        if all(graph.tensors[index].constant or index in fixed for index in present):
            fixed.update(index for index in node.outputs if 0 <= index < len(graph.tensors))
    return frozenset(fixed.difference(graph.inputs))
