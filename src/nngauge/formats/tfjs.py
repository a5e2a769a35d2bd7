"""TensorFlow.js models: model.json with topology and weight manifest, or a manifest alone, beside binary shards.

Format: https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph, Tensor
from nngauge.errors import NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, read_json, text
from nngauge.formats._parts.keras_config import read_network, with_network
from nngauge.formats._parts.keras_weights import Weights
from nngauge.formats._parts.loops import with_trip_counts
from nngauge.formats._parts.tf_network import Networks
from nngauge.formats._parts.tf_nodes import graph_value, split_value
from nngauge.formats._parts.tfjs_graph import json_dims, json_dtype, read_topology
from nngauge.formats._parts.tfjs_weights import read_manifest
from nngauge.formats.vocabulary._operation import plain_values
from nngauge.io.binary import Buffer

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
    """Reads layers or nodes, the signature, and where the weights lie; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("nothing of a TensorFlow.js model in front")
    document = read_json(data.buf)
    model: JsonObject = {"weightsManifest": document} if isinstance(document, list) else mapping(document)
    topology = mapping(model.get("modelTopology"))
    manifest = read_manifest(objects(model.get("weightsManifest")), data.parts)
    weights, notes = manifest.weights, manifest.notes
    if not weights and not topology:
        raise NotThisFormat("neither topology nor weights")
    base = Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if manifest.whole else Completeness.TOPOLOGY,
        tensors=weights,
        format_version=text(model.get("format")) or None,
        producer=_producer(model, topology),
        notes=notes,
    )
    if not topology:
        state = Completeness.FULL if manifest.whole else Completeness.PARTIAL
        return replace(base, completeness=state, notes=(*notes, "weights only: the topology is built in code"))
    if "node" in topology:
        return _graph_model(base, model, topology, (data.buf, *data.parts.values()))
    config = mapping(topology.get("model_config")) or topology
    return with_network(base, read_network(config, Weights(weights), len(data.buf)))


def _graph_model(base: Graph, model: JsonObject, topology: JsonObject, parts: Sequence[Buffer]) -> Graph:
    """A converted TensorFlow graph: weights that are no constant in it stay as tensors."""
    raw = read_topology(topology, {tensor.name: tensor for tensor in base.tensors})
    if not raw.nodes:
        raise NotThisFormat("a topology without nodes or layers")
    read = partial(plain_values, parts)
    networks = Networks(raw, read, lambda _node, _key: None, FORMAT.name)
    signature = mapping(model.get("signature")) or mapping(mapping(model.get("userDefinedMetadata")).get("signature"))
    inputs, outputs = _ports(signature.get("inputs")), _ports(signature.get("outputs"))
    names = {node.name for node in raw.nodes}
    described = outputs and all(split_value(tensor.name)[0] in names for tensor in (*inputs, *outputs))
    graph = networks.between(inputs, outputs, prune=False) if described else networks.whole()
    functions = networks.finish()
    used = {tensor.name for part in (graph, *functions) for tensor in part.tensors}
    loose = tuple([tensor for tensor in base.tensors if tensor.name not in used])
    whole = replace(
        base,
        nodes=graph.nodes,
        tensors=(*graph.tensors, *loose),
        inputs=graph.inputs,
        outputs=graph.outputs,
        subgraphs=functions,
    )
    return with_trip_counts(whole, read)


def _ports(ports: object) -> list[Tensor]:
    """Inputs or outputs of a signature."""
    found = []
    for key, value in mapping(ports).items():
        port = mapping(value)
        shape = json_dims(mapping(port["tensorShape"])) if "tensorShape" in port else None
        found.append(Tensor(graph_value(text(port.get("name")) or key), json_dtype(port.get("dtype")), shape))
    return found


def _producer(model: JsonObject, topology: JsonObject) -> str | None:
    made, version = text(model.get("convertedBy")), text(model.get("generatedBy"))
    keras = text(topology.get("keras_version"))
    parts = [made, f"TensorFlow {version}" if version[:1].isdigit() else version, f"Keras {keras}" if keras else ""]
    return ", ".join(part[:100] for part in parts if part) or None


FORMAT = Format(
    name="tfjs",
    version=3,
    title="TensorFlow.js model",
    suffixes=("model.json", "weights_manifest.json"),
    parse=parse,
    probe=probe,
    gate=starts(b"{[ \t\r\n\xef"),
    bind=bind,
    references=("https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts",),
    limitations=("weights that lie in two shards are not located",),
)
