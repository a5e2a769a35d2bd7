"""What a picture of a network shows: boxes, wires and blocks, before anything has a place.

Repeated blocks (the layers of a transformer) are drawn once with their number, runs without branches become one box
with a line per operation when the network is large. Nothing is left out without saying so.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from nngauge.analyse.constant_folding import fixed_tensors
from nngauge.domain.cost import Layer
from nngauge.domain.graph import Graph
from nngauge.words.amounts import plural

ROOMY: Final = 140
"""Up to this many operations each one has its own box."""
REPEATS_FROM: Final = 100
"""From this many operations on, repeated blocks are drawn once."""
MAX_ITEMS: Final = 4_000
"""Operations drawn at most; more make no picture that a person could read or a browser would like."""
_MOST: Final = 60_000
"""Operations among which repetitions are looked for, in about a second; no known model has as many."""
_RUN: Final = 30
_SHORTEST_BLOCK: Final = 3
_LONGEST_PERIOD: Final = 48
"""Pieces between bottlenecks that one repetition may have."""
_SHARED: Final = 4
"""A value that so many places use, far apart, belongs to all blocks and to none (masks, rotary tables)."""


class Item(Struct, frozen=True):
    """One operation, or an input or output of the network (then without a layer)."""

    node: int
    """Index in the graph's nodes; −1 for an input or output."""
    layer: Layer | None
    tensors: tuple[int, ...]
    """What it gives; for an output what it takes."""
    port: str = ""
    """``input`` or ``output``."""
    parameters: int = 0
    """Of the operation, and of operations on constants that only prepare its weights (dequantised, transposed)."""


class Link(Struct, frozen=True):
    """`tensor` goes from box `source` to box `target`."""

    source: int
    target: int
    tensor: int


class Block(Struct, frozen=True):
    """Boxes that stand for `times` repetitions."""

    boxes: tuple[int, ...]
    times: int
    parameters: int
    """Of all repetitions."""


