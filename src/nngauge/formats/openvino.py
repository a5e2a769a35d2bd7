"""OpenVINO intermediate representation: an XML network and a file of weights.

Specification: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from nngauge.domain.graph import Attribute, DType, Graph, Node, Span, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.openvino_xml import Layer, Network, number, read_network
from nngauge.formats.vocabulary.openvino import Operands, Translated, translate
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_INLINE_VALUES

_DTYPES: Final = {
    "f64": DType.FLOAT64, "f32": DType.FLOAT32, "fp32": DType.FLOAT32, "f16": DType.FLOAT16, "fp16": DType.FLOAT16,
    "bf16": DType.BFLOAT16, "i64": DType.INT64, "i32": DType.INT32, "i16": DType.INT16, "i8": DType.INT8,
    "i4": DType.INT4, "u64": DType.UINT64, "u32": DType.UINT32, "u16": DType.UINT16, "u8": DType.UINT8,
    "u4": DType.UINT4, "u2": DType.UINT2, "boolean": DType.BOOL, "bool": DType.BOOL, "string": DType.STRING,
    "f8e4m3": DType.FLOAT8_E4M3, "f8e5m2": DType.FLOAT8_E5M2, "f4e2m1": DType.FLOAT4_E2M1, "nf4": DType.UINT4,
}  # fmt: skip
_CODES: Final = {DType.INT64: "q", DType.INT32: "i", DType.UINT64: "Q", DType.FLOAT32: "f", DType.FLOAT16: "e"}
"""`struct` code of the element types in which sizes and axes come."""
_ENDS: Final = frozenset({"Parameter", "Const", "Result", "Input"})
_BODIES: Final = {"body": "body", "then_body": "then_branch", "else_body": "else_branch"}


def probe(head: bytes, _size: int, _name: str) -> bool:
    """An XML file whose root element is ``net``."""
    return head[:1] in (b"<", b"\xef") and b"<net " in head and b"version=" in head


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of the same name."""
    wanted = lead.rpartition(".")[0] + ".bin"
    return (wanted,) if wanted in paths else ()


