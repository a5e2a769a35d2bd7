"""Apache MXNet: operators of a symbol, their ONNX counterparts, and the translation of their attributes.

Attributes are texts as Python writes values (``(3, 3)``, ``True``). Operators and defaults:
https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/symbol/ and `src/operator` of
https://github.com/apache/mxnet/tree/v1.x.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import Attribute

Attributes = dict[str, Attribute]

KINDS: Final[Mapping[str, str]] = {
    "AdaptiveAvgPooling2D": "GlobalAveragePool", "BatchNorm": "BatchNormalization", "BatchNorm_v1": "BatchNormalization",
    "BilinearResize2D": "Resize", "BilinearSampler": "GridSample", "BlockGrad": "Identity", "Cast": "Cast",
    "Concat": "Concat", "Convolution": "Conv", "Convolution_v1": "Conv", "Correlation": "Correlation", "Crop": "Crop",
    "Custom": "Custom", "Deconvolution": "ConvTranspose", "DeformableConvolution": "DeformConv", "Dropout": "Dropout",
    "ElementWiseSum": "Sum", "Embedding": "Gather", "Flatten": "Flatten", "FullyConnected": "Gemm",
    "GroupNorm": "GroupNormalization", "InstanceNorm": "InstanceNormalization", "L2Normalization": "Normalize",
    "LRN": "LRN", "LayerNorm": "LayerNormalization", "LinearRegressionOutput": "Identity",
    "LogisticRegressionOutput": "Sigmoid", "MAERegressionOutput": "Identity", "MakeLoss": "Identity",
    "ModulatedDeformableConvolution": "DeformConv", "MultiBoxDetection": "DetectionOutput",
    "MultiBoxPrior": "PriorBox", "MultiProposal": "Proposal", "PSROIPooling": "PSRoiPool", "Pad": "Pad",
    "Proposal": "Proposal", "ROIAlign": "RoiAlign", "ROIPooling": "MaxRoiPool", "Reshape": "Reshape",
    "SVMOutput": "Identity", "SequenceReverse": "ReverseSequence", "SliceChannel": "Split",
    "SoftmaxActivation": "Softmax", "SoftmaxOutput": "Softmax", "SwapAxis": "Transpose",
    "SyncBatchNorm": "BatchNormalization", "UpSampling": "Resize",
    "abs": "Abs", "add_n": "Sum", "amp_cast": "Cast", "arange": "Range", "arccos": "Acos", "arcsin": "Asin",
    "arctan": "Atan", "argmax": "ArgMax", "argmin": "ArgMin", "batch_dot": "MatMul", "box_nms": "NonMaxSuppression",
    "broadcast_axis": "Expand", "broadcast_like": "Expand", "broadcast_to": "Expand", "ceil": "Ceil", "clip": "Clip",
    "copy": "Identity", "cos": "Cos", "depth_to_space": "DepthToSpace", "dequantize": "DequantizeLinear",
    "dot": "MatMul", "erf": "Erf", "exp": "Exp", "expand_dims": "Unsqueeze", "floor": "Floor",
    "gather_nd": "GatherND", "hard_sigmoid": "HardSigmoid", "identity": "Identity", "log": "Log",
    "log_softmax": "LogSoftmax", "logical_not": "Not", "make_loss": "Identity", "max": "ReduceMax",
    "mean": "ReduceMean", "min": "ReduceMin", "negative": "Neg", "norm": "ReduceL2", "one_hot": "OneHot",
    "ones_like": "Fill", "pick": "GatherElements", "prod": "ReduceProd", "quantize": "QuantizeLinear",
    "quantize_v2": "QuantizeLinear", "reciprocal": "Reciprocal", "relu": "Relu", "repeat": "Tile",
    "requantize": "Requantize", "reshape_like": "Reshape", "reverse": "Reverse", "rint": "Round", "round": "Round",
    "rsqrt": "Rsqrt", "shape_array": "Shape", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "slice": "Slice",
    "slice_axis": "Slice", "slice_like": "Slice", "smooth_l1": "Abs", "softmax": "Softmax", "softsign": "Softsign",
    "space_to_depth": "SpaceToDepth", "split_v2": "Split", "sqrt": "Sqrt", "square": "Square", "squeeze": "Squeeze",
    "stack": "Stack", "sum": "ReduceSum", "take": "Gather", "tan": "Tan", "tanh": "Tanh", "tile": "Tile",
    "topk": "TopK", "transpose": "Transpose", "where": "Where", "zeros": "Fill", "zeros_like": "Fill",
}  # fmt: skip
"""By operator without `_contrib_` and leading underscore; the families below decide by their attributes."""
_BINARY: Final[Mapping[str, str]] = {
    "add": "Add", "plus": "Add", "sub": "Sub", "minus": "Sub", "mul": "Mul", "div": "Div", "maximum": "Max",
    "minimum": "Min", "power": "Pow", "mod": "Mod", "equal": "Equal", "not_equal": "NotEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "lesser": "Less", "lesser_equal": "LessOrEqual", "logical_and": "And",
    "logical_or": "Or", "logical_xor": "Xor", "rminus": "Sub", "rdiv": "Div", "rpower": "Pow", "rmod": "Mod",
    "grad_add": "Add", "Plus": "Add", "Minus": "Sub", "Mul": "Mul", "Div": "Div", "Maximum": "Max", "Minimum": "Min",
    "Power": "Pow",
}  # fmt: skip
_BINARY_NAME: Final = re.compile(r"_?(?:elemwise_|broadcast_)?(\w+?)(?:_scalar|Scalar)?")
_ALIASES: Final[Mapping[str, str]] = {
    "concat": "Concat", "flatten": "Flatten", "reshape": "Reshape", "cast": "Cast", "split": "SliceChannel",
    "swapaxes": "SwapAxis", "SwapAxes": "SwapAxis", "pad": "Pad", "crop": "slice", "max_axis": "max",
    "min_axis": "min", "sum_axis": "sum", "stop_gradient": "BlockGrad", "Softmax": "SoftmaxOutput",
    "CuDNNBatchNorm": "BatchNorm", "rnn": "RNN", "fully_connected": "FullyConnected",
}  # fmt: skip
_ACTIVATIONS: Final[Mapping[str, str]] = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus", "softsign": "Softsign",
    "mish": "Mish", "log_sigmoid": "LogSigmoid", "gelu": "Gelu", "leaky": "LeakyRelu", "prelu": "PRelu", "elu": "Elu",
    "selu": "Selu", "rrelu": "LeakyRelu",
}  # fmt: skip
_POOLS: Final[Mapping[str, str]] = {"max": "MaxPool", "avg": "AveragePool", "sum": "AveragePool", "lp": "LpPool"}
_RNN_MODES: Final[Mapping[str, str]] = {"lstm": "LSTM", "gru": "GRU", "rnn_relu": "RNN", "rnn_tanh": "RNN"}
_NUMBER: Final = re.compile(r"-?\d{1,18}")
DTYPES: Final[Mapping[str, str]] = {
    "float32": "float32", "float64": "float64", "float16": "float16", "uint8": "uint8", "int8": "int8",
    "int32": "int32", "int64": "int64", "bool": "bool", "bfloat16": "bfloat16",
}  # fmt: skip


class Translated(Struct, frozen=True):
    """What an operator is called in ONNX, with its attributes and the order of its inputs where that differs."""

    kind: str | None
    attributes: Attributes
    order: tuple[int, ...] = ()
    """Places of the inputs in ONNX's order, empty when it is the same."""


