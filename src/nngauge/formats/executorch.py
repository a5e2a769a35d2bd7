"""ExecuTorch programs (.pte): FlatBuffers ``ET12`` with an optional extended header ``eh00`` in front of the segments.

Schema: https://github.com/pytorch/executorch/blob/main/schema/program.fbs;
header: https://github.com/pytorch/executorch/blob/main/schema/extended_header.cpp
"""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io import flatbuffer
from nngauge.io.binary import Cursor
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_RANK

_IDENTIFIER = b"ET12"
_HEADER = b"eh00"
_VALUE_TENSOR = 5
_CALL_KERNEL, _CALL_DELEGATE, _CALL_LAST = 1, 2, 5
_MAX_PLANS = 256
"""Methods of one program; real ones have one to three."""
_DTYPES = {
    0: DType.UINT8, 1: DType.INT8, 2: DType.INT16, 3: DType.INT32, 4: DType.INT64, 5: DType.FLOAT16, 6: DType.FLOAT32,
    7: DType.FLOAT64, 9: DType.COMPLEX64, 10: DType.COMPLEX128, 11: DType.BOOL, 12: DType.INT8, 13: DType.UINT8,
    14: DType.INT32, 15: DType.BFLOAT16, 16: DType.UINT4, 17: DType.UINT2, 23: DType.FLOAT8_E5M2,
    24: DType.FLOAT8_E4M3, 27: DType.UINT16, 28: DType.UINT32, 29: DType.UINT64,
}  # fmt: skip


class _Program(Struct, frozen=True):
    """The root table, where segments begin, and how far the file reaches."""

    table: Table
    segment_base: int
    extent: int | None
    segments: tuple[tuple[int, int], ...]


def parse(data: ModelData) -> Graph:
    """Reads the execution plans; see `Format.parse` for the errors."""
    program = _open(data)
    plans = program.table.tables(1)
    if not plans:
        raise MalformedError("no execution plan")
    constants = _constants(program)
    if len(plans) > _MAX_PLANS:
        raise LimitError(f"{len(plans)} execution plans")
    meter = Meter.for_size(len(data.buf))
    graphs = [_plan(plan, constants, program, meter) for plan in plans]
    first, rest = graphs[0], tuple(graphs[1:])
    backends = sorted(
        {str(node.attributes["backend"]) for g in graphs for node in g.nodes if "backend" in node.attributes}
    )
    named = [item.string(0) for item in program.table.tables(7)[:8]]
    metadata = {"backends": ", ".join(backends)} if backends else {}
    if named:
        metadata["named data"] = ", ".join(named)
    notes = ("weights inside delegate blobs are not counted",) if backends else ()
    return Graph(
        format="executorch",
        completeness=Completeness.PARTIAL if backends else Completeness.FULL,
        name=first.name,
        nodes=first.nodes,
        tensors=first.tensors,
        inputs=first.inputs,
        outputs=first.outputs,
        subgraphs=rest,
        format_version=f"ET12 v{program.table.integer(0, 'I')}",
        producer="ExecuTorch",
        metadata=metadata,
        extent=program.extent,
        notes=notes,
    )


def _open(data: ModelData) -> _Program:
    buf = data.buf
    if bytes(buf[4:8]) != _IDENTIFIER:
        raise NotThisFormat("no ET12 identifier")
    table = flatbuffer.root(buf, identifier=_IDENTIFIER)
    base, extent, size = 0, None, len(buf)
    if bytes(buf[8:12]) == _HEADER:
        cursor = Cursor(buf, 12)
        length, size, base = cursor.u32(), cursor.u64(), cursor.u64()
        if length < 24 or size > len(buf) or base > len(buf) or (base and base < size):
            raise TruncatedError("the extended header points outside the file", where="@12")
        extent = base + cursor.u64() if length >= 32 and base else size
    segments = tuple((base + s.integer(0, "Q"), s.integer(1, "Q")) for s in table.tables(4))
    end = max([size, *(offset + length for offset, length in segments)])
    if end > len(buf) or (extent or 0) > len(buf):
        raise TruncatedError(f"segments reach to {end}, the file to {len(buf)}")
    return _Program(table, base, max(extent, end) if extent else None, segments)


class _Constants(Struct, frozen=True):
    """Absolute offset of each constant buffer, by `data_buffer_idx`; empty when buffers are inline."""

    offsets: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    """The same offsets in order, then the end of the segment."""

    def span(self, index: int) -> Span:
        """Where buffer `index` lies, as far as the next one (which may include padding)."""
        start = self.offsets[index]
        return Span(start, self.ends[min(bisect_right(self.ends, start), len(self.ends) - 1)] - start)


def _constants(program: _Program) -> _Constants:
    segment = program.table.table(5)
    offsets = segment.ints(1, "Q") if segment else ()
    if segment is None or not offsets:
        return _Constants()
    index = segment.integer(0, "I")
    if index >= len(program.segments):
        raise MalformedError(f"constant segment {index} does not exist")
    start, size = program.segments[index]
    if any(offset > size for offset in offsets):
        raise MalformedError("constant outside its segment")
    return _Constants(tuple(start + offset for offset in offsets), (*sorted(start + o for o in offsets), start + size))


