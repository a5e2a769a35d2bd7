"""TensorFlow's `GraphDef` message, shared by frozen graphs, SavedModels and TensorFlow operators inside other files.

Schema: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework (graph.proto, node_def.proto,
attr_value.proto, tensor.proto, function.proto).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from nngauge.domain.graph import Attribute, Dim, DType, Span, Tensor
from nngauge.errors import LimitError, NotThisFormat
from nngauge.formats._parts.progress import telling
from nngauge.formats._parts.tf_inline import VARIABLES
from nngauge.formats._parts.tf_network import INPUTS, check_edges
from nngauge.formats._parts.tf_nodes import RawFunction, RawGraph, RawNode, function_value, graph_value
from nngauge.formats.vocabulary._operation import Values
from nngauge.formats.vocabulary.tensorflow import dtype
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_RANK

_NAME: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9_>./\\\- :]{0,4096}")
_OP: Final = re.compile(r"[A-Z_][A-Za-z0-9_]*(>[A-Za-z0-9_]+)*")
_NOT_OPS: Final = re.compile(r".*(Calculator|Subgraph|InputStreamHandler)")
"""MediaPipe graphs have the same shape on the wire; their nodes are called this."""
_FIELDS: Final = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: BYTES}
_MAX_TEXT: Final = 1024
"""Characters kept of a text attribute; some hold serialised protobufs."""
_WIDTHS: Final = {
    DType.FLOAT64: 8, DType.FLOAT32: 4, DType.FLOAT16: 2, DType.BFLOAT16: 2, DType.INT64: 8, DType.INT32: 4,
    DType.INT16: 2, DType.INT8: 1, DType.UINT64: 8, DType.UINT32: 4, DType.UINT16: 2, DType.UINT8: 1, DType.BOOL: 1,
    DType.COMPLEX64: 8, DType.COMPLEX128: 16, DType.FLOAT8_E4M3: 1, DType.FLOAT8_E5M2: 1,
}  # fmt: skip
"""Bytes of an element in ``tensor_content``."""


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


def read_graph(buf: Buffer, start: int, end: int) -> RawGraph:
    """The `GraphDef` in `buf[start:end]` with its library.

    Raises `NotThisFormat` when the message is something else, `MalformedError` when its edges lead nowhere.
    """
    nodes: list[RawNode] = []
    functions: list[RawFunction] = []
    version = ""
    with telling(lambda: f"{len(nodes)} nodes, {len(functions)} functions"):
        for field in fields(buf, start, end):
            if field.number == 1 and field.wire == BYTES:
                node = raw_node(buf, field.start, field.end)
                nodes.append(node._replace(inputs=tuple([graph_value(value) for value in node.inputs])))
                if len(nodes) > MAX_NODES:
                    raise LimitError(f"more than {MAX_NODES} nodes")
            elif field.number == 2 and field.wire == BYTES:
                library = [entry for entry in fields(buf, field.start, field.end) if entry.number == 1]
                functions += [_function(buf, entry) for entry in library if entry.wire == BYTES]
            elif field.number == 4 and field.wire == BYTES:
                version = _versions(buf, field)
            elif (field.number, field.wire) not in ((3, VARINT), (5, BYTES)):
                raise NotThisFormat(f"field {field.number} is not one of GraphDef")
    if not nodes and not functions:
        raise NotThisFormat("no nodes")
    check_edges(nodes, [node.name for node in nodes])
    return RawGraph(tuple(nodes), {function.name: function for function in functions}, version)


def _versions(buf: Buffer, message: Field) -> str:
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            return str(field.value)
    return ""


def raw_node(buf: Buffer, start: int, end: int, *, named: bool = True) -> RawNode:
    """The `NodeDef` in `buf[start:end]`, edges as they stand there; raises `NotThisFormat` when it is none.

    Nodes inside other files need no name.
    """
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, Field] = {}
    for field in fields(buf, start, end):
        number, wire, _, at, stop = field
        if _FIELDS.get(number) != wire:
            raise NotThisFormat(f"field {number} is not one of NodeDef")
        if number == 1:
            name = protobuf.text(buf, field)
        elif number == 2:
            op = protobuf.text(buf, field)
        elif number == 3:
            if buf[at:stop][:1] != b"^":  # control edges carry no value
                inputs.append(str(buf[at:stop], "utf-8", "replace"))
        elif number == 5:
            key, value = _entry(buf, field)
            if value is not None:
                attributes[key] = value
    if (named and not _NAME.fullmatch(name)) or not _OP.fullmatch(op) or _NOT_OPS.fullmatch(op):
        raise NotThisFormat(f"node {name[:40]!r} of operator {op[:40]!r}")
    return _described(buf, name, op, tuple(inputs), attributes)


def _entry(buf: Buffer, message: Field) -> tuple[str, Field | None]:
    """Key and value message of a map entry."""
    key, value = "", None
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            key = protobuf.text(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            value = field
    return key, value


def _described(buf: Buffer, name: str, op: str, inputs: tuple[str, ...], messages: Mapping[str, Field]) -> RawNode:
    """The node with its attributes read."""
    attributes: dict[str, Attribute] = {}
    for key, message in messages.items():
        if key[:1] != "_":
            value = _attribute(buf, message)
            if value is not None:
                attributes[key] = value
    constant = None
    if op == "Const" and "value" in messages:
        tensors = _inner(buf, messages["value"], 8)
        constant = _tensor(buf, tensors[0], name) if tensors else None
        texts = _texts(buf, tensors[0]) if constant is not None and constant.dtype is DType.STRING else ()
        if texts:
            attributes["value"] = texts
    if op in VARIABLES or op in INPUTS:
        declared = _inner(buf, messages["shape"], 7) if "shape" in messages else []
        shapes: tuple[tuple[Dim, ...] | None, ...] = (shape_proto(buf, declared[0]) if declared else None,)
    else:
        shapes = _output_shapes(buf, messages.get("_output_shapes"))
    return RawNode(name, op, inputs, attributes, shapes, constant)


def _inner(buf: Buffer, message: Field, number: int) -> list[Field]:
    found = [field for field in fields(buf, message.start, message.end) if field.number == number]
    return [field for field in found if field.wire == BYTES]


def _output_shapes(buf: Buffer, message: Field | None) -> tuple[tuple[Dim, ...] | None, ...]:
    """The list that graph optimisers leave in ``_output_shapes``."""
    if message is None:
        return ()
    lists = _inner(buf, message, 1)
    return tuple([shape_proto(buf, entry) for field in lists for entry in _inner(buf, field, 7)])


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
    """A `TensorProto`: its bytes in place where they are plain, the elements of small ones that are not."""
    code, shape, content = 0, None, None
    lists: list[Field] = []
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            code = field.value
        elif field.number == 2 and field.wire == BYTES:
            shape = shape_proto(buf, field)
        elif field.number == 4 and field.wire == BYTES and field.end > field.start:
            content = field
        elif field.number in _ELEMENTS:
            lists.append(field)
    tensor = Tensor(name, dtype(code), shape or (), constant=True)
    if content is None and len(lists) == 1 and lists[0].number in (5, 6) and lists[0].wire == BYTES:
        content = lists[0]  # packed singles and doubles are plain
    if content is not None and content.end - content.start == _WIDTHS.get(tensor.dtype, 0) * (tensor.elements or 0):
        span = Span(content.start, content.end - content.start)
        return Tensor(name, tensor.dtype, tensor.shape, span, constant=True)
    unwritten = content is None and not lists
    values = _zeros(tensor) if unwritten else _elements(buf, lists, tensor.elements)
    return Tensor(name, tensor.dtype, tensor.shape, constant=True, values=values)


def _zeros(tensor: Tensor) -> Values | None:
    """The elements of a small tensor that is written without any."""
    count = tensor.elements
    if not _WIDTHS.get(tensor.dtype) or count is None or count > MAX_INLINE_VALUES:
        return None
    return (0,) * count


def _texts(buf: Buffer, message: Field) -> tuple[str, ...]:
    """The elements of a text constant, which name what a checkpoint holds; empty for one that is all too long."""
    found = [field for field in fields(buf, message.start, message.end) if field.number == 8 and field.wire == BYTES]
    if any(field.end - field.start > _MAX_TEXT for field in found):
        return ()
    return tuple([str(buf[field.start : field.end], "utf-8", "replace") for field in found])


def _halves(buf: Buffer, field: Field) -> tuple[float, ...]:
    return tuple([struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0] for bits in protobuf.varints(buf, field)])


def _doubles(buf: Buffer, field: Field) -> tuple[float, ...]:
    count = (field.end - field.start) // 8
    return struct.unpack_from(f"<{count}d", buf, field.start)


_ELEMENTS: Final[Mapping[int, Callable[[Buffer, Field], tuple[float, ...] | list[int]]]] = {
    5: protobuf.floats, 6: _doubles, 7: protobuf.varints, 10: protobuf.varints, 11: protobuf.varints, 13: _halves,
    16: protobuf.varints, 17: protobuf.varints,
}  # fmt: skip
"""Readers of the typed lists of a `TensorProto`; the last element stands for all that follow."""


def _elements(buf: Buffer, lists: list[Field], count: int | None) -> Values | None:
    if count is None or count > MAX_INLINE_VALUES or sum(field.end - field.start for field in lists) > _MAX_LIST:
        return None
    found = [value for field in lists for value in _ELEMENTS[field.number](buf, field)]
    if not found:
        return None
    filled = tuple(found[:count] + found[-1:] * (count - len(found)))
    return filled if count else ()


_MAX_LIST: Final = 16 * MAX_INLINE_VALUES
"""Bytes of typed lists that are looked through for the elements of a small constant."""


def _attribute(buf: Buffer, message: Field) -> Attribute | None:
    """A plain `AttrValue`; None for tensors and shapes of unknown rank."""
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
        if number == 7 and field.wire == BYTES:
            shape = shape_proto(buf, field)
            return None if shape is None else tuple([dim if isinstance(dim, int) else -1 for dim in shape])
        if number == 10 and field.wire == BYTES:
            return next(_names(buf, field), None)
        return None
    return None


def _names(buf: Buffer, message: Field) -> Iterator[str]:
    """The name of a `NameAttrList`: a function."""
    for part in fields(buf, message.start, message.end):
        if part.number == 1:
            yield protobuf.text(buf, part)


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
        elif field.number == 9 and field.wire == BYTES:
            texts += _names(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            texts.append(str(buf[field.start : min(field.end, field.start + _MAX_TEXT)], "utf-8", "replace"))
    return tuple(numbers) or tuple(floats) or tuple(texts) or None


def _function(buf: Buffer, message: Field) -> RawFunction:
    """A `FunctionDef`; results in the order of its signature."""
    name = ""
    arguments: list[tuple[str, DType]] = []
    results: list[tuple[str, DType]] = []
    nodes: list[RawNode] = []
    returned: dict[str, str] = {}
    shapes: dict[int, tuple[Dim, ...] | None] = {}
    for field in fields(buf, message.start, message.end):
        if field.wire != BYTES:
            continue
        if field.number == 1:
            name, arguments, results = _signature(buf, field)
        elif field.number == 3:
            nodes.append(raw_node(buf, field.start, field.end))
        elif field.number == 4:
            key, value = _entry(buf, field)
            if value is not None:
                returned[key] = protobuf.text(buf, value)
        elif field.number == 7:
            shapes.update(_argument_shape(buf, field))
    operators = {node.name: node.op for node in nodes}
    inner = [node._replace(inputs=tuple([function_value(value, operators) for value in node.inputs])) for node in nodes]
    check_edges(inner, [*operators, *(key for key, _ in arguments)])
    return RawFunction(
        name,
        tuple([Tensor(key, kind, shapes.get(place)) for place, (key, kind) in enumerate(arguments)]),
        tuple([function_value(returned[key], operators) for key, _ in results if key in returned]),
        tuple(inner),
    )


def _argument_shape(buf: Buffer, message: Field) -> Iterator[tuple[int, tuple[Dim, ...] | None]]:
    """`(argument, shape)` of an ``arg_attr`` entry."""
    place = 0
    for field in fields(buf, message.start, message.end):
        if field.number == 1 and field.wire == VARINT:
            place = field.value
        elif field.number == 2 and field.wire == BYTES:
            for part in _inner(buf, field, 1):
                key, value = _entry(buf, part)
                shapes = _output_shapes(buf, value) if key == "_output_shapes" else ()
                if shapes:
                    yield place, shapes[0]


def _signature(buf: Buffer, message: Field) -> tuple[str, list[tuple[str, DType]], list[tuple[str, DType]]]:
    """`(name, arguments, results)` of an `OpDef`."""
    name = ""
    ends: dict[int, list[tuple[str, DType]]] = {2: [], 3: []}
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            name = protobuf.text(buf, field)
        elif field.number in ends and field.wire == BYTES:
            argument, code = "", 0
            for part in fields(buf, field.start, field.end):
                if part.number == 1:
                    argument = protobuf.text(buf, part)
                elif part.number == 3:
                    code = part.value
            ends[field.number].append((argument, dtype(code)))
    return name, ends[2], ends[3]
