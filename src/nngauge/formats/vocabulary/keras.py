"""Keras: layers, their ONNX counterparts, and the translation of their settings.

Layers and defaults: https://keras.io/api/layers/ and https://github.com/keras-team/keras/tree/master/keras/src/layers;
functions of TensorFlow that Keras 2 wraps as layers go by their own names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nngauge.domain.graph import Attribute
from nngauge.formats._parts.json_text import JsonObject, mapping, text
from nngauge.formats.vocabulary._keras_steps import (
    Attributes,
    Layer,
    Step,
    activation,
    fused,
    layout,
    spread,
    step,
    whole,
    wholes,
)

KINDS: Final[Mapping[str, str]] = {
    "Abs": "Abs", "Absolute": "Abs", "Activation": "Identity", "ActivityRegularization": "Identity", "Add": "Add",
    "AddV2": "Add", "AlphaDropout": "Dropout", "Argmax": "ArgMax", "Argmin": "ArgMin", "AutoContrast": "Identity",
    "Average": "Mean", "BroadcastTo": "Expand", "Cast": "Cast", "CategoryEncoding": "OneHot", "CenterCrop": "Crop",
    "Clip": "Clip", "Cos": "Cos", "Cumsum": "CumSum", "Discretization": "Bucketize", "Divide": "Div",
    "Dropout": "Dropout", "Einsum": "Einsum", "Elu": "Elu", "Equal": "Equal", "Erf": "Erf", "Exp": "Exp",
    "ExpandDims": "Unsqueeze", "FeatureSpace": "FeatureVectorizer", "Floor": "Floor", "FloorDivide": "FloorDiv",
    "GaussianDropout": "Identity", "GaussianNoise": "Identity", "Gelu": "Gelu", "GetItem": "Slice",
    "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "HardSigmoid": "HardSigmoid", "HashedCrossing": "Hashtable",
    "Hashing": "Hashtable", "IntegerLookup": "Hashtable", "Identity": "Identity", "Lambda": "Custom", "Less": "Less",
    "LessEqual": "LessOrEqual", "Log": "Log", "LogSoftmax": "LogSoftmax", "LogicalAnd": "And", "LogicalNot": "Not",
    "LogicalOr": "Or", "Masking": "Identity", "MatMul": "MatMul", "Matmul": "MatMul", "Max": "ReduceMax",
    "Maximum": "Max", "Mean": "ReduceMean", "MelSpectrogram": "Spectrogram", "Min": "ReduceMin", "Minimum": "Min",
    "Mod": "Mod", "Mul": "Mul", "Multiply": "Mul", "Negative": "Neg", "NotEqual": "NotEqual", "OneHot": "OneHot",
    "OnesLike": "Fill", "Pad": "Pad", "Power": "Pow", "Prod": "ReduceProd", "RandomBrightness": "Identity",
    "RandomColorJitter": "Identity", "RandomContrast": "Identity", "RandomCrop": "Identity",
    "RandomErasing": "Identity", "RandomFlip": "Identity", "RandomHeight": "Identity", "RandomRotation": "Identity",
    "RandomTranslation": "Identity", "RandomWidth": "Identity", "RandomZoom": "Identity", "Relu": "Relu",
    "Rescaling": "Mul", "Round": "Round", "Rsqrt": "Rsqrt", "SELU": "Selu", "STFTSpectrogram": "Spectrogram",
    "Selu": "Selu", "Sigmoid": "Sigmoid", "Sign": "Sign", "Silu": "Swish", "Sin": "Sin", "Softplus": "Softplus",
    "Softsign": "Softsign", "SpatialDropout1D": "Dropout", "SpatialDropout2D": "Dropout",
    "SpatialDropout3D": "Dropout", "Split": "Split", "Sqrt": "Sqrt", "Square": "Square", "Squeeze": "Squeeze",
    "Stack": "Stack", "StopGradient": "Identity", "StringLookup": "Hashtable", "Sub": "Sub", "Subtract": "Sub",
    "Sum": "ReduceSum", "Swish": "Swish", "Take": "Gather", "Tanh": "Tanh", "TextVectorization": "StringSplit",
    "ThresholdedReLU": "ThresholdedRelu", "Tile": "Tile", "Transpose": "Transpose", "TrueDivide": "Div",
    "UnitNormalization": "Normalize", "Where": "Where", "ZerosLike": "Fill",
}  # fmt: skip
"""Layers and operations of Keras that need no more than the name; the others have a rule below."""
FUNCTIONS: Final[Mapping[str, str]] = {
    "add": "Add", "argmax": "ArgMax", "cast": "Cast", "clip_by_value": "Clip", "concat": "Concat", "cos": "Cos",
    "depth_to_space": "DepthToSpace", "divide": "Div", "einsum": "Einsum", "equal": "Equal", "exp": "Exp",
    "expand_dims": "Unsqueeze", "gather": "Gather", "gelu": "Gelu", "getitem": "Slice", "greater": "Greater",
    "identity": "Identity", "l2_normalize": "Normalize", "leaky_relu": "LeakyRelu", "less": "Less", "log": "Log",
    "matmul": "MatMul", "maximum": "Max", "minimum": "Min", "mul": "Mul", "multiply": "Mul", "ones_like": "Fill",
    "pad": "Pad", "pow": "Pow", "reduce_max": "ReduceMax", "reduce_mean": "ReduceMean", "reduce_sum": "ReduceSum",
    "relu": "Relu", "relu6": "Clip", "reshape": "Reshape", "resize": "Resize", "rsqrt": "Rsqrt", "shape": "Shape",
    "shape_v2": "Shape", "sigmoid": "Sigmoid", "sin": "Sin", "slice": "Slice", "softmax": "Softmax",
    "softplus": "Softplus", "space_to_depth": "SpaceToDepth", "split": "Split", "sqrt": "Sqrt", "square": "Square",
    "squeeze": "Squeeze", "stack": "Stack", "stop_gradient": "Identity", "sub": "Sub", "subtract": "Sub",
    "tanh": "Tanh", "tile": "Tile", "transpose": "Transpose", "truediv": "Div", "unstack": "Unstack", "where": "Where",
    "zeros_like": "Fill",
}  # fmt: skip
"""Last part of the name of a function that ``TFOpLambda`` calls (``math.add``, ``__operators__.getitem``)."""


def translate(layer: Layer) -> tuple[Step, ...]:
    """The operations that one call of a layer stands for; a single one without `kind` for an unknown layer."""
    rule = _RULES.get(layer.name)
    if rule is not None:
        return rule(layer)
    if layer.name in ("TFOpLambda", "SlicingOpLambda"):
        function = text(layer.settings.get("function")).rpartition(".")[2]
        return (Step(FUNCTIONS.get(function), inputs=("*",)),)
    return (Step(KINDS.get(layer.name), inputs=("*",)),)


def roles(name: str, settings: JsonObject) -> tuple[str, ...]:
    """What the numbered variables of a layer are, in the order in which the layer creates them."""
    bias = ("bias",) if settings.get("use_bias", True) is not False else ()
    if name.startswith("Separable"):
        return ("depthwise_kernel", "pointwise_kernel", *bias)
    if name in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional", "RNN"):
        return ("kernel", "recurrent_kernel", *bias)
    if name in ("BatchNormalization", "LayerNormalization", "GroupNormalization"):
        gamma = ("gamma",) if settings.get("scale", True) is not False else ()
        beta = ("beta",) if settings.get("center", True) is not False else ()
        return (*gamma, *beta, "moving_mean", "moving_variance")
    if name == "EinsumDense":
        return ("kernel", "bias")
    return {"Embedding": ("embeddings",), "PReLU": ("alpha",), "RMSNormalization": ("scale",)}.get(
        name, ("mean", "variance", "count") if name == "Normalization" else ("kernel", *bias)
    )


def _window(layer: Layer, rank: int, size: str = "kernel_size") -> Attributes:
    """What convolutions and pools have in common."""
    kernel = spread(layer.settings.get(size), rank, 2 if size == "pool_size" else 1)
    strides = spread(layer.settings.get("strides"), rank, 1) if layer.settings.get("strides") is not None else None
    found: Attributes = {"kernel_shape": kernel, "strides": strides or (kernel if size == "pool_size" else (1,) * rank)}
    padding = text(layer.settings.get("padding")) or text(layer.settings.get("border_mode"))
    dilations = spread(layer.settings.get("dilation_rate"), rank, 1)
    if padding.lower() == "causal":
        found["pads"] = ((kernel[0] - 1) * dilations[0], 0)
    else:
        found["auto_pad"] = "SAME_UPPER" if padding.lower() == "same" else "VALID"
    return found | layout(layer, rank)


def _convolution(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        found = _window(layer, rank)
        found["dilations"] = spread(layer.settings.get("dilation_rate"), rank, 1)
        found |= {"group": whole(layer.settings.get("groups"), 1), "weight_layout": "DHW"[3 - rank :] + "IO"}
        return (step(layer, "Conv", found | fused(layer), "kernel", "bias"),)

    return rule


def _transposed(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        found = _window(layer, rank)
        found["dilations"] = spread(layer.settings.get("dilation_rate"), rank, 1)
        found["weight_layout"] = "DHW"[3 - rank :] + "OI"
        if layer.settings.get("output_padding") is not None:
            found["output_padding"] = spread(layer.settings["output_padding"], rank, 0)
        return (step(layer, "ConvTranspose", found | fused(layer), "kernel", "bias"),)

    return rule


def _depthwise(rank: int, kernel: str = "kernel") -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        first = _depth_attributes(layer, rank, kernel)
        return (step(layer, "Conv", first | fused(layer), kernel, "bias"),)

    return rule


def _depth_attributes(layer: Layer, rank: int, kernel: str) -> Attributes:
    found = _window(layer, rank)
    found["dilations"] = spread(layer.settings.get("dilation_rate"), rank, 1)
    found["weight_layout"] = "DHW"[3 - rank :] + "IM"
    shape = layer.weights.get(kernel)
    channels = shape[rank] if shape and len(shape) == rank + 2 else None
    if isinstance(channels, int):
        found["group"] = channels
    return found


def _separable(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    """Two convolutions: one for each channel, then one over the channels."""

    def rule(layer: Layer) -> tuple[Step, ...]:
        first = step(layer, "Conv", _depth_attributes(layer, rank, "depthwise_kernel"), "depthwise_kernel")
        found: Attributes = {
            "kernel_shape": (1,) * rank,
            "strides": (1,) * rank,
            "dilations": (1,) * rank,
            "auto_pad": "VALID",
            "group": 1,
            "weight_layout": "DHW"[3 - rank :] + "IO",
        }
        found |= layout(layer, rank) | fused(layer)
        second = step(layer, "Conv", found, "pointwise_kernel", "bias", made="filters")
        return (Step(first.kind, first.attributes, first.inputs, "depthwise"), second)

    return rule


def _pool(kind: str, rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    return lambda layer: (Step(kind, _window(layer, rank, "pool_size")),)


def _global_pool(kind: str, rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    """Keras drops the pooled axes unless told to keep them, which is a reduction."""

    def rule(layer: Layer) -> tuple[Step, ...]:
        first = 2 if text(layer.settings.get("data_format")) == "channels_first" else 1
        keep = int(layer.settings.get("keepdims") is True)
        return (Step(kind, {"axes": tuple(range(first, first + rank)), "keepdims": keep}),)

    return rule


def _dense(layer: Layer) -> tuple[Step, ...]:
    """The last axis is multiplied, whatever stands before it."""
    return (step(layer, "Gemm", {"transB": 0, "axis": -1} | fused(layer), "kernel", "bias", made="units"),)


def _normalised(layer: Layer) -> tuple[Step, ...]:
    axis = layer.settings.get("axis", -1)
    first = whole(axis[0] if isinstance(axis, list) and axis else axis, -1)
    found: Attributes = {} if first == 1 else {"data_layout": "NHWC"}
    weights = ("gamma", "beta", "moving_mean", "moving_variance")
    return (step(layer, "BatchNormalization", found, *weights),)


def _layer_normalised(layer: Layer) -> tuple[Step, ...]:
    axis = layer.settings.get("axis", -1)
    found: Attributes = {"axis": min(wholes(axis)) if wholes(axis) else whole(axis, -1)}
    return (step(layer, "LayerNormalization", found, "gamma", "beta"),)


def _group_normalised(layer: Layer) -> tuple[Step, ...]:
    found: Attributes = {"num_groups": whole(layer.settings.get("groups"), 32), "data_layout": "NHWC"}
    return (step(layer, "GroupNormalization", found, "gamma", "beta"),)


def _root_normalised(layer: Layer) -> tuple[Step, ...]:
    return (step(layer, "RMSNormalization", {"axis": whole(layer.settings.get("axis"), -1)}, "scale"),)


def _standardised(_layer: Layer) -> tuple[Step, ...]:
    """`Normalization` subtracts means and divides by deviations, without scale or offset of its own."""
    return (Step("BatchNormalization", {"data_layout": "NHWC"}, ("x", "", "", "mean", "variance")),)


def _recurrent(kind: str) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        reverse = layer.settings.get("go_backwards") is True
        found: Attributes = {
            "hidden_size": whole(layer.settings.get("units"), 0),
            "direction": "reverse" if reverse else "forward",
            "layout": 1,
        }
        whole_sequence = step(layer, kind, found, "kernel", "recurrent_kernel", "bias")
        return _last(whole_sequence, layer.settings)

    return rule


def _last(sequence: Step, settings: JsonObject) -> tuple[Step, ...]:
    """Outputs of every time step, or only the last one, which is Keras's default."""
    if settings.get("return_sequences") is True:
        return (sequence,)
    return (
        Step(sequence.kind, sequence.attributes, sequence.inputs, "sequence"),
        Step("Slice", {"starts": (-1,), "ends": (2**63 - 1,), "axes": (1,)}, ("x",), "last"),
        Step("Squeeze", {"axes": (1,)}),
    )


