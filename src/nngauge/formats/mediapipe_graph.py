"""MediaPipe graphs: the protobuf `CalculatorGraphConfig` in binary (.binarypb) and as text (.pbtxt).

Schema: https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/framework/calculator.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nngauge.domain.graph import Attribute, Completeness, Graph, Node
from nngauge.errors import InputError, LimitError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData, starts
from nngauge.formats._parts.values import Values
from nngauge.io import textproto
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, Field, fields, text
from nngauge.limits import MAX_NODES, MIB

_MAX_SIZE: Final = 16 * MIB
_KNOWN_FIELDS: Final = {1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 1001, 1002}
_NODE, _INPUT, _OUTPUT, _TYPE = 1, 10, 15, 20
_CALCULATOR: Final = re.compile(r"(?:[A-Za-z_][\w]*(?:\.|::))*[A-Z]\w{2,127}")
_STREAM: Final = re.compile(r"(?:[A-Z][A-Z0-9_]*:)?(?:\d+:)?[a-z_][a-z0-9_]*")
_MODEL_FILE: Final = re.compile(rb"[\w./-]{1,200}\.(?:tflite|lite|task|binarypb|onnx)\b")
"""What calculators' options name: the model that one runs."""
_WORDS: Final = (b"calculator:", b"input_stream:", b"output_stream:", b"input_side_packet:")
"""Of which one stands early in the text form."""
_STARTS: Final = ("#", "node", "input_", "output_", "max_queue_size", "num_threads", "type", "package", "executor")
"""How texts begin: a comment, or a field of the graph."""
_GRAPH_FIELDS: Final = frozenset(
    {
        "node", "input_stream", "output_stream", "input_side_packet", "output_side_packet", "max_queue_size", "type",
        "num_threads", "package", "executor", "packet_factory", "packet_generator", "status_handler", "options",
        "input_stream_handler", "output_stream_handler", "report_deadlock", "runtime_info", "config", "graph_options",
        "profiler_config", "input_stream_info",
    }
)  # fmt: skip


def probe(head: bytes, size: int, _name: str) -> bool:
    """A first node that begins with its name or with a calculator in capitals; or text with a graph's words."""
    if not 16 < size <= _MAX_SIZE:
        return False
    return _binary(head) or _textual(head)


def _binary(head: bytes) -> bool:
    if head[:1] != b"\x0a":
        return False
    at = 2 if head[1] < 0x80 else 3
    first = head[at + 2 : at + 3]
    return (head[at : at + 1] == b"\x12" and first.isupper()) or (head[at : at + 1] == b"\x0a" and first.isalpha())


def _textual(head: bytes) -> bool:
    start = head.lstrip(b" \t\r\n")
    return start.startswith(tuple([word.encode() for word in _STARTS])) and any(word in head for word in _WORDS)


def parse(data: ModelData) -> Graph:
    """Reads calculators and streams; see `Format.parse` for the errors. Strict, because the proto has no magic."""
    buf = data.buf
    head = bytes(buf[:512])
    if not probe(head, len(buf), data.name):
        raise NotThisFormat("no calculator node in front")
    try:
        return _read(buf) if _binary(head) else _read_text(bytes(buf).decode("utf-8", "replace"))
    except InputError as error:
        if data.name.lower().endswith((".binarypb", ".pbtxt")):
            raise
        raise NotThisFormat(f"not a graph: {error}") from None


