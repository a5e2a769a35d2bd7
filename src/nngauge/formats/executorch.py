"""ExecuTorch programs (.pte): FlatBuffers ``ET12`` with an optional extended header ``eh00`` in front of the segments.

Schema: https://github.com/pytorch/executorch/blob/main/schema/program.fbs;
header: https://github.com/pytorch/executorch/blob/main/schema/extended_header.cpp
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.executorch_plan import PlanReader, Program
from nngauge.io import flatbuffer
from nngauge.io.binary import Cursor

_IDENTIFIER = b"ET12"
_HEADER = b"eh00"
_MAX_PLANS = 256
"""Methods of one program; real ones have one to three."""


def parse(data: ModelData) -> Graph:
    """Reads the execution plans; see `Format.parse` for the errors."""
    program = _open(data)
    plans = program.table.tables(1)
    if not plans:
        raise MalformedError("no execution plan")
    if len(plans) > _MAX_PLANS:
        raise LimitError(f"{len(plans)} execution plans")
    reader = PlanReader(program, data.buf)
    graphs = [reader.plan(plan) for plan in plans]
    first, rest = graphs[0], tuple(graphs[1:])
    delegates = [node for graph in graphs for node in graph.nodes if node.kind == "Delegate"]
    backends = sorted({str(node.attributes["backend"]) for node in delegates})
    closed = any("body" not in node.attributes for node in delegates)
    named = [item.string(0) for item in program.table.tables(7)[:8]]
    metadata = {"backends": ", ".join(backends)} if backends else {}
    if named:
        metadata["named data"] = ", ".join(named)
    notes = ("weights inside delegate blobs are not counted",) if closed else ()
    return Graph(
        format="executorch",
        completeness=Completeness.PARTIAL if closed else Completeness.FULL,
        name=first.name,
        nodes=first.nodes,
        tensors=first.tensors,
        inputs=first.inputs,
        outputs=first.outputs,
        # Delegates' networks come first, so that the nodes of the first plan find theirs by number.
        subgraphs=(*first.subgraphs, *rest),
        format_version=f"ET12 v{program.table.integer(0, 'I')}",
        producer="ExecuTorch",
        metadata=metadata,
        extent=program.extent,
        notes=notes,
    )


def _open(data: ModelData) -> Program:
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
    return Program(table, max(extent, end) if extent else None, segments)


FORMAT = Format(
    name="executorch",
    version=2,
    title="ExecuTorch program",
    suffixes=(".pte",),
    parse=parse,
    magics=(Magic(4, _IDENTIFIER, carve=True),),
    references=("https://github.com/pytorch/executorch/blob/main/schema/program.fbs",),
    limitations=("of delegate blobs, XNNPACK's are read; graphs and weights inside others are not",),
)
