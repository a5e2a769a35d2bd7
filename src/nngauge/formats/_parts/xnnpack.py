"""The network inside an XNNPACK delegate blob of an ExecuTorch program.

Schema: backends/xnnpack/serialization/schema.fbs of https://github.com/pytorch/executorch; header: XNNHeader.cpp beside
its runtime. Convolutions and pools are NHWC there, and so are their tensors.
"""

from __future__ import annotations

from collections.abc import Mapping

from nngauge.domain.graph import Attribute, Graph, Node, Quantization, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats.vocabulary.xnnpack import DTYPES, EDGES, KINDS, NODES
from nngauge.io import flatbuffer
from nngauge.io.binary import Buffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_RANK

_IDENTIFIERS = (b"XN00", b"XN01")
_MAGIC = b"XH00"
_HEADER = 30
"""Padding, magic, size of the header, offset and size of the FlatBuffer, offset and size of the constants."""
_PLAIN_VALUE, _QUANTISED_VALUE = 1, 2
_PER_CHANNEL, _PER_TENSOR, _PER_GROUP = 1, 2, 4
_TRANSPOSED_WEIGHTS = 1
"""`XNN_FLAG_TRANSPOSE_WEIGHTS` of xnnpack.h."""


def is_xnnpack(blob: Buffer) -> bool:
    """Whether the blob holds a network that `read_xnnpack` understands."""
    return bytes(blob[4:8]) == _MAGIC or bytes(blob[4:8]) in _IDENTIFIERS


def read_xnnpack(blob: memoryview, base: int, named: Mapping[str, tuple[int, int]]) -> Graph:
    """The network of the blob that begins at byte `base` of the file.

    `named`: `(offset, size)` of data that several delegates share, by name. Raises `MalformedError` and its kin.
    """
    start, end, constants = 0, len(blob), 0
    if bytes(blob[4:8]) == _MAGIC and len(blob) >= _HEADER:
        start, size = int.from_bytes(blob[10:14], "little"), int.from_bytes(blob[14:18], "little")
        end, constants = start + size, int.from_bytes(blob[18:22], "little")
    if not start <= end <= len(blob):
        raise MalformedError("the delegate's header points outside its blob", where=f"@{base}")
    root = flatbuffer.root(blob[start:end])
    return _Reader(root, _spans(root, base + constants, base + len(blob), named)).graph()


def _spans(root: Table, base: int, end: int, named: Mapping[str, tuple[int, int]]) -> list[Span | None]:
    """Where each constant lies; number 0 stands for none."""
    spans: list[Span | None] = []
    for item in root.tables(8):
        name = item.string(2)
        offset, size = item.integer(0, "Q"), item.integer(1, "Q")
        if name:
            offset, available = named.get(name, (0, 0))
            spans.append(Span(offset, min(size or available, available)) if available else None)
        else:
            spans.append(Span(base + offset, size) if size and base + offset + size <= end else None)
    return spans


class _Reader:
    def __init__(self, root: Table, spans: list[Span | None]) -> None:
        self._root = root
        self._spans = spans
        self._meter = Meter.for_size(len(root.buf))
        self._place: dict[int, int] = {}
        self._tensors: list[Tensor] = []

    def graph(self) -> Graph:
        """Values, nodes, and the external ones among the values."""
        for value in self._root.tables(2):
            self._value(value)
        nodes = tuple(self._node(node) for node in self._root.tables(1))
        if not nodes:
            raise MalformedError("a delegate without operations")
        ports = [tuple(self._place[key] for key in self._root.ints(f, "I") if key in self._place) for f in (4, 5)]
        return Graph(
            format="executorch",
            name="XnnpackBackend",
            nodes=nodes,
            tensors=tuple(self._tensors),
            inputs=ports[0],
            outputs=ports[1],
        )

    def _value(self, value: Table) -> None:
        kind, body = value.integer(0, "B"), value.table(1)
        quantised = body if kind == _QUANTISED_VALUE else None
        plain = quantised.table(0) if quantised is not None else body
        if kind not in (_PLAIN_VALUE, _QUANTISED_VALUE) or plain is None:
            raise MalformedError(f"value of kind {kind}", where=f"@{value.pos}")
        dims = plain.ints(2, "I")
        self._meter.spend(8 + len(dims))
        if len(dims) > MAX_RANK:
            raise LimitError(f"rank {len(dims)}", where=f"@{plain.pos}")
        code, buffer = plain.integer(0, "h"), plain.integer(3, "I")
        if buffer >= max(len(self._spans), 1):
            raise MalformedError(f"constant {buffer} does not exist", where=f"@{plain.pos}")
        self._place[plain.integer(6, "I")] = len(self._tensors)
        self._tensors.append(
            Tensor(
                f"%{plain.integer(6, 'I')}",
                DTYPES[code] if 0 <= code < len(DTYPES) else DTYPES[0],
                dims,
                self._spans[buffer] if buffer else None,
                _quantization(quantised) if quantised is not None else None,
                constant=buffer > 0,
            )
        )

    def _node(self, node: Table) -> Node:
        code, body = node.integer(0, "B"), node.table(1)
        if body is None or not 0 < code < len(NODES):
            raise MalformedError(f"node of type {code}", where=f"@{node.pos}")
        op = NODES[code]
        read, written = EDGES.get(op, ((0,), (1,)))
        self._meter.spend(16)
        inputs = [self._place.get(body.integer(f, "I"), -1) for f in read]
        while inputs and inputs[-1] < 0:
            inputs.pop()
        outputs = tuple(self._place[key] for key in (body.integer(f, "I") for f in written) if key in self._place)
        attributes = _attributes(op, body)
        self._meter.spend(sum(len(value) for value in attributes.values() if isinstance(value, tuple)))
        attributes |= _bounds(op, node.table(3))
        return Node(op, KINDS[op], "", tuple(inputs), outputs, attributes)


