"""MindSpore Lite models (.ms): FlatBuffers `MetaGraph`, identifier ``MSL2``, ``MSL1`` or, before release 1.1, none.

Schema: https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/model.fbs
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import DType, Graph, Node, Quantization, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.mindspore_ops import OLD_OP_NAMES, OP_NAMES
from nngauge.formats.vocabulary.mindspore import (
    DTYPES,
    FIELDS,
    LAYOUTS,
    OLD_FIELDS,
    Operands,
    translate,
)
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_RANK

_NAME, _VERSION, _SOURCE, _INPUTS, _OUTPUTS, _NODES, _TENSORS, _SUBGRAPHS = 0, 1, 2, 3, 4, 6, 7, 8
_IDENTIFIERS = (b"MSL1", b"MSL2")
_SOURCES = {0: "TensorFlow", 1: "Caffe", 2: "ONNX", 3: "MindSpore", 4: "TensorFlow Lite", 5: "PyTorch"}
_MAX_BYTES = 8 * MAX_INLINE_VALUES
"""Of a constant that is looked into: shapes, axes, orders."""


def probe(head: bytes, size: int, _name: str) -> bool:
    """For files without identifier: a root table with exactly the vectors that a graph cannot do without."""
    if size < 256 or head[1:4] != b"\0\0\0" or head[4:8] in _IDENTIFIERS:
        return False
    try:
        graph = flatbuffer.root(head)
        wanted = all(graph.offset(field) > 0 for field in (_INPUTS, _OUTPUTS, _NODES, _TENSORS))
        return wanted and graph.fields <= 11 and 0 <= graph.integer(_SOURCE, "i") <= 8
    except InputError:
        return False


def parse(data: ModelData) -> Graph:
    """Reads tensors and nodes; see `Format.parse` for the errors."""
    identifier = bytes(data.buf[4:8])
    known = identifier in _IDENTIFIERS
    if not known and not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("neither identifier nor the root table of a MetaGraph")
    try:
        return _read(data, identifier.decode() if known else "MSL0")
    except MalformedError as error:
        if known or data.name.lower().endswith(".ms"):
            raise
        raise NotThisFormat(f"not a MetaGraph: {error}") from None


def _read(data: ModelData, identifier: str) -> Graph:
    root = flatbuffer.root(data.buf)
    meter = Meter.for_size(len(data.buf))
    tensors = [_tensor(table, meter) for table in root.tables(_TENSORS)]
    tables = root.tables(_NODES)
    if not tensors or not tables:
        raise MalformedError("a graph without tensors or nodes")
    if len(tables) > MAX_NODES:
        raise LimitError(f"{len(tables)} nodes")
    reader = _Primitives(root, tensors, meter, old=identifier != "MSL2")
    nodes = [reader.node(table) for table in tables]
    inputs, outputs = root.ints(_INPUTS, "I"), root.ints(_OUTPUTS, "I")
    if any(index >= len(tensors) for index in (*inputs, *outputs)):
        raise MalformedError("graph input or output outside the tensors")
    source = root.integer(_SOURCE, "i")
    maker = root.string(_VERSION) or "MindSpore Lite"
    main = Graph(
        format=FORMAT.name,
        name=root.string(_NAME),
        nodes=tuple(nodes),
        tensors=tuple(tensors),
        inputs=inputs,
        outputs=outputs,
        format_version=identifier,
        producer=f"{maker} from {_SOURCES[source]}" if source in _SOURCES else maker,
    )
    parts = root.tables(_SUBGRAPHS)
    return main if len(parts) < 2 else _divided(main, [_share(part, main, meter) for part in parts])


class _Share(Struct, frozen=True):
    """What belongs to one sub-graph, by place in the whole."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: tuple[int, ...]


def _share(table: Table, whole: Graph, meter: Meter) -> _Share:
    inputs, outputs, nodes = table.ints(1, "I"), table.ints(2, "I"), table.ints(3, "I")
    meter.spend(8 + len(inputs) + len(outputs) + len(nodes))
    if any(at >= len(whole.nodes) for at in nodes) or any(at >= len(whole.tensors) for at in (*inputs, *outputs)):
        raise MalformedError("a sub-graph of nodes or tensors that do not exist", where=f"@{table.pos}")
    return _Share(table.string(0), inputs, outputs, nodes)


def _divided(whole: Graph, shares: Sequence[_Share]) -> Graph:
    """The first sub-graph is the main one; calls from it find the others by number, weights are of who uses them first."""
    owned: set[int] = set()
    graphs = [_part(whole, share, owned, main=at == 0) for at, share in enumerate(shares)]
    first = graphs[0]
    return replace(
        whole,
        nodes=first.nodes,
        tensors=first.tensors,
        inputs=first.inputs,
        outputs=first.outputs,
        subgraphs=tuple(graphs[1:]),
    )


