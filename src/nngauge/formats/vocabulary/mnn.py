"""MNN: operations, their ONNX counterparts, and the translation of their parameters.

Schema: https://github.com/alibaba/MNN/tree/master/schema/default (field numbers follow CaffeOp.fbs, TensorflowOp.fbs,
MNN.fbs); meaning of the parameters as source/shape/Shape*.cpp reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute
from nngauge.formats._parts.mnn_kernels import DEPTHWISE
from nngauge.formats._parts.mnn_weights import DTYPES
from nngauge.io.flatbuffer import Table

Values = tuple[int, ...] | tuple[float, ...]
NCHW, NHWC, NC4HW4 = 0, 1, 2
"""`MNN_DATA_FORMAT`; NC4HW4 is how NCHW lies in memory."""
_UNBOUNDED: Final = (1 << 31) - 1
_CAFFE: Final = 0


class Call(NamedTuple):
    """One operation as the file gives it."""

    op: str
    main: Table | None
    layout: int
    """`MNN_DATA_FORMAT` of the first input."""
    values: Sequence[Values | None]
    """Of the inputs that are small constants."""
    outputs: int

    def integer(self, field: int, code: str = "i", default: int = 0) -> int:
        """A number of the parameter table."""
        return self.main.integer(field, code, default) if self.main is not None else default

    def real(self, field: int, default: float = 0.0) -> float:
        """A float of the parameter table."""
        return float(self.main.scalar(field, "f", default)) if self.main is not None else default

    def ints(self, field: int) -> tuple[int, ...]:
        """A vector of the parameter table."""
        return self.main.ints(field) if self.main is not None else ()

    def whole(self, place: int) -> tuple[int, ...] | None:
        """The integers of a constant input, None when it is none."""
        values = self.values[place] if place < len(self.values) else None
        return None if values is None else tuple(int(value) for value in values)


class Canonical(NamedTuple):
    """The same operation in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]
    order: tuple[int, ...] | None = None
    """Which inputs it keeps, in which order (−1: absent); None keeps all."""


def translate(call: Call) -> Canonical:
    """Kind, attributes and inputs of the ONNX operator that does what the operation does."""
    rule = _RULES.get(call.op)
    return rule(call) if rule is not None else Canonical(KINDS.get(call.op), {})


KINDS: Final[Mapping[str, str]] = {
    "AbsVal": "Abs", "AsString": "Cast", "Broastcast": "Expand", "Dilation2D": "Dilate", "Extra": "Custom",
    "Im2Col": "Unfold", "ImageProcess": "Custom", "MatrixBandPart": "Trilu", "Plugin": "Custom", "Power": "Pow",
    "QuantizeV2": "QuantizeLinear", "QuantizedAdd": "Add", "QuantizedBiasAdd": "BiasAdd",
    "QuantizedLogistic": "Sigmoid", "QuantizedSoftmax": "Softmax", "Reverse": "Reverse",
    "TensorArray": "SequenceEmpty", "TensorArrayConcat": "ConcatFromSequence", "TensorArrayErase": "SequenceErase",
    "TensorArrayInsert": "SequenceInsert", "TensorArrayRead": "SequenceAt", "TensorArraySize": "SequenceLength",
    "TensorArraySplit": "SplitToSequence", "TensorArrayWrite": "SequenceInsert", "Attention": "Attention", "BatchNorm": "BatchNormalization",
    "Bnll": "Softplus", "BroadcastTo": "Expand", "CastLike": "CastLike", "Col2Im": "Col2Im", "Copy": "Identity",
    "CumProd": "CumProd", "Det": "Det", "DetectionOutput": "DetectionOutput",
    "DetectionPostProcess": "DetectionOutput", "Dropout": "Dropout", "DynamicQuant": "DynamicQuantizeLinear",
    "Exp": "Exp", "EyeLike": "EyeLike", "FloatToInt8": "QuantizeLinear", "Dequantize": "DequantizeLinear",
    "FmhaV2": "Attention", "Fmhca": "Attention", "GatherND": "GatherND", "GridSample": "GridSample",
    "Identity": "Identity", "Int8ToFloat": "DequantizeLinear", "LinSpace": "Range", "LinearAttention": "Attention",
    "Log": "Log", "NonMaxSuppression": "NonMaxSuppression", "NonMaxSuppressionV2": "NonMaxSuppression", "Normalize": "Normalize",
    "PriorBox": "PriorBox", "Proposal": "Proposal", "RandomNormal": "RandomNormalLike",
    "RandomUniform": "RandomUniformLike", "Range": "Range", "Requantize": "QuantizeLinear",
    "ReverseSequence": "ReverseSequence", "RoPE": "RotaryEmbedding", "ScatterElements": "ScatterElements",
    "Select": "Where", "Selu": "Selu", "Sigmoid": "Sigmoid", "Size": "Size", "SplitGeLU": "Gelu", "Stft": "STFT",
    "TanH": "Tanh", "Threshold": "Greater", "Tile": "Tile", "TopKV2": "TopK", "Unique": "Unique", "Where": "NonZero",
    "ZerosLike": "ZerosLike", "Rank": "Rank",
}  # fmt: skip
"""Operations without parameters that matter for shapes and cost."""

