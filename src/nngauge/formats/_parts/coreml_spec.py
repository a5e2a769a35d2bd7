"""Core ML's `Model` message, which .mlmodel files hold alone and packages hold beside their weights.

Specification: https://github.com/apple/coremltools/tree/main/mlmodel/format (Model.proto, NeuralNetwork.proto).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.domain.graph import Completeness, DType, Graph, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._parts.coreml_classic import read_classic
from nngauge.formats._parts.coreml_message import Message
from nngauge.formats._parts.coreml_mil import Block, Files, ProgramReader
from nngauge.formats._parts.coreml_names import MODEL_KINDS
from nngauge.formats._parts.coreml_network import Network, batched_images, is_batched
from nngauge.formats._parts.coreml_program import lower
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
_ALONE = Files()
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


def read_model(
    buf: Buffer, name: str, files: Files = _ALONE, start: int = 0, end: int | None = None, depth: int = 0
) -> Graph:
    """The model message in `buf[start:end]` as a graph of format `name`; `files` are those that belong to it.

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
    body = _body(buf, kind, name, interface, files, depth)
    return replace(
        body,
        format_version=f"specification {version}",
        producer=producer_of(interface.metadata),
        metadata={"kind": MODEL_KINDS[kind.number], **interface.metadata},
    )


def _body(buf: Buffer, kind: Field, name: str, interface: Interface, files: Files, depth: int) -> Graph:
    """The network itself, whatever it is."""
    if kind.number in _NETWORKS:
        network = _network(buf, kind, name, interface)
        base = replace(network.graph(), tensors=_in_part(network.values.tensors, files.part))
        return with_interface(base, interface)
    if kind.number in _PIPELINES:
        ports = (*interface.inputs, *interface.outputs)
        return with_interface(
            Graph(format=name, tensors=ports, subgraphs=_pipeline(buf, kind, name, files, depth)), interface
        )
    if kind.number == _PROGRAM:
        return program_graph(ProgramReader(buf, files).functions(kind), name, interface)
    ports_list = [*interface.inputs, *interface.outputs]
    nodes, tensors, note = read_classic(buf, kind, MODEL_KINDS[kind.number], ports_list, len(interface.inputs))
    base = Graph(format=name, nodes=nodes, tensors=_in_part(tensors, files.part), notes=(note,) if note else ())
    return with_interface(base, interface)


def program_graph(functions: dict[str, Block], name: str, interface: Interface) -> Graph:
    """The main function, with the others as sub-graphs."""
    main = "main" if "main" in functions else next(iter(functions))
    others = tuple(_function_graph(block, name, label) for label, block in functions.items() if label != main)
    program = lower(functions[main], name, (*interface.inputs, *interface.outputs))
    base = Graph(format=name, nodes=tuple(program.nodes), tensors=tuple(program.tensors))
    return with_interface(replace(base, subgraphs=(*program.subgraphs, *others)), interface)


def _function_graph(block: Block, name: str, label: str) -> Graph:
    program = lower(block, name)
    return Graph(
        format=name,
        name=label,
        nodes=tuple(program.nodes),
        tensors=tuple(program.tensors),
        inputs=tuple(range(len(block.inputs))),
        outputs=tuple(program.outputs),
        subgraphs=tuple(program.subgraphs),
    )


def with_interface(base: Graph, interface: Interface) -> Graph:
    """The interface's ports are the first tensors; the graph is full when every operation is known."""
    first = len(interface.inputs)
    inside = all(graph.completeness is Completeness.FULL for graph in base.subgraphs)
    whole = inside and not base.notes and all(node.kind for node in base.nodes)
    return replace(
        base,
        completeness=Completeness.FULL if whole else Completeness.PARTIAL,
        inputs=tuple(range(first)),
        outputs=tuple(range(first, first + len(interface.outputs))),
    )


def _in_part(tensors: Sequence[Tensor], part: int) -> tuple[Tensor, ...]:
    """Weights inside the model's own file, which is number `part` of the bundle."""
    if not part:
        return tuple(tensors)
    return tuple(replace(t, data=replace(t.data, part=part)) if t.data is not None else t for t in tensors)


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


def _pipeline(buf: Buffer, where: Field, name: str, files: Files, depth: int) -> tuple[Graph, ...]:
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
    return tuple(read_model(buf, name, files, item.start, item.end, depth + 1) for item in models)
