"""From a parsed graph to the `Model` that reports show."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.graph import Graph, Tensor
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile, Port
from nngauge.extract.attempt import Extracted
from nngauge.formats import Format
from nngauge.io.source import ByteSource


def summarise(extracted: Extracted, *, words: Sequence[str] = (), digests: bool = True) -> Model:
    """The model's identity, interface and size, what it is for, and why it is one.

    `words` are names from around it, nearest first: files of its folder, the app's label. Reads all its bytes once, for
    their SHA-256; without `digests` none, and the digests are empty.
    """
    from nngauge.analyse.task import classify  # costs 10 ms, and most apps have no model

    form, graph = extracted.format, extracted.graph
    plugin = f"{form.name}@{form.version}"
    parts = tuple(
        ModelFile(location=piece.location, sha256=sha256(piece.source) if digests else "", size=piece.source.size)
        for piece in extracted.pieces
    )
    proof = Evidence(
        kind=EvidenceKind.STRUCTURE, location=parts[0].location, value=f"validated as {form.title}", rule=plugin
    )
    model = Model(
        format=form.name,
        title=form.title,
        name=_name(form, parts[0].location),
        digest=bundle_digest(parts) if digests else "",
        size=sum(part.size for part in parts),
        parts=parts,
        completeness=graph.completeness,
        inputs=tuple(_ports(graph, graph.inputs)),
        outputs=tuple(_ports(graph, graph.outputs)),
        parameters=graph.parameters,
        nodes=_nodes(graph),
        ops=dict(_ops(graph).most_common()),
        weights=dict(_weights(graph).most_common()),
        format_version=graph.format_version,
        producer=graph.producer,
        metadata=dict(graph.metadata),
        notes=graph.notes,
        evidence=(proof,),
        plugin=plugin,
    )
    return replace(model, task=classify(graph, model, words))


def _name(form: Format, lead: Location) -> str:
    """The file's name; for formats that are folders (``Face.mlmodelc/…``) the folder's."""
    folders = lead.path.rpartition("!")[2].split("/")[:-1]
    return next((folder for folder in reversed(folders) if folder.lower().endswith(form.suffixes)), lead.name)


def sha256(source: ByteSource) -> str:
    """Digest of all bytes, streamed."""
    digest = hashlib.sha256()
    for chunk in source.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def bundle_digest(parts: Sequence[ModelFile]) -> str:
    """Identity of a model: its file's digest, or the digest of its parts' sorted digests."""
    if len(parts) == 1:
        return parts[0].sha256
    return hashlib.sha256("".join(sorted(part.sha256 for part in parts)).encode()).hexdigest()


def _ports(graph: Graph, indices: Sequence[int]) -> Iterator[Port]:
    for index in indices:
        if 0 <= index < len(graph.tensors):
            tensor: Tensor = graph.tensors[index]
            yield Port(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape)


def _nodes(graph: Graph) -> int | None:
    if not graph.nodes and not graph.subgraphs:
        return None
    return len(graph.nodes) + sum(_nodes(inner) or 0 for inner in graph.subgraphs)


def _ops(graph: Graph) -> Counter[str]:
    total = Counter(node.op for node in graph.nodes)
    for inner in graph.subgraphs:
        total += _ops(inner)
    return total


def _weights(graph: Graph) -> Counter[str]:
    total: Counter[str] = Counter()
    for tensor in graph.tensors:
        if tensor.constant:
            total[tensor.dtype.value] += tensor.elements or 0
    for inner in graph.subgraphs:
        total += _weights(inner)
    return total
