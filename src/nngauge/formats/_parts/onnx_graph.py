"""Graphs of ONNX: `GraphProto`, `FunctionProto`, `NodeProto` and `AttributeProto`.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._api import ModelData
from nngauge.formats._parts.onnx_tensor import TensorReader, value_type
from nngauge.formats.vocabulary.onnx import OPERATOR, Operator, filling, operator
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_STRUCT_DEPTH, MAX_TENSORS

_SIGN: Final = 1 << 63
_ZERO: Final[Mapping[int, Attribute]] = {1: 0.0, 2: 0, 3: "", 6: (), 7: (), 8: ()}
"""Value of an attribute by type when the writer left the default out (proto3)."""
_ENDLESS: Final = 1 << 31
"""Exporters write the largest 32- or 64-bit number as the limit of a loop that only its condition ends."""
_CONSTANTS: Final = ("value_float", "value_int", "value_floats", "value_ints")
"""How ``Constant`` gives plain numbers; the fields before the first list hold scalars."""


class _Scope:
    """The values of one graph: tensors by name, in order of appearance."""

    __slots__ = ("names", "outer", "tensors")

    def __init__(self, outer: _Scope | None) -> None:
        self.outer = outer
        self.names: dict[bytes, int] = {}
        self.tensors: list[Tensor | None] = []

    def index(self, name: bytes) -> int:
        """Place of the value `name`, −1 for the empty name of an absent optional."""
        place = self.names.get(name)
        if place is None:
            if not name:
                return -1
            place = self.names[name] = len(self.tensors)
            self.tensors.append(None)
            if place > MAX_TENSORS:
                raise LimitError(f"more than {MAX_TENSORS} values")
        return place

    def finished(self) -> tuple[Tensor, ...]:
        """All tensors; values nothing is known of take shape and type from the graph around."""
        return tuple(
            self._known(name) if tensor is None else tensor
            for name, tensor in zip(self.names, self.tensors, strict=True)
        )

    def _known(self, name: bytes) -> Tensor:
        outer = self.outer
        text = name.decode("utf-8", "replace")
        while outer is not None:
            place = outer.names.get(name)
            tensor = outer.tensors[place] if place is not None else None
            if tensor is not None:
                return Tensor(text, tensor.dtype, tensor.shape, quantization=tensor.quantization, values=tensor.values)
            outer = outer.outer
        return Tensor(text)


class GraphReader(TensorReader):
    """State of one model."""

    def __init__(self, data: ModelData, functions: Mapping[tuple[bytes, bytes], int]) -> None:
        """`functions`: place of the model's own functions, by domain and name."""
        super().__init__(data)
        self._functions = functions
        self._ops: dict[tuple[bytes, bytes], Operator] = {}
        self._names: dict[bytes, str] = {}
        self._nodes = self._read = 0

    def progress(self) -> str:
        """What was read up to now."""
        return f"{self._read} of {self._nodes} operations"

    def graph(
        self, message: Field, depth: int = 0, outer: _Scope | None = None, functions: Sequence[Graph] = ()
    ) -> Graph:
        """A `GraphProto`; `functions` are the first of its sub-graphs."""
        if depth > MAX_STRUCT_DEPTH:
            raise LimitError("graphs nested too deeply", where=f"@{message.start}")
        parts: dict[int, list[Field]] = {}
        for field in fields(self._buf, message.start, message.end):
            if field.wire != BYTES:
                raise MalformedError(f"field {field.number} of a graph is not a message", where=f"@{field.start}")
            parts.setdefault(field.number, []).append(field)
        scope = _Scope(outer)
        inputs = [self._value(scope, field) for field in parts.get(11, ())]
        for field in parts.get(5, ()):
            self._initializer(scope, *self.dense(field))
        for field in parts.get(15, ()):
            self._initializer(scope, *self.sparse(field))
        outputs = [self._value(scope, field) for field in parts.get(12, ())]
        for field in parts.get(13, ()):
            self._value(scope, field)
        subgraphs = list(functions)
        nodes = self._node_list(parts.get(1, ()), scope, subgraphs, depth)
        tensors = scope.finished()
        return Graph(
            format="onnx",
            name=str(self._buf[parts[2][-1].start : parts[2][-1].end], "utf-8", "replace") if 2 in parts else "",
            nodes=nodes,
            tensors=tensors,
            # Before IR version 4 initialisers had to be listed among the inputs as well.
            inputs=tuple(index for index in inputs if not tensors[index].constant),
            outputs=tuple(outputs),
            subgraphs=tuple(subgraphs),
        )

    def function(self, message: Field) -> Graph:
        """A `FunctionProto` as a graph named ``domain::name``."""
        scope, subgraphs = _Scope(None), list[Graph]()
        ports: dict[int, list[int]] = {4: [], 5: []}
        bodies = []
        for field in fields(self._buf, message.start, message.end):
            if field.number in ports:
                ports[field.number].append(scope.index(bytes(self._buf[field.start : field.end])))
            elif field.number == 7 and field.wire == BYTES:
                bodies.append(field)
            elif field.number == 12 and field.wire == BYTES:
                self._value(scope, field)
        nodes = self._node_list(bodies, scope, subgraphs, 1)
        return Graph(
            format="onnx",
            name="::".join(part.decode("utf-8", "replace") for part in function_name(self._buf, message)),
            nodes=nodes,
            tensors=scope.finished(),
            inputs=tuple(ports[4]),
            outputs=tuple(ports[5]),
            subgraphs=tuple(subgraphs),
        )

    def _node_list(
        self, messages: Sequence[Field], scope: _Scope, subgraphs: list[Graph], depth: int
    ) -> tuple[Node, ...]:
        self._nodes += len(messages)
        if self._nodes > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operators")
        return tuple([self._node(field, scope, subgraphs, depth) for field in messages])

    def _node(self, message: Field, scope: _Scope, subgraphs: list[Graph], depth: int) -> Node:
        buf, index = self._buf, scope.index
        self._read += 1
        inputs, outputs = [], []
        name = operator_name = domain = output = b""
        constant: Tensor | None = None
        attributes: dict[str, Attribute] = {}
        for number, wire, _, start, end in fields(buf, message.start, message.end):
            if wire != BYTES:
                raise MalformedError(f"field {number} of a node is not text", where=f"@{start}")
            if number == 1:
                inputs.append(index(bytes(buf[start:end])))
            elif number == 2:
                output = bytes(buf[start:end])
                outputs.append(index(output))
            elif number == 3:
                name = bytes(buf[start:end])
            elif number == 4:
                operator_name = bytes(buf[start:end])
            elif number == 7:
                domain = bytes(buf[start:end])
            elif number == 5:
                key, value = self._attribute(start, end, scope, subgraphs, depth)
                constant = _keep(attributes, key, value) or constant
        known = self._ops.get((domain, operator_name)) or self._operator(domain, operator_name, message.start)
        if known.kind == "Call":
            attributes |= self._callee(domain, operator_name, depth)
        elif known.kind == "Loop" and inputs:
            attributes |= self._trips(scope.tensors[inputs[0]] if inputs[0] >= 0 else None)
        text = name.decode("utf-8", "replace")
        node = Node(known.op, known.kind, text, tuple(inputs), tuple(outputs), attributes)
        node = self._constant(node, constant, scope, output)
        return node if known.rewrite is None else known.rewrite(node)

    def _constant(self, node: Node, tensor: Tensor | None, scope: _Scope, output: bytes) -> Node:
        """``Constant`` describes its output; of ``ConstantOfShape`` element type and number become attributes."""
        if node.kind == "ConstantOfShape":
            return replace(node, attributes={**node.attributes, **filling(self._buf, tensor)})
        if node.kind != "Constant" or len(node.outputs) != 1 or node.outputs[0] < 0:
            return node
        found = tensor if tensor is not None else _of_numbers(node.attributes)
        if found is not None:
            scope.tensors[node.outputs[0]] = replace(found, name=output.decode("utf-8", "replace"))
        return node

    def _callee(self, domain: bytes, name: bytes, depth: int) -> dict[str, Attribute]:
        """What a call of one of the model's own functions runs; only the main graph holds them as sub-graphs."""
        if depth == 0:
            return {"body": self._functions[domain, name]}
        return {"function": f"{domain.decode('utf-8', 'replace')}::{name.decode('utf-8', 'replace')}"}

    def _trips(self, limit: Tensor | None) -> dict[str, Attribute]:
        """How often a loop runs, where its limit is a plain number (`_ENDLESS` stands for a while loop)."""
        if limit is None or limit.elements != 1 or limit.dtype is not DType.INT64:
            return {}
        span = limit.data
        if span is not None and span.part == 0 and span.size == 8:
            count = int.from_bytes(self._buf[span.offset : span.offset + 8], "little", signed=True)
        else:
            count = int(limit.values[0]) if limit.values else _ENDLESS
        return {"trip_count": count} if 0 <= count < _ENDLESS else {}

    def _operator(self, domain: bytes, name: bytes, at: int) -> Operator:
        space, text = domain.decode("utf-8", "replace"), name.decode("utf-8", "replace")
        if not OPERATOR.fullmatch(text):
            raise MalformedError(f"operator {text[:40]!r}", where=f"@{at}")
        found = operator(space, text)
        if (domain, name) in self._functions:
            found = Operator(f"{space}::{text}" if space else text, "Call")
        self._ops[domain, name] = found
        return found

    def _attribute(
        self, start: int, end: int, scope: _Scope, subgraphs: list[Graph], depth: int
    ) -> tuple[str, Attribute | Tensor | None]:
        """`(name, value)` of an `AttributeProto`: plain values, the tensor, or the places of the graphs."""
        buf = self._buf
        name, kind = "", 0
        value: Attribute | Tensor | None = None
        numbers: list[int] = []
        lists: list[Field] = []
        for field in fields(buf, start, end):
            number, wire, bits, first, last = field
            if number == 8 and wire == VARINT:
                numbers.append(bits if bits < _SIGN else bits - 2 * _SIGN)
            elif number == 1 and wire == BYTES:
                name = self._text(first, last)
            elif number == 20:
                kind = bits
            elif number in (2, 3, 4):
                value = _plain(buf, field)
            elif number in (7, 8, 9):
                lists.append(field)
            elif number in (5, 22) and wire == BYTES:
                value = (self.dense if number == 5 else self.sparse)(field)[1]
            elif number == 6 and wire == BYTES:
                value = self._inner(field, scope, subgraphs, depth)
            elif number == 11 and wire == BYTES:
                numbers.append(self._inner(field, scope, subgraphs, depth))
        if numbers:
            return name, tuple(numbers)
        if lists:
            return name, _listed(buf, lists)
        return name, _ZERO.get(kind) if value is None else value

    def _inner(self, message: Field, scope: _Scope, subgraphs: list[Graph], depth: int) -> int:
        """Reads the graph in an attribute; its place among the sub-graphs."""
        subgraphs.append(self.graph(message, depth + 1, scope))
        return len(subgraphs) - 1

    def _text(self, start: int, end: int) -> str:
        """An attribute's name; the same few names recur in every node."""
        raw = bytes(self._buf[start:end])
        known = self._names.get(raw)
        if known is None:
            known = self._names[raw] = raw.decode("utf-8", "replace")
        return known

    def _value(self, scope: _Scope, message: Field) -> int:
        """A `ValueInfoProto`; returns the place of its tensor."""
        name, dtype, shape = b"", DType.UNKNOWN, None
        for field in fields(self._buf, message.start, message.end):
            if field.number == 1 and field.wire == BYTES:
                name = bytes(self._buf[field.start : field.end])
            elif field.number == 2 and field.wire == BYTES:
                dtype, shape = value_type(self._buf, field)
        place = scope.index(name)
        if place < 0:
            raise MalformedError("a value without name", where=f"@{message.start}")
        if scope.tensors[place] is None:
            scope.tensors[place] = Tensor(name.decode("utf-8", "replace"), dtype, shape)
        return place

    def _initializer(self, scope: _Scope, name: bytes, tensor: Tensor) -> None:
        place = scope.index(name)
        if place < 0:
            raise MalformedError("an initialiser without name")
        scope.tensors[place] = tensor


