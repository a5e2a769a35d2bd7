"""Tencent ncnn networks: ``.param`` as text or binary, with weights in a ``.bin`` beside it.

Layout: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure and `Net::load_param` in `src/net.cpp`.
PNNX, ncnn's exchange format, shares the text syntax and magic; its operators keep their PyTorch names.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Dim, DType, Graph, Node, Quantization, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.ncnn_weights import Value, Weight, WeightFile, weights
from nngauge.formats._parts.progress import telling
from nngauge.formats.vocabulary._ncnn_rules import RULES, Canonical
from nngauge.formats.vocabulary._ncnn_rules import Layer as Call
from nngauge.formats.vocabulary.ncnn import LAYERS
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import CHUNK_BYTES, MAX_ITEMS, MAX_NODES, MAX_TEXT_MODEL

_TEXT_MAGIC: Final = b"7767517"
_BINARY_MAGIC: Final = struct.pack("<I", 7767517)
_FAR: Final = 1 << 31
_END_OF_PARAMETERS: Final = -233
_ARRAY: Final = -23300
"""Array parameter n is written as −23300 − n."""
_SHAPES: Final = 30
"""Array of output shapes that `ncnn2mem` and the optimiser leave: rank, w, h, c for each output."""
_FLOAT_BITS: Final = 0x3000_0000
"""Binary parameters do not tell floats from integers; as integers, floats above 5e-10 lie beyond this."""
_LAYER: Final = re.compile(r"[A-Za-z_][\w.:<>,-]{0,254}")
_PNNX_TENSOR: Final = re.compile(r"\(([\d,]*)\)(\w+)")
_PNNX_TYPES: Final = {
    "f32": DType.FLOAT32, "f64": DType.FLOAT64, "f16": DType.FLOAT16, "bf16": DType.BFLOAT16, "i64": DType.INT64,
    "i32": DType.INT32, "i16": DType.INT16, "i8": DType.INT8, "u8": DType.UINT8, "bool": DType.BOOL,
}  # fmt: skip


_INTEGERS: Final = frozenset({DType.INT8, DType.INT4})


class _Layer(NamedTuple):
    op: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    params: dict[int, Value]
    extras: dict[str, str]
    """Parameters with names instead of numbers (PNNX)."""


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of ``x.param`` and ``x.param.bin`` are ``x.bin``, those of ``x.ncnn.param`` are ``x.ncnn.bin``."""
    names = {path.lower(): path for path in paths}
    lower = lead.lower()
    for ending in (".param.bin", ".param", ".cfg.ncnn", ".proto", ".txt"):
        if lower.endswith(ending):
            stem = lower[: -len(ending)]
            wanted = [stem + ".weights.ncnn"] if ending == ".cfg.ncnn" else [stem + ".bin", stem + ".mem"]
            break
    else:
        wanted = [lower + ".bin", lower.rpartition(".")[0] + ".bin"]
    return tuple(names[name] for name in wanted if name in names and names[name] != lead)[:1]


def parse(data: ModelData) -> Graph:
    """Reads layers and blobs, and weights by offset where the weights file is bound; see `Format.parse` for errors."""
    head = bytes(data.buf[:9])
    if head[:7] == _TEXT_MAGIC and head[7:8] in (b"\n", b"\r", b" "):
        layers, extent = _text_layers(data.buf)
        variant = "pnnx" if any("." in layer.op for layer in layers) else "text"
    elif head[:4] == _BINARY_MAGIC:
        layers, extent = _binary_layers(data.buf)
        variant = "binary"
    else:
        raise NotThisFormat("no ncnn magic")
    return _Builder(data, variant).graph(layers, extent)


