"""ONNX models: the protobuf message `ModelProto`, read from the wire.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers below follow it). The message has no
magic and no length, so acceptance rests on the order and meaning of its first fields and on a graph of named operators.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.model_config import beside, read_config
from nngauge.formats._parts.onnx_graph import GraphReader, function_name
from nngauge.formats._parts.onnx_tensor import pair
from nngauge.formats._parts.progress import telling
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, VARINT, Field, fields, signed

_MAX_IR: Final = 20
"""Version 13 is current; a first varint above this is some other protobuf."""
_MODEL_WIRES: Final = {
    1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES, 14: BYTES, 20: BYTES, 25: BYTES,
    26: BYTES,
}  # fmt: skip
_GRAPH_KEYS: Final = frozenset({0x0A, 0x12, 0x2A, 0x52, 0x5A, 0x62, 0x6A, 0x72, 0x7A})
"""First byte of a `GraphProto`: field 1, 2, 5, 10–15 with a length."""
_GRAPH_STARTS: Final = frozenset(bytes([key]) for key in _GRAPH_KEYS)
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_MAX_PROPERTY: Final = 65_536
"""Characters kept of a description (some exporters store whole documents there)."""
_GENAI: Final = "genai_config.json"
"""Of ONNX Runtime's generate() interface (https://onnxruntime.ai/docs/genai/reference/config.html)."""
_COMPANIONS: Final = ("_data", ".data", ".weights", ".weight")


def probe(head: bytes, size: int, name: str) -> bool:
    """`ir_version` first, then only fields of `ModelProto`, texts printable and a graph that begins like one.

    A file that calls itself ONNX may end before its graph does: it is asked for, and refused with what was read.
    """
    if len(head) < 8 or head[0] != 0x08 or not 1 <= head[1] <= _MAX_IR:
        return False
    pos, seen = 2, False
    while pos < len(head) - 1:
        number, wire = head[pos] >> 3, head[pos] & 7
        if head[pos] >= 0x80 or _MODEL_WIRES.get(number) != wire:
            # Two-byte keys are fields above 15: training information and functions, never first.
            return seen and head[pos] >= 0x80
        value, pos = _varint(head, pos + 1)
        if wire == VARINT:
            continue
        if pos < 0 or (value > size - pos and not name.lower().endswith(".onnx")):
            return False
        if number == 7:
            return value > 0 and pos < len(head) and head[pos] in _GRAPH_KEYS
        if number in (2, 3, 4, 6) and _NO_TEXT.search(head[pos : pos + value]):
            return False
        seen = True
        pos += value
    return seen


