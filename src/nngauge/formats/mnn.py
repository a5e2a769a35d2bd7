"""Alibaba MNN models: a FlatBuffers `Net` without file identifier, so the structure itself is the proof.

Schema: https://github.com/alibaba/MNN/blob/master/schema/default/MNN.fbs (field numbers below follow it).
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._mnn_ops import OP_NAMES
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK

_NET_OPS, _NET_OUTPUTS, _NET_SOURCE, _NET_TENSORS, _NET_NUMBER = 3, 4, 6, 7, 8
_NET_EXTRA, _NET_SUBGRAPHS, _NET_UUID = 2, 10, 11
_OP_INPUTS, _OP_MAIN_TYPE, _OP_MAIN, _OP_NAME, _OP_OUTPUTS, _OP_TYPE, _OP_LAYOUT = 0, 1, 2, 3, 4, 5, 6
_INPUT_OP = 34
_MAIN_BLOB, _MAIN_CONVOLUTION, _MAIN_INNER, _MAIN_INPUT, _MAIN_SCALE, _MAIN_LAST = 7, 9, 20, 21, 58, 127
_PLAIN_WEIGHTS = {5: (1, 2, 3, 4), 27: (3,), 32: (1,), 58: (1, 2)}
"""Parameter type (BatchNorm, Normalize, PRelu, Scale) → fields that hold float vectors."""
_HALF_PACKING = 3
"""`IDSTQuan.type` of plain half floats."""
_SOURCES = ("Caffe", "TensorFlow", "TensorFlow Lite", "ONNX", "Torch")
_DTYPES = {
    1: DType.FLOAT32, 2: DType.FLOAT64, 3: DType.INT32, 4: DType.UINT8, 5: DType.INT16, 6: DType.INT8, 7: DType.STRING,
    8: DType.COMPLEX64, 9: DType.INT64, 10: DType.BOOL, 11: DType.INT8, 12: DType.UINT8, 13: DType.INT32,
    14: DType.BFLOAT16, 15: DType.INT16, 16: DType.UINT16, 17: DType.UINT16, 18: DType.COMPLEX128, 19: DType.FLOAT16,
}  # fmt: skip


def probe(head: bytes, size: int, _name: str) -> bool:
    """The root table must look like `Net`: few fields, operations and tensor names present, a known source."""
    if size < 48 or head[1:4] != b"\0\0\0":
        return False
    try:
        net = flatbuffer.root(head)
        return (
            net.pos % 4 == 0
            and 8 <= net.fields <= 16
            and net.offset(_NET_OPS) > 0
            and net.offset(_NET_TENSORS) > 0
            and 0 <= net.integer(_NET_SOURCE, "b") < len(_SOURCES)
            and all(net.offset(field) <= len(head) for field in range(net.fields))
        )
    except InputError:
        return False


def parse(data: ModelData) -> Graph:
    """Reads operations, tensors and the weights of the common layers; see `Format.parse` for the errors."""
    net, ops = _open(data)
    names = net.strings(_NET_TENSORS)
    if not names:
        raise NotThisFormat("no tensor names")
    tensors = [Tensor(name) for name in names]
    graph_inputs: list[int] = []
    nodes: list[Node] = []
    missing = 0
    meter = Meter.for_size(len(data.buf))
    for op in ops:
        kind, inputs, outputs = _edges(op, len(names))
        meter.spend(16 + len(inputs) + len(outputs) + len(op.string(_OP_NAME)))
        if kind == _INPUT_OP:
            graph_inputs.extend(outputs)
            for index in outputs:
                tensors[index] = _input_tensor(op, names[index])
            continue
        weights, complete = _weights(op)
        missing += not complete
        first = len(tensors)
        tensors.extend(weights)
        own = tuple(range(first, len(tensors)))
        nodes.append(Node(OP_NAMES[kind], None, op.string(_OP_NAME), (*inputs, *own), outputs))
    subgraphs = net.vector(_NET_SUBGRAPHS, 4)[1]
    notes = ["weights of quantised, external and less common layers are counted as stored, not decoded"]
    if missing:
        notes.append(f"weights of {missing} layers are outside this file or were stripped: counted as declared")
    if subgraphs:
        notes.append(f"{subgraphs} sub-graphs not read")
    return Graph(
        format="mnn",
        completeness=Completeness.PARTIAL,
        nodes=tuple(nodes),
        tensors=tuple(tensors),
        inputs=tuple(graph_inputs),
        outputs=_outputs(net, names, nodes),
        format_version=_version(net),
        producer=f"MNNConvert from {_SOURCES[net.integer(_NET_SOURCE, 'b')]}",
        metadata={"uuid": uuid} if (uuid := net.string(_NET_UUID)) else {},
        notes=tuple(notes),
    )


def _open(data: ModelData) -> tuple[Table, list[Table]]:
    """The `Net` table and its operations, all with a known type; anything else is another format."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("the root table is not an MNN Net")
    try:
        net = flatbuffer.root(data.buf)
        if net.vector(_NET_OPS, 4)[1] > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")
        ops = net.tables(_NET_OPS)
        sane = all(op.integer(_OP_TYPE, "i") in OP_NAMES for op in ops[:64])
        declared = net.integer(_NET_NUMBER, "i")
        count = net.vector(_NET_TENSORS, 4)[1]
    except MalformedError as error:
        if data.name.lower().endswith(".mnn"):
            raise
        raise NotThisFormat(f"not an MNN Net: {error}") from None
    if not ops or not sane or (declared and declared != count):
        raise NotThisFormat("operations or tensor counts are not those of MNN")
    return net, ops