def parse(data: ModelData) -> Graph:
    """Reads layers, edges, constants and the bodies of loops and branches; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("no network element")
    network = read_network(data.buf)
    weights = next(iter(data.parts.values()), None)
    graph = _Builder(network, weights).graph()
    if not graph.nodes:
        raise NotThisFormat("a network without operations")
    missing = weights is None and any(tensor.constant for tensor in graph.tensors)
    version = network.versions.get("Runtime_version") or network.versions.get("MO_version") or ""
    return Graph(
        format=FORMAT.name,
        name=graph.name,
        nodes=graph.nodes,
        tensors=graph.tensors,
        inputs=graph.inputs,
        outputs=graph.outputs,
        subgraphs=graph.subgraphs,
        format_version=f"IR v{network.root['version'][:20]}",
        producer=f"OpenVINO {version[:80]}".strip(),
        notes=("the weight file is missing",) if missing else (),
    )


class _Builder:
    """Makes the graph of one network."""

    def __init__(self, network: Network, weights: Buffer | None) -> None:
        self._network = network
        self._weights = weights
        self._tensors: list[Tensor] = []
        self._place: dict[tuple[str, str], int] = {}
        self._subgraphs: list[Graph] = []

    def graph(self) -> Graph:
        """The graph; its sub-graphs are the bodies of its layers."""
        for key, layer in self._network.layers.items():
            for port, (precision, dims) in layer.outputs.items():
                self._place[key, port] = len(self._tensors)
                self._tensors.append(self._output(layer, port, precision, dims))
        sources = self._sources()
        layers = self._network.layers.values()
        nodes = tuple(self._node(x, sources.get(x.key, [])) for x in layers if x.kind not in _ENDS)
        inputs = [self._place[x.key, port] for x in layers if x.kind in ("Parameter", "Input") for port in x.outputs]
        return Graph(
            format="openvino",
            name=self._network.root.get("name", ""),
            nodes=nodes,
            tensors=tuple(self._tensors),
            inputs=tuple(inputs),
            outputs=tuple(at for x in layers if x.kind == "Result" for _, at in sorted(sources.get(x.key, []))),
            subgraphs=tuple(self._subgraphs),
        )

    def _output(self, layer: Layer, port: str, precision: str, dims: list[int | None]) -> Tensor:
        name = layer.name if len(layer.outputs) == 1 else f"{layer.name}:{port}"
        dtype = _DTYPES.get((precision or layer.precision).lower(), DType.UNKNOWN)
        if layer.kind != "Const" or "offset" not in layer.settings:
            return Tensor(name, dtype, tuple(dims), constant=layer.kind == "Const")
        offset, size = number(layer.settings["offset"]), number(layer.settings.get("size", "0"))
        if self._weights is not None and offset + size > len(self._weights):
            raise MalformedError(f"constant {layer.name[:80]!r} ends beyond the weight file")
        dtype = _DTYPES.get(layer.settings.get("element_type", "").lower(), dtype)
        return Tensor(name, dtype, tuple(dims), Span(offset, size, 1), constant=True)

    def _sources(self) -> dict[str, list[tuple[int, int]]]:
        """What each layer reads: `(its port, tensor)`."""
        sources: dict[str, list[tuple[int, int]]] = {}
        for edge in self._network.edges:
            origin = (edge.get("from-layer", ""), edge.get("from-port", ""))
            target = edge.get("to-layer", "")
            if origin not in self._place or target not in self._network.layers:
                raise MalformedError(f"edge from layer {origin[0][:40]!r} to {target[:40]!r}, which do not exist")
            port = edge.get("to-port", "0")
            place = int(port) if port.isdecimal() and len(port) < 10 else 0
            sources.setdefault(target, []).append((place, self._place[origin]))
        return sources

    def _node(self, layer: Layer, sources: list[tuple[int, int]]) -> Node:
        read = [at for _, at in sorted(sources)] + self._blobs(layer)
        outputs = tuple(self._place[layer.key, port] for port in layer.outputs)
        operands = Operands(
            layer.kind, layer.opset, layer.settings, tuple(read), self._values, self._shape, len(outputs)
        )
        found = translate(operands)
        attributes = dict(found.attributes) | self._bodies(layer, sources, found)
        return Node(layer.kind, found.kind, layer.name, found.inputs, outputs, attributes)

    def _blobs(self, layer: Layer) -> list[int]:
        """Weights that representations before version 10 keep with their layer."""
        found = []
        dtype = _DTYPES.get(layer.precision.lower(), DType.UNKNOWN)
        width = 2 if dtype is DType.FLOAT16 else 1 if dtype is DType.INT8 else 4
        for name, offset, size in layer.blobs:
            found.append(len(self._tensors))
            span = Span(offset, size, 1)
            self._tensors.append(Tensor(f"{layer.name}.{name}", dtype, (size // width,), span, constant=True))
        return found

    def _bodies(self, layer: Layer, sources: list[tuple[int, int]], found: Translated) -> dict[str, Attribute]:
        attributes: dict[str, Attribute] = {}
        for tag, body in layer.bodies.items():
            attributes[_BODIES[tag]] = len(self._subgraphs)
            self._subgraphs.append(_Builder(body, self._weights).graph())
        if found.kind == "Loop":
            trips = self._trips(layer, dict(sources))
            attributes |= {"trip_count": trips} if trips is not None else {}
        return attributes

    def _trips(self, layer: Layer, sources: dict[int, int]) -> int | None:
        """Slices of the input that a loop runs over, or its first input where that is a plain number."""
        for tag, port in layer.ports:
            place = port.get("external_port_id", "")
            axis = _integer(port.get("axis", ""))
            if tag != "input" or axis is None or not place.isdecimal() or int(place) not in sources:
                continue
            shape = self._tensors[sources[int(place)]].shape or ()
            size = shape[axis] if -len(shape) <= axis < len(shape) else None
            part = abs(_integer(port.get("part_size", "1")) or 1)
            if isinstance(size, int):
                return size // part
        limit = self._values(sources[min(sources)]) if layer.kind == "Loop" and sources else None
        return limit[0] if limit and 0 <= limit[0] < 1 << 31 else None

    def _shape(self, place: int) -> tuple[int | str | None, ...] | None:
        return self._tensors[place].shape

    def _values(self, place: int) -> tuple[int, ...] | None:
        """The numbers in a small constant, cut to integers."""
        tensor = self._tensors[place]
        span, count = tensor.data, tensor.elements
        code = _CODES.get(tensor.dtype)
        if span is None or self._weights is None or code is None or count is None or count > MAX_INLINE_VALUES:
            return None
        if struct.calcsize(f"<{count}{code}") > span.size:
            return None
        found = struct.unpack_from(f"<{count}{code}", self._weights, span.offset)
        return tuple(int(value) if abs(value) < 1 << 63 else 0 for value in found)


def _integer(value: str) -> int | None:
    return int(value) if value.lstrip("-").isdecimal() and len(value) < 12 else None


FORMAT = Format(
    name="openvino",
    version=2,
    title="OpenVINO IR",
    suffixes=(".xml",),
    parse=parse,
    probe=probe,
    gate=starts(b"<\xef"),
    bind=bind,
    references=(
        "https://docs.openvino.ai/2025/documentation/openvino-ir-format.html",
        "https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/available-opsets.html",
    ),
    limitations=("which values a loop hands from one run to the next is not shown",),
)
