"""Peak activation memory: which tensors are alive together, in execution order. Rules: docs/cost.md."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final, NamedTuple

from nngauge.analyse.amounts import at, plus, times
from nngauge.analyse.constant_folding import fixed_tensors
from nngauge.analyse.families import family_of, is_view
from nngauge.analyse.sizes import byte_size
from nngauge.domain.cost import Amount, Family, PeakMemory
from nngauge.domain.graph import Graph, Node

TYPICAL: Final = 128
"""What symbols stand for where amounts are compared, never where one is printed."""
_SHOWN: Final = 8
_OVERWRITING: Final = frozenset({Family.ELEMENTWISE, Family.ACTIVATION})
_CALLS: Final = ("body", "cond", "then_branch", "else_branch")


def peak_memory(graph: Graph, *, in_place: bool = True, keep_inputs: bool = False) -> PeakMemory | None:
    """The most bytes of activations alive at once; None when the size of no activation is known.

    Tensors of unknown size are left out; `PeakMemory.unknown` counts them. `in_place` False: every output has memory
    of its own. `keep_inputs`: the model's inputs stay to the end, as LiteRT keeps them.
    """
    return _Liveness(graph, _Rules(in_place, keep_inputs), depth=0).peak()


def execution_order(graph: Graph) -> tuple[int, ...]:
    """Nodes so that each follows what it reads from, else in the order of the file; that order where there is a circle."""
    writers: dict[int, int] = {}
    for number, node in enumerate(graph.nodes):
        for index in node.outputs:
            writers.setdefault(index, number)
    before = [
        {writers[index] for index in node.inputs if index in writers} - {number}
        for number, node in enumerate(graph.nodes)
    ]
    if all(earlier < number for number, sources in enumerate(before) for earlier in sources):
        return tuple(range(len(graph.nodes)))
    return _sorted(before)


def _sorted(before: Sequence[set[int]]) -> tuple[int, ...]:
    after: list[list[int]] = [[] for _ in before]
    for number, sources in enumerate(before):
        for source in sources:
            after[source].append(number)
    waiting = [len(sources) for sources in before]
    ready = [number for number, count in enumerate(waiting) if not count]
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for follower in after[number]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    return tuple(order) if len(order) == len(before) else tuple(range(len(before)))


class _Rules(NamedTuple):
    in_place: bool
    keep_inputs: bool


class _Liveness:
    """One walk over the nodes. Buffers are numbered by the tensor that they were made for."""

    def __init__(self, graph: Graph, rules: _Rules, depth: int) -> None:
        self._graph = graph
        self._rules = rules
        self._depth = depth
        self._order = execution_order(graph)
        self._fixed = fixed_tensors(graph)
        self._last = self._last_uses()
        self._holder: dict[int, int] = {}
        self._alive: dict[int, Amount] = {}
        self._tenants: dict[int, int] = {}
        self._total: Amount = 0
        self._bodies: dict[int, Amount] = {}
        self._unknown: set[int] = set()

    def peak(self) -> PeakMemory | None:
        """The largest sum of buffers over all nodes."""
        best, size, place = self._find()
        if not size:
            return None
        return PeakMemory(
            bytes=best,
            layer=self._order[place],
            tensors=_Liveness(self._graph, self._rules, self._depth).largest_at(place),
            in_place=self._rules.in_place,
            unknown=len(self._unknown),
        )

    def _find(self) -> tuple[Amount, int, int]:
        """The peak, its size for comparison, and the step at which it is reached."""
        best: Amount = 0
        largest = place = 0
        self._begin()
        for step, number in enumerate(self._order):
            node = self._graph.nodes[number]
            self._write(node, step)
            total = plus((self._total, self._inside(node)))
            size = at(total, TYPICAL)
            if size > largest:
                best, largest, place = total, size, step
            self._release(node, step)
        return best, largest, place

    def largest_at(self, place: int) -> tuple[str, ...]:
        """Names of the largest tensors alive at a step: the walk again, so that no walk keeps a record of all steps."""
        self._begin()
        for step, number in enumerate(self._order[: place + 1]):
            self._write(self._graph.nodes[number], step)
            if step < place:
                self._release(self._graph.nodes[number], step)
        ordered = sorted(self._alive, key=lambda index: -at(self._alive[index], TYPICAL))
        return tuple(self._graph.tensors[index].name or str(index) for index in ordered[:_SHOWN])

    def _begin(self) -> None:
        used = (index for index in self._graph.inputs if index in self._last)
        for index in (*used, *self._states()):
            self._allocate(index)

    def _last_uses(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for step, number in enumerate(self._order):
            for index in self._graph.nodes[number].inputs:
                last[index] = step
        kept = (*self._graph.outputs, *(self._graph.inputs if self._rules.keep_inputs else ()))
        last.update(dict.fromkeys(kept, len(self._order)))
        return last

    def _states(self) -> list[int]:
        """Tensors that are read, and that no node writes: kept from one inference to the next. None in a body."""
        if self._depth:
            return []
        written = {index for node in self._graph.nodes for index in node.outputs}
        states = [index for index in self._last if index not in written and index not in self._graph.inputs]
        self._last.update({index: len(self._order) for index in states})
        return states

    def _counts(self, index: int) -> bool:
        """Whether the tensor is an activation."""
        return 0 <= index < len(self._graph.tensors) and not (
            self._graph.tensors[index].constant or index in self._fixed
        )

    def _allocate(self, index: int) -> None:
        if not self._counts(index) or index in self._holder:
            return
        size = byte_size(self._graph.tensors[index])
        if size is None:
            self._unknown.add(index)
            return
        self._holder[index] = index
        self._alive[index] = size
        self._total = plus((self._total, size))
        self._tenants[index] = 1

    def _write(self, node: Node, step: int) -> None:
        for place, index in enumerate(node.outputs):
            target = self._reusable(node, index, step) if self._rules.in_place and not place else None
            if target is None:
                self._allocate(index)
            else:
                self._holder[index] = target
                self._tenants[target] += 1

    def _reusable(self, node: Node, output: int, step: int) -> int | None:
        """The buffer of an input that dies here and is at least as large as the output."""
        if not self._counts(output) or output in self._holder or not self._overwrites(node):
            return None
        size = byte_size(self._graph.tensors[output])
        for index in node.inputs[: 1 if is_view(node) else None]:
            buffer = self._holder.get(index)
            if buffer is None or size is None or self._last.get(index) != step or self._tenants[buffer] != 1:
                continue
            if index not in self._graph.inputs and _covers(self._alive[buffer], size):
                return buffer
        return None

    def _overwrites(self, node: Node) -> bool:
        family = family_of(self._graph, node)
        return is_view(node) or family in _OVERWRITING or node.kind == "BatchNormalization"

    def _release(self, node: Node, step: int) -> None:
        for index in dict.fromkeys((*node.inputs, *node.outputs)):
            buffer = self._holder.get(index)
            if buffer is None or self._last.get(index, step) > step:
                continue
            del self._holder[index]
            self._tenants[buffer] -= 1
            if not self._tenants[buffer]:
                self._total = plus((self._total, times((-1, self._alive.pop(buffer)))))

    def _inside(self, node: Node) -> Amount:
        """Peak of the largest sub-graph that the node runs; one level, deeper ones are parts of bodies."""
        if node.kind is None or self._depth:
            return 0
        indices = [node.attributes.get(name) for name in _CALLS]
        peaks = [self._body_peak(index) for index in indices if isinstance(index, int)]
        return max(peaks, key=lambda amount: at(amount, TYPICAL), default=0)

    def _body_peak(self, index: int) -> Amount:
        if not 0 <= index < len(self._graph.subgraphs):
            return 0
        if index not in self._bodies:
            inner = _Liveness(self._graph.subgraphs[index], self._rules, depth=1).peak()
            self._bodies[index] = inner.bytes if inner is not None else 0
        return self._bodies[index]


def _covers(buffer: Amount, size: Amount) -> bool:
    """Whether the buffer is large enough whatever the symbols are."""
    if isinstance(buffer, int) and isinstance(size, int):
        return buffer >= size
    return buffer == size
