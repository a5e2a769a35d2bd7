"""TensorFlow's `GraphDef` message, shared by frozen graphs and SavedModels.

Schema: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework (graph.proto, node_def.proto,
attr_value.proto, tensor.proto, function.proto). A value is named like TensorFlow names it: ``node`` for output 0,
``node:1`` for others, ``node:port:0`` inside functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats.vocabulary.tensorflow import KINDS, dtype
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed
from nngauge.limits import MAX_NODES, MAX_RANK

_NAME: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9_>./\\\- :]{0,4096}")
_OP: Final = re.compile(r"[A-Z_][A-Za-z0-9_]*(>[A-Za-z0-9_]+)*")
_NOT_OPS: Final = re.compile(r".*(Calculator|Subgraph|InputStreamHandler)")
"""MediaPipe graphs have the same shape on the wire; their nodes are called this."""
_FIELDS: Final = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: BYTES}
_VARIABLES: Final = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_INPUTS: Final = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
_SINKS: Final = frozenset({"NoOp", "Assert", "Const", "Assign", "SaveV2", "MergeV2Checkpoints", "AssignVariableOp"})
"""Nodes that nobody consumes and that are no output either."""
_HIDDEN: Final = frozenset({"value", "_output_shapes", "shape", "dtype"})
_MAX_TEXT: Final = 1024
"""Characters kept of a text attribute; some hold serialised protobufs."""


class _Raw(NamedTuple):
    """A `NodeDef` before its values are known."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Field]


def looks_like_node(head: bytes, pos: int, end: int) -> bool:
    """Whether a `NodeDef` begins at `pos`: name and operator of the right form, then nothing that a node lacks."""
    texts = []
    for key in (0x0A, 0x12):
        if pos + 2 > len(head) or head[pos] != key or head[pos + 1] >= 0x80:
            return False
        start = pos + 2
        pos = start + head[pos + 1]
        texts.append(head[start:pos].decode("latin-1"))
        if pos > end or pos > len(head):
            return False
    known = pos == end or pos == len(head) or head[pos] in (0x1A, 0x22, 0x2A, 0x32, 0x3A)
    return known and bool(_NAME.fullmatch(texts[0]) and _OP.fullmatch(texts[1]) and not _NOT_OPS.fullmatch(texts[1]))


def graph_def(buf: Buffer, start: int, end: int, name: str) -> Graph:
    """The graph in `buf[start:end]` with its library functions as sub-graphs.

    Inputs are the placeholders, outputs the nodes that nobody consumes. Raises `NotThisFormat` when the message is not
    a `GraphDef`, `MalformedError` when its edges lead nowhere.
    """
    nodes: list[_Raw] = []
    functions: list[Field] = []
    versions = ""
    for field in fields(buf, start, end):
        if field.number == 1 and field.wire == BYTES:
            nodes.append(_raw_node(buf, field))
            if len(nodes) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} nodes")
        elif field.number == 2 and field.wire == BYTES:
            functions += [entry for entry in fields(buf, field.start, field.end) if entry.number == 1]
        elif field.number == 4 and field.wire == BYTES:
            versions = _versions(buf, field)
        elif (field.number, field.wire) not in ((3, VARINT), (5, BYTES)):
            raise NotThisFormat(f"field {field.number} is not one of GraphDef")
    if not nodes and not functions:
        raise NotThisFormat("no nodes")
    known = {node.name for node in nodes}
    for node in nodes:
        for value in node.inputs:
            if value.partition(":")[0].lstrip("^") not in known:
                raise MalformedError(f"node {node.name[:80]!r} consumes {value[:80]!r}, which is missing")
    subgraphs = tuple(_function(buf, field) for field in functions if field.wire == BYTES)
    return _graph(buf, nodes, name, subgraphs, versions)


def _versions(buf: Buffer, message: Field) -> str:
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            return str(field.value)
    return ""


def _raw_node(buf: Buffer, message: Field) -> _Raw:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, Field] = {}
    for field in fields(buf, message.start, message.end):
        number, wire, _, start, end = field
        if _FIELDS.get(number) != wire:
            raise NotThisFormat(f"field {number} is not one of NodeDef")
        if number == 1:
            name = protobuf.text(buf, field)
        elif number == 2:
            op = protobuf.text(buf, field)
        elif number == 3:
            inputs.append(str(buf[start:end], "utf-8", "replace"))
        elif number == 5:
            key, value = _entry(buf, field)
            if value is not None:
                attributes[key] = value
    if not _NAME.fullmatch(name) or not _OP.fullmatch(op) or _NOT_OPS.fullmatch(op):
        raise NotThisFormat(f"node {name[:40]!r} of operator {op[:40]!r}")
    return _Raw(name, op, tuple(inputs), attributes)


