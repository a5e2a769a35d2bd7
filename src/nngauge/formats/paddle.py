"""Paddle inference models: a `ProgramDesc` protobuf (__model__, .pdmodel), its parameters beside it.

Schema: https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Dim, DType, Graph, Span, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.paddle_program import ProgramReader, tensor_description
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.protobuf import BYTES, fields
from nngauge.limits import MAX_RANK

_ROOT_BLOCK = b"\x08\x00\x10" + b"\xff" * 9 + b"\x01"
"""Index 0 with parent −1: how the first block of every program begins."""
_WIDTHS = {
    DType.FLOAT64: 8, DType.INT64: 8, DType.UINT64: 8, DType.COMPLEX64: 8, DType.COMPLEX128: 16, DType.FLOAT16: 2,
    DType.INT16: 2, DType.UINT16: 2, DType.BFLOAT16: 2, DType.INT8: 1, DType.UINT8: 1, DType.BOOL: 1,
    DType.FLOAT8_E4M3: 1, DType.FLOAT8_E5M2: 1,
}  # fmt: skip
"""Bytes of one element where they are not four."""
_NO_PARAMETERS = "the parameter file is missing"
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
    """Reads variables and operations of all blocks, and where the parameters lie; see `Format.parse` for the errors."""
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
    reader = ProgramReader(buf, blocks)
    graph = reader.graph()
    if not graph.nodes:
        raise MalformedError("a program without operations")
    tensors, note = _bound(data, graph, reader.persistent)
    return Graph(
        format=FORMAT.name,
        completeness=_completeness(note),
        nodes=graph.nodes,
        tensors=tensors,
        inputs=graph.inputs,
        outputs=graph.outputs,
        subgraphs=graph.subgraphs,
        format_version=_version_text(version),
        producer="PaddlePaddle",
        notes=(note,) if note else (),
    )


def _completeness(note: str) -> Completeness:
    if note == _NO_PARAMETERS:
        return Completeness.TOPOLOGY
    return Completeness.PARTIAL if note else Completeness.FULL


def _bound(data: ModelData, graph: Graph, persistent: Mapping[str, int]) -> tuple[tuple[Tensor, ...], str]:
    """The tensors with their places in the combined parameter file, which holds one record each in name order.

    With it a note when that is not so.
    """
    tensors = list(graph.tensors)
    if not persistent or not data.parts:
        return graph.tensors, _NO_PARAMETERS if persistent else ""
    records = list(_records(next(iter(data.parts.values()))))
    if len(records) != len(persistent):
        return graph.tensors, f"the parameter file holds {len(records)} tensors, the program wants {len(persistent)}"
    for (dtype, shape, span), name in zip(records, sorted(persistent), strict=True):
        tensor = tensors[persistent[name]]
        if tensor.elements is not None and tensor.elements != Tensor("", dtype, shape).elements:
            return graph.tensors, f"the parameter file has other sizes than the program at {name[:80]!r}"
        tensors[persistent[name]] = replace(tensor, dtype=dtype, shape=shape, data=span)
    return tuple(tensors), ""


def _version_text(version: int | None) -> str | None:
    """Versions are written as one number: 2004002 is 2.4.2."""
    if not version:
        return None
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def _records(buf: Buffer) -> Iterator[tuple[DType, tuple[Dim, ...], Span]]:
    """Records of the combined file: version, level of detail, version, description, data."""
    cursor = Cursor(buf)
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
        if elements is None or dtype is DType.UNKNOWN:
            raise MalformedError("a parameter record without shape", where=f"@{start}")
        span = Span(cursor.pos, elements * _WIDTHS.get(dtype, 4), 1)
        cursor.skip(span.size)
        yield dtype, shape, span


FORMAT = Format(
    name="paddle",
    version=3,
    title="Paddle inference program",
    suffixes=(".pdmodel", "__model__"),
    parse=parse,
    probe=probe,
    gate=starts(b"\x0a"),
    bind=bind,
    references=("https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/phi/core/framework/framework.proto",),
    limitations=("parameters in one file each are not bound", "PIR programs in JSON are not read"),
)
