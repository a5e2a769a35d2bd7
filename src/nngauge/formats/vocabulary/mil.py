"""Core ML's ML Program: operations, their ONNX counterparts, and the translation of their arguments.

Operations: https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim
from nngauge.formats._parts.coreml_mil import Values

Attributes = dict[str, Attribute]
_LAST: Final = 2**63 - 1


class Call(Struct, frozen=True):
    """The arguments of an operation as its rule sees them."""

    constants: Mapping[str, Values]
    """Small constants by parameter name."""
    shapes: Mapping[str, tuple[Dim, ...] | None]
    """Shapes of all arguments by parameter name; of several, that of the first."""

    def wholes(self, name: str) -> tuple[int, ...]:
        """Whole numbers, empty when the argument is absent or no constant."""
        return tuple(value for value in self.constants.get(name, ()) if isinstance(value, int))

    def whole(self, name: str, default: int = 0) -> int:
        """The first whole number."""
        found = self.wholes(name)
        return found[0] if found else default

    def real(self, name: str, default: float = 0.0) -> float:
        """The first number."""
        found = self.constants.get(name, ())
        return float(found[0]) if found and not isinstance(found[0], str) else default

    def text(self, name: str) -> str:
        """The first text."""
        found = self.constants.get(name, ())
        return found[0] if found and isinstance(found[0], str) else ""

    def rank(self, name: str) -> int | None:
        """Number of dimensions of an argument."""
        shape = self.shapes.get(name)
        return None if shape is None else len(shape)


class Step(Struct, frozen=True):
    """The operation in ONNX's words: which arguments are its inputs, in order, and its attributes."""

    kind: str | None
    operands: tuple[str, ...] = ("x",)
    attributes: Attributes = field(default_factory=dict)


Rule = Callable[[Call], Step]

