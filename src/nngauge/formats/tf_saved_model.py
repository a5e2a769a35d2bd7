"""TensorFlow SavedModel: ``saved_model.pb`` with its ``variables/`` beside it.

Schema: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/saved_model.proto and
meta_graph.proto of the same folder.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._tf_graphdef import graph_def, shape_proto
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
    """Reads every meta graph, its functions and its signatures; see `Format.parse` for the errors.

    The first meta graph is the model; others (TPU or training variants) follow in `Graph.subgraphs`.
    """
    if not probe(bytes(data.buf[:16]), len(data.buf), ""):
        raise NotThisFormat("does not begin like a SavedModel")
    graphs = []
    for field in fields(data.buf):
        if field.number == 2 and field.wire == BYTES:
            graphs.append(_meta_graph(data.buf, field))
        elif (field.number, field.wire) != (1, VARINT):
            raise NotThisFormat(f"field {field.number} is not one of SavedModel")
    if not graphs:
        raise MalformedError("no meta graph")
    main = graphs[0]
    notes = []
    variables = sum(tensor.constant and tensor.data is None for tensor in main.tensors)
    if variables:
        where = "in variables/, not located one by one" if data.parts else "missing: no variables/ beside the model"
        notes.append(f"values of {variables} variables (those of the optimiser included) are {where}")
    return replace(
        main,
        subgraphs=(*main.subgraphs, *graphs[1:]),
        completeness=Completeness.FULL if data.parts or not variables else Completeness.PARTIAL,
        notes=tuple(notes),
    )


def _meta_graph(buf: Buffer, message: Field) -> Graph:
    """A `MetaGraphDef`."""
    parts: dict[int, list[Field]] = {}
    for field in fields(buf, message.start, message.end):
        if field.wire != BYTES or field.number > 7:
            raise NotThisFormat(f"field {field.number} is not one of MetaGraphDef")
        parts.setdefault(field.number, []).append(field)
    if 2 not in parts:
        raise MalformedError("a meta graph without graph", where=f"@{message.start}")
    version, tags = _info(buf, parts[1][0]) if 1 in parts else ("", "")
    graph = graph_def(buf, parts[2][0].start, parts[2][0].end, "")
    signatures = dict(_signature(buf, field) for field in parts.get(5, ()))
    metadata = {
        f"signature:{key}": f"{', '.join(name for name, _ in ins)} → {', '.join(name for name, _ in outs)}"
        for key, (ins, outs) in signatures.items()
        if key != _INIT
    }
    if tags:
        metadata["tags"] = tags
    chosen = signatures.get(_DEFAULT) or next((value for key, value in signatures.items() if key != _INIT), None)
    if chosen is not None:
        graph = _with_ports(graph, *chosen)
    return replace(
        graph,
        format="tf_saved_model",
        producer=f"TensorFlow {version}" if version else None,
        metadata=metadata,
    )


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


def _with_ports(graph: Graph, inputs: _Ports, outputs: _Ports) -> Graph:
    """Takes a signature's tensors as inputs and outputs; values that nothing consumes are added."""
    tensors = list(graph.tensors)
    places = {tensor.name: place for place, tensor in enumerate(tensors)}

    def place(wanted: Tensor) -> int:
        found = places.get(wanted.name)
        if found is None:
            found = places[wanted.name] = len(tensors)
            tensors.append(wanted)
        elif not tensors[found].constant:
            tensors[found] = wanted
        return found

    ins, outs = tuple([place(tensor) for _, tensor in inputs]), tuple([place(tensor) for _, tensor in outputs])
    return replace(graph, tensors=tuple(tensors), inputs=ins, outputs=outs)


FORMAT = Format(
    name="tf_saved_model",
    version=1,
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
        "values of variables are not located inside the checkpoint",
        "variables of an optimiser count as parameters when the graph holds them",
    ),
)
