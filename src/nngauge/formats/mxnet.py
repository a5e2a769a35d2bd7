"""Apache MXNet models: a symbol in JSON, parameters in a list of arrays (magic 0x112).

Formats: https://github.com/apache/mxnet/blob/v1.x/src/ndarray/ndarray.cc (NDArray::Save) and
https://github.com/apache/tvm/blob/v0.6/nnvm/src/pass/saveload_json.cc (the symbol).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData, starts
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, read_object, text
from nngauge.formats.vocabulary.mxnet import number, numbers, translate
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRING, MAX_TENSORS

_LIST_MAGIC = (0x112).to_bytes(8, "little") + bytes(8)
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DTYPES = (
    (4, DType.FLOAT32), (8, DType.FLOAT64), (2, DType.FLOAT16), (1, DType.UINT8), (4, DType.INT32), (1, DType.INT8),
    (8, DType.INT64), (1, DType.BOOL),
)  # fmt: skip
_MAX_OUTPUTS = 4096
"""Outputs of one operation; a split into single steps of a long sequence has some hundred."""
_MAX_LAYERS = 64
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
    values = _Values(entries, weights)
    nodes = [values.node(index, entry) for index, entry in enumerate(entries) if text(entry.get("op")) != "null"]
    heads = symbol["heads"] if isinstance(symbol["heads"], list) else []
    if not nodes or not all(isinstance(head, list) and head for head in heads):
        raise MalformedError("a symbol without operations, or heads that do not exist")
    version = mapping(symbol.get("attrs")).get("mxnet_version")
    release = version[1] if isinstance(version, list) and len(version) > 1 and type(version[1]) is int else None
    outputs = tuple(values.use(head, len(entries)) for head in heads)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if weights else Completeness.TOPOLOGY,
        nodes=tuple(values.finished(node) for node in nodes),
        tensors=tuple(values.tensors),
        inputs=tuple(values.inputs),
        outputs=outputs,
        producer=f"MXNet {release // 10000}.{release // 100 % 100}.{release % 100}" if release else "MXNet",
        notes=() if weights else ("the parameter file is missing",),
    )


class _Values:
    """The tensors of a symbol: one for each entry, and one more for each further output that somebody reads."""

    def __init__(self, entries: list[JsonObject], weights: dict[str, Tensor]) -> None:
        self.tensors = [_tensor(entry, weights) for entry in entries]
        self.inputs = [
            index
            for index, entry in enumerate(entries)
            if text(entry.get("op")) == "null" and not self.tensors[index].constant
        ]
        self._further: dict[int, dict[int, int]] = {}

    def node(self, index: int, entry: JsonObject) -> Node:
        """Entry `index` with its inputs and its first output."""
        op, name = text(entry.get("op")), text(entry.get("name"))
        sources = entry.get("inputs")
        if not op or not isinstance(sources, list):
            raise NotThisFormat("an entry without operation or inputs")
        read = [self.use(source, index) for source in sources]
        found = translate(op, _settings(entry))
        attributes = {key: value for key, value in found.attributes.items() if self._wanted(key, read)}
        inputs = [read[place] for place in found.order if place < len(read)] if found.order else read
        if "channels" in attributes and not found.order:
            inputs = read[:1]  # weights of which nothing is known
        if op == "RNN":
            inputs = self._split_parameters(inputs, attributes, _settings(entry))
        return Node(op, found.kind, name, tuple(inputs), (index,), attributes)

    def use(self, source: object, before: int) -> int:
        """The tensor of ``[node, output, …]``; only nodes in front of `before` may be read."""
        if not isinstance(source, list) or not source or not all(type(part) is int for part in source[:2]):
            raise MalformedError("an edge that is no pair of numbers")
        node, output = source[0], source[1] if len(source) > 1 else 0
        if not 0 <= node < before or not 0 <= output < _MAX_OUTPUTS:
            raise MalformedError(f"node {before} reads from a node that does not come before it")
        if output == 0:
            return int(node)
        places = self._further.setdefault(node, {})
        if output not in places:
            places[output] = self._append(Tensor(f"{self.tensors[node].name}.{output}"))
        return places[output]

    def finished(self, node: Node) -> Node:
        """The node with all outputs that are read, those between them included."""
        places = self._further.get(node.outputs[0], {})
        count = max([*places, self._count(node) - 1])
        outputs = [places.get(output, -1) for output in range(1, count + 1)]
        return replace(node, outputs=(*node.outputs, *outputs)) if outputs else node

    def _count(self, node: Node) -> int:
        count = node.attributes.get("num_outputs", 1)
        return min(count, _MAX_OUTPUTS) if isinstance(count, int) else 1

    def _wanted(self, key: str, read: list[int]) -> bool:
        """Channels and bias are said in attributes only where the weights are missing."""
        return key not in ("channels", "bias") or all(self.tensors[at].shape is None for at in read[1:])

    def _append(self, tensor: Tensor) -> int:
        if len(self.tensors) >= MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _split_parameters(
        self, inputs: list[int], attributes: Mapping[str, Attribute], source: Mapping[str, str]
    ) -> list[int]:
        """The matrices and biases of all layers lie in one flat tensor, biases behind (`rnn_impl.h`)."""
        flat = self.tensors[inputs[1]] if len(inputs) > 1 else Tensor("")
        shapes = _recurrent_shapes(flat.elements, attributes, source)
        if not shapes or flat.data is None:
            return inputs
        width = flat.data.size // (flat.elements or 1)
        at = flat.data.offset
        parts = []
        for place, shape in enumerate(shapes):
            size = width * math.prod(shape)
            span = Span(at, size, flat.data.part)
            parts.append(self._append(replace(flat, name=f"{flat.name}.{place}", shape=shape, data=span)))
            at += size
        self.tensors[inputs[1]] = replace(flat, constant=False, data=None)
        return [inputs[0], *parts, *inputs[2:]]


def _recurrent_shapes(
    elements: int | None, attributes: Mapping[str, Attribute], source: Mapping[str, str]
) -> list[tuple[int, ...]]:
    """Matrices, then biases, of a recurrent operator with `elements` parameters; empty when the sum does not fit."""
    hidden, layers = attributes.get("hidden_size"), number(source, "num_layers", 1)
    gates = {"lstm": 4, "gru": 3}.get(source.get("mode", ""), 1)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    if elements is None or not isinstance(hidden, int) or not 0 < hidden <= elements or not 0 < layers <= _MAX_LAYERS:
        return []
    rows = gates * hidden
    deeper = (layers - 1) * directions * rows * (directions * hidden + hidden + 2)
    width = (elements - deeper) // (directions * rows) - hidden - 2
    if width <= 0 or directions * rows * (width + hidden + 2) + deeper != elements:
        return []
    widths = [width, *[directions * hidden] * (layers - 1)]
    matrices = [shape for size in widths for _ in range(directions) for shape in ((rows, size), (rows, hidden))]
    return [*matrices, *[(rows,)] * (2 * layers * directions)]


def _tensor(entry: JsonObject, weights: dict[str, Tensor]) -> Tensor:
    """A variable with what its file or its attributes say; an empty description for an operation."""
    op, name = text(entry.get("op")), text(entry.get("name"))
    if not op:
        raise NotThisFormat("an entry without operation")
    if op != "null":
        return Tensor(name)
    if name in weights:
        return weights[name]
    # A missing dimension is 0 in the attribute of a variable.
    shape = tuple(size or None for size in numbers(_settings(entry), "__shape__")[:MAX_RANK])
    return Tensor(name, shape=shape or None, constant=_is_parameter(name) and not name.endswith("_label"))


def _settings(entry: JsonObject) -> dict[str, str]:
    """Attributes of an entry; ``param`` and ``attr`` before MXNet 1.0."""
    found: dict[str, str] = {}
    for key in ("param", "attr", "attrs"):
        found |= {label: value for label, value in mapping(entry.get(key)).items() if isinstance(value, str)}
    return found


def _is_parameter(name: str) -> bool:
    """Naming of MXNet's own layers, for symbols whose parameters are missing."""
    return name.endswith(("_weight", "_bias", "_gamma", "_beta", "_moving_mean", "_moving_var", "_label"))


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
    version=3,
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
