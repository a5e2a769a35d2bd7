"""From TensorFlow's nodes to a `Graph`: values in place, constants and variables as tensors, one operator vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, DType, Graph, Node, Tensor
from nngauge.errors import MalformedError
from nngauge.formats._parts.tf_inline import ARGUMENT, VARIABLES, Flat
from nngauge.formats._parts.tf_nodes import RawFunction, RawGraph, RawNode, split_value, value_key
from nngauge.formats._parts.tf_restore import restored_keys
from nngauge.formats.vocabulary._operation import Operation, Values, reordered
from nngauge.formats.vocabulary.tensorflow import (
    CONTROL,
    COUNTS,
    ELEMENT_SHAPES,
    KINDS,
    RULES,
    result_type,
)

Read = Callable[[Tensor], Values | None]
Held = Callable[[RawNode, str], Tensor | None]
"""The value of a variable, by its node and its key in the checkpoint (empty when unknown); None when not known."""
INPUTS: Final = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault", ARGUMENT})
_SINKS: Final = frozenset(
    {
        "NoOp", "Assert", "Const", "Assign", "SaveV2", "MergeV2Checkpoints", "AssignVariableOp", "AssignAddVariableOp",
        "AssignSubVariableOp", "SaveSlices", "Save", "RestoreV2",
    }
)  # fmt: skip
"""Nodes that nobody consumes and that are no output either."""
_NO_VALUE: Final = frozenset({"NoOp", "Assert", "SaveV2", "MergeV2Checkpoints", "AssignVariableOp", "SaveSlices"})
_MAX_PORTS: Final = 1024
"""Outputs of one node that are listed though nobody consumes them."""


class Networks:
    """The graphs of one file: what is built shares the function library and the list of sub-graphs."""

    def __init__(self, raw: RawGraph, read: Read, held: Held, form: str, first: int = 0) -> None:
        """`first`: sub-graphs of the model that come before those built here."""
        self._first = first
        self._raw = raw
        self._read = read
        self._held = held
        self._format = form
        total = len(raw.nodes) + sum(len(function.nodes) for function in raw.functions.values())
        self._budget = 4 * total + 4096
        """Nodes that calls may put in: functions are called about once, hostile ones call each other."""
        self._main = self._flat(raw.nodes)
        self._keys = restored_keys(self._main)
        self._wanted: dict[str, int] = {}
        self._callers: dict[str, tuple[Tensor | None, ...]] = {}
        self.subgraphs: list[Graph] = []

    def whole(self, name: str = "") -> Graph:
        """All nodes: inputs are the placeholders, outputs what nobody consumes."""
        return self._graph(self._main, name, self._main.nodes, None, None)

    def between(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], name: str = "", *, prune: bool) -> Graph:
        """What stands between the inputs and outputs of a signature; `prune` leaves out what does not lead there."""
        flat = self._main
        roots = [flat.root(tensor.name) for tensor in outputs]
        nodes = _leading_to(flat, [*roots, *(tensor.name for tensor in inputs)]) if prune else flat.nodes
        known = {tensor.name: tensor for tensor in inputs}
        known |= {root: replace(tensor, name=root) for root, tensor in zip(roots, outputs, strict=True)}
        return self._graph(flat, name, nodes, ([tensor.name for tensor in inputs], roots), known)

    def finish(self) -> tuple[Graph, ...]:
        """Builds the sub-graphs that nodes refer to, those of sub-graphs included."""
        built = 0
        while built < len(self._wanted):
            name = list(self._wanted)[built]
            built += 1
            self.subgraphs.append(self._function(self._raw.functions[name]))
        return tuple(self.subgraphs)

    def _flat(self, nodes: Iterable[RawNode]) -> Flat:
        flat = Flat(self._raw.functions, self._budget)
        flat.expand(nodes)
        self._budget = flat.budget
        return flat

    def _function(self, function: RawFunction) -> Graph:
        arms = [RawNode(tensor.name, ARGUMENT, (), {}, (tensor.shape,)) for tensor in function.arguments]
        flat = self._flat([*arms, *function.nodes])
        given = self._callers.get(function.name, ())
        known = {}
        for place, tensor in enumerate(function.arguments):
            caller = given[place] if place < len(given) else None
            if caller is not None and caller.constant and tensor.dtype is DType.RESOURCE:
                tensor = replace(tensor, dtype=caller.dtype, shape=caller.shape)
            known[tensor.name] = tensor
        ends = [tensor.name for tensor in function.arguments], [flat.root(value) for value in function.results]
        nodes = [node for node in flat.nodes if node.op != ARGUMENT]
        return self._graph(flat, function.name, nodes, ends, known)

    def _graph(
        self,
        flat: Flat,
        name: str,
        nodes: Sequence[RawNode],
        ends: tuple[Sequence[str], Sequence[str]] | None,
        known: Mapping[str, Tensor] | None,
    ) -> Graph:
        edges = [tuple([flat.root(value) for value in node.inputs]) for node in nodes]
        extra = [*ends[0], *ends[1]] if ends is not None else []
        ports = _ports(nodes, edges, extra)
        tensors = self._tensors(nodes, ports)
        for key, tensor in (known or {}).items():
            if not (key in tensors and tensors[key].constant):
                tensors[key] = tensor
        for keys in (*edges, extra):
            for key in keys:
                tensors.setdefault(key, Tensor(key))
        self._shape_elements(nodes, edges, tensors)
        places = {key: place for place, key in enumerate(tensors)}
        listed = tuple(tensors.values())
        made = tuple(
            [
                self._node(
                    node, tuple([places[key] for key in keys]), [places[key] for key in ports[node.name]], listed
                )
                for node, keys in zip(nodes, edges, strict=True)
            ]
        )
        inputs, outputs = ends if ends is not None else _loose_ends(nodes, edges, ports)
        return Graph(
            format=self._format,
            name=name,
            nodes=made,
            tensors=listed,
            inputs=tuple([places[key] for key in inputs]),
            outputs=tuple([places[key] for key in outputs]),
        )

    def _tensors(self, nodes: Sequence[RawNode], ports: Mapping[str, Sequence[str]]) -> dict[str, Tensor]:
        found = {}
        for node in nodes:
            value = node.value or (self._variable(node) if node.op in VARIABLES else None)
            for key in ports[node.name]:
                if value is not None and key == node.name:
                    found[key] = replace(value, name=key)
                else:
                    port = split_value(key)[1]
                    shape = node.shapes[port] if port < len(node.shapes) else None
                    kind = result_type(node.op, node.attributes, port)
                    found[key] = Tensor(key, kind, () if kind is DType.VARIANT else shape)
        return found

    def _shape_elements(
        self, nodes: Sequence[RawNode], edges: Sequence[Sequence[str]], tensors: dict[str, Tensor]
    ) -> None:
        """Shapes of what is taken out of lists, where the node says the shape of an element in full."""
        for node, keys in zip(nodes, edges, strict=True):
            place = ELEMENT_SHAPES.get(node.op)
            if place is None or place >= len(keys) or tensors[node.name].shape is not None:
                continue
            given = tensors[keys[place]]
            shape = self._read(given) if given.constant else None
            count = (node.attributes.get("num_elements"),) if node.op == "TensorListStack" else ()
            sizes = tuple([size for size in (*count, *(shape or ())) if isinstance(size, int) and size >= 0])
            if shape is not None and len(sizes) == len(count) + len(shape):
                tensors[node.name] = replace(tensors[node.name], shape=sizes)

    def _variable(self, node: RawNode) -> Tensor:
        held = self._held(node, self._keys.get(node.name, ""))
        kind = result_type("VariableV2", node.attributes, 0)
        declared = Tensor(node.name, kind, node.shapes[0] if node.shapes else None, constant=True)
        if held is None or (declared.elements is not None and held.shape != declared.shape):
            return declared  # a checkpoint of another shape is of another model, or damaged
        return replace(declared, dtype=held.dtype, shape=held.shape, data=held.data, values=held.values)

    def _node(self, node: RawNode, inputs: tuple[int, ...], outputs: list[int], tensors: Sequence[Tensor]) -> Node:
        op, name, kind = node.op, node.name, KINDS.get(node.op)
        function = self._raw.functions.get(op)
        if op in CONTROL or function is not None:
            given = tuple([tensors[place] for place in inputs])
            found = self._bodies(node, given, function)
            order = (-1, -1, *inputs) if kind == "Loop" else inputs
            return Node(op, kind or "Call", name, order, tuple(outputs), found)
        if kind is None:
            return Node(op, None, name, inputs, tuple(outputs), node.attributes)
        rule = RULES.get(op)
        if rule is None:
            return Node(op, kind, name, inputs, tuple(outputs))
        operation = Operation(
            op,
            node.attributes,
            tuple([tensors[place] for place in inputs]),
            tuple([tensors[place] for place in outputs]),
            self._read,
        )
        canonical = rule(operation)
        order = reordered(inputs, canonical.order)
        return Node(op, canonical.kind or kind, name, order, tuple(outputs), canonical.attributes)

    def _bodies(self, node: RawNode, given: tuple[Tensor, ...], function: RawFunction | None) -> dict[str, Attribute]:
        """Places of the functions that a node runs, in the list of sub-graphs."""
        found: dict[str, Attribute] = {}
        for theirs, ours in CONTROL.get(node.op, {"": "body"}).items():
            name = function.name if function is not None else node.attributes.get(theirs)
            if isinstance(name, str) and name in self._raw.functions:
                # The condition of an If is no argument of its branches.
                self._callers.setdefault(name, given[1:] if ours.endswith("_branch") else given)
                found[ours] = self._first + self._wanted.setdefault(name, len(self._wanted))
        return found


def _leading_to(flat: Flat, keys: Iterable[str]) -> list[RawNode]:
    """The nodes that the values need, in their order in the file."""
    by_name = {node.name: node for node in flat.nodes}
    wanted: set[str] = set()
    queue = [split_value(key)[0] for key in keys]
    while queue:
        name = queue.pop()
        node = by_name.get(name)
        if node is None or name in wanted:
            continue
        wanted.add(name)
        queue.extend(split_value(flat.root(value))[0] for value in node.inputs)
    return [node for node in flat.nodes if node.name in wanted]


def _ports(nodes: Sequence[RawNode], edges: Sequence[Sequence[str]], extra: Sequence[str]) -> dict[str, Sequence[str]]:
    """The outputs of each node: all up to the last that is consumed or that its operator has."""
    used: dict[str, set[int]] = {node.name: set() for node in nodes}
    for keys in (*edges, extra):
        for key in keys:
            name, port = split_value(key)
            if name in used:
                used[name].add(port)
    found: dict[str, Sequence[str]] = {}
    for node in nodes:
        ports, count = used[node.name], COUNTS.get(node.op, 0)
        counted = node.attributes.get(count) if isinstance(count, str) else count
        least = counted if isinstance(counted, int) and 0 < counted <= _MAX_PORTS else int(node.op not in _NO_VALUE)
        last = max([least - 1, *ports])
        listed = range(last + 1) if last < _MAX_PORTS else sorted(ports)
        found[node.name] = [value_key(node.name, port) for port in listed]
    return found


def _loose_ends(
    nodes: Sequence[RawNode], edges: Sequence[Sequence[str]], ports: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Placeholders, and values that nobody consumes."""
    consumed = {key for keys in edges for key in keys}
    inputs = [ports[node.name][0] for node in nodes if node.op in INPUTS]
    ends = [node for node in nodes if node.op not in _SINKS and node.op not in INPUTS and node.op not in VARIABLES]
    quiet = [node for node in ends if not any(key in consumed for key in ports[node.name])]
    return inputs, [key for node in quiet for key in ports[node.name]]


def check_edges(nodes: Iterable[RawNode], known: Iterable[str]) -> None:
    """Every edge leads to a node or argument; `MalformedError` otherwise."""
    names = set(known)
    for node in nodes:
        for value in node.inputs:
            if value not in names and split_value(value)[0] not in names:
                raise MalformedError(f"node {node.name[:80]!r} consumes {value[:80]!r}, which is missing")
