"""Espresso, the network inside compiled Core ML models that are no ML Programs: layers and shapes in JSON, weights beside.

Undocumented; read off compiled models. ``model.espresso.net`` lists layers with ``type``, ``name`` and comma-separated
``bottom`` and ``top``; ``model.espresso.shape`` gives every value five sizes and a rank; ``model.espresso.weights`` is a
count, a table of number and size for each blob, and the blobs. Convolutions have C outputs, K inputs and kernels of Ny
rows and Nx columns, inner products nC outputs and nB inputs.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, DType, Node, Quantization, Span, Tensor
from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, read_object, text
from nngauge.formats._parts.values import Values
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_TENSORS

Attributes = dict[str, Attribute]
_COUNT: Final = struct.Struct("<Q")
_ENTRY: Final = struct.Struct("<QQ")
_SIZES: Final = ("seq", "n", "k", "h", "w")
_MODES: Final = {0: "NOTSET", 1: "SAME_UPPER", 2: "VALID"}
_KINDS: Final = {
    "batch_matmul": "MatMul", "concat": "Concat", "copy": "Identity", "dynamic_dequantize": "DequantizeLinear",
    "dynamic_quantize": "DynamicQuantizeLinear", "expand_dims": "Unsqueeze", "flatten": "Flatten",
    "gather": "Gather", "general_concat": "Concat", "general_slice": "Slice", "get_shape": "Shape",
    "instancenorm_1d": "InstanceNormalization", "nonzero": "NonZero", "resize_bilinear": "Resize",
    "reshape": "Reshape", "scatter_nd": "ScatterND", "split_nd": "Split", "squeeze": "Squeeze", "tile": "Tile",
    "transpose": "Transpose", "upsample": "Resize", "hard_sigmoid": "HardSigmoid",
}  # fmt: skip
"""Layers without weights; the shapes of their results are in the shape file."""
_ELEMENTWISE: Final = {0: "Add", 1: "Mul", 2: "Add", 3: "Mul", 119: "Clip"}
"""Operations that were seen with their meaning; there are many more."""
_ACTIVATIONS: Final = {0: "Relu", 3: "Sigmoid", 6: "Identity"}
_FUSED: Final = {
    "fused_relu": "Relu", "has_relu": "Relu", "fused_tanh": "Tanh", "has_tanh": "Tanh",
    "fused_hard_swish": "HardSwish",
}  # fmt: skip


class Weights(Struct):
    """Where each numbered blob of the weight file lies."""

    spans: dict[int, Span] = field(default_factory=dict)


class _Layer(Struct):
    """A layer in ONNX's words, with its weights as (blob, type, shape)."""

    kind: str | None
    attributes: Attributes = field(default_factory=dict)
    weights: list[Tensor | None] = field(default_factory=list)


