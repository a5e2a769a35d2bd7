"""Tengine: parameters of each operator in ONNX's words.

Fields as in `_tengine_ops`; their meaning from `infer_shape` in
https://github.com/OAID/Tengine/tree/tengine-lite/source/operator/prototype. Data are NCHW, whatever the source had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute

Value = int | float | str | tuple[int, ...]
_UNBOUNDED: Final = (1 << 31) - 1
_UNUSED: Final = -2
"""A dimension that is not given."""
_ACTIVATIONS: Final = {0: "Relu", 1: "Clip", 6: "Clip"}
_CEIL_FLAVOUR, _TOTAL_FLAVOUR = 1, 2
_FROM_NHWC: Final = {1: 2, 2: 3, 3: 1}
"""Axes of TensorFlow's order, as the runtime turns them when the model is loaded."""
_UNARY: Final = (
    "Abs", "Neg", "Floor", "Ceil", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan",
    "Reciprocal", "Tanh",
)  # fmt: skip
_ELTWISE: Final = {
    0: "Mul", 1: "Mul", 2: "Add", 3: "Add", 4: "Sub", 5: "Sub", 6: "Max", 7: "Rsqrt", 8: "Min", 10: "Div", 11: "Log",
    12: "Exp", 13: "Sqrt", 14: "Floor", 15: "Square", 16: "Pow", 17: "Pow",
}  # fmt: skip
_REDUCTIONS: Final = {
    0: "ReduceSum", 1: "ReduceMean", 2: "ReduceL1", 3: "ReduceSumSquare", 4: "ReduceMax", 5: "ReduceMin",
    6: "ReduceProd", 7: "ReduceL2", 9: "ReduceLogSum", 10: "ReduceLogSumExp",
}  # fmt: skip
_COMPARISONS: Final = ("Equal", "NotEqual", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
_TYPES: Final = ("float32", "float16", "int8", "uint8", "int32", "int16")


class Call(NamedTuple):
    """An operator with its fields."""

    op: str
    fields: Mapping[str, Value]
    inputs: int
    outputs: int
    nhwc: bool
    """The model was written for TensorFlow's order of axes."""

    def integer(self, name: str, default: int = 0) -> int:
        """An integer field; `default` where the file has no parameters."""
        value = self.fields.get(name, default)
        return value if isinstance(value, int) else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A float field."""
        value = self.fields.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def vector(self, name: str) -> tuple[int, ...]:
        """A vector of integers."""
        value = self.fields.get(name, ())
        return value if isinstance(value, tuple) else ()


class Canonical(NamedTuple):
    """The same operation in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]


Rule = Callable[[Call], Canonical]


def translate(call: Call) -> Canonical:
    """Kind and attributes of an operator."""
    rule = _RULES.get(call.op)
    return rule(call) if rule is not None else Canonical(KINDS.get(call.op), {})


def _window(call: Call) -> dict[str, Attribute]:
    return {
        "kernel_shape": (call.integer("kernel_h") or 1, call.integer("kernel_w") or 1),
        "strides": (call.integer("stride_h") or 1, call.integer("stride_w") or 1),
    }


def _pads(call: Call) -> dict[str, Attribute]:
    """Begins below 0 mean SAME: −1 with the odd pixel at the end, −2 in front."""
    high, wide = call.integer("pad_h0"), call.integer("pad_w0")
    if min(high, wide) < 0:
        return {"auto_pad": "SAME_UPPER" if min(high, wide) == -1 else "SAME_LOWER"}
    return {"pads": (high, wide, call.integer("pad_h1"), call.integer("pad_w1"))}


def _convolution(call: Call) -> Canonical:
    found = _window(call) | {
        "dilations": (call.integer("dilation_h") or 1, call.integer("dilation_w") or 1),
        "group": call.integer("group", 1),
        "channels": call.integer("output_channel") or call.integer("num_output"),
        **_pads(call),
    }
    activation = _ACTIVATIONS.get(call.integer("activation", -1))
    if activation:
        found["fused_activation"] = activation
    if call.op != "Deconvolution":
        return Canonical("Conv", found)
    extra = call.integer("output_pad_h0"), call.integer("output_pad_w0")
    return Canonical("ConvTranspose", found | ({"output_padding": extra} if any(extra) else {}))


