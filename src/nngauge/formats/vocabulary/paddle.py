"""Paddle operators by their ONNX counterparts, for programs of Paddle and of Paddle Lite.

Operators, their slots and attributes: paddle/phi/ops/yaml/op_compat.yaml and ops.yaml of
https://github.com/PaddlePaddle/Paddle; Lite's own fused ones: lite/operators of
https://github.com/PaddlePaddle/Paddle-Lite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, DType

DTYPES: Final = {
    0: DType.BOOL, 1: DType.INT16, 2: DType.INT32, 3: DType.INT64, 4: DType.FLOAT16, 5: DType.FLOAT32,
    6: DType.FLOAT64, 20: DType.UINT8, 21: DType.INT8, 22: DType.BFLOAT16, 23: DType.COMPLEX64, 24: DType.COMPLEX128,
    32: DType.FLOAT8_E4M3, 33: DType.FLOAT8_E5M2, 36: DType.UINT16, 37: DType.UINT32, 38: DType.UINT64,
}  # fmt: skip
"""Element type by number of `VarType.Type` (framework.proto)."""
EDGES: Final = ("feed", "fetch")
"""Operators that stand for the program's inputs and outputs."""


class Operation(Struct, frozen=True):
    """An operation with its inputs by slot."""

    kind: str
    inputs: Mapping[str, tuple[int, ...]]
    attributes: Mapping[str, Attribute]
    rank: int | None = None
    """Axes of the value in slot ``X``, where the program tells."""

    def slots(self, *names: str) -> tuple[int, ...]:
        """One value of each slot in ONNX's order, −1 where it is empty, none of these at the end."""
        found = [(self.inputs.get(name) or (-1,))[0] for name in names]
        while found and found[-1] < 0:
            found.pop()
        return tuple(found)

    def every(self, *names: str) -> tuple[int, ...]:
        """All values of some slots."""
        return tuple(at for name in names for at in self.inputs.get(name, ()))

    def integers(self, *names: str) -> tuple[int, ...] | None:
        """The first of these attributes that is there, as a list of integers."""
        value = next((self.attributes[name] for name in names if name in self.attributes), None)
        if isinstance(value, int):
            return (int(value),)
        if not isinstance(value, tuple):
            return None
        return tuple(int(item) for item in value if isinstance(item, int)) if value else ()

    def integer(self, name: str, default: int = 0) -> int:
        """An integer or truth value."""
        value = self.attributes.get(name)
        return int(value) if isinstance(value, int) else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A number."""
        value = self.attributes.get(name)
        return float(value) if isinstance(value, int | float) else default

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else default


class Translated(Struct, frozen=True):
    """Kind, inputs in ONNX's order, attributes; without a kind what the file says."""

    kind: str | None
    inputs: tuple[int, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


Rule = Callable[[Operation], Translated]


def translate(operation: Operation) -> Translated:
    """An operation in the words of docs/operators.md."""
    rule = _RULES.get(operation.kind)
    if rule is not None:
        return rule(operation)
    every = tuple(at for values in operation.inputs.values() for at in values)
    same = _SAME.get(operation.kind)
    if same is not None:
        first = operation.every("X", "Input", "x")
        rest = tuple(at for at in every if at not in first)
        return Translated(same, first + rest)
    return Translated(None, every, operation.attributes)


def _activation(operation: Operation) -> dict[str, Attribute]:
    """Fused into convolutions and dense layers by optimisers."""
    name = operation.text("act_type") or operation.text("fuse_activation") or operation.text("activation_type")
    if not name and operation.integer("fuse_relu"):
        name = "relu"
    kind = {"relu": "Relu", "relu6": "Clip", "leaky_relu": "LeakyRelu", "sigmoid": "Sigmoid", "tanh": "Tanh",
            "hard_swish": "HardSwish", "hard_sigmoid": "HardSigmoid", "prelu": "PRelu", "gelu": "Gelu"}.get(name)  # fmt: skip
    return {"fused_activation": kind} if kind else {}


def _window(operation: Operation, rank: int) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    strides, dilations = operation.integers("strides"), operation.integers("dilations")
    pads = operation.integers("paddings")
    if strides:
        found["strides"] = strides
    if dilations:
        found["dilations"] = dilations
    mode = operation.text("padding_algorithm")
    if mode == "SAME":
        return found | {"auto_pad": "SAME_UPPER"}
    if mode == "VALID":
        return found | {"auto_pad": "VALID"}
    if pads is not None and len(pads) == 2 * rank:
        # Pairs of begin and end for each axis.
        return found | {"pads": (*pads[::2], *pads[1::2])}
    return found | ({"pads": pads * 2} if pads is not None and len(pads) == rank else {})


def _layout(operation: Operation, *names: str) -> dict[str, Attribute]:
    layout = next((operation.text(name) for name in names if operation.text(name)), "")
    return {"data_layout": layout} if layout in ("NHWC", "NDHWC", "NWC", "NLC") else {}


def _convolution(kind: str, rank: int) -> Rule:
    def rule(operation: Operation) -> Translated:
        found = _window(operation, rank) | {"group": operation.integer("groups", 1)}
        found |= _layout(operation, "data_format") | _activation(operation)
        if kind == "ConvTranspose":
            for ours, theirs in (("output_padding", "output_padding"), ("output_shape", "output_size")):
                sizes = operation.integers(theirs)
                found |= {ours: sizes} if sizes else {}
        return Translated(kind, operation.slots("Input", "Filter", "Bias"), found)

    return rule


def _pool(operation: Operation) -> Translated:
    rank = 3 if operation.kind.startswith("pool3d") else 2
    kind = "MaxPool" if operation.text("pooling_type", "max") == "max" or "max" in operation.kind else "AveragePool"
    kernel = operation.integers("ksize")
    inputs = operation.slots("X")
    if operation.integer("global_pooling") or (operation.integer("adaptive") and kernel and set(kernel) == {1}):
        return Translated(f"Global{kind}", inputs, _layout(operation, "data_format"))
    if operation.integer("adaptive"):
        return Translated(kind, inputs, ({"sizes": kernel} if kernel else {}) | _layout(operation, "data_format"))
    found = _window(operation, rank) | _layout(operation, "data_format")
    found |= {"kernel_shape": kernel} if kernel else {}
    found["ceil_mode"] = operation.integer("ceil_mode")
    if kind == "AveragePool":
        found["count_include_pad"] = 1 - operation.integer("exclusive", 1)
    return Translated(kind, inputs, found)


def _norm(kind: str) -> Rule:
    def rule(operation: Operation) -> Translated:
        found: dict[str, Attribute] = {"epsilon": operation.real("epsilon", 1e-5)}
        found |= _layout(operation, "data_layout") | _activation(operation)
        if kind == "LayerNormalization":
            found["axis"] = operation.integer("begin_norm_axis", 1)
        if kind == "GroupNormalization":
            found["num_groups"] = operation.integer("groups", 1)
        return Translated(kind, operation.slots("X", "Scale", "Bias", "Mean", "Variance"), found)

    return rule


def _elementwise(kind: str) -> Rule:
    def rule(operation: Operation) -> Translated:
        axis = operation.integer("axis", -1)
        found: dict[str, Attribute] = ({"axis": axis} if axis != -1 else {}) | _activation(operation)
        return Translated(kind, operation.slots("X", "Y"), found)

    return rule


def _matmul(operation: Operation) -> Translated:
    names = ("trans_x", "trans_y") if "trans_x" in operation.attributes else ("transpose_X", "transpose_Y")
    found: dict[str, Attribute] = {"transA": operation.integer(names[0]), "transB": operation.integer(names[1])}
    return Translated("MatMul", operation.slots("X", "Y"), found)


def _mul(operation: Operation) -> Translated:
    """Axes before and after `x_num_col_dims` are flattened to a matrix each."""
    return Translated("Gemm", operation.slots("X", "Y"), {"axis": operation.integer("x_num_col_dims", 1)})


def _dense(operation: Operation) -> Translated:
    found: dict[str, Attribute] = {"axis": operation.integer("in_num_col_dims", 1)}
    return Translated("Gemm", operation.slots("Input", "W", "Bias"), found | _activation(operation))


def _shaped(kind: str, name: str, *slots: str) -> Rule:
    """A size that is an attribute, or an input where that is bound."""

    def rule(operation: Operation) -> Translated:
        inputs = operation.slots("X", *slots) if operation.slots("X") else operation.slots(*slots)
        sizes = operation.integers(name, "repeat_times")
        computed = bool(slots) and bool(operation.every(*slots))
        ours = "repeats" if kind == "Tile" else "shape"
        return Translated(kind, inputs, {ours: sizes} if sizes and not computed else {})

    return rule


def _axes(kind: str) -> Rule:
    def rule(operation: Operation) -> Translated:
        axes = operation.integers("axes", "axis")
        return Translated(kind, operation.slots("X"), {"axes": axes} if axes else {})

    return rule


def _reduce(kind: str) -> Rule:
    def rule(operation: Operation) -> Translated:
        axes = operation.integers("dim", "axis")
        found: dict[str, Attribute] = {"keepdims": operation.integer("keep_dim")}
        every = operation.integer("reduce_all") or not axes
        return Translated(kind, operation.slots("X"), found if every else found | {"axes": axes or ()})

    return rule


def _axis(kind: str, slot: str = "X", name: str = "axis", default: int = -1) -> Rule:
    return lambda operation: Translated(kind, operation.every(slot), {"axis": operation.integer(name, default)})


def _transpose(operation: Operation) -> Translated:
    perm = operation.integers("axis", "perm")
    return Translated("Transpose", operation.slots("X"), {"perm": perm} if perm else {})


def _flatten(operation: Operation) -> Translated:
    """``flatten2`` makes a matrix; ``flatten_contiguous_range`` joins the axes from start to stop."""
    if operation.kind != "flatten_contiguous_range":
        return Translated("Flatten", operation.slots("X"), {"axis": operation.integer("axis", 1)})
    start, stop = operation.integer("start_axis", 1), operation.integer("stop_axis", -1)
    stop = -1 if operation.rank is not None and stop == operation.rank - 1 else stop
    if start == 1 and stop == -1:
        return Translated("Flatten", operation.slots("X"), {"axis": 1})
    if 0 <= start < 8 and stop == -1:
        return Translated("Reshape", operation.slots("X"), {"shape": (0,) * start + (-1,)})
    return Translated("Reshape", operation.slots("X"))


def _split(operation: Operation) -> Translated:
    found: dict[str, Attribute] = {"axis": operation.integer("axis")}
    sections = operation.integers("sections")
    found |= {"split": sections} if sections else {"num_outputs": operation.integer("num", 1)}
    if operation.kind in ("unstack", "unbind"):
        found = {"axis": operation.integer("axis"), "keepdims": 0}
    return Translated("Split", operation.slots("X"), found)


def _slice(operation: Operation) -> Translated:
    found: dict[str, Attribute] = {}
    for ours, theirs in (("axes", "axes"), ("starts", "starts"), ("ends", "ends"), ("steps", "strides")):
        numbers = operation.integers(theirs)
        found |= {ours: numbers} if numbers else {}
    axes, dropped = operation.integers("axes") or (), operation.integers("decrease_axis")
    if dropped and all(axis in axes or axis >= 0 for axis in dropped):
        found["squeeze"] = dropped
    if operation.every("StartsTensor", "EndsTensor", "StartsTensorList", "EndsTensorList"):
        found = {key: value for key, value in found.items() if key in ("axes", "squeeze")}
    return Translated("Slice", operation.slots("Input"), found)


def _stack(operation: Operation) -> Translated:
    return Translated("Concat", operation.every("X"), {"axis": operation.integer("axis"), "new_axis": 1})


def _gather(operation: Operation) -> Translated:
    return Translated("Gather", operation.slots("X", "Index"), {"axis": operation.integer("axis")})


def _embedding(operation: Operation) -> Translated:
    return Translated("Gather", operation.slots("W", "Ids"), {"axis": 0})


def _resize(operation: Operation) -> Translated:
    """The size as numbers, as scale, or as an input."""
    mode = "nearest" if "nearest" in operation.kind else "cubic" if "bicubic" in operation.kind else "linear"
    found: dict[str, Attribute] = {"mode": mode} | _layout(operation, "data_layout")
    last = operation.text("data_layout") == "NHWC"
    found["axes"] = (1, 2) if last else (2, 3)
    sizes = (operation.integer("out_h", -1), operation.integer("out_w", -1))
    scale = operation.attributes.get("scale")
    scales = scale if isinstance(scale, tuple) else (scale, scale) if isinstance(scale, float) and scale > 0 else ()
    if not operation.every("OutSize", "SizeTensor", "Scale"):
        if min(sizes) > 0:
            found["sizes"] = sizes
        elif scales:
            found["scales"] = tuple(float(item) for item in scales if isinstance(item, int | float))
    return Translated("Resize", operation.slots("X"), found)


def _pad(operation: Operation) -> Translated:
    """``pad`` has pairs from the first axis on, ``pad2d`` and ``pad3d`` pairs of the spatial axes, the last one first."""
    pads = operation.integers("paddings") or ()
    found: dict[str, Attribute] = {"mode": operation.text("mode", "constant").replace("replicate", "edge")}
    if operation.kind == "pad3d" and len(pads) == 6:
        pads = (*pads[4:6], *pads[2:4], *pads[0:2])
    if pads and len(pads) % 2 == 0:
        found["pads"] = (*pads[::2], *pads[1::2])
        if operation.kind != "pad":
            last = operation.text("data_format").endswith("C")
            found["axes"] = tuple(range(1 if last else 2, len(pads) // 2 + (1 if last else 2)))
    return Translated("Pad", operation.slots("X"), found)


def _cast(operation: Operation) -> Translated:
    dtype = DTYPES.get(operation.integer("out_dtype", -1))
    return Translated("Cast", operation.slots("X"), {"to": str(dtype)} if dtype else {})


def _fill(operation: Operation) -> Translated:
    dtype, shape = DTYPES.get(operation.integer("dtype", -1)), operation.integers("shape")
    found: dict[str, Attribute] = {"to": str(dtype)} if dtype else {}
    return Translated("ConstantOfShape", operation.slots("ShapeTensor"), found | ({"shape": shape} if shape else {}))


def _numbers(kind: str, **names: str) -> Rule:
    def rule(operation: Operation) -> Translated:
        found = {ours: operation.real(theirs) for ours, theirs in names.items() if theirs in operation.attributes}
        return Translated(kind, operation.slots("X"), dict(found))

    return rule


def _relu6(operation: Operation) -> Translated:
    return Translated("Clip", operation.slots("X"), {"min": 0.0, "max": operation.real("threshold", 6.0)})


def _recurrent(operation: Operation) -> Translated:
    """Fused layers: X, the weights of all layers, then the initial states."""
    kind = {"LSTM": "LSTM", "GRU": "GRU"}.get(operation.text("mode", "LSTM"), "RNN")
    direction = "bidirectional" if operation.integer("is_bidirec") else "forward"
    found: dict[str, Attribute] = {
        "hidden_size": operation.integer("hidden_size"),
        "direction": direction,
        "num_layers": operation.integer("num_layers", 1),
    }
    return Translated(kind, operation.every("Input", "WeightList"), found)


def _attention(operation: Operation) -> Translated:
    heads = {"num_heads": operation.integer("head_number", 1)}
    return Translated("MultiHeadAttention", operation.every("Input", "W", "Bias", "BiasQK"), dict(heads))


def _range(operation: Operation) -> Translated:
    return Translated("Range", operation.slots("Start", "End", "Step"))


def _where(operation: Operation) -> Translated:
    return Translated("Where", operation.slots("Condition", "X", "Y"))


def _shuffle(kind: str, name: str, ours: str) -> Rule:
    return lambda operation: Translated(kind, operation.slots("X"), {ours: operation.integer(name, 1), "mode": "CRD"})


def _loop(operation: Operation) -> Translated:
    return Translated("Loop", (-1, *operation.slots("Condition"), *operation.every("X")))


def _branch(operation: Operation) -> Translated:
    return Translated("If", operation.every("Cond"))


_SAME: Final[Mapping[str, str]] = {
    line.partition(":")[0]: line.partition(":")[2]
    for line in """
        relu:Relu sigmoid:Sigmoid tanh:Tanh exp:Exp log:Log sqrt:Sqrt rsqrt:Rsqrt abs:Abs floor:Floor ceil:Ceil
        round:Round sin:Sin cos:Cos tan:Tan square:Square reciprocal:Reciprocal softplus:Softplus softsign:Softsign
        gelu:Gelu mish:Mish swish:Swish silu:Swish hard_swish:HardSwish hardswish:HardSwish hard_sigmoid:HardSigmoid
        hardsigmoid:HardSigmoid prelu:PRelu selu:Selu logsigmoid:LogSigmoid erf:Erf sign:Sign shape:Shape
        assign:Identity dropout:Dropout logical_and:And logical_or:Or logical_not:Not logical_xor:Xor isnan_v2:IsNaN
        isinf_v2:IsInf sum:Sum size:Size share_data:Identity increment:Add assign_value:Constant feed:Input fetch:Output
        multiclass_nms:NonMaxSuppression multiclass_nms2:NonMaxSuppression multiclass_nms3:NonMaxSuppression
        matrix_nms:NonMaxSuppression yolo_box:YoloDetection prior_box:PriorBox density_prior_box:PriorBox
        box_coder:DetectionOutput anchor_generator:AnchorGenerator generate_proposals:GenerateProposals
        generate_proposals_v2:GenerateProposals roi_align:RoiAlign roi_pool:MaxRoiPool box_clip:Clip
        distribute_fpn_proposals:Proposal collect_fpn_proposals:Proposal bipartite_match:DetectionOutput
        gather_nd:GatherND scatter:ScatterElements scatter_nd_add:ScatterND index_select:Gather where_index:NonZero
        one_hot:OneHot one_hot_v2:OneHot unique:Unique flip:Reverse reverse:Reverse lrn:LRN norm:Normalize
        grid_sampler:GridSample affine_grid:AffineGrid affine_channel:Scale im2sequence:Im2Col unfold:Im2Col
        deformable_conv:DeformConv crop:Crop crop_tensor:Crop ctc_align:Custom crf_decoding:Custom warpctc:Custom
        lod_reset:Identity sequence_pool:ReduceMean sequence_expand:Expand sequence_softmax:Softmax sequence_conv:Conv
        dequantize_linear:DequantizeLinear quantize_linear:QuantizeLinear fake_quantize_dequantize_abs_max:FakeQuant
        fake_quantize_dequantize_moving_average_abs_max:FakeQuant fake_channel_wise_dequantize_max_abs:DequantizeLinear
        fake_quantize_moving_average_abs_max:QuantizeLinear fake_quantize_range_abs_max:QuantizeLinear
        fake_dequantize_max_abs:DequantizeLinear fake_channel_wise_quantize_abs_max:QuantizeLinear
        fake_quantize_abs_max:QuantizeLinear moving_average_abs_max_scale:Identity calib:Cast calib_once:Cast
        fake_channel_wise_quantize_dequantize_abs_max:FakeQuant io_copy:Identity io_copy_once:Identity
        layout:Transpose layout_once:Transpose subgraph:Delegate write_to_array:Assign read_from_array:Variable
        lod_array_length:Size print:NoOp gaussian_random:RandomNormal uniform_random:RandomUniform randperm:Custom
        uniform_random_batch_size_like:RandomUniformLike bilinear_tensor_product:Einsum beam_search:Custom
        beam_search_decode:Custom is_empty:Equal fill_any_like:ZerosLike fill_zeros_like:ZerosLike linspace:Range
        spp:SpatialPyramidPool select_input:Where merge_lod_tensor:Where tril_triu:Trilu diag_v2:Diag einsum:Einsum
        """.split()  # noqa: SIM905  (wrapped text instead of a quoted word an entry)
}  # fmt: skip
_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("conv2d", "depthwise_conv2d", "conv2d_fusion", "fused_conv2d_add_act"), _convolution("Conv", 2)),
    "conv3d": _convolution("Conv", 3),
    **dict.fromkeys(("conv2d_transpose", "depthwise_conv2d_transpose"), _convolution("ConvTranspose", 2)),
    "conv3d_transpose": _convolution("ConvTranspose", 3),
    **dict.fromkeys(("pool2d", "pool3d", "max_pool2d_with_index"), _pool),
    "batch_norm": _norm("BatchNormalization"),
    "sync_batch_norm": _norm("BatchNormalization"),
    "instance_norm": _norm("InstanceNormalization"),
    "layer_norm": _norm("LayerNormalization"),
    "group_norm": _norm("GroupNormalization"),
    **{f"{start}elementwise_{name}{end}": _elementwise(kind)
       for name, kind in (("add", "Add"), ("sub", "Sub"), ("mul", "Mul"), ("div", "Div"), ("max", "Max"),
                          ("min", "Min"), ("pow", "Pow"), ("mod", "Mod"), ("floordiv", "FloorDiv"))
       for start, end in (("", ""), ("fusion_", "_activation"), ("fused_", ""))},
    **{name: _elementwise(kind) for name, kind in {
        "equal": "Equal", "not_equal": "NotEqual", "less_than": "Less", "less_equal": "LessOrEqual",
        "greater_than": "Greater", "greater_equal": "GreaterOrEqual", "maximum": "Max", "minimum": "Min",
    }.items()},
    **dict.fromkeys(("matmul", "matmul_v2", "bmm", "mv", "fused_matmul"), _matmul),
    "mul": _mul,
    "fc": _dense,
    "reshape": _shaped("Reshape", "shape", "Shape"),
    "reshape2": _shaped("Reshape", "shape", "Shape"),
    "expand": _shaped("Tile", "expand_times"),
    "expand_v2": _shaped("Expand", "shape", "Shape"),
    "expand_as_v2": _shaped("Expand", "target_shape"),
    "tile": _shaped("Tile", "repeat_times"),
    **{f"{name}{end}": _axes(kind) for name, kind in (("squeeze", "Squeeze"), ("unsqueeze", "Unsqueeze"))
       for end in ("", "2")},
    **{f"reduce_{name}": _reduce(f"Reduce{name.capitalize()}")
       for name in ("mean", "sum", "max", "min", "prod", "any", "all")},
    "mean": _reduce("ReduceMean"),
    "p_norm": _reduce("ReduceL2"),
    "frobenius_norm": _reduce("ReduceL2"),
    "logsumexp": _reduce("ReduceLogSumExp"),
    "softmax": _axis("Softmax"),
    "log_softmax": _axis("LogSoftmax"),
    "concat": _axis("Concat", default=0),
    "cumsum": _axis("CumSum"),
    "arg_max": _axis("ArgMax"),
    "arg_min": _axis("ArgMin"),
    "argsort": _axis("Sort"),
    "top_k": _axis("TopK"),
    "top_k_v2": _axis("TopK"),
    "take_along_axis": _axis("GatherElements", "Input", "Axis", 0),
    "transpose": _transpose,
    "transpose2": _transpose,
    **dict.fromkeys(("flatten", "flatten2", "flatten_contiguous_range"), _flatten),
    **dict.fromkeys(("split", "unstack", "unbind"), _split),
    "slice": _slice,
    "strided_slice": _slice,
    "stack": _stack,
    "gather": _gather,
    "lookup_table": _embedding,
    "lookup_table_v2": _embedding,
    **{f"{mode}_interp{end}": _resize for mode in ("nearest", "bilinear", "bicubic", "linear", "trilinear")
       for end in ("", "_v2")},
    **dict.fromkeys(("pad", "pad2d", "pad3d"), _pad),
    "cast": _cast,
    "fill_constant": _fill,
    "fill_constant_batch_size_like": _fill,
    "leaky_relu": _numbers("LeakyRelu", alpha="alpha"),
    "elu": _numbers("Elu", alpha="alpha"),
    "clip": _numbers("Clip", min="min", max="max"),
    "brelu": _numbers("Clip", min="t_min", max="t_max"),
    "relu6": _relu6,
    "scale": _numbers("Scale", scale="scale", bias="bias"),
    "pow": _numbers("Pow", exponent="factor"),
    **dict.fromkeys(("rnn", "cudnn_lstm"), _recurrent),
    **dict.fromkeys(("lstm", "gru", "gru_unit", "fusion_lstm", "fusion_gru"),
                    lambda operation: Translated("GRU" if "gru" in operation.kind else "LSTM",
                                                 operation.every("Input", "X", "Weight", "WeightX", "WeightH", "Bias"))),
    "multihead_matmul": _attention,
    "range": _range,
    "where": _where,
    "shuffle_channel": _shuffle("ShuffleChannel", "group", "group"),
    "channel_shuffle": _shuffle("ShuffleChannel", "groups", "group"),
    "pixel_shuffle": _shuffle("DepthToSpace", "upscale_factor", "blocksize"),
    "space_to_depth": _shuffle("SpaceToDepth", "blocksize", "blocksize"),
    "while": _loop,
    "conditional_block": _branch,
    "conditional_block_infer": _branch,
}  # fmt: skip
