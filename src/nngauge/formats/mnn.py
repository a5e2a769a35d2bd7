"""Alibaba MNN models: a FlatBuffers `Net` without file identifier, so the structure itself is the proof.

Schema: https://github.com/alibaba/MNN/blob/master/schema/default/MNN.fbs (field numbers below follow it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Quantization, Tensor
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.mnn_kernels import External
from nngauge.formats._parts.mnn_ops import OP_NAMES
from nngauge.formats._parts.mnn_weights import DTYPES, blob, carried
from nngauge.formats.vocabulary.mnn import NCHW, NHWC, Call, translate
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK

_NET_OPS, _NET_OUTPUTS, _NET_SOURCE, _NET_TENSORS, _NET_NUMBER = 3, 4, 6, 7, 8
_NET_DESCRIBED, _NET_EXTRA, _NET_SUBGRAPHS, _NET_UUID = 1, 2, 10, 11
_SUB_NAME, _SUB_INPUTS, _SUB_OUTPUTS, _SUB_TENSORS, _SUB_OPS, _SUB_DESCRIBED = range(6)
_OP_INPUTS, _OP_MAIN_TYPE, _OP_MAIN, _OP_NAME, _OP_OUTPUTS, _OP_TYPE, _OP_LAYOUT = 0, 1, 2, 3, 4, 5, 6
_MAIN_BLOB, _MAIN_INPUT, _MAIN_EXTRA, _MAIN_LAST = 7, 21, 78, 127
_MAX_SUBGRAPHS = 1024
_SOURCES = ("Caffe", "TensorFlow", "TensorFlow Lite", "ONNX", "Torch")
_INTEGERS = frozenset({"ArgMax", "ArgMin", "NonZero", "Rank", "Shape", "Size"})
_COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "NotEqual"})
_CHANGES = {
    "FloatToInt8": DType.INT8, "ConvInt8": DType.INT8, "DepthwiseConvInt8": DType.INT8, "EltwiseInt8": DType.INT8,
    "Int8ToFloat": DType.FLOAT32,
}  # fmt: skip
_BRANCHES = {"While": ("cond", "body"), "If": ("then_branch", "else_branch")}


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


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The constants that a converter puts beside the model (``--saveExternalData``)."""
    wanted = lead + ".weight"
    return (wanted,) if wanted in paths else ()