def _entry(buf: Buffer, message: Field) -> tuple[str, Field | None]:
    """Key and value message of a map entry."""
    key, value = "", None
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            key = protobuf.text(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            value = field
    return key, value


def _graph(buf: Buffer, raw: list[_Raw], name: str, subgraphs: tuple[Graph, ...], versions: str) -> Graph:
    tensors: list[Tensor] = []
    places: dict[str, int] = {}
    ports: dict[str, list[str]] = {node.name: [] for node in raw}
    for node in raw:
        for value in node.inputs:
            if value[0:1] != "^":
                key = _canonical(value)
                if key not in places:
                    places[key] = len(places)
                    ports.setdefault(key.partition(":")[0], []).append(key)
    for node in raw:
        if not ports[node.name]:
            places[node.name] = len(places)
            ports[node.name].append(node.name)
    known: dict[str, Tensor] = {}
    for node in raw:
        known.update(_values(buf, node, ports[node.name]))
    tensors = [known.get(key, Tensor(key)) for key in places]
    consumed = {_canonical(value) for node in raw for value in node.inputs if value[0:1] != "^"}
    return Graph(
        format="tf_graph",
        name=name,
        nodes=tuple([_node(buf, node, places, ports[node.name]) for node in raw]),
        tensors=tuple(tensors),
        inputs=tuple(places[ports[node.name][0]] for node in raw if node.op in _INPUTS),
        outputs=tuple(
            places[key]
            for node in raw
            if node.op not in _SINKS and node.op not in _INPUTS
            for key in ports[node.name]
            if key not in consumed
        ),
        subgraphs=subgraphs,
        format_version=versions or None,
    )


def _canonical(value: str) -> str:
    """``node:0`` is ``node``."""
    return value[:-2] if value.endswith(":0") and value.count(":") == 1 else value


def _node(buf: Buffer, node: _Raw, places: Mapping[str, int], outputs: list[str]) -> Node:
    attributes: dict[str, Attribute] = {}
    for key, message in node.attributes.items():
        if key not in _HIDDEN and not key.startswith("_"):
            value = _attribute(buf, message)
            if value is not None:
                attributes[key] = value
    inputs = tuple([places[_canonical(value)] for value in node.inputs if value[0:1] != "^"])
    return Node(node.op, KINDS.get(node.op), node.name, inputs, tuple([places[key] for key in outputs]), attributes)


def _values(buf: Buffer, node: _Raw, keys: Sequence[str]) -> Iterator[tuple[str, Tensor]]:
    """What is known of a node's outputs: the constant, the variable, or type and shape from the attributes."""
    attributes = node.attributes
    kind = dtype(_first(buf, attributes.get("dtype") or attributes.get("T"), 6))
    first = keys[0]
    if node.op == "Const" and "value" in attributes:
        for field in fields(buf, attributes["value"].start, attributes["value"].end):
            if field.number == 8 and field.wire == BYTES:
                yield first, _tensor(buf, field, first)
                return
    if node.op in _VARIABLES or node.op in _INPUTS:
        shape = _shape_attribute(buf, attributes.get("shape"))
        yield first, Tensor(first, kind, shape, constant=node.op in _VARIABLES)
        return
    if node.op == "Cast":
        kind = dtype(_first(buf, attributes.get("DstT"), 6))
    shapes = _output_shapes(buf, attributes.get("_output_shapes"))
    for key in keys:
        last = key.rpartition(":")[2]
        port = int(last[:9]) if ":" in key and last.isdecimal() else 0
        yield key, Tensor(key, kind, shapes[port] if port < len(shapes) else None)


def _first(buf: Buffer, message: Field | None, number: int) -> int:
    """The varint `number` of an `AttrValue`."""
    if message is not None:
        for field in fields(buf, message.start, message.end):
            if field.number == number and field.wire == VARINT:
                return field.value
    return 0


def _shape_attribute(buf: Buffer, message: Field | None) -> tuple[Dim, ...] | None:
    if message is not None:
        for field in fields(buf, message.start, message.end):
            if field.number == 7 and field.wire == BYTES:
                return shape_proto(buf, field)
    return None


def _output_shapes(buf: Buffer, message: Field | None) -> list[tuple[Dim, ...] | None]:
    """The list that graph optimisers leave in ``_output_shapes``."""
    found: list[tuple[Dim, ...] | None] = []
    for field in fields(buf, message.start, message.end) if message is not None else ():
        if field.number == 1 and field.wire == BYTES:
            found += [
                shape_proto(buf, entry)
                for entry in fields(buf, field.start, field.end)
                if entry.number == 7 and entry.wire == BYTES
            ]
    return found


def shape_proto(buf: Buffer, message: Field) -> tuple[Dim, ...] | None:
    """A `TensorShapeProto`; None when the rank is unknown."""
    dims: list[Dim] = []
    for field in fields(buf, message.start, message.end):
        if field.number == 3 and field.value:
            return None
        if field.number == 2 and field.wire == BYTES:
            size = 0
            for part in fields(buf, field.start, field.end):
                if part.number == 1:
                    size = signed(part.value)
            dims.append(size if size >= 0 else None)
            if len(dims) > MAX_RANK:
                raise LimitError(f"tensor of more than {MAX_RANK} dimensions", where=f"@{message.start}")
    return tuple(dims)


def _tensor(buf: Buffer, message: Field, name: str) -> Tensor:
    """A `TensorProto`; data in place when it is stored as bytes or packed numbers of its own width."""
    code, shape, span = 0, None, None
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            code = field.value
        elif field.number == 2 and field.wire == BYTES:
            shape = shape_proto(buf, field)
        elif field.number in (4, 5, 6) and field.wire == BYTES and field.end > field.start:
            span = Span(field.start, field.end - field.start)
    return Tensor(name, dtype(code), shape, span, constant=True)


def _attribute(buf: Buffer, message: Field) -> Attribute | None:
    """A plain `AttrValue`; None for tensors and shapes."""
    for field in fields(buf, message.start, message.end):
        number = field.number
        if number == 1 and field.wire == BYTES:
            return _listed(buf, field)
        if number == 2 and field.wire == BYTES:
            return str(buf[field.start : min(field.end, field.start + _MAX_TEXT)], "utf-8", "replace")
        if number == 3:
            return signed(field.value)
        if number == 4:
            return protobuf.single(field.value)
        if number == 5:
            return bool(field.value)
        if number == 6:
            return dtype(field.value).value
        if number == 10 and field.wire == BYTES:
            return next(
                (protobuf.text(buf, part) for part in fields(buf, field.start, field.end) if part.number == 1), None
            )
        return None
    return None


def _listed(buf: Buffer, message: Field) -> Attribute | None:
    """A list of numbers, texts or types; None when it is empty or of something else."""
    numbers: list[int] = []
    floats: list[float] = []
    texts: list[str] = []
    for field in fields(buf, message.start, message.end):
        if field.number == 3:
            numbers += protobuf.varints(buf, field)
        elif field.number == 4:
            floats += protobuf.floats(buf, field)
        elif field.number == 6:
            texts += [dtype(code).value for code in protobuf.varints(buf, field)]
        elif field.number == 2 and field.wire == BYTES:
            texts.append(str(buf[field.start : min(field.end, field.start + _MAX_TEXT)], "utf-8", "replace"))
    return tuple(numbers) or tuple(floats) or tuple(texts) or None


def _function(buf: Buffer, message: Field) -> Graph:
    """A `FunctionDef`: arguments of its signature as inputs, `ret` values as outputs."""
    name = ""
    arguments: list[tuple[str, DType]] = []
    nodes: list[_Raw] = []
    returned: list[str] = []
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == BYTES:
            name, arguments = _signature(buf, field)
        elif field.number == 3 and field.wire == BYTES:
            nodes.append(_raw_node(buf, field))
        elif field.number == 4 and field.wire == BYTES:
            value = _entry(buf, field)[1]
            if value is not None:
                returned.append(protobuf.text(buf, value))
    # Arguments and results take part as nodes do, so that their values exist; they are taken out again below.
    places = {key for key, _ in arguments}
    arms = [_Raw(key, "Placeholder", (), {}) for key, _ in arguments]
    sink = [_Raw("", "NoOp", tuple(returned), {})] if returned else []
    graph = _graph(buf, [*arms, *nodes, *sink], name, (), "")
    kinds = dict(arguments)
    tensors = tuple(
        Tensor(tensor.name, kinds[tensor.name]) if tensor.name in kinds else tensor for tensor in graph.tensors
    )
    return Graph(
        format="tf_graph",
        name=name,
        nodes=tuple(node for node in graph.nodes if node.name and node.name not in places),
        tensors=tensors,
        inputs=graph.inputs[: len(arguments)],
        outputs=graph.nodes[-1].inputs if sink else (),
    )


def _signature(buf: Buffer, message: Field) -> tuple[str, list[tuple[str, DType]]]:
    """`(name, arguments)` of an `OpDef`."""
    name = ""
    arguments: list[tuple[str, DType]] = []
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            name = protobuf.text(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            argument, code = "", 0
            for part in fields(buf, field.start, field.end):
                if part.number == 1:
                    argument = protobuf.text(buf, part)
                elif part.number == 3:
                    code = part.value
            arguments.append((argument, dtype(code)))
    return name, arguments