def _part(whole: Graph, share: _Share, owned: set[int], *, main: bool) -> Graph:
    place: dict[int, int] = {}
    tensors: list[Tensor] = []

    def local(at: int) -> int:
        if at < 0:
            return at
        known = place.get(at)
        if known is None:
            known = place[at] = len(tensors)
            tensor = whole.tensors[at]
            tensors.append(replace(tensor, constant=False, data=None) if at in owned else tensor)
            owned.update([at] if tensor.constant else [])
        return known

    inputs = tuple([local(at) for at in share.inputs])
    nodes = []
    for at in share.nodes:
        node = whole.nodes[at]
        attributes = dict(node.attributes)
        target = attributes.pop("sub_graph", None)
        if isinstance(target, int) and target > 0:
            attributes |= {"body": target - 1} if main else {"function": f"sub-graph {target}"}
        read, written = tuple([local(i) for i in node.inputs]), tuple([local(i) for i in node.outputs])
        nodes.append(replace(node, inputs=read, outputs=written, attributes=attributes))
    outputs = tuple([local(at) for at in share.outputs])
    return Graph(
        format=whole.format, name=share.name, nodes=tuple(nodes), tensors=tuple(tensors), inputs=inputs, outputs=outputs
    )


def _tensor(table: Table, meter: Meter) -> Tensor:
    dims, name = table.ints(2), table.string(9)
    meter.spend(8 + len(dims) + len(name))
    start, size = table.vector(6, 1)
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{table.pos}")
    dtype = DTYPES.get(table.integer(1, "i"), DType.UNKNOWN)
    shape = tuple(dim if dim >= 0 else None for dim in dims)
    external = table.vector(12, 4)[1] > 0
    span = Span(start, size) if size else None
    return Tensor(name, dtype, shape, span, _quantization(table, meter), constant=bool(size) or external)


def _quantization(table: Table, meter: Meter) -> Quantization | None:
    params = table.tables(7)
    meter.spend(len(params))
    if not params:
        return None
    first = params[0]
    return Quantization(
        len(params), float(first.scalar(0, "d", 1.0)), first.integer(1, "i"), 0 if len(params) > 1 else None
    )


class _Primitives:
    """Nodes with what their primitives say."""

    def __init__(self, root: Table, tensors: list[Tensor], meter: Meter, *, old: bool) -> None:
        self._buf = root.buf
        self._tensors = tensors
        self._formats = [table.integer(3, "i") for table in root.tables(_TENSORS)]
        self._meter = meter
        self._old = old

    def node(self, table: Table) -> Node:
        """A `CNode`."""
        primitive = table.table(2)
        inputs, outputs, name = table.ints(3, "I"), table.ints(4, "I"), table.string(0)
        self._meter.spend(16 + len(inputs) + len(outputs) + len(name))
        if primitive is None or any(index >= len(self._tensors) for index in (*inputs, *outputs)):
            raise MalformedError("a node without primitive, or with tensors that do not exist", where=f"@{table.pos}")
        code = primitive.integer(0, "B")
        if self._old:
            op = OLD_OP_NAMES[code] if 0 < code < len(OLD_OP_NAMES) else f"primitive {code}"
        else:
            op = OP_NAMES.get(code, f"primitive {code}")
        fields = self._fields(op, primitive.table(1))
        found = translate(Operands(op, fields, inputs, len(outputs), self._values, self._layout))
        attributes = dict(found.attributes)
        if "sub_graph" in fields and found.kind == "Call":
            attributes["sub_graph"] = fields["sub_graph"]
        return Node(op, found.kind, name, found.inputs, outputs, attributes)

    def _fields(self, op: str, body: Table | None) -> dict[str, int | float | tuple[int, ...]]:
        known = (OLD_FIELDS if self._old else FIELDS).get(op, ())
        found: dict[str, int | float | tuple[int, ...]] = {}
        for name, place, code in known if body is not None else ():
            if body is None or not body.offset(place):
                continue
            if code.startswith("v"):
                count = body.vector(place, 8 if code == "vq" else 4)[1]
                if count > MAX_INLINE_VALUES:
                    continue
                self._meter.spend(count)
                found[name] = body.ints(place, code[1:])
            else:
                value = body.scalar(place, code)
                found[name] = float(value) if code == "f" else int(value)
        return found

    def _layout(self, place: int) -> str:
        return LAYOUTS.get(self._formats[place], "")

    def _values(self, place: int) -> tuple[int, ...] | None:
        """The integers in a small constant."""
        tensor = self._tensors[place]
        code = {DType.INT32: "i", DType.INT64: "q"}.get(tensor.dtype)
        if code is None or tensor.data is None or tensor.data.size > _MAX_BYTES or tensor.data.part:
            return None
        count = tensor.data.size // (4 if code == "i" else 8)
        self._meter.spend(count)
        return struct.unpack_from(f"<{count}{code}", self._buf, tensor.data.offset)


FORMAT = Format(
    name="mindspore",
    version=2,
    title="MindSpore Lite model",
    suffixes=(".ms",),
    parse=parse,
    magics=(Magic(4, b"MSL2", carve=True), Magic(4, b"MSL1", carve=True)),
    probe=probe,
    gate=(Magic(1, b"\0\0\0"),),
    references=("https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/model.fbs",),
    limitations=("weights in an external file are not bound",),
)
