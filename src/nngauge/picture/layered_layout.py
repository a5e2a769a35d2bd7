"""Places boxes of a directed graph in layers, top to bottom, so that edges run down and are short.

The method of Sugiyama, Tagawa and Toda (1981, https://doi.org/10.1109/TSMC.1981.4308636): layers by the longest path,
long edges through a chain of bends, order by barycentres, horizontal places by least squares under the order. Bounded
and deterministic: the same graph gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

Point = tuple[float, float]

GAP_X: Final = 26.0
GAP_Y: Final = 40.0
_BEND: Final = 14.0
"""Room that a passing wire keeps from its neighbours."""
MAX_SPAN: Final = 60
"""Layers a wire may cross before it is drawn as a pair of stubs: longer ones cannot be followed by eye."""
MAX_BENDS: Final = 20_000
_SWEEPS: Final = 8
_HEAVY: Final = 4.0
"""How much more a box stays where it wants to be than a wire that passes it. Neighbours pull by the same weight, so that
a block with a wire around it stands straight below what feeds it."""
_STRAIGHT: Final = 8.0
"""How much more two bends of one wire pull at each other than a box does."""


class Box(Struct, frozen=True):
    """Size of one box."""

    width: float
    height: float


class Wire(Struct, frozen=True):
    """An edge from box `source` to box `target`. Wires of one `tensor` share their bends."""

    source: int
    target: int
    tensor: int


class Placement(Struct, frozen=True):
    """Where everything is; `corners` are the top left corners of the boxes."""

    corners: tuple[Point, ...]
    routes: tuple[tuple[Point, ...] | None, ...]
    """Per wire the points it passes, from the bottom of its source to the top of its target; None for stubs."""
    width: float
    height: float


class _Slot:
    """A box or a bend, in its layer."""

    __slots__ = ("down", "height", "layer", "up", "weight", "width", "x")

    def __init__(self, width: float, height: float, layer: int, weight: float) -> None:
        self.width, self.height, self.layer, self.weight = width, height, layer, weight
        self.x = 0.0
        self.up: list[tuple[_Slot, float]] = []
        self.down: list[tuple[_Slot, float]] = []


def place(boxes: Sequence[Box], wires: Sequence[Wire]) -> Placement:
    """Layered places. Boxes are given so that wires run from lower to higher numbers; others become stubs."""
    forward = [0 <= wire.source < wire.target < len(boxes) for wire in wires]
    layers = _layers(len(boxes), [wire for wire, ok in zip(wires, forward, strict=True) if ok])
    slots = [_Slot(box.width, box.height, layer, _HEAVY) for box, layer in zip(boxes, layers, strict=True)]
    bends: dict[tuple[int, int], _Slot] = {}
    chains = [_chain(slots, bends, wire) if ok else None for wire, ok in zip(wires, forward, strict=True)]
    rows = _rows([*slots, *bends.values()])
    _order(rows)
    _spread(rows)
    tops = _tops(rows)
    left = min((slot.x - slot.width / 2 for row in rows for slot in row), default=0.0)
    corners = tuple((slot.x - slot.width / 2 - left, tops[slot.layer]) for slot in slots)
    routes = tuple(_route(chain, tops, left) if chain else None for chain in chains)
    width = max((slot.x + slot.width / 2 for row in rows for slot in row), default=0.0) - left
    height = tops[-1] - GAP_Y if rows else 0.0
    return Placement(corners, routes, width, height)


def _layers(count: int, wires: Iterable[Wire]) -> list[int]:
    """Longest path from above; boxes without anything above them stand just above what they feed."""
    below: list[list[int]] = [[] for _ in range(count)]
    fed = [False] * count
    for wire in wires:
        below[wire.source].append(wire.target)
        fed[wire.target] = True
    layers = [0] * count
    for source in range(count):
        for target in below[source]:
            layers[target] = max(layers[target], layers[source] + 1)
    for source in range(count):
        if not fed[source] and below[source]:
            layers[source] = min(layers[target] for target in below[source]) - 1
    return layers


def _chain(slots: Sequence[_Slot], bends: dict[tuple[int, int], _Slot], wire: Wire) -> list[_Slot] | None:
    """The slots a wire passes; None when it is too long to be drawn."""
    first, last = slots[wire.source], slots[wire.target]
    span = last.layer - first.layer
    if span > MAX_SPAN or len(bends) + span > MAX_BENDS:
        return None
    chain = [first]
    for layer in range(first.layer + 1, last.layer):
        bend = bends.get((wire.tensor, layer))
        if bend is None:
            bend = bends[wire.tensor, layer] = _Slot(_BEND, 0.0, layer, 1.0)
        chain.append(bend)
    chain.append(last)
    for upper, lower in pairwise(chain):
        straight = _STRAIGHT if upper.height == 0.0 and lower.height == 0.0 else 1.0
        if all(slot is not lower for slot, _ in upper.down):
            upper.down.append((lower, straight * lower.weight))
            lower.up.append((upper, straight * upper.weight))
    return chain


def _rows(slots: Iterable[_Slot]) -> list[list[_Slot]]:
    rows: dict[int, list[_Slot]] = {}
    for slot in slots:
        rows.setdefault(slot.layer, []).append(slot)
    return [rows.get(layer, []) for layer in range(max(rows, default=-1) + 1)]


def _order(rows: list[list[_Slot]]) -> None:
    """Orders each row by the mean place of its neighbours, downwards and upwards in turn."""
    for row in rows:
        for at, slot in enumerate(row):
            slot.x = float(at)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            centre = {id(slot): _mean(slot.up if down else slot.down, slot.x) for slot in row}
            row.sort(key=lambda slot, centre=centre: centre[id(slot)])  # type: ignore[misc]
            for at, slot in enumerate(row):
                slot.x = at - len(row) / 2


def _mean(neighbours: Sequence[tuple[_Slot, float]], otherwise: float) -> float:
    total = sum(weight for _, weight in neighbours)
    return sum(slot.x * weight for slot, weight in neighbours) / total if total else otherwise


def _spread(rows: list[list[_Slot]]) -> None:
    """Gives each slot its x: as near to its neighbours as the order and the widths allow."""
    for row in rows:
        _settle(row, [slot.x * 100 for slot in row])
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _settle(row, [_mean(slot.up if down else slot.down, slot.x) for slot in row])
    for row in rows:
        _settle(row, [_mean([*slot.up, *slot.down], slot.x) for slot in row])


def _settle(row: Sequence[_Slot], wanted: Sequence[float]) -> None:
    """Least squares to the wanted places with distances kept: isotonic regression by pooling adjacent violators."""
    offset, offsets = 0.0, []
    for at, slot in enumerate(row):
        if at:
            gap = GAP_X if slot.height or row[at - 1].height else 0.0
            offset += (row[at - 1].width + slot.width) / 2 + gap
        offsets.append(offset)
    pools: list[list[float]] = []  # mean, weight, members
    for slot, want, shift in zip(row, wanted, offsets, strict=True):
        pool = [want - shift, slot.weight, 1.0]
        while pools and pools[-1][0] > pool[0]:
            mean, weight, members = pools.pop()
            total = weight + pool[1]
            pool = [(mean * weight + pool[0] * pool[1]) / total, total, members + pool[2]]
        pools.append(pool)
    at = 0
    for mean, _, members in pools:
        for _ in range(int(members)):
            row[at].x = mean + offsets[at]
            at += 1


def _tops(rows: Sequence[Sequence[_Slot]]) -> list[float]:
    """Upper edge of each layer, and the end below the last."""
    tops = [0.0]
    for row in rows:
        tops.append(tops[-1] + max((slot.height for slot in row), default=0.0) + GAP_Y)
    return tops


def _route(chain: Sequence[_Slot], tops: Sequence[float], left: float) -> tuple[Point, ...]:
    """A wire goes straight down out of its source's layer and through each layer between, and ends above its target."""
    first, last = chain[0], chain[-1]
    points = [(first.x - left, tops[first.layer] + first.height), (first.x - left, tops[first.layer + 1] - GAP_Y)]
    for bend in chain[1:-1]:
        bottom = tops[bend.layer + 1] - GAP_Y
        points += [(bend.x - left, tops[bend.layer]), (bend.x - left, bottom)]
    points.append((last.x - left, tops[last.layer]))
    return tuple(points)
