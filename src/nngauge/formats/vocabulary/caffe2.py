"""Caffe2: operators and their arguments in ONNX's words.

Operators: https://github.com/facebookarchive/caffe2/tree/master/caffe2/operators; arguments of windows as
`conv_pool_op_base.h` there reads them, those of the 8-bit operators as caffe2/operators/quantized.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute

_UNBOUNDED: Final = (1 << 31) - 1
_LEGACY: Final = {1: "VALID", 2: "SAME_UPPER"}
_LEGACY_CEIL: Final = 3
"""`legacy_pad` of pools converted from Caffe."""
_TYPES: Final = {
    1: "float32", 2: "int32", 3: "uint8", 4: "string", 5: "bool", 6: "uint8", 7: "int8", 8: "uint16", 9: "int16",
    10: "int64", 12: "float16", 13: "float64",
}  # fmt: skip
"""`TensorProto.DataType`."""


class Call(NamedTuple):
    """An operator with its arguments by name."""

    op: str
    arguments: Mapping[str, Attribute]
    inputs: int
    outputs: int

    def integer(self, name: str, default: int = 0) -> int:
        """An integer argument."""
        value = self.arguments.get(name, default)
        return int(value) if isinstance(value, int | float) and abs(value) < 1 << 62 else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A float argument."""
        value = self.arguments.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of integers."""
        value = self.arguments.get(name, ())
        if not isinstance(value, tuple):
            value = (value,) if isinstance(value, int) else ()
        return tuple([int(item) for item in value if isinstance(item, int | float) and abs(item) < 1 << 62])

    @property
    def nhwc(self) -> bool:
        """Channels come last."""
        return self.arguments.get("order") == "NHWC"


class Canonical(NamedTuple):
    """The same operation in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]
    order: tuple[int, ...] | None = None
    """Which inputs it keeps, in which order; None keeps all."""


Rule = Callable[[Call], Canonical]


def dtype(code: int) -> str | None:
    """Our name of an element type."""
    return _TYPES.get(code)


def plain(op: str) -> str:
    """The operator without the prefix that tells how it computes."""
    return op.removeprefix("Int8") if op.startswith("Int8") and op not in ("Int8Quantize", "Int8Dequantize") else op


def translate(call: Call) -> Canonical:
    """Kind, attributes and inputs of an operator; 8-bit ones do what their names say behind the prefix."""
    op = plain(call.op)
    rule = _RULES.get(op)
    return rule(call._replace(op=op)) if rule is not None else Canonical(KINDS.get(op), {})


def _layout(call: Call) -> dict[str, Attribute]:
    return {"data_layout": "NHWC"} if call.nhwc else {}


def _each(call: Call, name: str, default: int) -> tuple[int, ...]:
    """`kernels`, or `kernel_h` and `kernel_w`, or `kernel` for both."""
    listed = call.integers(f"{name}s")
    if listed:
        return listed
    if f"{name}_h" in call.arguments or f"{name}_w" in call.arguments:
        return call.integer(f"{name}_h", default), call.integer(f"{name}_w", default)
    return (call.integer(name, default),) * 2


def _pads(call: Call) -> dict[str, Attribute]:
    legacy = call.integer("legacy_pad")
    if legacy in _LEGACY:
        return {"auto_pad": _LEGACY[legacy]}
    listed = call.integers("pads")
    if listed:
        return {"pads": listed}
    sides = tuple(call.integer(f"pad_{side}", call.integer("pad")) for side in "tlbr")
    return {"pads": sides}


def _convolution(call: Call) -> Canonical:
    found: dict[str, Attribute] = {
        "kernel_shape": _each(call, "kernel", 1),
        "strides": _each(call, "stride", 1),
        "dilations": _each(call, "dilation", 1),
        "group": call.integer("group", 1),
        **_pads(call),
        **_layout(call),
    }
    if call.op.endswith("Relu"):
        found["fused_activation"] = "Relu"
    if call.op != "ConvTranspose":
        return Canonical("Conv", found | ({"weight_layout": "OHWI"} if call.nhwc else {}))
    extra = _each(call, "adj", 0)
    found |= {"output_padding": extra} if any(extra) else {}
    return Canonical("ConvTranspose", found | ({"weight_layout": "IHWO"} if call.nhwc else {}))


def _pool(call: Call) -> Canonical:
    name = "MaxPool" if call.op.startswith("Max") else "AveragePool"
    if call.integer("global_pooling"):
        return Canonical(f"Global{name}", _layout(call))
    found: dict[str, Attribute] = {
        "kernel_shape": _each(call, "kernel", 1),
        "strides": _each(call, "stride", 1),
        **_pads(call),
        **_layout(call),
    }
    if call.integer("legacy_pad") == _LEGACY_CEIL:
        found["ceil_mode"] = 1
    return Canonical(name, found)


def _dense(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"axis": call.integer("axis", 1), "transB": int(call.op != "FCTransposed")}
    if call.op.endswith("Relu"):
        found["fused_activation"] = "Relu"
    return Canonical("Gemm", found)