class Plan(Struct, frozen=True):
    """Boxes, each a run of items from top to bottom, in an order in which links run forward."""

    boxes: tuple[tuple[Item, ...], ...]
    links: tuple[Link, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    roomy: bool = True
    """Every operation has a box of its own."""


class _Drawn(Struct, frozen=True):
    """What is drawn of a graph, and what is not."""

    nodes: tuple[int, ...]
    parameters: Mapping[int, int]
    """Of each node drawn, with what prepares its weights."""
    alias: Mapping[int, int]
    """Tensor that only passes a tensor on → that tensor."""
    fixed: int
    passed: int


class _Region(Struct, frozen=True):
    """`times` repetitions of `length` items from `start` on."""

    start: int
    length: int
    times: int

    @property
    def stop(self) -> int:
        return self.start + self.length * self.times


def plan(graph: Graph, layers: Sequence[Layer]) -> Plan:
    """The picture of the main graph; `layers` are its layers with their cost."""
    by_node = {layer.index: layer for layer in layers if not layer.graph}
    drawn = _drawn(graph, by_node)
    items, links = _items(graph, by_node, drawn)
    notes = [
        f"not drawn: {what}"
        for count, what in (
            (drawn.fixed, f"{plural(drawn.fixed, 'operation')} on constants alone"),
            (drawn.passed, f"{drawn.passed:,} × Identity"),
        )
        if count
    ]
    regions = _repeats(graph, items, links) if REPEATS_FROM <= len(items) <= _MOST else []
    kept, links, block_of = _fold(items, links, regions)
    if len(kept) > MAX_ITEMS:
        notes.append(f"not drawn: {len(kept) - MAX_ITEMS:,} more operations")
        kept = kept[:MAX_ITEMS]
        links = [link for link in links if link.source < MAX_ITEMS and link.target < MAX_ITEMS]
    roomy = len(kept) <= ROOMY
    box_of = list(range(len(kept))) if roomy else _runs(kept, links, block_of)
    boxes: list[list[Item]] = [[] for _ in range(max(box_of, default=-1) + 1)]
    for item, box in zip(kept, box_of, strict=True):
        boxes[box].append(item)
    joined = dict.fromkeys(
        Link(box_of[link.source], box_of[link.target], link.tensor)
        for link in links if box_of[link.source] != box_of[link.target]
    )  # fmt: skip
    blocks = tuple(_blocks(items, regions, box_of, block_of))
    return Plan(tuple(tuple(box) for box in boxes), tuple(joined), blocks, tuple(notes), roomy)


# --- items in order -----------------------------------------------------------------------------------------------------


def _drawn(graph: Graph, layers: Mapping[int, Layer]) -> _Drawn:
    """Leaves out what computes constants from constants, and identities, which are only another name."""
    fixed = fixed_tensors(graph)
    nodes: list[int] = []
    alias: dict[int, int] = {}
    constants = 0
    parameters: dict[int, int] = {}
    prepared: dict[int, int] = {}  # tensor → parameters that went into it and belong to its first user
    for at, node in enumerate(graph.nodes):
        own = layers[at].parameters if at in layers else 0
        parameters[at] = (own if isinstance(own, int) else 0) + sum(prepared.pop(tensor, 0) for tensor in node.inputs)
        taken = [tensor for tensor in node.inputs if tensor >= 0]
        if node.outputs and all(tensor in fixed for tensor in node.outputs if tensor >= 0):
            constants += 1
            prepared[node.outputs[0]] = parameters[at]
        elif node.kind == "Identity" and len(taken) == 1:
            alias.update(dict.fromkeys(node.outputs, alias.get(taken[0], taken[0])))
        else:
            nodes.append(at)
    if constants == len(graph.nodes):
        return _Drawn(tuple(range(constants)), {}, {}, 0, 0)
    return _Drawn(tuple(nodes), parameters, alias, constants, len(graph.nodes) - constants - len(nodes))


def _items(graph: Graph, layers: Mapping[int, Layer], drawn: _Drawn) -> tuple[list[Item], list[Link]]:
    """Operations, inputs and outputs in an order in which values are made before they are used, as far as possible."""
    items = [
        Item(at, layers.get(at), graph.nodes[at].outputs, parameters=drawn.parameters.get(at, 0)) for at in drawn.nodes
    ]
    made = {tensor: at for at, item in enumerate(items) for tensor in item.tensors if tensor >= 0}
    for tensor in dict.fromkeys(graph.inputs):
        if tensor not in made and not graph.tensors[tensor].constant:
            made[tensor] = len(items)
            items.append(Item(-1, None, (tensor,), "input"))
    takes: list[tuple[int, ...]] = [graph.nodes[item.node].inputs if item.node >= 0 else () for item in items]
    for tensor in dict.fromkeys(graph.outputs):
        items.append(Item(-1, None, (tensor,), "output"))
        takes.append((tensor,))
    links = [
        Link(made[tensor], at, tensor)
        for at, taken in enumerate(takes)
        for tensor in dict.fromkeys(drawn.alias.get(tensor, tensor) for tensor in taken)
        if made.get(tensor, at) != at
    ]
    order = _topological(items, links)
    place = {old: new for new, old in enumerate(order)}
    moved = [Link(place[link.source], place[link.target], link.tensor) for link in links]
    return [items[old] for old in order], moved


def _topological(items: Sequence[Item], links: Sequence[Link]) -> list[int]:
    """Kahn's algorithm, as near to the file's order as it can be; what is in cycles comes last.

    Inputs stand just before their first user, outputs just after what makes them.
    """
    after: list[list[int]] = [[] for _ in items]
    missing = [0] * len(items)
    rank = [(float(at) if item.node >= 0 else 0.0) for at, item in enumerate(items)]
    for link in links:
        after[link.source].append(link.target)
        missing[link.target] += 1
        if items[link.target].port:
            rank[link.target] = link.source + 0.25
    for at, item in enumerate(items):
        if item.port == "input":
            rank[at] = min((rank[target] for target in after[at]), default=0.0) - 0.25
    ready = [(rank[at], at) for at in range(len(items)) if not missing[at]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, at = heapq.heappop(ready)
        order.append(at)
        for target in after[at]:
            missing[target] -= 1
            if not missing[target]:
                heapq.heappush(ready, (rank[target], target))
    placed = set(order)
    return order + [at for at in range(len(items)) if at not in placed]


# --- repeated blocks ----------------------------------------------------------------------------------------------------


def _repeats(graph: Graph, items: Sequence[Item], links: Sequence[Link]) -> list[_Region]:
    """Stretches of three or more equal blocks one after the other, cut at the network's bottlenecks."""
    shared = _shared(items, links)
    cuts = _bottlenecks(len(items), [link for link in links if link.tensor not in shared])
    inputs: dict[int, list[Hashable]] = defaultdict(list)
    for link in links:
        inputs[link.target].append("shared" if link.tensor in shared else link.target - link.source)
    marks = [_mark(graph, item, inputs[at]) for at, item in enumerate(items)]
    pieces = [tuple(marks[start:stop]) for start, stop in pairwise(cuts)]
    numbers: dict[Hashable, int] = {}
    kinds = [numbers.setdefault(piece, len(numbers)) for piece in pieces]
    regions = []
    at = 0
    while at < len(kinds):
        period, times = _best_period(kinds, at)
        length = cuts[at + period] - cuts[at]
        if times >= 3 and length >= _SHORTEST_BLOCK:
            regions.append(_Region(cuts[at], length, times))
            at += period * times
        else:
            at += 1
    return regions


def _mark(graph: Graph, item: Item, inputs: Sequence[Hashable]) -> Hashable:
    """What makes two operations the same for the eye. Symbols do not count: each layer's cache has its own."""
    known = (graph.tensors[tensor].shape if tensor >= 0 else None for tensor in item.tensors)
    shapes = tuple(
        None if shape is None else tuple(d if isinstance(d, int) else None for d in shape) for shape in known
    )
    if item.node < 0:
        return (item.port, shapes)
    node = graph.nodes[item.node]
    return (node.op, item.layer.attributes if item.layer else "", shapes, tuple(inputs))


def _shared(items: Sequence[Item], links: Sequence[Link]) -> set[int]:
    users: dict[int, list[int]] = defaultdict(list)
    for link in links:
        users[link.tensor].append(link.target)
    return {
        tensor for tensor, targets in users.items()
        if len(targets) >= _SHARED and max(targets) - min(targets) > len(items) // 4
    }  # fmt: skip


def _bottlenecks(count: int, links: Sequence[Link]) -> list[int]:
    """Positions before which at most one value is alive."""
    last: dict[tuple[int, int], int] = {}
    for link in links:
        if link.source < link.target:
            key = (link.source, link.tensor)
            last[key] = max(last.get(key, 0), link.target)
    change = [0] * (count + 2)
    for (source, _), target in last.items():
        change[source + 1] += 1
        change[target + 1] -= 1
    alive, cuts = 0, [0]
    for at in range(1, count):
        alive += change[at]
        if alive <= 1:
            cuts.append(at)
    return [*cuts, count]


def _best_period(kinds: Sequence[int], at: int) -> tuple[int, int]:
    """Pieces in one repetition and number of repetitions from `at` on, where most is covered."""
    best = (1, 1)
    for period in range(1, min(_LONGEST_PERIOD, (len(kinds) - at) // 3) + 1):
        first = kinds[at : at + period]
        times = 1
        while kinds[at + times * period : at + (times + 1) * period] == first:
            times += 1
        if times >= 3 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _fold(
    items: Sequence[Item], links: Sequence[Link], regions: Sequence[_Region]
) -> tuple[list[Item], list[Link], list[int]]:
    """Items and links with only the first repetition of each region; and the region of each item kept, −1 for none."""
    stand_in = list(range(len(items)))
    region_of = [-1] * len(items)
    for number, region in enumerate(regions):
        for at in range(region.start, region.stop):
            region_of[at] = number
            stand_in[at] = region.start + (at - region.start) % region.length
    kept = [at for at in range(len(items)) if stand_in[at] == at]
    place = {old: new for new, old in enumerate(kept)}
    folded: dict[tuple[int, int], Link] = {}
    for link in links:
        source, target = stand_in[link.source], stand_in[link.target]
        same = region_of[link.source] == region_of[link.target] >= 0
        if same and link.source - source != link.target - target:
            continue  # from one repetition to the next: what the number of the block says
        tensor = link.tensor if source == link.source else items[source].tensors[-1]
        folded.setdefault((source, target), Link(place[source], place[target], tensor))
    return [items[at] for at in kept], list(folded.values()), [region_of[at] for at in kept]


def _blocks(
    items: Sequence[Item], regions: Sequence[_Region], box_of: Sequence[int], block_of: Sequence[int]
) -> Iterator[Block]:
    for number, region in enumerate(regions):
        boxes = tuple(dict.fromkeys(
            box for box, block in zip(box_of, block_of[: len(box_of)], strict=True) if block == number
        ))  # fmt: skip
        total = sum(item.parameters for item in items[region.start : region.stop])
        if boxes:
            yield Block(boxes, region.times, total)


# --- runs ---------------------------------------------------------------------------------------------------------------


def _runs(items: Sequence[Item], links: Sequence[Link], block_of: Sequence[int]) -> list[int]:
    """The box of each item: operations that only follow one another share one."""
    before: list[set[int]] = [set() for _ in items]
    after: list[set[int]] = [set() for _ in items]
    for link in links:
        before[link.target].add(link.source)
        after[link.source].add(link.target)
    box_of: list[int] = []
    sizes: list[int] = []
    for at, item in enumerate(items):
        only = next(iter(before[at])) if len(before[at]) == 1 else at
        joins = (
            only < at and len(after[only]) == 1 and not item.port and not items[only].port
            and block_of[only] == block_of[at] and sizes[box_of[only]] < _RUN
        )  # fmt: skip
        if joins:
            box_of.append(box_of[only])
            sizes[box_of[only]] += 1
        else:
            box_of.append(len(sizes))
            sizes.append(1)
    return box_of
