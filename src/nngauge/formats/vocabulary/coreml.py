"""Core ML's neural networks: layers, their ONNX counterparts, and the translation of their parameters.

Layers and field numbers: https://github.com/apple/coremltools/blob/main/mlmodel/format/NeuralNetwork.proto. Networks
come in two shapes of the world: images without batch axis (channels, height, width), as before iOS 13, and tensors of any
rank; layers that count axes from behind are the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim
from nngauge.formats._parts.coreml_message import Message

Attributes = dict[str, Attribute]
_LAST: Final = 2**63 - 1


class Weight(Struct, frozen=True):
    """A `WeightParams` of a layer: by number, or by the numbers that lead to it, with the shape it has."""

    path: tuple[int, ...]
    shape: tuple[Dim, ...] | None = None
    which: int = 0
    """Place among repeated messages."""


class Step(Struct, frozen=True):
    """One operation that a layer stands for; the first takes the layer's inputs, the others the one before."""

    kind: str | None
    attributes: Attributes = field(default_factory=dict)
    weights: tuple[Weight, ...] = ()
    weights_first: bool = False
    """The weights stand in front of the input (a table and what is looked up)."""


class Context(Struct, frozen=True):
    """What a layer's translation may depend on besides its own parameters."""

    params: Message
    batched: bool
    """Tensors have their batch axis (NCHW), so that shapes are said as they are."""
    inputs: int = 1

    @property
    def layout(self) -> Attributes:
        """Where the channels are."""
        return {} if self.batched else {"data_layout": "CHW"}

    @property
    def channel(self) -> int:
        """The axis of the channels: a vector has no other axis in the older networks."""
        return -3 if self.batched else 0


Rule = Callable[[Context], tuple[Step, ...]]

KINDS: Final[Mapping[str, str]] = {
    "acos": "Acos", "acosh": "Acosh", "addBroadcastable": "Add", "argSort": "Sort", "asin": "Asin", "asinh": "Asinh",
    "atan": "Atan", "atanh": "Atanh", "average": "Mean", "broadcastToDynamic": "Expand", "broadcastToLike": "Expand",
    "categoricalDistribution": "Multinomial", "ceil": "Ceil", "copy": "Identity", "cos": "Cos", "cosh": "Cosh",
    "custom": "Custom", "divideBroadcastable": "Div", "erf": "Erf", "exp2": "Exp", "fillDynamic": "Fill",
    "fillLike": "Fill", "floor": "Floor", "floorDivBroadcastable": "FloorDiv", "gatherND": "GatherND",
    "getShape": "Shape", "l2normalize": "Normalize", "logicalAnd": "And", "logicalNot": "Not", "logicalOr": "Or",
    "logicalXor": "Xor", "loopBreak": "NoOp", "loopContinue": "NoOp", "lowerTriangular": "Trilu",
    "matrixBandPart": "Trilu", "max": "Max", "maxBroadcastable": "Max", "min": "Min", "minBroadcastable": "Min",
    "modBroadcastable": "Mod", "multiplyBroadcastable": "Mul", "NonMaximumSuppression": "NonMaxSuppression",
    "powBroadcastable": "Pow", "randomBernoulliDynamic": "Bernoulli", "randomBernoulliLike": "Bernoulli",
    "randomBernoulliStatic": "Bernoulli", "randomNormalDynamic": "RandomNormal",
    "randomNormalLike": "RandomNormalLike", "randomNormalStatic": "RandomNormal",
    "randomUniformDynamic": "RandomUniform", "randomUniformLike": "RandomUniformLike",
    "randomUniformStatic": "RandomUniform", "rangeDynamic": "Range", "rangeStatic": "Range",
    "rankPreservingReshape": "Reshape", "reshapeDynamic": "Reshape", "reshapeLike": "Reshape", "reverse": "Reverse",
    "reverseSeq": "ReverseSequence", "round": "Round", "scatter": "ScatterElements",
    "scatterAlongAxis": "ScatterElements", "scatterND": "ScatterND", "sign": "Sign", "sin": "Sin", "sinh": "Sinh",
    "sliceDynamic": "Slice", "slidingWindows": "Unfold", "subtractBroadcastable": "Sub", "tan": "Tan", "tanh": "Tanh",
    "upperTriangular": "Trilu", "whereBroadcastable": "Where", "whereNonZero": "NonZero",
}  # fmt: skip
"""Layers of which the name is all that matters; the others have a rule below."""
_COMPARISONS: Final[Mapping[str, str]] = {
    "equal": "Equal", "greaterEqual": "GreaterOrEqual", "greaterThan": "Greater", "lessEqual": "LessOrEqual",
    "lessThan": "Less", "notEqual": "NotEqual",
}  # fmt: skip
_REDUCTIONS: Final[Mapping[str, str]] = {
    "reduceL1": "ReduceL1", "reduceL2": "ReduceL2", "reduceLogSum": "ReduceLogSum",
    "reduceLogSumExp": "ReduceLogSumExp", "reduceMax": "ReduceMax", "reduceMean": "ReduceMean",
    "reduceMin": "ReduceMin", "reduceProd": "ReduceProd", "reduceSum": "ReduceSum",
    "reduceSumSquare": "ReduceSumSquare",
}  # fmt: skip
_ACTIVATIONS: Final[Mapping[int, str]] = {
    10: "Relu", 15: "LeakyRelu", 20: "ThresholdedRelu", 25: "PRelu", 30: "Tanh", 31: "Tanh", 40: "Sigmoid",
    41: "HardSigmoid", 50: "Elu", 60: "Softsign", 70: "Softplus", 71: "Softplus",
}  # fmt: skip
_UNARY: Final = ("Sqrt", "Rsqrt", "Reciprocal", "Pow", "Exp", "Log", "Abs", "Clip")
_MODES: Final = (
    "ReduceSum", "ReduceMean", "ReduceProd", "ReduceLogSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceMax",
    "ReduceMin", "ArgMax",
)  # fmt: skip
_OLD_AXES: Final = ((-3, -2, -1), (-2, -1), (-3,), (-2,), (-1,))
"""CHW, HW, C, H, W."""