def _matmul(call: Call) -> Canonical:
    return Canonical("MatMul", {"transA": call.integer("trans_a"), "transB": call.integer("trans_b")})


def _normalise(kind: str) -> Rule:
    def rule(call: Call) -> Canonical:
        found: dict[str, Attribute] = {"epsilon": call.real("epsilon", 1e-5), **_layout(call)}
        if kind == "GroupNormalization":
            found["num_groups"] = call.integer("group", 32)
        if kind == "LayerNormalization":
            found["axis"] = call.integer("axis", 1)
        return Canonical(kind, found)

    return rule


def _lrn(call: Call) -> Canonical:
    found: dict[str, Attribute] = {
        "size": call.integer("size"), "alpha": call.real("alpha"), "beta": call.real("beta"),
        "bias": call.real("bias", 1.0), **_layout(call),
    }  # fmt: skip
    return Canonical("LRN", found)


def _arithmetic(call: Call) -> Canonical:
    """The older ones broadcast the second input from `axis` on."""
    kind = call.op.removesuffix("Relu")
    found: dict[str, Attribute] = {"fused_activation": "Relu"} if kind != call.op else {}
    if call.integer("broadcast") and "axis" in call.arguments and call.integer("axis") >= 0:
        found["axis"] = call.integer("axis")
    return Canonical(kind, found)


def _sum(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"fused_activation": "Relu"} if call.op == "SumRelu" else {}
    return Canonical("Add" if call.inputs == 2 else "Sum", found)


def _axis(kind: str, default: int) -> Rule:
    return lambda call: Canonical(kind, {"axis": call.integer("axis", default)})


def _concat(call: Call) -> Canonical:
    axis = call.integer("axis", 3 if call.nhwc else 1)
    return Canonical("Concat", {"axis": axis, **({"new_axis": 1} if call.integer("add_axis") else {})})


def _split(call: Call) -> Canonical:
    sizes = call.integers("split")
    found: dict[str, Attribute] = {"axis": call.integer("axis", 3 if call.nhwc else 1)}
    return Canonical("Split", found | ({"split": sizes} if sizes else {"num_outputs": call.outputs}), (0,))


def _reshape(call: Call) -> Canonical:
    shape = call.integers("shape")
    return Canonical("Reshape", {"shape": shape}, (0,)) if shape else Canonical("Reshape", {})


def _transpose(call: Call) -> Canonical:
    perm = call.integers("axes")
    return Canonical("Transpose", {"perm": perm} if perm else {})


def _turn(*perm: int) -> Rule:
    return lambda _call: Canonical("Transpose", {"perm": perm})


def _dims(kind: str) -> Rule:
    return lambda call: Canonical(kind, {"axes": call.integers("dims")})


def _slice(call: Call) -> Canonical:
    """An end of −1 is the end of the axis, others below 0 count from behind it."""
    starts, ends = call.integers("starts"), call.integers("ends")
    if not starts or len(starts) != len(ends):
        return Canonical("Slice", {})
    stops = tuple(_UNBOUNDED if end == -1 else end + 1 if end < 0 else end for end in ends)
    return Canonical("Slice", {"starts": starts, "ends": stops, "axes": tuple(range(len(starts)))}, (0,))


def _pad(call: Call) -> Canonical:
    top, left, bottom, right = (call.integer(f"pad_{side}", call.integer("pad")) for side in "tlbr")
    pads = (0, top, left, 0, 0, bottom, right, 0) if call.nhwc else (0, 0, top, left, 0, 0, bottom, right)
    mode = str(call.arguments.get("mode", "constant"))
    return Canonical("Pad", {"mode": mode, "pads": pads})


def _resize(call: Call) -> Canonical:
    scale = call.real("scale", 1.0)
    high, wide = call.real("height_scale", scale), call.real("width_scale", scale)
    scales = (1.0, high, wide, 1.0) if call.nhwc else (1.0, 1.0, high, wide)
    mode = "linear" if call.op == "ResizeBilinear" else "nearest"
    return Canonical("Resize", {"mode": mode, "scales": scales, **_layout(call)}, (0,))


def _clip(call: Call) -> Canonical:
    return Canonical("Clip", {name: call.real(name) for name in ("min", "max") if name in call.arguments})


def _alpha(kind: str, default: float) -> Rule:
    return lambda call: Canonical(kind, {"alpha": call.real("alpha", default)})


def _hard_sigmoid(call: Call) -> Canonical:
    return Canonical("HardSigmoid", {"alpha": call.real("alpha", 0.2), "beta": call.real("beta", 0.5)})


def _prelu(call: Call) -> Canonical:
    return Canonical("PRelu", _layout(call))


def _cast(call: Call) -> Canonical:
    wanted = dtype(call.integer("to"))
    return Canonical("Cast", {"to": wanted} if wanted else {})


def _arg(call: Call) -> Canonical:
    return Canonical(call.op, {"axis": call.integer("axis", -1), "keepdims": call.integer("keepdims", 1)})


def _reduction(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"keepdims": call.integer("keepdims", 1)}
    axes = call.integers("axes")
    return Canonical(call.op, found | ({"axes": axes} if axes else {}))


