"""MediaPipe graphs in binary (.binarypb): the protobuf `CalculatorGraphConfig`.

Schema: https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/framework/calculator.proto
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, Graph, Node
from nngauge.errors import InputError, LimitError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._values import Values
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, Field, fields, text
from nngauge.limits import MAX_NODES, MIB

_MAX_SIZE = 16 * MIB
_KNOWN_FIELDS = {1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 1001, 1002}
_NODE, _INPUT, _OUTPUT, _TYPE = 1, 10, 15, 20
_CALCULATOR = re.compile(r"(?:[A-Za-z_][\w]*(?:\.|::))*[A-Z]\w{2,127}")
_STREAM = re.compile(r"(?:[A-Z][A-Z0-9_]*:)?(?:\d+:)?[a-z_][a-z0-9_]*")


def probe(head: bytes, size: int, _name: str) -> bool:
    """A first node that begins with its name, or with a calculator in capitals."""
    if not 16 < size <= _MAX_SIZE or head[:1] != b"\x0a":
        return False
    at = 2 if head[1] < 0x80 else 3
    first = head[at + 2 : at + 3]
    return (head[at : at + 1] == b"\x12" and first.isupper()) or (head[at : at + 1] == b"\x0a" and first.isalpha())


def parse(data: ModelData) -> Graph:
    """Reads calculators and streams; see `Format.parse` for the errors. Strict, because the proto has no magic."""
    buf = data.buf
    if not probe(bytes(buf[:512]), len(buf), data.name):
        raise NotThisFormat("no calculator node in front")
    try:
        return _read(buf)
    except InputError as error:
        if data.name.lower().endswith(".binarypb"):
            raise
        raise NotThisFormat(f"not a graph: {error}") from None


def _read(buf: Buffer) -> Graph:
    values, nodes, calculators = Values(), [], 0
    ends: dict[int, list[int]] = {_INPUT: [], _OUTPUT: []}
    name = ""
    for item in fields(buf):
        if item.number not in _KNOWN_FIELDS:
            raise NotThisFormat(f"field {item.number} is not one of a graph")
        if item.number == _NODE and item.wire == BYTES:
            nodes.append(_node(buf, item, values))
            calculators += nodes[-1].op.endswith(("Calculator", "Subgraph", "Graph")) or len(nodes[-1].inputs) > 0
        elif item.number in ends and item.wire == BYTES:
            ends[item.number].append(values.use(_stream(text(buf, item, 512))))
        elif item.number == _TYPE and item.wire == BYTES:
            name = text(buf, item, 512)
        if len(nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} nodes")
    if not nodes or not calculators or not values.tensors:
        raise NotThisFormat("no calculators connected by streams")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        name=name,
        nodes=tuple(nodes),
        tensors=tuple(values.tensors),
        inputs=tuple(ends[_INPUT]),
        outputs=tuple(ends[_OUTPUT]),
        producer="MediaPipe",
        notes=("a pipeline: the models it runs are files of their own",),
    )


def _stream(label: str) -> str:
    """The stream's name without tag and index."""
    if _STREAM.fullmatch(label) is None:
        raise NotThisFormat(f"{label[:60]!r} is not a stream")
    return label.rpartition(":")[2]


def _node(buf: Buffer, where: Field, values: Values) -> Node:
    name, calculator = "", ""
    edges: dict[int, list[int]] = {3: [], 4: []}
    for item in fields(buf, where.start, where.end):
        if item.number > 64 or (item.number <= 8 and item.wire != BYTES):
            raise NotThisFormat(f"field {item.number} is not one of a node")
        if item.number == 1:
            name = text(buf, item, 512)
        elif item.number == 2:
            calculator = text(buf, item, 512)
        elif item.number in edges:
            edges[item.number].append(values.use(_stream(text(buf, item, 512))))
    if _CALCULATOR.fullmatch(calculator) is None:
        raise NotThisFormat(f"{calculator[:60]!r} is not a calculator")
    return Node(calculator, None, name, tuple(edges[3]), tuple(edges[4]))


FORMAT = Format(
    name="mediapipe_graph",
    version=1,
    title="MediaPipe graph",
    suffixes=(".binarypb",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x0a"),
    references=("https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/framework/calculator.proto",),
    limitations=("options and side packets are not read", "the text form (.pbtxt) is not read"),
)