BINARY: Final[Mapping[int, str]] = {
    0: "Add", 1: "Sub", 2: "Mul", 3: "Div", 4: "Max", 5: "Min", 6: "Pow", 7: "Div", 8: "Min", 9: "Max", 10: "Greater",
    11: "GreaterOrEqual", 12: "Less", 13: "Div", 14: "SquaredDifference", 15: "Equal", 16: "LessOrEqual", 17: "Mod",
    19: "Mod", 20: "Atan2", 21: "Or", 22: "NotEqual", 23: "BitwiseAnd", 24: "BitwiseOr", 25: "BitwiseXor", 26: "Xor",
    27: "BitShift", 28: "BitShift", 29: "Mul",
}  # fmt: skip
"""`BinaryOpOperation`."""
UNARY: Final[tuple[str | None, ...]] = (
    "Abs", "Neg", "Floor", "Ceil", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos",
    "Atan", "Reciprocal", "Log1p", "Softplus", "Acosh", "Sinh", "Asinh", "Atanh", "Sign", "Round", "Cosh", "Erf", "Erfc",
    None, "Expm1", "Sigmoid", "Tanh", "HardSwish", "Gelu", "Gelu", "Swish",
)  # fmt: skip
"""`UnaryOpOperation`."""
REDUCTIONS: Final = (
    "ReduceSum", "ReduceL1", "ReduceSumSquare", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMax",
    "ReduceMin",
)  # fmt: skip
"""`ReductionType`; any and all are the maximum and minimum of booleans."""
_ELTWISE: Final = ("Mul", "Add", "Max", "Sub")
_BOOLEAN: Final = frozenset(
    {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "NotEqual", "Or", "Xor", "Not"}
)


def _layout(call: Call) -> dict[str, Attribute]:
    return {"data_layout": "NHWC"} if call.layout == NHWC else {}


def _activation(common: Table, relu: int, relu6: int) -> dict[str, Attribute]:
    if common.integer(relu6, "b"):
        return {"fused_activation": "Clip"}
    return {"fused_activation": "Relu"} if common.integer(relu, "b") else {}


# --- windows ---------------------------------------------------------------------------------------------------------


def _convolution(call: Call) -> Canonical:
    transposed = call.op.startswith("Deconvolution")
    kind = "ConvTranspose" if transposed else "Conv"
    common = call.main.table(0) if call.main is not None else None
    if common is None:
        return Canonical(kind, {})
    found: dict[str, Attribute] = {
        "kernel_shape": (common.integer(3, "i", 1), common.integer(2, "i", 1)),
        "strides": (max(common.integer(5, "i", 1), 1), max(common.integer(4, "i", 1), 1)),
        "dilations": (max(common.integer(7, "i", 1), 1), max(common.integer(6, "i", 1), 1)),
        "group": _group(call.op, common),
        "channels": common.integer(10, "i"),
        **_padding(common.integer(8, "b"), common.ints(14), common.integer(1, "i"), common.integer(0, "i")),
        **_activation(common, 12, 13),
        **_layout(call),
    }
    if transposed and len(common.ints(15)) > 1:
        found["output_padding"] = common.ints(15)[:2]
    return Canonical(kind, found)


