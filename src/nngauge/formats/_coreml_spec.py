"""Core ML's `Model` message, which .mlmodel files hold alone and packages hold beside their weights.

Specification: https://github.com/apple/coremltools/tree/main/mlmodel/format (Model.proto, NeuralNetwork.proto).
"""

from __future__ import annotations

from msgspec import Struct, field

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._coreml_mil import read_program
from nngauge.formats._coreml_names import LAYER_KINDS, MODEL_KINDS
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, text, varints
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH

_NETWORKS = {303, 403, 500}
_PIPELINES = {200, 201, 202}
_PROGRAM = 502
_ARRAY_TYPES = {
    65552: DType.FLOAT16,
    65568: DType.FLOAT32,
    65600: DType.FLOAT64,
    131_080: DType.INT8,
    131_104: DType.INT32,
}
_WEIGHTS = {
    100: (90, 91), 140: (20, 21), 150: (20, 21), 160: (15, 16, 17, 18), 245: (2, 5), 250: (2,), 290: (2,),
    410: (30, 31, 32, 50, 51, 52, 70, 71, 72), 1040: (20, 21), 1070: (2,),
}  # fmt: skip
"""Layer kind → its fields of type WeightParams."""
MAX_SPECIFICATION = 100
"""Specification versions run from 1 (iOS 11) and rise by one a year."""


