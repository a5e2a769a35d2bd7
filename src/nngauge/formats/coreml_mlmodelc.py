"""Compiled Core ML models (.mlmodelc): a folder led by coremldata.bin, with the network beside it.

The folder is not documented by Apple. Its coremldata.bin starts with the model kind of Model.proto as a 32-bit number and
holds the `ModelDescription` protobuf behind a 64-bit length (seen in files written by coremlcompiler); the network is
MIL text (model.mil), Espresso JSON (model.espresso.net) or something private, and metadata.json repeats the interface.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.coreml_espresso import read_layers, read_weights
from nngauge.formats._parts.coreml_mil import Files
from nngauge.formats._parts.coreml_mil_text import read_text
from nngauge.formats._parts.coreml_names import MODEL_KINDS
from nngauge.formats._parts.coreml_spec import Interface, producer_of, program_graph, read_description, with_interface
from nngauge.formats._parts.json_text import mapping, objects, read_json, text
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_TEXT_MODEL

_LEAD = "coremldata.bin"
_SEARCH = 512
"""The description's length lies within this many bytes; 75 in the files seen."""
_COMPRESSED = b"pbze"
"""In front of an Espresso network that is packed with LZFSE."""


def probe(head: bytes, size: int, name: str) -> bool:
    """Named as Core ML's own loader wants it, beginning with a known model kind."""
    return size > 24 and name.endswith(_LEAD) and int.from_bytes(head[:4], "little") in MODEL_KINDS


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Everything else in the folder of the lead file, in path order."""
    folder = lead.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    return tuple(sorted(path for path in paths if path.startswith(prefix) and path != lead)) if prefix else ()


def parse(data: ModelData) -> Graph:
    """Reads the interface, and the operations where they are readable; see `Format.parse` for the errors."""
    kind = MODEL_KINDS.get(int.from_bytes(bytes(data.buf[:4]), "little"))
    if kind is None or len(data.buf) > MAX_TEXT_MODEL:
        raise NotThisFormat("no model kind in front")
    interface = _interface(data.buf)
    network = _network(data, interface)
    facts = _facts(data)
    ports = len(interface.inputs) + len(interface.outputs)
    return replace(
        network,
        inputs=tuple(range(len(interface.inputs))),
        outputs=tuple(range(len(interface.inputs), ports)),
        format_version=f"specification {facts['specification']}" if "specification" in facts else None,
        producer=producer_of(interface.metadata),
        metadata={"kind": kind, **interface.metadata, **facts},
    )


def _interface(buf: Buffer) -> Interface:
    """The description behind the first 64-bit length that leads to a valid one."""
    head = bytes(buf[:_SEARCH])
    for at in range(4, len(head) - 12):
        size = int.from_bytes(head[at : at + 8], "little")
        if not 8 <= size <= len(buf) - at - 8 or head[at + 8] not in (0x0A, 0x52):
            continue
        try:
            found = read_description(buf, at + 8, at + 8 + size)
        except (InputError, NotThisFormat):
            continue
        if found.outputs:
            return found
    raise NotThisFormat("no model description")


def _network(data: ModelData, interface: Interface) -> Graph:
    base = Graph(
        format=FORMAT.name, completeness=Completeness.STRUCTURE, tensors=(*interface.inputs, *interface.outputs)
    )
    parts = {path: (at, buf) for at, (path, buf) in enumerate(data.parts.items(), 1)}
    mil = _part(data, "model.mil")
    if mil is not None:
        graph = program_graph(read_text(mil, Files(0, parts)), FORMAT.name, interface)
        unplaced = any(t.constant and t.data is None and t.values is None for t in graph.tensors)
        return _noted(graph, "the weight file is missing") if unplaced and not _has_weights(data) else graph
    espresso = _part(data, "model.espresso.net")
    if espresso is not None:
        return _espresso(data, espresso, interface, base)
    if not data.parts:
        return _noted(base, "only the interface was found; the network lies elsewhere or is missing")
    return _noted(base, "the network's own files are private to Core ML")


def _noted(graph: Graph, note: str) -> Graph:
    state = Completeness.PARTIAL if graph.nodes else graph.completeness
    return replace(graph, completeness=state, notes=(*graph.notes, note))


def _has_weights(data: ModelData) -> bool:
    return any(path.endswith(".bin") and "/weights/" in f"/{path}" for path in data.parts)


def _espresso(data: ModelData, net: Buffer, interface: Interface, base: Graph) -> Graph:
    if bytes(net[:4]) == _COMPRESSED:
        return _noted(base, "the Espresso network is compressed with LZFSE, which is not read")
    shapes = _part(data, "model.espresso.shape")
    weights = None
    for at, (path, buf) in enumerate(data.parts.items(), 1):
        if path.rpartition("/")[2] == "model.espresso.weights":
            weights = read_weights(buf, at)
    nodes, tensors = read_layers(net, base.tensors, shapes, weights)
    graph = with_interface(replace(base, nodes=nodes, tensors=tensors), interface)
    return _noted(graph, "the weight file is missing") if weights is None else graph


def _part(data: ModelData, name: str) -> Buffer | None:
    return next((buf for path, buf in data.parts.items() if path.endswith(f"/{name}") or path == name), None)


def _facts(data: ModelData) -> dict[str, str]:
    """What metadata.json adds: tool versions and storage precision."""
    part = _part(data, "metadata.json")
    if part is None:
        return {}
    entries = objects(read_json(part))
    first = entries[0] if entries else {}
    wanted = {
        "specificationVersion": "specification",
        "storagePrecision": "storage precision",
        "computePrecision": "compute precision",
    }
    facts = {label: str(first[key])[:200] for key, label in wanted.items() if isinstance(first.get(key), (str, int))}
    user = mapping(first.get("userDefinedMetadata"))
    return facts | {key: text(value) for key, value in list(user.items())[:64] if text(value)}


FORMAT = Format(
    name="coreml_mlmodelc",
    version=2,
    title="Core ML compiled model",
    suffixes=(".mlmodelc",),
    parse=parse,
    probe=probe,
    gate=(Magic(2, b"\0\0"),),
    bind=bind,
    references=("https://developer.apple.com/documentation/coreml/mlmodel", "https://github.com/apple/coremltools"),
    limitations=("undocumented format: compressed Espresso networks are not read, and rare layers are listed by name",),
)
