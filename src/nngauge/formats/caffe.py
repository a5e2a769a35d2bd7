"""Caffe networks: ``.prototxt`` (text) and ``.caffemodel`` (binary `NetParameter` with weights), V1 layers included.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto; field numbers below follow it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Dim, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.blobs import Blobs
from nngauge.formats._parts.caffe_binary import binary_net
from nngauge.formats._parts.caffe_net import Layer, Net, shape_of
from nngauge.formats._parts.caffe_text import text_net
from nngauge.formats.vocabulary._caffe_rules import Layer as Call
from nngauge.formats.vocabulary._caffe_rules import translate
from nngauge.io.binary import Buffer
from nngauge.limits import HEAD_BYTES, MAX_TEXT_MODEL

_FIRST_WORD: Final = re.compile(rb"(?:\s|#[^\n]*\n)*(name|input|input_dim|input_shape|layers?|state)\s*[:{]")
_TEXT_LAYER: Final = re.compile(rb"\b(layers?\s*\{|input\s*:|input_shape\s*\{)")
_SOURCES: Final = frozenset(
    {"Input", "Data", "ImageData", "MemoryData", "HDF5Data", "WindowData", "DummyData", "AnnotatedData"}
)


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


def _read(buf: Buffer, part: int) -> Net:
    if _is_text(buf):
        if len(buf) > MAX_TEXT_MODEL:
            raise LimitError(f"text of {len(buf)} bytes")
        try:
            text = str(buf, "utf-8")
        except UnicodeDecodeError:
            raise NotThisFormat("not text") from None
        return text_net(text)
    if not probe(bytes(buf[:HEAD_BYTES]), len(buf), ""):
        raise NotThisFormat("does not begin like a NetParameter")
    return binary_net(buf, part)


def _graph(net: Net, weights: Net | None) -> Graph:
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


def _node(layer: Layer, blobs: Blobs, stored: Sequence[Tensor]) -> Node:
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


def _input_shapes(net: Net) -> list[tuple[Dim, ...] | None]:
    if net.shapes:
        found: list[tuple[Dim, ...] | None] = list(net.shapes)
    else:
        found = [shape_of(net.dims[at : at + 4]) for at in range(0, len(net.dims), 4)]
    return [*found, *[None] * len(net.inputs)][: len(net.inputs)]


def _notes(net: Net, stored: Mapping[str, Sequence[Tensor]], *, complete: bool) -> Iterator[str]:
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