def _group(op: str, common: Table) -> int:
    """Old converters leave the group of a depthwise layer at 1."""
    group = max(common.integer(9, "i", 1), 1)
    return max(common.integer(10, "i"), 1) if op in DEPTHWISE and group == 1 else group


def _padding(mode: int, pads: tuple[int, ...], high: int, wide: int) -> dict[str, Attribute]:
    """Modes 1 and 2 are TensorFlow's VALID and SAME; `pads` are top, left, bottom, right."""
    if mode in (1, 2):
        return {"auto_pad": "VALID" if mode == 1 else "SAME_UPPER"}
    return {"pads": pads[:4] if len(pads) >= 4 else (high, wide, high, wide)}


def _pool(call: Call) -> Canonical:
    name = "AveragePool" if call.integer(7, "b") else "MaxPool"
    if call.integer(2, "b"):
        return Canonical(f"Global{name}", _layout(call))
    mode = call.integer(8, "b")
    found: dict[str, Attribute] = {
        "kernel_shape": (call.integer(4), call.integer(3)),
        "strides": (max(call.integer(6), 1), max(call.integer(5), 1)),
        **_padding(mode, call.ints(11), call.integer(1), call.integer(0)),
        **_layout(call),
    }
    if mode not in (1, 2) and call.integer(10, "b", 1):
        found["ceil_mode"] = 1
    return Canonical(name, found)


def _pool_3d(call: Call) -> Canonical:
    name = "AveragePool" if call.integer(3, "b") else "MaxPool"
    if call.integer(5, "b"):
        return Canonical(f"Global{name}", {})
    pads = call.ints(2)
    modes: dict[str, Attribute] = {"pads": pads if len(pads) == 6 else pads * 2}
    if call.integer(4, "b") in (1, 2):
        modes = {"auto_pad": "VALID" if call.integer(4, "b") == 1 else "SAME_UPPER"}
    return Canonical(name, {"kernel_shape": call.ints(1), "strides": call.ints(0), **modes})


def _convolution_3d(call: Call) -> Canonical:
    kind = "ConvTranspose" if call.op == "ConvTranspose3D" else "Conv"
    common = call.main.table(0) if call.main is not None else None
    if common is None:
        return Canonical(kind, {})
    mode, pads = common.integer(4, "b"), common.ints(3)
    padding: dict[str, Attribute] = {"pads": pads if len(pads) == 6 else pads * 2}
    if mode in (1, 2):
        padding = {"auto_pad": "VALID" if mode == 1 else "SAME_UPPER"}
    return Canonical(
        kind,
        {
            "kernel_shape": common.ints(2),
            "strides": common.ints(1),
            "dilations": common.ints(0),
            "group": max(common.integer(9, "i", 1), 1),
            "channels": common.integer(6, "i"),
            **padding,
            **_activation(common, 7, 8),
        },
    )


def _interp(call: Call) -> Canonical:
    """Sizes and scales are those of height and width, or, from ONNX, of all dimensions in a second input."""
    axes = (1, 2) if call.layout == NHWC else (2, 3)
    found: dict[str, Attribute] = {"mode": {1: "nearest", 2: "linear", 3: "cubic"}.get(call.integer(4), "nearest")}
    found.update(_layout(call))
    if len(call.values) > 1:
        values = call.values[1]
        if values is None:
            return Canonical("Resize", found, (0, -1, -1, 1))
        key = "scales" if any(isinstance(value, float) for value in values) else "sizes"
        return Canonical("Resize", {**found, key: values, **({"axes": axes} if len(values) == 2 else {})}, (0,))
    size = (call.integer(3), call.integer(2))
    if min(size) > 0:
        return Canonical("Resize", {**found, "axes": axes, "sizes": size})
    return Canonical("Resize", {**found, "axes": axes, "scales": (call.real(1), call.real(0))})