def _counts(layers: int, blobs: int, size: int) -> None:
    """A layer takes at least eight bytes, and nearly every blob is the output of one."""
    if not 0 < layers <= min(MAX_NODES, size // 8) or not 0 < blobs <= MAX_ITEMS:
        raise MalformedError(f"{layers} layers and {blobs} blobs declared")


_FIRST_LINES = 1024
"""Bytes split into lines at first; carving asks at thousands of places for two lines each."""


def _lines(buf: Buffer) -> Iterator[tuple[bytes, int]]:
    """`(line without its end, offset after it)`, reading no further than asked."""
    pos, rest, step = 0, b"", _FIRST_LINES
    while pos < min(len(buf), MAX_TEXT_MODEL):
        chunk = bytes(buf[pos : pos + step])
        step = min(2 * step, CHUNK_BYTES)
        at = pos - len(rest)
        pos += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            at += len(line) + 1
            yield line, at
        if len(rest) > CHUNK_BYTES:
            raise LimitError("line longer than a chunk", where=f"@{at}")
    if rest:
        yield rest, pos


def _text_layers(buf: Buffer) -> tuple[list[_Layer], int]:
    """`(layers, end of the last)`."""
    lines = _lines(buf)
    next(lines)
    counts = next(lines, (b"", 0))[0].split()
    if len(counts) != 2 or not all(count.isdigit() and len(count) < 10 for count in counts):
        raise NotThisFormat("no layer and blob counts")
    wanted, blobs = int(counts[0]), int(counts[1])
    _counts(wanted, blobs, len(buf))
    layers: list[_Layer] = []
    end = 0
    with telling(lambda: f"{len(layers)} of {wanted} layers"):
        for line, after in lines:
            if line.strip():
                layers.append(_text_layer(line, after))
                end = after
                if len(layers) == wanted:
                    break
    if len(layers) < wanted:
        raise TruncatedError(f"{wanted} layers declared, {len(layers)} found")
    if len({blob for layer in layers for blob in layer.outputs}) > blobs:
        raise MalformedError(f"more blobs than the declared {blobs}")
    return layers, end


def _text_layer(line: bytes, after: int) -> _Layer:
    words = line.decode("utf-8", "replace").split()
    if len(words) < 4 or not _LAYER.fullmatch(words[0]) or not (words[2] + words[3]).isdecimal():
        raise MalformedError(f"not a layer: {line[:60]!r}", where=f"@{after - len(line)}")
    first = 4 + int(words[2][:9])
    last = first + int(words[3][:9])
    if last > len(words):
        raise MalformedError("fewer blobs than the layer names", where=f"@{after - len(line)}")
    params: dict[int, Value] = {}
    extras: dict[str, str] = {}
    for word in words[last:]:
        if "=" not in word:
            raise MalformedError(f"not a parameter: {word[:40]!r}", where=f"@{after - len(line)}")
        key, value = _short_parameter(word) if len(word) <= _SHORT else _parameter(word)
        if isinstance(key, int):
            params[key] = value
        else:
            extras[key] = str(value)
    return _Layer(words[0], words[1], words[4:first], words[first:last], params, extras)


def _parameter(word: str) -> tuple[int | str, Value]:
    """`(number or name, value)` of one parameter."""
    key, _, text = word.partition("=")
    if not key.removeprefix("-").isdecimal() or len(key) > 9:
        return key, text
    number = int(key)
    return (_ARRAY - number, _listed(text)) if number <= _ARRAY else (number, _number(text))


_SHORT: Final = 16
"""Characters of the parameters worth remembering: the same few, such as ``1=3``, make up most of a network."""
_short_parameter: Final = lru_cache(2048)(_parameter)


def _number(text: str) -> int | float | str:
    try:
        return int(text) if len(text) < 20 else float(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text.strip('"')


def _listed(text: str) -> tuple[int, ...] | tuple[float, ...]:
    """``n,v1,v2…`` without the count."""
    values = [_number(item) for item in text.split(",")[1:]]
    if any(isinstance(value, str) for value in values):
        raise MalformedError(f"array parameter {text[:40]!r}")
    if all(isinstance(value, int) for value in values):
        return tuple(int(value) for value in values)
    return tuple(float(value) for value in values)


def _binary_layers(buf: Buffer) -> tuple[list[_Layer], int]:
    """`(layers, end of the last)`; blobs are numbers here and layers nameless."""
    cursor = Cursor(buf, 4)
    wanted, blobs = cursor.i32(), cursor.i32()
    _counts(wanted, blobs, len(buf))
    layers: list[_Layer] = []
    with telling(lambda: f"{len(layers)} of {wanted} layers"):
        for place in range(wanted):
            layers.append(_binary_layer(cursor, place, blobs))  # noqa: PERF401 - the count is told
    return layers, cursor.pos


def _binary_layer(cursor: Cursor, place: int, blobs: int) -> _Layer:
    code, ins, outs = cursor.i32(), cursor.i32(), cursor.i32()
    if code < 0 or min(ins, outs) < 0 or 4 * (ins + outs) > cursor.left:
        raise MalformedError(f"layer {place} of type {code}", where=f"@{cursor.pos}")
    names = [cursor.i32() for _ in range(ins + outs)]
    if names and not 0 <= min(names) <= max(names) < blobs:
        raise MalformedError(f"layer {place} refers to a missing blob", where=f"@{cursor.pos}")
    params: dict[int, Value] = {}
    while (number := cursor.i32()) != _END_OF_PARAMETERS:
        if number <= _ARRAY:
            count = cursor.i32()
            if not 0 <= 4 * count <= cursor.left:
                raise TruncatedError(f"array of {count} values", where=f"@{cursor.pos}")
            values = [_scalar(cursor.i32()) for _ in range(count)]
            whole = all(isinstance(value, int) for value in values)
            params[_ARRAY - number] = tuple(map(int, values)) if whole else tuple(map(float, values))
        elif number < 0:
            raise MalformedError(f"parameter {number}", where=f"@{cursor.pos}")
        else:
            params[number] = _scalar(cursor.i32())
    op = LAYERS[code] if code < len(LAYERS) else f"layer {code}"
    blobs_ = [str(name) for name in names]
    return _Layer(op, str(place), blobs_[:ins], blobs_[ins:], params, {})


def _scalar(bits: int) -> int | float:
    if -_FLOAT_BITS < bits < _FLOAT_BITS:
        return bits
    return float(struct.unpack("<f", struct.pack("<i", bits))[0])


class _Builder:
    """Turns layers into a graph, walking the weights file alongside."""

    def __init__(self, data: ModelData, variant: str) -> None:
        self._variant = variant
        parts = list(data.parts.values())
        self._file = WeightFile(parts[0]) if parts and variant != "pnnx" else None
        self._size = len(parts[0]) if parts else 0
        self._tensors: list[Tensor] = []
        self._ranks: list[int | None] = []
        self._blobs: dict[str, int] = {}
        self._problem = ""

    def graph(self, layers: Sequence[_Layer], extent: int) -> Graph:
        """The whole network."""
        inputs: list[int] = []
        nodes: list[Node] = []
        used: set[str] = set()
        for layer in layers:
            outputs = tuple([self._blob(*pair) for pair in zip(layer.outputs, _shapes(layer), strict=True)])
            used.update(layer.inputs)
            if layer.op in ("Input", "pnnx.Input"):
                inputs += outputs
            elif layer.op == "MemoryData":
                self._memory(layer, outputs)
            elif layer.op != "pnnx.Output":
                nodes.append(self._node(layer, outputs))
        outputs = tuple(place for name, place in self._blobs.items() if name not in used and place not in inputs)
        if self._variant == "pnnx":
            outputs = tuple(self._blobs[name] for layer in layers if layer.op == "pnnx.Output" for name in layer.inputs)
        weighted = any(tensor.constant for tensor in self._tensors)
        notes = self._notes(layers, weighted=weighted)
        return Graph(
            format="ncnn",
            completeness=self._completeness(notes, weighted=weighted),
            nodes=tuple(nodes),
            tensors=tuple(self._tensors),
            inputs=tuple(inputs),
            outputs=outputs,
            format_version=self._variant,
            extent=extent,
            notes=tuple(notes),
        )

    def _node(self, layer: _Layer, outputs: tuple[int, ...]) -> Node:
        sources = tuple([self._blob(name, None) for name in layer.inputs])
        ranks = tuple([self._ranks[place] for place in sources])
        own = self._weights(layer)
        found = self._canonical(layer, ranks)
        for place in outputs:
            if self._ranks[place] is None:
                self._ranks[place] = found.rank
        return Node(layer.op, found.kind, layer.name, _ordered(layer, sources, own), outputs, found.attributes)

    def _canonical(self, layer: _Layer, ranks: tuple[int | None, ...]) -> Canonical:
        rule = RULES.get(layer.op)
        if rule is not None:
            return rule(Call(layer.op, layer.params, ranks, len(layer.outputs)))
        if self._variant == "pnnx":
            return Canonical(None, {key: text for key, text in layer.extras.items() if key[:1] not in "@#$"})
        # A layer that the library lacks: an app brings it along.
        return Canonical("Custom", {str(number): value for number, value in layer.params.items()})

    def _memory(self, layer: _Layer, outputs: tuple[int, ...]) -> None:
        """A constant is a tensor, not a node."""
        for place, source in zip(outputs, self._weights(layer), strict=False):
            self._tensors[place] = replace(self._tensors[source], name=self._tensors[place].name)
            self._ranks[place] = len(self._tensors[place].shape or ())
            del self._tensors[source:]
            del self._ranks[source:]

    def _blob(self, name: str, shape: tuple[Dim, ...] | None) -> int:
        place = self._blobs.get(name)
        if place is None:
            place = self._blobs[name] = len(self._tensors)
            self._add(Tensor(name, DType.FLOAT32, shape))
        return place

    def _add(self, tensor: Tensor) -> None:
        self._tensors.append(tensor)
        self._ranks.append(None if tensor.shape is None else len(tensor.shape))

    def _weights(self, layer: _Layer) -> tuple[int, ...]:
        first = len(self._tensors)
        if self._variant == "pnnx":
            for tensor in _pnnx_weights(layer):
                self._add(tensor)
            return tuple(range(first, len(self._tensors)))
        found = weights(layer.op, layer.params)
        if not found:
            return ()
        for weight in found:
            dtype = weight.dtype if weight.raw or weight.stored is not None else DType.UNKNOWN
            span = None
            if self._file is not None and not self._problem:
                try:
                    dtype, offset, size = self._file.take(weight)
                    span = Span(offset, size, 1)
                except TruncatedError:
                    self._problem = f"the weights file ends before layer {layer.name[:80]!r}"
            scales = _scales(weight.name, found) if dtype in _INTEGERS else None
            name = f"{layer.name}.{weight.name}"
            self._add(Tensor(name, dtype, weight.shape, span, scales, constant=True))
        return tuple(range(first, len(self._tensors)))

    def _completeness(self, notes: Sequence[str], *, weighted: bool) -> Completeness:
        if self._file is None and weighted and len(notes) == 1 and not self._problem:
            return Completeness.TOPOLOGY
        return Completeness.PARTIAL if notes else Completeness.FULL

    def _notes(self, layers: Sequence[_Layer], *, weighted: bool) -> list[str]:
        notes = []
        unknown = sorted({layer.op for layer in layers} - set(LAYERS)) if self._variant != "pnnx" else []
        if unknown:
            notes.append("custom layers, their weights are not known: " + ", ".join(unknown[:16]))
        if self._problem:
            notes.append(self._problem)
        elif self._file is not None and self._file.cursor.pos != self._size:
            notes.append(f"{self._size - self._file.cursor.pos} bytes of the weights file belong to no known layer")
        elif self._file is None and weighted:
            notes.append("the weights file is missing; sizes are those that the layers declare")
        return notes


def _shapes(layer: _Layer) -> list[tuple[Dim, ...] | None]:
    """Outermost dimension first, without batch, one for each output; None where the file does not tell."""
    count = len(layer.outputs)
    hints = layer.params.get(_SHAPES)
    if isinstance(hints, tuple) and len(hints) >= 4 * count and all(abs(size) < _FAR for size in hints):
        rows = [tuple(int(value) for value in hints[at : at + 4]) for at in range(0, 4 * count, 4)]
        return [tuple(row[1:][: row[0]][::-1]) if 0 < row[0] <= 3 else None for row in rows]
    if layer.op == "Input":
        sizes = [layer.params.get(number, 0) for number in (2, 11, 1, 0)]
        shape = tuple(size if size > 0 else None for size in sizes if isinstance(size, int) and size)
        return [shape or None] * count
    return [None] * count


def _ordered(layer: _Layer, sources: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    """Data and weights as the ONNX operator takes them; weights come from the file in another order."""
    if layer.op == "BatchNorm" and len(own) == 4:  # slope, mean, variance, bias
        return (*sources, own[0], own[3], own[1], own[2])
    if layer.op in ("LSTM", "GRU", "RNN") and len(own) > 2:  # input, bias, recurrent
        states = (-1, *sources[1:]) if len(sources) > 1 else ()
        return (*sources[:1], own[0], own[2], own[1], *states, *own[3:])
    if layer.op == "Embed":
        return (*own[:1], *sources, *own[1:])
    if layer.op == "Gemm":
        return _operands(layer, sources, own)
    if layer.op == "MultiHeadAttention" and sources:
        key = sources[min(1, len(sources) - 1)]
        value = sources[2] if len(sources) > 2 else key
        return (sources[0], key, value, *sources[3:], *own)
    if layer.op == "SDPA" and not layer.params.get(5):
        return (*sources[:3], -1, *sources[3:]) if len(sources) > 3 else sources
    return (*sources, *own)


def _operands(layer: _Layer, sources: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, ...]:
    """A, B and C of a matrix product, each from the graph or from the file."""
    given, stored = list(sources), list(own)
    found = []
    for number in (4, 5, 6):
        if layer.params.get(number) == 1:
            # C of broadcast type −1 is absent.
            absent = number == 6 and layer.params.get(10, 0) not in (0, 1, 2, 3, 4)
            found += [] if absent or not stored else [stored.pop(0)]
        elif given:
            found.append(given.pop(0))
    return (*found, *given, *stored)


def _scales(name: str, found: Sequence[Weight]) -> Quantization | None:
    """Symmetric; ncnn's scales are those by which floats are multiplied, and stand behind the weights."""
    stem = name.removesuffix("_weight") if name != "weight" else "weight"
    for other in found:
        if other.name in (f"{stem}_scales", f"{stem}_scale", f"{name}_scales"):
            count = other.elements
            return Quantization(count, None, 0, 0 if count > 1 and len(other.shape) == 1 else None)
    return None


def _pnnx_weights(layer: _Layer) -> Iterator[Tensor]:
    """PNNX writes ``@weight=(64,3,3,3)f32`` for each constant."""
    for key, text in layer.extras.items():
        found = _PNNX_TENSOR.fullmatch(text) if key.startswith("@") else None
        if found:
            shape = tuple(int(size[:12]) for size in found[1].split(",") if size)
            dtype = _PNNX_TYPES.get(found[2], DType.UNKNOWN)
            yield Tensor(f"{layer.name}.{key[1:]}", dtype, shape, constant=True)


FORMAT = Format(
    name="ncnn",
    version=3,
    title="Tencent ncnn",
    suffixes=(".param", ".param.bin", ".ncnn.param"),
    magics=(Magic(0, _TEXT_MAGIC, carve=True), Magic(0, _BINARY_MAGIC)),
    parse=parse,
    bind=bind,
    references=(
        "https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure",
        "https://github.com/Tencent/ncnn/wiki/operators",
        "https://github.com/Tencent/ncnn/blob/master/src/modelbin.cpp",
    ),
    limitations=(
        "weights of custom layers are not read",
        "parameters of the binary form are integers or floats by their size",
        "weights of PNNX (.pnnx.bin) are described, not located",
    ),
)
