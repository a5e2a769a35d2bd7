"""Paddle Lite optimised models (.nb): a small header, the program as FlatBuffers, then the parameters.

Layout: https://github.com/PaddlePaddle/Paddle-Lite/blob/develop/lite/model_parser/model_parser.cc (SaveModelNaive);
schema: lite/model_parser/flatbuffers/framework.fbs and param.fbs in the same repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nngauge.domain.graph import Attribute, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.values import Values
from nngauge.formats.vocabulary.paddle import DTYPES, EDGES, Operation, translate
from nngauge.io import flatbuffer
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK

_VERSION = re.compile(rb"(v?\d+\.\d+[\w.\-]*|[0-9a-f]{7,16}|develop[\w.\-]*)(?:\0.*)?", re.DOTALL)
"""Behind the text's end the optimiser leaves whatever its memory held."""
_HEADER = 26
"""Meta version (2 bytes), version of the optimiser (16), size of the program (8)."""
_DENSE_TENSOR = 7
_REAL, _TEXT, _TRUTH = 1, 2, 6
_INTEGERS = {0: (2, "i"), 9: (11, "q")}
_LISTS = {3: (5, "i"), 4: (6, "f"), 7: (9, "?"), 11: (13, "q")}
"""Field and `struct` code of an attribute by its type."""


def probe(head: bytes, size: int, _name: str) -> bool:
    """Meta version 0 to 2, a version text of 16 bytes, and a program that fits into the file."""
    return (
        size > _HEADER
        and head[1:2] == b"\0"
        and head[:1] in (b"\0", b"\1", b"\2")
        and _VERSION.fullmatch(head[2:18]) is not None
        and 0 < int.from_bytes(head[18:26], "little") <= size - _HEADER
    )


def parse(data: ModelData) -> Graph:
    """Reads the program's first block and the parameters' descriptions; see `Format.parse` for the errors."""
    buf = data.buf
    head = bytes(buf[:64])
    if not probe(head, len(buf), data.name):
        raise NotThisFormat("no Paddle Lite header")
    version = head[2:18].partition(b"\0")[0].decode()
    if head[0] != 2:
        raise UnsupportedError(f"Paddle Lite meta version {head[0]} (written by {version})")
    size = int.from_bytes(head[18:26], "little")
    # The program's offsets are relative to itself, and a FlatBuffers reader wants to see nothing else.
    program = memoryview(buf)[_HEADER : _HEADER + size]
    blocks = flatbuffer.root(program).tables(0)
    if not blocks:
        raise MalformedError("a program without blocks")
    values, meter = Values(), Meter.for_size(size)
    end = _parameters(buf, _HEADER + size, values)
    for variable in blocks[0].tables(2):
        _variable(variable, values, meter)
    nodes = _nodes(blocks[0], values, meter)
    return Graph(
        format=FORMAT.name,
        nodes=tuple(node for node in nodes if node.op not in EDGES),
        tensors=tuple(values.tensors),
        inputs=tuple(at for node in nodes if node.op == "feed" for at in node.outputs),
        outputs=tuple(at for node in nodes if node.op == "fetch" for at in node.inputs),
        format_version="naive buffer 2",
        producer=f"Paddle Lite opt {version}",
        extent=end,
        notes=(f"{len(blocks) - 1} blocks of control flow not read",) if len(blocks) > 1 else (),
    )


def _parameters(buf: Buffer, start: int, values: Values) -> int:
    """Adds the constants behind the program; gives where they end."""
    cursor = Cursor(buf, start)
    cursor.skip(4)
    header, count = cursor.u16(), cursor.u16()
    cursor.skip(4)
    cursor.skip(max(header - 6, 0))
    for _ in range(count):
        total, offset = cursor.u32(), cursor.u32()
        if not offset <= total:
            raise MalformedError("a parameter shorter than its header", where=f"@{cursor.pos}")
        begin = cursor.pos
        cursor.skip(total - offset)
        values.add(_parameter(memoryview(buf)[begin : cursor.pos], begin))
    return cursor.pos


