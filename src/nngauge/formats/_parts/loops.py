"""How often the body of a loop runs, where constants say so: a counter that grows by one up to a bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Graph, Node, Tensor
from nngauge.errors import LimitError
from nngauge.formats.vocabulary._operation import Values
from nngauge.io.meter import Meter

Read = Callable[[Tensor], Values | None]
_MAX_TRIPS: Final = 1 << 31
_MAX_COMPARISONS: Final = 8
"""Comparisons of one condition that are looked at; converters write one or two."""
_FIRST_VARIABLE: Final = 2
"""ONNX's `Loop` has trip count and condition before the variables."""


def with_trip_counts(graph: Graph, read: Read) -> Graph:
    """The graph with `trip_count` at every `Loop` whose bound is a constant. `read` gives a constant's elements."""
    if not any(node.kind == "Loop" for part in (graph, *graph.subgraphs) for node in part.nodes):
        return graph
    bodies = graph.subgraphs
    meter = Meter(4 * sum(len(part.nodes) + len(part.tensors) for part in (graph, *bodies)) + 65_536)
    try:
        subgraphs = tuple([replace(part, nodes=_counted(part, bodies, read, meter)) for part in bodies])
        return replace(graph, nodes=_counted(graph, bodies, read, meter), subgraphs=subgraphs)
    except LimitError:
        return graph  # thousands of loops that share one large body: nothing honest


def _counted(graph: Graph, bodies: Sequence[Graph], read: Read, meter: Meter) -> tuple[Node, ...]:
    return tuple([_loop(graph, node, bodies, read, meter) if node.kind == "Loop" else node for node in graph.nodes])


def _loop(graph: Graph, node: Node, bodies: Sequence[Graph], read: Read, meter: Meter) -> Node:
    cond, body = node.attributes.get("cond"), node.attributes.get("body")
    if not (isinstance(cond, int) and isinstance(body, int) and 0 <= cond < len(bodies) and 0 <= body < len(bodies)):
        return node
    meter.spend(len(bodies[cond].nodes) + len(bodies[body].nodes) + len(node.inputs))
    given = [_single(graph, place, read) for place in node.inputs[_FIRST_VARIABLE:]]
    counts = [
        trips for less in _comparisons(bodies[cond]) if (trips := _trips(less, bodies[cond], bodies[body], given, read))
    ]
    if not counts:
        return node
    return replace(node, attributes={**node.attributes, "trip_count": min(counts)})


def _comparisons(cond: Graph) -> list[Node]:
    """The comparisons that must all hold for the loop to go on."""
    made = {place: node for node in cond.nodes for place in node.outputs}
    queue, seen = list(cond.outputs[:1]), set()
    found: list[Node] = []
    while queue and len(found) < _MAX_COMPARISONS:
        place = queue.pop()
        node = made.get(place)
        if node is None or place in seen:
            continue
        seen.add(place)
        if node.kind in ("And", "Identity", "Reshape", "Squeeze"):
            queue.extend(node.inputs)
        elif node.kind in ("Less", "LessOrEqual") and len(node.inputs) == 2:
            found.append(node)
    return found


def _trips(less: Node, cond: Graph, body: Graph, given: Sequence[int | None], read: Read) -> int | None:
    """Runs from the first value of a counter up to its bound, when the body adds one and leaves the bound alone."""
    counter = cond.inputs.index(less.inputs[0]) if less.inputs[0] in cond.inputs else -1
    if not 0 <= counter < len(given) or not _grows_by_one(body, counter, read):
        return None
    first, bound = given[counter], _single(cond, less.inputs[1], read)
    if less.inputs[1] in cond.inputs:
        place = cond.inputs.index(less.inputs[1])
        kept = (
            place < len(given)
            and len(body.outputs) > place
            and _origin(body, body.outputs[place]) == body.inputs[place]
        )
        bound = given[place] if kept else None
    if first is None or bound is None:
        return None
    trips = bound - first + (less.kind == "LessOrEqual")
    return trips if 0 < trips < _MAX_TRIPS else None


def _grows_by_one(body: Graph, counter: int, read: Read) -> bool:
    if counter >= len(body.outputs) or counter >= len(body.inputs):
        return False
    place, own = _origin(body, body.outputs[counter]), body.inputs[counter]
    for node in body.nodes:
        if place in node.outputs and node.kind == "Add" and len(node.inputs) == 2:
            left, right = node.inputs
            return (left == own and _single(body, right, read) == 1) or (
                right == own and _single(body, left, read) == 1
            )
    return False


def _origin(graph: Graph, place: int) -> int:
    """The value behind copies."""
    copies = {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.kind == "Identity" and node.inputs}
    for _ in range(len(copies)):
        if place not in copies:
            break
        place = copies[place]
    return place


def _single(graph: Graph, place: int, read: Read) -> int | None:
    tensor = graph.tensors[place] if 0 <= place < len(graph.tensors) else None
    values = read(tensor) if tensor is not None and tensor.constant else None
    return int(values[0]) if values is not None and len(values) == 1 and isinstance(values[0], int) else None
