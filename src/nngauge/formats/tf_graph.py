"""TensorFlow frozen graphs: a bare `GraphDef` protobuf, weights inside as `Const` nodes."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._tf_graphdef import graph_def, looks_like_node
from nngauge.limits import HEAD_BYTES

_NODE_KEY: Final = 0x0A


def probe(head: bytes, size: int, _name: str) -> bool:
    """The first field is a node whose name and operator have the form that TensorFlow demands."""
    if len(head) < 8 or head[0] != _NODE_KEY:
        return False
    length = shift = 0
    for pos in range(1, 6):
        length |= (head[pos] & 0x7F) << shift
        shift += 7
        if head[pos] < 0x80:
            return length <= size - pos - 1 and looks_like_node(head, pos + 1, pos + 1 + length)
    return False


def parse(data: ModelData) -> Graph:
    """Reads nodes, constants (by offset) and library functions; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:HEAD_BYTES]), len(data.buf), ""):
        raise NotThisFormat("does not begin with a NodeDef")
    graph = graph_def(data.buf, 0, len(data.buf), "")
    variables = sum(node.op in ("VarHandleOp", "VariableV2", "Variable") for node in graph.nodes)
    if not variables:
        return graph
    note = f"{variables} variables: the graph is not frozen, their values are in a checkpoint"
    return replace(graph, completeness=Completeness.PARTIAL, notes=(note,))


FORMAT = Format(
    name="tf_graph",
    version=1,
    title="TensorFlow graph (GraphDef)",
    suffixes=(".pb",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x0a"),
    references=(
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/graph.proto",
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/node_def.proto",
    ),
    limitations=(
        "outputs are the nodes that nobody consumes; the file does not name them",
        "the text form (.pbtxt) is not read",
    ),
)
