"""MindSpore Lite's primitives: the fields of their tables that matter, and their ONNX counterparts.

Fields by number from ops.fbs (https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/ops.fbs) for
MSL2, and from ops.fbs of releases 0.7 to 1.0 for the older schemas, whose primitives have other names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, DType

DTYPES: Final = {
    12: DType.STRING, 30: DType.BOOL, 32: DType.INT8, 33: DType.INT16, 34: DType.INT32, 35: DType.INT64,
    37: DType.UINT8, 38: DType.UINT16, 39: DType.UINT32, 40: DType.UINT64, 42: DType.FLOAT16, 43: DType.FLOAT32,
    44: DType.FLOAT64, 45: DType.BFLOAT16,
}  # fmt: skip
"""Element type by number (`TypeId` of mindspore/core)."""
LAYOUTS: Final = {
    3: "HWOI", 4: "HWIO", 5: "OIHW", 6: "IOHW", 7: "OHWI", 8: "IHWO",
}  # fmt: skip
"""Order of a kernel's axes by `Format` of its tensor (K: outputs, C: inputs)."""
_NHWC: Final = 1
_ACTIVATIONS: Final = (
    "", "Relu", "Sigmoid", "Clip", "Elu", "LeakyRelu", "Abs", "Clip", "Softsign", "Softplus", "Tanh", "Selu",
    "HardSwish", "HardSigmoid", "ThresholdedRelu", "", "Clip", "Sign", "Swish", "Gelu", "FastGelu",
)  # fmt: skip
"""By number of `ActivationType`."""
_REDUCTIONS: Final = ("Mean", "Max", "Min", "Prod", "Sum", "SumSquare", "L1", "All", "L2")
_WINDOW: Final = (
    ("format", 0, "i"), ("kernel", 1, "vq"), ("strides", 2, "vq"), ("dilations", 3, "vq"), ("pad_mode", 4, "b"),
)  # fmt: skip
_POOL: Final = (
    ("kernel", 0, "vq"), ("strides", 1, "vq"), ("pad", 2, "vq"), ("pad_mode", 3, "b"), ("ceil_mode", 4, "b"),
    ("format", 5, "i"), ("global", 6, "?"), ("activation", 7, "b"),
)  # fmt: skip
_ACTIVATED: Final = (("activation", 0, "b"),)
_AXIS: Final = (("axis", 0, "q"),)
_AXES: Final = (("axes", 0, "vq"),)
_EPSILON: Final = (("epsilon", 0, "f"),)
_OLD_WINDOW: Final = ("kernel_w", "kernel_h", "stride_w", "stride_h")
_OLD_PADS: Final = ("pad_up", "pad_down", "pad_left", "pad_right")


def _old(*names: str) -> tuple[tuple[str, int, str], ...]:
    """Fields of an old primitive, all 32-bit numbers but for the enumerations and truth values."""
    codes = {"pad_mode": "b", "activation": "b", "has_bias": "?", "ceil_mode": "b", "pool_mode": "b", "global": "?"}
    return tuple((name, place, codes.get(name, "i")) for place, name in enumerate(names))


