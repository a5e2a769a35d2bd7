"""How often every sub-graph runs in one inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from nngauge.domain.graph import Graph, Node

_BODIES: Final = ("body", "cond")
_BRANCHES: Final = ("then_branch", "else_branch")
_CALLS: Final = frozenset({*_BODIES, *_BRANCHES, "function"})
_ABSENT: Final = "a sub-graph that is not there, or is the main graph itself, is not counted"
_CONTROL: Final = frozenset({"If", "Loop", "Scan"})
_LOOPS: Final = frozenset({"Loop", "Scan"})


class Scope(NamedTuple):
    """One graph of a model. `calls`: `(scope, times)`; `choices`: scopes of which one is run."""

    graph: Graph
    name: str
    """Empty for the main graph."""
    calls: tuple[tuple[int, int], ...]
    choices: tuple[tuple[int, ...], ...]
    problems: tuple[str, ...]


class _Place(NamedTuple):
    graph: Graph
    name: str
    children: tuple[int, ...]
    parent: int


def scopes_of(graph: Graph) -> tuple[Scope, ...]:
    """The main graph, then all sub-graphs."""
    places = _places(graph)
    named = {places[child].graph.name: child for child in places[0].children if places[child].graph.name}
    return tuple(_scope(places, number, named) for number in range(len(places)))


def run_order(scopes: Sequence[Scope]) -> tuple[int, ...]:
    """Scopes, callers before those they call; those that call each other in a circle are left out."""
    waiting = [0] * len(scopes)
    for scope in scopes:
        for callee in _callees(scope):
            waiting[callee] += 1
    ready = [number for number, count in enumerate(waiting) if not count]
    for number in ready:  # grows while it is read
        for callee in _callees(scopes[number]):
            waiting[callee] -= 1
            if not waiting[callee]:
                ready.append(callee)
    return tuple(ready)


def roots_of(graph: Graph, scopes: Sequence[Scope]) -> tuple[int, ...]:
    """Scopes that are run by nobody: the main graph, or in a bundle, whose main graph is empty, every model in it."""
    called = {callee for scope in scopes for callee in _callees(scope)}
    models = [number for number in range(1, len(graph.subgraphs) + 1) if scopes[number].graph.nodes]
    return (0,) if graph.nodes else tuple(number for number in models if number not in called) or (0,)


def runs_of(
    scopes: Sequence[Scope], order: Sequence[int], weights: Mapping[int, int], roots: Sequence[int] = (0,)
) -> tuple[int, ...]:
    """Runs of every scope in one inference; of alternatives only the one that costs most is run.

    `weights`: MACs of one run of a scope by itself, for that choice. `roots` run once by themselves.
    """
    totals = _totals(scopes, order, weights)
    runs = [0] * len(scopes)
    for number in roots:
        runs[number] = 1
    for number in order:
        for callee, count in _taken(scopes[number], totals):
            runs[callee] += runs[number] * count
    return tuple(runs)


def _totals(scopes: Sequence[Scope], order: Sequence[int], weights: Mapping[int, int]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for number in reversed(order):
        taken = _taken(scopes[number], totals)
        totals[number] = weights.get(number, 0) + sum(totals.get(callee, 0) * count for callee, count in taken)
    return totals


def _taken(scope: Scope, totals: Mapping[int, int]) -> list[tuple[int, int]]:
    return [
        *scope.calls,
        *((max(choice, key=lambda number: totals.get(number, 0)), 1) for choice in scope.choices),
    ]


def _callees(scope: Scope) -> Iterator[int]:
    yield from (callee for callee, _ in scope.calls)
    for choice in scope.choices:
        yield from choice


def _places(graph: Graph) -> list[_Place]:
    """The tree of sub-graphs, level by level."""
    places = [_Place(graph, "", (), -1)]
    for number, place in enumerate(places):  # grows while it is read
        first = len(places)
        for index, child in enumerate(place.graph.subgraphs):
            path = f"{place.name}/{index}" if place.name else str(index)
            places.append(_Place(child, path, (), number))
        places[number] = place._replace(children=tuple(range(first, len(places))))
    return places


def _scope(places: Sequence[_Place], number: int, named: Mapping[str, int]) -> Scope:
    """`named`: sub-graphs of the main graph, which calls inside of others refer to by name (``function``)."""
    calls: list[tuple[int, int]] = []
    choices: list[tuple[int, ...]] = []
    problems: list[str] = []
    for node in places[number].graph.nodes:
        if node.kind is None or not (node.kind in _CONTROL or node.attributes.keys() & _CALLS):
            continue
        function = named.get(str(node.attributes.get("function")))
        if function is not None:
            calls.append((function, 1))
        branches = tuple(_resolved(places, number, node, _BRANCHES))
        if branches:
            choices.append(branches)
        times = _times(node)
        if times is None:
            problems.append("a loop runs an unknown number of times: its body is counted once")
        bodies = tuple(_resolved(places, number, node, _BODIES))
        calls.extend((callee, 1 if times is None else times) for callee in bodies)
        found = len(branches) + len(bodies) + (function is not None)
        if found < max(len(node.attributes.keys() & _CALLS), 1):
            problems.append(_ABSENT)
    place = places[number]
    return Scope(place.graph, place.name, tuple(calls), tuple(choices), tuple(problems))


def _times(node: Node) -> int | None:
    """Runs of a body; None for a loop whose end depends on data."""
    if node.kind not in _LOOPS:
        return 1
    count = node.attributes.get("trip_count")
    return count if isinstance(count, int) and count >= 0 else None


def _resolved(places: Sequence[_Place], number: int, node: Node, names: Sequence[str]) -> Iterator[int]:
    """Sub-graphs named by attributes: of this graph, else of the nearest graph around it that has so many.

    ONNX keeps a body inside the graph that calls it, TensorFlow Lite keeps all beside each other.
    """
    for name in names:
        index = node.attributes.get(name)
        if not isinstance(index, int) or index < 0:
            continue
        around = number
        while around >= 0 and index >= len(places[around].children):
            around = places[around].parent
        if around >= 0:
            yield places[around].children[index]