def _shuffle(call: Call) -> Canonical:
    return Canonical("ShuffleChannel", {"group": call.integer("group", 1), **_layout(call)})


def _roi(call: Call) -> Canonical:
    found: dict[str, Attribute] = {
        "output_height": call.integer("pooled_h", 1), "output_width": call.integer("pooled_w", 1), **_layout(call),
    }  # fmt: skip
    return Canonical("RoiAlign", found)


def _tile(call: Call) -> Canonical:
    behind = max(3 - call.integer("axis"), 0)
    return Canonical("Tile", {"repeats": (call.integer("tiles", 1), *(1,) * behind)}, (0,))


def _top_k(call: Call) -> Canonical:
    return Canonical("TopK", {"axis": call.integer("axis", -1), "k": call.integer("k")})


def _fill(call: Call) -> Canonical:
    shape = call.integers("shape")
    return Canonical("ConstantOfShape", {"shape": shape} if shape else {})


KINDS: Final[Mapping[str, str]] = {
    "Abs": "Abs", "AffineChannel": "BatchNormalization", "Alias": "Identity", "And": "And", "Asin": "Asin",
    "BBoxTransform": "DetectionOutput", "BoxWithNMSLimit": "NonMaxSuppression", "Ceil": "Ceil", "Copy": "Identity",
    "CopyCPUToGPU": "Identity", "CopyFromCPUInput": "Identity", "CopyGPUToCPU": "Identity", "Cos": "Cos",
    "Dropout": "Dropout", "EQ": "Equal", "EnsureCPUOutput": "Identity", "Exp": "Exp", "Expand": "Expand",
    "FlattenToVec": "Reshape", "Floor": "Floor", "GE": "GreaterOrEqual", "GT": "Greater",
    "GenerateProposals": "Proposal", "Int8Dequantize": "DequantizeLinear", "Int8Quantize": "QuantizeLinear",
    "LE": "LessOrEqual", "LT": "Less", "Log": "Log", "Max": "Max", "Mean": "Mean", "Min": "Min", "NE": "NotEqual",
    "Negative": "Neg", "Normalize": "Normalize", "Not": "Not", "Or": "Or", "Pow": "Pow",
    "RecurrentNetwork": "LSTM", "Relu": "Relu", "RoIPool": "MaxRoiPool", "Shape": "Shape", "Sigmoid": "Sigmoid",
    "Sin": "Sin", "Size": "Size", "Softplus": "Softplus", "Softsign": "Softsign", "Sqr": "Square", "Sqrt": "Sqrt",
    "StopGradient": "Identity", "Swish": "Swish", "Tanh": "Tanh", "Where": "Where",
}  # fmt: skip
"""Operators without arguments that matter for shapes and cost."""

_RULES: Final[Mapping[str, Rule]] = {
    "Add": _arithmetic,
    "AddRelu": _arithmetic,
    "ArgMax": _arg,
    "ArgMin": _arg,
    "AveragePool": _pool,
    "AveragePool2D": _pool,
    "AveragePoolRelu": _pool,
    "BatchMatMul": _matmul,
    "Cast": _cast,
    "ChannelShuffle": _shuffle,
    "Clip": _clip,
    "Concat": _concat,
    "ConstantFill": _fill,
    "Conv": _convolution,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "ConvRelu": _convolution,
    "ConvTranspose": _convolution,
    "DepthConcat": _concat,
    "Div": _arithmetic,
    "Elu": _alpha("Elu", 1.0),
    "ExpandDims": _dims("Unsqueeze"),
    "FC": _dense,
    "FCRelu": _dense,
    "FCTransposed": _dense,
    "Flatten": _axis("Flatten", 1),
    "Gather": _axis("Gather", 0),
    "GroupNorm": _normalise("GroupNormalization"),
    "HardSigmoid": _hard_sigmoid,
    "InstanceNorm": _normalise("InstanceNormalization"),
    "LRN": _lrn,
    "LayerNorm": _normalise("LayerNormalization"),
    "LeakyRelu": _alpha("LeakyRelu", 0.01),
    "MatMul": _matmul,
    "MaxPool": _pool,
    "MaxPool2D": _pool,
    "MaxPoolRelu": _pool,
    "Mul": _arithmetic,
    "NCHW2NHWC": _turn(0, 2, 3, 1),
    "NHWC2NCHW": _turn(0, 3, 1, 2),
    "PRelu": _prelu,
    "PadImage": _pad,
    "ReduceMax": _reduction,
    "ReduceMean": _reduction,
    "ReduceMin": _reduction,
    "ReduceSum": _reduction,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "ResizeNearest": _resize,
    "RoIAlign": _roi,
    "Selu": _alpha("Selu", 1.6732632),
    "Slice": _slice,
    "Softmax": _axis("Softmax", 1),
    "SpatialBN": _normalise("BatchNormalization"),
    "Split": _split,
    "Squeeze": _dims("Squeeze"),
    "Sub": _arithmetic,
    "Sum": _sum,
    "SumRelu": _sum,
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": _transpose,
    "UpsampleNearest": _resize,
}