FIELDS: Final[Mapping[str, tuple[tuple[str, int, str], ...]]] = {
    "Activation": (("activation", 0, "b"), ("alpha", 1, "f"), ("min", 2, "f"), ("max", 3, "f")),
    "ArgMaxFusion": (("axis", 0, "q"), ("keepdims", 2, "?")),
    "ArgMinFusion": (("axis", 0, "q"), ("keepdims", 2, "?")),
    "Attention": (("num_heads", 0, "q"),),
    "AvgPoolFusion": _POOL,
    "MaxPoolFusion": _POOL,
    "BatchNorm": _EPSILON,
    "FusedBatchNorm": _EPSILON,
    "InstanceNorm": _EPSILON,
    "BroadcastTo": (("shape", 0, "vq"),),
    "Clip": (("max", 0, "f"), ("min", 1, "f")),
    "Concat": _AXIS,
    "Conv2DFusion": (*_WINDOW, ("pad", 5, "vq"), ("group", 7, "q"), ("channels", 9, "q"), ("activation", 10, "b")),
    "Conv2dTransposeFusion": (*_WINDOW, ("pad", 6, "vq"), ("group", 8, "q"), ("channels", 10, "q"),
                              ("activation", 11, "b"), ("output_padding", 12, "vq")),
    "DepthToSpace": (("blocksize", 0, "q"), ("format", 1, "i")),
    "SpaceToDepth": (("blocksize", 0, "q"), ("format", 1, "i")),
    "Eltwise": (("mode", 0, "b"),),
    "Elu": (("alpha", 0, "f"),),
    "LeakyRelu": (("alpha", 0, "f"),),
    "Flatten": _AXIS,
    "FullConnection": (("has_bias", 0, "?"), ("use_axis", 1, "?"), ("axis", 2, "q"), ("activation", 3, "b")),
    "GroupNormFusion": (("num_groups", 0, "q"), ("epsilon", 1, "f")),
    "L2NormalizeFusion": (("axes", 0, "vq"), ("activation", 2, "b")),
    "LayerNormFusion": (("axis", 0, "q"), ("epsilon", 1, "f")),
    "LogSoftmax": _AXIS,
    "LSTM": (("bidirectional", 0, "?"), ("hidden_size", 3, "q"), ("num_layers", 4, "q")),
    "GRU": (("bidirectional", 0, "?"),),
    "MatMulFusion": (("transA", 0, "?"), ("transB", 1, "?"), ("activation", 2, "b")),
    "OneHot": _AXIS,
    "PartialFusion": (("sub_graph", 0, "q"),),
    "QuantDTypeCast": (("from", 0, "q"), ("to", 1, "q")),
    "ReduceFusion": (("keepdims", 0, "?"), ("mode", 1, "b")),
    "Resize": (("format", 0, "i"), ("method", 1, "b"), ("height", 2, "q"), ("width", 3, "q")),
    "ScaleFusion": (("axis", 0, "q"), ("activation", 1, "b")),
    "SliceFusion": _AXES,
    "Softmax": _AXES,
    "Split": (("parts", 0, "q"), ("split", 1, "vq"), ("axis", 2, "q")),
    "Squeeze": _AXES,
    "Unsqueeze": _AXES,
    "Stack": _AXIS,
    "Unstack": _AXIS,
    "StridedSlice": (("begin_mask", 0, "q"), ("end_mask", 1, "q"), ("ellipsis_mask", 2, "q"), ("new_axis_mask", 3, "q"),
                     ("shrink_axis_mask", 4, "q")),
    "TopKFusion": (("axis", 1, "q"),),
    **dict.fromkeys(("AddFusion", "SubFusion", "MulFusion", "DivFusion"), _ACTIVATED),
}  # fmt: skip
"""By primitive of MSL2: `(our name, field, struct code)`; ``v`` marks a vector."""