def _pooling(call: Call) -> Canonical:
    """Flavour 1 rounds up as Caffe does, flavour 2 gives the padding of both sides together."""
    name = "AveragePool" if call.integer("alg") == 1 else "MaxPool"
    if call.integer("global"):
        return Canonical(f"Global{name}", {})
    found, flavour = _window(call), call.integer("caffe_flavor")
    high, wide = call.integer("pad_h0"), call.integer("pad_w0")
    if min(high, wide) < 0:
        return Canonical(name, found | {"auto_pad": "SAME_UPPER"})
    if flavour == _TOTAL_FLAVOUR:
        return Canonical(name, found | {"pads": (high // 2, wide // 2, high - high // 2, wide - wide // 2)})
    return Canonical(name, found | {"pads": (high, wide, high, wide), "ceil_mode": int(flavour == _CEIL_FLAVOUR)})


def _lp_pool(call: Call) -> Canonical:
    return Canonical("LpPool", _window(call) | {"auto_pad": "VALID" if call.integer("padding") == 1 else "SAME_UPPER"})


def _dense(call: Call) -> Canonical:
    return Canonical("Gemm", {"axis": 1, "transB": 1, "channels": call.integer("num_output")})


def _gemm(call: Call) -> Canonical:
    return Canonical("Gemm", {"transA": call.integer("transA"), "transB": call.integer("transB")})


def _recurrent(call: Call) -> Canonical:
    return Canonical(call.op, {"hidden_size": call.integer("hidden_size")})


def _table(kinds: Mapping[int, str] | tuple[str, ...]) -> Rule:
    """Operators whose field `type` chooses the operation."""
    numbered = dict(enumerate(kinds)) if isinstance(kinds, tuple) else kinds
    return lambda call: Canonical(numbered.get(call.integer("type")), {})


def _relu(call: Call) -> Canonical:
    slope = call.real("negative_slope")
    return Canonical("LeakyRelu", {"alpha": slope}) if slope else Canonical("Relu", {})


def _clip(low: float, high: float) -> Rule:
    return lambda call: Canonical("Clip", {"min": call.real("min", low), "max": call.real("max", high)})


def _hard(kind: str) -> Rule:
    return lambda call: Canonical(kind, {"alpha": call.real("alpha"), "beta": call.real("beta")})


def _axis(kind: str, **more: Attribute) -> Rule:
    return lambda call: Canonical(kind, {"axis": call.integer("axis"), **more})


def _concat(call: Call) -> Canonical:
    axis = call.integer("axis")
    return Canonical("Concat", {"axis": _FROM_NHWC.get(axis, axis) if call.nhwc else axis})


def _normalise(kind: str) -> Rule:
    return lambda call: Canonical(kind, {"epsilon": call.real("eps", 1e-5)})


def _fused_norm(_call: Call) -> Canonical:
    return Canonical("BatchNormalization", {"fused_activation": "Relu"})


def _lrn(call: Call) -> Canonical:
    found: dict[str, Attribute] = {
        "size": call.integer("local_size"), "alpha": call.real("alpha"), "beta": call.real("beta"),
    }  # fmt: skip
    return Canonical("LRN", found)


def _flatten(call: Call) -> Canonical:
    """The axes behind `end_axis`, which nearly always is the last one, would be dropped."""
    return Canonical("Flatten", {"axis": call.integer("axis", 1)})


def _reshape(call: Call) -> Canonical:
    """0 copies an axis (models from Caffe have it for the batch only), −1 is the rest; MXNet's −2 to −4 are rare."""
    shape = call.vector("shape")
    if not shape or min(shape) < -1 or call.integer("reverse"):
        return Canonical("Reshape", {})
    if not call.integer("is_mxnet") and not call.integer("is_onnx"):
        shape = (*shape[:1], *(size for size in shape[1:] if size))
    return Canonical("Reshape", {"shape": shape})


def _permute(call: Call) -> Canonical:
    return Canonical("Transpose", {"perm": tuple(call.integer(f"order{at}") for at in range(4))})


def _transpose(call: Call) -> Canonical:
    return Canonical("Transpose", {"perm": call.vector("perm")} if call.vector("perm") else {})


def _swap(call: Call) -> Canonical:
    perm, (left, right) = [0, 1, 2, 3], (call.integer("dim_0"), call.integer("dim_1"))
    if not (0 <= left < 4 and 0 <= right < 4):
        return Canonical("Transpose", {})
    perm[left], perm[right] = perm[right], perm[left]
    return Canonical("Transpose", {"perm": tuple(perm)})


def _given(call: Call) -> tuple[int, ...]:
    dims = (call.integer(f"dim_{at}", _UNUSED) for at in range(4))
    return tuple(dim for dim in dims if dim != _UNUSED)


def _squeeze(call: Call) -> Canonical:
    return Canonical("Squeeze", {"axes": _given(call)} if _given(call) else {})


def _unsqueeze(call: Call) -> Canonical:
    axes = call.vector("axes") if call.op == "Unsqueeze" else (call.integer("axis"),)
    return Canonical("Unsqueeze", {"axes": axes})


def _reduction(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"keepdims": call.integer("keepdims")}
    return Canonical(_REDUCTIONS.get(call.integer("type")), found | ({"axes": _given(call)} if _given(call) else {}))


def _reduce_l2(call: Call) -> Canonical:
    return Canonical("ReduceL2", {"axes": (call.integer("axis"),), "keepdims": call.integer("keepdims")})


def _arg(call: Call) -> Canonical:
    return Canonical(call.op, {"axis": call.integer("axis"), "keepdims": call.integer("keepdims")})


def _slice(call: Call) -> Canonical:
    """Caffe's cuts into several; the others take a piece."""
    axis, points = call.integer("axis"), call.vector("slice_points")
    if call.integer("iscaffe"):
        if not points:
            return Canonical("Split", {"axis": axis, "num_outputs": call.outputs})
        before = (0, *points)
        cuts = tuple(point - start for start, point in zip(before, points, strict=False))
        return Canonical("Split", {"axis": axis, "split": (*cuts, -1)})
    if call.integer("ismxnet") or call.integer("isonnx"):
        begin, end, step = call.integer("begin"), call.integer("end"), max(call.integer("step", 1), 1)
        found: dict[str, Attribute] = {"starts": (begin,), "ends": (end or _UNBOUNDED,), "axes": (axis,)}
        return Canonical("Slice", found | {"steps": (step,)})
    begins, sizes = call.vector("begins"), call.vector("sizes")
    ends = tuple(begin + size for begin, size in zip(begins, sizes, strict=False))
    return Canonical("Slice", {"starts": begins[: len(ends)], "ends": ends, "axes": tuple(range(len(ends)))})


def _split(call: Call) -> Canonical:
    sizes, flags = call.vector("split_sizes"), call.integer("flags")
    if flags & 0xFF:
        return Canonical("Identity", {})
    found: dict[str, Attribute] = {"axis": call.integer("axis")}
    return Canonical("Split", found | ({"split": sizes} if sizes else {"num_outputs": call.outputs}))


def _strided_slice(call: Call) -> Canonical:
    """What the fields give is cut off: their difference, for each axis."""
    starts, ends, steps = [], [], []
    for axis in "nchw":
        begin, end = call.integer(f"begin_{axis}"), call.integer(f"end_{axis}")
        starts.append(begin)
        ends.append(end if end < 0 else _UNBOUNDED if end == 0 else end)
        steps.append(max(call.integer(f"stride_{axis}", 1), 1))
    return Canonical(
        "Slice", {"starts": tuple(starts), "ends": tuple(ends), "axes": (0, 1, 2, 3), "steps": tuple(steps)}
    )


def _pad(call: Call) -> Canonical:
    sides = [tuple(call.integer(f"{axis}_{side}") for axis in "nchw") for side in (0, 1)]
    mode = ("constant", "edge", "reflect")[min(max(call.integer("mode"), 0), 2)]
    return Canonical("Pad", {"mode": mode, "pads": (*sides[0], *sides[1])})


def _resize(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"mode": "nearest" if call.integer("type") == 0 else "linear"}
    wide = call.real("scale_x", call.real("scale"))
    high = call.real("scale_y", call.real("scale"))
    return Canonical("Resize", found | ({"scales": (1.0, 1.0, high, wide)} if min(high, wide) > 0 else {}))


def _interp(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"mode": {1: "nearest", 3: "cubic"}.get(call.integer("resize_type"), "linear")}
    high, wide = call.real("height_scale"), call.real("width_scale")
    if high and wide:
        return Canonical("Resize", found | {"scales": (1.0, 1.0, high, wide)})
    return Canonical(
        "Resize", found | {"axes": (2, 3), "sizes": (call.integer("output_height"), call.integer("output_width"))}
    )


def _crop(call: Call) -> Canonical:
    """To height and width of the second input, or to given ones; batch and channels are those of the second input."""
    if call.integer("flag") == 1 and call.integer("num_args") == 1:
        return Canonical("Crop", {"sizes": (call.integer("crop_h"), call.integer("crop_w"))})
    return Canonical("Crop", {"axis": 2, "offset": (call.integer("offset_h"), call.integer("offset_w"))})


def _prior_box(call: Call) -> Canonical:
    smallest, largest, ratios = (len(call.vector(name)) for name in ("min_size", "max_size", "aspect_ratio"))
    each = ratios * (2 if call.integer("flip") else 1) + 1 + (1 if largest else 0)
    return Canonical("PriorBox", {"num_priors": each * smallest})


def _detection(call: Call) -> Canonical:
    return Canonical("DetectionOutput", {"keep_top_k": call.integer("keep_top_k", -1)})


def _blocks(call: Call) -> Canonical:
    return Canonical(call.op, {"blocksize": call.integer("block_size")})


def _batches(call: Call) -> Canonical:
    kind, side = ("SpaceToBatch", "pad") if call.op == "SpaceToBatchND" else ("BatchToSpace", "crop")
    edges = tuple(call.integer(f"{side}_{name}") for name in ("top", "left", "bottom", "right"))
    return Canonical(kind, {"blocks": (call.integer("dilation_y"), call.integer("dilation_x")), "pads": edges})


def _roi(call: Call) -> Canonical:
    high, wide = call.integer("pooled_h"), call.integer("pooled_w")
    if call.op == "ROIAlign":
        return Canonical("RoiAlign", {"output_height": high, "output_width": wide})
    kind = "MaxRoiPool" if call.op == "RoiPooling" else "PSRoiPool"
    return Canonical(kind, {"pooled_shape": (high, wide)})


def _shuffle(call: Call) -> Canonical:
    return Canonical("ShuffleChannel", {"group": call.integer("group", 1)})


def _reorg(call: Call) -> Canonical:
    return Canonical("Reorg", {"blocksize": call.integer("stride")})


def _tile(call: Call) -> Canonical:
    return Canonical("Tile", {"repeats": call.vector("reps")} if call.vector("reps") else {})


def _expand(call: Call) -> Canonical:
    return Canonical("Expand", {"shape": call.vector("shape")} if call.vector("shape") else {})


def _cast(call: Call) -> Canonical:
    code = call.integer("type_to")
    return Canonical("Cast", {"to": _TYPES[code]} if 0 <= code < len(_TYPES) else {})


def _alpha(call: Call) -> Canonical:
    return Canonical("Elu", {"alpha": call.real("alpha", 1.0)})


def _logical(call: Call) -> Canonical:
    return Canonical("And" if call.integer("type") == 0 else "Or", {})


KINDS: Final[Mapping[str, str]] = {
    "Absval": "Abs", "Accuracy": "Custom", "Addn": "Sum", "Bias": "Add", "BroadMul": "Mul", "Ceil": "Ceil",
    "DetectionPostProcess": "DetectionOutput", "DropOut": "Dropout", "Embed": "Gather", "Gelu": "Gelu",
    "Generic": "Custom", "L2Normalization": "Normalize", "Logistic": "Sigmoid", "MVN": "MeanVarianceNormalization",
    "MatMul": "MatMul", "Max": "Max", "Mean": "Mean", "Min": "Min", "Mish": "Mish", "Noop": "Identity",
    "Normalize": "Normalize", "Prelu": "PRelu", "RPN": "Proposal", "Reciprocal": "Reciprocal", "Region": "Region",
    "Reverse": "Reverse", "Round": "Round", "SELU": "Selu", "Shape": "Shape", "Sigmoid": "Sigmoid",
    "Softplus": "Softplus", "SparseToDense": "ScatterND", "SpatialTransformer": "GridSample",
    "SquaredDifference": "SquaredDifference", "TanH": "Tanh", "Threshold": "Threshold", "Where": "Where",
    "ZerosLike": "ZerosLike",
}  # fmt: skip
"""Operators without parameters that matter for shapes and cost."""

_RULES: Final[Mapping[str, Rule]] = {
    "ArgMax": _arg,
    "ArgMin": _arg,
    "BatchNormalization": _normalise("BatchNormalization"),
    "BatchToSpaceND": _batches,
    "BilinearResize": _resize,
    "Cast": _cast,
    "Clip": _clip(0.0, 6.0),
    "Comparison": _table(_COMPARISONS),
    "Concat": _concat,
    "Convolution": _convolution,
    "Crop": _crop,
    "Deconvolution": _convolution,
    "DepthToSpace": _blocks,
    "DetectionOutput": _detection,
    "ELU": _alpha,
    "Eltwise": _table(_ELTWISE),
    "Expand": _expand,
    "Expanddims": _unsqueeze,
    "Flatten": _flatten,
    "FullyConnected": _dense,
    "FusedbnScaleRelu": _fused_norm,
    "GRU": _recurrent,
    "Gather": _axis("Gather"),
    "Gemm": _gemm,
    "HardSwish": _hard("HardSwish"),
    "Hardsigmoid": _hard("HardSigmoid"),
    "InstanceNorm": _normalise("InstanceNormalization"),
    "Interp": _interp,
    "L2Pool": _lp_pool,
    "LRN": _lrn,
    "LSTM": _recurrent,
    "LayerNorm": _normalise("LayerNormalization"),
    "LogSoftmax": _axis("LogSoftmax"),
    "Logical": _logical,
    "Pad": _pad,
    "Permute": _permute,
    "Pooling": _pooling,
    "PriorBox": _prior_box,
    "Psroipooling": _roi,
    "RNN": _recurrent,
    "ROIAlign": _roi,
    "ReLU": _relu,
    "ReLU1": _clip(-1.0, 1.0),
    "ReLU6": _clip(0.0, 6.0),
    "ReduceL2": _reduce_l2,
    "Reduction": _reduction,
    "Reorg": _reorg,
    "Reshape": _reshape,
    "Resize": _resize,
    "RoiPooling": _roi,
    "Scale": _normalise("BatchNormalization"),
    "Scatter": _axis("ScatterElements"),
    "ShuffleChannel": _shuffle,
    "Slice": _slice,
    "SoftMax": _axis("Softmax"),
    "SpaceToBatchND": _batches,
    "SpaceToDepth": _blocks,
    "Split": _split,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "SwapAxis": _swap,
    "Tile": _tile,
    "TopKV2": _axis("TopK"),
    "Transpose": _transpose,
    "Unary": _table(_UNARY),
    "Unsqueeze": _unsqueeze,
    "Upsample": _resize,
}