_SAME: Final[Mapping[str, str]] = {
    "abs": "Abs", "acos": "Acos", "asin": "Asin", "atan": "Atan", "atanh": "Atanh", "ceil": "Ceil", "cos": "Cos",
    "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "exp2": "Exp", "floor": "Floor", "identity": "Identity",
    "inverse": "Reciprocal", "l2_norm": "Normalize", "linear_activation": "Mul", "log": "Log", "logical_not": "Not",
    "non_zero": "NonZero", "relu": "Relu", "reverse": "Reverse", "round": "Round", "rsqrt": "Rsqrt",
    "scaled_tanh": "Tanh", "shape": "Shape", "sigmoid": "Sigmoid", "sigmoid_hard": "HardSigmoid", "sign": "Sign",
    "silu": "Swish", "sin": "Sin", "sinh": "Sinh", "softplus": "Softplus", "softplus_parametric": "Softplus",
    "softsign": "Softsign", "sqrt": "Sqrt", "square": "Square", "tan": "Tan", "tanh": "Tanh", "threshold": "Clip",
    "band_part": "Trilu", "sliding_windows": "Unfold", "random_categorical": "Multinomial",
}  # fmt: skip
"""One input, nothing else that matters."""
_PAIRS: Final[Mapping[str, str]] = {
    "add": "Add", "equal": "Equal", "floor_div": "FloorDiv", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "less": "Less", "less_equal": "LessOrEqual", "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor",
    "maximum": "Max", "minimum": "Min", "mod": "Mod", "mul": "Mul", "not_equal": "NotEqual", "pow": "Pow",
    "real_div": "Div", "sub": "Sub",
}  # fmt: skip
_REDUCTIONS: Final[Mapping[str, str]] = {
    "reduce_l1_norm": "ReduceL1", "reduce_l2_norm": "ReduceL2", "reduce_log_sum": "ReduceLogSum",
    "reduce_log_sum_exp": "ReduceLogSumExp", "reduce_max": "ReduceMax", "reduce_mean": "ReduceMean",
    "reduce_min": "ReduceMin", "reduce_prod": "ReduceProd", "reduce_sum": "ReduceSum",
    "reduce_sum_square": "ReduceSumSquare",
}  # fmt: skip
_OTHERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "affine": ("GridSample", ("x", "transform_matrix")),
    "argsort": ("Sort", ("x",)),
    "batch_to_space": ("BatchToSpace", ("x",)),
    "classify": ("ZipMap", ("probabilities",)),
    "coreml_update_state": ("Assign", ("state", "value")),
    "crop": ("Crop", ("x",)),
    "crop_resize": ("CropAndResize", ("x", "boxes", "box_indices")),
    "fill": ("Fill", ("shape", "value")),
    "fill_like": ("Fill", ("ref_tensor", "value")),
    "gather_nd": ("GatherND", ("x", "indices")),
    "list_gather": ("SequenceAt", ("ls", "indices")),
    "list_length": ("SequenceLength", ("ls",)),
    "list_read": ("SequenceAt", ("ls", "index")),
    "list_scatter": ("SequenceInsert", ("ls", "indices", "value")),
    "list_write": ("SequenceInsert", ("ls", "index", "value")),
    "make_list": ("SequenceEmpty", ()),
    "non_maximum_suppression": ("NonMaxSuppression", ("boxes", "scores")),
    "one_hot": ("OneHot", ("indices",)),
    "random_bernoulli": ("Bernoulli", ("shape",)),
    "random_normal": ("RandomNormal", ("shape",)),
    "random_uniform": ("RandomUniform", ("shape",)),
    "range_1d": ("Range", ("start", "end", "step")),
    "read_state": ("Variable", ("input",)),
    "resample": ("GridSample", ("x", "coordinates")),
    "reshape_like": ("Reshape", ("x", "ref_tensors")),
    "reverse_sequence": ("ReverseSequence", ("x", "lengths")),
    "scatter": ("ScatterElements", ("data", "indices", "updates")),
    "scatter_along_axis": ("ScatterElements", ("data", "indices", "updates")),
    "scatter_nd": ("ScatterND", ("data", "indices", "updates")),
    "select": ("Where", ("cond", "a", "b")),
    "slice_update": ("ScatterND", ("x", "update")),
    "space_to_batch": ("SpaceToBatch", ("x",)),
    "write_state": ("Assign", ("input", "data")),
    "constexpr_cast": ("Cast", ("source_val",)),
    "constexpr_lut_to_dense": ("Palette", ("indices", "lut")),
    "constexpr_lut_to_sparse": ("Palette", ("indices_nonzero_data", "indices_mask", "lut")),
    "constexpr_sparse_blockwise_shift_scale": ("DequantizeLinear", ("nonzero_data", "data_mask", "scale", "offset")),
    "constexpr_sparse_to_dense": ("Densify", ("nonzero_data", "mask")),
    "constexpr_blockwise_shift_scale": ("DequantizeLinear", ("data", "scale", "offset")),
}
"""Operations with inputs of their own names and no attributes that matter."""
CONTROL: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "cond": ("If", ("pred",), ("then_branch", "else_branch")),
    "while_loop": ("Loop", ("loop_vars",), ("cond", "body")),
}
"""Operations with blocks: ONNX name, inputs, and the attribute of each block in order."""
_DTYPES: Final[Mapping[str, str]] = {
    "fp16": "float16", "fp32": "float32", "fp64": "float64", "int32": "int32", "int16": "int16", "int8": "int8",
    "uint8": "uint8", "uint16": "uint16", "int64": "int64", "bool": "bool",
}  # fmt: skip


def translate(name: str, call: Call) -> Step | None:
    """The operation in ONNX's words, None for one that is not known."""
    rule = _RULES.get(name)
    if rule is not None:
        return rule(call)
    if name in _SAME:
        return Step(_SAME[name])
    if name in _PAIRS:
        return Step(_PAIRS[name], ("x", "y"))
    if name in _REDUCTIONS:
        axes = call.wholes("axes")
        found: Attributes = {"keepdims": call.whole("keep_dims")}
        return Step(_REDUCTIONS[name], ("x",), found | ({"axes": axes} if axes else {}))
    if name in _OTHERS:
        kind, operands = _OTHERS[name]
        return Step(kind, operands)
    return None


