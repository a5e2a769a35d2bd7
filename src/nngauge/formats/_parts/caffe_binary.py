"""Caffe's binary form, ``.caffemodel``: a `NetParameter` with weights, layers of both versions.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto; field numbers below follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute, Dim, DType, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._parts.caffe_net import MAX_REPEATED, Layer, Net, checked, put, shape_of
from nngauge.formats.vocabulary.caffe import (
    OPERATIONS,
    PARAMETERS,
    POOLS,
    REDUCTIONS,
    ROUNDINGS,
    V1_PARAMETERS,
    V1_TYPES,
)
from nngauge.io import protobuf
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields
from nngauge.limits import MAX_NODES

_NET_WIRES: Final = {1: (BYTES,), 2: (BYTES,), 3: (BYTES,), 4: (VARINT, BYTES), 5: (VARINT,), 6: (BYTES,),
                     7: (VARINT,), 8: (BYTES,), 100: (BYTES,)}  # fmt: skip
_ENUMERATIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pool": ("pool", POOLS),
    "operation": ("operation", OPERATIONS),
    "reduction": ("operation", REDUCTIONS),
    "round_mode": ("round_mode", ROUNDINGS),
}
"""Field → its name in the text form and the names of its values."""
_FLAGS: Final = frozenset({"bias_term", "global_pooling", "transpose", "use_global_stats", "flip"})
_FLOATS: Final = frozenset({"coeff", "min_size", "max_size", "aspect_ratio"})


def binary_net(buf: Buffer, part: int) -> Net:
    """Inputs and layers; weights are spans of part `part` of the model. Raises as `nngauge.formats.Format.parse`."""
    net = Net()
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
            net.shapes.append(_shape(buf, entry))
        elif number in (2, 100):
            net.old = net.old or number == 2
            net.layers.append(_v1_layer(buf, entry, part) if number == 2 else _layer(buf, entry, part))
            if len(net.layers) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} layers")
    if not net.layers:
        raise NotThisFormat("no layers")
    return net


def _sizes(buf: Buffer, message: Field) -> tuple[int, ...]:
    """Numbers of a `BlobShape`."""
    dims = [dim for dim in fields(buf, message.start, message.end) if dim.number == 1]
    return tuple([size for dim in dims for size in protobuf.varints(buf, dim)])


def _shape(buf: Buffer, message: Field) -> tuple[Dim, ...]:
    return shape_of(_sizes(buf, message))


def _layer(buf: Buffer, message: Field, part: int) -> Layer:
    """A `LayerParameter`."""
    layer = Layer()
    for entry in fields(buf, message.start, message.end):
        number = entry.number
        if number in (1, 2, 3, 4):
            _name(layer, number, protobuf.text(buf, entry))
        elif number == 7 and entry.wire == BYTES:
            layer.blobs.append(_blob(buf, entry, part))
        elif number == 8 and entry.wire == BYTES:
            layer.training |= _trains(buf, entry)
        elif number == 143 and entry.wire == BYTES:
            layer.shapes += [_shape(buf, shape) for shape in fields(buf, entry.start, entry.end) if shape.wire == BYTES]
        elif number in PARAMETERS and entry.wire == BYTES:
            layer.attributes.update(_attributes(buf, entry, PARAMETERS[number]))
    return checked(layer)


def _name(layer: Layer, number: int, text: str) -> None:
    if number == 1:
        layer.name = text
    elif number == 2:
        layer.op = text
    else:
        (layer.bottoms if number == 3 else layer.tops).append(text)


def _trains(buf: Buffer, rule: Field) -> bool:
    """Whether a `NetStateRule` asks for the phase of training."""
    return (1, 0) in [(entry.number, entry.value) for entry in fields(buf, rule.start, rule.end)]


def _v1_layer(buf: Buffer, message: Field, part: int) -> Layer:
    """A `V1LayerParameter`."""
    layer = Layer()
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
            layer.training |= _trains(buf, entry)
        elif number in V1_PARAMETERS and entry.wire == BYTES:
            layer.attributes.update(_attributes(buf, entry, V1_PARAMETERS[number]))
    return checked(layer)


def _attributes(buf: Buffer, message: Field, names: Mapping[int, str]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for entry in fields(buf, message.start, message.end):
        name = names.get(entry.number)
        if name is None:
            continue
        if name == "shape":
            if entry.wire == BYTES:
                found[name] = _sizes(buf, entry)
        elif entry.wire == FIXED32:
            put(found, name, protobuf.single(entry.value))
        elif entry.wire in (VARINT, BYTES):
            packed_floats = entry.wire == BYTES and name in _FLOATS
            values = protobuf.floats(buf, entry) if packed_floats else protobuf.varints(buf, entry)
            for value in values[:MAX_REPEATED]:
                put(found, name, value)
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
            shape = _shape(buf, entry)
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