def _resize(call: Call) -> Canonical:
    axes = (1, 2) if call.layout == NHWC else (2, 3)
    return Canonical("Resize", {"axes": axes, "scales": (call.real(1), call.real(0)), **_layout(call)})


# --- products --------------------------------------------------------------------------------------------------------


def _inner_product(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"transB": 1, "axis": call.integer(5) or 1, "channels": call.integer(0)}
    return Canonical("Gemm", found)


def _matmul(call: Call) -> Canonical:
    first = 0 if call.op == "BatchMatMul" else 1
    return Canonical("MatMul", {"transA": call.integer(first, "b"), "transB": call.integer(first + 1, "b")})


def _recurrent(call: Call) -> Canonical:
    if call.op == "LSTM":
        return Canonical("LSTM", {"hidden_size": call.integer(0)})
    direction = "bidirectional" if call.integer(1, "b") else "forward"
    return Canonical("GRU" if call.op == "RNNSequenceGRU" else "RNN", {
        "hidden_size": call.integer(0), "direction": direction,
    })  # fmt: skip


# --- element-wise ----------------------------------------------------------------------------------------------------


def _binary(call: Call) -> Canonical:
    relu: dict[str, Attribute] = {"fused_activation": "Relu"} if call.integer(2) == 1 else {}
    return Canonical(BINARY.get(call.integer(0)), relu)


def _unary(call: Call) -> Canonical:
    code = call.integer(0)
    return Canonical(UNARY[code] if 0 <= code < len(UNARY) else None, {})


def _eltwise(call: Call) -> Canonical:
    code = call.integer(0, "b")
    kind = _ELTWISE[code] if 0 <= code < len(_ELTWISE) else None
    return Canonical("Sum" if kind == "Add" and len(call.values) != 2 else kind, {})


def _relu(call: Call) -> Canonical:
    slope = call.real(0)
    return Canonical("LeakyRelu", {"alpha": slope}) if slope else Canonical("Relu", {})


def _clip(call: Call) -> Canonical:
    return Canonical("Clip", {"min": call.real(0), "max": call.real(1, 6.0)})


def _prelu(call: Call) -> Canonical:
    return Canonical("PRelu", _layout(call))


def _elu(call: Call) -> Canonical:
    return Canonical("Elu", {"alpha": call.real(0)})


def _cast(call: Call) -> Canonical:
    dtype = DTYPES.get(call.integer(1))
    return Canonical("Cast", {"to": dtype.value} if dtype is not None else {})


# --- normalisation ---------------------------------------------------------------------------------------------------


def _scale(call: Call) -> Canonical:
    """One multiplication and addition for each channel: what batch normalisation is at inference."""
    return Canonical("BatchNormalization", _layout(call))


def _layer_norm(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"epsilon": call.real(1)}
    axes, group = call.ints(0), call.integer(4, "i", 1)
    if call.op == "GroupNorm" or group > 1:
        return Canonical("GroupNormalization", {**found, "num_groups": group})
    if axes:
        found["axis"] = min(axes) if min(axes) < 0 else axes[0]
    rms = call.op == "GatedRMSNorm" or bool(call.integer(6, "b"))
    return Canonical("RMSNormalization" if rms else "LayerNormalization", found)


def _instance_norm(call: Call) -> Canonical:
    return Canonical("InstanceNormalization", {"epsilon": call.real(7, 0.001), **_layout(call)})


def _lrn(call: Call) -> Canonical:
    return Canonical("LRN", {"size": call.integer(1), "alpha": call.real(2), "beta": call.real(3)})


# --- shapes ----------------------------------------------------------------------------------------------------------


def _axis(kind: str) -> Callable[[Call], Canonical]:
    return lambda call: Canonical(kind, {"axis": call.integer(0)})


