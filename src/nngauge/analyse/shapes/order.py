"""The order in which nodes can be computed."""

from __future__ import annotations

from collections import deque

from nngauge.domain.graph import Graph


def computing_order(graph: Graph) -> tuple[list[int], int]:
    """`(indices of all nodes, producers before consumers; how many lie on or behind a cycle)`.

    Files keep that order nearly always, and then it is kept. Nodes of cycles come last, as the file has them.
    """
    producers = _producers(graph)
    if _ordered(graph, producers):
        return list(range(len(graph.nodes))), 0
    waiting = [0] * len(graph.nodes)
    consumers: list[list[int]] = [[] for _ in graph.nodes]
    for place, node in enumerate(graph.nodes):
        for tensor in set(node.inputs):
            source = producers.get(tensor, place)
            if source != place:
                consumers[source].append(place)
                waiting[place] += 1
    ready = deque(place for place, count in enumerate(waiting) if not count)
    found: list[int] = []
    while ready:
        place = ready.popleft()
        found.append(place)
        for consumer in consumers[place]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                ready.append(consumer)
    stuck = [place for place, count in enumerate(waiting) if count]
    return found + stuck, len(stuck)


def _producers(graph: Graph) -> dict[int, int]:
    """First node that writes each tensor."""
    found: dict[int, int] = {}
    for place, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            if tensor >= 0:
                found.setdefault(tensor, place)
    return found


def _ordered(graph: Graph, producers: dict[int, int]) -> bool:
    """Whether no node reads what only a later one writes."""
    return all(producers.get(tensor, -1) <= place for place, node in enumerate(graph.nodes) for tensor in node.inputs)