OLD_FIELDS: Final[Mapping[str, tuple[tuple[str, int, str], ...]]] = {
    "Activation": _ACTIVATED,
    "Concat": (("axis", 0, "i"),),
    "SoftMax": (("axis", 0, "i"),),
    "Conv2D": _old("format", "group", "", "channels", *_OLD_WINDOW, "pad_mode", *_OLD_PADS, "dilate_w", "dilate_h",
                   "has_bias", "activation"),
    "DeConv2D": _old("format", "group", "", "channels", *_OLD_WINDOW, "pad_mode", *_OLD_PADS, "dilate_w", "dilate_h",
                     "has_bias", "activation"),
    "DepthwiseConv2D": _old("format", "group", "multiplier", *_OLD_WINDOW, "pad_mode", *_OLD_PADS, "dilate_w",
                            "dilate_h", "has_bias", "activation"),
    "DeDepthwiseConv2D": _old("format", "group", "multiplier", *_OLD_WINDOW, "pad_mode", *_OLD_PADS, "dilate_w",
                              "dilate_h", "has_bias", "activation"),
    "Pooling": _old("format", "pool_mode", "global", *_OLD_WINDOW, "pad_mode", *_OLD_PADS, "ceil_mode", "activation"),
    "FullConnection": (("has_bias", 0, "?"), ("axis", 1, "i"), ("use_axis", 2, "?"), ("activation", 3, "b")),
    "MatMul": (("transA", 1, "?"), ("transB", 2, "?")),
    "Reshape": (("shape", 1, "vq"),),
    "Transpose": (("perm", 0, "vi"),),
    "Squeeze": (("axes", 0, "vi"),),
    "Unsqueeze": (("axes", 0, "vi"),),
    "ExpandDims": (("axis", 0, "i"),),
    "Stack": (("axis", 0, "i"),),
    "Unstack": (("axis", 1, "i"),),
    "Gather": (("axis", 0, "i"),),
    "Split": (("parts", 0, "i"), ("split", 1, "vi"), ("axis", 2, "i")),
    "Reduce": (("axes", 0, "vi"), ("keepdims", 1, "i"), ("mode", 2, "b")),
    "Mean": (("axes", 0, "vi"), ("keepdims", 1, "?")),
    "Resize": (("format", 0, "i"), ("method", 1, "b"), ("height", 2, "q"), ("width", 3, "q")),
    "QuantDTypeCast": (("from", 0, "i"), ("to", 1, "i")),
    "Cast": (("from", 0, "i"), ("to", 1, "i")),
    "Eltwise": (("mode", 0, "b"),),
    "Pad": (("paddings", 0, "vi"),),
    "Slice": (("axes", 1, "vi"), ("begin", 2, "vi"), ("size", 3, "vi")),
    "DepthToSpace": (("blocksize", 0, "i"), ("format", 1, "i")),
    "SpaceToDepth": (("blocksize", 0, "i"), ("format", 1, "i")),
    "BroadcastTo": (("shape", 0, "vi"),),
    "Clip": (("max", 0, "f"), ("min", 1, "f")),
    "LeakyReLU": (("alpha", 0, "f"),),
    "ArgMax": (("axis", 0, "i"), ("keepdims", 3, "?")),
    "ArgMin": (("axis", 0, "i"), ("keepdims", 3, "?")),
    "Tile": (("repeats", 0, "vi"),),
    "OneHot": (("axis", 0, "i"),),
    "Lstm": (("bidirectional", 0, "?"),),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _ACTIVATED),
}  # fmt: skip
"""The same for the older schemas."""


class Operands(Struct, frozen=True):
    """A primitive with what its table says."""

    kind: str
    fields: Mapping[str, int | float | tuple[int, ...]]
    inputs: tuple[int, ...]
    outputs: int
    values: Callable[[int], tuple[int, ...] | None]
    """Numbers of a small constant, by place in the tensors."""
    layout: Callable[[int], str]
    """Order of a kernel's axes by place in the tensors, empty where the file does not tell."""

    def integer(self, name: str, default: int = 0) -> int:
        """A number of the table."""
        value = self.fields.get(name, default)
        return int(value) if isinstance(value, int) else default

    def integers(self, name: str) -> tuple[int, ...]:
        """A vector of the table."""
        value = self.fields.get(name, ())
        return value if isinstance(value, tuple) else ()

    def constant(self, place: int) -> tuple[int, ...] | None:
        """The numbers that input `place` holds."""
        return self.values(self.inputs[place]) if place < len(self.inputs) else None


