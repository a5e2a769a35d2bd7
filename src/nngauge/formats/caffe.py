"""Caffe networks: ``.prototxt`` (text) and ``.caffemodel`` (binary `NetParameter` with weights), V1 layers included.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto; field numbers below follow it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.blobs import Blobs
from nngauge.formats.vocabulary._caffe_rules import Layer as Call
from nngauge.formats.vocabulary._caffe_rules import translate
from nngauge.formats.vocabulary.caffe import (
    OPERATIONS,
    PARAMETERS,
    POOLS,
    REDUCTIONS,
    ROUNDINGS,
    V1_NAMES,
    V1_PARAMETERS,
    V1_TYPES,
)
from nngauge.io import protobuf, textproto
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields
from nngauge.io.textproto import Message
from nngauge.limits import HEAD_BYTES, MAX_NODES, MAX_RANK, MAX_TEXT_MODEL

_FIRST_WORD: Final = re.compile(rb"(?:\s|#[^\n]*\n)*(name|input|input_dim|input_shape|layers?|state)\s*[:{]")
_TEXT_LAYER: Final = re.compile(rb"\b(layers?\s*\{|input\s*:|input_shape\s*\{)")
_TOP_LEVEL: Final = frozenset(
    {"name", "input", "input_dim", "input_shape", "layer", "layers", "state", "force_backward", "debug_info"}
)
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,80}")
_NET_WIRES: Final = {1: (BYTES,), 2: (BYTES,), 3: (BYTES,), 4: (VARINT, BYTES), 5: (VARINT,), 6: (BYTES,),
                     7: (VARINT,), 8: (BYTES,), 100: (BYTES,)}  # fmt: skip
_SOURCES: Final = frozenset(
    {"Input", "Data", "ImageData", "MemoryData", "HDF5Data", "WindowData", "DummyData", "AnnotatedData"}
)
_TRAIN: Final = "TRAIN"
_ENUMERATIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pool": ("pool", POOLS),
    "operation": ("operation", OPERATIONS),
    "reduction": ("operation", REDUCTIONS),
    "round_mode": ("round_mode", ROUNDINGS),
}
"""Field → its name in the text form and the names of its values."""
_FLAGS: Final = frozenset({"bias_term", "global_pooling", "transpose", "use_global_stats", "flip"})
_FLOATS: Final = frozenset({"coeff", "min_size", "max_size", "aspect_ratio"})
_MAX_REPEATED: Final = 256
"""Values kept of a repeated parameter; slices into many parts are the longest that occur."""


class _Layer(Struct):
    """One layer of either encoding."""

    name: str = ""
    op: str = ""
    bottoms: list[str] = field(default_factory=list)
    tops: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    shapes: list[tuple[Dim, ...]] = field(default_factory=list)
    """Of the tops of an Input layer."""
    blobs: list[Tensor] = field(default_factory=list)
    training: bool = False


class _Net(Struct):
    name: str = ""
    inputs: list[str] = field(default_factory=list)
    shapes: list[tuple[Dim, ...]] = field(default_factory=list)
    dims: list[int] = field(default_factory=list)
    """Four to an input, the older way to say the shape."""
    layers: list[_Layer] = field(default_factory=list)
    old: bool = False
    """V1 layers."""


def probe(head: bytes, size: int, _name: str) -> bool:
    """Text that begins with a field of `NetParameter`, or its binary form with a printable name and a layer."""
    if _FIRST_WORD.match(head):
        return b"\0" not in head and (len(head) < size or _TEXT_LAYER.search(head) is not None)
    pos = 0
    if head[:1] == b"\x0a":
        pos = 2 + head[1] if len(head) > 1 else 0
        if not 2 <= pos <= 0x81 or (pos > 2 and not _printable(head[2:pos])):
            return False
    return len(head) > pos + 8 and _begins_field(head, pos)


def _begins_field(head: bytes, pos: int) -> bool:
    """Whether a layer, an input or an input shape starts at `pos`."""
    key = head[pos]
    if head[pos : pos + 2] == b"\xa2\x06":
        inner = _skip_varint(head, pos + 2)
        return head[inner : inner + 1] in (b"\x0a", b"\x12")
    inner = _skip_varint(head, pos + 1)
    first = head[inner : inner + 1]
    if key == 0x12:
        # A V1 layer begins with its bottoms, tops or name; Caffe2's operators begin with field 1.
        return first in (b"\x12", b"\x1a", b"\x22") and head[pos + 1] > 0
    if key == 0x1A:
        return head[pos + 1] < 0x80 and _printable(head[inner : inner + head[pos + 1]])
    return key == 0x42 and first in (b"\x08", b"\x0a")


def _skip_varint(head: bytes, pos: int) -> int:
    while pos < len(head) and head[pos] >= 0x80:
        pos += 1
    return pos + 1


def _printable(text: bytes) -> bool:
    return bool(text) and text.isascii() and text.decode("ascii").isprintable()


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The other half: ``.caffemodel`` for text, ``.prototxt`` for weights; same stem, else the only one beside it."""
    folder, lower = posixpath.dirname(lead), lead.lower()
    wanted = (".prototxt",) if lower.endswith(".caffemodel") else (".caffemodel",)
    others = sorted(
        path for path in paths if posixpath.dirname(path) == folder and path != lead and path.lower().endswith(wanted)
    )
    stem = posixpath.splitext(lower)[0]
    same = [path for path in others if posixpath.splitext(path.lower())[0] == stem]
    return tuple(same[:1] or (others if len(others) == 1 else ()))


