"""dlib models (.dat): networks that begin with their loss layer, and shape predictors.

Integers are a length byte (sign in the top bit) and that many bytes, floats a mantissa and an exponent:
https://github.com/davisking/dlib/blob/master/dlib/serialize.h and float_details.h. Layers: dlib/dnn/layers.h, loss.h;
shape predictors: dlib/image_processing/shape_predictor.h.
"""

from __future__ import annotations

import math
import re

from nngauge.domain.graph import Completeness, Graph, Node
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_NODES, MIB

_LOSS = re.compile(rb"(?:\x01\x01)?\x01(.)(loss_[a-z_]+\d*)", re.DOTALL)
_LAYER = re.compile(
    rb"\x01(.)((?:con|cont|fc|affine|bn_con|bn_fc|relu|prelu|leaky_relu|max_pool|avg_pool|add_prev|input_rgb_image"
    rb"|dropout|softmax|upsample|concat|htan|sig|elu|gelu|mish|l2normalize|layer_norm|scale|skip|mult_prev|tag)_[a-z_]*\d*)",
    re.DOTALL,
)
_SHAPES = re.compile(rb"\x01\x01(?:\x81(.)|\x82(..))\x81\x01", re.DOTALL)
"""Version 1, then rows and one column, stored negative."""
_MAX_SEARCH = 256 * MIB
_MAX_LANDMARK = 64.0
"""Coordinates of the mean shape are relative to a box of size 1."""


def probe(head: bytes, size: int, _name: str) -> bool:
    """A loss layer's name as a serialised string, or the header of a shape predictor."""
    if size < 512 or head[:1] != b"\x01":
        return False
    found = _LOSS.match(head)
    if found is not None:
        return found[1][0] == len(found[2])
    return _SHAPES.match(head) is not None


def parse(data: ModelData) -> Graph:
    """Lists the layers of a network, or checks a shape predictor; see `Format.parse` for the errors."""
    head = bytes(data.buf[:512])
    if not probe(head, len(data.buf), data.name):
        raise NotThisFormat("neither a loss layer nor a shape predictor")
    loss = _LOSS.match(head)
    if loss is None:
        return _shape_predictor(data.buf)
    nodes = _layers(data.buf)
    if not nodes:
        raise MalformedError("a loss layer without a network behind it")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=tuple(nodes),
        producer="dlib",
        metadata={"kind": "network", "loss": loss[2].decode()},
        notes=("layers are listed by their names in the file, parameters are not read",),
    )


def _layers(buf: Buffer) -> list[Node]:
    nodes: list[Node] = []
    for start in range(0, min(len(buf), _MAX_SEARCH), MIB):
        piece = bytes(buf[start : start + MIB + 64])
        for found in _LAYER.finditer(piece):
            if found.start() < MIB and found[1][0] == len(found[2]) and len(nodes) < MAX_NODES:
                nodes.append(Node(found[2].decode().rstrip("0123456789").rstrip("_")))
    return nodes


def _shape_predictor(buf: Buffer) -> Graph:
    cursor = Cursor(buf)
    if _integer(cursor) != 1:
        raise NotThisFormat("not version 1")
    rows, columns = -_integer(cursor), -_integer(cursor)
    if not 4 <= rows <= 4096 or rows % 2 or columns != 1:
        raise NotThisFormat(f"a mean shape of {rows} × {columns}")
    if any(not abs(_real(cursor)) <= _MAX_LANDMARK for _ in range(rows)):
        raise NotThisFormat("landmarks far outside the box")
    cascades, trees = _integer(cursor), _integer(cursor)
    if not 1 <= cascades <= 200 or not 1 <= trees <= 100_000:
        raise NotThisFormat(f"{cascades} cascades of {trees} trees")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        producer="dlib",
        metadata={
            "kind": "shape predictor",
            "landmarks": str(rows // 2),
            "cascades": str(cascades),
            "trees": str(trees),
        },
        notes=("regression trees are not read",),
    )


def _integer(cursor: Cursor) -> int:
    control = cursor.u8()
    size = control & 0x0F
    if control & 0x70 or not 1 <= size <= 8:
        raise NotThisFormat("not a serialised integer")
    value = int.from_bytes(cursor.bytes(size), "little")
    return -value if control & 0x80 else value


def _real(cursor: Cursor) -> float:
    mantissa, exponent = _integer(cursor), _integer(cursor)
    if abs(exponent) > 1100:
        raise NotThisFormat("not a finite number")
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        raise NotThisFormat("not a finite number") from None


FORMAT = Format(
    name="dlib",
    version=1,
    title="dlib model",
    suffixes=(),
    parse=parse,
    probe=probe,
    gate=starts(b"\x01"),
    references=("https://github.com/davisking/dlib/blob/master/dlib/serialize.h",),
    limitations=("parameters are not read", "other serialised dlib objects are not recognised"),
)