def _quantization(value: Table) -> Quantization | None:
    kind, body = value.integer(1, "B"), value.table(2)
    if body is None:
        return None
    if kind == _PER_TENSOR:
        return Quantization(1, float(body.scalar(0, "f")), body.integer(1, "i"))
    if kind in (_PER_CHANNEL, _PER_GROUP):
        count = body.vector(0, 4)[1] or body.integer(3 if kind == _PER_CHANNEL else 5, "I")
        return Quantization(count, None, None, body.integer(1, "i"))
    return None


def _bounds(op: str, limits: Table | None) -> dict[str, Attribute]:
    """Every node may clip its result."""
    if limits is None:
        return {}
    low, high = float(limits.scalar(0, "f")), float(limits.scalar(1, "f"))
    if op == "Clamp":
        return {"min": low, "max": high}
    if low == 0 and high > 1e30:
        return {"fused_activation": "Relu"}
    return {"fused_activation": "Clip"} if low > -1e30 or high < 1e30 else {}


def _attributes(op: str, body: Table) -> dict[str, Attribute]:
    if op in ("Conv2d", "DepthwiseConv2d", "ConvTranspose2d"):
        return _convolution(op, body)
    if op in ("AvgPooling2d", "MaxPooling2d", "ArgMaxPooling2d"):
        return _pool(op, body)
    if op == "GlobalAvgPooling2d":
        return {"data_layout": "NHWC"}
    if op == "FullyConnected":
        return {"transB": int(not body.integer(4, "I") & _TRANSPOSED_WEIGHTS)}
    if op.startswith("Concatenate"):
        return {"axis": body.integer(0, "I")}
    return _moving(op, body)


def _moving(op: str, body: Table) -> dict[str, Attribute]:
    if op == "StaticTranspose":
        return {"perm": body.ints(1, "I")}
    if op == "StaticReshape":
        return {"shape": tuple(size or -1 for size in body.ints(1, "I"))}  # 0 is inferred here, not copied
    if op == "StaticResizeBilinear2D":
        return {"sizes": _numbers(body, 0, 1), "axes": (1, 2), "mode": "linear", "data_layout": "NHWC"}
    if op == "StaticConstantPad":
        return {"pads": (*body.ints(0, "I"), *body.ints(1, "I"))}
    if op == "StaticSlice":
        starts, sizes = body.ints(1, "I"), body.ints(2, "I")
        ends = tuple(start + size for start, size in zip(starts, sizes, strict=False))
        return {"starts": starts, "ends": ends, "axes": tuple(range(len(ends)))}
    if op in ("ELU", "LeakyReLU"):
        return {"alpha": float(body.scalar(0, "f"))}
    return {}


def _numbers(body: Table, *places: int) -> tuple[int, ...]:
    return tuple(body.integer(place, "I") for place in places)


def _convolution(op: str, body: Table) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        "pads": _numbers(body, 0, 3, 2, 1),
        "kernel_shape": _numbers(body, 4, 5),
        "strides": _numbers(body, 6, 7),
        "dilations": _numbers(body, 8, 9),
        "group": body.integer(12, "I"),
        "data_layout": "NHWC",
        "weight_layout": "1HWO" if op == "DepthwiseConv2d" else "OHWI",
    }
    if op == "ConvTranspose2d":
        found["output_padding"] = _numbers(body, 13, 14)
    return found


def _pool(op: str, body: Table) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        "pads": _numbers(body, 0, 3, 2, 1),
        "kernel_shape": _numbers(body, 4, 5),
        "data_layout": "NHWC",
    }
    if op == "ArgMaxPooling2d":
        return found | {"strides": _numbers(body, 4, 5)}
    return found | {"strides": _numbers(body, 6, 7), "dilations": _numbers(body, 8, 9)}