class Translated(Struct, frozen=True):
    """Kind, inputs in ONNX's order, attributes."""

    kind: str | None
    inputs: tuple[int, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


Rule = Callable[[Operands], Translated]


def translate(operands: Operands) -> Translated:
    """A primitive in the words of docs/operators.md."""
    rule = _RULES.get(operands.kind)
    if rule is not None:
        return rule(operands)
    kind = _SAME.get(operands.kind)
    known = {key: value for key, value in operands.fields.items() if key in _PLAIN} if kind else {}
    return Translated(kind, operands.inputs, known | _activation(operands))


_PLAIN: Final = frozenset(
    {"axis", "axes", "perm", "alpha", "epsilon", "keepdims", "min", "max", "num_heads", "num_groups"}
)


def _activation(operands: Operands) -> dict[str, Attribute]:
    code = operands.integer("activation")
    name = _ACTIVATIONS[code] if 0 <= code < len(_ACTIVATIONS) else ""
    return {"fused_activation": name} if name else {}


def _layout(operands: Operands) -> dict[str, Attribute]:
    return {"data_layout": "NHWC"} if operands.integer("format") == _NHWC else {}


def _pads(operands: Operands) -> dict[str, Attribute]:
    """Up, down, left, right; the older schemas have more modes."""
    mode = operands.integer("pad_mode")
    if mode in (1, 2, 5):
        return {"auto_pad": {1: "SAME_UPPER", 2: "VALID", 5: "SAME_LOWER"}[mode]}
    sides = operands.integers("pad") or tuple(operands.integer(name) for name in _OLD_PADS)
    return {"pads": (sides[0], sides[2], sides[1], sides[3])} if len(sides) == 4 else {}


def _pair(operands: Operands, name: str, short: str) -> tuple[int, ...]:
    return operands.integers(name) or tuple(operands.integer(f"{short}_{axis}", 1) for axis in "hw")


def _window(operands: Operands) -> dict[str, Attribute]:
    found = _pads(operands) | _layout(operands) | _activation(operands)
    found["kernel_shape"] = _pair(operands, "kernel", "kernel")
    found["strides"] = _pair(operands, "strides", "stride")
    return found


def _convolution(operands: Operands) -> Translated:
    transposed = operands.kind in ("Conv2dTransposeFusion", "DeConv2D", "DeDepthwiseConv2D")
    found = _window(operands) | {"dilations": _pair(operands, "dilations", "dilate")}
    found["group"] = operands.integer("group", 1) or 1
    layout = operands.layout(operands.inputs[1]) if len(operands.inputs) > 1 else ""
    if not layout and operands.integer("format") == _NHWC:
        layout = "IHWO" if transposed else "OHWI"
    found |= {"weight_layout": layout} if layout else {}
    padding = operands.integers("output_padding")
    found |= {"output_padding": padding} if transposed and padding else {}
    return Translated("ConvTranspose" if transposed else "Conv", operands.inputs, found)


def _pool(operands: Operands) -> Translated:
    average = operands.kind == "AvgPoolFusion" or operands.integer("pool_mode") == 1
    kind = "AveragePool" if average else "MaxPool"
    if operands.integer("global"):
        return Translated(f"Global{kind}", operands.inputs, _layout(operands))
    return Translated(kind, operands.inputs, _window(operands) | {"ceil_mode": operands.integer("ceil_mode")})


def _act(operands: Operands) -> Translated:
    code = operands.integer("activation")
    kind = (_ACTIVATIONS[code] if 0 <= code < len(_ACTIVATIONS) else "") or "Identity"
    found: dict[str, Attribute] = {}
    if code == 3:
        found = {"min": 0.0, "max": 6.0}
    elif code in (7, 16):
        found = {"min": -1.0, "max": 1.0}
    elif kind in ("LeakyRelu", "Elu") and isinstance(operands.fields.get("alpha"), float):
        found = {"alpha": operands.fields["alpha"]}
    return Translated(kind, operands.inputs, found)


def _dense(operands: Operands) -> Translated:
    found: dict[str, Attribute] = {"transB": 1} | _activation(operands)
    if operands.integer("use_axis"):
        found["axis"] = operands.integer("axis")
    return Translated("Gemm", operands.inputs, found)


def _matmul(operands: Operands) -> Translated:
    found = {"transA": operands.integer("transA"), "transB": operands.integer("transB")} | _activation(operands)
    return Translated("MatMul", operands.inputs, found)


def _reduce(operands: Operands) -> Translated:
    mode = operands.integer("mode") if operands.kind != "Mean" else 0
    kind = f"Reduce{_REDUCTIONS[mode]}" if 0 <= mode < len(_REDUCTIONS) else "ReduceSum"
    found: dict[str, Attribute] = {"keepdims": operands.integer("keepdims")}
    axes = operands.integers("axes") or operands.constant(1)
    return Translated(kind, operands.inputs, found | ({"axes": axes} if axes else {}))


def _vector(kind: str, name: str, place: int = 1) -> Rule:
    """A list that is a field in older schemas and an input in MSL2."""

    def rule(operands: Operands) -> Translated:
        found = operands.integers(name) or operands.constant(place)
        keep = operands.inputs if kind in ("Reshape", "Tile", "Expand") else operands.inputs[:1]
        return Translated(kind, keep, {name: found} if found else {})

    return rule


def _axis_input(kind: str, place: int, *, listed: bool = False) -> Rule:
    """An axis that is a field or an input behind those of ONNX."""

    def rule(operands: Operands) -> Translated:
        axis = operands.constant(place) or ((operands.integer("axis"),) if "axis" in operands.fields else ())
        name: dict[str, Attribute] = {"axes": axis} if listed else {"axis": axis[0] if axis else 0}
        return Translated(kind, operands.inputs[:place], name if axis else {})

    return rule


def _concat(operands: Operands) -> Translated:
    found: dict[str, Attribute] = {"axis": operands.integer("axis")}
    return Translated("Concat", operands.inputs, found | ({"new_axis": 1} if operands.kind == "Stack" else {}))


def _softmax(operands: Operands) -> Translated:
    axes = operands.integers("axes")
    return Translated("Softmax", operands.inputs, {"axis": axes[0] if axes else operands.integer("axis", -1)})


def _split(operands: Operands) -> Translated:
    found: dict[str, Attribute] = {"axis": operands.integer("axis")}
    if operands.kind == "Unstack":
        return Translated("Split", operands.inputs[:1], found | {"keepdims": 0})
    sizes = operands.integers("split")
    plain = bool(sizes) and min(sizes) >= 0
    found |= {"split": sizes} if plain else {"num_outputs": operands.outputs}
    return Translated("Split", operands.inputs[:1], found)


def _slice(operands: Operands) -> Translated:
    """Begin and size, along `axes`; a size of −1 reaches to the end."""
    begins = operands.integers("begin") or operands.constant(1)
    sizes = operands.integers("size") or operands.constant(2)
    axes = operands.integers("axes")
    if not begins or not sizes:
        return Translated("Slice", operands.inputs[:1])
    ends = tuple(
        begin + size if size >= 0 else 1 << 31 for begin, size in zip(begins, sizes, strict=False)
    )  # fmt: skip
    found: dict[str, Attribute] = {"starts": begins, "ends": ends, "axes": axes or tuple(range(len(begins)))}
    return Translated("Slice", operands.inputs[:1], found)


def _strided_slice(operands: Operands) -> Translated:
    """TensorFlow's masks, a bit for each axis."""
    begins, ends, steps = operands.constant(1), operands.constant(2), operands.constant(3)
    masks = [operands.integer(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")]
    if not begins or not ends or masks[2] or masks[3] or len(begins) != len(ends):
        return Translated("Slice", operands.inputs[:1])
    steps = steps if steps and len(steps) == len(begins) else (1,) * len(begins)
    starts, stops = [], []
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        bit = 1 << axis
        starts.append(0 if masks[0] & bit else begin)
        stops.append(1 << 31 if masks[1] & bit else end)
        if masks[4] & bit:
            starts[-1], stops[-1] = begin, begin + 1 if begin != -1 else 1 << 31
    found: dict[str, Attribute] = {
        "starts": tuple(starts), "ends": tuple(stops), "axes": tuple(range(len(starts))), "steps": steps,
    }  # fmt: skip
    dropped = tuple(axis for axis in range(len(starts)) if masks[4] & 1 << axis)
    return Translated("Slice", operands.inputs[:1], found | ({"squeeze": dropped} if dropped else {}))


def _pad(operands: Operands) -> Translated:
    """Pairs of begin and end for each axis."""
    pads = operands.integers("paddings") or operands.constant(1) or ()
    return Translated("Pad", operands.inputs[:1], {"pads": (*pads[::2], *pads[1::2])} if pads else {})


def _resize(operands: Operands) -> Translated:
    found: dict[str, Attribute] = {"mode": ("linear", "nearest", "cubic", "nearest")[operands.integer("method") % 4]}
    last = operands.integer("format") == _NHWC
    found |= {"axes": (1, 2) if last else (2, 3)} | _layout(operands)
    sizes = (operands.integer("height"), operands.integer("width"))
    wanted = sizes if min(sizes) > 0 else operands.constant(1)
    if wanted and len(wanted) >= 2:
        found["sizes"] = tuple(wanted[-2:])
    return Translated("Resize", operands.inputs[:1], found)


def _cast(kind: str) -> Rule:
    """Element types as numbers, in the table or the second input."""

    def rule(operands: Operands) -> Translated:
        code = operands.integer("to", -1) if "to" in operands.fields else (operands.constant(1) or (-1,))[0]
        dtype = DTYPES.get(code)
        chosen = kind
        if kind == "QuantizeLinear":
            source = DTYPES.get(operands.integer("from", -1), DType.UNKNOWN)
            chosen = "DequantizeLinear" if dtype in (DType.FLOAT32, DType.FLOAT16) else kind
            chosen = "Cast" if not source.startswith("float") and chosen == kind else chosen
        return Translated(chosen, operands.inputs[:1], {"to": str(dtype)} if dtype else {})

    return rule


def _eltwise(operands: Operands) -> Translated:
    return Translated(("Mul", "Add", "Max", "Add")[operands.integer("mode") % 4], operands.inputs)


def _block(kind: str) -> Rule:
    def rule(operands: Operands) -> Translated:
        return Translated(kind, operands.inputs, {"blocksize": operands.integer("blocksize", 1)} | _layout(operands))

    return rule


def _recurrent(kind: str) -> Rule:
    def rule(operands: Operands) -> Translated:
        found: dict[str, Attribute] = {
            "direction": "bidirectional" if operands.integer("bidirectional") else "forward",
        }
        hidden = operands.integer("hidden_size")
        return Translated(kind, operands.inputs, found | ({"hidden_size": hidden} if hidden else {}))

    return rule


def _nhwc(perm: tuple[int, ...]) -> Rule:
    return lambda operands: Translated("Transpose", operands.inputs, {"perm": perm})


_SAME: Final[Mapping[str, str]] = {
    **{name: name for name in (
        "Abs", "Assign", "BatchNormalization", "Ceil", "Clip", "ConstantOfShape", "Cos", "Crop", "CumSum", "Dropout",
        "Equal", "Erf", "Exp", "Flatten", "Floor", "FloorDiv", "Greater", "Identity", "LRN", "Less", "Log", "Log1p",
        "LogSoftmax", "Mod", "Neg", "NonMaxSuppression", "NonZero", "NotEqual", "OneHot", "PriorBox", "Proposal",
        "Range", "Rank", "Reciprocal", "ReverseSequence", "Round", "Rsqrt", "Shape", "Sin", "Size", "Sqrt", "Square",
        "SquaredDifference", "Unique", "Where", "Elu", "Atan", "Asin", "Tan", "Mfcc", "Custom", "Attention", "GLU",
        "SparseToDense",
    )},
    "AddFusion": "Add", "AddN": "Sum", "Adder": "Conv", "AdderFusion": "Conv", "All": "ReduceAll", "ArgMax": "ArgMax",
    "ArgMaxFusion": "ArgMax", "ArgMin": "ArgMin", "ArgMinFusion": "ArgMin", "AssignAdd": "Assign", "Assert": "NoOp",
    "AudioSpectrogram": "Spectrogram", "BatchNorm": "BatchNormalization", "FusedBatchNorm": "BatchNormalization",
    "BatchToSpace": "BatchToSpace", "BatchToSpaceND": "BatchToSpace", "SpaceToBatch": "SpaceToBatch",
    "SpaceToBatchND": "SpaceToBatch", "BiasAdd": "Add", "Broadcast": "Expand", "Add": "Add", "Sub": "Sub",
    "Mul": "Mul", "Div": "Div", "SubFusion": "Sub", "MulFusion": "Mul", "DivFusion": "Div", "RealDiv": "Div",
    "Call": "Call", "PartialFusion": "Call", "Partial": "Call", "Switch": "If", "SwitchLayer": "If", "Depend": "Identity",
    "DetectionPostProcess": "DetectionOutput", "DynamicQuant": "DynamicQuantizeLinear", "EmbeddingLookup": "Gather",
    "EmbeddingLookupFusion": "Gather", "ExpFusion": "Exp", "FakeQuantWithMinMaxVars": "FakeQuant",
    "FakeQuantWithMinMax": "FakeQuant", "FakeQuantWithMinMaxVarsPerChannel": "FakeQuant",
    "FakeQuantWithMinMaxPerChannel": "FakeQuant", "FftImag": "DFT", "FftReal": "DFT", "Rfft": "DFT",
    "Fill": "ConstantOfShape", "FillV2": "ConstantOfShape", "FloorMod": "Mod", "FormatTranspose": "Transpose",
    "GatherD": "GatherElements", "GatherNd": "GatherND", "GeLU": "Gelu", "GreaterEqual": "GreaterOrEqual",
    "GroupNormFusion": "GroupNormalization", "HashtableLookup": "Hashtable", "InstanceNorm": "InstanceNormalization",
    "InvertPermutation": "Custom", "IsFinite": "IsInf", "L2Norm": "Normalize", "L2NormalizeFusion": "Normalize",
    "LayerNorm": "LayerNormalization", "LayerNormFusion": "LayerNormalization", "LeakyReLU": "LeakyRelu",
    "LeakyRelu": "LeakyRelu", "LessEqual": "LessOrEqual", "LinSpace": "Range", "LogicalAnd": "And",
    "LogicalNot": "Not", "LogicalOr": "Or", "LogicalXor": "Xor", "LpNormalization": "LpNormalization", "Lrn": "LRN",
    "LocalResponseNormalization": "LRN", "LshProjection": "Custom", "MakeTuple": "NoOp", "TupleGetItem": "NoOp",
    "Return": "NoOp", "NetOutput": "Output", "Maximum": "Max", "Minimum": "Min", "Min": "Min", "OnesLike": "ZerosLike",
    "ZerosLike": "ZerosLike", "PReLU": "PRelu", "PReLUFusion": "PRelu", "PowFusion": "Pow", "Power": "Pow",
    "ROIPooling": "MaxRoiPool", "RaggedRange": "Range", "RandomNormal": "RandomNormal",
    "RandomStandardNormal": "RandomNormal", "UniformReal": "RandomUniform", "Reverse": "Reverse", "ReverseV2": "Reverse",
    "Scale": "Scale", "ScaleFusion": "Scale", "Scatter": "ScatterElements", "ScatterElements": "ScatterElements",
    "ScatterND": "ScatterND", "ScatterNd": "ScatterND", "ScatterNdUpdate": "ScatterND", "Select": "Where",
    "SkipGram": "Custom", "Splice": "Im2Col", "TensorArray": "SequenceEmpty", "TensorArrayRead": "SequenceAt",
    "TensorArrayWrite": "SequenceInsert", "TensorListFromTensor": "SplitToSequence", "TensorListGetItem": "SequenceAt",
    "TensorListReserve": "SequenceEmpty", "TensorListSetItem": "SequenceInsert", "TensorScatterAdd": "ScatterND",
    "TensorListStack": "ConcatFromSequence", "ToFormat": "Cast", "TopK": "TopK", "TopKFusion": "TopK", "Tril": "Trilu",
    "Triu": "Trilu", "UnsortedSegmentSum": "SegmentSum", "SparseSegmentSum": "SegmentSum", "Upsample": "Resize",
    "CropAndResize": "CropAndResize", "OnnxInt8Quantize": "QuantizeLinear", "OnnxInt8Dequantize": "DequantizeLinear",
    "CustomPredict": "Custom", "CustomNormalize": "Custom", "CustomExtractFeatures": "Custom", "GenOP": "Custom",
    "SparseReshape": "Custom", "SparseFillEmptyRows": "Custom", "SplitWithOverlap": "Split", "Affine": "Gemm",
    "Loop": "Loop", "While": "Loop", "Constant": "Constant", "EmbeddingLookupSparse": "EmbeddingBag",
    "MatrixDiag": "MatrixDiag", "BlackBox": "Delegate", "Merge": "If", "ControlDepend": "NoOp",
}  # fmt: skip
_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("Conv2DFusion", "Conv2dTransposeFusion", "Conv2D", "DeConv2D", "DepthwiseConv2D",
                     "DeDepthwiseConv2D"), _convolution),
    **dict.fromkeys(("AvgPoolFusion", "MaxPoolFusion", "Pooling"), _pool),
    "Activation": _act,
    "FullConnection": _dense,
    "MatMulFusion": _matmul,
    "MatMul": _matmul,
    "ReduceFusion": _reduce,
    "Reduce": _reduce,
    "Mean": _reduce,
    "Reshape": _vector("Reshape", "shape"),
    "BroadcastTo": _vector("Expand", "shape"),
    "Transpose": _vector("Transpose", "perm"),
    "TileFusion": _vector("Tile", "repeats"),
    "Tile": _vector("Tile", "repeats"),
    "Nchw2Nhwc": _nhwc((0, 2, 3, 1)),
    "Nhwc2Nchw": _nhwc((0, 3, 1, 2)),
    "Permute": _vector("Transpose", "perm"),
    "ExpandDims": _axis_input("Unsqueeze", 1, listed=True),
    "Gather": _axis_input("Gather", 2),
    "Concat": _concat,
    "Stack": _concat,
    "Softmax": _softmax,
    "SoftMax": _softmax,
    "Split": _split,
    "Unstack": _split,
    "Slice": _slice,
    "SliceFusion": _slice,
    "StridedSlice": _strided_slice,
    "Pad": _pad,
    "PadFusion": _pad,
    "Resize": _resize,
    "Cast": _cast("Cast"),
    "QuantDTypeCast": _cast("QuantizeLinear"),
    "Eltwise": _eltwise,
    "DepthToSpace": _block("DepthToSpace"),
    "SpaceToDepth": _block("SpaceToDepth"),
    "LSTM": _recurrent("LSTM"),
    "Lstm": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "Squeeze": lambda operands: Translated(
        "Squeeze", operands.inputs[:1], {"axes": operands.integers("axes")} if operands.integers("axes") else {}
    ),
    "Unsqueeze": lambda operands: Translated(
        "Unsqueeze", operands.inputs[:1], {"axes": operands.integers("axes")} if operands.integers("axes") else {}
    ),
}  # fmt: skip