def read_weights(buf: Buffer, part: int) -> Weights:
    """The table of a weight file, which is number `part` of the bundle; `TruncatedError` when blobs are missing."""
    if len(buf) < _COUNT.size:
        raise TruncatedError("a weight file without table")
    count = _COUNT.unpack_from(buf)[0]
    if count > min(MAX_TENSORS, len(buf) // _ENTRY.size):
        raise LimitError(f"{count} blobs")
    found: dict[int, Span] = {}
    at = _COUNT.size + count * _ENTRY.size
    for place in range(count):
        number, size = _ENTRY.unpack_from(buf, _COUNT.size + place * _ENTRY.size)
        if at + size > len(buf):
            raise TruncatedError(f"blob {number} of {size} bytes lies outside the weight file")
        found[number] = Span(at, size, part)
        at += size
    return Weights(found)


def read_layers(
    buf: Buffer, ports: Sequence[Tensor], shapes: Buffer | None = None, weights: Weights | None = None
) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """Layers and the values between them; `ports` come first. Raises `MalformedError` for any other JSON."""
    network = read_object(buf)
    layers = objects(network.get("layers"))
    if not layers or "storage" not in network or not isinstance(network.get("format_version"), int):
        raise MalformedError("not an Espresso network")
    if len(layers) > MAX_NODES:
        raise LimitError(f"{len(layers)} layers")
    values = Values(ports)
    nodes = [node for layer in layers if (node := _node(layer, values, weights or Weights())) is not None]
    if shapes is not None:
        _describe(values, mapping(read_object(shapes).get("layer_shapes")))
    return tuple(nodes), tuple(values.tensors)


def _describe(values: Values, sizes: JsonObject) -> None:
    for name, entry in sizes.items():
        at = values.use(name)
        tensor = values.tensors[at]
        if tensor.shape is None:
            values.tensors[at] = replace(tensor, shape=_shape(mapping(entry)))


def _shape(entry: JsonObject) -> tuple[Dim, ...] | None:
    """The last `_rank` of sequence, batch, channels, height and width."""
    sizes = [entry.get(key, 1) for key in _SIZES]
    rank = entry.get("_rank", 4)
    if type(rank) is not int or not 0 < rank <= len(_SIZES):
        return None
    return tuple(size if type(size) is int and size > 0 else None for size in sizes[-rank:])


def _node(layer: JsonObject, values: Values, weights: Weights) -> Node | None:
    op = text(layer.get("type"))
    if not op:
        raise MalformedError("an Espresso layer without type")
    inputs = values.use_all(name for name in text(layer.get("bottom")).split(",") if name)
    outputs = values.use_all(name for name in text(layer.get("top")).split(",") if name)
    if op == "input":
        return None
    name = text(layer.get("name"))
    found = _translated(op, layer, weights)
    if op == "load_constant" and outputs and found.weights and found.weights[0] is not None:
        loaded = found.weights[0]
        values.tensors[outputs[0]] = replace(loaded, name=values.tensors[outputs[0]].name)
        return None
    read = [
        -1 if tensor is None else values.add(replace(tensor, name=f"{name}.{tensor.name}")) for tensor in found.weights
    ]
    while read and read[-1] < 0:
        read.pop()
    return Node(op, found.kind, name, (*inputs, *read), outputs, found.attributes)


def _translated(op: str, layer: JsonObject, weights: Weights) -> _Layer:
    if op in ("convolution", "deconvolution"):
        return _convolution(op, layer, weights)
    if op == "pool":
        return _pool(layer)
    if op == "inner_product":
        return _inner_product(layer, weights)
    if op == "batchnorm":
        return _normalisation(layer, weights)
    if op == "load_constant":
        blob = _blob(layer, weights, "constant", ("constant_blob", "blob_constant"), _shape(layer) or ())
        return _Layer("Constant", {}, [blob] if blob is not None else [])
    if op == "elementwise":
        kind = _ELEMENTWISE.get(_whole(layer, "operation", -1))
        bounds: Attributes = {"min": _real(layer, "alpha"), "max": _real(layer, "beta")} if kind == "Clip" else {}
        return _Layer(kind, bounds | _fused(layer))
    if op == "activation":
        return _Layer(_ACTIVATIONS.get(_whole(layer, "mode", -1)))
    if op in ("softmax", "softmax_nd"):
        return _Layer("Softmax", {"axis": _whole(layer, "nd_axis", -3)})
    return _Layer(_KINDS.get(op))


def _whole(layer: Mapping[str, object], key: str, default: int) -> int:
    value = layer.get(key, default)
    return value if isinstance(value, int) else default


def _real(layer: Mapping[str, object], key: str) -> float:
    value = layer.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _fused(layer: JsonObject) -> Attributes:
    name = next((kind for key, kind in _FUSED.items() if _whole(layer, key, 0)), None)
    return {"fused_activation": name} if name else {}


def _window(layer: JsonObject, width: str, height: str) -> Attributes:
    found: Attributes = {
        "kernel_shape": (_whole(layer, height, 1), _whole(layer, width, 1)),
        "strides": (_whole(layer, "stride_y", 1), _whole(layer, "stride_x", 1)),
    }
    mode = _MODES.get(_whole(layer, "pad_mode", 0), "NOTSET")
    if mode != "NOTSET":
        return found | {"auto_pad": mode}
    return found | {"pads": tuple(_whole(layer, f"pad_{side}", 0) for side in "tlbr")}


def _convolution(op: str, layer: JsonObject, weights: Weights) -> _Layer:
    outputs, inputs, groups = _whole(layer, "C", 0), _whole(layer, "K", 0), _whole(layer, "n_groups", 1)
    if outputs <= 0 or inputs <= 0 or groups <= 0:
        raise MalformedError(f"a convolution of {inputs} channels to {outputs} in {groups} groups")
    found = _window(layer, "Nx", "Ny")
    kernel = _whole(layer, "Ny", 1), _whole(layer, "Nx", 1)
    transposed = op == "deconvolution"
    shape = (inputs, outputs // groups, *kernel) if transposed else (outputs, inputs // groups, *kernel)
    found |= {"dilations": (_whole(layer, "dilation_y", 1), _whole(layer, "dilation_x", 1)), "group": groups}
    learned = [_kernel(layer, weights, shape), _bias(layer, weights, outputs)]
    return _Layer("ConvTranspose" if transposed else "Conv", found | _fused(layer), learned)


def _inner_product(layer: JsonObject, weights: Weights) -> _Layer:
    outputs, inputs = _whole(layer, "nC", 0), _whole(layer, "nB", 0)
    if outputs <= 0 or inputs <= 0:
        raise MalformedError(f"an inner product of {inputs} numbers to {outputs}")
    learned = [_kernel(layer, weights, (outputs, inputs)), _bias(layer, weights, outputs)]
    return _Layer("Gemm", {"transB": 1, "axis": -1} | _fused(layer), learned)


def _pool(layer: JsonObject) -> _Layer:
    kind = "MaxPool" if _whole(layer, "avg_or_max", 0) else "AveragePool"
    if _whole(layer, "is_global", 0):
        return _Layer(f"Global{kind}")
    found = _window(layer, "size_x", "size_y")
    if kind == "AveragePool":
        found["count_include_pad"] = int(not _whole(layer, "average_count_exclude_padding", 0))
    return _Layer(kind, found)


def _normalisation(layer: JsonObject, weights: Weights) -> _Layer:
    """Scale, shift, mean and variance of each channel lie side by side in one blob."""
    channels = max(_whole(layer, "C", 0), 0)
    blob = _blob(layer, weights, "params", ("blob_batchnorm_params", "blob_params"), (channels, 4))
    kind = "InstanceNormalization" if _whole(layer, "training_instancenorm", 0) else "BatchNormalization"
    return _Layer(kind, {}, [blob])


def _kernel(layer: JsonObject, weights: Weights, shape: tuple[int, ...]) -> Tensor:
    """The kernel in floats, halves, or bytes with scales or a look-up table for each channel."""
    plain = _blob(layer, weights, "weights", ("blob_weights", "blob_weights_f16"), shape)
    if plain is not None:
        return plain
    inner = mapping(layer.get("weights"))
    for settings, keys in ((inner, ("W_U8",)), (layer, ("blob_weights_u8", "blob_weights_uint8"))):
        number = next((settings[key] for key in keys if type(settings.get(key)) is int), None)
        if isinstance(number, int):
            table = "quantization_lut_weights_blob" in layer
            quantization = Quantization(table=256) if table else Quantization(shape[0], axis=0)
            return Tensor("weights", DType.UINT8, shape, weights.spans.get(number), quantization, constant=True)
    return Tensor("weights", DType.UNKNOWN, shape, constant=True)


def _bias(layer: JsonObject, weights: Weights, count: int) -> Tensor | None:
    if not _whole(layer, "has_biases", 0):
        return None
    return _blob(layer, weights, "biases", ("blob_biases",), (count,)) or Tensor(
        "biases", DType.FLOAT32, (count,), constant=True
    )


def _blob(
    layer: JsonObject,
    weights: Weights,
    name: str,
    keys: tuple[str, ...],
    shape: tuple[Dim, ...],
) -> Tensor | None:
    """A blob by the first key that the layer has; halves by the end of the key."""
    for key in keys:
        number = layer.get(key)
        if type(number) is int:
            dtype = DType.FLOAT16 if key.endswith("_f16") else DType.FLOAT32
            tensor = Tensor(name, dtype, shape, constant=True)
            size = (tensor.elements or 0) * (2 if dtype is DType.FLOAT16 else 4)
            place = weights.spans.get(number)
            # Blobs may be padded behind their last element.
            fits = place is not None and place.size >= size
            return replace(tensor, data=Span(place.offset, size, place.part)) if place is not None and fits else tensor
    return None
