"""TNN: the positional parameters of each layer in ONNX's words.

Order of the parameters from `InterpretProto` of each layer in
https://github.com/Tencent/TNN/tree/master/source/tnn/interpreter/tnn/layer_interpreter, names of the types from
source/tnn/core/layer_type.cc, meaning from source/tnn/layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute

_UNBOUNDED: Final = (1 << 31) - 1
_PREFIXES: Final = ("DynamicRangeQuantized", "Quantized")
_ACTIVATIONS: Final = {1: "Relu", 2: "Clip", 256: "Swish"}
"""`ActivationType`; 256 is the product with the sigmoid."""
_PADS: Final = {0: "SAME_UPPER", 1: "VALID", 3: "SAME_LOWER"}


class Call(NamedTuple):
    """A layer: its type without prefixes of quantisation, and its parameters as text."""

    op: str
    values: Sequence[str]
    inputs: int
    outputs: int

    def integer(self, place: int, default: int = 0) -> int:
        """Parameter `place` as an integer; `default` where there is none, or none that is a number."""
        return int(self.real(place, default))

    def real(self, place: int, default: float = 0.0) -> float:
        """Parameter `place` as a float."""
        if not 0 <= place < len(self.values):
            return default
        try:
            value = float(self.values[place][:40])
        except ValueError:
            return default
        return value if abs(value) <= _UNBOUNDED else default

    def listed(self, place: int) -> tuple[tuple[int, ...], int]:
        """A count and so many integers, and the place behind them."""
        count = min(max(self.integer(place), 0), len(self.values))
        return tuple(self.integer(place + 1 + at) for at in range(count)), place + 1 + count


class Canonical(NamedTuple):
    """The same layer in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]


Rule = Callable[[Call], Canonical]


def plain(op: str) -> str:
    """The type without the prefix that tells how it computes."""
    for prefix in _PREFIXES:
        if op.startswith(prefix) and op != "QuantizedBiasAdd":
            op = op[len(prefix) :]
    return op.removesuffix("_nhwc").removesuffix("_tf")


def is_type(text: str) -> bool:
    """Whether a layer type is called so."""
    return plain(text) in _RULES or plain(text) in KINDS


def translate(call: Call) -> Canonical:
    """Kind and attributes of a layer."""
    rule = _RULES.get(call.op)
    return rule(call) if rule is not None else Canonical(KINDS.get(call.op), {})


def axes(op: str) -> int:
    """Spatial axes of a convolution or pooling."""
    return 1 if op.endswith("1D") else 3 if op.endswith("3D") else 2


def _many(call: Call, place: int, count: int, default: int = 0) -> tuple[int, ...]:
    return tuple(call.integer(place + at, default) for at in range(count))


def _padding(code: int, pads: tuple[int, ...]) -> dict[str, Attribute]:
    return {"auto_pad": _PADS[code]} if code in _PADS else {"pads": pads * 2}


def _convolution(call: Call) -> Canonical:
    """Group, channels, kernel, strides, pads, bias, kind of padding, dilations, activation."""
    count = axes(call.op)
    at = 3
    kernel, strides = _many(call, at, count, 1), _many(call, at + count, count, 1)
    pads, at = _many(call, at + 2 * count, count), at + 3 * count
    if count == 1:
        # Begin and end of the one axis.
        pads, at = (call.integer(at - 1), call.integer(at)), at + 1
    found: dict[str, Attribute] = {
        "kernel_shape": kernel,
        "strides": strides,
        "dilations": _many(call, at + 2, count, 1),
        "group": max(call.integer(0, 1), 1),
        "channels": call.integer(2),
        **(_padding(call.integer(at + 1, -1), pads) if count > 1 else {"pads": pads}),
    }
    activation = _ACTIVATIONS.get(call.integer(at + 2 + count))
    if activation:
        found["fused_activation"] = activation
    return Canonical("ConvTranspose" if call.op.startswith("Deconvolution") else "Conv", found)


