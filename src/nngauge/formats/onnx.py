"""ONNX models: the protobuf message `ModelProto`, read from the wire.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers below follow it). The message has no
magic and no length, so acceptance rests on the order and meaning of its first fields and on a graph of named operators.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats.vocabulary.onnx import DTYPES, OPERATOR, operator_names
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TENSORS

_MAX_IR: Final = 20
"""Version 13 is current; a first varint above this is some other protobuf."""
_MODEL_WIRES: Final = {
    1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES, 14: BYTES, 20: BYTES, 25: BYTES,
    26: BYTES,
}  # fmt: skip
_GRAPH_KEYS: Final = frozenset({0x0A, 0x12, 0x2A, 0x52, 0x5A, 0x62, 0x6A, 0x72, 0x7A})
"""First byte of a `GraphProto`: field 1, 2, 5, 10–15 with a length."""
_GRAPH_STARTS: Final = frozenset(bytes([key]) for key in _GRAPH_KEYS)
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_SIGN: Final = 1 << 63
_MAX_PROPERTY: Final = 65_536
"""Characters kept of one metadata value (some exporters store whole vocabularies there)."""
_BITS: Final = (
    0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2,
)  # fmt: skip
"""Bits of one element in `raw_data`, 0 where there is no such form."""
_COMPANIONS: Final = ("_data", ".data", ".weights", ".weight")


def probe(head: bytes, size: int, _name: str) -> bool:
    """`ir_version` first, then only fields of `ModelProto`, texts printable and a graph that begins like one."""
    if len(head) < 8 or head[0] != 0x08 or not 1 <= head[1] <= _MAX_IR:
        return False
    pos, seen = 2, False
    while pos < len(head) - 1:
        number, wire = head[pos] >> 3, head[pos] & 7
        if head[pos] >= 0x80 or _MODEL_WIRES.get(number) != wire:
            # Two-byte keys are fields above 15: training information and functions, never first.
            return seen and head[pos] >= 0x80
        value, pos = _varint(head, pos + 1)
        if wire == VARINT:
            continue
        if pos < 0 or value > size - pos:
            return False
        if number == 7:
            return value > 0 and pos < len(head) and head[pos] in _GRAPH_KEYS
        if number in (2, 3, 4, 6) and _NO_TEXT.search(head[pos : pos + value]):
            return False
        seen = True
        pos += value
    return seen


def _varint(head: bytes, pos: int) -> tuple[int, int]:
    value = shift = 0
    while pos < len(head) and shift < 64:
        byte = head[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    return 0, -1


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """External data files by the names that exporters give them: ``x.onnx.data``, ``x.onnx_data``, ``x.data`` …

    The true names stand inside the model; others than these stay unbound and their weights are noted as missing.
    """
    stem = posixpath.splitext(lead)[0]
    starts = tuple(base + ending for base in (lead, stem) for ending in _COMPANIONS)
    return tuple(sorted(path for path in paths if path != lead and path.startswith(starts)))


def parse(data: ModelData) -> Graph:
    """Reads graph, functions, sub-graphs and initialisers (by offset); see `Format.parse` for the errors.

    An attribute that holds a graph reads ``subgraphs[n]``, the place in `Graph.subgraphs` of the same graph.
    """
    buf = data.buf
    model = _top_level(buf)
    reader = _Reader(data)
    opsets = dict(_opset(buf, field) for field in model.get(8, ()))
    ir_version = model[1][0].value
    if not opsets and ir_version >= 3:
        raise MalformedError("no operator set is imported")
    graph = reader.graph(model[7][-1], 0)
    if not graph.nodes and not any(tensor.constant for tensor in graph.tensors):
        raise MalformedError("a graph without operators and weights")
    functions = [reader.function(field) for field in model.get(25, ())]
    return replace(
        graph,
        subgraphs=(*graph.subgraphs, *functions),
        format_version=", ".join(f"{domain or 'opset'} {version}" for domain, version in sorted(opsets.items())),
        producer=" ".join(_text(buf, model[number][-1]) for number in (2, 3) if number in model).strip() or None,
        metadata=dict(_metadata(buf, model)),
        notes=tuple(reader.notes()),
    )


def _top_level(buf: Buffer) -> dict[int, list[Field]]:
    """The fields of `ModelProto` by number; `NotThisFormat` for any other message."""
    if len(buf) < 8:
        raise NotThisFormat("too short")
    found: dict[int, list[Field]] = {}
    try:
        for field in fields(buf):
            if _MODEL_WIRES.get(field.number) != field.wire:
                raise NotThisFormat(f"field {field.number} is not one of ModelProto")
            found.setdefault(field.number, []).append(field)
    except InputError:
        # Truncated downloads keep their head; without it this was never an ONNX file.
        if 7 in found or not probe(bytes(buf[:512]), 1 << 62, ""):
            raise NotThisFormat("not a ModelProto") from None
        raise
    if not 1 <= found.get(1, [Field(1, 0, 0, 0, 0)])[0].value <= _MAX_IR:
        raise NotThisFormat("no plausible ir_version")
    if 7 not in found or _first_byte(buf, found[7][-1]) not in _GRAPH_STARTS:
        raise NotThisFormat("no graph")
    return found


def _first_byte(buf: Buffer, field: Field) -> bytes:
    return bytes(buf[field.start : min(field.start + 1, field.end)])


def _text(buf: Buffer, field: Field) -> str:
    return str(buf[field.start : field.end], "utf-8", "replace")


def _opset(buf: Buffer, message: Field) -> tuple[str, int]:
    domain, version = "", 0
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            domain = protobuf.text(buf, field)
        elif field.number == 2:
            version = signed(field.value)
    return ("" if domain == "ai.onnx" else domain), version


def _pair(buf: Buffer, message: Field) -> tuple[str, str]:
    """A `StringStringEntryProto`."""
    pair = ["", ""]
    for field in fields(buf, message.start, message.end):
        if field.number in (1, 2) and field.wire == BYTES:
            end = min(field.end, field.start + _MAX_PROPERTY)
            pair[field.number - 1] = str(buf[field.start : end], "utf-8", "replace")
    return pair[0], pair[1]


def _metadata(buf: Buffer, model: Mapping[int, Sequence[Field]]) -> Iterator[tuple[str, str]]:
    yield "ir_version", str(model[1][0].value)
    for number, key in ((4, "domain"), (6, "description")):
        if number in model and (text := _text(buf, model[number][-1])[:_MAX_PROPERTY]):
            yield key, text
    if 5 in model:
        yield "model_version", str(signed(model[5][-1].value))
    for entry in model.get(14, ()):
        yield _pair(buf, entry)


class _Scope:
    """The values of one graph: tensors by name, in order of appearance."""

    __slots__ = ("_decoded", "names", "outer", "tensors")

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
                return Tensor(text, tensor.dtype, tensor.shape, quantization=tensor.quantization)
            outer = outer.outer
        return Tensor(text)


class _Reader:
    """State of one model: where external data lies and what is missing."""

    def __init__(self, data: ModelData) -> None:
        self._buf = data.buf
        self._folder = posixpath.dirname(data.name)
        self._parts = {name: (place, len(part)) for place, (name, part) in enumerate(data.parts.items(), 1)}
        self._ops: dict[tuple[bytes, bytes], tuple[str, str | None]] = {}
        self._names: dict[bytes, str] = {}
        self._nodes = self._missing = self._undefined = 0

    def graph(self, message: Field, depth: int, outer: _Scope | None = None) -> Graph:
        """A `GraphProto`."""
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
            self._initializer(scope, field)
        for field in parts.get(15, ()):
            self._sparse(scope, field)
        outputs = [self._value(scope, field) for field in parts.get(12, ())]
        for field in parts.get(13, ()):
            self._value(scope, field)
        subgraphs: list[Graph] = []
        nodes = self._node_list(parts.get(1, ()), scope, subgraphs, depth)
        tensors = scope.finished()
        return Graph(
            format="onnx",
            name=_text(self._buf, parts[2][-1]) if 2 in parts else "",
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
        names: dict[int, str] = {}
        ports: dict[int, list[int]] = {4: [], 5: []}
        bodies = []
        for field in fields(self._buf, message.start, message.end):
            if field.number in (1, 10):
                names[field.number] = protobuf.text(self._buf, field)
            elif field.number in ports:
                ports[field.number].append(scope.index(bytes(self._buf[field.start : field.end])))
            elif field.number == 7 and field.wire == BYTES:
                bodies.append(field)
            elif field.number == 12 and field.wire == BYTES:
                self._value(scope, field)
        nodes = self._node_list(bodies, scope, subgraphs, 0)
        return Graph(
            format="onnx",
            name=f"{names.get(10, '')}::{names.get(1, '')}",
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
        inputs, outputs = [], []
        name = operator = domain = output = b""
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
                operator = bytes(buf[start:end])
            elif number == 7:
                domain = bytes(buf[start:end])
            elif number == 5:
                key, value = self._attribute(start, end, scope, subgraphs, depth)
                if isinstance(value, Tensor):
                    constant = value
                elif value is not None:
                    attributes[key] = value
        if constant is not None and operator == b"Constant" and len(outputs) == 1 and outputs[0] >= 0:
            scope.tensors[outputs[0]] = replace(constant, name=output.decode("utf-8", "replace"))
        known = self._ops.get((domain, operator))
        op, kind = self._operator(domain, operator, message.start) if known is None else known
        return Node(op, kind, name.decode("utf-8", "replace"), tuple(inputs), tuple(outputs), attributes)

    def _operator(self, domain: bytes, operator: bytes, at: int) -> tuple[str, str | None]:
        """`(operator with its domain unless standard, ONNX name)`."""
        space, name = domain.decode("utf-8", "replace"), operator.decode("utf-8", "replace")
        if not OPERATOR.fullmatch(name):
            raise MalformedError(f"operator {name[:40]!r}", where=f"@{at}")
        found = operator_names(space, name)
        self._ops[domain, operator] = found
        return found

    def _attribute(
        self, start: int, end: int, scope: _Scope, subgraphs: list[Graph], depth: int
    ) -> tuple[str, Attribute | Tensor | None]:
        """`(name, value)` of an `AttributeProto`: plain values, the tensor, or references to the graphs."""
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
            elif number == 5 and wire == BYTES:
                value = self._tensor(field)[1]
            elif number in (6, 11) and wire == BYTES:
                subgraphs.append(self.graph(field, depth + 1, scope))
                value = f"{value}, subgraphs[{len(subgraphs) - 1}]" if value else f"subgraphs[{len(subgraphs) - 1}]"
            elif number in (7, 8, 9):
                lists.append(field)
        if numbers:
            return name, tuple(numbers)
        if lists:
            return name, _listed(buf, lists)
        return name, _ZERO.get(kind) if value is None else value

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
                dtype, shape = _type(self._buf, field)
        place = scope.index(name)
        if place < 0:
            raise MalformedError("a value without name", where=f"@{message.start}")
        if scope.tensors[place] is None:
            scope.tensors[place] = Tensor(name.decode("utf-8", "replace"), dtype, shape)
        return place

    def _initializer(self, scope: _Scope, message: Field) -> None:
        name, tensor = self._tensor(message)
        place = scope.index(name)
        if place < 0:
            raise MalformedError("an initialiser without name", where=f"@{message.start}")
        scope.tensors[place] = tensor

    def _sparse(self, scope: _Scope, message: Field) -> None:
        """A `SparseTensorProto`: named by its values, shaped by its own dims."""
        dims: list[int] = []
        name, tensor = b"", Tensor("", constant=True)
        for field in fields(self._buf, message.start, message.end):
            if field.number == 1 and field.wire == BYTES:
                name, tensor = self._tensor(field)
            elif field.number == 3:
                dims += protobuf.varints(self._buf, field)
        place = scope.index(name)
        if place >= 0:
            scope.tensors[place] = replace(tensor, shape=tuple(dims))

    def _tensor(self, message: Field) -> tuple[bytes, Tensor]:
        """`(name, tensor)` of a `TensorProto`; the data stays where it is."""
        buf = self._buf
        dims: list[int] = []
        name, code, span = b"", 0, None
        stored = False
        external: dict[str, str] = {}
        for number, wire, value, start, end in fields(buf, message.start, message.end):
            if number == 1:
                dims += protobuf.varints(buf, Field(number, wire, value, start, end))
            elif number == 2:
                code = value
            elif number == 8 and wire == BYTES:
                name = bytes(buf[start:end])
            elif number in (4, 9, 10) and wire == BYTES:
                span, stored = Span(start, end - start), True
            elif number in (4, 5, 6, 7, 10, 11):
                stored = True
            elif number == 13 and wire == BYTES:
                key, text = _pair(buf, Field(number, wire, value, start, end))
                external[key] = text
        if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
            raise MalformedError(f"initialiser with dimensions {dims[:8]}", where=f"@{message.start}")
        tensor = Tensor(
            name.decode("utf-8", "replace"),
            DTYPES[code] if code < len(DTYPES) else DType.UNKNOWN,
            tuple(dims),
            self._external(external) if external else span,
            constant=True,
        )
        if not stored and not external and tensor.elements:
            self._undefined += 1
        if span is not None and not external:
            _check_size(tensor, code, span, message.start)
        return name, tensor

    def _external(self, entry: Mapping[str, str]) -> Span | None:
        """Where external data lies, None when the file was not bound or is too short."""
        location = posixpath.normpath(posixpath.join(self._folder, entry.get("location", "")))
        part, size = self._parts.get(location, (0, 0))
        try:
            offset = int(entry.get("offset", "0"))
            length = int(entry.get("length", str(size - offset)))
        except ValueError:
            raise MalformedError("external data at no offset") from None
        if not part or not 0 <= offset <= offset + length <= size:
            self._missing += 1
            return None
        return Span(offset, length, part)

    def notes(self) -> Iterator[str]:
        """What is missing."""
        if self._missing:
            yield f"{self._missing} initialisers lie in external files that are missing or too short"
        if self._undefined:
            yield f"{self._undefined} initialisers carry no data"


_ZERO: Final[Mapping[int, Attribute]] = {1: 0.0, 2: 0, 3: "", 6: (), 7: (), 8: ()}
"""Value of an attribute by type when the writer left the default out (proto3)."""


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


def _check_size(tensor: Tensor, code: int, span: Span, at: int) -> None:
    """Stored bytes must be what the dimensions promise."""
    bits = _BITS[code] if code < len(_BITS) else 0
    elements = tensor.elements or 0
    if bits and span.size and span.size != (elements * bits + 7) // 8:
        # float_data holds complex numbers and widened halves as well, so a multiple is right too.
        if span.size % 4 == 0 and span.size // 4 in (elements, 2 * elements):
            return
        raise MalformedError(f"{span.size} bytes of data for {elements} elements", where=f"@{at}")


def _type(buf: Buffer, message: Field) -> tuple[DType, tuple[Dim, ...] | None]:
    """Element type and shape of a `TypeProto`; unknown for sequences, maps and optionals."""
    for kind in fields(buf, message.start, message.end):
        if kind.number not in (1, 8) or kind.wire != BYTES:
            continue
        dtype, shape = DType.UNKNOWN, None
        for field in fields(buf, kind.start, kind.end):
            if field.number == 1:
                dtype = DTYPES[field.value] if field.value < len(DTYPES) else DType.UNKNOWN
            elif field.number == 2 and field.wire == BYTES:
                shape = tuple(_dim(buf, dim) for dim in fields(buf, field.start, field.end) if dim.wire == BYTES)
                if len(shape) > MAX_RANK:
                    raise LimitError(f"value of {len(shape)} dimensions", where=f"@{field.start}")
        return dtype, shape
    return DType.UNKNOWN, None


def _dim(buf: Buffer, message: Field) -> Dim:
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            value = signed(field.value)
            return value if value >= 0 else None
        if field.number == 2:
            return protobuf.text(buf, field) or None
    return None


FORMAT = Format(
    name="onnx",
    version=1,
    title="ONNX",
    suffixes=(".onnx",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x08"),
    bind=bind,
    references=(
        "https://github.com/onnx/onnx/blob/main/onnx/onnx.proto",
        "https://github.com/onnx/onnx/blob/main/docs/IR.md",
        "https://github.com/onnx/onnx/blob/main/docs/ExternalData.md",
    ),
    limitations=(
        "models whose first field is not ir_version are not recognised",
        "external data under names other than the model's own is not bound",
        "training information is not read",
    ),
)
