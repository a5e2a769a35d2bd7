"""Tencent TNN models: a text network (.tnnproto) of quoted lines, weights beside it (.tnnmodel).

Format: https://github.com/Tencent/TNN/blob/master/source/tnn/interpreter/tnn/model_interpreter.cc
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, DType, Graph, Node, Quantization, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts import tnn_weights as _tnn_weights
from nngauge.formats._parts.tnn_weights import DTYPES, Array, Weights
from nngauge.formats._parts.values import Values
from nngauge.formats.vocabulary.tnn import Call, axes, plain, translate
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_TEXT_MODEL

_HEADER = re.compile(rb'"\d{1,2} \d{1,7} \d{1,4}(?: (4206624770|4206624772))? *,"')
"""Always 1, blobs, 1, and the magic numbers 0xFABC0002 or 0xFABC0004 of the version."""
_TYPED_INPUTS = "4206624772"
_CONVOLUTIONS = frozenset({"Convolution", "Convolution1D", "Convolution3D", "ConvolutionDepthwise", "Deconvolution"})
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Max", "Min", "SquaredDifference", "And", "Greater", "Less"})


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
    parts = list(data.parts.values())
    weights = _tnn_weights.read(parts[0], 1) if parts else None
    for name, array in (weights.constants if weights is not None else {}).items():
        values.add(Tensor(name, array.dtype, array.shape or (array.elements,), array.span, constant=True))
    nodes = tuple(_layer(line, values, weights) for line in lines[5:] if line)
    declared = lines[4]
    if not nodes or not declared.isdecimal() or int(declared) != len(nodes):
        raise MalformedError(f"{declared[:20]!r} layers declared, {len(nodes)} found")
    outputs = values.use_all(lines[3].split())
    return Graph(
        format=FORMAT.name,
        completeness=_completeness(weights),
        nodes=nodes,
        tensors=tuple(values.tensors),
        inputs=tuple(range(count)),
        outputs=outputs,
        format_version=f"0x{int(version):X}" if version else "1",
        producer="TNN",
        notes=_notes(weights),
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
        dtype = DTYPES[code] if 0 <= code < len(DTYPES) else DType.UNKNOWN
        numbers = numbers[: max(rank, 0)]
    if len(numbers) > MAX_RANK:
        raise LimitError(f"rank {len(numbers)}")
    return Tensor(fields[0], dtype, tuple(number if number >= 0 else None for number in numbers))


def _layer(line: str, values: Values, weights: Weights | None) -> Node:
    fields = line.split()
    if len(fields) < 4 or not fields[2].isdecimal() or not fields[3].isdecimal() or len(fields[2] + fields[3]) > 12:
        raise MalformedError(f"{line[:60]!r} is not a layer")
    first, last = 4 + int(fields[2]), 4 + int(fields[2]) + int(fields[3])
    if last > len(fields):
        raise MalformedError(f"layer {fields[1][:60]!r} names fewer blobs than it declares")
    if len(values.tensors) > MAX_NODES:
        raise LimitError(f"more than {MAX_NODES} blobs")
    call = Call(plain(fields[0]), fields[last:], first - 4, last - first)
    found = translate(call)
    sources = values.use_all(fields[4:first])
    label = fields[1]
    if weights is None or label not in weights.layers:
        tensors = _declared(call, label) if weights is None else []
    else:
        tensors = _stored(call, label, weights.layers[label])
    own = tuple([values.add(tensor) for tensor in tensors])
    # Parameter 0 of an element-wise layer with a constant tells on which side it stands.
    ahead = call.op in _ELEMENTWISE and bool(own) and call.values and call.integer(0, 1) == 0
    inputs = (*own, *sources) if ahead else (*sources, *own)
    return Node(fields[0], found.kind, label, inputs, values.use_all(fields[first:last]), found.attributes)


def _kernel(call: Call, elements: int | None) -> tuple[int | None, ...]:
    """ONNX's order; TNN counts the input channels of one group."""
    window = tuple(max(call.integer(3 + at, 1), 0) for at in range(axes(call.op)))
    group, inputs, outputs = max(call.integer(0, 1), 1), max(call.integer(1), 0), max(call.integer(2), 0)
    if not call.op.startswith("Deconvolution"):
        return (outputs, inputs, *window)
    unit = (outputs // group) * math.prod(window)
    return (elements // unit if elements and unit else None, outputs // group, *window)


def _declared(call: Call, label: str) -> list[Tensor]:
    """Weights of a convolution as its parameters say, where the file of weights is missing."""
    if call.op not in _CONVOLUTIONS or call.op.startswith("Deconvolution"):
        return []
    weight = Tensor(f"{label}.weight", DType.UNKNOWN, _kernel(call, None), constant=True)
    if not call.integer(3 + 3 * axes(call.op) + (axes(call.op) == 1)):
        return [weight]
    return [weight, Tensor(f"{label}.bias", DType.UNKNOWN, weight.shape[:1] if weight.shape else None, constant=True)]


def _stored(call: Call, label: str, arrays: list[Array]) -> list[Tensor]:
    """The arrays of a layer with the shapes that its parameters give them."""
    scales = next((array for array in arrays if array.label == "scale" and array is not arrays[0]), None)
    found = []
    for array in arrays:
        shape: tuple[int | None, ...] = array.shape or (array.elements,)
        kind = None
        if array.label == "weight":
            shape = _weight_shape(call, array, shape)
            if scales is not None and array.dtype is DType.INT8:
                kind = Quantization(scales.elements, None, None, 0 if scales.elements > 1 else None)
        found.append(Tensor(f"{label}.{array.label}", array.dtype, shape, array.span, kind, constant=True))
    return found


def _weight_shape(call: Call, array: Array, stored: tuple[int | None, ...]) -> tuple[int | None, ...]:
    if call.op in _CONVOLUTIONS:
        wanted = _kernel(call, array.elements)
    elif call.op == "InnerProduct" and (rows := max(call.integer(0), 0)) and array.elements % rows == 0:
        wanted = (rows, array.elements // rows)
    else:
        return stored
    sizes = [size for size in wanted if size is not None]
    return wanted if len(sizes) == len(wanted) and math.prod(sizes) == array.elements else stored


def _completeness(weights: Weights | None) -> Completeness:
    if weights is None:
        return Completeness.TOPOLOGY
    return Completeness.PARTIAL if weights.problem else Completeness.FULL


def _notes(weights: Weights | None) -> tuple[str, ...]:
    if weights is None:
        return ("the weight file is missing; convolutions are counted as they are declared",)
    return (weights.problem,) if weights.problem else ()


FORMAT = Format(
    name="tnn",
    version=3,
    title="Tencent TNN",
    suffixes=(".tnnproto",),
    parse=parse,
    probe=probe,
    gate=starts(b'"'),
    bind=bind,
    references=("https://github.com/Tencent/TNN/blob/master/source/tnn/interpreter/tnn/model_interpreter.cc",),
    limitations=("without the weight file only convolutions tell their size",),
)