def _reduction(call: Call) -> Canonical:
    code = call.integer(0, "b")
    found: dict[str, Attribute] = {"keepdims": call.integer(3, "b")}
    axes = call.ints(1) or call.whole(1)
    kind = REDUCTIONS[code] if 0 <= code < len(REDUCTIONS) else None
    return Canonical(kind, {**found, "axes": axes}, (0,)) if axes else Canonical(kind, found)


def _arg(call: Call) -> Canonical:
    return Canonical(call.op, {"axis": call.integer(2), "keepdims": int(call.layout == NC4HW4)})


def _reshape(call: Call) -> Canonical:
    shape = call.whole(1) if len(call.values) > 1 else call.ints(0)
    if shape is None:
        return Canonical("Reshape", {})
    if len(call.values) > 1 and len(shape) == 4 and call.layout == NC4HW4 and call.integer(1, "b") == NHWC:
        shape = (shape[0], shape[3], shape[1], shape[2])
    return Canonical("Reshape", {"shape": shape}, (0,))


def _flatten(call: Call) -> Canonical:
    return Canonical("Flatten", {"axis": call.integer(0)})


def _squeeze(call: Call) -> Canonical:
    kind = "Squeeze" if call.op == "Squeeze" else "Unsqueeze"
    axes = call.ints(0) if call.op != "ExpandDims" else ()
    axes = axes or call.whole(1) or ((call.integer(2),) if call.op == "ExpandDims" and len(call.values) < 2 else ())
    return Canonical(kind, {"axes": axes}, (0,)) if axes else Canonical(kind, {})


def _permute(call: Call) -> Canonical:
    perm = call.ints(0) if call.op == "Permute" else call.whole(1)
    return Canonical("Transpose", {"perm": perm} if perm else {}, (0,))


def _convert(call: Call) -> Canonical:
    """Between NCHW (or NC4HW4) and NHWC; what the input has counts, not what the file calls its source."""
    source, target = call.layout == NHWC, call.integer(1, "b") == NHWC
    if source == target:
        return Canonical("Identity", {})
    return Canonical("Transpose", {"perm": (0, 3, 1, 2) if source else (0, 2, 3, 1)})


def _split(call: Call) -> Canonical:
    """Caffe tells where to cut, the others how long the pieces are; −1 stands for the rest."""
    found: dict[str, Attribute] = {"axis": call.integer(0)}
    points = call.ints(1)
    if call.integer(2, "b") == _CAFFE and points:
        before = (0, *points)
        cuts = tuple(point - start for start, point in zip(before, points, strict=False))
        return Canonical("Split", {**found, "split": (*cuts, -1) if len(cuts) < call.outputs else cuts}, (0,))
    sizes = call.whole(1) or (points if len(points) > 1 else None)
    if sizes:
        return Canonical("Split", {**found, "split": sizes}, (0,))
    return Canonical("Split", {**found, "num_outputs": call.outputs})


def _slice(call: Call) -> Canonical:
    """TensorFlow's Slice: begins and sizes, −1 to the end."""
    begins, sizes = call.whole(1), call.whole(2)
    if begins is None or sizes is None or len(begins) != len(sizes):
        return Canonical("Slice", {}, (0, -1, -1, -1, -1, 1, 2))
    ends = tuple(_UNBOUNDED if size < 0 else begin + size for begin, size in zip(begins, sizes, strict=True))
    return Canonical("Slice", {"starts": begins, "ends": ends, "axes": tuple(range(len(begins)))}, (0,))


def _strided_slice(call: Call) -> Canonical:
    if call.integer(7) == 1:  # ONNX's inputs in ONNX's order
        return Canonical("Slice", {})
    begins, ends, steps = (call.whole(place) for place in (1, 2, 3))
    masks = [call.integer(field) for field in range(2, 7)]
    if begins is None or ends is None or len(begins) != len(ends) or any(masks[2:4]):
        if any(masks[:4]):
            return Canonical("Slice", {}, (0, -1, -1, -1, -1, 1, 2, 3))
        return Canonical("Slice", _squeezed(masks[4], 32), (0, 1, 2, -1, 3))
    return _tensorflow_slice(begins, ends, steps or (1,) * len(begins), masks)