def parse(data: ModelData) -> Graph:
    """Reads layers from the text where there is one and weights (by offset) from the binary.

    See `Format.parse` for the errors.
    """
    lead = _read(data.buf, 0)
    other = next((_read(part, place) for place, part in enumerate(data.parts.values(), 1)), None)
    if _is_text(data.buf):
        net, weights = lead, other
    else:
        net, weights = other or lead, lead
    if not net.layers:
        raise MalformedError("no layers")
    return _graph(net, weights)


def _is_text(buf: Buffer) -> bool:
    return _FIRST_WORD.match(bytes(buf[:HEAD_BYTES])) is not None


def _read(buf: Buffer, part: int) -> _Net:
    if _is_text(buf):
        if len(buf) > MAX_TEXT_MODEL:
            raise LimitError(f"text of {len(buf)} bytes")
        try:
            text = str(buf, "utf-8")
        except UnicodeDecodeError:
            raise NotThisFormat("not text") from None
        return _text_net(text)
    return _binary_net(buf, part)


# --- text ------------------------------------------------------------------------------------------------------------


def _text_net(text: str) -> _Net:
    message = textproto.read(text)
    if not all(key in _TOP_LEVEL for key, _ in message):
        raise NotThisFormat("fields that NetParameter lacks")
    net = _Net()
    for key, value in message:
        if key == "name" and isinstance(value, str):
            net.name = value
        elif key == "input" and isinstance(value, str):
            net.inputs.append(value)
        elif key == "input_dim":
            net.dims.append(_integer(value))
        elif key == "input_shape" and isinstance(value, list):
            net.shapes.append(_text_shape(value))
        elif key in ("layer", "layers"):
            net.old = net.old or key == "layers"
            net.layers.append(_text_layer(value))
    if len(net.layers) > MAX_NODES:
        raise LimitError(f"{len(net.layers)} layers")
    return net


def _text_layer(message: textproto.Value) -> _Layer:
    if isinstance(message, str):
        raise NotThisFormat("a layer that is no message")
    layer = _Layer()
    for key, value in message:
        if key == "name" and isinstance(value, str):
            layer.name = value
        elif key == "type" and isinstance(value, str):
            layer.op = V1_NAMES.get(value, value)
        elif key in ("bottom", "top") and isinstance(value, str):
            (layer.bottoms if key == "bottom" else layer.tops).append(value)
        elif key == "include" and isinstance(value, list):
            layer.training = layer.training or ("phase", _TRAIN) in value
        elif key == "input_param" and isinstance(value, list):
            layer.shapes += [_text_shape(shape) for name, shape in value if name == "shape" and isinstance(shape, list)]
        elif key.endswith("_param") and isinstance(value, list) and key != "transform_param":
            _text_attributes(layer.attributes, value)
    return _checked(layer)