def translate(name: str, context: Context) -> tuple[Step, ...]:
    """The operations of a layer; one without kind for an unknown layer."""
    rule = _RULES.get(name)
    if rule is not None:
        return rule(context)
    if name in _REDUCTIONS:
        return _reduce_axes(_REDUCTIONS[name], context.params)
    return (Step(KINDS.get(name) or _COMPARISONS.get(name)),)


def constant(name: str, params: Message) -> Weight | None:
    """The weights of a layer that only loads them."""
    if name not in ("loadConstant", "loadConstantND"):
        return None
    return Weight((2,), params.wholes(1) or None)


def _pair(params: Message, number: int, default: int) -> tuple[int, int]:
    found = params.wholes(number)
    return (found[0], found[1]) if len(found) == 2 else (default, default)


def _borders(params: Message | None) -> list[tuple[int, int]]:
    """`BorderAmounts`: begin and end of each spatial axis, height first."""
    amounts = params.all(10) if params is not None else []
    sizes = [Message.of(params.buf, item) for item in amounts] if params is not None else []
    found = [(size.whole(1), size.whole(2)) for size in sizes]
    return found if len(found) == 2 else [(0, 0), (0, 0)]


def _padding(params: Message, valid: int, same: int) -> Attributes:
    """The padding of convolutions and pools."""
    uniform = params.message(same)
    if uniform is not None:
        return {"auto_pad": "SAME_LOWER" if uniform.whole(1) else "SAME_UPPER"}
    explicit = params.message(valid)
    borders = _borders(explicit.message(1) if explicit is not None else None)
    return {"pads": tuple(begin for begin, _ in borders) + tuple(end for _, end in borders)}


