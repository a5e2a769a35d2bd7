"""TensorFlow.js models: model.json with topology and weight manifest, or a manifest alone, beside binary shards.

Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nngauge.domain.graph import Completeness, Dim, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._json_text import JsonObject, mapping, objects, read_json, text, whole_numbers
from nngauge.formats._values import Values
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK

_DTYPES = {
    "float32": (4, DType.FLOAT32), "float16": (2, DType.FLOAT16), "int32": (4, DType.INT32), "uint8": (1, DType.UINT8),
    "uint16": (2, DType.UINT16), "bool": (1, DType.BOOL), "complex64": (8, DType.COMPLEX64),
    "string": (0, DType.STRING), "int64": (8, DType.INT64),
}  # fmt: skip
_SIGNATURE_DTYPES = {
    "DT_FLOAT": DType.FLOAT32, "DT_INT32": DType.INT32, "DT_UINT8": DType.UINT8, "DT_BOOL": DType.BOOL,
    "DT_STRING": DType.STRING, "DT_INT64": DType.INT64, "DT_HALF": DType.FLOAT16,
}  # fmt: skip
_HINTS = (b'"modelTopology"', b'"weightsManifest"', b"graph-model", b"layers-model", b"TensorFlow.js")
_SHARD = re.compile(r"(shard\d+(of\d+)?(\.bin|\.dat)?|\.bin|\.weights)$")


def probe(head: bytes, size: int, _name: str) -> bool:
    """JSON that speaks of topology or weights in its first bytes."""
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if size < 80 or first not in (b"{", b"["):
        return False
    if first == b"[":
        return b'"weights"' in head and b'"shape"' in head and b'"dtype"' in head
    return any(hint in head for hint in _HINTS)


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Files in the same folder that are named like shards, in path order; the manifest decides which are used."""
    folder = lead.rpartition("/")[0]
    return tuple(
        sorted(path for path in paths if path != lead and path.rpartition("/")[0] == folder and _SHARD.search(path))
    )