def _window(call: Call, count: int) -> Attributes:
    """Strides and padding; pads are pairs for each axis."""
    strides = call.wholes("strides")
    found: Attributes = {"strides": strides if len(strides) == count else (1,) * count}
    mode, pads = call.text("pad_type"), call.wholes("pad")
    if mode == "custom" and len(pads) == 2 * count:
        return found | {"pads": pads[0::2] + pads[1::2]}
    return found | {"auto_pad": {"same": "SAME_UPPER", "same_lower": "SAME_LOWER"}.get(mode, "VALID")}


def _convolution(call: Call) -> Step:
    kernel = tuple(dim for dim in (call.shapes.get("weight") or ())[2:] if isinstance(dim, int))
    dilations = call.wholes("dilations")
    found: Attributes = {"kernel_shape": kernel} if kernel else {}
    found |= _window(call, len(kernel))
    found |= {"dilations": dilations or (1,) * len(kernel), "group": call.whole("groups", 1)}
    return Step("Conv", ("x", "weight", "bias"), found)


def _transposed(call: Call) -> Step:
    found = _convolution(call).attributes
    target = call.wholes("output_shape")
    if target:
        found["output_shape"] = target[2:]
    return Step("ConvTranspose", ("x", "weight", "bias"), found)


def _pool(kind: str) -> Rule:
    def rule(call: Call) -> Step:
        kernel = call.wholes("kernel_sizes")
        found: Attributes = {"kernel_shape": kernel, **_window(call, len(kernel)), "ceil_mode": call.whole("ceil_mode")}
        if kind == "AveragePool":
            found["count_include_pad"] = int(not call.whole("exclude_padding_from_average"))
        return Step(kind, ("x",), found)

    return rule


def _linear(_call: Call) -> Step:
    return Step("Gemm", ("x", "weight", "bias"), {"transB": 1, "axis": -1})


def _product(call: Call) -> Step:
    flags = {"transA": call.whole("transpose_x"), "transB": call.whole("transpose_y")}
    return Step("MatMul", ("x", "y"), {key: value for key, value in flags.items() if value})


def _einsum(call: Call) -> Step:
    return Step("Einsum", ("values",), {"equation": call.text("equation")})


def _attention(_call: Call) -> Step:
    return Step("Attention", ("query", "key", "value", "attn_mask"))


def _batch_norm(call: Call) -> Step:
    return Step(
        "BatchNormalization", ("x", "gamma", "beta", "mean", "variance"), {"epsilon": call.real("epsilon", 1e-5)}
    )


def _instance_norm(call: Call) -> Step:
    return Step("InstanceNormalization", ("x", "gamma", "beta"), {"epsilon": call.real("epsilon", 1e-5)})


def _layer_norm(call: Call) -> Step:
    axes = call.wholes("axes")
    found: Attributes = {"axis": min(axes) if axes else -1, "epsilon": call.real("epsilon", 1e-5)}
    return Step("LayerNormalization", ("x", "gamma", "beta"), found)


def _local_response(call: Call) -> Step:
    return Step("LRN", ("x",), {"size": call.whole("size")})


def _recurrent(kind: str) -> Rule:
    """Weights of both directions, matrices first; gates are stacked."""

    def rule(call: Call) -> Step:
        shape = call.shapes.get("weight_hh")
        hidden = shape[-1] if shape else None
        direction = call.text("direction") or "forward"
        found: Attributes = {"direction": direction, "layout": 0}
        if isinstance(hidden, int):
            found["hidden_size"] = hidden
        weights = ("weight_ih", "weight_hh", "weight_ih_back", "weight_hh_back", "bias", "bias_back", "input_bias")
        return Step(kind, ("x", *weights, "initial_h", "initial_c"), found)

    return rule


def _clip(call: Call) -> Step:
    return Step("Clip", ("x",), {"min": call.real("alpha"), "max": call.real("beta", 1.0)})


