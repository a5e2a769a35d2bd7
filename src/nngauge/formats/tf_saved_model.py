"""TensorFlow SavedModel: ``saved_model.pb`` with its ``variables/`` beside it.

Schema: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/saved_model.proto and
meta_graph.proto of the same folder.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph, Tensor
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.loops import with_trip_counts
from nngauge.formats._parts.tf_checkpoint import variables
from nngauge.formats._parts.tf_graphdef import read_graph, shape_proto
from nngauge.formats._parts.tf_network import Networks
from nngauge.formats._parts.tf_nodes import RawNode
from nngauge.formats.vocabulary._operation import plain_values
from nngauge.formats.vocabulary.tensorflow import dtype
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields

_HEAD: Final = b"\x08\x01\x12"
"""Schema version 1, then a `MetaGraphDef`."""
_INIT: Final = "__saved_model_init_op"
_DEFAULT: Final = "serving_default"

_Ports = list[tuple[str, Tensor]]


def probe(head: bytes, size: int, _name: str) -> bool:
    """Schema version 1 and a `MetaGraphDef` that begins with its `MetaInfoDef`."""
    if head[:3] != _HEAD or len(head) < 12:
        return False
    length = shift = 0
    for pos in range(3, 8):
        length |= (head[pos] & 0x7F) << shift
        shift += 7
        if head[pos] < 0x80:
            return 0 < length <= size - pos - 1 and head[pos + 1] in (0x0A, 0x12)
    return False


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The checkpoint under ``variables/`` next to the lead file."""
    folder = posixpath.join(posixpath.dirname(lead), "variables", "")
    return tuple(sorted(path for path in paths if path.startswith(folder)))


def parse(data: ModelData) -> Graph:
    """Reads every meta graph and its signatures, functions in place of calls; see `Format.parse` for the errors.

    The graph is what leads to the outputs of the default signature. Other signatures and meta graphs (TPU or training
    variants) follow in `Graph.subgraphs`, behind the bodies of control flow.
    """
    if not probe(bytes(data.buf[:16]), len(data.buf), ""):
        raise NotThisFormat("does not begin like a SavedModel")
    messages = []
    for field in fields(data.buf):
        if field.number == 2 and field.wire == BYTES:
            messages.append(field)
        elif (field.number, field.wire) != (1, VARINT):
            raise NotThisFormat(f"field {field.number} is not one of SavedModel")
    if not messages:
        raise MalformedError("no meta graph")
    notes: list[str] = []
    held = _checkpoint(data, notes)
    main = _meta_graph(data, messages[0], held)
    for message in messages[1:]:
        other = _meta_graph(data, message, held, len(main.subgraphs) + 1)
        main = replace(main, subgraphs=(*main.subgraphs, replace(other, subgraphs=()), *other.subgraphs))
    unknown = sum(tensor.constant and tensor.data is None and tensor.values is None for tensor in main.tensors)
    if unknown and not data.parts:
        notes.append(f"values of {unknown} constants are missing: no variables/ beside the model")
    complete = not unknown or bool(data.parts)
    return replace(
        main,
        completeness=Completeness.FULL if complete else Completeness.TOPOLOGY,
        notes=(*main.notes, *notes),
    )


def _checkpoint(data: ModelData, notes: list[str]) -> Mapping[str, Tensor]:
    try:
        return variables(data.parts)
    except InputError as error:
        # The network can still be read; only its weights cannot.
        notes.append(f"the checkpoint is not readable: {error}")
        return {}