def parse(data: ModelData) -> Graph:
    """Reads layers or nodes, the signature, and the weights' descriptions; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("nothing of a TensorFlow.js model in front")
    document = read_json(data.buf)
    model: JsonObject = {"weightsManifest": document} if isinstance(document, list) else mapping(document)
    topology = mapping(model.get("modelTopology"))
    manifest = objects(model.get("weightsManifest"))
    values = Values()
    sizes = [_group(group, values) for group in manifest]
    if not values.tensors and not topology:
        raise NotThisFormat("neither topology nor weights")
    nodes = _graph_nodes(topology, values) if "node" in topology else _layers(topology, values)
    if topology and not nodes:
        raise NotThisFormat("a topology without nodes or layers")
    notes = _check_shards(manifest, sizes, data.parts)
    if not topology:
        notes += ("weights only: the topology is built in code",)
    inputs, outputs = _ports(model, topology, values)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if topology else Completeness.FULL,
        nodes=nodes,
        tensors=tuple(values.tensors),
        inputs=inputs,
        outputs=outputs,
        format_version=text(model.get("format")) or None,
        producer=_producer(model, topology),
        notes=notes,
    )


def _producer(model: JsonObject, topology: JsonObject) -> str | None:
    made, version = text(model.get("convertedBy")), text(model.get("generatedBy"))
    keras = text(topology.get("keras_version"))
    parts = [made, f"TensorFlow {version}" if version[:1].isdigit() else version, f"Keras {keras}" if keras else ""]
    return ", ".join(part[:100] for part in parts if part) or None


def _group(group: JsonObject, values: Values) -> int:
    """Adds the weights of one group of shards; gives the bytes they take."""
    entries = objects(group.get("weights"))
    if not entries:
        raise NotThisFormat("a weight group without weights")
    total = 0
    for entry in entries:
        shape, quantized = whole_numbers(entry.get("shape")), mapping(entry.get("quantization"))
        stored = text(quantized.get("dtype")) or text(entry.get("dtype"))
        if not text(entry.get("name")) or shape is None or stored not in _DTYPES:
            raise NotThisFormat("an entry of the manifest is not a weight")
        if len(shape) > MAX_RANK or any(dim < 0 for dim in shape):
            raise MalformedError(f"impossible shape of {text(entry['name'])[:80]!r}")
        width, dtype = _DTYPES[stored]
        tensor = Tensor(text(entry["name"]), dtype, shape, constant=True)
        values.add(tensor)
        total += width * (tensor.elements or 0)
    return total


def _check_shards(manifest: list[JsonObject], sizes: list[int], parts: Mapping[str, Buffer]) -> tuple[str, ...]:
    """Notes about shards that are absent or of another size than the manifest wants."""
    present = {path.rpartition("/")[2]: len(buf) for path, buf in parts.items()}
    notes = []
    for group, expected in zip(manifest, sizes, strict=True):
        wanted = group.get("paths")
        names = [text(path).rpartition("/")[2] for path in wanted] if isinstance(wanted, list) else []
        missing = [name for name in names if name not in present]
        if missing:
            notes.append(f"{len(missing)} of {len(names)} weight shards are missing, first {missing[0][:80]}")
        elif names and sum(present[name] for name in names) < expected:
            notes.append(f"weight shards are shorter than the {expected} bytes the manifest describes")
    return tuple(notes[:4])


def _graph_nodes(topology: JsonObject, values: Values) -> tuple[Node, ...]:
    entries = objects(topology.get("node"))
    if len(entries) > MAX_NODES:
        raise LimitError(f"{len(entries)} nodes")
    nodes = []
    for entry in entries:
        name, op = text(entry.get("name")), text(entry.get("op"))
        if not name or not op:
            raise MalformedError("a node without name or operation")
        if op in ("Const", "Placeholder"):
            continue
        sources = entry.get("input")
        read = [text(item).lstrip("^").partition(":")[0] for item in sources] if isinstance(sources, list) else []
        nodes.append(Node(op, None, name, values.use_all(read), (values.use(name),)))
    return tuple(nodes)


def _layers(topology: JsonObject, values: Values) -> tuple[Node, ...]:
    """Layers of a Keras topology, which older writers wrap in ``model_config``."""
    config = _keras_config(topology).get("config")
    entries = objects(config) or objects(mapping(config).get("layers"))
    if len(entries) > MAX_NODES:
        raise LimitError(f"{len(entries)} layers")
    nodes = []
    for entry in entries:
        kind, settings = text(entry.get("class_name")), mapping(entry.get("config"))
        if not kind:
            raise MalformedError("a layer without class")
        name = text(settings.get("name")) or text(entry.get("name"))
        if kind != "InputLayer":
            nodes.append(Node(kind, None, name, (), (values.use(name),)))
    return tuple(nodes)


def _keras_config(topology: JsonObject) -> JsonObject:
    return mapping(topology.get("model_config")) or topology


def _ports(model: JsonObject, topology: JsonObject, values: Values) -> tuple[tuple[int, ...], tuple[int, ...]]:
    signature = mapping(model.get("signature")) or mapping(mapping(model.get("userDefinedMetadata")).get("signature"))
    if signature:
        return _signature(signature.get("inputs"), values), _signature(signature.get("outputs"), values)
    inputs = []
    for entry in objects(topology.get("node")):
        if entry.get("op") == "Placeholder":
            shape = _dims(mapping(mapping(mapping(entry.get("attr")).get("shape")).get("shape")))
            inputs.append(values.add(Tensor(text(entry.get("name")), DType.UNKNOWN, shape)))
    config = _keras_config(topology).get("config")
    for entry in objects(config) or objects(mapping(config).get("layers")):
        settings = mapping(entry.get("config"))
        batch = settings.get("batch_input_shape")
        if isinstance(batch, list) and len(batch) <= MAX_RANK:
            shape = tuple(dim if type(dim) is int else None for dim in batch)
            dtype = _DTYPES.get(text(settings.get("dtype")), (0, DType.UNKNOWN))[1]
            inputs.append(values.add(Tensor(f"{text(settings.get('name'))}:input", dtype, shape)))
    return tuple(inputs), ()


def _signature(ports: object, values: Values) -> tuple[int, ...]:
    found = []
    for key, value in mapping(ports).items():
        port = mapping(value)
        dtype = _SIGNATURE_DTYPES.get(text(port.get("dtype")), DType.UNKNOWN)
        name = (text(port.get("name")) or key).removesuffix(":0")
        found.append(values.add(Tensor(name, dtype, _dims(mapping(port.get("tensorShape"))))))
    return tuple(found)


def _dims(shape: JsonObject) -> tuple[Dim, ...] | None:
    if "dim" not in shape:
        return None
    dims = objects(shape["dim"])[:MAX_RANK]
    sizes = [str(dim.get("size", "-1")) for dim in dims]
    return tuple(int(size) if size.isdecimal() and len(size) < 12 else None for size in sizes)


FORMAT = Format(
    name="tfjs",
    version=1,
    title="TensorFlow.js model",
    suffixes=("model.json", "weights_manifest.json"),
    parse=parse,
    probe=probe,
    gate=starts(b"{[ \t\r\n\xef"),
    bind=bind,
    references=("https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts",),
    limitations=("edges between Keras layers are not read",),
)
