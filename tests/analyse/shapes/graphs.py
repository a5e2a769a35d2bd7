"""Small graphs, and graphs whose shapes were forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import Inferred, infer_shapes
from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Tensor

Shape = tuple[Dim, ...]


def constant(values: Sequence[int] | Sequence[float], shape: Shape | None = None, dtype: DType = DType.INT64) -> Tensor:
    """A small constant; a vector unless `shape` says otherwise."""
    kept = tuple(values)
    return Tensor("constant", dtype, (len(kept),) if shape is None else shape, constant=True, values=kept)  # type: ignore[arg-type]


def weight(*shape: Dim) -> Tensor:
    """A weight whose bytes are not there."""
    return Tensor("weight", DType.FLOAT32, shape, constant=True)


def single(
    kind: str,
    inputs: Sequence[Shape | Tensor | None],
    attributes: Mapping[str, Attribute] | None = None,
    outputs: int = 1,
) -> Graph:
    """One node. An input is a shape, a constant, or None for an absent one; places are called ``x0``, ``x1`` …"""
    tensors: list[Tensor] = []
    places: list[int] = []
    for number, given in enumerate(inputs):
        if given is None:
            places.append(-1)
            continue
        places.append(len(tensors))
        tensors.append(given if isinstance(given, Tensor) else Tensor(f"x{number}", DType.FLOAT32, given))
    first = len(tensors)
    tensors += [Tensor(f"y{number}") for number in range(outputs)]
    results = tuple(range(first, first + outputs))
    return Graph(
        format="test",
        nodes=(Node(kind, kind, "", tuple(places), results, attributes or {}),),
        tensors=tuple(tensors),
        inputs=tuple(place for place in places if place >= 0 and not tensors[place].constant),
        outputs=results,
    )


def shapes_of(
    kind: str,
    inputs: Sequence[Shape | Tensor | None],
    attributes: Mapping[str, Attribute] | None = None,
    outputs: int = 1,
) -> list[Shape | None]:
    """Inferred shapes of the outputs of one node."""
    found = inferred(single(kind, inputs, attributes, outputs))
    return [found.graph.tensors[place].shape for place in found.graph.outputs]


def shape_of(
    kind: str, inputs: Sequence[Shape | Tensor | None], attributes: Mapping[str, Attribute] | None = None
) -> Shape | None:
    """Inferred shape of the one output."""
    return shapes_of(kind, inputs, attributes)[0]


def inferred(graph: Graph, inputs: Mapping[str, tuple[int, ...]] | None = None) -> Inferred:
    """Shapes of a graph without bytes."""
    return infer_shapes(graph, Constants(), inputs)


def forgotten(graph: Graph) -> Graph:
    """The graph without the shapes of what it computes; those of inputs and constants stay."""
    computed = {tensor for node in graph.nodes for tensor in node.outputs} - set(graph.inputs)
    tensors = [
        replace(tensor, shape=None) if place in computed and not tensor.constant else tensor
        for place, tensor in enumerate(graph.tensors)
    ]
    return replace(graph, tensors=tuple(tensors), subgraphs=tuple(forgotten(body) for body in graph.subgraphs))