def _plan(plan: Table, constants: _Constants, program: _Program, meter: Meter) -> Graph:
    # Vectors may be shared by all plans, so their lengths are paid for before they are read.
    meter.spend(sum(plan.vector(field, 4)[1] for field in (2, 3, 4, 5, 6, 7)) + program.table.vector(2, 4)[1])
    values = plan.tables(2)
    tensors: list[Tensor] = []
    place: dict[int, int] = {}
    inline = program.table.tables(2)
    for index, value in enumerate(values):
        body = value.table(1) if value.integer(0, "B") == _VALUE_TENSOR else None
        if body is not None:
            place[index] = len(tensors)
            tensors.append(_tensor(body, f"%{index}", constants, inline))
            meter.spend(len(tensors[-1].name) + len(tensors[-1].shape or ()))
    inputs = tuple(place[i] for i in plan.ints(3) if i in place)
    outputs = tuple(place[i] for i in plan.ints(4) if i in place)
    nodes = _nodes(plan, tensors, place, inputs, meter)
    delegated = any("backend" in node.attributes for node in nodes)
    return Graph(
        format="executorch",
        completeness=Completeness.PARTIAL if delegated else Completeness.FULL,
        name=plan.string(0),
        nodes=nodes,
        tensors=tuple(tensors),
        inputs=inputs,
        outputs=outputs,
    )


def _tensor(body: Table, name: str, constants: _Constants, inline: list[Table]) -> Tensor:
    sizes = body.ints(2)
    if len(sizes) > MAX_RANK or any(size < 0 for size in sizes):
        raise MalformedError("impossible tensor shape", where=f"@{body.pos}")
    code, buffer = body.integer(0, "b"), body.integer(5, "I")
    extra = body.table(9)
    dtype = _DTYPES.get(code, DType.UNKNOWN)
    label = (extra.string(1) if extra else "") or name
    if body.offset(6) or not buffer:
        external = extra is not None and extra.integer(2, "b") == 1
        return Tensor(label, dtype, sizes, constant=external)
    if buffer < len(constants.offsets):
        return Tensor(label, dtype, sizes, constants.span(buffer), constant=True)
    if buffer < len(inline):
        return Tensor(label, dtype, sizes, Span(*inline[buffer].vector(0, 1)), constant=True)
    raise MalformedError(f"constant buffer {buffer} does not exist", where=f"@{body.pos}")


def _nodes(
    plan: Table, tensors: list[Tensor], place: dict[int, int], inputs: tuple[int, ...], meter: Meter
) -> tuple[Node, ...]:
    """The calls of all chains; arguments nobody wrote before are their outputs (the schema does not mark them)."""
    owners = {_CALL_KERNEL: plan.tables(6), _CALL_DELEGATE: plan.tables(7)}
    produced = set(inputs) | {at for at, tensor in enumerate(tensors) if tensor.constant}
    nodes: list[Node] = []
    for chain in plan.tables(5):
        meter.spend(8 + chain.vector(2, 4)[1])
        for instruction in chain.tables(2):
            kind, body = instruction.integer(0, "B"), instruction.table(1)
            if body is None or not 1 <= kind <= _CALL_LAST:
                raise MalformedError(f"instruction kind {kind}", where=f"@{instruction.pos}")
            meter.spend(8)
            if kind not in owners:
                continue
            args, at = body.ints(1), body.integer(0, "i")
            meter.spend(len(args))
            if not 0 <= at < len(owners[kind]):
                raise MalformedError(f"operator {at} does not exist", where=f"@{body.pos}")
            used = [place[arg] for arg in args if arg in place]
            nodes.append(_call(kind, owners[kind][at], used, produced))
            meter.spend(len(nodes[-1].op))
    return tuple(nodes)


def _call(kind: int, owner: Table, used: list[int], produced: set[int]) -> Node:
    outputs = tuple(dict.fromkeys(tensor for tensor in used if tensor not in produced)) or tuple(used[-1:])
    produced.update(outputs)
    inputs = tuple(tensor for tensor in used if tensor not in set(outputs))
    name = owner.string(0)
    if kind == _CALL_DELEGATE:
        return Node(f"delegate:{name}", None, "", inputs, outputs, {"backend": name})
    overload = owner.string(1)
    return Node(f"{name}.{overload}" if overload else name, None, "", inputs, outputs)


FORMAT = Format(
    name="executorch",
    version=1,
    title="ExecuTorch program",
    suffixes=(".pte",),
    parse=parse,
    magics=(Magic(4, _IDENTIFIER, carve=True),),
    references=("https://github.com/pytorch/executorch/blob/main/schema/program.fbs",),
    limitations=("graphs and weights inside delegate blobs are not read",),
)