def _edges(op: Table, count: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    kind = op.integer(_OP_TYPE, "i")
    inputs, outputs = op.ints(_OP_INPUTS), op.ints(_OP_OUTPUTS)
    if kind not in OP_NAMES or not 0 <= op.integer(_OP_MAIN_TYPE, "B") <= _MAIN_LAST:
        raise MalformedError(f"operation type {kind}", where=f"@{op.pos}")
    if any(not 0 <= index < count for index in outputs) or any(not -1 <= index < count for index in inputs):
        raise MalformedError("tensor index outside the table of tensors", where=f"@{op.pos}")
    return kind, inputs, outputs


def _input_tensor(op: Table, name: str) -> Tensor:
    main = op.table(_OP_MAIN) if op.integer(_OP_MAIN_TYPE, "B") == _MAIN_INPUT else None
    if main is None:
        return Tensor(name)
    shape = tuple(dim if dim > 0 else None for dim in main.ints(0))
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)}")
    return Tensor(name, _DTYPES.get(main.integer(1, "i", 1), DType.UNKNOWN), shape)


def _weights(op: Table) -> tuple[list[Tensor], bool]:
    """Constant tensors that the operation carries, and whether they are all there."""
    main, kind, name = op.table(_OP_MAIN), op.integer(_OP_MAIN_TYPE, "B"), op.string(_OP_NAME)
    if main is None:
        return [], True
    if kind == _MAIN_CONVOLUTION:
        return _convolution(main, name)
    if kind == _MAIN_SCALE and not main.vector(1, 4)[1]:
        channels = (max(main.integer(0, "i"), 0),)
        names = (f"{name}.scale", f"{name}.bias")
        return [Tensor(label, DType.FLOAT32, channels, constant=True) for label in names], False
    if kind == _MAIN_BLOB:
        return [_blob(main, name)], True
    if kind == _MAIN_INNER:
        return [t for t in (_vector(main, 3, f"{name}.weight"), _vector(main, 4, f"{name}.bias")) if t], True
    return [t for f in _PLAIN_WEIGHTS.get(kind, ()) if (t := _vector(main, f, f"{name}.{f}"))], True


def _convolution(main: Table, name: str) -> tuple[list[Tensor], bool]:
    """Kernel and bias; without their data when the converter stripped it or put it into a file of its own."""
    common, quantised = main.table(0), main.table(3)
    if common is None:
        return [], False
    shape = _kernel(common)
    bias = _vector(main, 2, f"{name}.bias")
    weight = _vector(main, 1, f"{name}.weight")
    if weight is not None:
        dense = Tensor(weight.name, weight.dtype, shape, weight.data, constant=True)
        return [dense if dense.elements == weight.elements else weight, *([bias] if bias else [])], True
    if quantised is not None and quantised.vector(0, 1)[1]:
        return [_compressed(shape, quantised, name), *([bias] if bias else [])], True
    if shape[1] is None:
        return [], False
    declared = Tensor(f"{name}.weight", DType.FLOAT32, shape, constant=True)
    return [declared, bias or Tensor(f"{name}.bias", DType.FLOAT32, shape[:1], constant=True)], False


def _kernel(common: Table) -> tuple[int | None, ...]:
    """Outputs, inputs of one group, height, width; old converters leave the inputs out."""
    group, outputs, inputs = (common.integer(f, "i", d) for f, d in ((9, 1), (10, 0), (11, 0)))
    known = group > 0 and inputs > 0
    return outputs, inputs // group if known else None, common.integer(3, "i", 1), common.integer(2, "i", 1)


def _compressed(shape: tuple[int | None, ...], quantised: Table, name: str) -> Tensor:
    """Weights in MNN's own packing (IDSTQuan): the shape comes from the layer, the element type from the packing."""
    start, size = quantised.vector(0, 1)
    half = quantised.integer(2, "i") == _HALF_PACKING
    if None in shape and half:
        shape = (size // 2,)
    dtype = DType.FLOAT16 if half else DType.INT8
    return Tensor(f"{name}.weight", dtype, shape, Span(start, size), constant=True)


def _vector(main: Table, field: int, name: str) -> Tensor | None:
    start, count = main.vector(field, 4)
    return Tensor(name, DType.FLOAT32, (count,), Span(start, 4 * count), constant=True) if count else None


def _blob(main: Table, name: str) -> Tensor:
    shape = main.ints(0)
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)}")
    return Tensor(name, _DTYPES.get(main.integer(2, "i", 1), DType.UNKNOWN), shape, constant=True)


def _outputs(net: Table, names: list[str], nodes: list[Node]) -> tuple[int, ...]:
    """The named outputs, or else every tensor that no operation reads."""
    wanted = net.strings(_NET_OUTPUTS)
    if wanted:
        index = {name: at for at, name in enumerate(names)}
        return tuple(index[name] for name in wanted if name in index)
    read = {at for node in nodes for at in node.inputs}
    return tuple(sorted({at for node in nodes for at in node.outputs} - read))


def _version(net: Table) -> str | None:
    extra = net.table(_NET_EXTRA)
    return (extra.string(2) or None) if extra else None


FORMAT = Format(
    name="mnn",
    version=1,
    title="Alibaba MNN",
    suffixes=(".mnn",),
    parse=parse,
    probe=probe,
    gate=(Magic(1, b"\0\0\0"),),
    references=("https://github.com/alibaba/MNN/blob/master/schema/default/MNN.fbs",),
    limitations=("sub-graphs are not read", "weights of quantised and less common layers are not all counted"),
)