def _convolution(context: Context) -> tuple[Step, ...]:
    params = context.params
    kernel = _pair(params, 20, 3)
    group = params.whole(10) or 1
    outputs, depth = params.whole(1), params.whole(2)
    transposed = params.flag(60)
    found: Attributes = {
        "kernel_shape": kernel,
        "strides": _pair(params, 30, 1),
        "dilations": (1, 1) if transposed else _pair(params, 40, 1),
        "group": group,
    }
    found |= context.layout | _padding(params, 50, 51)
    shape = (depth, outputs // group, *kernel) if transposed else (outputs, depth, *kernel)
    if transposed and params.wholes(100):
        found["output_shape"] = params.wholes(100)
    if context.inputs > 1:  # the weights are an input, too
        return (Step("Conv", found, (Weight((91,), (outputs,)),)),)
    weights = (Weight((90,), shape), Weight((91,), (outputs,)))
    return (Step("ConvTranspose" if transposed else "Conv", found, weights),)


def _space(params: Message, *numbers: int) -> tuple[int, ...]:
    return tuple(params.whole(number) or 1 for number in numbers)


def _cube_padding(params: Message, kind: int, first: int) -> Attributes:
    """Padding of three axes: custom amounts (front, back, top, bottom, left, right), valid or same."""
    mode = params.whole(kind)
    if mode:
        return {"auto_pad": ("NOTSET", "VALID", "SAME_UPPER")[min(mode, 2)]}
    amounts = [params.whole(first + place) for place in range(6)]
    return {"pads": (*amounts[0::2], *amounts[1::2])}


def _convolution_3d(context: Context) -> tuple[Step, ...]:
    params = context.params
    kernel, group = _space(params, 20, 21, 22), params.whole(10) or 1
    found: Attributes = {
        "kernel_shape": kernel,
        "strides": _space(params, 31, 32, 33),
        "dilations": _space(params, 40, 41, 42),
        "group": group,
    }
    outputs, inputs = params.whole(1), params.whole(2)
    transposed = params.flag(86)
    shape = (inputs, outputs // group, *kernel) if transposed else (outputs, inputs // group, *kernel)
    weights = (Weight((60,), shape), Weight((61,), (outputs,)))
    return (Step("ConvTranspose" if transposed else "Conv", found | _cube_padding(params, 70, 80), weights),)


def _pooling(context: Context) -> tuple[Step, ...]:
    params = context.params
    kind = ("MaxPool", "AveragePool", "LpPool")[min(max(params.whole(1), 0), 2)]
    if params.flag(60):
        return (Step(f"Global{kind}", context.layout),)
    found: Attributes = {"kernel_shape": _pair(params, 10, 3), "strides": _pair(params, 20, 1)}
    caffe = params.message(32)
    if caffe is not None:
        found |= {"pads": _pair(caffe, 10, 0) * 2, "ceil_mode": 1}
    else:
        found |= _padding(params, 30, 31)
    if kind == "AveragePool":
        found["count_include_pad"] = int(not params.flag(50))
    return (Step(kind, found | context.layout),)


def _pooling_3d(context: Context) -> tuple[Step, ...]:
    params = context.params
    found: Attributes = {"kernel_shape": _space(params, 2, 3, 4), "strides": _space(params, 5, 6, 7)}
    found |= _cube_padding(params, 15, 8)
    return (Step("AveragePool" if params.whole(1) else "MaxPool", found),)


def _global_pooling_3d(context: Context) -> tuple[Step, ...]:
    return (Step("GlobalAveragePool" if context.params.whole(1) else "GlobalMaxPool"),)


def _inner_product(context: Context) -> tuple[Step, ...]:
    params = context.params
    outputs = params.whole(2)
    weights = (Weight((20,), (outputs, params.whole(1))), Weight((21,), (outputs,)))
    return (Step("Gemm", {"transB": 1, "axis": -1 if context.batched else 0}, weights),)


def _matrix_product(context: Context) -> tuple[Step, ...]:
    params = context.params
    if context.inputs > 1:
        flags = {"transA": params.whole(1), "transB": params.whole(2)}
        return (Step("MatMul", {key: value for key, value in flags.items() if value}),)
    columns = params.whole(6)
    # Values of the matrix are in column-major order, which is its transpose in ours.
    return (Step("MatMul", {"transB": 1}, (Weight((8,), (columns, params.whole(5))), Weight((9,), (columns,)))),)


def _embedding(context: Context) -> tuple[Step, ...]:
    params = context.params
    size, entries = params.whole(2), params.whole(1)
    table = Step("Gather", {"axis": 1}, (Weight((20,), (size, entries)),), weights_first=True)
    return _with_bias(table, params, size)


def _with_bias(step: Step, params: Message, size: int) -> tuple[Step, ...]:
    return (step, Step("Add", {}, (Weight((21,), (size,)),))) if params.message(21) is not None else (step,)


def _batch_normalisation(context: Context) -> tuple[Step, ...]:
    params = context.params
    channels = (params.whole(1),)
    found: Attributes = {"epsilon": params.real(10, 1e-5), **context.layout}
    if params.flag(5) and params.flag(6):
        return (Step("InstanceNormalization", found, (Weight((15,), channels), Weight((16,), channels))),)
    return (Step("BatchNormalization", found, tuple(Weight((number,), channels) for number in (15, 16, 17, 18))),)


def _mean_variance(context: Context) -> tuple[Step, ...]:
    return (Step("MeanVarianceNormalization", {"axes": (-3, -2, -1) if context.params.flag(1) else (-2, -1)}),)


def _layer_normalisation(context: Context) -> tuple[Step, ...]:
    shape = context.params.wholes(1)
    found: Attributes = {"axis": -max(len(shape), 1), "epsilon": context.params.real(2)}
    return (Step("LayerNormalization", found, (Weight((3,), shape), Weight((4,), shape))),)


def _activation(context: Context) -> tuple[Step, ...]:
    params = context.params
    number = next(iter(params.numbers()), 0)
    inner = params.message(number)
    if number == 5 and inner is not None:
        return (Step(_linear(inner)),)
    kind = _ACTIVATIONS.get(number)
    if number == 25:
        return (Step(kind, context.layout, (Weight((25, 1)),)),)
    if number == 71:
        return (Step(kind, {}, (Weight((71, 1)), Weight((71, 2)))),)
    scaled = kind in ("LeakyRelu", "Elu", "ThresholdedRelu") and inner is not None
    return (Step(kind, {"alpha": inner.real(1)} if scaled and inner is not None else {}),)


def _linear(params: Message) -> str:
    scale, shift = params.real(1), params.real(2)
    if shift == 0 and scale in (1, -1):
        return "Identity" if scale == 1 else "Neg"
    return "Add" if scale == 1 else "Mul"


def _unary(context: Context) -> tuple[Step, ...]:
    params = context.params
    mode = params.whole(1)
    if mode == 7:
        return (Step("Clip", {"min": params.real(2)}),)
    return (Step(_UNARY[mode] if 0 <= mode < len(_UNARY) else None),)


def _scale(context: Context) -> tuple[Step, ...]:
    params = context.params
    product = Step("Mul", {}, (Weight((2,), params.wholes(1) or None),))
    if params.message(5) is None:
        return (product,)
    return (product, Step("Add", {}, (Weight((5,), params.wholes(4) or None),)))


def _bias(context: Context) -> tuple[Step, ...]:
    return (Step("Add", {}, (Weight((2,), context.params.wholes(1) or None),)),)


def _concat(context: Context) -> tuple[Step, ...]:
    # Sequences are joined along an axis in front of those that the tensors have here.
    return (Step("Concat", {} if context.params.flag(100) else {"axis": context.channel}),)


def _split(context: Context) -> tuple[Step, ...]:
    return (Step("Split", {"axis": context.channel, "num_outputs": context.params.whole(1)}),)


def _slice(context: Context) -> tuple[Step, ...]:
    params = context.params
    axis = min(max(params.whole(4), 0), 2) - 3
    steps = params.whole(3) or 1
    return (
        Step("Slice", {"starts": (params.whole(1),), "ends": (params.whole(2),), "axes": (axis,), "steps": (steps,)}),
    )


def _pads(context: Context) -> tuple[Step, ...]:
    borders = _borders(context.params.message(10))
    lead = (0, 0) if context.batched else (0,)
    pads = (*lead, *(begin for begin, _ in borders), *lead, *(end for _, end in borders))
    mode = "reflect" if context.params.message(2) else "edge" if context.params.message(3) else "constant"
    return (Step("Pad", {"pads": pads, "mode": mode}),)


def _crop(context: Context) -> tuple[Step, ...]:
    if context.inputs > 1:
        return (Step("Crop", {"offset": context.params.wholes(5), **context.layout}),)
    borders = _borders(context.params.message(1))
    found: Attributes = {
        "starts": tuple(begin for begin, _ in borders),
        "ends": tuple(-end if end else _LAST for _, end in borders),
        "axes": (-2, -1),
    }
    return (Step("Slice", found),)


def _upsample(context: Context) -> tuple[Step, ...]:
    params = context.params
    factors = params.reals(7) or tuple(float(factor) for factor in params.wholes(1)) or (1.0, 1.0)
    lead = (1.0, 1.0) if context.batched else (1.0,)
    mode = "linear" if params.whole(5) else "nearest"
    return (Step("Resize", {"scales": (*lead, *factors), "mode": mode, **context.layout}),)


def _resize(context: Context) -> tuple[Step, ...]:
    found: Attributes = {"sizes": _pair(context.params, 1, 1), "axes": (-2, -1), "mode": "linear"}
    return (Step("Resize", found | context.layout),)


def _crop_resize(context: Context) -> tuple[Step, ...]:
    return (Step("CropAndResize", {"sizes": _pair(context.params, 1, 1), **context.layout}),)


def _local_response(context: Context) -> tuple[Step, ...]:
    return (Step("LRN", {"size": context.params.whole(3), **context.layout}),)


def _reshape(context: Context) -> tuple[Step, ...]:
    target = context.params.wholes(1)
    if not context.batched and len(target) == 4 and target[0] == 1:
        target = target[1:]
    return (Step("Reshape", {"shape": target}),)


def _flatten(context: Context) -> tuple[Step, ...]:
    return (Step("Reshape", {"shape": (0, -1, 1, 1) if context.batched else (-1, 1, 1)}),)


def _permute(context: Context) -> tuple[Step, ...]:
    axes = context.params.wholes(1)
    if not context.batched and len(axes) == 4 and axes[0] == 0:
        axes = tuple(axis - 1 for axis in axes[1:])
    return (Step("Transpose", {"perm": axes}),)


def _reorganise(context: Context) -> tuple[Step, ...]:
    kind = "SpaceToDepth" if context.params.whole(1) == 0 else "DepthToSpace"
    return (Step(kind, {"blocksize": context.params.whole(2), **context.layout}),)


def _reduce(context: Context) -> tuple[Step, ...]:
    mode, axis = context.params.whole(1), context.params.whole(3)
    axes = _OLD_AXES[axis] if 0 <= axis < len(_OLD_AXES) else ()
    kind = _MODES[mode] if 0 <= mode < len(_MODES) else None
    if kind == "ArgMax" and len(axes) == 1:
        return (Step(kind, {"axis": axes[0], "keepdims": 1}),)
    return (Step(kind, {"axes": axes, "keepdims": 1}),)


def _reduce_axes(kind: str, params: Message) -> tuple[Step, ...]:
    found: Attributes = {"keepdims": params.whole(2)}
    axes = params.wholes(1)
    return (Step(kind, found | ({"axes": axes} if axes and not params.flag(3) else {})),)


def _arg(kind: str) -> Rule:
    return lambda context: (Step(kind, {"axis": context.params.whole(1), "keepdims": int(not context.params.flag(2))}),)


def _axis(kind: str, number: int = 1) -> Rule:
    return lambda context: (Step(kind, {"axis": context.params.whole(number)}),)


def _channel_axis(kind: str) -> Rule:
    return lambda context: (Step(kind, {"axis": context.channel}),)


def _axes(kind: str, attribute: str = "axes") -> Rule:
    def rule(context: Context) -> tuple[Step, ...]:
        found = context.params.wholes(1)
        return (Step(kind, {attribute: found} if found else {}),)

    return rule


def _split_nd(context: Context) -> tuple[Step, ...]:
    sizes = context.params.wholes(3)
    found: Attributes = {"axis": context.params.whole(1)}
    return (Step("Split", found | ({"split": sizes} if sizes else {"num_outputs": context.params.whole(2)})),)


def _static_slice(context: Context) -> tuple[Step, ...]:
    params = context.params
    begins, ends, steps = params.wholes(1), params.wholes(3), params.wholes(5)
    rank = len(begins)
    if len(ends) != rank:
        return (Step("Slice"),)
    open_begins, open_ends, squeezed = (_mask(params, number, rank) for number in (2, 4, 6))
    found: Attributes = {
        "starts": tuple(0 if masked else begin for begin, masked in zip(begins, open_begins, strict=True)),
        "ends": tuple(_LAST if masked else end for end, masked in zip(ends, open_ends, strict=True)),
        "axes": tuple(range(rank)),
    }
    if len(steps) == rank:
        found["steps"] = steps
    gone = tuple(axis for axis, masked in enumerate(squeezed) if masked)
    return (Step("Slice", found), Step("Squeeze", {"axes": gone})) if gone else (Step("Slice", found),)


def _mask(params: Message, number: int, rank: int) -> tuple[int, ...]:
    found = params.wholes(number)
    return found if len(found) == rank else (0,) * rank


def _constant_pads(context: Context) -> tuple[Step, ...]:
    amounts = context.params.wholes(2)
    return (Step("Pad", {"pads": amounts[0::2] + amounts[1::2], "mode": "constant"} if amounts else {}),)


def _squeeze(context: Context) -> tuple[Step, ...]:
    axes = () if context.params.flag(2) else context.params.wholes(1)
    return (Step("Squeeze", {"axes": axes} if axes else {}),)


def _clip(context: Context) -> tuple[Step, ...]:
    return (Step("Clip", {"min": context.params.real(1), "max": context.params.real(2)}),)


def _clamped(context: Context) -> tuple[Step, ...]:
    return (Step("LeakyRelu", {"alpha": context.params.real(1)}), Step("Clip", {"max": context.params.real(2)}))


def _top(context: Context) -> tuple[Step, ...]:
    params = context.params
    return (Step("TopK", {"axis": params.whole(1), "k": params.whole(2), "largest": int(not params.flag(3))}),)


def _gelu(context: Context) -> tuple[Step, ...]:
    return (Step("QuickGelu" if context.params.whole(1) == 2 else "Gelu"),)


def _one_hot(context: Context) -> tuple[Step, ...]:
    return (Step("OneHot", {"axis": context.params.whole(2, -1), "depth": context.params.whole(1)}),)


def _embedding_nd(context: Context) -> tuple[Step, ...]:
    """The last axis, of size 1, holds the index and becomes the vector."""
    params = context.params
    size, entries = params.whole(2), params.whole(1)
    # Stored with a column for each entry.
    table = Step("Gather", {"axis": 1}, (Weight((20,), (size, entries)),), weights_first=True)
    return _with_bias(table, params, size)


def _tile(context: Context) -> tuple[Step, ...]:
    return (Step("Tile", {"repeats": context.params.wholes(1)} if context.params.wholes(1) else {}),)


def _repeat_sequence(_context: Context) -> tuple[Step, ...]:
    return (Step("Tile"),)


def _fill_static(context: Context) -> tuple[Step, ...]:
    return (Step("ConstantOfShape", {"shape": context.params.wholes(2)}),)


def _broadcast(context: Context) -> tuple[Step, ...]:
    return (Step("Expand", {"shape": context.params.wholes(1)}),)


def _slice_by_size(context: Context) -> tuple[Step, ...]:
    return (Step("Slice", {"axes": (context.params.whole(3),)}),)


def _dot(_context: Context) -> tuple[Step, ...]:
    """Two vectors: the sum of their products."""
    return (Step("Mul"), Step("ReduceSum", {"keepdims": 1}))


def _sides(params: Message, reverse: int) -> Attributes:
    return {"hidden_size": params.whole(2), "direction": "reverse" if params.flag(reverse) else "forward", "layout": 0}


def _simple_recurrent(context: Context) -> tuple[Step, ...]:
    params = context.params
    width, size = params.whole(1), params.whole(2)
    weights = (Weight((30,), (size, width)), Weight((31,), (size, size)), Weight((32,), (size,)))
    return (Step("RNN", _sides(params, 100), weights),)


def _gated(context: Context) -> tuple[Step, ...]:
    params = context.params
    width, size = params.whole(1), params.whole(2)
    weights = [Weight((number,), (size, width)) for number in (30, 31, 32)]
    weights += [Weight((number,), (size, size)) for number in (50, 51, 52)]
    weights += [Weight((number,), (size,)) for number in (70, 71, 72)]
    return (Step("GRU", _sides(params, 100), tuple(weights)),)


def _memory(directions: int) -> Rule:
    def rule(context: Context) -> tuple[Step, ...]:
        params = context.params
        width, size = params.whole(1), params.whole(2)
        weights: list[Weight] = []
        for shape, numbers in (
            ((size, width), (1, 2, 3, 4)),
            ((size, size), (20, 21, 22, 23)),
            ((size,), (40, 41, 42, 43, 60, 61, 62)),
        ):
            weights += [Weight((20, number), shape, which) for which in range(directions) for number in numbers]
        found = _sides(params, 100) | ({"direction": "bidirectional"} if directions == 2 else {})
        return (Step("LSTM", found, tuple(weights)),)

    return rule


_RULES: Final[Mapping[str, Rule]] = {
    "activation": _activation,
    "add": lambda _context: (Step("Add"),),
    "argMax": _arg("ArgMax"),
    "argMin": _arg("ArgMin"),
    "batchedMatmul": _matrix_product,
    "batchnorm": _batch_normalisation,
    "bias": _bias,
    "biDirectionalLSTM": _memory(2),
    "broadcastToStatic": _broadcast,
    "clampedReLU": _clamped,
    "clip": _clip,
    "concat": _concat,
    "concatND": _axis("Concat"),
    "constantPad": _constant_pads,
    "convolution": _convolution,
    "convolution3d": _convolution_3d,
    "crop": _crop,
    "cropResize": _crop_resize,
    "cumSum": _axis("CumSum"),
    "dot": _dot,
    "embedding": _embedding,
    "embeddingND": _embedding_nd,
    "expandDims": _axes("Unsqueeze"),
    "fillStatic": _fill_static,
    "flatten": _flatten,
    "flattenTo2D": _axis("Flatten"),
    "gather": _axis("Gather"),
    "gatherAlongAxis": _axis("GatherElements"),
    "gelu": _gelu,
    "globalPooling3d": _global_pooling_3d,
    "gru": _gated,
    "innerProduct": _inner_product,
    "layerNormalization": _layer_normalisation,
    "lrn": _local_response,
    "multiply": lambda _context: (Step("Mul"),),
    "mvn": _mean_variance,
    "oneHot": _one_hot,
    "padding": _pads,
    "permute": _permute,
    "pooling": _pooling,
    "pooling3d": _pooling_3d,
    "reduce": _reduce,
    "reorganizeData": _reorganise,
    "reshape": _reshape,
    "reshapeStatic": _axes("Reshape", "shape"),
    "resizeBilinear": _resize,
    "scale": _scale,
    "sequenceRepeat": _repeat_sequence,
    "simpleRecurrent": _simple_recurrent,
    "slice": _slice,
    "sliceBySize": _slice_by_size,
    "sliceStatic": _static_slice,
    "softmax": _channel_axis("Softmax"),
    "softmaxND": _axis("Softmax"),
    "split": _split,
    "splitND": _split_nd,
    "squeeze": _squeeze,
    "stack": _axis("Stack"),
    "tile": _tile,
    "topK": _top,
    "transpose": _axes("Transpose", "perm"),
    "unary": _unary,
    "uniDirectionalLSTM": _memory(1),
    "upsample": _upsample,
}