def _alpha(kind: str) -> Rule:
    return lambda call: Step(kind, ("x",), {"alpha": call.real("alpha")})


def _gelu(call: Call) -> Step:
    return Step("QuickGelu" if call.text("mode") == "SIGMOID_APPROXIMATION" else "Gelu")


def _axis(kind: str, *operands: str, default: int = 0) -> Rule:
    return lambda call: Step(kind, operands or ("x",), {"axis": call.whole("axis", default)})


def _arg(kind: str) -> Rule:
    return lambda call: Step(kind, ("x",), {"axis": call.whole("axis", -1), "keepdims": call.whole("keep_dims")})


def _cast(call: Call) -> Step:
    target = _DTYPES.get(call.text("dtype"))
    return Step("Cast", ("x",), {"to": target} if target else {})


def _listed(kind: str, argument: str, attribute: str) -> Rule:
    """A list of numbers is an attribute where it is constant and an input where it is computed."""

    def rule(call: Call) -> Step:
        found = call.wholes(argument)
        return Step(kind, ("x",), {attribute: found}) if found else Step(kind, ("x", argument))

    return rule


def _split(call: Call) -> Step:
    sizes = call.wholes("split_sizes")
    found: Attributes = {"axis": call.whole("axis")}
    return Step("Split", ("x",), found | ({"split": sizes} if sizes else {"num_outputs": call.whole("num_splits", 1)}))


def _slice(call: Call) -> Step:
    begins, ends, steps = call.wholes("begin"), call.wholes("end"), call.wholes("stride")
    rank = len(begins)
    if not rank or len(ends) != rank:
        return Step("Slice", ("x", "begin", "end"))
    open_begins, open_ends = (call.wholes(name) or (0,) * rank for name in ("begin_mask", "end_mask"))
    found: Attributes = {
        "starts": tuple(0 if masked else begin for begin, masked in zip(begins, open_begins, strict=False)),
        "ends": tuple(_LAST if masked else end for end, masked in zip(ends, open_ends, strict=False)),
        "axes": tuple(range(rank)),
    }
    return Step("Slice", ("x",), found | ({"steps": steps} if len(steps) == rank else {}))


def _slice_by_size(call: Call) -> Step:
    begins, sizes = call.wholes("begin"), call.wholes("size")
    if not begins or len(begins) != len(sizes):
        return Step("Slice", ("x", "begin", "size"))
    ends = tuple(_LAST if size < 0 else begin + size for begin, size in zip(begins, sizes, strict=True))
    return Step("Slice", ("x",), {"starts": begins, "ends": ends, "axes": tuple(range(len(begins)))})


def _pad(call: Call) -> Step:
    """Amounts are given for the last axes only."""
    amounts, rank = call.wholes("pad"), call.rank("x")
    if not amounts or rank is None or len(amounts) > 2 * rank:
        return Step("Pad", ("x", "pad"))
    full = (0,) * (2 * rank - len(amounts)) + amounts
    mode = {"reflect": "reflect", "replicate": "edge"}.get(call.text("mode"), "constant")
    return Step("Pad", ("x",), {"pads": full[0::2] + full[1::2], "mode": mode})


def _upsample(mode: str) -> Rule:
    def rule(call: Call) -> Step:
        factors = call.real("scale_factor_height", 1.0), call.real("scale_factor_width", 1.0)
        return Step("Resize", ("x",), {"scales": (1.0, 1.0, *factors), "mode": mode})

    return rule


def _resize(mode: str) -> Rule:
    def rule(call: Call) -> Step:
        sides = call.whole("target_size_height"), call.whole("target_size_width")
        return Step("Resize", ("x",), {"sizes": sides, "axes": (-2, -1), "mode": mode})

    return rule


def _resize_dims(call: Call) -> Step:
    sizes = call.wholes("shape")
    mode = "nearest" if "NEAREST" in call.text("interpolation_mode") else "linear"
    axes = tuple(range(-len(sizes), 0))
    return Step("Resize", ("x",), {"sizes": sizes, "axes": axes, "mode": mode})


