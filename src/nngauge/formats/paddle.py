"""Paddle inference models: a `ProgramDesc` protobuf (__model__, .pdmodel), its parameters beside it.

Schema: https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nngauge.domain.graph import Dim, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._values import Values
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.protobuf import BYTES, Field, fields, signed, text, varints
from nngauge.limits import MAX_NODES, MAX_RANK

PADDLE_DTYPES = {
    0: DType.BOOL, 1: DType.INT16, 2: DType.INT32, 3: DType.INT64, 4: DType.FLOAT16, 5: DType.FLOAT32,
    6: DType.FLOAT64, 20: DType.UINT8, 21: DType.INT8, 22: DType.BFLOAT16, 23: DType.COMPLEX64, 24: DType.COMPLEX128,
    32: DType.FLOAT8_E4M3, 33: DType.FLOAT8_E5M2, 36: DType.UINT16, 37: DType.UINT32, 38: DType.UINT64,
}  # fmt: skip
_ROOT_BLOCK = b"\x08\x00\x10" + b"\xff" * 9 + b"\x01"
"""Index 0 with parent −1: how the first block of every program begins."""
_DENSE_TENSOR = 7
_EDGE_OPS = ("feed", "fetch")
_COMBINED = ("__params__", "params", "model.params")


def probe(head: bytes, size: int, _name: str) -> bool:
    """A length-delimited first block with index 0 and parent −1."""
    return size > 32 and head[:1] == b"\x0a" and _ROOT_BLOCK in head[2:20]


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The combined parameter file of the same stem, or else the customary name in the same folder."""
    stem, folder = lead.rpartition(".")[0] or lead, lead.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    names = (f"{stem}.pdiparams", f"{stem}.params", *(prefix + name for name in _COMBINED))
    present = set(paths)
    return next(((name,) for name in names if name in present and name != lead), ())


def parse(data: ModelData) -> Graph:
    """Reads variables and operations of the first block; see `Format.parse` for the errors."""
    buf = data.buf
    if not probe(bytes(buf[:64]), len(buf), data.name):
        raise NotThisFormat("no root block in front")
    blocks, version = [], None
    for item in fields(buf):
        if item.number == 1 and item.wire == BYTES:
            blocks.append(item)
        elif item.number == 4 and item.wire == BYTES:
            version = next((part.value for part in fields(buf, item.start, item.end) if part.number == 1), None)
        elif item.number not in (2, 3, 5):
            raise NotThisFormat(f"field {item.number} is not one of a program")
    values = Values()
    variables, operations = _split(buf, blocks[0])
    persistent = sum(_variable(buf, item, values) for item in variables)
    nodes = [_operation(buf, item, values) for item in operations]
    if not nodes:
        raise MalformedError("a program without operations")
    inputs = tuple(at for node in nodes if node.op == "feed" for at in node.outputs)
    outputs = tuple(at for node in nodes if node.op == "fetch" for at in node.inputs)
    notes = _check_parameters(data, persistent)
    if len(blocks) > 1:
        notes.append(f"{len(blocks) - 1} blocks of control flow not read")
    return Graph(
        format=FORMAT.name,
        nodes=tuple(node for node in nodes if node.op not in _EDGE_OPS),
        tensors=tuple(values.tensors),
        inputs=inputs,
        outputs=outputs,
        format_version=_version_text(version),
        producer="PaddlePaddle",
        notes=tuple(notes),
    )


def _version_text(version: int | None) -> str | None:
    """Versions are written as one number: 2004002 is 2.4.2."""
    if not version:
        return None
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def _split(buf: Buffer, block: Field) -> tuple[list[Field], list[Field]]:
    variables: list[Field] = []
    operations: list[Field] = []
    for item in fields(buf, block.start, block.end):
        if item.wire == BYTES and item.number in (3, 4):
            (variables if item.number == 3 else operations).append(item)
    if len(operations) > MAX_NODES:
        raise LimitError(f"{len(operations)} operations")
    return variables, operations


