"""Caffe2 networks: a `NetDef` that computes (``predict_net.pb``) and one that makes its weights (``init_net.pb``).

Schema: https://github.com/facebookarchive/caffe2/blob/master/caffe2/proto/caffe2.proto.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

from nngauge.domain.graph import Completeness, DType, Graph, Node, Quantization, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.blobs import Blobs
from nngauge.formats._parts.caffe2_net import Net, Operator, checked_shape, elements, looks_like, read
from nngauge.formats.vocabulary.caffe2 import Call, dtype, translate
from nngauge.limits import HEAD_BYTES

_FILLS: Final = {
    "ConstantFill": DType.FLOAT32,
    "GaussianFill": DType.FLOAT32,
    "GivenTensorBoolFill": DType.BOOL,
    "GivenTensorByteStringToUInt8Fill": DType.UINT8,
    "GivenTensorDoubleFill": DType.FLOAT64,
    "GivenTensorFill": DType.FLOAT32,
    "GivenTensorInt64Fill": DType.INT64,
    "GivenTensorIntFill": DType.INT32,
    "GivenTensorStringFill": DType.STRING,
    "Int8GivenIntTensorFill": DType.INT32,
    "Int8GivenTensorFill": DType.UINT8,
    "MSRAFill": DType.FLOAT32,
    "UniformFill": DType.FLOAT32,
    "XavierFill": DType.FLOAT32,
}
"""Operators that make a constant, and its element type."""
_STORED: Final = "values"
_MAKER: Final = re.compile(r"(.*?)(predict_net|run_net|exec_net|predict|model)(\.pb|\.caffe2)?$")
_INITS: Final = ("init_net", "init", "model_init")
_USES_WEIGHTS: Final = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "BatchNormalization", "PRelu", "InstanceNormalization"}
)


def probe(head: bytes, size: int, _name: str) -> bool:
    """A `NetDef` whose first operator tells its type."""
    return looks_like(head, size)


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """``x_init_net.pb`` beside ``x_predict_net.pb`` (or run, exec), ``model_init.pb`` beside ``model.pb``, and back."""
    folder, slash, name = lead.rpartition("/")
    wanted = [folder + slash + other for other in _partners(name)]
    known = set(paths)
    return tuple(path for path in wanted if path in known and path != lead)[:1]


def _partners(name: str) -> list[str]:
    found = _MAKER.fullmatch(name)
    if found:
        stem, word, ending = found[1], found[2], found[3] or ""
        return [stem + init + ending for init in _INITS if word != "model" or init == "model_init"]
    for init in reversed(_INITS):
        stem, ending = name.rpartition(".")[0], "." + name.rpartition(".")[2] if "." in name else ""
        if (stem or name).endswith(init):
            head = (stem or name)[: -len(init)]
            makers = ("model",) if init == "model_init" else ("predict_net", "run_net", "exec_net", "predict")
            return [head + maker + ending for maker in makers]
    return []


def parse(data: ModelData) -> Graph:
    """Reads operators, and constants from the network that makes them; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:HEAD_BYTES]), len(data.buf), data.name):
        raise NotThisFormat("does not begin like a NetDef")
    nets = [read(data.buf, 0), *(read(part, place) for place, part in enumerate(data.parts.values(), 1))]
    makers = [net for net in nets if _only_fills(net)]
    computing = [net for net in nets if not _only_fills(net)]
    return _graph(computing[0] if computing else Net(name=nets[0].name), makers)


def _only_fills(net: Net) -> bool:
    return all(operator.op in _FILLS and not operator.inputs for operator in net.operators)


def _graph(net: Net, makers: Iterable[Net]) -> Graph:
    blobs = Blobs()
    placeholders = _placeholders(net, makers)
    for maker in makers:
        for operator in maker.operators:
            if not placeholders.intersection(operator.outputs):
                _constant(operator, blobs)
    given = bool(blobs.tensors)
    nodes: list[Node] = []
    for operator in net.operators:
        if operator.op in _FILLS and not operator.inputs:
            _constant(operator, blobs)
        else:
            nodes.append(_node(operator, blobs, given=given))
    outputs = [blobs.latest[name] for name in net.outputs if name in blobs.latest]
    ends = [at for at in blobs.latest.values() if at not in blobs.used and not blobs.tensors[at].constant]
    return Graph(
        format=FORMAT.name,
        completeness=_completeness(given=given, computing=bool(nodes)),
        name=net.name,
        nodes=tuple(nodes),
        tensors=tuple(blobs.tensors),
        inputs=tuple(blobs.inputs),
        outputs=tuple(outputs or ends),
        producer="Caffe2",
        notes=tuple(_notes(given=given, computing=bool(nodes))),
    )


