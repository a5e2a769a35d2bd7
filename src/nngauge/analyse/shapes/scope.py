"""One graph while its shapes are inferred, and the work that all graphs of a model share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.shapes import control, dims
from nngauge.analyse.shapes.control import Fact
from nngauge.analyse.shapes.expression import MAX_NUMBER
from nngauge.analyse.shapes.folding import FOLDS, numbers, parts
from nngauge.analyse.shapes.operation import Element, Operation, Shape, Shapes, UnknownError, Values
from nngauge.analyse.shapes.order import computing_order
from nngauge.analyse.shapes.rules import RULES
from nngauge.analyse.shapes.starts import starts
from nngauge.analyse.shapes.types import output_types
from nngauge.analyse.shapes.work import Work
from nngauge.domain.graph import Dim, DType, Graph, Node, Tensor
from nngauge.limits import MAX_RANK

_CONTROL: Final = frozenset({"If", "Loop", "Scan", "Call"})
_MAX_DEPTH: Final = 16
"""Sub-graphs in sub-graphs; exporters reach about four."""


class Scope:
    """The values of one graph. Names that it does not define mean values of the graph around (`outer`)."""

    def __init__(self, work: Work, graph: Graph, outer: Scope | None = None) -> None:
        self.graph = graph
        self.captures = False
        """It uses values of the graph around."""
        self._work = work
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        self._values: dict[int, Values | None] = {}
        self._trips: dict[int, int] = {}
        self.bodies: dict[int, Graph] = {}
        self._names: dict[str, int] | None = None
        self.root: Scope = self if outer is None else outer.root
        produced = {tensor for node in graph.nodes for tensor in node.outputs}
        computed = produced if outer is None else produced.union(graph.inputs)
        self._shapes: list[Shape | None] = [
            self._stated(tensor, computed=place in computed) for place, tensor in enumerate(graph.tensors)
        ]
        self._types = [tensor.dtype for tensor in graph.tensors]
        if outer is not None:
            self._capture(produced)

    def _stated(self, tensor: Tensor, *, computed: bool) -> Shape | None:
        """What the file says."""
        shape = tensor.shape
        if shape is None or len(shape) > MAX_RANK or (computed and self._work.afresh and not tensor.constant):
            return None
        for dim in shape:
            if not isinstance(dim, int) or not 0 <= dim < MAX_NUMBER:
                break
        else:
            return shape
        found: list[Dim] = []
        for dim in shape:
            if isinstance(dim, str):
                found.append(dims.substitute(dim, self._work.symbols))
            else:
                found.append(dim if dim is not None and 0 <= dim < MAX_NUMBER else None)
        return tuple(found)

    def _capture(self, produced: set[int]) -> None:
        """Takes over what the graphs around know of values that this one only reads."""
        own = produced.union(self.graph.inputs)
        for place, tensor in enumerate(self.graph.tensors):
            if place in own or tensor.constant or not tensor.name:
                continue
            outer = self.outer
            while outer is not None:
                found = outer.place(tensor.name)
                if found is not None:
                    self.give(place, outer.fact(found))
                    self.captures = True
                    break
                outer = outer.outer

    def place(self, name: str) -> int | None:
        """The tensor called `name`."""
        if self._names is None:
            self._names = {tensor.name: place for place, tensor in enumerate(self.graph.tensors)}
        return self._names.get(name)

    # --- what rules ask -------------------------------------------------------------------------------------------

    def shape(self, tensor: int) -> Shape | None:
        """See `State`."""
        if tensor >= len(self._shapes):
            return None
        shape = self._shapes[tensor]
        if shape is not None and self._work.numeric:
            return tuple([None if isinstance(dim, str) else dim for dim in shape])
        return shape

    def values(self, tensor: int) -> Values | None:
        """See `State`."""
        if tensor not in self._values:
            known = 0 <= tensor < len(self.graph.tensors)
            values = self._work.constants.values(self.graph.tensors[tensor]) if known else None
            self._values[tensor] = None if values is None else _bounded(values)
        return self._values[tensor]

    def dtype(self, tensor: int) -> DType:
        """See `State`."""
        return self._types[tensor] if tensor < len(self._types) else DType.UNKNOWN

    def is_constant(self, tensor: int) -> bool:
        """See `State`."""
        return tensor < len(self.graph.tensors) and self.graph.tensors[tensor].constant

    def fact(self, tensor: int) -> Fact:
        """See `Bodies`."""
        return Fact(self.shape(tensor), self.dtype(tensor), self.values(tensor))

    # --- inference ------------------------------------------------------------------------------------------------

    def run(self, inputs: Mapping[int, Shape]) -> None:
        """Infers the whole graph; `inputs` are shapes that replace what the file says."""
        for place, shape in inputs.items():
            self._shapes[place] = shape
            self._work.note(shape)
        order, stuck = computing_order(self.graph)
        if stuck:
            self._work.problems["on or behind a cycle"] += stuck
        nodes = self.graph.nodes
        for place in order:
            self._compute(place, nodes[place])

    def _compute(self, place: int, node: Node) -> None:
        op = Operation(node, self)
        try:
            if node.kind in _CONTROL or (node.kind == "Delegate" and "body" in node.attributes):
                self._control(place, op)
            elif not all(self._complete(tensor) for tensor in node.outputs):
                self._place_all(node, _shapes(op))
                self._weigh(node)
        except UnknownError as error:
            if not all(self._complete(tensor) for tensor in node.outputs):
                self._work.problems[f"`{(node.kind or node.op)[:80]}`: {error}"] += 1
        self._settle_types(op)
        if (node.kind in FOLDS or node.kind == "Split") and self._work.may_fold:
            self._fold(op)

    def _complete(self, tensor: int) -> bool:
        """Whether every dimension is a number."""
        if not 0 <= tensor < len(self._shapes):
            return True
        shape = self._shapes[tensor]
        return shape is not None and all(isinstance(dim, int) for dim in shape)

    def _weigh(self, node: Node) -> None:
        """Counts expressions that came to nothing; those that came to something are counted where they are noted."""
        for tensor in node.outputs:
            shape = self._shapes[tensor] if 0 <= tensor < len(self._shapes) else None
            if shape is not None and None in shape:
                break
        else:
            return
        inputs = [self._shapes[tensor] for tensor in node.inputs if 0 <= tensor < len(self._shapes)]
        if any(isinstance(dim, str) for shape in inputs if shape is not None for dim in shape):
            self._work.fail()

    def _place_all(self, node: Node, shapes: Shapes) -> None:
        for tensor, shape in zip(node.outputs, shapes, strict=False):
            self._place(tensor, shape)

    def _place(self, tensor: int, shape: Shape | None) -> None:
        """Notes an inferred shape. Numbers that the file states stay; its symbols give way."""
        if shape is None or not 0 <= tensor < len(self._shapes):
            return
        if len(shape) > MAX_RANK:
            raise UnknownError("too many dimensions")
        plain = True
        for dim in shape:
            if not isinstance(dim, int):
                plain = False
            elif not 0 <= dim < MAX_NUMBER:
                raise UnknownError("a dimension is negative or too large")
        stated = self._shapes[tensor]
        if stated is not None:
            if len(stated) != len(shape):
                return
            shape = tuple([_first(one, other) for one, other in zip(stated, shape, strict=True)])
        if not plain:
            self._work.note(shape)
        self._shapes[tensor] = shape

    def give(self, tensor: int, fact: Fact) -> None:
        """Notes what is known of a value from elsewhere."""
        self._place(tensor, fact.shape)
        if 0 <= tensor < len(self._types):
            if self._types[tensor] is DType.UNKNOWN:
                self._types[tensor] = fact.dtype
            if fact.values is not None and self.values(tensor) is None:
                self._values[tensor] = fact.values

    def _settle_types(self, op: Operation) -> None:
        unknown = [
            (number, tensor)
            for number, tensor in enumerate(op.node.outputs)
            if 0 <= tensor < len(self._types) and self._types[tensor] is DType.UNKNOWN
        ]
        if unknown and op.node.kind is not None:
            types = output_types(op)
            for number, tensor in unknown:
                self._types[tensor] = types[number]

    def _fold(self, op: Operation) -> None:
        outputs = op.node.outputs
        if not outputs or not 0 <= outputs[0] < len(self._shapes):
            return
        try:
            if op.node.kind == "Split":
                found = parts(op, [self.shape(tensor) for tensor in outputs])
            else:
                sizes = numbers(self._shapes[outputs[0]])
                found = [] if sizes is None else [FOLDS[op.node.kind or ""](op, sizes)]
        except UnknownError:
            return
        for tensor, values in zip(outputs, found, strict=False):
            sizes = numbers(self._shapes[tensor]) if 0 <= tensor < len(self._shapes) else None
            if values is not None and sizes is not None and prod(sizes) == len(values):
                self._values[tensor] = _bounded(values)
                self._work.folded(values)

    # --- sub-graphs -----------------------------------------------------------------------------------------------

    def _control(self, place: int, op: Operation) -> None:
        found = control.outcome(op, self)
        for tensor, fact in zip(op.node.outputs, found.outputs, strict=False):
            self.give(tensor, fact)
        if found.trips is not None:
            self._trips[place] = found.trips

    def body(self, op: Operation, attribute: str, inputs: Sequence[Fact]) -> list[Fact]:
        """See `Bodies`."""
        owner, number = self._find(op, attribute)
        graph = owner.graph.subgraphs[number]
        key = (id(graph), tuple(inputs))
        known = self._work.memory.get(key)
        if known is None:
            if self.depth >= _MAX_DEPTH or not self._work.enter(graph):
                raise UnknownError("sub-graphs are nested too deeply or entered too often")
            scope = Scope(self._work, graph, self)
            for tensor, fact in zip(graph.inputs, inputs, strict=False):
                scope.give(tensor, fact)
            scope.run({})
            known = (scope.finished(), [scope.fact(tensor) for tensor in graph.outputs])
            if not scope.captures:
                self._work.memory[key] = known
        owner.bodies[number] = known[0]
        return known[1]

    def _find(self, op: Operation, attribute: str) -> tuple[Scope, int]:
        """`(scope that owns the sub-graph, its number)`: of this graph, or of the main one where all lie there."""
        root = self.root
        named = self._work.functions.get(op.text("function")) if "function" in op.attributes else None
        if named is not None:
            return root, named
        number = op.integer(attribute, -1)
        owner = self if self.graph.subgraphs else root
        if not 0 <= number < len(owner.graph.subgraphs):
            raise UnknownError("the sub-graph is not there")
        return owner, number

    def finished(self) -> Graph:
        """The graph with all that was found out; sub-graphs that no node runs are inferred on their own."""
        graph = self.graph
        tensors = tuple([self._tensor(place, tensor) for place, tensor in enumerate(graph.tensors)])
        nodes = graph.nodes
        if self._trips:
            counted = list(nodes)
            for place, trips in self._trips.items():
                attributes = {**nodes[place].attributes, "trip_count": trips}
                counted[place] = replace(nodes[place], attributes=attributes)
            nodes = tuple(counted)
        bodies = tuple([self._body(number, body) for number, body in enumerate(graph.subgraphs)])
        return replace(graph, tensors=tensors, nodes=nodes, subgraphs=bodies)

    def _tensor(self, place: int, tensor: Tensor) -> Tensor:
        shape, dtype = self.shape(place), self._types[place]
        if shape == tensor.shape and dtype is tensor.dtype:
            return tensor
        return replace(tensor, shape=shape, dtype=dtype)

    def _body(self, number: int, graph: Graph) -> Graph:
        known = self.bodies.get(number)
        if known is not None:
            return known
        if self.depth >= _MAX_DEPTH or not self._work.enter(graph):
            return graph
        begin = starts(graph, {})
        self._work.assumptions.update(dict.fromkeys(begin.assumptions))
        scope = Scope(self._work, graph, self)
        scope.run(begin.shapes)
        return scope.finished()


def _shapes(op: Operation) -> Shapes:
    kind = op.node.kind
    rule = RULES.get(kind) if kind is not None else None
    if rule is None:
        raise UnknownError("no rule" if kind is not None else "the operator is not known")
    return rule(op)


def _first(stated: Dim, inferred: Dim) -> Dim:
    """A number of the file, else what follows, else the file's symbol."""
    return stated if isinstance(stated, int) or inferred is None else inferred


def _bounded(values: Values) -> Values:
    """Numbers too large to compute on with are unknown."""
    return tuple([_element(value) for value in values])


def _element(value: Element) -> Element:
    return None if isinstance(value, int) and not -MAX_NUMBER < value < MAX_NUMBER else value
