"""Calls of TensorFlow functions replaced by the function's nodes, and reads of variables by the variables.

TensorFlow 2 hides the network behind calls: a signature calls a wrapper, which calls the model, which gets its weights
as resources and reads them. Put in place, the weights stand next to the operations that use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nngauge.formats._parts.tf_nodes import RawFunction, RawNode, value_key
from nngauge.limits import MAX_NODES

_CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
VARIABLES: Final = frozenset({"VarHandleOp", "VariableV2", "Variable"})
ARGUMENT: Final = "_Arg"
"""Operator of the stand-ins for a function's arguments."""
_HELD: Final = VARIABLES | {"Const"}
_READS: Final = frozenset({"Identity", "ReadVariableOp"})
_MAX_DEPTH: Final = 48
_MAX_PREFIX: Final = 512
"""Characters of a path of calls; names below it are copied for each node."""


class Flat:
    """Nodes without calls, and where values really come from.

    At most as many nodes are put in as `budget` allows: calls beyond stay calls, as do those of functions within
    themselves.
    """

    def __init__(self, functions: Mapping[str, RawFunction], budget: int) -> None:
        self.nodes: list[RawNode] = []
        self.budget = min(budget, MAX_NODES)
        self._functions = functions
        self._same: dict[str, str] = {}

    def expand(self, nodes: Iterable[RawNode]) -> None:
        """Takes nodes over, functions in place of calls, then the values of variables in place of reads."""
        self._expand(nodes, "", {}, 0)
        self._fold()

    def root(self, value: str) -> str:
        """The value that `value` is another name of."""
        path: set[str] = set()
        while value in self._same:
            if value in path:
                # Names in a circle, which only a damaged file has: cut, so that nobody walks it again.
                del self._same[value]
                break
            path.add(value)
            value = self._same[value]
        for passed in path:
            if passed != value:
                self._same[passed] = value
        return value

    def _expand(self, nodes: Iterable[RawNode], prefix: str, arguments: Mapping[str, str], depth: int) -> None:
        for node in nodes:
            inputs = tuple([arguments[value] if value in arguments else prefix + value for value in node.inputs])
            called = self._called(node, depth, prefix)
            if called is None or len(called.arguments) != len(inputs):
                self.nodes.append(node._replace(name=prefix + node.name, inputs=inputs) if prefix else node)
                continue
            self.budget -= len(called.nodes) + 1
            path = f"{prefix}{node.name}/"
            inner = {argument.name: value for argument, value in zip(called.arguments, inputs, strict=True)}
            self._expand(called.nodes, path, inner, depth + 1)
            for port, value in enumerate(called.results):
                self._same[value_key(prefix + node.name, port)] = inner[value] if value in inner else path + value

    def _called(self, node: RawNode, depth: int, prefix: str) -> RawFunction | None:
        name = node.attributes.get("f") if node.op in _CALLS else node.op
        function = self._functions.get(name) if isinstance(name, str) else None
        if function is None or depth > _MAX_DEPTH or len(prefix) + len(node.name) > _MAX_PREFIX:
            return None
        return function if len(function.nodes) < self.budget else None

    def _fold(self) -> None:
        by_name = {node.name: node for node in self.nodes}
        folded = set()
        for node in self.nodes:
            if node.op in _READS and len(node.inputs) == 1:
                held = self._held(node, by_name)
                if held is not None:
                    self._same[node.name] = held
                    folded.add(node.name)
        if folded:
            self.nodes = [node for node in self.nodes if node.name not in folded]

    def _held(self, node: RawNode, by_name: Mapping[str, RawNode]) -> str | None:
        """The constant or variable behind a chain of reads."""
        read = False
        for _ in range(_MAX_DEPTH):
            read = read or node.op == "ReadVariableOp"
            value = self.root(node.inputs[0])
            source = by_name.get(value)
            if source is None:
                return None
            if source.op in _HELD or (read and source.op == ARGUMENT):
                return value
            if source.op not in _READS or len(source.inputs) != 1:
                return None
            node = source
        return None