def translate(op: str, source: Mapping[str, str]) -> Translated:
    """An operator with its attributes as texts."""
    plain = op.removeprefix("_contrib_").removeprefix("_npx_").removeprefix("_np_").lstrip("_")
    name = plain if plain in KINDS or plain in _RULES else _ALIASES.get(plain, plain)
    rule = _RULES.get(name)
    if rule is not None:
        return rule(source)
    kind = KINDS.get(name)
    if kind is None:
        found = _BINARY_NAME.fullmatch(op)
        kind = _BINARY.get(found.group(1)) if found else None
    return Translated(kind, {})


def numbers(source: Mapping[str, str], key: str) -> tuple[int, ...]:
    """The whole numbers of ``(3, 3)`` or ``3``; empty when absent."""
    return tuple(int(part) for part in _NUMBER.findall(source.get(key, "")[:4096]))


def number(source: Mapping[str, str], key: str, default: int) -> int:
    """One whole number."""
    found = numbers(source, key)
    return found[0] if found else default


def flag(source: Mapping[str, str], key: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002
    """``True``, ``1`` or their opposites."""
    return source.get(key, str(default)).strip() in {"True", "true", "1"}


def _window(source: Mapping[str, str]) -> Attributes:
    kernel = numbers(source, "kernel")
    rank = len(kernel)
    pads = numbers(source, "pad") or (0,) * rank
    found: Attributes = {
        "kernel_shape": kernel,
        "strides": numbers(source, "stride") or (1,) * rank,
        "pads": pads + pads,
    }
    layout = source.get("layout", "None")
    return found | ({"data_layout": layout} if layout.endswith("C") else {})


def _convolution(source: Mapping[str, str]) -> Translated:
    found = _window(source)
    dilations = numbers(source, "dilate")
    found |= {"dilations": dilations or (1,) * len(numbers(source, "kernel")), "group": number(source, "num_group", 1)}
    layout = found.get("data_layout")
    if isinstance(layout, str):
        # Weights follow the layout of the data: NHWC goes with OHWI.
        found["weight_layout"] = layout.replace("N", "O").replace("C", "I")
    found |= {"channels": number(source, "num_filter", 0), "bias": int(not flag(source, "no_bias"))}
    return Translated("Conv", found)


def _transposed(source: Mapping[str, str]) -> Translated:
    found = _convolution({"no_bias": "True", **source}).attributes
    adjust, target = numbers(source, "adj"), numbers(source, "target_shape")
    if adjust:
        found["output_padding"] = adjust
    if any(target):
        found["output_shape"] = target
    return Translated("ConvTranspose", found)


def _deformable(source: Mapping[str, str]) -> Translated:
    # Data, offsets, weights (mask) → data, weights, offsets.
    return Translated("DeformConv", _convolution(source).attributes, (0, 2, 1, 3, 4))


def _pooling(source: Mapping[str, str]) -> Translated:
    kind = _POOLS.get(source.get("pool_type", "max"))
    if flag(source, "global_pool"):
        layout = source.get("layout", "None")
        return Translated(kind and f"Global{kind}", {"data_layout": layout} if layout.endswith("C") else {})
    found = _window(source)
    convention = source.get("pooling_convention", "valid")
    if convention == "full":
        found["ceil_mode"] = 1
    if convention == "same":
        found["auto_pad"] = "SAME_UPPER"
    if kind == "AveragePool":
        found["count_include_pad"] = int(flag(source, "count_include_pad", default=True))
    return Translated(kind, found)


def _dense(source: Mapping[str, str]) -> Translated:
    axis = 1 if flag(source, "flatten", default=True) else -1
    found: Attributes = {"transB": 1, "axis": axis, "channels": number(source, "num_hidden", 0)}
    return Translated("Gemm", found | {"bias": int(not flag(source, "no_bias"))})


def _activation(source: Mapping[str, str]) -> Translated:
    return Translated(_ACTIVATIONS.get(source.get("act_type", "relu")), {})


def _leaky(source: Mapping[str, str]) -> Translated:
    kind = source.get("act_type", "leaky")
    slope = _real(source, "slope", 0.25)
    return Translated(_ACTIVATIONS.get(kind), {"alpha": slope} if kind in {"leaky", "elu", "rrelu"} else {})


def _real(source: Mapping[str, str], key: str, default: float) -> float:
    try:
        return float(source.get(key, default))
    except ValueError:
        return default


def _with_axis(kind: str, key: str, default: int) -> Callable[[Mapping[str, str]], Translated]:
    return lambda source: Translated(kind, {"axis": number(source, key, default)})


def _flatten(_source: Mapping[str, str]) -> Translated:
    return Translated("Flatten", {"axis": 1})


def _reshape(source: Mapping[str, str]) -> Translated:
    target = numbers(source, "shape") or numbers(source, "target_shape")
    # −2, −3 and −4 copy, merge and split dimensions; ONNX has no such numbers.
    plain = target and all(size >= -1 for size in target) and not flag(source, "reverse")
    return Translated("Reshape", {"shape": target} if plain else {})


def _transpose(source: Mapping[str, str]) -> Translated:
    axes = numbers(source, "axes")
    return Translated("Transpose", {"perm": axes} if axes else {})


def _upsampling(source: Mapping[str, str]) -> Translated:
    scale = float(number(source, "scale", 1))
    mode = "nearest" if source.get("sample_type", "nearest") == "nearest" else "linear"
    return Translated("Resize", {"scales": (1.0, 1.0, scale, scale), "mode": mode})


def _bilinear(source: Mapping[str, str]) -> Translated:
    height, width = number(source, "height", 0), number(source, "width", 0)
    if height > 1 and width > 1:
        return Translated("Resize", {"sizes": (height, width), "axes": (2, 3), "mode": "linear"})
    scales = (_real(source, "scale_height", 1.0), _real(source, "scale_width", 1.0))
    return Translated("Resize", {"scales": (1.0, 1.0, *scales), "mode": "linear"})


def _adaptive(source: Mapping[str, str]) -> Translated:
    size = numbers(source, "output_size")
    if all(side == 1 for side in size):
        return Translated("GlobalAveragePool", {})
    return Translated("AveragePool", {"sizes": size * (3 - len(size))})


def _embedding(_source: Mapping[str, str]) -> Translated:
    return Translated("Gather", {}, (1, 0))


def _reduction(kind: str) -> Callable[[Mapping[str, str]], Translated]:
    def rule(source: Mapping[str, str]) -> Translated:
        found: Attributes = {"keepdims": int(flag(source, "keepdims"))}
        axes = numbers(source, "axis")
        return Translated(kind, found | ({"axes": axes} if axes and not flag(source, "exclude") else {}))

    return rule


def _arg(kind: str) -> Callable[[Mapping[str, str]], Translated]:
    return lambda source: Translated(
        kind, {"axis": number(source, "axis", 0), "keepdims": int(flag(source, "keepdims"))}
    )


def _split(source: Mapping[str, str]) -> Translated:
    squeeze = flag(source, "squeeze_axis")
    found: Attributes = {"axis": number(source, "axis", 1), "num_outputs": number(source, "num_outputs", 1)}
    return Translated("Unstack" if squeeze else "Split", found)


def _slice_axis(source: Mapping[str, str]) -> Translated:
    end = number(source, "end", 2**63 - 1)
    axis = number(source, "axis", 0)
    return Translated("Slice", {"starts": (number(source, "begin", 0),), "ends": (end,), "axes": (axis,)})


def _slice(source: Mapping[str, str]) -> Translated:
    begins, ends = _optional(source, "begin", 0), _optional(source, "end", 2**63 - 1)
    steps = _optional(source, "step", 1)
    if len(begins) != len(ends):
        return Translated("Slice", {})
    found: Attributes = {"starts": begins, "ends": ends, "axes": tuple(range(len(begins)))}
    return Translated("Slice", found | ({"steps": steps} if len(steps) == len(begins) else {}))


def _optional(source: Mapping[str, str], key: str, absent: int) -> tuple[int, ...]:
    """Numbers among which ``None`` stands for `absent`."""
    found = re.findall(r"None|-?\d{1,18}", source.get(key, "")[:4096])
    return tuple(absent if part == "None" else int(part) for part in found)


def _axes(kind: str) -> Callable[[Mapping[str, str]], Translated]:
    def rule(source: Mapping[str, str]) -> Translated:
        axes = numbers(source, "axis")
        return Translated(kind, {"axes": axes} if axes else {})

    return rule


def _product(source: Mapping[str, str]) -> Translated:
    found = {"transA": flag(source, "transpose_a"), "transB": flag(source, "transpose_b")}
    return Translated("MatMul", {key: 1 for key, value in found.items() if value})


def _pad(source: Mapping[str, str]) -> Translated:
    pairs = numbers(source, "pad_width")
    mode = {"constant": "constant", "edge": "edge", "reflect": "reflect"}.get(source.get("mode", ""), "constant")
    return Translated("Pad", {"pads": pairs[0::2] + pairs[1::2], "mode": mode})


def _recurrent(source: Mapping[str, str]) -> Translated:
    found: Attributes = {
        "hidden_size": number(source, "state_size", 0),
        "direction": "bidirectional" if flag(source, "bidirectional") else "forward",
        "layout": 0,
    }
    return Translated(_RNN_MODES.get(source.get("mode", "")), found)


def _cast(source: Mapping[str, str]) -> Translated:
    kind = DTYPES.get(source.get("dtype", ""))
    return Translated("Cast", {"to": kind} if kind else {})


def _clip(source: Mapping[str, str]) -> Translated:
    return Translated("Clip", {"min": _real(source, "a_min", 0.0), "max": _real(source, "a_max", 0.0)})


def _softmax_activation(source: Mapping[str, str]) -> Translated:
    return Translated("Softmax", {"axis": 1 if source.get("mode") == "channel" else -1})


def _shaped(kind: str, key: str, attribute: str) -> Callable[[Mapping[str, str]], Translated]:
    def rule(source: Mapping[str, str]) -> Translated:
        found = numbers(source, key)
        return Translated(kind, {attribute: found} if found else {})

    return rule


def _block(kind: str) -> Callable[[Mapping[str, str]], Translated]:
    return lambda source: Translated(kind, {"blocksize": number(source, "block_size", 1)})


def _topk(source: Mapping[str, str]) -> Translated:
    return Translated("TopK", {"axis": number(source, "axis", -1), "k": number(source, "k", 1)})


def _local_response(source: Mapping[str, str]) -> Translated:
    return Translated("LRN", {"size": number(source, "nsize", 1)})


_RULES: Final[Mapping[str, Callable[[Mapping[str, str]], Translated]]] = {
    "Activation": _activation,
    "AdaptiveAvgPooling2D": _adaptive,
    "BilinearResize2D": _bilinear,
    "Cast": _cast,
    "Concat": _with_axis("Concat", "dim", 1),
    "Convolution": _convolution,
    "Convolution_v1": _convolution,
    "Deconvolution": _transposed,
    "DeformableConvolution": _deformable,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "FullyConnected": _dense,
    "LRN": _local_response,
    "LayerNorm": _with_axis("LayerNormalization", "axis", -1),
    "LeakyReLU": _leaky,
    "ModulatedDeformableConvolution": _deformable,
    "Pad": _pad,
    "Pooling": _pooling,
    "Pooling_v1": _pooling,
    "RNN": _recurrent,
    "Reshape": _reshape,
    "SliceChannel": _split,
    "SoftmaxActivation": _softmax_activation,
    "SoftmaxOutput": _with_axis("Softmax", "axis", 1),
    "UpSampling": _upsampling,
    "amp_cast": _cast,
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
    "batch_dot": _product,
    "broadcast_to": _shaped("Expand", "shape", "shape"),
    "clip": _clip,
    "depth_to_space": _block("DepthToSpace"),
    "dot": _product,
    "expand_dims": _axes("Unsqueeze"),
    "log_softmax": _with_axis("LogSoftmax", "axis", -1),
    "max": _reduction("ReduceMax"),
    "mean": _reduction("ReduceMean"),
    "min": _reduction("ReduceMin"),
    "prod": _reduction("ReduceProd"),
    "slice": _slice,
    "slice_axis": _slice_axis,
    "softmax": _with_axis("Softmax", "axis", -1),
    "space_to_depth": _block("SpaceToDepth"),
    "squeeze": _axes("Squeeze"),
    "stack": _with_axis("Stack", "axis", 0),
    "sum": _reduction("ReduceSum"),
    "take": _with_axis("Gather", "axis", 0),
    "tile": _shaped("Tile", "reps", "repeats"),
    "topk": _topk,
    "transpose": _transpose,
}
