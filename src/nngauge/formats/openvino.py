"""OpenVINO intermediate representation: an XML network and a file of weights.

Specification: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.parsers import expat

from msgspec import Struct, field

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TEXT_MODEL

_DTYPES = {
    "f64": DType.FLOAT64, "f32": DType.FLOAT32, "fp32": DType.FLOAT32, "f16": DType.FLOAT16, "fp16": DType.FLOAT16,
    "bf16": DType.BFLOAT16, "i64": DType.INT64, "i32": DType.INT32, "i16": DType.INT16, "i8": DType.INT8,
    "i4": DType.INT4, "u64": DType.UINT64, "u32": DType.UINT32, "u16": DType.UINT16, "u8": DType.UINT8,
    "u4": DType.UINT4, "u2": DType.UINT2, "boolean": DType.BOOL, "bool": DType.BOOL, "string": DType.STRING,
    "f8e4m3": DType.FLOAT8_E4M3, "f8e5m2": DType.FLOAT8_E5M2, "f4e2m1": DType.FLOAT4_E2M1,
}  # fmt: skip
_ENDS = {"Parameter", "Const", "Result", "Input"}
Attributes = dict[str, str]


class _Layer(Struct):
    """One layer as the XML says it."""

    key: str
    name: str
    kind: str
    precision: str
    settings: Attributes = field(default_factory=dict)
    outputs: dict[str, tuple[str, list[int | None]]] = field(default_factory=dict)
    """Output port → its precision and dimensions."""
    blobs: list[tuple[str, int, int]] = field(default_factory=list)
    """Weights of representations before version 10: name, offset, size."""


class _Network(Struct):
    """What the XML handlers collect; layers inside bodies of loops are counted only."""

    root: Attributes = field(default_factory=dict)
    layers: dict[str, _Layer] = field(default_factory=dict)
    edges: list[Attributes] = field(default_factory=list)
    inner: int = 0
    path: list[str] = field(default_factory=list)
    port: str | None = None
    dimension: str = ""
    layer: _Layer | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        self.path.append(tag)
        depth = len(self.path)
        if depth > MAX_STRUCT_DEPTH:
            raise LimitError("XML nested too deeply")
        if depth == 1:
            if tag != "net" or "version" not in attributes:
                raise NotThisFormat(f"the root element is {tag[:40]!r}")
            self.root = attributes
        elif tag == "layer" and depth == 3:
            self._open_layer(attributes)
        elif tag == "layer":
            self.inner += 1
        elif tag == "edge" and depth == 3:
            self.edges.append(attributes)
        elif self.layer is not None:
            self._inside_layer(tag, attributes, self.layer)

    def _open_layer(self, attributes: Attributes) -> None:
        key = attributes.get("id", "")
        if not key or key in self.layers or not attributes.get("type"):
            raise MalformedError(f"layer {key[:40]!r} is repeated or has no type")
        if len(self.layers) >= MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} layers")
        name, precision = attributes.get("name", ""), attributes.get("precision", "")
        self.layer = self.layers[key] = _Layer(key, name, attributes["type"], precision)

    def _inside_layer(self, tag: str, attributes: Attributes, layer: _Layer) -> None:
        if self.path[3:-1] == [] and tag == "data":
            layer.settings = attributes
        elif self.path[3:] == ["output", "port"]:
            self.port = attributes.get("id", "")
            layer.outputs[self.port] = (attributes.get("precision", ""), [])
        elif "offset" in attributes and "size" in attributes and tag in ("weights", "biases", "custom"):
            layer.blobs.append((tag, _number(attributes["offset"]), _number(attributes["size"])))

    def text(self, content: str) -> None:
        if self.port is not None and self.path[-1] == "dim" and len(self.dimension) < 24:
            self.dimension += content

    def end(self, tag: str) -> None:
        if tag == "dim" and self.port is not None and self.layer is not None:
            dims = self.layer.outputs[self.port][1]
            dims.append(int(self.dimension) if self.dimension.strip().isdecimal() else None)
            self.dimension = ""
            if len(dims) > MAX_RANK:
                raise LimitError(f"rank {len(dims)}")
        elif tag == "port":
            self.port = None
        elif len(self.path) == 3:
            self.layer = None
        self.path.pop()


def probe(head: bytes, _size: int, _name: str) -> bool:
    """An XML file whose root element is ``net``."""
    return head[:1] in (b"<", b"\xef") and b"<net " in head and b"version=" in head


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of the same name."""
    wanted = lead.rpartition(".")[0] + ".bin"
    return (wanted,) if wanted in paths else ()