def _bidirectional(layer: Layer) -> tuple[Step, ...]:
    inner = mapping(layer.settings.get("layer"))
    kind = {"SimpleRNN": "RNN"}.get(text(inner.get("class_name")), text(inner.get("class_name")))
    settings = mapping(inner.get("config"))
    if kind not in ("LSTM", "GRU", "RNN"):
        return (Step(None),)
    found: Attributes = {"hidden_size": whole(settings.get("units"), 0), "direction": "bidirectional", "layout": 1}
    weights = ("forward_kernel", "backward_kernel", "forward_recurrent_kernel", "backward_recurrent_kernel")
    return _last(step(layer, kind, found, *weights, "forward_bias", "backward_bias"), settings)


def _attention(layer: Layer) -> tuple[Step, ...]:
    """Multi-head attention, written out as the sums of products it is."""
    inputs = {"query": "#0", "value": "#1", "key": "#2" if layer.inputs > 2 else "#1"}
    steps: list[Step] = []
    for name, source in inputs.items():
        steps.append(Step("Einsum", {"equation": "abc,cde->abde"}, (source, f"{name}_kernel"), name))
        if f"{name}_bias" in layer.weights:
            steps.append(Step("Add", {}, ("x", f"{name}_bias"), name))
    steps += [
        Step("Einsum", {"equation": "aecd,abcd->acbe"}, ("@key", "@query"), "scores"),
        Step("Softmax", {"axis": -1}, ("x",), "softmax"),
        Step("Einsum", {"equation": "acbe,aecd->abcd"}, ("x", "@value"), "mixed"),
        Step("Einsum", {"equation": "abcd,cde->abe"}, ("x", "attention_output_kernel"), "output"),
    ]
    if "attention_output_bias" in layer.weights:
        steps.append(Step("Add", {}, ("x", "attention_output_bias"), "output"))
    return tuple(steps)


