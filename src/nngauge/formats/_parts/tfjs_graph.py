"""The topology of a TensorFlow.js graph model: a `GraphDef` in protobuf's JSON form.

JSON form: https://protobuf.dev/programming-guides/json/; some writers keep bytes as lists of numbers and
enumerations as numbers instead.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, DType, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, text
from nngauge.formats._parts.tf_inline import VARIABLES
from nngauge.formats._parts.tf_network import INPUTS, check_edges
from nngauge.formats._parts.tf_nodes import RawFunction, RawGraph, RawNode, function_value, graph_value
from nngauge.formats.vocabulary.tensorflow import dtype, named_dtype
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_RANK

_LISTS = ("intVal", "int64Val", "floatVal", "doubleVal", "boolVal", "uint32Val", "uint64Val")
"""Typed lists of a `TensorProto` that are read."""


def read_topology(topology: JsonObject, weights: Mapping[str, Tensor]) -> RawGraph:
    """Nodes and functions; constants are the weights of their name, or what stands in the node."""
    nodes = tuple([_node(entry, weights) for entry in objects(topology.get("node"))])
    functions = [_function(entry, weights) for entry in objects(mapping(topology.get("library")).get("function"))]
    if len(nodes) + sum(len(function.nodes) for function in functions) > MAX_NODES:
        raise LimitError(f"more than {MAX_NODES} nodes")
    plain = tuple([node._replace(inputs=tuple([graph_value(value) for value in node.inputs])) for node in nodes])
    check_edges(plain, [node.name for node in plain])
    producer = mapping(topology.get("versions")).get("producer")
    version = str(producer) if isinstance(producer, int) else ""
    return RawGraph(plain, {function.name: function for function in functions}, version)


def json_dims(shape: JsonObject) -> tuple[Dim, ...] | None:
    """A `TensorShapeProto`; None when the rank is unknown."""
    if shape.get("unknownRank"):
        return None
    sizes = [_whole(dim.get("size", 0)) for dim in objects(shape.get("dim"))]
    if len(sizes) > MAX_RANK:
        raise LimitError(f"tensor of more than {MAX_RANK} dimensions")
    return tuple([size if size is not None and size >= 0 else None for size in sizes])


def json_dtype(value: object) -> DType:
    """An element type by name or number."""
    if isinstance(value, str):
        return named_dtype(value)
    return dtype(value) if isinstance(value, int) else DType.UNKNOWN


def _node(entry: JsonObject, weights: Mapping[str, Tensor]) -> RawNode:
    name, op, listed = text(entry.get("name")), text(entry.get("op")), entry.get("input")
    if not name or not op:
        raise MalformedError("a node without name or operation")
    inputs = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    attributes: dict[str, Attribute] = {}
    values = {key: mapping(value) for key, value in mapping(entry.get("attr")).items()}
    for key, value in values.items():
        read = _attribute(value)
        if read is not None and key[:1] != "_":
            attributes[key] = read
    shapes: tuple[tuple[Dim, ...] | None, ...] = ()
    if op in VARIABLES or op in INPUTS:
        shapes = (json_dims(mapping(values["shape"].get("shape"))) if "shape" in values else None,)
    elif "_output_shapes" in values:
        found = mapping(values["_output_shapes"].get("list")).get("shape")
        shapes = tuple([json_dims(shape) for shape in objects(found)])
    constant = _constant(name, values, weights) if op == "Const" else None
    edges = tuple([value for value in inputs if value[:1] != "^"])
    return RawNode(name, op, edges, attributes, shapes, constant)


def _constant(name: str, values: Mapping[str, JsonObject], weights: Mapping[str, Tensor]) -> Tensor:
    tensor = mapping(mapping(values.get("value")).get("tensor"))
    shape = json_dims(mapping(tensor.get("tensorShape")))
    described = Tensor(name, json_dtype(tensor.get("dtype")), shape, constant=True)
    if name in weights:
        return weights[name]
    count = described.elements
    for key in _LISTS:
        items = tensor.get(key)
        if isinstance(items, list) and items and count is not None and count <= MAX_INLINE_VALUES:
            numbers = [_number(item, exact="float" not in key and "double" not in key) for item in items[:count]]
            filled = numbers + numbers[-1:] * (count - len(numbers))
            return replace(described, values=tuple(filled))
    return described


def _attribute(value: JsonObject) -> Attribute | None:
    if "list" in value:
        return _list(mapping(value["list"]))
    if "s" in value:
        return _text(value["s"])
    if "i" in value:
        return _whole(value["i"])
    if "f" in value:
        return _number(value["f"], exact=False)
    if "b" in value:
        return bool(value["b"])
    if "type" in value:
        return json_dtype(value["type"]).value
    if "func" in value:
        return text(mapping(value["func"]).get("name"))
    if "shape" in value:
        shape = json_dims(mapping(value["shape"]))
        return None if shape is None else tuple([dim if isinstance(dim, int) else -1 for dim in shape])
    return None


def _list(lists: JsonObject) -> Attribute | None:
    """The one kind of entries that a list has; None when it is empty."""
    for key, items in lists.items():
        if not isinstance(items, list) or not items:
            continue
        if key == "i":
            return tuple([_whole(item) or 0 for item in items])
        if key == "f":
            return tuple([_number(item, exact=False) for item in items])
        if key == "s":
            return tuple([_text(item) for item in items])
        if key == "type":
            return tuple([json_dtype(item).value for item in items])
        if key == "func":
            return tuple([text(mapping(item).get("name")) for item in items])
    return None


def _text(value: object) -> str:
    """Bytes in base64, or as a list of numbers."""
    if isinstance(value, list):
        return bytes([item & 0xFF for item in value if isinstance(item, int)]).decode("utf-8", "replace")
    try:
        return base64.b64decode(text(value), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text(value)


def _whole(value: object) -> int | None:
    """A 64-bit integer, which JSON writers put in quotes."""
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else None
    found = text(value)
    return int(found) if len(found) < 20 and found.removeprefix("-").isdecimal() else None


def _number(value: object, *, exact: bool) -> int | float:
    if exact:
        return _whole(value) or 0
    return float(value) if isinstance(value, int | float) and abs(value) < 1e308 else 0.0


def _function(entry: JsonObject, weights: Mapping[str, Tensor]) -> RawFunction:
    signature = mapping(entry.get("signature"))
    nodes = [_node(node, weights) for node in objects(entry.get("nodeDef"))]
    operators = {node.name: node.op for node in nodes}
    inner = [node._replace(inputs=tuple([function_value(value, operators) for value in node.inputs])) for node in nodes]
    arguments = [
        Tensor(text(argument.get("name")), json_dtype(argument.get("type")))
        for argument in objects(signature.get("inputArg"))
    ]
    check_edges(inner, [*operators, *(argument.name for argument in arguments)])
    returned = mapping(entry.get("ret"))
    names = [text(result.get("name")) for result in objects(signature.get("outputArg"))]
    results = [function_value(text(returned[name]), operators) for name in names if name in returned]
    return RawFunction(text(signature.get("name")), tuple(arguments), tuple(results), tuple(inner))