class _Pipeline:
    """A graph as it grows."""

    def __init__(self) -> None:
        self.values = Values()
        self.nodes: list[Node] = []
        self.ends: dict[int, list[int]] = {_INPUT: [], _OUTPUT: []}
        self.name = ""
        self._calculators = 0

    def stream(self, label: str) -> int:
        """The stream's place, by its name without tag and index."""
        if _STREAM.fullmatch(label) is None:
            raise NotThisFormat(f"{label[:60]!r} is not a stream")
        return self.values.use(label.rpartition(":")[2])

    def node(self, name: str, calculator: str, inputs: list[str], outputs: list[str], models: list[str]) -> None:
        """One calculator or sub-graph, with the model files that its options name."""
        if _CALCULATOR.fullmatch(calculator) is None:
            raise NotThisFormat(f"{calculator[:60]!r} is not a calculator")
        if len(self.nodes) >= MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} nodes")
        self._calculators += calculator.endswith(("Calculator", "Subgraph", "Graph")) or bool(inputs)
        attributes: dict[str, Attribute] = {"models": tuple(models)} if models else {}
        ends = [tuple([self.stream(label) for label in labels]) for labels in (inputs, outputs)]
        self.nodes.append(Node(calculator, "Calculator", name, ends[0], ends[1], attributes))

    def graph(self) -> Graph:
        """The finished graph; raises `NotThisFormat` when no calculators are connected."""
        if not self.nodes or not self._calculators or not self.values.tensors:
            raise NotThisFormat("no calculators connected by streams")
        models = dict.fromkeys(str(model) for node in self.nodes for model in _models(node))
        return Graph(
            format=FORMAT.name,
            completeness=Completeness.STRUCTURE,
            name=self.name,
            nodes=tuple(self.nodes),
            tensors=tuple(self.values.tensors),
            inputs=tuple(self.ends[_INPUT]),
            outputs=tuple(self.ends[_OUTPUT]),
            producer="MediaPipe",
            metadata={"models": ", ".join(models)} if models else {},
            notes=("a pipeline: the models it runs are files of their own",),
        )


def _models(node: Node) -> tuple[object, ...]:
    found = node.attributes.get("models")
    return found if isinstance(found, tuple) else ()


def _read(buf: Buffer) -> Graph:
    pipeline = _Pipeline()
    for item in fields(buf):
        if item.number not in _KNOWN_FIELDS:
            raise NotThisFormat(f"field {item.number} is not one of a graph")
        if item.number == _NODE and item.wire == BYTES:
            _node(buf, item, pipeline)
        elif item.number in pipeline.ends and item.wire == BYTES:
            pipeline.ends[item.number].append(pipeline.stream(text(buf, item, 512)))
        elif item.number == _TYPE and item.wire == BYTES:
            pipeline.name = text(buf, item, 512)
    return pipeline.graph()


def _node(buf: Buffer, where: Field, pipeline: _Pipeline) -> None:
    name, calculator = "", ""
    edges: dict[int, list[str]] = {3: [], 4: []}
    for item in fields(buf, where.start, where.end):
        if item.number > 64 or (item.number <= 8 and item.wire != BYTES):
            raise NotThisFormat(f"field {item.number} is not one of a node")
        if item.number == 1:
            name = text(buf, item, 512)
        elif item.number == 2:
            calculator = text(buf, item, 512)
        elif item.number in edges:
            edges[item.number].append(text(buf, item, 512))
    models = [found.decode() for found in _MODEL_FILE.findall(bytes(buf[where.start : where.end]))]
    pipeline.node(name, calculator, edges[3], edges[4], models)


def _read_text(source: str) -> Graph:
    pipeline = _Pipeline()
    for key, value in textproto.read(source):
        if key not in _GRAPH_FIELDS:
            raise NotThisFormat(f"field {key[:60]!r} is not one of a graph")
        if key == "node" and not isinstance(value, str):
            _text_node(value, pipeline)
        elif key in ("input_stream", "output_stream") and isinstance(value, str):
            pipeline.ends[_INPUT if key == "input_stream" else _OUTPUT].append(pipeline.stream(value))
        elif key == "type" and isinstance(value, str):
            pipeline.name = value[:512]
    return pipeline.graph()


def _text_node(message: textproto.Message, pipeline: _Pipeline) -> None:
    plain: dict[str, list[str]] = {}
    for key, value in message:
        if isinstance(value, str):
            plain.setdefault(key, []).append(value)
    models = [found.decode() for value in _texts(message) for found in _MODEL_FILE.findall(value.encode()[:512])]
    pipeline.node(
        plain.get("name", [""])[0][:512],
        plain.get("calculator", [""])[0],
        plain.get("input_stream", []),
        plain.get("output_stream", []),
        models,
    )


def _texts(message: textproto.Message) -> Iterator[str]:
    """All texts of a message and of those inside it."""
    queue = [message]
    while queue:
        for _, value in queue.pop():
            if isinstance(value, str):
                yield value
            else:
                queue.append(value)


FORMAT = Format(
    name="mediapipe_graph",
    version=2,
    title="MediaPipe graph",
    suffixes=(".binarypb", ".pbtxt"),
    parse=parse,
    probe=probe,
    gate=(*starts(b"\x0a"), *(Magic(0, word.encode()) for word in _STARTS)),
    references=("https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/framework/calculator.proto",),
    limitations=("of the options only the names of model files are read", "side packets are not read"),
)
