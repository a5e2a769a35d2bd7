"""Tengine models (.tmfile), version 2: records that point at each other by absolute 32-bit offsets.

Format: https://github.com/OAID/Tengine/blob/tengine-lite/source/serializer/tmfile/tm2_format.h
"""

from __future__ import annotations

import struct
from functools import cache

from nngauge.domain.graph import Completeness, DType, Graph, Node, Quantization, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.tengine_ops import FIELDS, OP_NAMES
from nngauge.formats.vocabulary.tengine import Call, Value, translate
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK

_SOURCES = (
    "", "Tengine", "Caffe", "ONNX", "MXNet", "TensorFlow", "TensorFlow Lite", "Darknet", "DLA", "ncnn", "MegEngine",
    "OneFlow", "Horizon", "Bitman",
)  # fmt: skip
_DTYPES = (DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.UINT8, DType.INT32, DType.INT16)
_CONST_TENSOR = 2
_EDGE_OPS = ("INPUT", "Const")
_PLACE = struct.Struct("<2I")
"""Size and offset of a text or of data."""
_GRAPH = struct.Struct("<8xi6I")
_TENSOR = struct.Struct("<4xi3I4x2i")
_NODE = struct.Struct("<4x4I")
_OPERATOR = struct.Struct("<4x2I")
_SCALE = struct.Struct("<if")
_NHWC = 1
"""Layout of a model that came from TensorFlow."""


def probe(head: bytes, size: int, _name: str) -> bool:
    """Major version 2, minor 0, and a root record inside the file."""
    root = int.from_bytes(head[8:12], "little")
    return size > 128 and head[:4] == b"\x02\0\0\0" and 12 <= root <= size - 12 and root % 4 == 0


