"""Compiled Core ML models (.mlmodelc): a folder led by coremldata.bin, with the network beside it.

The folder is not documented by Apple. Its coremldata.bin starts with the model kind of Model.proto as a 32-bit number and
holds the `ModelDescription` protobuf behind a 64-bit length (seen in files written by coremlcompiler); the network is
MIL text (model.mil), Espresso JSON (model.espresso.net) or something private, and metadata.json repeats the interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Dim, DType, Graph, Node, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._coreml_espresso import read_layers
from nngauge.formats._coreml_names import MODEL_KINDS
from nngauge.formats._coreml_spec import Interface, producer_of, read_description
from nngauge.formats._json_text import mapping, objects, read_json, text
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_TEXT_MODEL

_LEAD = "coremldata.bin"
_SEARCH = 512
"""The description's length lies within this many bytes; 75 in the files seen."""
_STATEMENT = re.compile(r"\s*(?:(\w+)<(\w+)(?:, \[([\d, ?]*)\])?[^=]*>|\w+) (\w+)[^=]* = (\w+)\(")
_MIL_DTYPES = {
    "fp16": DType.FLOAT16, "fp32": DType.FLOAT32, "fp64": DType.FLOAT64, "int8": DType.INT8, "uint8": DType.UINT8,
    "int16": DType.INT16, "uint16": DType.UINT16, "int32": DType.INT32, "bool": DType.BOOL, "string": DType.STRING,
    "uint4": DType.UINT4, "int4": DType.INT4, "uint2": DType.UINT2,
}  # fmt: skip


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
    ports = [*interface.inputs, *interface.outputs]
    base = Graph(format=FORMAT.name, completeness=Completeness.STRUCTURE, tensors=tuple(ports))
    mil = _part(data, "model.mil")
    espresso = _part(data, "model.espresso.net")
    if mil is not None:
        nodes, tensors = _mil(mil, ports)
        return replace(base, completeness=Completeness.PARTIAL, nodes=nodes, tensors=tensors)
    if espresso is not None:
        nodes, tensors = read_layers(espresso, ports)
        note = ("weights of the Espresso network are not counted",)
        return replace(base, completeness=Completeness.PARTIAL, nodes=nodes, tensors=tensors, notes=note)
    if not data.parts:
        return replace(base, notes=("only the interface was found; the network lies elsewhere or is missing",))
    return replace(base, notes=("the network's own files are private to Core ML",))


def _part(data: ModelData, name: str) -> Buffer | None:
    return next((buf for path, buf in data.parts.items() if path.endswith(f"/{name}") or path == name), None)


def _mil(buf: Buffer, ports: list[Tensor]) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """Operations and weight-file constants of MIL text, one statement a line."""
    if len(buf) > MAX_TEXT_MODEL:
        raise LimitError(f"MIL text of {len(buf)} bytes")
    content = bytes(buf).decode("utf-8", "replace")
    if not content.startswith("program("):
        raise MalformedError("model.mil does not begin with a program")
    nodes, tensors = [], list(ports)
    for statement in _statements(content):
        dtype, shape, name, op, constant = statement
        if constant:
            tensors.append(Tensor(name, dtype, shape, constant=True))
        if op != "const":
            nodes.append(Node(op, None, name))
        if len(nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")
    return tuple(nodes), tuple(tensors)


def _statements(content: str) -> Iterator[tuple[DType, tuple[Dim, ...] | None, str, str, bool]]:
    for line in content.splitlines():
        found = _STATEMENT.match(line[:4096])
        if found is None or line.lstrip().startswith(("func", "program", "[")):
            continue
        _, dtype, dims, name, op = found.groups()
        sizes = [dim.strip() for dim in dims.split(",")] if dims else []
        if len(sizes) > MAX_RANK:
            raise LimitError(f"rank {len(sizes)}")
        shape = tuple(int(dim) if dim.isdigit() else None for dim in sizes if dim)
        constant = op.startswith("constexpr_") or (op == "const" and "BLOBFILE" in line)
        yield _MIL_DTYPES.get(dtype or "", DType.UNKNOWN), shape, name, op, constant


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
    version=1,
    title="Core ML compiled model",
    suffixes=(".mlmodelc",),
    parse=parse,
    probe=probe,
    gate=(Magic(2, b"\0\0"),),
    bind=bind,
    references=("https://developer.apple.com/documentation/coreml/mlmodel", "https://github.com/apple/coremltools"),
    limitations=("undocumented format: edges between operations and weights of Espresso networks are not read",),
)
