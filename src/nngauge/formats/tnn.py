"""Tencent TNN models: a text network (.tnnproto) of quoted lines, weights beside it (.tnnmodel).

Format: https://github.com/Tencent/TNN/blob/master/source/tnn/interpreter/tnn/model_interpreter.cc
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._values import Values
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_TEXT_MODEL

_HEADER = re.compile(rb'"\d{1,2} \d{1,7} \d{1,4}(?: (4206624770|4206624772))? *,"')
"""Always 1, blobs, 1, and the magic numbers 0xFABC0002 or 0xFABC0004 of the version."""
_TYPED_INPUTS = "4206624772"
_WEIGHTS_MAGICS = (0xFABC0002, 0xFABC0004)
_DTYPES = (DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.INT32, DType.BFLOAT16)


def probe(head: bytes, size: int, _name: str) -> bool:
    """A quoted first line of three or four numbers and a comma."""
    return size > 60 and head[:1] == b'"' and _HEADER.match(head) is not None


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of the same name."""
    wanted = lead.rpartition(".")[0] + ".tnnmodel"
    return (wanted,) if wanted in paths else ()


def parse(data: ModelData) -> Graph:
    """Reads layers and their connections; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:64]), len(data.buf), data.name):
        raise NotThisFormat("no TNN header line")
    if len(data.buf) > MAX_TEXT_MODEL:
        raise LimitError(f"text of {len(data.buf)} bytes")
    content = bytes(data.buf).decode("utf-8", "replace")
    if content.count('"') % 2:
        raise MalformedError("a quoted line without end")
    lines = [line.strip() for line in re.sub(r'["\r\n]', "", content).split(",")]
    if len(lines) < 6:
        raise NotThisFormat("fewer lines than a network has")
    header = lines[0].split()
    version = header[3] if len(header) > 3 else ""
    values = Values(_input(text, typed=version == _TYPED_INPUTS) for text in lines[1].split(":"))
    count = len(values.tensors)
    nodes = tuple(_layer(line, values) for line in lines[5:] if line)
    declared = lines[4]
    if not nodes or not declared.isdecimal() or int(declared) != len(nodes):
        raise MalformedError(f"{declared[:20]!r} layers declared, {len(nodes)} found")
    outputs = values.use_all(lines[3].split())
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL,
        nodes=nodes,
        tensors=tuple(values.tensors),
        inputs=tuple(range(count)),
        outputs=outputs,
        format_version=f"0x{int(version):X}" if version else "1",
        producer="TNN",
        notes=_weight_notes(next(iter(data.parts.values()), None)),
    )


def _input(text: str, *, typed: bool) -> Tensor:
    fields = text.split()
    if len(fields) < 2 or not all(field.lstrip("-").isdecimal() and len(field) < 12 for field in fields[1:]):
        raise NotThisFormat(f"{text[:60]!r} is not an input")
    numbers = [int(field) for field in fields[1:]]
    dtype = DType.FLOAT32
    if typed:
        rank, *numbers = numbers
        code = numbers[rank] if 0 <= rank < len(numbers) else 0
        dtype = _DTYPES[code] if 0 <= code < len(_DTYPES) else DType.UNKNOWN
        numbers = numbers[: max(rank, 0)]
    if len(numbers) > MAX_RANK:
        raise LimitError(f"rank {len(numbers)}")
    return Tensor(fields[0], dtype, tuple(number if number >= 0 else None for number in numbers))


def _layer(line: str, values: Values) -> Node:
    fields = line.split()
    if len(fields) < 4 or not fields[2].isdecimal() or not fields[3].isdecimal() or len(fields[2] + fields[3]) > 12:
        raise MalformedError(f"{line[:60]!r} is not a layer")
    inputs, outputs = int(fields[2]), int(fields[3])
    if 4 + inputs + outputs > len(fields):
        raise MalformedError(f"layer {fields[1][:60]!r} names fewer blobs than it declares")
    if len(values.tensors) > MAX_NODES:
        raise LimitError(f"more than {MAX_NODES} blobs")
    first, last = 4 + inputs, 4 + inputs + outputs
    return Node(fields[0], None, fields[1], values.use_all(fields[4:first]), values.use_all(fields[first:last]))


def _weight_notes(weights: Buffer | None) -> tuple[str, ...]:
    if weights is None:
        return ("the weight file is missing",)
    if int.from_bytes(bytes(weights[:4]), "little") not in _WEIGHTS_MAGICS:
        raise MalformedError("the weight file has no TNN magic")
    layers = int.from_bytes(bytes(weights[4:8]), "little") & 0x1FFF_FFFF
    return (f"weights of {layers} layers are not counted",)


FORMAT = Format(
    name="tnn",
    version=1,
    title="Tencent TNN",
    suffixes=(".tnnproto",),
    parse=parse,
    probe=probe,
    gate=starts(b'"'),
    bind=bind,
    references=("https://github.com/Tencent/TNN/blob/master/source/tnn/interpreter/tnn/model_interpreter.cc",),
    limitations=("weights are not counted",),
)
