"""TensorFlow frozen graphs: a bare `GraphDef` protobuf, weights inside as `Const` nodes."""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.loops import with_trip_counts
from nngauge.formats._parts.tf_graphdef import looks_like_node, read_graph
from nngauge.formats._parts.tf_inline import VARIABLES
from nngauge.formats._parts.tf_network import Networks
from nngauge.formats.vocabulary._operation import plain_values
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
    """Reads nodes and constants (by offset), calls in place; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:HEAD_BYTES]), len(data.buf), ""):
        raise NotThisFormat("does not begin with a NodeDef")
    raw = read_graph(data.buf, 0, len(data.buf))
    networks = Networks(raw, partial(plain_values, (data.buf,)), lambda _node, _key: None, FORMAT.name)
    graph = networks.whole()
    variables = sum(node.op in VARIABLES for node in raw.nodes)
    note = f"{variables} variables: the graph is not frozen, their values are in a checkpoint"
    return with_trip_counts(
        replace(
            graph,
            subgraphs=networks.finish(),
            format_version=raw.version or None,
            completeness=Completeness.PARTIAL if variables else Completeness.FULL,
            notes=(note,) if variables else (),
        ),
        partial(plain_values, (data.buf,)),
    )


FORMAT = Format(
    name="tf_graph",
    version=2,
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