def function_name(buf: Buffer, message: Field) -> tuple[bytes, bytes]:
    """`(domain, name)` of a `FunctionProto`."""
    found = {1: b"", 10: b""}
    for field in fields(buf, message.start, message.end):
        if field.number in found:
            found[field.number] = protobuf.text(buf, field).encode()
    return found[10], found[1]


def _keep(attributes: dict[str, Attribute], key: str, value: Attribute | Tensor | None) -> Tensor | None:
    """Adds a plain value; gives back a tensor."""
    if isinstance(value, Tensor):
        return value
    if value is not None:
        attributes[key] = value
    return None


def _of_numbers(attributes: Mapping[str, Attribute]) -> Tensor | None:
    """The tensor that a ``Constant`` describes with plain numbers."""
    for key in _CONSTANTS:
        value = attributes.get(key)
        if value is None or isinstance(value, str):
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        shape = (len(numbers),) if isinstance(value, tuple) else ()
        if "int" in key:
            whole = tuple(number for number in numbers if isinstance(number, int))
            kept = whole if len(whole) == len(numbers) <= MAX_INLINE_VALUES else None
            return Tensor("", DType.INT64, shape, constant=True, values=kept)
        real = tuple(float(number) for number in numbers if isinstance(number, int | float))
        kept_reals = real if len(real) == len(numbers) <= MAX_INLINE_VALUES else None
        return Tensor("", DType.FLOAT32, shape, constant=True, values=kept_reals)
    return None


def _plain(buf: Buffer, field: Field) -> Attribute:
    """The float, integer or text of an attribute."""
    if field.number == 2:
        return protobuf.single(field.value)
    return signed(field.value) if field.number == 3 else protobuf.text(buf, field)


def _listed(buf: Buffer, lists: Sequence[Field]) -> Attribute:
    number = lists[0].number
    if number == 7:
        return tuple(value for field in lists for value in protobuf.floats(buf, field))
    if number == 8:
        return tuple(value for field in lists for value in protobuf.varints(buf, field))
    return tuple(protobuf.text(buf, field) for field in lists)