def _tensorflow_slice(
    begins: tuple[int, ...], ends: tuple[int, ...], steps: tuple[int, ...], masks: list[int]
) -> Canonical:
    begin_mask, end_mask, _, _, shrink = masks
    starts, stops = [], []
    for at, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        one = shrink >> at & 1
        starts.append(0 if begin_mask >> at & 1 and not one else begin)
        following = begin + 1 if begin != -1 else _UNBOUNDED
        stops.append(following if one else _UNBOUNDED if end_mask >> at & 1 else end)
    found: dict[str, Attribute] = {
        "starts": tuple(starts), "ends": tuple(stops), "axes": tuple(range(len(begins))), "steps": steps,
    }  # fmt: skip
    return Canonical("Slice", {**found, **_squeezed(shrink, len(begins))}, (0,))


def _squeezed(shrink: int, axes: int) -> dict[str, Attribute]:
    """Axes of one element that the mask drops."""
    return {"squeeze": tuple(at for at in range(axes) if shrink >> at & 1)} if shrink else {}


def _pad(call: Call) -> Canonical:
    """Pairs for each dimension; ONNX has the begins first."""
    pads = call.whole(1)
    mode = ("constant", "reflect", "reflect", "edge")[min(max(call.integer(0, "b"), 0), 3)]
    if pads is None:
        return Canonical("Pad", {"mode": mode}, (0, -1, -1, -1, 1))
    return Canonical("Pad", {"mode": mode, "pads": (*pads[::2], *pads[1::2])}, (0,))


def _gather(call: Call) -> Canonical:
    axes = call.whole(2)
    if call.op == "GatherElements":
        return Canonical("GatherElements", {"axis": axes[0] if axes else call.integer(0)}, (0, 1))
    axis = axes[0] if axes else call.integer(3) if call.op == "Gather" else call.integer(0)
    return Canonical("Gather", {"axis": axis}, (0, 1))


def _scatter_nd(call: Call) -> Canonical:
    """Indices, updates, shape, and perhaps what to write into."""
    if len(call.values) > 3:
        return Canonical("ScatterND", {}, (3, 0, 1))
    shape = call.whole(2)
    return Canonical("ScatterND", {"shape": shape} if shape else {}, (-1, 0, 1, 2))


def _fill(call: Call) -> Canonical:
    """Dimensions and a value, which is broadcast."""
    shape = call.whole(0)
    return Canonical("Expand", {"shape": shape} if shape else {}, (1, 0) if len(call.values) > 1 else (0,))


def _pack(call: Call) -> Canonical:
    """A new axis is made."""
    return Canonical("Concat", {"axis": call.integer(1), "new_axis": 1})


def _unpack(call: Call) -> Canonical:
    return Canonical("Split", {"axis": call.integer(0), "num_outputs": call.outputs, "keepdims": 0})


def _depth(call: Call) -> Canonical:
    found: dict[str, Attribute] = {"blocksize": call.integer(0), **_layout(call)}
    if call.op == "DepthToSpace":
        found["mode"] = "CRD" if call.integer(1, "b") else "DCR"
    return Canonical(call.op, found)


def _shape(call: Call) -> Canonical:
    found: dict[str, Attribute] = {}
    if call.integer(0, "b"):
        found["start"] = call.integer(1)
    if call.integer(2, "b"):
        found["end"] = call.integer(3)
    return Canonical("Shape", found)


def _crop(call: Call) -> Canonical:
    return Canonical("Crop", {"axis": call.integer(0, "i", 2), "offset": call.ints(1)})


def _crop_and_resize(call: Call) -> Canonical:
    size = call.whole(3)
    found: dict[str, Attribute] = {"output_height": size[0], "output_width": size[1]} if size and len(size) == 2 else {}
    return Canonical("RoiAlign", {**found, **_layout(call)}, (0, 1, 2))