def _text_attributes(attributes: dict[str, Attribute], message: Message) -> None:
    """Numbers and names of a parameter message; a repeated field becomes a tuple, a shape its dimensions."""
    for key, value in message:
        if isinstance(value, list):
            if key == "shape":
                attributes[key] = tuple(_integer(size) for name, size in value[:MAX_RANK] if name == "dim")
            continue
        _put(attributes, key, _scalar(value))


def _put(attributes: dict[str, Attribute], key: str, value: Attribute) -> None:
    """One more value of a field."""
    known = attributes.get(key)
    if known is None or isinstance(known, str | bool) or isinstance(value, str | bool | tuple):
        attributes[key] = value
        return
    before = known if isinstance(known, tuple) else (known,)
    if len(before) < _MAX_REPEATED:
        both = (*before, value)
        whole = all(isinstance(item, int) for item in both)
        attributes[key] = tuple(map(int, both)) if whole else tuple(map(float, both))


def _scalar(text: str) -> Attribute:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text[:40])
        except ValueError:
            continue
    return text


def _integer(value: textproto.Value) -> int:
    try:
        return int(value[:20]) if isinstance(value, str) else 0
    except ValueError:
        raise MalformedError(f"not a number: {str(value)[:40]!r}") from None


def _text_shape(message: Message) -> tuple[Dim, ...]:
    return _dims([_integer(value) for key, value in message if key == "dim"])


def _dims(sizes: Sequence[int]) -> tuple[Dim, ...]:
    if len(sizes) > MAX_RANK:
        raise LimitError(f"blob of {len(sizes)} dimensions")
    return tuple(size if size >= 0 else None for size in sizes)


# --- binary ----------------------------------------------------------------------------------------------------------


def _binary_net(buf: Buffer, part: int) -> _Net:
    if not probe(bytes(buf[:HEAD_BYTES]), len(buf), ""):
        raise NotThisFormat("does not begin like a NetParameter")
    net = _Net()
    for entry in fields(buf):
        number = entry.number
        if entry.wire not in _NET_WIRES.get(number, ()):
            raise NotThisFormat(f"field {number} is not one of NetParameter")
        if number == 1:
            net.name = protobuf.text(buf, entry)
        elif number == 3:
            net.inputs.append(protobuf.text(buf, entry))
        elif number == 4:
            net.dims += protobuf.varints(buf, entry)
        elif number == 8:
            net.shapes.append(_binary_shape(buf, entry))
        elif number in (2, 100):
            net.old = net.old or number == 2
            net.layers.append(_binary_v1(buf, entry, part) if number == 2 else _binary_layer(buf, entry, part))
            if len(net.layers) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} layers")
    if not net.layers:
        raise NotThisFormat("no layers")
    return net


def _sizes(buf: Buffer, message: Field) -> tuple[int, ...]:
    """Numbers of a `BlobShape`."""
    dims = [dim for dim in fields(buf, message.start, message.end) if dim.number == 1]
    return tuple([size for dim in dims for size in protobuf.varints(buf, dim)])


def _binary_shape(buf: Buffer, message: Field) -> tuple[Dim, ...]:
    return _dims(_sizes(buf, message))


def _binary_layer(buf: Buffer, message: Field, part: int) -> _Layer:
    """A `LayerParameter`."""
    layer = _Layer()
    for entry in fields(buf, message.start, message.end):
        number = entry.number
        if number in (1, 2, 3, 4):
            _name(layer, number, protobuf.text(buf, entry))
        elif number == 7 and entry.wire == BYTES:
            layer.blobs.append(_blob(buf, entry, part))
        elif number == 8 and entry.wire == BYTES:
            rule = [(rule.number, rule.value) for rule in fields(buf, entry.start, entry.end)]
            layer.training = layer.training or (1, 0) in rule
        elif number == 143 and entry.wire == BYTES:
            layer.shapes += [
                _binary_shape(buf, shape) for shape in fields(buf, entry.start, entry.end) if shape.wire == BYTES
            ]
        elif number in PARAMETERS and entry.wire == BYTES:
            layer.attributes.update(_binary_attributes(buf, entry, PARAMETERS[number]))
    return _checked(layer)


