"""Layers of a Qualcomm deep learning container, versions 3 and 4.

Undocumented; field numbers and element types as Netron knows them
(https://github.com/lutzroeder/netron/blob/main/source/dlc-schema.js).
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.graph import DType, Node, Tensor
from nngauge.errors import InputError, MalformedError
from nngauge.io import flatbuffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_TENSORS

_HEADER: Final = 8
_DTYPES_4: Final = {
    0x0008: DType.INT8, 0x0016: DType.INT16, 0x0032: DType.INT32, 0x0064: DType.INT64, 0x0108: DType.UINT8, 0x0116: DType.UINT16,
    0x0132: DType.UINT32, 0x0164: DType.UINT64, 0x0216: DType.FLOAT16, 0x0232: DType.FLOAT32, 0x0308: DType.INT8,
    0x0316: DType.INT16, 0x0332: DType.INT32, 0x0408: DType.UINT8, 0x0416: DType.UINT16, 0x0432: DType.UINT32, 0x0508: DType.BOOL,
}  # fmt: skip
"""`Qnn_DataType_t` of the QNN SDK (QnnTypes.h): 0x00 signed, 0x01 unsigned, 0x02 float, 0x03 and 0x04 fixed point."""
_DTYPES_3: Final = {6: DType.UINT8, 9: DType.FLOAT32}
_STATIC: Final = 4
"""`Tensor.location` of a weight."""


class Network:
    """What was read."""

    def __init__(self) -> None:
        self.name = ""
        self.nodes: list[Node] = []
        self.tensors: list[Tensor] = []
        self.inputs: list[int] = []
        self.weight_bytes = 0
        self._places: dict[str, int] = {}

    def place(self, name: str, tensor: Tensor | None = None) -> int:
        """Index of the value `name`, described by `tensor` where that is known."""
        at = self._places.setdefault(name, len(self.tensors))
        if at == len(self.tensors):
            self.tensors.append(Tensor(name) if tensor is None else tensor)
        elif tensor is not None:
            self.tensors[at] = tensor
        return at


def read_network(model: bytes, params: bytes, version: str) -> Network:
    """Layers and weights, as far as they can be read; an empty network for anything unknown or damaged."""
    network = Network()
    meter = Meter.for_size(len(model) + len(params))
    try:
        if version.startswith("4."):
            _model_4(network, _root(model), meter)
            if params:
                _params_4(network, params, meter)
        elif version.startswith("3."):
            _model_3(network, _root(model), _root(params) if params else None, meter)
    except InputError:
        return Network()
    return network


def _root(content: bytes) -> Table:
    return flatbuffer.root(memoryview(content)[_HEADER if content[:2] == b"\xd5\x0a" else 0 :])


def _shape(table: Table, field: int, meter: Meter) -> tuple[int, ...]:
    dims = table.ints(field)
    meter.spend(len(dims) + 1)
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise MalformedError(f"shape of {len(dims)} dimensions", where=f"@{table.pos}")
    return dims


def _node(network: Network, table: Table, first: int, meter: Meter) -> None:
    """Name, type, inputs and outputs from field `first` on."""
    name, op = table.string(first), table.string(first + 1)
    inputs, outputs = table.strings(first + 2), table.strings(first + 3)
    meter.spend(16 + len(name) + len(op) + sum(map(len, inputs)) + sum(map(len, outputs)))
    if not op or len(network.nodes) >= MAX_NODES or len(network.tensors) >= MAX_TENSORS:
        raise MalformedError("a layer without type, or too many", where=f"@{table.pos}")
    made = tuple(network.place(text) for text in outputs)
    if op.lower() in ("input", "data"):
        network.inputs += made or [network.place(text) for text in inputs]
        return
    network.nodes.append(Node(op, None, name, tuple(network.place(text) for text in inputs), made))


def _model_3(network: Network, root: Table, params: Table | None, meter: Meter) -> None:
    for table in root.tables(1):
        _node(network, table, 1, meter)
    if params is None:
        return
    by_name = {node.name: at for at, node in enumerate(network.nodes)}
    for layer in params.tables(0):
        name = layer.string(0)
        for weight in layer.tables(1):
            content = weight.table(2)
            if content is None:
                continue
            size = content.vector(1, 1)[1] + 4 * content.vector(2, 4)[1]
            network.weight_bytes += size
            meter.spend(size)
            label = f"{name}/{weight.string(0)}"
            dtype = _DTYPES_3.get(content.integer(0, "B"), DType.UNKNOWN)
            at = network.place(label, Tensor(label, dtype, _shape(weight, 1, meter), constant=True))
            if name in by_name:
                node = network.nodes[by_name[name]]
                network.nodes[by_name[name]] = Node(node.op, None, node.name, (*node.inputs, at), node.outputs)


def _model_4(network: Network, root: Table, meter: Meter) -> None:
    """The first graph."""
    for graph in root.tables(0)[:1]:
        network.name = graph.string(0)[:200]
        for table in graph.tables(2):
            name = table.string(1)
            meter.spend(16 + len(name))
            dtype = _DTYPES_4.get(table.integer(6, "i"), DType.UNKNOWN)
            constant = table.integer(2, "i") == _STATIC
            network.place(name, Tensor(name, dtype, _shape(table, 3, meter), constant=constant))
        for table in graph.tables(1):
            _node(network, table, 0, meter)


def _params_4(network: Network, params: bytes, meter: Meter) -> None:
    if params[_HEADER + 4 : _HEADER + 8] == b"NR64":
        buffers = _root(params).tables(0)
        sizes = [buffer.vector(0, 1)[1] for buffer in buffers]
    else:
        sizes = [weight.vector(1, 1)[1] for graph in _root(params).tables(0)[:1] for weight in graph.tables(1)]
    meter.spend(sum(sizes))
    network.weight_bytes = sum(sizes)
