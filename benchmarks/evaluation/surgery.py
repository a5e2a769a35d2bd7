"""Disguises that need the parsed model: names overwritten, weights encrypted, ncnn's text made binary."""

from __future__ import annotations

import random
import string
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.evaluation.models import Listed
from nngauge.analyse.protection.vocabulary import STRIPPED_SHARE, speaking_share
from nngauge.api import open_model
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.errors import NngaugeError
from nngauge.formats.vocabulary.ncnn import LAYERS

_SHORTEST = 3
_LARGE = 4096
_CIPHERED = frozenset({DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.UINT8, DType.BFLOAT16})


def stripped(listed: Listed, rng: random.Random) -> bytes | None:
    """The lead with every name of a tensor or layer overwritten by letters of the same length; None without speaking names."""
    content = listed.path.read_bytes()
    try:
        with open_model(listed.path) as read:
            names = sorted({name for name in _names(read.graph) if len(name) >= _SHORTEST}, key=len, reverse=True)
            share = speaking_share(read.graph)
    except NngaugeError:
        return None
    if share is None or share < STRIPPED_SHARE:
        return None  # names that say nothing already: numbers, or too few
    for name in names:
        raw = name.encode()
        content = content.replace(raw, "".join(rng.choices(string.ascii_lowercase, k=len(raw))).encode())
    return content


def _names(graph: Graph) -> Iterator[str]:
    ops = {node.op for node in graph.nodes}
    yield from (tensor.name for tensor in graph.tensors if tensor.name not in ops)
    yield from (node.name for node in graph.nodes if node.name not in ops)
    for part in graph.subgraphs:
        yield from _names(part)


def sealed_weights(listed: Listed, rng: random.Random) -> Mapping[int, bytes] | None:
    """Part (0 is the lead) → content with all large weights replaced by noise, as a stream cipher leaves them."""
    parts = [listed.path.read_bytes(), *(path.read_bytes() for path in listed.companions)]
    try:
        with open_model(listed.path) as read:
            sizes = [piece.source.size for piece in read.pieces]
            spans = [tensor.data for tensor in _weights(read.graph) if tensor.data is not None]
    except NngaugeError:
        return None
    order = [next((at for at, part in enumerate(parts) if len(part) == size), None) for size in sizes]
    changed: dict[int, bytearray] = {}
    for span in spans:
        at = order[span.part] if span.part < len(order) else None
        if at is not None and span.offset + span.size <= len(parts[at]):
            target = changed.setdefault(at, bytearray(parts[at]))
            target[span.offset : span.offset + span.size] = rng.randbytes(span.size)
    return {at: bytes(content) for at, content in changed.items()} or None


def _weights(graph: Graph) -> Iterator[Tensor]:
    for tensor in graph.tensors:
        if tensor.data is not None and tensor.data.size >= _LARGE and tensor.dtype in _CIPHERED:
            yield tensor
    for part in graph.subgraphs:
        yield from _weights(part)


def binary_ncnn(path: Path) -> bytes | None:
    """What ncnn2mem makes of a ``.param``: numbers for names; https://github.com/Tencent/ncnn/blob/master/tools/ncnn2mem.cpp."""
    lines = [line.split() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    if not lines or lines[0] != ["7767517"]:
        return None
    out = struct.pack("<3i", 7767517, *map(int, lines[1][:2]))
    blobs: dict[str, int] = {}
    for line in lines[2:]:
        if line[0] not in LAYERS:
            return None
        below, above = int(line[2]), int(line[3])
        ends = line[4 : 4 + below + above]
        for name in ends[below:]:
            blobs.setdefault(name, len(blobs))
        if any(name not in blobs for name in ends):
            return None
        out += struct.pack("<3i", LAYERS.index(line[0]), below, above)
        out += struct.pack(f"<{len(ends)}i", *(blobs[name] for name in ends))
        out += b"".join(_parameter(text) for text in line[4 + below + above :]) + struct.pack("<i", -233)
    return out


def _parameter(text: str) -> bytes:
    key, _, value = text.partition("=")
    number = int(key)
    values = [_number(item) for item in value.split(",")]
    if number <= -23300:
        return struct.pack("<ii", number, len(values) - 1) + b"".join(values[1:])
    return struct.pack("<i", number) + values[0]


def _number(text: str) -> bytes:
    if any(mark in text for mark in '.e"') or not text.lstrip("-").isdigit():
        return struct.pack(
            "<f",
            float(text.strip('"'))
            if text.strip('"').replace(".", "").replace("-", "").replace("e", "").isdigit()
            else 0.0,
        )
    return struct.pack("<i", int(text))