def _completeness(*, given: bool, computing: bool) -> Completeness:
    if not computing:
        return Completeness.PARTIAL
    return Completeness.FULL if given else Completeness.TOPOLOGY


def _placeholders(net: Net, makers: Iterable[Net]) -> set[str]:
    """Inputs: exporters fill them with one number, so that they exist."""
    data = {operator.inputs[0] for operator in net.operators if operator.inputs}
    return {
        name
        for maker in makers
        for operator in maker.operators
        if not operator.op.startswith(("Given", "Int8Given")) and math.prod(checked_shape(operator.arguments)) <= 1
        for name in operator.outputs
        if name in data
    }


def _constant(operator: Operator, blobs: Blobs) -> None:
    """What a fill makes. Only 8-bit weights lie in the file as they lie in memory."""
    shape, element = checked_shape(operator.arguments), _FILLS[operator.op]
    count = elements(operator, _STORED)
    if operator.op == "ConstantFill":
        element = DType(dtype(int(_number(operator, "dtype", 1))) or "unknown")
    elif "Given" in operator.op and element is not DType.STRING and count != math.prod(shape):
        raise MalformedError(f"{count} values for a constant of shape {shape[:8]}")
    listed = operator.lists.get(_STORED)
    kind = None
    if operator.op.startswith("Int8"):
        kind = Quantization(1, _number(operator, "Y_scale", 1.0), int(_number(operator, "Y_zero_point", 0)))
    for name in operator.outputs[:1]:
        span = listed.span if listed is not None else None
        blobs.add(Tensor(name, element, shape, span, kind, constant=True, values=_few(operator)))


def _few(operator: Operator) -> tuple[int, ...] | tuple[float, ...] | None:
    listed, given = operator.lists.get(_STORED), operator.arguments.get(_STORED)
    if listed is not None:
        return listed.values
    if isinstance(given, tuple) and all(isinstance(item, int) for item in given):
        return tuple([int(item) for item in given])
    return None


def _number(operator: Operator, name: str, default: float) -> float:
    value = operator.arguments.get(name, default)
    return value if isinstance(value, int | float) and abs(value) < 1 << 62 else default


def _node(operator: Operator, blobs: Blobs, *, given: bool) -> Node:
    found = translate(Call(operator.op, operator.arguments, len(operator.inputs), len(operator.outputs)))
    sources = []
    for place, name in enumerate(operator.inputs):
        weight = found.kind in _USES_WEIGHTS or "broadcast" in operator.arguments
        if not given and place and name not in blobs.latest and weight:
            # Without the network that makes them, nothing is known of weights but that they are some.
            blobs.used.add(blobs.add(Tensor(name, constant=True)))
        sources.append(blobs.use(name))
    if found.order is not None:
        sources = [sources[at] if 0 <= at < len(sources) else -1 for at in found.order]
    outputs = tuple([_result(operator, name, blobs) for name in operator.outputs])
    return Node(operator.op, found.kind, operator.name, tuple(sources), outputs, found.attributes)


def _result(operator: Operator, name: str, blobs: Blobs) -> int:
    if operator.op.startswith("Int8") and operator.op != "Int8Dequantize" and "Y_scale" in operator.arguments:
        kind = Quantization(1, _number(operator, "Y_scale", 1.0), int(_number(operator, "Y_zero_point", 0)))
        return blobs.add(Tensor(name, DType.UINT8, quantization=kind))
    return blobs.define(name)


def _notes(*, given: bool, computing: bool) -> Iterable[str]:
    if not computing:
        yield "only the weights: the network that uses them (predict_net) is missing"
    elif not given:
        yield "the weights (init_net) are missing, their sizes are not known"


FORMAT = Format(
    name="caffe2",
    version=2,
    title="Caffe2",
    suffixes=("_net.pb",),
    parse=parse,
    probe=probe,
    gate=starts(b"\x0a\x12"),
    bind=bind,
    references=("https://github.com/facebookarchive/caffe2/blob/master/caffe2/proto/caffe2.proto",),
    limitations=("networks as text (.pbtxt) are not read", "weights are described, not located, unless they are 8-bit"),
)