def _block(kind: str, argument: str) -> Rule:
    return lambda call: Step(kind, ("x",), {"blocksize": call.whole(argument, 1)})


def _top(call: Call) -> Step:
    found: Attributes = {"axis": call.whole("axis", -1), "k": call.whole("k", 1)}
    return Step("TopK", ("x",), found | {"largest": int(not call.whole("ascending"))})


def _cumulative(call: Call) -> Step:
    return Step("CumSum", ("x",), {"axis": call.whole("axis")})


def _flatten(call: Call) -> Step:
    return Step("Flatten", ("x",), {"axis": call.whole("axis", 1)})


def _affine(call: Call) -> Step:
    return Step("DequantizeLinear", ("quantized_data", "scale", "zero_point"), {"axis": call.whole("axis")})


def _quantised(kind: str) -> Rule:
    def rule(call: Call) -> Step:
        found: Attributes = {"axis": call.whole("axis")} if call.wholes("axis") else {}
        target = _DTYPES.get(call.text("output_dtype"))
        return Step(kind, ("input", "scale", "zero_point"), found | ({"to": target} if target else {}))

    return rule


_RULES: Final[Mapping[str, Rule]] = {
    "avg_pool": _pool("AveragePool"),
    "batch_norm": _batch_norm,
    "cast": _cast,
    "clamped_relu": _clip,
    "clip": _clip,
    "concat": _axis("Concat", "values"),
    "constexpr_affine_dequantize": _affine,
    "conv": _convolution,
    "conv_quantized": _convolution,
    "conv_transpose": _transposed,
    "cumsum": _cumulative,
    "depth_to_space": _block("DepthToSpace", "block_size"),
    "dequantize": _quantised("DequantizeLinear"),
    "einsum": _einsum,
    "elu": _alpha("Elu"),
    "expand_dims": _listed("Unsqueeze", "axes", "axes"),
    "flatten2d": _flatten,
    "gather": _axis("Gather", "x", "indices"),
    "gather_along_axis": _axis("GatherElements", "x", "indices"),
    "gelu": _gelu,
    "gru": _recurrent("GRU"),
    "instance_norm": _instance_norm,
    "l2_pool": _pool("LpPool"),
    "layer_norm": _layer_norm,
    "leaky_relu": _alpha("LeakyRelu"),
    "linear": _linear,
    "local_response_norm": _local_response,
    "lstm": _recurrent("LSTM"),
    "matmul": _product,
    "max_pool": _pool("MaxPool"),
    "pad": _pad,
    "pixel_shuffle": _block("DepthToSpace", "upscale_factor"),
    "pixel_unshuffle": _block("SpaceToDepth", "downscale_factor"),
    "prelu": lambda _call: Step("PRelu", ("x", "alpha")),
    "quantize": _quantised("QuantizeLinear"),
    "reduce_argmax": _arg("ArgMax"),
    "reduce_argmin": _arg("ArgMin"),
    "relu6": lambda _call: Step("Clip", ("x",), {"min": 0.0, "max": 6.0}),
    "reshape": _listed("Reshape", "shape", "shape"),
    "resize": _resize_dims,
    "resize_bilinear": _resize("linear"),
    "resize_nearest_neighbor": _resize("nearest"),
    "rnn": _recurrent("RNN"),
    "scaled_dot_product_attention": _attention,
    "slice_by_index": _slice,
    "slice_by_size": _slice_by_size,
    "softmax": _axis("Softmax", default=-1),
    "space_to_depth": _block("SpaceToDepth", "block_size"),
    "split": _split,
    "squeeze": _listed("Squeeze", "axes", "axes"),
    "stack": _axis("Stack", "values"),
    "thresholded_relu": _alpha("ThresholdedRelu"),
    "tile": _listed("Tile", "reps", "repeats"),
    "topk": _top,
    "transpose": _listed("Transpose", "perm", "perm"),
    "upsample_bilinear": _upsample("linear"),
    "upsample_nearest_neighbor": _upsample("nearest"),
}