def parse(data: ModelData) -> Graph:
    """Reads operations, tensors, constants and sub-graphs; see `Format.parse` for the errors."""
    net, ops = _open(data)
    names = net.strings(_NET_TENSORS)
    if not names:
        raise NotThisFormat("no tensor names")
    protos = net.tables(_NET_SUBGRAPHS)
    if len(protos) > _MAX_SUBGRAPHS:
        raise LimitError(f"{len(protos)} sub-graphs")
    places = {proto.string(_SUB_NAME): at for at, proto in enumerate(protos)}
    reader = _Reader(External(next(iter(data.parts.values()), None)), places, Meter.for_size(len(data.buf)))
    main = _Network(names, net.tables(_NET_DESCRIBED))
    reader.read(main, ops)
    subgraphs = tuple([_subgraph(proto, reader) for proto in protos])
    return Graph(
        format=FORMAT.name,
        completeness=reader.completeness(),
        nodes=tuple(main.nodes),
        tensors=tuple(main.tensors),
        inputs=tuple(main.inputs),
        outputs=_outputs(net, names, main),
        subgraphs=subgraphs,
        format_version=_version(net),
        producer=f"MNNConvert from {_SOURCES[net.integer(_NET_SOURCE, 'b')]}",
        metadata={"uuid": uuid} if (uuid := net.string(_NET_UUID)) else {},
        notes=reader.notes(),
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


class _Network:
    """One graph while it is read: values by number, with what is known about their layout."""

    def __init__(self, names: Sequence[str], described: Sequence[Table]) -> None:
        self.tensors = [Tensor(name) for name in names]
        self.layouts = [NCHW] * len(names)
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        for table in described:
            index = table.integer(1, "i")
            if 0 <= index < len(names):
                self._describe(index, table)

    def _describe(self, index: int, table: Table) -> None:
        """Shape and quantisation of an activation, where the converter left them."""
        about, quantised = table.table(0), table.table(4)
        dims = about.ints(0) if about is not None else ()
        shape = tuple(dim if dim > 0 else None for dim in dims) if 0 < len(dims) <= MAX_RANK else None
        kind = None
        if quantised is not None:
            zero = float(quantised.scalar(1, "f"))
            kind = Quantization(1, float(quantised.scalar(0, "f")), round(zero) if abs(zero) < 256 else None)
        self.tensors[index] = replace(self.tensors[index], shape=shape, quantization=kind)

    def own(self, tensors: Sequence[Tensor]) -> tuple[int, ...]:
        """Numbers of constants that an operation carries itself."""
        first = len(self.tensors)
        self.tensors += tensors
        self.layouts += [NCHW] * len(tensors)
        return tuple(range(first, len(self.tensors)))

    def place(self, outputs: Sequence[int], layout: int, dtype: DType) -> None:
        """What an operation's results look like."""
        for index in outputs:
            self.layouts[index] = layout
            if self.tensors[index].dtype is DType.UNKNOWN:
                self.tensors[index] = replace(self.tensors[index], dtype=dtype)


class _Reader:
    """Turns operations into nodes, for the network and its sub-graphs."""

    def __init__(self, external: External, subgraphs: Mapping[str, int], meter: Meter) -> None:
        self._external = external
        self._subgraphs = subgraphs
        self._meter = meter
        self.declared = 0
        """Operations whose constants are not there, only their shapes."""
        self.missing = 0
        """Operations of whose constants nothing is known."""

    def read(self, network: _Network, ops: Sequence[Table]) -> None:
        """Adds the operations to the network."""
        count = len(network.tensors)
        for op in ops:
            name, inputs, outputs = _edges(op, count)
            self._meter.spend(16 + len(inputs) + len(outputs) + len(op.string(_OP_NAME)))
            kind, main = op.integer(_OP_MAIN_TYPE, "B"), op.table(_OP_MAIN)
            if name == "Input":
                network.inputs.extend(outputs)
                for index in outputs:
                    network.tensors[index] = _input_tensor(kind, main, network.tensors[index])
                network.place(outputs, _dimension_format(kind, main), DType.UNKNOWN)
            elif kind == _MAIN_BLOB and main is not None and not inputs:
                for index in outputs:
                    network.tensors[index] = blob(main, network.tensors[index].name, self._external)
                network.place(outputs, main.integer(1, "b"), DType.UNKNOWN)
            else:
                self._operation(network, op, name, inputs, outputs)

    def _operation(
        self, network: _Network, op: Table, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> None:
        """Adds one operation that computes, with the constants it carries."""
        kind, main, label = op.integer(_OP_MAIN_TYPE, "B"), op.table(_OP_MAIN), op.string(_OP_NAME)
        constants = carried(name, main, kind, label, self._external)
        if not constants.complete:
            self.declared += bool(constants.tensors)
            self.missing += not constants.tensors
        layout = network.layouts[inputs[0]] if inputs and inputs[0] >= 0 else op.integer(_OP_LAYOUT, "b", NHWC)
        own = network.own(constants.tensors)
        if name in _BRANCHES and main is not None:
            node = self._control(name, main, label, inputs, outputs)
        else:
            values = [network.tensors[at].values if at >= 0 else None for at in inputs]
            found = translate(Call(name, main, layout, values, len(outputs)))
            kept = inputs if found.order is None else _ordered(inputs, found.order)
            node = Node(name, found.kind, label, (*kept, *own), outputs, found.attributes)
            if kind == _MAIN_EXTRA:
                node = replace(node, op=name if main is None else _custom(main), kind="Custom")
        network.nodes.append(node)
        if name == "ConvertTensor" and main is not None:
            layout = main.integer(1, "b")
        data = node.inputs[2 if node.kind == "ScatterND" else 0] if node.inputs else -1
        network.place(outputs, layout, _dtype(node, network.tensors[data] if data >= 0 else None))

    def _control(self, name: str, main: Table, label: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
        attributes: dict[str, Attribute] = {}
        for field, key in enumerate(_BRANCHES[name]):
            at = self._subgraphs.get(main.string(field))
            if at is not None:
                attributes[key] = at
        return Node(name, "Loop" if name == "While" else "If", label, inputs, outputs, attributes)

    def completeness(self) -> Completeness:
        """How much of the file is there."""
        if self.missing:
            return Completeness.PARTIAL
        return Completeness.TOPOLOGY if self.declared else Completeness.FULL

    def notes(self) -> tuple[str, ...]:
        """What is missing."""
        absent = (
            (self.declared, "layers are outside this file or were stripped: counted as declared"),
            (self.missing, "layers are not here, and the file does not tell their size"),
        )
        return tuple(f"weights of {count} {what}" for count, what in absent if count)


def _ordered(inputs: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(inputs[at] if 0 <= at < len(inputs) else -1 for at in order)


def _dtype(node: Node, first: Tensor | None) -> DType:
    """Element type of the results: MNN keeps booleans as 32-bit integers."""
    if node.op in _CHANGES:
        return _CHANGES[node.op]
    if node.kind in _INTEGERS or node.kind in _COMPARISONS:
        return DType.INT32
    if node.kind == "Cast":
        return DType(str(node.attributes["to"])) if "to" in node.attributes else DType.UNKNOWN
    if first is None:
        return DType.UNKNOWN
    # Halves are widened when they are loaded.
    return DType.FLOAT32 if first.constant and first.dtype is DType.FLOAT16 else first.dtype


def _custom(main: Table) -> str:
    """`Extra`: what a converter did not know, with the name and framework it had there."""
    return main.string(0) or "Extra"


def _edges(op: Table, count: int) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    kind = op.integer(_OP_TYPE, "i")
    inputs, outputs = op.ints(_OP_INPUTS), op.ints(_OP_OUTPUTS)
    if kind not in OP_NAMES or not 0 <= op.integer(_OP_MAIN_TYPE, "B") <= _MAIN_LAST:
        raise MalformedError(f"operation type {kind}", where=f"@{op.pos}")
    if any(not 0 <= index < count for index in outputs) or any(not -1 <= index < count for index in inputs):
        raise MalformedError("tensor index outside the table of tensors", where=f"@{op.pos}")
    return OP_NAMES[kind], inputs, outputs


def _input_tensor(kind: int, main: Table | None, tensor: Tensor) -> Tensor:
    if kind != _MAIN_INPUT or main is None:
        return tensor
    shape = tuple(dim if dim > 0 else None for dim in main.ints(0))
    if len(shape) > MAX_RANK:
        raise LimitError(f"rank {len(shape)}")
    return Tensor(tensor.name, DTYPES.get(main.integer(1, "i", 1), DType.UNKNOWN), shape or None)


def _dimension_format(kind: int, main: Table | None) -> int:
    """NC4HW4 unless an input says something else."""
    return main.integer(2, "b", 2) if kind == _MAIN_INPUT and main is not None else NCHW


def _subgraph(proto: Table, reader: _Reader) -> Graph:
    """Body, condition or branch of a control-flow operation."""
    names = proto.strings(_SUB_TENSORS)
    network = _Network(names, proto.tables(_SUB_DESCRIBED))
    reader.read(network, proto.tables(_SUB_OPS))
    inputs, outputs = proto.ints(_SUB_INPUTS), proto.ints(_SUB_OUTPUTS)
    if any(not 0 <= index < len(names) for index in (*inputs, *outputs)):
        raise MalformedError("input or output of a sub-graph that does not exist", where=f"@{proto.pos}")
    return Graph(
        format=FORMAT.name,
        name=proto.string(_SUB_NAME),
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors),
        inputs=inputs,
        outputs=outputs,
    )


def _outputs(net: Table, names: list[str], network: _Network) -> tuple[int, ...]:
    """The named outputs, or else every tensor that no operation reads."""
    wanted = net.strings(_NET_OUTPUTS)
    if wanted:
        index = {name: at for at, name in enumerate(names)}
        return tuple(index[name] for name in wanted if name in index)
    read = {at for node in network.nodes for at in node.inputs}
    return tuple(sorted({at for node in network.nodes for at in node.outputs} - read))


def _version(net: Table) -> str | None:
    extra = net.table(_NET_EXTRA)
    return (extra.string(2) or None) if extra else None


FORMAT = Format(
    name="mnn",
    version=4,
    title="Alibaba MNN",
    suffixes=(".mnn",),
    parse=parse,
    probe=probe,
    gate=(Magic(1, b"\0\0\0"),),
    bind=bind,
    references=("https://github.com/alibaba/MNN/tree/master/schema/default",),
    limitations=("values of control flow are not followed into sub-graphs",),
)