def _pooling(call: Call) -> Canonical:
    """Type, kernel (0: all), strides, pads, axes that give the kernel, kind of padding, rounding, adaptive sizes."""
    count = axes(call.op)
    name = "AveragePool" if call.integer(0) == 1 else "MaxPool"
    kernel = _many(call, 1, count)
    at = 1 + 3 * count + (2 if count == 1 else count)
    if count == 2 and call.integer(at + 2):
        return Canonical(f"Adaptive{name}", {"output_size": _many(call, at + 3, 2)})
    if not any(kernel):
        return Canonical(f"Global{name}", {})
    found: dict[str, Attribute] = {
        "kernel_shape": kernel,
        "strides": _many(call, 1 + count, count, 1),
        **_padding(call.integer(at, -1), _many(call, 1 + 2 * count, count)),
    }
    if "pads" in found:
        found["ceil_mode"] = int(call.integer(at + 1) == 1)
    return Canonical(name, found)


def _inner_product(call: Call) -> Canonical:
    channels, bias = call.integer(0), call.integer(1)
    return Canonical("Gemm", {"axis": call.integer(3, 1), "transB": 1, "channels": channels, "bias": bias})


def _recurrent(call: Call) -> Canonical:
    direction = ("forward", "reverse", "bidirectional")[min(max(call.integer(2), 0), 2)]
    return Canonical("LSTM", {"hidden_size": call.integer(1), "direction": direction})


def _axis(kind: str, default: int) -> Rule:
    return lambda call: Canonical(kind, {"axis": call.integer(0, default)})


def _split(call: Call) -> Canonical:
    sizes, _ = call.listed(1)
    found: dict[str, Attribute] = {"axis": call.integer(0)}
    return Canonical("Split", found | ({"split": sizes} if sizes else {"num_outputs": call.outputs}))


def _copy(call: Call) -> Canonical:
    """`Split` without parameters hands its input on."""
    return Canonical("Identity", {}) if not call.values else _split(call)


def _reshape(call: Call) -> Canonical:
    """First axis, number of axes, shape: only whole shapes are followed."""
    shape, _ = call.listed(2)
    return Canonical("Reshape", {"shape": shape} if shape and call.integer(0) == 0 else {})


def _permute(call: Call) -> Canonical:
    order, _ = call.listed(0)
    return Canonical("Transpose", {"perm": order} if order else {})


def _squeeze(kind: str) -> Rule:
    return lambda call: Canonical(kind, {"axes": call.listed(0)[0]})


def _expand(call: Call) -> Canonical:
    shape, _ = call.listed(0)
    return Canonical("Expand", {"shape": shape} if shape else {})


def _tile(call: Call) -> Canonical:
    repeats = _many(call, 0, len(call.values), 1)
    return Canonical("Tile", {"repeats": repeats} if repeats else {})


def _slice(call: Call) -> Canonical:
    """Begins, ends and strides of every axis; an end of 0 is the end of the axis."""
    begins, at = call.listed(0)
    ends, at = call.listed(at)
    steps, _ = call.listed(at)
    return _sliced(begins, ends, tuple(range(len(begins))), steps)


def _slice_axes(call: Call) -> Canonical:
    begins, at = call.listed(0)
    ends, at = call.listed(at)
    places, at = call.listed(at)
    steps, _ = call.listed(at)
    if not ends:
        return Canonical("Slice", {})  # begins and ends are inputs
    return _sliced(begins, ends, places or tuple(range(len(begins))), steps)


def _sliced(
    begins: tuple[int, ...], ends: tuple[int, ...], places: tuple[int, ...], steps: tuple[int, ...]
) -> Canonical:
    found: dict[str, Attribute] = {
        "starts": begins,
        "ends": tuple(end or _UNBOUNDED for end in ends),
        "axes": places,
    }
    return Canonical("Slice", found | ({"steps": steps} if steps else {}))


def _pad(call: Call) -> Canonical:
    """Two numbers that nobody reads, then top, bottom, left, right, front and back channels."""
    top, bottom, left, right, front, back = _many(call, 2, 6)
    mode = ("constant", "reflect", "edge")[min(max(call.integer(8), 0), 2)]
    return Canonical("Pad", {"mode": mode, "pads": (0, front, top, left, 0, back, bottom, right)})


def _pad_all(call: Call) -> Canonical:
    count = min(max(call.integer(0), 0), len(call.values))
    mode = ("constant", "reflect", "edge")[min(max(call.integer(1 + 2 * count), 0), 2)]
    return Canonical("Pad", {"mode": mode, "pads": _many(call, 1, 2 * count)})


def _upsample(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"mode": {1: "nearest", 3: "cubic"}.get(call.integer(0), "linear")}
    size = call.integer(4), call.integer(5)
    if min(size) > 0:
        return Canonical("Resize", found | {"axes": (2, 3), "sizes": size})
    high, wide = call.real(1), call.real(2)
    return Canonical("Resize", found | ({"scales": (1.0, 1.0, high, wide)} if min(high, wide) > 0 else {}))