def _meta_graph(data: ModelData, message: Field, held: Mapping[str, Tensor], first: int = 0) -> Graph:
    """A `MetaGraphDef`; its sub-graphs are counted from `first`."""
    buf = data.buf
    parts: dict[int, list[Field]] = {}
    for field in fields(buf, message.start, message.end):
        if field.wire != BYTES or field.number > 7:
            raise NotThisFormat(f"field {field.number} is not one of MetaGraphDef")
        parts.setdefault(field.number, []).append(field)
    if 2 not in parts:
        raise MalformedError("a meta graph without graph", where=f"@{message.start}")
    version, tags = _info(buf, parts[1][0]) if 1 in parts else ("", "")
    raw = read_graph(buf, parts[2][0].start, parts[2][0].end)
    read = partial(plain_values, (buf, *data.parts.values()))
    networks = Networks(raw, read, partial(_held, held), FORMAT.name, first)
    signatures = dict(_signature(buf, field) for field in parts.get(5, ()))
    signatures.pop(_INIT, None)
    metadata = {
        f"signature:{key}": f"{', '.join(name for name, _ in ins)} → {', '.join(name for name, _ in outs)}"
        for key, (ins, outs) in signatures.items()
    }
    if tags:
        metadata["tags"] = tags
    graphs = _networks(networks, signatures)
    # What a signature does not lead to saves, restores and initialises.
    left = len(raw.nodes) if len(graphs) > 1 or signatures else 0
    graph = replace(
        graphs[0],
        subgraphs=(*networks.finish(), *graphs[1:]),
        format_version=raw.version or None,
        producer=f"TensorFlow {version}" if version else None,
        metadata=metadata,
        notes=(f"only what leads to the outputs of a signature is read, of a graph of {left} nodes",) if left else (),
    )
    return with_trip_counts(graph, read)


def _networks(networks: Networks, signatures: Mapping[str, tuple[_Ports, _Ports]]) -> list[Graph]:
    """The network of each signature, the default one first, each network once."""
    found: dict[tuple[object, ...], Graph] = {}
    for key in sorted(signatures, key=lambda key: key != _DEFAULT):
        inputs, outputs = ([tensor for _, tensor in ports if tensor.name] for ports in signatures[key])
        if outputs:
            graph = networks.between(inputs, outputs, key if found else "", prune=True)
            found.setdefault(_likeness(graph), graph)
    return list(found.values()) or [networks.whole()]


def _likeness(graph: Graph) -> tuple[object, ...]:
    """Equal for networks that do the same: exports write one under several signatures."""
    variables = sorted(node.name for node in graph.nodes if node.kind == "Variable")
    return (*sorted((node.op, str(node.attributes)) for node in graph.nodes), *variables)


def _held(found: Mapping[str, Tensor], node: RawNode, key: str) -> Tensor | None:
    """The value of a variable: by its key, or under the name it is shared by, or its own."""
    shared = node.attributes.get("shared_name")
    names = (key, shared if isinstance(shared, str) else "", node.name)
    return next((found[name] for name in names if name in found), None)


def _info(buf: Buffer, message: Field) -> tuple[str, str]:
    """`(TensorFlow version, tags)` of a `MetaInfoDef`."""
    version, tags = "", []
    for field in fields(buf, message.start, message.end):
        if field.number == 4:
            tags.append(protobuf.text(buf, field))
        elif field.number == 5:
            version = protobuf.text(buf, field)
    return version, ", ".join(tags)


def _signature(buf: Buffer, message: Field) -> tuple[str, tuple[_Ports, _Ports]]:
    """`(name, (inputs, outputs))` of a map entry with a `SignatureDef`."""
    name = ""
    ports: dict[int, _Ports] = {1: [], 2: []}
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            name = protobuf.text(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            for entry in fields(buf, field.start, field.end):
                if entry.number in ports and entry.wire == BYTES:
                    ports[entry.number].append(_port(buf, entry))
    return name, (sorted(ports[1], key=_key), sorted(ports[2], key=_key))


def _key(port: tuple[str, Tensor]) -> str:
    # Maps have no order on the wire; names give the same one every time.
    return port[0]


def _port(buf: Buffer, message: Field) -> tuple[str, Tensor]:
    """`(argument, tensor)` of a map entry with a `TensorInfo`."""
    argument, name, code, shape = "", "", 0, None
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            argument = protobuf.text(buf, field)
        elif field.number == 2 and field.wire == BYTES:
            for part in fields(buf, field.start, field.end):
                if part.number == 1:
                    name = protobuf.text(buf, part)
                elif part.number == 2:
                    code = part.value
                elif part.number == 3 and part.wire == BYTES:
                    shape = shape_proto(buf, part)
    return argument, Tensor(name.removesuffix(":0"), dtype(code), shape)


FORMAT = Format(
    name="tf_saved_model",
    version=3,
    title="TensorFlow SavedModel",
    suffixes=("saved_model.pb",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"\x08\x01\x12"),),
    bind=bind,
    references=(
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/saved_model.proto",
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/meta_graph.proto",
        "https://www.tensorflow.org/guide/saved_model",
    ),
    limitations=(
        "functions that no signature calls are not shown",
        "compressed checkpoint indices are not read",
    ),
)