def _dot_attention(_layer: Layer) -> tuple[Step, ...]:
    """Inputs are query, value and perhaps key, without heads or projections."""
    return (
        Step("Einsum", {"equation": "abd,acd->abc"}, ("#0", "#-1"), "scores"),
        Step("Softmax", {"axis": -1}, ("x",), "softmax"),
        Step("Einsum", {"equation": "abc,acd->abd"}, ("x", "#1")),
    )


def _einsum_dense(layer: Layer) -> tuple[Step, ...]:
    product = Step("Einsum", {"equation": text(layer.settings.get("equation"))}, ("x", "kernel"))
    bias = (Step("Add", {}, ("x", "bias"), "bias"),) if "bias" in layer.weights else ()
    return _with_activation(layer, (product, *bias))


def _with_activation(layer: Layer, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    last = steps[-1]
    return (*steps[:-1], Step(last.kind, {**last.attributes, **fused(layer)}, last.inputs, last.part))


def _embedding(_layer: Layer) -> tuple[Step, ...]:
    return (Step("Gather", {"axis": 0}, ("embeddings", "x")),)


def _activation(layer: Layer) -> tuple[Step, ...]:
    kind, attributes = activation(layer.settings.get("activation"))
    return (Step(kind or "Identity", attributes),)


def _relu(layer: Layer) -> tuple[Step, ...]:
    highest, slope = layer.settings.get("max_value"), layer.settings.get("negative_slope")
    if isinstance(highest, int | float):
        return (Step("Clip", {"min": 0.0, "max": float(highest)}),)
    if isinstance(slope, int | float) and slope:
        return (Step("LeakyRelu", {"alpha": float(slope)}),)
    return (Step("Relu"),)


def _leaky(layer: Layer) -> tuple[Step, ...]:
    slope = layer.settings.get("negative_slope", layer.settings.get("alpha"))
    return (Step("LeakyRelu", {"alpha": float(slope) if isinstance(slope, int | float) else 0.3}),)


def _prelu(layer: Layer) -> tuple[Step, ...]:
    return (step(layer, "PRelu", {}, "alpha"),)


def _with_axis(kind: str, default: int, source: str = "axis") -> Callable[[Layer], tuple[Step, ...]]:
    return lambda layer: (Step(kind, {"axis": whole(layer.settings.get(source), default)}, ("*",)),)


def _flatten(_layer: Layer) -> tuple[Step, ...]:
    return (Step("Flatten", {"axis": 1}),)


def _reshape(layer: Layer) -> tuple[Step, ...]:
    target = wholes(layer.settings.get("target_shape"))
    if not target:  # an operation rather than a layer
        return (
            Step(
                "Reshape",
                {"shape": wholes(layer.settings.get("newshape"))} if wholes(layer.settings.get("newshape")) else {},
            ),
        )
    return (Step("Reshape", {"shape": (0, *target)}),)


def _permute(layer: Layer) -> tuple[Step, ...]:
    return (Step("Transpose", {"perm": (0, *wholes(layer.settings.get("dims")))}),)


def _repeat(layer: Layer) -> tuple[Step, ...]:
    count = whole(layer.settings.get("n"), 1)
    return (Step("Unsqueeze", {"axes": (1,)}, ("x",), "unsqueeze"), Step("Tile", {"repeats": (1, count, 1)}))


def _edges(layer: Layer, rank: int, key: str) -> list[tuple[int, int]]:
    """``2``, ``(1, 2)`` for each axis both sides alike, or pairs for each axis; one axis has one pair."""
    value = layer.settings.get(key)
    if isinstance(value, int):
        return [(value, value)] * rank
    if not isinstance(value, list):
        return [(1, 1)] * rank
    pairs = [wholes(side) if isinstance(side, list) else (whole(side, 0),) * 2 for side in value]
    if rank == 1 and len(value) == 2 and not isinstance(value[0], list):
        pairs = [wholes(value)]
    found = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
    return found if len(found) == rank else [(0, 0)] * rank


def _space(layer: Layer) -> int:
    return 2 if text(layer.settings.get("data_format")) == "channels_first" else 1


def _zero_padding(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        pairs = [(0, 0)] * _space(layer) + _edges(layer, rank, "padding")
        pairs += [(0, 0)] * (rank + 2 - len(pairs))
        pads = tuple(first for first, _ in pairs) + tuple(last for _, last in pairs)
        return (Step("Pad", {"pads": pads, "mode": "constant"}),)

    return rule


def _cropping(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        pairs = _edges(layer, rank, "cropping")
        first = _space(layer)
        found: Attributes = {
            "starts": tuple(begin for begin, _ in pairs),
            "ends": tuple(-end if end else 2**63 - 1 for _, end in pairs),
            "axes": tuple(range(first, first + rank)),
        }
        return (Step("Slice", found),)

    return rule


def _upsampling(rank: int) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        factors = tuple(float(side) for side in spread(layer.settings.get("size"), rank, 2))
        before = _space(layer)
        scales = (1.0,) * before + factors + (1.0,) * (2 - before)
        mode = "linear" if text(layer.settings.get("interpolation")) == "bilinear" else "nearest"
        found: Attributes = {"scales": scales, "mode": mode}
        return (Step("Resize", found | layout(layer, rank)),)

    return rule


def _resizing(layer: Layer) -> tuple[Step, ...]:
    sides = (whole(layer.settings.get("height"), 0), whole(layer.settings.get("width"), 0))
    first = _space(layer)
    found: Attributes = {"sizes": sides, "axes": (first, first + 1), "mode": "linear"}
    return (Step("Resize", found | layout(layer, 2)),)


def _dot(layer: Layer) -> tuple[Step, ...]:
    axes = wholes(layer.settings.get("axes")) or (whole(layer.settings.get("axes"), -1),) * 2
    found = {"transA": axes[0] in (1, -2), "transB": axes[-1] not in (1, -2)}
    return (Step("MatMul", {key: 1 for key, value in found.items() if value}, ("*",)),)


def _reduction(kind: str) -> Callable[[Layer], tuple[Step, ...]]:
    def rule(layer: Layer) -> tuple[Step, ...]:
        axis = layer.settings.get("axis")
        axes = wholes(axis) or ((axis,) if type(axis) is int else ())
        found: dict[str, Attribute] = {"keepdims": int(layer.settings.get("keepdims") is True)}
        return (Step(kind, found | ({"axes": axes} if axes else {})),)

    return rule


_RULES: Final[Mapping[str, Callable[[Layer], tuple[Step, ...]]]] = {
    "Activation": _activation,
    "AdditiveAttention": _dot_attention,
    "Attention": _dot_attention,
    "AtrousConvolution2D": _convolution(2),
    "AveragePooling1D": _pool("AveragePool", 1),
    "AveragePooling2D": _pool("AveragePool", 2),
    "AveragePooling3D": _pool("AveragePool", 3),
    "BatchNormalization": _normalised,
    "Bidirectional": _bidirectional,
    "Concatenate": _with_axis("Concat", -1),
    "Conv1D": _convolution(1),
    "Conv1DTranspose": _transposed(1),
    "Conv2D": _convolution(2),
    "Conv2DTranspose": _transposed(2),
    "Conv3D": _convolution(3),
    "Conv3DTranspose": _transposed(3),
    "Cropping1D": _cropping(1),
    "Cropping2D": _cropping(2),
    "Cropping3D": _cropping(3),
    "CuDNNGRU": _recurrent("GRU"),
    "CuDNNLSTM": _recurrent("LSTM"),
    "Dense": _dense,
    "DepthwiseConv1D": _depthwise(1),
    "DepthwiseConv2D": _depthwise(2),
    "Dot": _dot,
    "ELU": lambda _layer: (Step("Elu"),),
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GRU": _recurrent("GRU"),
    "GlobalAveragePooling1D": _global_pool("ReduceMean", 1),
    "GlobalAveragePooling2D": _global_pool("ReduceMean", 2),
    "GlobalAveragePooling3D": _global_pool("ReduceMean", 3),
    "GlobalMaxPooling1D": _global_pool("ReduceMax", 1),
    "GlobalMaxPooling2D": _global_pool("ReduceMax", 2),
    "GlobalMaxPooling3D": _global_pool("ReduceMax", 3),
    "GroupNormalization": _group_normalised,
    "LSTM": _recurrent("LSTM"),
    "LayerNormalization": _layer_normalised,
    "LeakyReLU": _leaky,
    "Max": _reduction("ReduceMax"),
    "MaxPooling1D": _pool("MaxPool", 1),
    "MaxPooling2D": _pool("MaxPool", 2),
    "MaxPooling3D": _pool("MaxPool", 3),
    "Mean": _reduction("ReduceMean"),
    "Min": _reduction("ReduceMin"),
    "MultiHeadAttention": _attention,
    "Normalization": _standardised,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": _root_normalised,
    "ReLU": _relu,
    "RepeatVector": _repeat,
    "Reshape": _reshape,
    "Resizing": _resizing,
    "SeparableConv1D": _separable(1),
    "SeparableConv2D": _separable(2),
    "SimpleRNN": _recurrent("RNN"),
    "Softmax": _with_axis("Softmax", -1),
    "Sum": _reduction("ReduceSum"),
    "UpSampling1D": _upsampling(1),
    "UpSampling2D": _upsampling(2),
    "UpSampling3D": _upsampling(3),
    "ZeroPadding1D": _zero_padding(1),
    "ZeroPadding2D": _zero_padding(2),
    "ZeroPadding3D": _zero_padding(3),
}
