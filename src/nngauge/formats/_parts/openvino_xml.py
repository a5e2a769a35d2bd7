"""Reads the XML of OpenVINO's representation: layers with their ports, edges, and bodies of loops and branches.

Specification: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from __future__ import annotations

from xml.parsers import expat

from msgspec import Struct, field

from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TEXT_MODEL

Attributes = dict[str, str]
BODIES = ("body", "then_body", "else_body")
_VERSIONS = ("MO_version", "Runtime_version")


class Layer(Struct):
    """One layer as the XML says it."""

    key: str
    name: str
    kind: str
    opset: str
    precision: str
    settings: Attributes = field(default_factory=dict)
    outputs: dict[str, tuple[str, list[int | None]]] = field(default_factory=dict)
    """Output port → its precision and dimensions."""
    blobs: list[tuple[str, int, int]] = field(default_factory=list)
    """Weights of representations before version 10: name, offset, size."""
    bodies: dict[str, Network] = field(default_factory=dict)
    """By element: the body of a loop, the branches of an ``If``."""
    ports: list[tuple[str, Attributes]] = field(default_factory=list)
    """How a body is fed: ``input`` and ``output`` elements of the port maps."""


class Network(Struct):
    """The layers and edges of the whole, or of one body."""

    root: Attributes = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    edges: list[Attributes] = field(default_factory=list)
    versions: Attributes = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    layer: Layer | None = None

    def open(self, tag: str, attributes: Attributes) -> None:
        """An element below the root of this network."""
        depth = len(self.path)
        if tag == "layer" and depth == 3:
            self._open_layer(attributes)
        elif tag == "edge" and depth == 3 and self.path[1] == "edges":
            self.edges.append(attributes)
        elif tag in _VERSIONS and depth == 3 and "value" in attributes:
            self.versions[tag] = attributes["value"]
        elif self.layer is not None:
            self._inside_layer(tag, attributes, self.layer)

    def _open_layer(self, attributes: Attributes) -> None:
        key = attributes.get("id", "")
        if not key or key in self.layers or not attributes.get("type"):
            raise MalformedError(f"layer {key[:40]!r} is repeated or has no type")
        name, opset = attributes.get("name", ""), attributes.get("version", "")
        layer = Layer(key, name, attributes["type"], opset, attributes.get("precision", ""))
        self.layer = self.layers[key] = layer

    def _inside_layer(self, tag: str, attributes: Attributes, layer: Layer) -> None:
        if tag == "data" and len(self.path) == 4:
            layer.settings = attributes
        elif self.path[3:] == ["output", "port"]:
            layer.outputs[attributes.get("id", "")] = (attributes.get("precision", ""), [])
        elif tag in ("input", "output") and self.path[-2].endswith("port_map"):
            layer.ports.append((tag, attributes))
        elif "offset" in attributes and "size" in attributes and tag in ("weights", "biases", "custom"):
            layer.blobs.append((tag, number(attributes["offset"]), number(attributes["size"])))

    def dimension(self, text: str) -> None:
        """A dimension of the output port that is open."""
        if self.layer is None or self.path[3:-1] != ["output", "port"]:
            return
        dims = next(reversed(self.layer.outputs.values()))[1]
        dims.append(int(text) if text.strip().isdecimal() else None)
        if len(dims) > MAX_RANK:
            raise LimitError(f"rank {len(dims)}")


class _Handlers(Struct):
    """What expat calls; `nets` are the networks that are open, innermost last."""

    nets: list[Network]
    text: str = ""
    layers: int = 0

    def start(self, tag: str, attributes: Attributes) -> None:
        """An element begins."""
        if sum(len(net.path) for net in self.nets) >= MAX_STRUCT_DEPTH:
            raise LimitError("XML nested too deeply")
        self.text = ""
        net = self.nets[-1]
        if not net.path and len(self.nets) == 1:
            if tag != "net" or "version" not in attributes:
                raise NotThisFormat(f"the root element is {tag[:40]!r}")
            net.root = attributes
            net.path.append(tag)
        elif net.layer is not None and tag in BODIES and len(net.path) == 3:
            self.nets.append(Network(path=[tag]))
        else:
            self.layers += tag == "layer"
            if self.layers > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} layers")
            net.path.append(tag)
            net.open(tag, attributes)

    def characters(self, content: str) -> None:
        """Text; only dimensions matter."""
        if self.nets[-1].path[-1:] == ["dim"] and len(self.text) < 24:
            self.text += content

    def end(self, tag: str) -> None:
        """An element ends."""
        net = self.nets[-1]
        if tag == "dim":
            net.dimension(self.text)
        if len(net.path) == 3:
            net.layer = None
        net.path.pop()
        if not net.path and len(self.nets) > 1:
            body = self.nets.pop()
            outer = self.nets[-1].layer
            if outer is not None:
                outer.bodies[tag] = body


def read_network(buf: Buffer) -> Network:
    """The network in `buf`; `NotThisFormat` for other XML, `InputError` kinds for broken one."""
    if len(buf) > MAX_TEXT_MODEL:
        raise LimitError(f"XML of {len(buf)} bytes")
    network = Network()
    handlers = _Handlers([network])
    parser = expat.ParserCreate()
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = handlers.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(bytes(buf), True)  # noqa: FBT003 the C function takes no keyword
    except (expat.ExpatError, UnicodeError, ValueError) as error:
        raise MalformedError(f"not XML: {error}") from None
    return network


def number(value: str) -> int:
    """An offset or size."""
    if not value.isdecimal() or len(value) > 20:
        raise MalformedError(f"{value[:40]!r} is not an offset or size")
    return int(value)


def _refuse_doctype(*_: object) -> None:
    """Entities are how small XML becomes large, and no writer of this format declares any."""
    raise MalformedError("a document type declaration")