def _variable(buf: Buffer, where: Field, values: Values) -> bool:
    """Adds one variable; True when its data lies in the parameter file."""
    name, dtype, persistable, dense = "", DType.UNKNOWN, False, False
    shape: tuple[Dim, ...] | None = None
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            name = text(buf, item)
        elif item.number == 3:
            persistable = bool(item.value)
        elif item.number == 2 and item.wire == BYTES:
            dense, dtype, shape = _type(buf, item)
    if not name:
        raise MalformedError("a variable without name", where=f"@{where.start}")
    stored = persistable and dense
    if dense:
        values.add(Tensor(name, dtype, shape, constant=stored))
    return stored


def _type(buf: Buffer, where: Field) -> tuple[bool, DType, tuple[Dim, ...] | None]:
    kind, dtype, shape = None, DType.UNKNOWN, None
    for item in fields(buf, where.start, where.end):
        if item.number == 1:
            kind = item.value
        elif item.number == 3 and item.wire == BYTES:
            for part in _messages(buf, item, 1):
                dtype, shape = tensor_description(buf, part.start, part.end)
    return kind == _DENSE_TENSOR, dtype, shape


def tensor_description(buf: Buffer, start: int, end: int) -> tuple[DType, tuple[Dim, ...]]:
    """Element type and shape of the `TensorDesc` in `buf[start:end]`; −1 becomes an unknown dimension."""
    dtype, dims = DType.UNKNOWN, []
    for item in fields(buf, start, end):
        if item.number == 1:
            dtype = PADDLE_DTYPES.get(item.value, DType.UNKNOWN)
        elif item.number == 2:
            dims.extend(varints(buf, item))
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{start}")
    return dtype, tuple(dim if dim >= 0 else None for dim in map(signed, dims))


def _messages(buf: Buffer, where: Field, number: int) -> Iterator[Field]:
    return (item for item in fields(buf, where.start, where.end) if item.number == number and item.wire == BYTES)


def _operation(buf: Buffer, where: Field, values: Values) -> Node:
    kind = ""
    edges: dict[int, list[str]] = {1: [], 2: []}
    for item in fields(buf, where.start, where.end):
        if item.number == 3:
            kind = text(buf, item)
        elif item.number in edges and item.wire == BYTES:
            for name in _messages(buf, item, 2):
                edges[item.number].append(text(buf, name))
    if not kind:
        raise MalformedError("an operation without type", where=f"@{where.start}")
    if kind == "feed":
        edges[1] = []
    elif kind == "fetch":
        edges[2] = []
    return Node(kind, None, "", values.use_all(edges[1]), values.use_all(edges[2]))


def _check_parameters(data: ModelData, persistent: int) -> list[str]:
    """Notes; the combined file holds one record for each persistent tensor, in name order."""
    if not persistent:
        return []
    if not data.parts:
        return ["the parameter file is missing"]
    found = _count_records(next(iter(data.parts.values())))
    if found != persistent:
        return [f"the parameter file holds {found} tensors, the program wants {persistent}"]
    return []


def _count_records(buf: Buffer) -> int:
    """Records of the combined file: version, level of detail, version, description, data."""
    cursor, count = Cursor(buf), 0
    while cursor.left:
        if cursor.u32() != 0:
            raise MalformedError("a parameter record of unknown version", where=f"@{cursor.pos - 4}")
        for _ in range(min(cursor.u64(), MAX_RANK)):
            cursor.skip(cursor.u64())
        cursor.u32()
        size = cursor.u32()
        start = cursor.pos
        cursor.skip(size)
        dtype, shape = tensor_description(buf, start, cursor.pos)
        elements = Tensor("", dtype, shape).elements
        width = {DType.FLOAT64: 8, DType.INT64: 8, DType.FLOAT16: 2, DType.INT16: 2, DType.BFLOAT16: 2}.get(dtype, 4)
        narrow = dtype in (DType.INT8, DType.UINT8, DType.BOOL)
        if elements is None or dtype is DType.UNKNOWN:
            raise MalformedError("a parameter record without shape", where=f"@{start}")
        cursor.skip(elements * (1 if narrow else width))
        count += 1
    return count


FORMAT = Format(
    name="paddle",
    version=1,
    title="Paddle inference program",
    suffixes=(".pdmodel", "__model__"),
    parse=parse,
    probe=probe,
    gate=starts(b"\x0a"),
    bind=bind,
    references=("https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto",),
    limitations=("blocks of control flow are counted, not read", "PIR programs in JSON are not read"),
)
