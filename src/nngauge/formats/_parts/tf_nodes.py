"""TensorFlow's nodes and functions as they stand in a file, whether it is a protobuf or TensorFlow.js's JSON.

A value is named like TensorFlow names it in graphs: ``node`` for output 0, ``node:1`` for others. Functions write
``node:port:0`` (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/function.proto), which
`function_value` brings into the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute, Dim, Tensor
from nngauge.errors import MalformedError
from nngauge.formats.vocabulary.tensorflow import PORTS

_MAX_PORT: Final = 65_535


class RawNode(NamedTuple):
    """A `NodeDef`. `inputs` holds data edges only, in the form of graphs."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    """Plain ones: numbers, texts, types by our name, functions by theirs, shapes of known rank as numbers with −1."""
    shapes: tuple[tuple[Dim, ...] | None, ...] = ()
    """Of the outputs, as optimisers and placeholders note them."""
    value: Tensor | None = None
    """The constant of a ``Const``."""


class RawFunction(NamedTuple):
    """A `FunctionDef`."""

    name: str
    arguments: tuple[Tensor, ...]
    results: tuple[str, ...]
    nodes: tuple[RawNode, ...]


class RawGraph(NamedTuple):
    """A `GraphDef`."""

    nodes: tuple[RawNode, ...]
    functions: Mapping[str, RawFunction]
    version: str = ""
    """Producer version of the graph."""


def value_key(node: str, port: int) -> str:
    """The name of a node's output."""
    return f"{node}:{port}" if port else node


def graph_value(value: str) -> str:
    """An edge of a graph: ``node:0`` is ``node``."""
    return value.removesuffix(":0")


def split_value(value: str) -> tuple[str, int]:
    """`(node, output)` of a value in our form."""
    node, colon, port = value.rpartition(":")
    if not colon or not port.isdecimal():
        return value, 0
    if len(port) > 5 or int(port) > _MAX_PORT:
        raise MalformedError(f"output {port[:20]} of {node[:80]!r}")
    return node, int(port)


def function_value(value: str, operators: Mapping[str, str]) -> str:
    """An edge inside a function, in the form of graphs. `operators`: the operator of each node of the function."""
    parts = value.split(":")
    if len(parts) != 3 or not parts[2].isdecimal() or len(parts[2]) > 5:
        return value
    ports = PORTS.get(operators.get(parts[0], ""), ())
    first = ports.index(parts[1]) if parts[1] in ports else 0
    return value_key(parts[0], first + int(parts[2]))
