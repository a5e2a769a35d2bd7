"""Huawei offline models (.om) for HiAI and Ascend: header ``IMOD``, a table of partitions, the graph as protobuf.

Header: https://gitee.com/ascend/metadef (inc/external/../framework/common/types.h, `ModelFileHeader`); graph: proto/ge_ir.proto
of the same repository (`ModelDef`).
"""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io import protobuf
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.meter import Meter
from nngauge.io.protobuf import BYTES, Field
from nngauge.limits import MAX_RANK

_MAGIC = b"IMOD"
_HEADER = 256
_NAMES = {0: "model", 1: "weights", 2: "tasks", 3: "kernels", 4: "CPU kernels", 5: "device configuration"}
_MAX_KIND = 32
_MAX_NAME = 512
_DTYPES = {
    1: DType.FLOAT32, 2: DType.FLOAT16, 3: DType.INT8, 4: DType.UINT8, 5: DType.INT16, 6: DType.UINT16, 7: DType.INT32,
    8: DType.INT64, 9: DType.UINT32, 10: DType.UINT64, 11: DType.BOOL, 12: DType.FLOAT64, 13: DType.STRING,
    16: DType.COMPLEX64, 17: DType.COMPLEX128, 18: DType.INT8, 19: DType.INT16, 20: DType.INT32, 21: DType.UINT8,
    22: DType.UINT16, 27: DType.BFLOAT16, 28: DType.INT4, 30: DType.INT2, 31: DType.UINT2,
}  # fmt: skip
"""`DataType` of ge_ir.proto."""


class _Partition(Struct, frozen=True):
    kind: int
    offset: int
    size: int


def parse(data: ModelData) -> Graph:
    """Reads header, partition table and operations; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != _MAGIC:
        raise NotThisFormat("no IMOD magic")
    cursor = Cursor(data.buf, 4)
    header, version = cursor.u32(), cursor.u32()
    cursor.skip(64)
    length, encrypted = cursor.u32(), cursor.u8()
    cursor.skip(3)
    name = cursor.bytes(32).split(b"\0")[0].decode("utf-8", "replace")
    if header != _HEADER or length == 0:
        raise MalformedError(f"header of {header} bytes")
    if encrypted:
        raise UnsupportedError("an encrypted offline model")
    partitions, start = _partitions(data.buf)
    facts = {"partitions": ", ".join(_NAMES.get(part.kind, str(part.kind)) for part in partitions)}
    facts |= {f"bytes of {_NAMES[part.kind]}": str(part.size) for part in partitions if part.kind in (1, 2, 3)}
    model = next(part for part in partitions if part.kind == 0)
    network = _Network(data.buf)
    try:
        network.read(start + model.offset, start + model.offset + model.size)
    except (MalformedError, LimitError):
        network = _Network(data.buf)
    notes = ["attributes and weights are not read"]
    if not network.nodes:
        notes = ["compiled for an accelerator: the graph is not read"]
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if network.nodes else Completeness.STRUCTURE,
        name=network.name or (name if name.isprintable() else ""),
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors.values()),
        inputs=tuple(network.inputs),
        format_version=f"0x{version:X}",
        producer="Huawei offline model generator",
        metadata=facts,
        notes=tuple(notes),
    )


class _Network:
    """Operations of the first `GraphDef`, their values by ``operation:output``."""

    def __init__(self, buf: Buffer) -> None:
        self._buf = buf
        self._meter = Meter.for_size(len(buf))
        self.name = ""
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.inputs: list[int] = []
        self._places: dict[str, int] = {}

    def read(self, start: int, end: int) -> None:
        """A `ModelDef`."""
        for field in protobuf.fields(self._buf, start, end):
            if field.number == 7 and field.wire == BYTES:
                self._graph(field)
                return

    def _graph(self, graph: Field) -> None:
        for field in protobuf.fields(self._buf, graph.start, graph.end):
            if field.number == 1:
                self.name = protobuf.text(self._buf, field)[:_MAX_NAME]
            elif field.number == 6 and field.wire == BYTES:
                self._op(field)

    def _op(self, op: Field) -> None:
        name = kind = ""
        inputs, outputs = [], []
        for field in protobuf.fields(self._buf, op.start, op.end):
            if field.number == 1:
                name = protobuf.text(self._buf, field)[:_MAX_NAME]
            elif field.number == 2:
                kind = protobuf.text(self._buf, field)[:_MAX_NAME]
            elif field.number == 5:
                inputs.append(protobuf.text(self._buf, field)[:_MAX_NAME])
            elif field.number == 34 and field.wire == BYTES:
                outputs.append(self._descriptor(field))
        if not kind.isprintable() or not kind:
            raise MalformedError("an operation without type", where=f"@{op.start}")
        self._meter.spend(16 + len(name) + sum(map(len, inputs)))
        made = [self._value(f"{name}:{at}", tensor, constant=kind == "Const") for at, tensor in enumerate(outputs)]
        if kind == "Const":
            return
        if kind in ("Data", "NetOutput"):
            self.inputs += made if kind == "Data" else []
            return
        read = [self._value(text, None) for text in inputs if text and not text.endswith(":-1")]
        self.nodes.append(Node(kind, None, name, tuple(read), tuple(made)))

    def _value(self, name: str, described: Tensor | None, *, constant: bool = False) -> int:
        place = self._places.setdefault(name, len(self._places))
        if described is not None:
            self.tensors[name] = Tensor(name, described.dtype, described.shape, constant=constant)
        else:
            self.tensors.setdefault(name, Tensor(name))
        return place

    def _descriptor(self, message: Field) -> Tensor:
        """A `TensorDescriptor`: type and shape."""
        dtype, dims = DType.UNKNOWN, list[int]()
        for field in protobuf.fields(self._buf, message.start, message.end):
            if field.number == 2:
                dtype = _DTYPES.get(field.value, DType.UNKNOWN)
            elif field.number == 3 and field.wire == BYTES:
                for item in protobuf.fields(self._buf, field.start, field.end):
                    dims += protobuf.varints(self._buf, item) if item.number == 1 else []
        self._meter.spend(8 + len(dims))
        if len(dims) > MAX_RANK:
            raise MalformedError(f"tensor of {len(dims)} dimensions", where=f"@{message.start}")
        return Tensor("", dtype, tuple(dim if dim >= 0 else None for dim in dims))


def _partitions(buf: Buffer) -> tuple[list[_Partition], int]:
    """`(partitions, where their offsets count from)` of the table behind the header, whose numbers are 32 or 64 bits wide; only one reading fits into the file."""
    for width in (4, 8):
        cursor = Cursor(buf, _HEADER)
        count = cursor.u32()
        if not 1 <= count <= _MAX_KIND or cursor.left < width - 4 + 3 * width * count:
            continue
        cursor.skip(width - 4)
        read = cursor.u32 if width == 4 else cursor.u64
        found = [_Partition(read(), read(), read()) for _ in range(count)]
        inside = all(part.kind < _MAX_KIND and cursor.pos + part.offset + part.size <= len(buf) for part in found)
        if inside and any(part.kind == 0 and part.size for part in found) and len({p.kind for p in found}) == count:
            return found, cursor.pos
    raise MalformedError("no partition table that fits into the file", where=f"@{_HEADER}")


FORMAT = Format(
    name="hiai_om",
    version=2,
    title="Huawei offline model",
    suffixes=(".om",),
    parse=parse,
    magics=(Magic(0, _MAGIC),),
    references=("https://gitee.com/ascend/metadef",),
    limitations=("attributes and weights are not read", "operations are named, not mapped to the common vocabulary"),
)