def parse(data: ModelData) -> Graph:
    """Reads the graphs; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:16]), len(data.buf), data.name):
        raise NotThisFormat("no tmfile header")
    reader = _Reader(data.buf)
    try:
        source, graphs = reader.root()
    except InputError as error:
        if data.name.lower().endswith(".tmfile"):
            raise
        raise NotThisFormat(f"not a tmfile: {error}") from None
    first = graphs[0]
    return Graph(
        format=FORMAT.name,
        completeness=first.completeness,
        name=first.name,
        nodes=first.nodes,
        tensors=first.tensors,
        inputs=first.inputs,
        outputs=first.outputs,
        subgraphs=tuple(graphs[1:]),
        format_version="2.0",
        producer=f"Tengine from {source}" if source else "Tengine",
        notes=first.notes,
    )


class _Reader:
    """Follows the offsets, counting what it reads."""

    def __init__(self, buf: Buffer) -> None:
        self.buf = buf
        self.meter = Meter.for_size(len(buf))

    def root(self) -> tuple[str, list[Graph]]:
        cursor = Cursor(self.buf, 8)
        cursor.seek(cursor.u32())
        source = cursor.i32()
        cursor.skip(4)
        if not 0 <= source < len(_SOURCES):
            raise MalformedError(f"source framework {source}")
        offsets = self.vector(cursor.u32())
        if not 1 <= len(offsets) <= 64:
            raise MalformedError(f"{len(offsets)} graphs")
        return _SOURCES[source], [self.graph(offset) for offset in offsets]

    def vector(self, offset: int) -> list[int]:
        """The 32-bit numbers behind a count at `offset`; none for offset 0."""
        if not offset:
            return []
        cursor = Cursor(self.buf, offset)
        count = cursor.u32()
        if count * 4 > cursor.left:
            raise MalformedError(f"vector of {count} elements", where=f"@{offset}")
        self.meter.spend(count)
        return list(struct.unpack_from(f"<{count}i", self.buf, offset + 4))

    def string(self, offset: int) -> str:
        """The text whose size and place are recorded at `offset`."""
        if not offset:
            return ""
        size, place = Cursor(self.buf, offset).unpack(_PLACE)
        self.meter.spend(size)
        return Cursor(self.buf, place).bytes(size).rstrip(b"\0").decode("utf-8", "replace")

    def graph(self, offset: int) -> Graph:
        layout, *vectors, title = Cursor(self.buf, offset).unpack(_GRAPH)
        inputs, outputs, nodes, tensors, buffers = map(self.vector, vectors)
        name = self.string(title)
        if not nodes or not tensors or len(nodes) > MAX_NODES:
            raise MalformedError(f"{len(nodes)} nodes, {len(tensors)} tensors", where=f"@{offset}")
        described = tuple(self.tensor(at, buffers) for at in tensors)
        operations = [self.node(at, len(tensors), nhwc=layout == _NHWC) for at in nodes]
        if any(not 0 <= index < len(operations) for index in (*inputs, *outputs)):
            raise MalformedError("graph input or output is not a node", where=f"@{offset}")
        stripped = any(tensor.constant and tensor.data is None for tensor in described)
        return Graph(
            format=FORMAT.name,
            completeness=Completeness.TOPOLOGY if stripped else Completeness.FULL,
            name=name,
            nodes=tuple(node for node in operations if node.op not in _EDGE_OPS),
            tensors=described,
            inputs=tuple(at for index in inputs for at in operations[index].outputs),
            outputs=tuple(at for index in outputs for at in operations[index].outputs),
            notes=("weights were stripped from the file",) if stripped else (),
        )

    def tensor(self, offset: int, buffers: list[int]) -> Tensor:
        buffer, sizes, title, records, kind, code = Cursor(self.buf, offset).unpack(_TENSOR)
        dims, name, scales = self.vector(sizes), self.string(title), self.vector(records)
        if len(dims) > MAX_RANK:
            raise LimitError(f"rank {len(dims)}", where=f"@{offset}")
        dtype = _DTYPES[code] if 0 <= code < len(_DTYPES) else DType.UNKNOWN
        constant = kind == _CONST_TENSOR
        # Activations that the converter could not infer have no dimensions; constants without any are scalars.
        shape = tuple([dim if dim >= 0 else None for dim in dims]) if dims or constant else None
        span = self.span(buffer, buffers) if constant else None
        return Tensor(name, dtype, shape, span, self.quantization(scales), constant=constant)

    def quantization(self, records: list[int]) -> Quantization | None:
        """Zero point and scale of the first record; one record for each output channel when there are several."""
        if not records:
            return None
        zero, scale = Cursor(self.buf, records[0]).unpack(_SCALE)
        return Quantization(len(records), scale, zero, 0 if len(records) > 1 else None)

    def span(self, index: int, buffers: list[int]) -> Span | None:
        if not 0 <= index < len(buffers):
            raise MalformedError(f"buffer {index} does not exist")
        size, place = Cursor(self.buf, buffers[index]).unpack(_PLACE)
        if not place or not size:
            return None
        if place + size > len(self.buf):
            raise MalformedError(f"buffer {index} lies outside the file")
        return Span(place, size)

    def node(self, offset: int, tensors: int, *, nhwc: bool) -> Node:
        sources, targets, operator, title = Cursor(self.buf, offset).unpack(_NODE)
        inputs, outputs, name = self.vector(sources), self.vector(targets), self.string(title)
        code, parameters = Cursor(self.buf, operator).unpack(_OPERATOR)
        if any(not 0 <= at < tensors for at in (*inputs, *outputs)) or code > 4096:
            raise MalformedError("a node with tensors or an operator that do not exist", where=f"@{offset}")
        op = OP_NAMES[code] if code < len(OP_NAMES) else f"operator {code}"
        found = translate(Call(op, self.fields(op, parameters), len(inputs), len(outputs), nhwc))
        return Node(op, found.kind, name, tuple(inputs), tuple(outputs), found.attributes)

    def fields(self, op: str, offset: int) -> dict[str, Value]:
        """The parameters of an operator by name."""
        if not offset or op not in FIELDS:
            return {}
        layout, names = _record(op)
        found: dict[str, Value] = {}
        for name, value in zip(names, Cursor(self.buf, offset).unpack(layout), strict=True):
            if name[0] == "@":
                found[name[1:]] = tuple(self.vector(value))
            elif name[0] == "$":
                found[name[1:]] = self.string(value)
            else:
                found[name.lstrip("*")] = value
        return found


@cache
def _record(op: str) -> tuple[struct.Struct, tuple[str, ...]]:
    """Layout and marked names of an operator's parameters: ``*`` a float, ``@`` and ``$`` references."""
    names = tuple(FIELDS[op].split())
    return struct.Struct("<" + "".join({"*": "f", "@": "I", "$": "I"}.get(name[0], "i") for name in names)), names


FORMAT = Format(
    name="tengine",
    version=3,
    title="Tengine tmfile",
    suffixes=(".tmfile",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"\x02\0\0\0"),),
    references=("https://github.com/OAID/Tengine/blob/tengine-lite/source/serializer/tmfile/tm2_format.h",),
    limitations=("versions before 2 are not read",),
)