def _parameter(piece: memoryview, base: int) -> Tensor:
    desc = flatbuffer.root(piece)
    body = desc.table(3)
    if body is None:
        raise MalformedError("a parameter without data", where=f"@{base}")
    dims = body.ints(2, "q")
    start, size = body.vector(4, 1)
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{base}")
    dtype = DTYPES.get(body.integer(3, "i"), DType.UNKNOWN)
    return Tensor(desc.string(1), dtype, dims, Span(base + start, size), constant=True)


def _variable(variable: Table, values: Values, meter: Meter) -> None:
    name, kind = variable.string(0), variable.table(1)
    meter.spend(len(name) + 8)
    dense = kind.table(2) if kind is not None and kind.integer(0, "i") == _DENSE_TENSOR else None
    tensor = dense.table(0) if dense is not None else None
    if tensor is None or values.tensors[values.use(name)].constant:
        return
    dims = tensor.ints(1, "q")
    if len(dims) > MAX_RANK:
        raise LimitError(f"rank {len(dims)}", where=f"@{tensor.pos}")
    dtype = DTYPES.get(tensor.integer(0, "i"), DType.UNKNOWN)
    values.add(Tensor(name, dtype, tuple(dim if dim >= 0 else None for dim in dims)))


def _nodes(block: Table, values: Values, meter: Meter) -> list[Node]:
    operations = block.tables(3)
    if not operations or len(operations) > MAX_NODES:
        raise MalformedError(f"{len(operations)} operations")
    nodes = []
    for operation in operations:
        kind = operation.string(0)
        if not kind:
            raise MalformedError("an operation without type", where=f"@{operation.pos}")
        meter.spend(16 + len(kind))
        read = {} if kind == "feed" else _slots(operation.tables(1), meter)
        written = {} if kind == "fetch" else _slots(operation.tables(2), meter)
        inputs = {slot: values.use_all(names) for slot, names in read.items()}
        outputs = values.use_all(name for names in written.values() for name in names)
        attributes = dict(_attributes(operation.tables(3), meter))
        found = translate(Operation(kind, inputs, attributes, values.rank(inputs.get("X", ()))))
        nodes.append(Node(kind, found.kind, "", found.inputs, outputs, found.attributes))
    return nodes


def _slots(groups: list[Table], meter: Meter) -> dict[str, list[str]]:
    """The values of each slot by name."""
    slots: dict[str, list[str]] = {}
    for group in groups:
        found, name = group.strings(1), group.string(0)
        # Inside the loop, because many groups may share one long list.
        meter.spend(4 + len(name) + sum(len(text) + 4 for text in found))
        slots.setdefault(name, []).extend(found)
    return slots


def _attributes(tables: list[Table], meter: Meter) -> Iterator[tuple[str, Attribute]]:
    """`(name, value)` of each ``OpDesc.Attr``; numbers of blocks are left out."""
    meter.spend(4 * len(tables))
    for table in tables:
        name, kind = table.string(0), table.integer(1, "i")
        meter.spend(len(name))
        if kind in _LISTS:
            number, code = _LISTS[kind]
            meter.spend(table.vector(number, 1 if code == "?" else 8 if code == "q" else 4)[1])
            yield name, tuple(table.scalars(number, code))
        elif kind in _INTEGERS:
            yield name, table.integer(*_INTEGERS[kind])
        elif kind == _REAL:
            yield name, float(table.scalar(3, "f"))
        elif kind == _TEXT:
            text = table.string(4)
            meter.spend(len(text))
            yield name, text
        elif kind == _TRUTH:
            yield name, bool(table.integer(8, "?"))


FORMAT = Format(
    name="paddle_lite",
    version=2,
    title="Paddle Lite model",
    suffixes=(".nb",),
    parse=parse,
    probe=probe,
    gate=tuple(Magic(0, bytes([version, 0])) for version in (0, 1, 2)),
    references=("https://github.com/PaddlePaddle/Paddle-Lite/blob/develop/lite/model_parser/model_parser.cc",),
    limitations=(
        "blocks of control flow are counted, not read",
        "models written before Paddle Lite 2.9 (meta versions 0 and 1) are recognised only",
    ),
)
