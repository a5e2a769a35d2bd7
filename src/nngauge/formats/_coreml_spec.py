"""Core ML's `Model` message, which .mlmodel files hold alone and packages hold beside their weights.

Specification: https://github.com/apple/coremltools/tree/main/mlmodel/format (Model.proto, NeuralNetwork.proto).
"""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._coreml_classic import read_classic
from nngauge.formats._coreml_message import Message
from nngauge.formats._coreml_mil import read_program
from nngauge.formats._coreml_names import MODEL_KINDS
from nngauge.formats._coreml_network import Network, batched_images, is_batched
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, text, varints
from nngauge.limits import MAX_RANK, MAX_STRUCT_DEPTH

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
        network = _network(buf, kind, name, interface)
        nodes, tensors, subgraphs = tuple(network.nodes), tuple(network.values.tensors), tuple(network.subgraphs)
    elif kind.number in _PIPELINES:
        subgraphs = _pipeline(buf, kind, name, depth)
    elif kind.number == _PROGRAM:
        nodes, tensors = read_program(buf, kind, ports)
    else:
        nodes, tensors, note = read_classic(buf, kind, MODEL_KINDS[kind.number], ports, len(interface.inputs))
        notes = (note,) if note else ()
    whole = not notes and all(node.kind for node in nodes)
    metadata = {"kind": MODEL_KINDS[kind.number], **interface.metadata}
    return Graph(
        format=name,
        completeness=Completeness.FULL if whole else Completeness.PARTIAL,
        nodes=nodes,
        tensors=tensors,
        inputs=tuple(range(len(interface.inputs))),
        outputs=tuple(range(len(interface.inputs), len(ports))),
        subgraphs=subgraphs,
        format_version=f"specification {version}",
        producer=producer_of(interface.metadata),
        metadata=metadata,
        notes=notes,
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


def _network(buf: Buffer, where: Field, name: str, interface: Interface) -> Network:
    settings = Message.of(buf, where)
    if batched_images(settings):
        interface.inputs = [_with_batch(tensor) for tensor in interface.inputs]
    ports = [*interface.inputs, *interface.outputs]
    network = Network(buf, name, ports, batched=is_batched(settings))
    network.read(where)
    return network


def _with_batch(tensor: Tensor) -> Tensor:
    """Images are described without the batch axis that they have."""
    image = tensor.dtype is DType.UINT8 and tensor.shape is not None and len(tensor.shape) == 3
    return replace(tensor, shape=(1, *tensor.shape)) if image and tensor.shape is not None else tensor


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