def parse(data: ModelData) -> Graph:
    """Reads layers, edges and constants; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("no network element")
    network = _read(data.buf)
    weights = next(iter(data.parts.values()), None)
    tensors, place = _tensors(network, None if weights is None else len(weights))
    nodes = _nodes(network, tensors, place)
    if not any(node.op not in _ENDS for node in nodes):
        raise NotThisFormat("a network without operations")
    inputs = [place[key, port] for key, x in network.layers.items() if _is_input(x) for port in x.outputs]
    results = {key for key, layer in network.layers.items() if layer.kind == "Result"}
    outputs = [at for node, key in zip(nodes, network.layers, strict=True) if key in results for at in node.inputs]
    notes = ["the weight file is missing"] if weights is None and any(t.constant for t in tensors) else []
    if network.inner:
        notes.append(f"{network.inner} layers inside loop bodies not read")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if network.inner else Completeness.FULL,
        name=network.root.get("name", ""),
        nodes=tuple(node for node in nodes if node.op not in _ENDS),
        tensors=tuple(tensors),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        format_version=f"IR v{network.root['version'][:20]}",
        producer="OpenVINO",
        notes=tuple(notes),
    )


def _is_input(layer: _Layer) -> bool:
    return layer.kind in ("Parameter", "Input")


def _read(buf: Buffer) -> _Network:
    if len(buf) > MAX_TEXT_MODEL:
        raise LimitError(f"XML of {len(buf)} bytes")
    network = _Network()
    parser = expat.ParserCreate()
    parser.StartElementHandler = network.start
    parser.EndElementHandler = network.end
    parser.CharacterDataHandler = network.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(bytes(buf), True)  # noqa: FBT003 the C function takes no keyword
    except (expat.ExpatError, UnicodeError, ValueError) as error:
        raise MalformedError(f"not XML: {error}") from None
    return network


def _refuse_doctype(*_: object) -> None:
    """Entities are how small XML becomes large, and no writer of this format declares any."""
    raise MalformedError("a document type declaration")


def _number(value: str) -> int:
    if not value.isdecimal() or len(value) > 20:
        raise MalformedError(f"{value[:40]!r} is not an offset or size")
    return int(value)


def _tensors(network: _Network, available: int | None) -> tuple[list[Tensor], dict[tuple[str, str], int]]:
    tensors: list[Tensor] = []
    place: dict[tuple[str, str], int] = {}
    for key, layer in network.layers.items():
        for port, (precision, dims) in layer.outputs.items():
            place[key, port] = len(tensors)
            tensors.append(_output(layer, port, precision, dims, available))
    return tensors, place


def _output(layer: _Layer, port: str, precision: str, dims: list[int | None], available: int | None) -> Tensor:
    name = layer.name if len(layer.outputs) == 1 else f"{layer.name}:{port}"
    dtype = _DTYPES.get((precision or layer.precision).lower(), DType.UNKNOWN)
    if layer.kind != "Const" or "offset" not in layer.settings:
        return Tensor(name, dtype, tuple(dims), constant=layer.kind == "Const")
    offset, size = _number(layer.settings["offset"]), _number(layer.settings.get("size", "0"))
    if available is not None and offset + size > available:
        raise MalformedError(f"constant {layer.name[:80]!r} ends beyond the weight file")
    dtype = _DTYPES.get(layer.settings.get("element_type", "").lower(), dtype)
    return Tensor(name, dtype, tuple(dims), Span(offset, size, 1), constant=True)


def _nodes(network: _Network, tensors: list[Tensor], place: dict[tuple[str, str], int]) -> list[Node]:
    sources: dict[str, list[tuple[int, int]]] = {}
    for edge in network.edges:
        origin = (edge.get("from-layer", ""), edge.get("from-port", ""))
        target = edge.get("to-layer", "")
        if origin not in place or target not in network.layers:
            raise MalformedError(f"edge from layer {origin[0][:40]!r} to {target[:40]!r}, which do not exist")
        port = edge.get("to-port", "0")
        sources.setdefault(target, []).append((int(port) if port.isdecimal() else 0, place[origin]))
    nodes = []
    for key, layer in network.layers.items():
        read = [at for _, at in sorted(sources.get(key, []))]
        for name, offset, size in layer.blobs:
            read.append(len(tensors))
            dtype = _DTYPES.get(layer.precision.lower(), DType.UNKNOWN)
            width = 2 if dtype is DType.FLOAT16 else 1 if dtype is DType.INT8 else 4
            span = Span(offset, size, 1)
            tensors.append(Tensor(f"{layer.name}.{name}", dtype, (size // width,), span, constant=True))
        nodes.append(Node(layer.kind, None, layer.name, tuple(read), tuple(place[key, port] for port in layer.outputs)))
    return nodes


FORMAT = Format(
    name="openvino",
    version=1,
    title="OpenVINO IR",
    suffixes=(".xml",),
    parse=parse,
    probe=probe,
    gate=starts(b"<\xef"),
    bind=bind,
    references=("https://docs.openvino.ai/2025/documentation/openvino-ir-format.html",),
    limitations=("bodies of loops are counted, not read",),
)