class Interface(Struct):
    """What `ModelDescription` says."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


def looks_like_model(head: bytes) -> bool:
    """Whether `head` begins with a specification version followed by a description, as every writer orders them."""
    return len(head) > 8 and head[0] == 0x08 and 0 < head[1] < MAX_SPECIFICATION and head[2] == 0x12


def read_model(buf: Buffer, name: str, start: int = 0, end: int | None = None, depth: int = 0) -> Graph:
    """The model message in `buf[start:end]` as a graph of format `name`.

    Raises `NotThisFormat` when version, description or model kind is missing; `MalformedError` further inside.
    """
    if depth > MAX_STRUCT_DEPTH // 4:
        raise LimitError("pipelines nested too deeply")
    version, description, kind = None, None, None
    for item in fields(buf, start, end):
        if item.number == 1 and item.wire == VARINT:
            version = item.value
        elif item.number == 2 and item.wire == BYTES:
            description = item
        elif item.number in MODEL_KINDS and item.wire == BYTES:
            kind = item
        elif item.number != 10:
            raise NotThisFormat(f"field {item.number} is not one of a Core ML model")
    if version is None or not 0 < version < MAX_SPECIFICATION or description is None or kind is None:
        raise NotThisFormat("specification version, description or model kind is missing")
    interface = read_description(buf, description.start, description.end)
    if not interface.outputs:
        raise NotThisFormat("the description has no output")
    return _assemble(buf, name, version, interface, kind, depth=depth)


def _assemble(buf: Buffer, name: str, version: int, interface: Interface, kind: Field, *, depth: int) -> Graph:
    ports = [*interface.inputs, *interface.outputs]
    nodes: tuple[Node, ...] = ()
    tensors: tuple[Tensor, ...] = tuple(ports)
    subgraphs: tuple[Graph, ...] = ()
    notes: tuple[str, ...] = ()
    if kind.number in _NETWORKS:
        nodes, tensors = _network(buf, kind, ports)
        notes = ("weights of recurrent and less common layers are not counted",)
    elif kind.number in _PIPELINES:
        subgraphs = _pipeline(buf, kind, name, depth)
    elif kind.number == _PROGRAM:
        nodes, tensors = read_program(buf, kind, ports)
    read = bool(nodes or subgraphs)
    metadata = {"kind": MODEL_KINDS[kind.number], **interface.metadata}
    return Graph(
        format=name,
        completeness=Completeness.PARTIAL if read else Completeness.STRUCTURE,
        nodes=nodes,
        tensors=tensors,
        inputs=tuple(range(len(interface.inputs))),
        outputs=tuple(range(len(interface.inputs), len(ports))),
        subgraphs=subgraphs,
        format_version=f"specification {version}",
        producer=producer_of(interface.metadata),
        metadata=metadata,
        notes=notes if read else (f"the body of a {MODEL_KINDS[kind.number]} is not read",),
    )


def producer_of(metadata: dict[str, str]) -> str | None:
    """The converter that wrote the model, from the metadata it leaves."""
    tools = metadata.get("com.github.apple.coremltools.version")
    source = metadata.get("com.github.apple.coremltools.source")
    parts = [f"coremltools {tools}" if tools else "", f"from {source}" if source else ""]
    return " ".join(part for part in parts if part) or None


def read_description(buf: Buffer, start: int, end: int) -> Interface:
    """The `ModelDescription` in `buf[start:end]`."""
    found = Interface()
    for item in fields(buf, start, end):
        if item.number in (1, 10) and item.wire == BYTES:
            (found.inputs if item.number == 1 else found.outputs).append(_feature(buf, item))
        elif item.number == 20 and item.wire == BYTES and not found.outputs:
            _function(buf, item, found)
        elif item.number == 100 and item.wire == BYTES:
            found.metadata.update(_metadata(buf, item))
    return found


def _function(buf: Buffer, where: Field, found: Interface) -> None:
    """The first function of a multi-function model stands for its interface."""
    for item in fields(buf, where.start, where.end):
        if item.number in (2, 3) and item.wire == BYTES:
            (found.inputs if item.number == 2 else found.outputs).append(_feature(buf, item))


def _metadata(buf: Buffer, where: Field) -> dict[str, str]:
    names = {1: "description", 2: "version", 3: "author", 4: "license"}
    found: dict[str, str] = {}
    for item in fields(buf, where.start, where.end):
        if item.number in names and item.end > item.start:
            found[names[item.number]] = text(buf, item)
        elif item.number == 100 and item.wire == BYTES and len(found) < 256:
            pair = {part.number: text(buf, part) for part in fields(buf, item.start, item.end) if part.wire == BYTES}
            found[pair.get(1, "")] = pair.get(2, "")
    return found


def _feature(buf: Buffer, where: Field) -> Tensor:
    label, dtype, shape = "", DType.UNKNOWN, None
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            label = text(buf, item)
        elif item.number == 3 and item.wire == BYTES:
            for kind in fields(buf, item.start, item.end):
                if kind.number != 1000 and kind.wire == BYTES:
                    dtype, shape = _feature_type(buf, kind)
    if not label:
        raise NotThisFormat("a feature without a name")
    return Tensor(label, dtype, shape)


def _feature_type(buf: Buffer, kind: Field) -> tuple[DType, tuple[int | None, ...] | None]:
    scalars = {1: DType.INT64, 2: DType.FLOAT64, 3: DType.STRING}
    if kind.number in scalars:
        return scalars[kind.number], ()
    parts = list(fields(buf, kind.start, kind.end))
    if kind.number == 4:
        size = {item.number: item.value for item in parts if item.wire == VARINT}
        channels = 1 if size.get(3) in (10, 40) else 3
        return DType.UINT8, (channels, size.get(2), size.get(1))
    if kind.number != 5:
        return DType.UNKNOWN, None
    shape = [dim for item in parts if item.number == 1 for dim in varints(buf, item)]
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)}")
    code = next((item.value for item in parts if item.number == 2), 0)
    return _ARRAY_TYPES.get(code, DType.UNKNOWN), tuple(dim if dim >= 0 else None for dim in shape) or None


def _network(buf: Buffer, where: Field, ports: list[Tensor]) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    tensors = list(ports)
    index = {tensor.name: at for at, tensor in enumerate(tensors)}
    nodes: list[Node] = []
    for item in fields(buf, where.start, where.end):
        if item.number == 1 and item.wire == BYTES:
            nodes.append(_layer(buf, item, tensors, index))
        if len(nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} layers")
    if not nodes:
        raise MalformedError("a neural network without layers", where=f"@{where.start}")
    return tuple(nodes), tuple(tensors)


def _layer(buf: Buffer, where: Field, tensors: list[Tensor], index: dict[str, int]) -> Node:
    label, op = "", ""
    edges: dict[int, list[int]] = {2: [], 3: []}
    weights: list[int] = []
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            label = text(buf, item)
        elif item.number in edges:
            key = text(buf, item)
            if key not in index:
                index[key] = len(tensors)
                tensors.append(Tensor(key))
            edges[item.number].append(index[key])
        elif item.number in LAYER_KINDS and item.wire == BYTES:
            op = LAYER_KINDS[item.number]
            weights = _layer_weights(buf, item, label, tensors)
    return Node(op or "unknown", None, label, (*edges[2], *weights), tuple(edges[3]))


def _layer_weights(buf: Buffer, where: Field, label: str, tensors: list[Tensor]) -> list[int]:
    wanted = _WEIGHTS.get(where.number, ())
    found: list[int] = []
    for item in fields(buf, where.start, where.end) if wanted else ():
        if item.number in wanted and item.wire == BYTES:
            tensor = _weight(buf, item, f"{label}.{item.number}")
            if tensor is not None:
                found.append(len(tensors))
                tensors.append(tensor)
    return found


def _weight(buf: Buffer, where: Field, label: str) -> Tensor | None:
    """One WeightParams: 32-bit floats, halves, or raw quantised bytes whose bit width is stored beside them."""
    bits, payload = 8, None
    for item in fields(buf, where.start, where.end):
        if item.number in (1, 2, 30, 31) and item.wire == BYTES and item.end > item.start:
            payload = item
        elif item.number == 40 and item.wire == BYTES:
            bits = next((part.value for part in fields(buf, item.start, item.end) if part.number == 1), bits)
    if payload is None:
        return None
    size = payload.end - payload.start
    widths = {1: (32, DType.FLOAT32), 2: (16, DType.FLOAT16), 31: (8, DType.INT8)}
    packed = {1: DType.UINT2, 2: DType.UINT2, 4: DType.UINT4}
    width, dtype = widths.get(payload.number, (bits or 8, packed.get(bits, DType.UINT8)))
    return Tensor(label, dtype, (size * 8 // width,), Span(payload.start, size), constant=True)


def _pipeline(buf: Buffer, where: Field, name: str, depth: int) -> tuple[Graph, ...]:
    """The models of a pipeline; classifier and regressor pipelines wrap one more message around it."""
    begin, end = where.start, where.end
    if where.number != 202:
        inner = next((item for item in fields(buf, begin, end) if item.number == 1 and item.wire == BYTES), None)
        if inner is None:
            raise MalformedError("an empty pipeline", where=f"@{begin}")
        begin, end = inner.start, inner.end
    models = [item for item in fields(buf, begin, end) if item.number == 1 and item.wire == BYTES]
    if not models:
        raise MalformedError("a pipeline without models", where=f"@{begin}")
    return tuple(read_model(buf, name, item.start, item.end, depth + 1) for item in models)