def _reduction(kind: str) -> Rule:
    """Whether dimensions stay, then the axes."""

    def rule(call: Call) -> Canonical:
        found: dict[str, Attribute] = {"keepdims": call.integer(0)}
        places = _many(call, 1, max(len(call.values) - 1, 0))
        return Canonical(kind, found | ({"axes": places} if places else {}))

    return rule


def _arg(call: Call) -> Canonical:
    kind = "ArgMax" if call.integer(0) else "ArgMin"
    return Canonical(kind, {"axis": call.integer(1), "keepdims": call.integer(2, 1)})


def _clip(call: Call) -> Canonical:
    return Canonical("Clip", {"min": call.real(0), "max": call.real(1, 6.0)})


def _alpha(kind: str, default: float) -> Rule:
    return lambda call: Canonical(kind, {"alpha": call.real(0, default)})


def _normalise(kind: str, epsilon: int) -> Rule:
    def rule(call: Call) -> Canonical:
        found: dict[str, Attribute] = {"epsilon": call.real(epsilon, 1e-5)}
        if kind == "GroupNormalization":
            found["num_groups"] = call.integer(0, 1)
        if kind == "LayerNormalization":
            found["axis"] = -max(call.integer(0, 1), 1)
        return Canonical(kind, found)

    return rule


def _lrn(call: Call) -> Canonical:
    return Canonical("LRN", {"size": call.integer(3)})


def _prior_box(call: Call) -> Canonical:
    """Smallest and largest sizes, clip and flip, variances, ratios: counted as Caffe counts them."""
    smallest, at = call.listed(0)
    largest, at = call.listed(at)
    flip = call.integer(at + 1)
    _, behind = call.listed(at + 2)
    count = min(max(call.integer(behind), 0), len(call.values))
    ratios = {1.0}
    for ratio in (call.real(behind + 1 + at) for at in range(count)):
        ratios |= {round(ratio, 6)} | ({round(1 / ratio, 6)} if flip and ratio else set())
    return Canonical("PriorBox", {"num_priors": len(smallest) * len(ratios) + len(largest)})


def _detection(call: Call) -> Canonical:
    return Canonical("DetectionOutput", {"keep_top_k": call.integer(5, -1)})


def _blocks(call: Call) -> Canonical:
    return Canonical("DepthToSpace", {"blocksize": call.integer(0, 1), "mode": "CRD"})


def _reorg(call: Call) -> Canonical:
    return Canonical("SpaceToDepth" if call.integer(1) == 0 else "DepthToSpace", {"blocksize": call.integer(0, 1)})


def _shuffle(call: Call) -> Canonical:
    return Canonical("ShuffleChannel", {"group": call.integer(0, 1)})


def _roi(call: Call) -> Canonical:
    if call.op == "RoiAlign":
        return Canonical("RoiAlign", {"output_height": call.integer(1), "output_width": call.integer(2)})
    return Canonical("MaxRoiPool", {"pooled_shape": (call.integer(2), call.integer(1))})


def _top_k(call: Call) -> Canonical:
    return Canonical("TopK", {"axis": call.integer(0, -1), "k": call.integer(3)})


def _einsum(call: Call) -> Canonical:
    return Canonical("Einsum", {"equation": call.values[0]} if call.values else {})


