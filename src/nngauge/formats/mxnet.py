"""Apache MXNet models: a symbol in JSON, parameters in a list of arrays (magic 0x112).

Formats: https://github.com/apache/mxnet/blob/v1.x/src/ndarray/ndarray.cc (NDArray::Save) and
https://github.com/apache/tvm/blob/v0.6/nnvm/src/pass/saveload_json.cc (the symbol).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData, starts
from nngauge.formats._json_text import JsonObject, mapping, objects, read_object, text
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRING, MAX_TENSORS

_LIST_MAGIC = (0x112).to_bytes(8, "little") + bytes(8)
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DTYPES = (
    (4, DType.FLOAT32), (8, DType.FLOAT64), (2, DType.FLOAT16), (1, DType.UINT8), (4, DType.INT32), (1, DType.INT8),
    (8, DType.INT64), (1, DType.BOOL),
)  # fmt: skip
_SYMBOL = re.compile(rb'\{\s*"nodes"\s*:\s*\[\s*\{\s*"(op|name)"\s*:')


def probe(head: bytes, size: int, _name: str) -> bool:
    """A JSON object that begins with a list of named operations, as every writer orders it."""
    return size > 100 and head[:1] == b"{" and _SYMBOL.match(head) is not None


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """``<prefix>-<epoch>.params`` beside ``<prefix>-symbol.json``, the last epoch."""
    prefix = lead.removesuffix("-symbol.json").removesuffix(".json")
    found = [
        path for path in paths if path.startswith(prefix) and re.fullmatch(r"(-\d+)?\.params", path[len(prefix) :])
    ]
    return (max(found),) if found and lead.endswith(".json") else ()


def parse(data: ModelData) -> Graph:
    """Reads symbol and parameters; see `Format.parse` for the errors."""
    if bytes(data.buf[:16]) == _LIST_MAGIC:
        tensors, end = _arrays(data.buf, 0)
        notes = ("weights only: the symbol that uses them is elsewhere",)
        return Graph(format=FORMAT.name, tensors=tuple(tensors), producer="MXNet", extent=end, notes=notes)
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("neither a symbol nor a list of arrays")
    symbol = read_object(data.buf)
    entries, arguments = objects(symbol.get("nodes")), symbol.get("arg_nodes")
    if not entries or not isinstance(arguments, list) or not isinstance(symbol.get("heads"), list):
        raise NotThisFormat("no nodes, arguments or heads")
    if len(entries) > MAX_NODES:
        raise LimitError(f"{len(entries)} nodes")
    weights = _arrays(next(iter(data.parts.values())), 1)[0] if data.parts else []
    return _graph(symbol, entries, {tensor.name: tensor for tensor in weights})


def _graph(symbol: JsonObject, entries: list[JsonObject], weights: dict[str, Tensor]) -> Graph:
    nodes, inputs, tensors = [], [], []
    for index, entry in enumerate(entries):
        op, name, read = text(entry.get("op")), text(entry.get("name")), _edges(entry, index)
        if not op:
            raise NotThisFormat("an entry without operation")
        known = weights.get(name) if op == "null" else None
        tensors.append(known or Tensor(name))
        if op != "null":
            nodes.append(Node(op, None, name, read, (index,)))
        elif known is None and not _is_parameter(name):
            inputs.append(index)
    heads = symbol["heads"] if isinstance(symbol["heads"], list) else []
    outputs = [head[0] for head in heads if isinstance(head, list) and head and type(head[0]) is int]
    if not nodes or any(not 0 <= at < len(entries) for at in outputs):
        raise MalformedError("a symbol without operations, or heads that do not exist")
    version = mapping(symbol.get("attrs")).get("mxnet_version")
    number = version[1] if isinstance(version, list) and len(version) > 1 and type(version[1]) is int else None
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if weights else Completeness.PARTIAL,
        nodes=tuple(nodes),
        tensors=tuple(tensors),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        producer=f"MXNet {number // 10000}.{number // 100 % 100}.{number % 100}" if number else "MXNet",
        notes=() if weights else ("the parameter file is missing",),
    )


def _is_parameter(name: str) -> bool:
    """Naming of MXNet's own layers, for symbols whose parameters are missing."""
    return name.endswith(("_weight", "_bias", "_gamma", "_beta", "_moving_mean", "_moving_var", "_label"))


def _edges(entry: JsonObject, index: int) -> tuple[int, ...]:
    """Sources of one entry, each ``[node, output, …]``, always earlier nodes."""
    sources = entry.get("inputs")
    if not isinstance(sources, list):
        raise NotThisFormat("an entry without inputs")
    found = [source[0] for source in sources if isinstance(source, list) and source and type(source[0]) is int]
    if len(found) != len(sources) or any(not 0 <= at < index for at in found):
        raise MalformedError(f"node {index} reads from a node that does not come before it")
    return tuple(found)


def _arrays(buf: Buffer, part: int) -> tuple[list[Tensor], int]:
    """The named arrays of a parameter file and where it ends."""
    cursor = Cursor(buf)
    if cursor.bytes(16) != _LIST_MAGIC:
        raise MalformedError("the parameter file has no list magic")
    count = cursor.u64()
    if count > min(MAX_TENSORS, cursor.left // 8):
        raise LimitError(f"{count} arrays")
    arrays = [_array(cursor, part) for _ in range(count)]
    if cursor.u64() != count or not count:
        raise MalformedError("arrays and names differ in number, or there are none")
    tensors = []
    for array in arrays:
        size = cursor.u64()
        if size > MAX_STRING:
            raise LimitError(f"name of {size} bytes")
        name = cursor.bytes(size).decode("utf-8", "replace").removeprefix("arg:").removeprefix("aux:")
        tensors.append(Tensor(name, array.dtype, array.shape, array.data, constant=True))
    return tensors, cursor.pos


def _array(cursor: Cursor, part: int) -> Tensor:
    magic = cursor.u32()
    if magic == _V3:
        raise UnsupportedError("NumPy-semantics arrays")
    if magic == _V2 and cursor.u32() != 0:
        raise UnsupportedError("sparse arrays")
    if magic in (_V1, _V2):
        rank = cursor.u32()
        wide = True
    else:
        rank, wide = magic, False
    if rank > MAX_RANK:
        raise MalformedError(f"rank {rank}", where=f"@{cursor.pos}")
    shape = tuple(cursor.i64() if wide else cursor.u32() for _ in range(rank))
    if not shape:
        return Tensor("", DType.UNKNOWN, ())
    cursor.skip(8)
    code = cursor.u32()
    if code >= len(_DTYPES) or any(dim < 0 for dim in shape):
        raise MalformedError(f"array of type {code} and shape {shape}", where=f"@{cursor.pos}")
    width, dtype = _DTYPES[code]
    size = width * math.prod(shape)
    start = cursor.pos
    cursor.skip(size)
    return Tensor("", dtype, shape, Span(start, size, part), constant=True)


FORMAT = Format(
    name="mxnet",
    version=1,
    title="Apache MXNet",
    suffixes=("-symbol.json", ".params"),
    parse=parse,
    magics=(Magic(0, _LIST_MAGIC),),
    probe=probe,
    gate=starts(b"{"),
    bind=bind,
    references=("https://github.com/apache/mxnet/blob/v1.x/src/ndarray/ndarray.cc",),
    limitations=("sparse arrays and arrays with NumPy semantics are not read",),
)
