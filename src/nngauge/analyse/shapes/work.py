"""The work that all graphs of a model share while their shapes are inferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes.control import Fact
from nngauge.analyse.shapes.operation import Shape, Values
from nngauge.domain.graph import Dim, Graph

_REPEATS: Final = 100_000
"""Nodes and tensors looked at again, because a sub-graph is a loop's body or is called from several places."""
_MAX_EXPRESSIONS: Final = 5_000
"""Different symbolic dimensions of one model; real ones have some hundred."""
_MAX_ELEMENTS: Final = 500_000
"""Elements of small tensors that are computed; a large exported model needs some 10⁴."""
_EXPRESSION_WORK: Final = 20
"""Elements that an expression counts for."""


class Work:
    """What the graphs of one model share: constants, bounds, and the reasons why shapes are missing."""

    def __init__(self, root: Graph, constants: Constants, symbols: Mapping[str, Dim], *, afresh: bool) -> None:
        self.functions = {graph.name: number for number, graph in reversed(tuple(enumerate(root.subgraphs)))}
        """Sub-graphs of the main graph by name."""
        self.constants = constants
        self.symbols = symbols
        self.afresh = afresh
        """What the file says of computed tensors is not used."""
        self.problems: Counter[str] = Counter()
        self.numeric = False
        """There were too many expressions: only numbers count from now on."""
        self.memory: dict[object, tuple[Graph, list[Fact]]] = {}
        self.assumptions: dict[str, None] = {}
        """Of graphs that no node runs, in order."""
        self._expressions: set[str] = set()
        self._failed = 0
        self._elements = _MAX_ELEMENTS
        self._left = _size(root) + _REPEATS

    @property
    def may_fold(self) -> bool:
        """Whether there is work left for values."""
        return self._elements >= 0

    def folded(self, values: Values) -> None:
        """Counts the elements of values that were computed."""
        expressions = sum([isinstance(value, str) for value in values])
        self._elements -= len(values) + _EXPRESSION_WORK * expressions
        if self._elements < 0:
            self.problems["too many values of small tensors"] += 1

    def enter(self, graph: Graph) -> bool:
        """Whether there is work left for `graph`."""
        self._left -= len(graph.nodes) + len(graph.tensors)
        return self._left >= 0

    def note(self, shape: Shape) -> None:
        """Counts expressions."""
        if not self.numeric:
            self._expressions.update([dim for dim in shape if isinstance(dim, str)])
            self._check()

    def fail(self) -> None:
        """Counts expressions that were too long to keep."""
        self._failed += 1
        self._check()

    def _check(self) -> None:
        if not self.numeric and len(self._expressions) + self._failed > _MAX_EXPRESSIONS:
            self.numeric = True
            self.problems["too many different symbolic dimensions"] += 1


def _size(root: Graph) -> int:
    """Nodes and tensors of a graph and all below it."""
    total, waiting = 0, [root]
    while waiting:
        graph = waiting.pop()
        total += len(graph.nodes) + len(graph.tensors)
        waiting += graph.subgraphs
    return total