def _name(layer: _Layer, number: int, text: str) -> None:
    if number == 1:
        layer.name = text
    elif number == 2:
        layer.op = text
    else:
        (layer.bottoms if number == 3 else layer.tops).append(text)


def _binary_v1(buf: Buffer, message: Field, part: int) -> _Layer:
    """A `V1LayerParameter`."""
    layer = _Layer()
    for entry in fields(buf, message.start, message.end):
        number = entry.number
        if number == 1:
            raise UnsupportedError("layers of the first Caffe (V0)", where=f"@{entry.start}")
        if number in (2, 3, 4):
            _name(layer, {2: 3, 3: 4, 4: 1}[number], protobuf.text(buf, entry))
        elif number == 5:
            if entry.wire != VARINT:
                raise NotThisFormat("operators of Caffe2, not layers of Caffe")
            layer.op = V1_TYPES.get(entry.value, f"type {entry.value}")
        elif number == 6 and entry.wire == BYTES:
            layer.blobs.append(_blob(buf, entry, part))
        elif number == 32 and entry.wire == BYTES:
            rule = [(rule.number, rule.value) for rule in fields(buf, entry.start, entry.end)]
            layer.training = layer.training or (1, 0) in rule
        elif number in V1_PARAMETERS and entry.wire == BYTES:
            layer.attributes.update(_binary_attributes(buf, entry, V1_PARAMETERS[number]))
    return _checked(layer)


def _checked(layer: _Layer) -> _Layer:
    if not layer.name or not _TYPE.fullmatch(layer.op.replace(" ", "_")):
        raise NotThisFormat(f"layer {layer.name[:40]!r} of type {layer.op[:40]!r}")
    return layer


