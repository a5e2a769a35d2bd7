"""MindSpore Lite models (.ms): FlatBuffers `MetaGraph`, identifier ``MSL2``, ``MSL1`` or, before release 1.1, none.

Schema: https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/model.fbs
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._mindspore_ops import OP_NAMES
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK

_NAME, _VERSION, _SOURCE, _INPUTS, _OUTPUTS, _NODES, _TENSORS, _SUBGRAPHS = 0, 1, 2, 3, 4, 6, 7, 8
_IDENTIFIERS = (b"MSL1", b"MSL2")
_SOURCES = {0: "TensorFlow", 1: "Caffe", 2: "ONNX", 3: "MindSpore", 4: "TensorFlow Lite", 5: "PyTorch"}
_DTYPES = {
    12: DType.STRING, 30: DType.BOOL, 32: DType.INT8, 33: DType.INT16, 34: DType.INT32, 35: DType.INT64,
    37: DType.UINT8, 38: DType.UINT16, 39: DType.UINT32, 40: DType.UINT64, 42: DType.FLOAT16, 43: DType.FLOAT32,
    44: DType.FLOAT64, 45: DType.BFLOAT16,
}  # fmt: skip


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
    nodes = tuple(_node(table, len(tensors), identifier, meter) for table in tables)
    inputs, outputs = root.ints(_INPUTS, "I"), root.ints(_OUTPUTS, "I")
    if any(index >= len(tensors) for index in (*inputs, *outputs)):
        raise MalformedError("graph input or output outside the tensors")
    inner = root.vector(_SUBGRAPHS, 4)[1]
    source = root.integer(_SOURCE, "i")
    maker = root.string(_VERSION) or "MindSpore Lite"
    notes = [] if identifier == "MSL2" else [f"operation names of {identifier} are not known"]
    if inner > 1:
        notes.append(f"the nodes of {inner} sub-graphs are listed as one")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if notes else Completeness.FULL,
        name=root.string(_NAME),
        nodes=nodes,
        tensors=tuple(tensors),
        inputs=inputs,
        outputs=outputs,
        format_version=identifier,
        producer=f"{maker} from {_SOURCES[source]}" if source in _SOURCES else maker,
        notes=tuple(notes),
    )


def _tensor(table: Table, meter: Meter) -> Tensor:
    dims, name = table.ints(2), table.string(9)
    meter.spend(8 + len(dims) + len(name))
    start, size = table.vector(6, 1)
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{table.pos}")
    dtype = _DTYPES.get(table.integer(1, "i"), DType.UNKNOWN)
    shape = tuple(dim if dim >= 0 else None for dim in dims)
    external = table.vector(12, 4)[1] > 0
    span = Span(start, size) if size else None
    return Tensor(name, dtype, shape, span, constant=bool(size) or external)


def _node(table: Table, count: int, identifier: str, meter: Meter) -> Node:
    primitive = table.table(2)
    inputs, outputs, name = table.ints(3, "I"), table.ints(4, "I"), table.string(0)
    meter.spend(16 + len(inputs) + len(outputs) + len(name))
    if primitive is None or any(index >= count for index in (*inputs, *outputs)):
        raise MalformedError("a node without primitive, or with tensors that do not exist", where=f"@{table.pos}")
    code = primitive.integer(0, "B")
    op = OP_NAMES.get(code, f"primitive {code}") if identifier == "MSL2" else f"primitive {code}"
    return Node(op, None, name, inputs, outputs)


FORMAT = Format(
    name="mindspore",
    version=1,
    title="MindSpore Lite model",
    suffixes=(".ms",),
    parse=parse,
    magics=(Magic(4, b"MSL2", carve=True), Magic(4, b"MSL1", carve=True)),
    probe=probe,
    gate=(Magic(1, b"\0\0\0"),),
    references=("https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/model.fbs",),
    limitations=("operation names of schemas before MSL2 are not known", "sub-graphs are listed as one"),
)