def _varint(head: bytes, pos: int) -> tuple[int, int]:
    value = shift = 0
    while pos < len(head) and shift < 64:
        byte = head[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7
    return 0, -1


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """External data files by the names that exporters give them: ``x.onnx.data``, ``x.onnx_data``, ``x.data`` …

    The true names stand inside the model; others than these stay unbound and their weights are noted as missing. A
    language model's ``genai_config.json`` comes last.
    """
    stem = posixpath.splitext(lead)[0]
    starts = tuple(base + ending for base in (lead, stem) for ending in _COMPANIONS)
    data = sorted(path for path in paths if path != lead and path.startswith(starts))
    return (*data, *(path for path in beside(lead, paths) if posixpath.basename(path) == _GENAI))


def parse(data: ModelData) -> Graph:
    """Reads graph, functions, sub-graphs and initialisers (by offset); see `Format.parse` for the errors.

    An attribute that holds a graph is its place in `Graph.subgraphs` of the same graph. The model's own functions come
    first there in the main graph; calls from other graphs name them (``function``), as their `Graph.name` does.
    """
    buf = data.buf
    model = _top_level(buf)
    opsets = dict(_opset(buf, field) for field in model.get(8, ()))
    if not opsets and model[1][0].value >= 3:
        raise MalformedError("no operator set is imported")
    bodies = model.get(25, [])
    reader = GraphReader(data, {function_name(buf, field): place for place, field in enumerate(bodies)})
    with telling(reader.progress):
        graph = reader.graph(model[7][-1], functions=[reader.function(field) for field in bodies])
    if not graph.nodes and not any(tensor.constant for tensor in graph.tensors):
        raise MalformedError("a graph without operators and weights")
    return replace(
        graph,
        completeness=Completeness.FULL if reader.is_whole else Completeness.TOPOLOGY,
        format_version=", ".join(f"{domain or 'opset'} {version}" for domain, version in sorted(opsets.items())),
        producer=" ".join(_text(buf, model[number][-1]) for number in (2, 3) if number in model).strip() or None,
        metadata=dict(_metadata(buf, model)) | _configuration(data),
        notes=(*reader.notes(), *_training(model)),
    )


def _configuration(data: ModelData) -> dict[str, str]:
    """What ``genai_config.json`` beside the model says."""
    found = ((path, part) for path, part in data.parts.items() if posixpath.basename(path) == _GENAI)
    return {key: value for path, part in found for key, value in read_config(path, part).items()}


def _training(model: Mapping[int, Sequence[Field]]) -> Iterator[str]:
    if 20 in model:
        yield f"{len(model[20])} training methods inside are not read"


def _top_level(buf: Buffer) -> dict[int, list[Field]]:
    """The fields of `ModelProto` by number; `NotThisFormat` for any other message."""
    if len(buf) < 8:
        raise NotThisFormat("too short")
    found: dict[int, list[Field]] = {}
    try:
        for field in fields(buf):
            if _MODEL_WIRES.get(field.number) != field.wire:
                raise NotThisFormat(f"field {field.number} is not one of ModelProto")
            found.setdefault(field.number, []).append(field)
    except InputError:
        # Truncated downloads keep their head; without it this was never an ONNX file.
        if 7 in found or not probe(bytes(buf[:512]), 1 << 62, ""):
            raise NotThisFormat("not a ModelProto") from None
        with telling(lambda: f"producer {_text(buf, found[2][0])}" if 2 in found else "the head of the model"):
            raise
    if not 1 <= found.get(1, [Field(1, 0, 0, 0, 0)])[0].value <= _MAX_IR:
        raise NotThisFormat("no plausible ir_version")
    if 7 not in found or _first_byte(buf, found[7][-1]) not in _GRAPH_STARTS:
        raise NotThisFormat("no graph")
    return found


def _first_byte(buf: Buffer, field: Field) -> bytes:
    return bytes(buf[field.start : min(field.start + 1, field.end)])


def _text(buf: Buffer, field: Field) -> str:
    return str(buf[field.start : field.end], "utf-8", "replace")


def _opset(buf: Buffer, message: Field) -> tuple[str, int]:
    domain, version = "", 0
    for field in fields(buf, message.start, message.end):
        if field.number == 1:
            domain = protobuf.text(buf, field)
        elif field.number == 2:
            version = signed(field.value)
    return ("" if domain == "ai.onnx" else domain), version


def _metadata(buf: Buffer, model: Mapping[int, Sequence[Field]]) -> Iterator[tuple[str, str]]:
    yield "ir_version", str(model[1][0].value)
    for number, key in ((4, "domain"), (6, "description")):
        if number in model and (text := _text(buf, model[number][-1])[:_MAX_PROPERTY]):
            yield key, text
    if 5 in model:
        yield "model_version", str(signed(model[5][-1].value))
    for entry in model.get(14, ()):
        yield pair(buf, entry)


FORMAT = Format(
    name="onnx",
    version=3,
    title="ONNX",
    suffixes=(".onnx",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x08"),
    bind=bind,
    references=(
        "https://github.com/onnx/onnx/blob/main/onnx/onnx.proto",
        "https://github.com/onnx/onnx/blob/main/docs/IR.md",
        "https://github.com/onnx/onnx/blob/main/docs/ExternalData.md",
    ),
    limitations=(
        "models whose first field is not ir_version are not recognised",
        "external data under names other than the model's own is not bound",
        "training information is noted, not read",
        "calls of the model's own functions from inside sub-graphs name the function only",
    ),
)