def _roi_pool(call: Call) -> Canonical:
    wide, high = call.integer(0), call.integer(1)
    if call.op == "ROIAlign":
        return Canonical("RoiAlign", {"output_height": high, "output_width": wide})
    return Canonical("MaxRoiPool", {"pooled_shape": (high, wide)})


def _batches(call: Call) -> Canonical:
    """Blocks and pairs of pads: blobs of the parameter, or inputs."""
    kind = "SpaceToBatch" if call.op == "SpaceToBatchND" else "BatchToSpace"
    tables = [call.main.table(field) for field in (0, 1)] if call.main is not None else [None, None]
    stored = [table.ints(5) if table is not None else () for table in tables]
    blocks, pads = (stored[place] or call.whole(1 + place) for place in (0, 1))
    if not blocks or pads is None or len(pads) != 2 * len(blocks):
        return Canonical(kind, _layout(call))
    return Canonical(kind, {"blocks": blocks, "pads": (*pads[::2], *pads[1::2]), **_layout(call)}, (0,))


def _one_hot(call: Call) -> Canonical:
    return Canonical("OneHot", {"axis": call.integer(1, "i", -1)})


def _cum_sum(call: Call) -> Canonical:
    return Canonical("CumSum", {"exclusive": call.integer(0, "b"), "reverse": call.integer(1, "b")})


_RULES: Final[Mapping[str, Callable[[Call], Canonical]]] = {
    "ArgMax": _arg,
    "ArgMin": _arg,
    "BatchMatMul": _matmul,
    "BatchToSpaceND": _batches,
    "BinaryOp": _binary,
    "Cast": _cast,
    "Concat": _axis("Concat"),
    "ConvInt8": _convolution,
    "ConvTranspose3D": _convolution_3d,
    "ConvertTensor": _convert,
    "Convolution": _convolution,
    "Convolution3D": _convolution_3d,
    "ConvolutionDepthwise": _convolution,
    "Crop": _crop,
    "CropAndResize": _crop_and_resize,
    "CumSum": _cum_sum,
    "Deconvolution": _convolution,
    "DeconvolutionDepthwise": _convolution,
    "DepthToSpace": _depth,
    "DepthwiseConvInt8": _convolution,
    "ELU": _elu,
    "Eltwise": _eltwise,
    "EltwiseInt8": _eltwise,
    "ExpandDims": _squeeze,
    "Fill": _fill,
    "Flatten": _flatten,
    "GatedRMSNorm": _layer_norm,
    "Gather": _gather,
    "GatherElements": _gather,
    "GatherV2": _gather,
    "GroupNorm": _layer_norm,
    "InnerProduct": _inner_product,
    "InstanceNorm": _instance_norm,
    "Interp": _interp,
    "LRN": _lrn,
    "LSTM": _recurrent,
    "LayerNorm": _layer_norm,
    "MatMul": _matmul,
    "OneHot": _one_hot,
    "PReLU": _prelu,
    "Pack": _pack,
    "Padding": _pad,
    "Permute": _permute,
    "Pooling": _pool,
    "Pooling3D": _pool_3d,
    "RNN": _recurrent,
    "RNNSequenceGRU": _recurrent,
    "ROIAlign": _roi_pool,
    "ROIPooling": _roi_pool,
    "ReLU": _relu,
    "ReLU6": _clip,
    "Reduction": _reduction,
    "Reshape": _reshape,
    "Resize": _resize,
    "Scale": _scale,
    "ScatterNd": _scatter_nd,
    "Shape": _shape,
    "Slice": _split,
    "SliceTf": _slice,
    "Softmax": _axis("Softmax"),
    "SpaceToBatchND": _batches,
    "SpaceToDepth": _depth,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Transpose": _permute,
    "UnaryOp": _unary,
    "Unpack": _unpack,
    "Unsqueeze": _squeeze,
}
