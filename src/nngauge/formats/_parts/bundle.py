"""TFLite models inside a bundle, as sub-graphs of it: their weights lie where they lie in the whole file."""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from nngauge.domain.graph import Graph, Tensor
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats._deferred import parser_of
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed

_MAX_PIECES = 1 << 20
"""Entries of a vocabulary; the largest published ones have 262,144."""
_MAX_VALUE = 1 << 40
"""No width or length of a model comes near it."""


def inner_model(buf: Buffer, start: int, end: int, name: str) -> Graph | str:
    """The TFLite model in `buf[start:end]`, or why it cannot be read."""
    try:
        graph = parser_of("tflite")(ModelData(name, memoryview(buf)[start:end]))
    except (InputError, NotThisFormat) as error:
        return f"{name[:80]}: {error.what[:200]}"
    return replace(_moved(graph, start), name=name)


def _moved(graph: Graph, by: int) -> Graph:
    """The same graph with its constants `by` bytes further on."""
    return replace(
        graph,
        tensors=tuple([_moved_tensor(tensor, by) for tensor in graph.tensors]),
        subgraphs=tuple([_moved(inner, by) for inner in graph.subgraphs]),
        extent=None,
    )


def _moved_tensor(tensor: Tensor, by: int) -> Tensor:
    span = tensor.data
    return tensor if span is None else replace(tensor, data=replace(span, offset=span.offset + by))


def numbers(buf: Buffer, start: int, end: int) -> dict[int, int]:
    """The integers of a protobuf message by field, implausible ones left out; empty for damaged ones."""
    try:
        found = {field.number: signed(field.value) for field in fields(buf, start, end) if field.wire == VARINT}
    except InputError:
        return {}
    return {number: value for number, value in found.items() if 0 <= value <= _MAX_VALUE}


def messages(buf: Buffer, start: int, end: int) -> dict[int, list[Field]]:
    """The texts and messages of a protobuf message by field; empty for damaged ones."""
    found: dict[int, list[Field]] = {}
    try:
        for field in fields(buf, start, end):
            if field.wire == BYTES:
                found.setdefault(field.number, []).append(field)
    except InputError:
        return {}
    return found


def pieces(buf: Buffer, start: int, end: int) -> int | None:
    """Vocabulary of a SentencePiece model: the entries of field 1 of its `ModelProto`; None when it is something else.

    https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    """
    try:
        found = islice(fields(buf, start, end), _MAX_PIECES + 1)
        count = sum(field.number == 1 and field.wire == BYTES for field in found)
    except InputError:
        return None
    return count if 0 < count <= _MAX_PIECES else None