KINDS: Final[Mapping[str, str]] = {
    "Abs": "Abs", "Acos": "Acos", "Add": "Add", "And": "And", "Asin": "Asin", "Atan": "Atan",
    "BatchNorm": "BatchNormalization", "BatchNormCxx": "BatchNormalization", "BatchNormalization": "BatchNormalization",
    "BiasAdd": "BiasAdd", "BitShift": "BitShift", "BlobScale": "QuantizeLinear", "Cast": "Cast", "Ceil": "Ceil",
    "Const": "Constant", "ConstantOfShape": "ConstantOfShape", "Cos": "Cos", "Dequantize": "DequantizeLinear",
    "DetectionPostProcess": "DetectionOutput", "Div": "Div", "Dropout": "Dropout", "Equal": "Equal", "Erf": "Erf",
    "Exp": "Exp", "Fill": "Fill", "Floor": "Floor", "GELU": "Gelu", "GatherND": "GatherND", "Greater": "Greater",
    "GridSample": "GridSample", "Gru": "GRU", "HDRGuide": "Custom", "HardSigmoid": "HardSigmoid",
    "HardSwish": "HardSwish", "Histogram": "Custom", "Identity": "Identity", "Im2col": "Unfold", "Inverse": "Custom",
    "Less": "Less", "Log": "Log", "LogSigmoid": "LogSigmoid", "MatMul": "MatMul", "Max": "Max", "Maximum": "Max",
    "Min": "Min", "Minimum": "Min", "Mul": "Mul", "NCHW2NHWC": "Transpose", "NHWC2NCHW": "Transpose", "Neg": "Neg",
    "NonMaxSuppression": "NonMaxSuppression", "NonZero": "NonZero", "Normalize": "Normalize", "Not": "Not",
    "OneHot": "OneHot", "PReLU": "PRelu", "Power": "Pow", "Proposal": "Proposal", "QuantizeV2": "QuantizeLinear",
    "Range": "Range", "ReLU": "Relu", "RealDiv": "Div", "Reciprocal": "Reciprocal", "Reformat": "Identity",
    "Relu": "Relu", "Requantize": "QuantizeLinear", "Reverse": "Reverse", "Rsqrt": "Rsqrt",
    "Scale": "BatchNormalization", "ScatterND": "ScatterND", "Selu": "Selu", "Shape": "Shape", "Sigmoid": "Sigmoid",
    "Sign": "Sign", "SignedMul": "Custom", "Sin": "Sin", "Size": "Size", "Softplus": "Softplus",
    "Softsign": "Softsign", "Sqrt": "Sqrt", "Square": "Square", "SquaredDifference": "SquaredDifference", "Sub": "Sub",
    "Sum": "BiasAdd", "Swish": "Swish", "Tan": "Tan", "Tanh": "Tanh", "Where": "Where",
}  # fmt: skip
"""Layers without parameters that matter for shapes and cost."""

_REDUCTIONS: Final = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
_RULES: Final[Mapping[str, Rule]] = {
    "ArgMaxOrMin": _arg,
    "Clip": _clip,
    "Concat": _axis("Concat", 1),
    "Convolution": _convolution,
    "Convolution1D": _convolution,
    "Convolution3D": _convolution,
    "ConvolutionDepthwise": _convolution,
    "Deconvolution": _convolution,
    "DetectionOutput": _detection,
    "Einsum": _einsum,
    "Elu": _alpha("Elu", 1.0),
    "Expand": _expand,
    "Flatten": _axis("Flatten", 1),
    "GLU": _axis("GLU", -1),
    "Gather": _axis("Gather", 0),
    "GroupNorm": _normalise("GroupNormalization", 1),
    "InnerProduct": _inner_product,
    "InstBatchNormCxx": _normalise("InstanceNormalization", 1),
    "LRN": _lrn,
    "LSTMONNX": _recurrent,
    "LayerNorm": _normalise("LayerNormalization", 1),
    "LeakyRelu": _alpha("LeakyRelu", 0.01),
    "LogSoftmax": _axis("LogSoftmax", 1),
    "Pad": _pad,
    "PadV2": _pad_all,
    "Permute": _permute,
    "PixelShuffle": _blocks,
    "Pooling": _pooling,
    "Pooling1D": _pooling,
    "Pooling3D": _pooling,
    "PriorBox": _prior_box,
    "ROIPooling": _roi,
    "ReLU6": lambda _call: Canonical("Clip", {"min": 0.0, "max": 6.0}),
    "Relu6": lambda _call: Canonical("Clip", {"min": 0.0, "max": 6.0}),
    "Repeat": _tile,
    "Reorg": _reorg,
    "Reshape": _reshape,
    "RoiAlign": _roi,
    "Scatter": _axis("ScatterElements", 0),
    "ScatterElements": _axis("ScatterElements", 0),
    "ShuffleChannel": _shuffle,
    "Softmax": _axis("Softmax", 1),
    "SoftmaxCaffe": _axis("Softmax", 1),
    "Split": _copy,
    "SplitV": _split,
    "Squeeze": _squeeze("Squeeze"),
    "StridedSlice": _slice,
    "StridedSliceV2": _slice_axes,
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _permute,
    "Unsqueeze": _squeeze("Unsqueeze"),
    "Upsample": _upsample,
    **{kind: _reduction(kind) for kind in _REDUCTIONS},
}