def _binary_attributes(buf: Buffer, message: Field, names: Mapping[int, str]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for entry in fields(buf, message.start, message.end):
        name = names.get(entry.number)
        if name is None:
            continue
        if name == "shape":
            if entry.wire == BYTES:
                found[name] = _sizes(buf, entry)
        elif entry.wire == FIXED32:
            _put(found, name, protobuf.single(entry.value))
        elif entry.wire in (VARINT, BYTES):
            packed_floats = entry.wire == BYTES and name in _FLOATS
            values = protobuf.floats(buf, entry) if packed_floats else protobuf.varints(buf, entry)
            for value in values[:_MAX_REPEATED]:
                _put(found, name, value)
    return dict(_spelled(name, value) for name, value in found.items())


def _spelled(name: str, value: Attribute) -> tuple[str, Attribute]:
    """Enumerations by name and flags as booleans, as the text form has them."""
    key, table = _ENUMERATIONS.get(name, (name, ()))
    if table and isinstance(value, int) and 0 <= value < len(table):
        return key, table[value]
    if name in _FLAGS and isinstance(value, int):
        return name, bool(value)
    return name, value


def _blob(buf: Buffer, message: Field, part: int) -> Tensor:
    """A `BlobProto`: dimensions in the new or the old way, values by offset."""
    shape: tuple[Dim, ...] | None = None
    old = [1, 1, 1, 1]
    span, dtype, loose = None, DType.FLOAT32, 0
    for entry in fields(buf, message.start, message.end):
        number = entry.number
        if number == 7 and entry.wire == BYTES:
            shape = _binary_shape(buf, entry)
        elif number in (1, 2, 3, 4) and entry.wire == VARINT:
            old[number - 1] = entry.value
        elif number in (5, 8) and entry.wire == BYTES:
            span = Span(entry.start, entry.end - entry.start, part)
            dtype = DType.FLOAT32 if number == 5 else DType.FLOAT64
        elif number in (5, 8) and entry.wire in (FIXED32, FIXED64):
            loose += 1
    dims = tuple(old) if shape is None else shape
    tensor = Tensor("", dtype, dims, span, constant=True)
    stored = span.size // (4 if dtype is DType.FLOAT32 else 8) if span is not None else loose
    if tensor.elements is None or (stored and stored != tensor.elements):
        raise MalformedError(f"{stored} values in a blob of shape {dims[:8]}", where=f"@{message.start}")
    return tensor


# --- graph -----------------------------------------------------------------------------------------------------------


def _graph(net: _Net, weights: _Net | None) -> Graph:
    stored = {layer.name: layer.blobs for layer in weights.layers} if weights is not None else {}
    blobs = Blobs()
    for name, shape in zip(net.inputs, _input_shapes(net), strict=True):
        blobs.inputs.append(blobs.define(name, shape))
    nodes: list[Node] = []
    for layer in net.layers:
        if layer.training:
            continue
        if layer.op in _SOURCES:
            shapes = [*layer.shapes, *[None] * len(layer.tops)]
            blobs.inputs += [blobs.define(top, shape) for top, shape in zip(layer.tops, shapes, strict=False)]
            continue
        nodes.append(_node(layer, blobs, stored.get(layer.name, ())))
    outputs = tuple(place for place in blobs.latest.values() if place not in blobs.used and place not in blobs.inputs)
    complete = any(stored.values())
    return Graph(
        format="caffe",
        completeness=Completeness.FULL if complete else Completeness.TOPOLOGY,
        name=net.name,
        nodes=tuple(nodes),
        tensors=tuple(blobs.tensors),
        inputs=tuple(blobs.inputs),
        outputs=outputs,
        format_version="V1" if net.old else "V2",
        notes=tuple(_notes(net, stored, complete=complete)),
    )


def _node(layer: _Layer, blobs: Blobs, stored: Sequence[Tensor]) -> Node:
    sources = [blobs.use(bottom) for bottom in layer.bottoms]
    found = translate(Call(layer.op, layer.attributes, len(sources), len(layer.tops), len(stored)))
    for place, blob in enumerate(stored):
        sources.append(len(blobs.tensors))
        blobs.tensors.append(replace(_flat(blob, found.kind, place), name=f"{layer.name}.{place}"))
    if found.order is not None:
        sources = [sources[at] if 0 <= at < len(sources) else -1 for at in found.order]
    tops = tuple([blobs.define(top) for top in layer.tops])
    return Node(layer.op, found.kind, layer.name, tuple(sources), tops, found.attributes)


def _flat(blob: Tensor, kind: str | None, place: int) -> Tensor:
    """Old files give every blob four dimensions; the ones in front mean nothing but in kernels."""
    if blob.shape is None or len(blob.shape) != 4 or (place == 0 and kind in ("Conv", "ConvTranspose")):
        return blob
    rank = 2 if kind == "Gemm" and place == 0 else 1
    front, rest = blob.shape[: 4 - rank], blob.shape[4 - rank :]
    return replace(blob, shape=rest) if all(size == 1 for size in front) else blob


def _input_shapes(net: _Net) -> list[tuple[Dim, ...] | None]:
    if net.shapes:
        found: list[tuple[Dim, ...] | None] = list(net.shapes)
    else:
        found = [_dims(net.dims[at : at + 4]) for at in range(0, len(net.dims), 4)]
    return [*found, *[None] * len(net.inputs)][: len(net.inputs)]


def _notes(net: _Net, stored: Mapping[str, Sequence[Tensor]], *, complete: bool) -> Iterator[str]:
    if not complete:
        yield "no weights: the other half (.caffemodel) is missing, sizes of the weights are not known"
    orphans = sum(bool(blobs) for blobs in stored.values()) - sum(bool(stored.get(layer.name)) for layer in net.layers)
    if complete and orphans > 0:
        yield f"weights of {orphans} layers that the network does not have"
    training = sum(layer.training for layer in net.layers)
    if training:
        yield f"{training} layers for training only left out"


FORMAT = Format(
    name="caffe",
    version=3,
    title="Caffe",
    suffixes=(".caffemodel", ".prototxt"),
    parse=parse,
    probe=probe,
    gate=starts(b" \t\n\v\f\r#nils\x12\x1a\x22\x42\xa2"),
    bind=bind,
    references=(
        "https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto",
        "https://caffe.berkeleyvision.org/tutorial/net_layer_blob.html",
    ),
    limitations=(
        "layers of the first Caffe (V0) are not read",
        "a network without weights has no parameter count",
    ),
)
