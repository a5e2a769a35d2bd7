"""OpenVINO operations by their ONNX counterparts, with attributes and inputs in ONNX's terms.

Operation sets: https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/available-opsets.html;
layers of representations before version 10: the operation catalogue of OpenVINO 2019 R3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim

_END: Final = 1 << 31
"""Where a slice without end ends."""


class Operands(Struct, frozen=True):
    """A layer as its translation sees it."""

    kind: str
    """The layer's type."""
    opset: str
    settings: Mapping[str, str]
    inputs: tuple[int, ...]
    values: Callable[[int], tuple[int, ...] | None]
    """Numbers of a small constant, by its place in the graph."""
    shapes: Callable[[int], tuple[Dim, ...] | None]
    outputs: int

    def text(self, *names: str, default: str = "") -> str:
        """The first setting of these names."""
        return next((self.settings[name] for name in names if name in self.settings), default)

    def integers(self, *names: str) -> tuple[int, ...] | None:
        """A setting with several integers, None where it is absent or holds something else."""
        parts = [part.strip() for part in self.text(*names).split(",") if part.strip()]
        found = tuple(int(part) for part in parts if part.lstrip("-").isdecimal() and len(part) < 20)
        return found if parts and len(found) == len(parts) else None

    def integer(self, *names: str, default: int = 0) -> int:
        """A setting with one integer or truth value."""
        value = self.text(*names).strip().lower()
        if value in ("true", "false"):
            return int(value == "true")
        return int(value) if value.lstrip("-").isdecimal() and len(value) < 20 else default

    def real(self, *names: str, default: float = 0.0) -> float:
        """A setting with one number."""
        try:
            return float(self.text(*names, default=str(default)))
        except ValueError:
            return default

    def constant(self, place: int) -> tuple[int, ...] | None:
        """The numbers that input `place` holds, where they are constant."""
        return self.values(self.inputs[place]) if place < len(self.inputs) else None

    def shape(self, place: int) -> tuple[Dim, ...] | None:
        """The shape of input `place`."""
        return self.shapes(self.inputs[place]) if place < len(self.inputs) else None

    def pick(self, *places: int) -> tuple[int, ...]:
        """Some of the inputs in this order, −1 for those that are absent, none of these at the end."""
        found = [self.inputs[place] if 0 <= place < len(self.inputs) else -1 for place in places]
        while found and found[-1] < 0:
            found.pop()
        return tuple(found)


class Translated(Struct, frozen=True):
    """Kind (None for operations nobody knows), inputs in ONNX's order, attributes."""

    kind: str | None
    inputs: tuple[int, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


Rule = Callable[[Operands], Translated]


def translate(layer: Operands) -> Translated:
    """A layer in the words of docs/operators.md; operations of other sets than OpenVINO's are ``Custom``."""
    rule = _RULES.get(layer.kind)
    if rule is not None:
        return rule(layer)
    kind = _SAME.get(layer.kind)
    if kind is not None:
        return Translated(kind, layer.inputs)
    custom = bool(layer.opset) and not layer.opset.startswith(("opset", "experimental"))
    return Translated("Custom" if custom else None, layer.inputs, dict(layer.settings))


def _present(**found: Attribute | None) -> dict[str, Attribute]:
    return {name: value for name, value in found.items() if value is not None}


def _window(layer: Operands) -> dict[str, Attribute]:
    begins, ends = layer.integers("pads_begin", "pad-x"), layer.integers("pads_end")
    auto = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER", "valid": "VALID"}.get(layer.text("auto_pad"))
    return _present(
        strides=layer.integers("strides"),
        dilations=layer.integers("dilations"),
        pads=None if auto or begins is None or ends is None else begins + ends,
        auto_pad=auto,
    )


def _convolution(layer: Operands) -> Translated:
    """Groups are an axis of the weights since version 10, a setting before."""
    found = _window(layer)
    transposed = "Deconv" in layer.kind or "Backprop" in layer.kind
    if layer.kind.startswith("Group"):
        weights = layer.shape(1) or ()
        found["weight_layout"] = ("GIO" if transposed else "GOI") + "DHW"[6 - len(weights) :]
        found["group"] = weights[0] if weights and isinstance(weights[0], int) else 1
    elif "output" in layer.settings:
        found |= _present(kernel_shape=layer.integers("kernel"))
        found |= {"channels": layer.integer("output"), "group": layer.integer("group", default=1)}
    if transposed:
        found |= _present(output_padding=layer.integers("output_padding"))
        found |= _present(output_shape=layer.constant(2))
    return Translated("ConvTranspose" if transposed else "Conv", layer.inputs[:2] + _tail(layer), found)


def _tail(layer: Operands) -> tuple[int, ...]:
    """Bias of the representations that keep it with the layer."""
    return layer.inputs[2:3] if "output" in layer.settings else ()


def _deformable(layer: Operands) -> Translated:
    """``(data, offsets, weights, mask)``; ONNX has the weights second."""
    found = _window(layer) | {"group": layer.integer("group", default=1)}
    return Translated("DeformConv", layer.pick(0, 2, 1), found)


def _pool(layer: Operands) -> Translated:
    average = layer.kind == "AvgPool" or layer.text("pool-method") == "avg"
    found = _window(layer) | _present(kernel_shape=layer.integers("kernel"))
    found["ceil_mode"] = int(layer.text("rounding_type", "rounding-type").startswith("ceil"))
    if average:
        found["count_include_pad"] = int(layer.text("exclude-pad", default="false") == "false")
    return Translated("AveragePool" if average else "MaxPool", layer.inputs[:1], found)


def _adaptive(layer: Operands) -> Translated:
    kind = "AveragePool" if "Avg" in layer.kind else "MaxPool"
    sizes = layer.constant(1)
    if sizes is not None and all(size == 1 for size in sizes):
        return Translated(f"Global{kind}", layer.pick(0))
    return Translated(kind, layer.pick(0), _present(sizes=sizes))


def _matmul(layer: Operands) -> Translated:
    found = {"transA": layer.integer("transpose_a"), "transB": layer.integer("transpose_b")}
    return Translated("MatMul", layer.inputs, dict(found))


def _dense(layer: Operands) -> Translated:
    return Translated("Gemm", layer.inputs, {"transB": 1, "axis": 1, "channels": layer.integer("out-size")})


def _norm(layer: Operands) -> Translated:
    """Opset 1 had the data third."""
    places = (2, 0, 1, 3, 4) if layer.opset == "opset1" and layer.kind == "BatchNormInference" else (0, 1, 2, 3, 4)
    return Translated("BatchNormalization", layer.pick(*places), {"epsilon": layer.real("epsilon", "eps")})


def _axis(kind: str, default: int = 1) -> Rule:
    return lambda layer: Translated(kind, layer.inputs, {"axis": layer.integer("axis", default=default)})


def _reduce(kind: str) -> Rule:
    def rule(layer: Operands) -> Translated:
        found = {"keepdims": layer.integer("keep_dims", default=0)}
        return Translated(kind, layer.inputs, found | _present(axes=layer.constant(1)))

    return rule


def _numbers(kind: str, **names: str) -> Rule:
    """Plain numbers under other names: ``_numbers("Clip", min="min")``."""

    def rule(layer: Operands) -> Translated:
        return Translated(kind, layer.inputs, {ours: layer.real(theirs) for ours, theirs in names.items()})

    return rule


def _reshape(layer: Operands) -> Translated:
    dims = layer.integers("dim")
    found: dict[str, Attribute] = {"allowzero": 1 - layer.integer("special_zero", default=0)}
    return Translated("Reshape", layer.inputs, {"shape": dims} if dims is not None else found)


def _transpose(layer: Operands) -> Translated:
    perm = layer.integers("order") or layer.constant(1)
    return Translated("Transpose", layer.inputs, _present(perm=perm or None))


def _split(layer: Operands) -> Translated:
    """The axis is an input; so are the lengths of ``VariadicSplit``."""
    axis = layer.constant(1)
    found = _present(axis=axis[0] if axis else layer.integer("axis", default=1))
    if layer.kind == "VariadicSplit":
        return Translated("Split", layer.pick(0, 2), found | _present(split=layer.constant(2)))
    return Translated("Split", layer.pick(0), found | {"num_outputs": layer.outputs})


def _gather(layer: Operands) -> Translated:
    axis = layer.constant(2)
    found = {"axis": axis[0] if axis else layer.integer("axis")}
    batch = layer.integer("batch_dims")
    return Translated("Gather", layer.pick(0, 1), found | ({"batch_dims": batch} if batch else {}))


def _mask(layer: Operands, name: str, rank: int) -> tuple[int, ...]:
    found = layer.integers(name) or ()
    return (*found, *(0,) * (rank - len(found)))[:rank]


def _strided_slice(layer: Operands) -> Translated:
    """Masks: a 1 in the begin and end masks ignores the number, new axes and dropped axes are those set to 1."""
    begins, ends, steps = layer.constant(1), layer.constant(2), layer.constant(3)
    if begins is None or ends is None or any(_mask(layer, "ellipsis_mask", len(begins))):
        return Translated("Slice", layer.pick(0))
    count = min(len(begins), len(ends))
    steps = steps or (1,) * count
    new = _mask(layer, "new_axis_mask", count)
    dropped = _mask(layer, "shrink_axis_mask", count)
    free_start, free_end = _mask(layer, "begin_mask", count), _mask(layer, "end_mask", count)
    starts: list[int] = []
    stops: list[int] = []
    squeeze: list[int] = []
    kept = [place for place in range(count) if not new[place] and place < len(steps)]
    for axis, place in enumerate(kept):
        start, stop = begins[place], ends[place]
        backwards = steps[place] < 0
        if free_start[place]:
            start = _END if backwards else 0
        if free_end[place]:
            stop = -_END if backwards else _END
        if dropped[place]:
            squeeze.append(axis)
            stop = start + 1 if start != -1 else _END
        starts.append(start)
        stops.append(stop)
    found: dict[str, Attribute] = {
        "starts": tuple(starts),
        "ends": tuple(stops),
        "axes": tuple(range(len(kept))),
        "steps": tuple(steps[place] for place in kept),
    }
    if squeeze:
        found["squeeze"] = tuple(squeeze)
    if any(new):
        found["new_axes"] = _new_axes(new, dropped)
    return Translated("Slice", layer.pick(0), found)


def _new_axes(new: tuple[int, ...], dropped: tuple[int, ...]) -> tuple[int, ...]:
    """Where the new axes stand in the result, from which dropped axes are gone."""
    found, at = [], 0
    for place, fresh in enumerate(new):
        if fresh:
            found.append(at)
        at += bool(fresh) or not dropped[place]
    return tuple(found)


def _pad(layer: Operands) -> Translated:
    begins, ends = layer.integers("pads_begin") or layer.constant(1), layer.integers("pads_end") or layer.constant(2)
    found = _present(pads=begins + ends if begins is not None and ends is not None else None)
    return Translated("Pad", layer.pick(0), found | {"mode": layer.text("pad_mode", default="constant")})


def _interpolate(layer: Operands) -> Translated:
    """Sizes or scales of some axes; in version 1 only sizes, with the axes as a setting."""
    mode = layer.text("mode", default="nearest")
    found: dict[str, Attribute] = {"mode": "linear" if mode.startswith("linear") else mode}
    newest = len(layer.inputs) < 4 and "axes" not in layer.settings
    axes = layer.integers("axes") or layer.constant(2 if newest else 3)
    sizes = layer.constant(1)
    by_scales = layer.text("shape_calculation_mode") == "scales"
    rank = len(layer.shape(0) or ())
    found |= _present(axes=axes or (tuple(range(rank)) if rank else None))
    if not by_scales:
        found |= _present(sizes=sizes)
    return Translated(
        "Resize", layer.pick(0, -1, 1 if by_scales and newest else 2, -1) if by_scales else layer.pick(0), found
    )


def _cast(layer: Operands) -> Translated:
    name = {
        "f32": "float32", "f16": "float16", "f64": "float64", "bf16": "bfloat16", "boolean": "bool",
    }.get(layer.text("destination_type", "precision").lower())  # fmt: skip
    plain = layer.text("destination_type").lower()
    if name is None and plain[:1] in ("i", "u") and plain[1:].isdecimal():
        name = ("int" if plain[0] == "i" else "uint") + plain[1:]
    return Translated("Cast", layer.inputs, _present(to=name))


def _block(kind: str) -> Rule:
    def rule(layer: Operands) -> Translated:
        mode = "DCR" if layer.text("mode") == "blocks_first" else "CRD"
        return Translated(kind, layer.inputs, {"blocksize": layer.integer("block_size", default=1), "mode": mode})

    return rule


def _sequence(kind: str, places: tuple[int, ...]) -> Rule:
    """Weights come last here, right behind the data in ONNX."""

    def rule(layer: Operands) -> Translated:
        cell = layer.kind.endswith("Cell")
        found: dict[str, Attribute] = {"hidden_size": layer.integer("hidden_size")}
        found |= {"cell": 1} if cell else {"layout": 1, "direction": layer.text("direction", default="forward")}
        return Translated(kind, layer.pick(*places), found)

    return rule


def _old_eltwise(layer: Operands) -> Translated:
    kinds = {"sum": "Add", "sub": "Sub", "mul": "Mul", "prod": "Mul", "max": "Max", "min": "Min", "div": "Div",
             "pow": "Pow"}  # fmt: skip
    return Translated(kinds.get(layer.text("operation", default="sum"), "Add"), layer.inputs)


def _old_activation(layer: Operands) -> Translated:
    name = layer.text("type").lower()
    kinds = {"sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "relu": "Relu", "not": "Not", "exp": "Exp"}
    return Translated(kinds.get(name, "Relu"), layer.inputs)


def _relu(layer: Operands) -> Translated:
    slope = layer.real("negative_slope")
    return Translated("LeakyRelu", layer.inputs, {"alpha": slope}) if slope else Translated("Relu", layer.inputs)


def _topk(layer: Operands) -> Translated:
    largest = int(layer.text("mode", default="max") == "max")
    return Translated("TopK", layer.inputs, {"axis": layer.integer("axis", default=-1), "largest": largest})


def _region(layer: Operands) -> Translated:
    found: dict[str, Attribute] = {
        name: layer.integer(name) for name in ("coords", "classes", "num", "do_softmax", "axis", "end_axis")
    }
    return Translated("Region", layer.inputs, found)


def _shuffle(layer: Operands) -> Translated:
    return Translated("ShuffleChannel", layer.inputs, {"group": layer.integer("group", default=1)})


def _fixed(kind: str, **attributes: Attribute) -> Rule:
    return lambda layer: Translated(kind, layer.inputs, attributes)


_SAME: Final[Mapping[str, str]] = {
    **{name: name for name in (
        "Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Assign", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "CumSum",
        "DetectionOutput", "Einsum", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GridSample", "HardSigmoid",
        "If", "Less", "Log", "Loop", "Mish", "Mod", "NonMaxSuppression", "NonZero", "NotEqual", "OneHot", "PriorBox",
        "Proposal", "Range", "Reverse", "ReverseSequence", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Sqrt",
        "SquaredDifference", "Tan", "Tanh", "Tile", "Unique", "IsInf", "IsNaN", "RandomUniform", "Multinomial",
        "Bucketize", "STFT", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "GatherND", "Crop", "Col2Im",
        "EmbeddingBag", "Identity", "Inverse",
    )},
    "BatchToSpace": "BatchToSpace", "SpaceToBatch": "SpaceToBatch", "Broadcast": "Expand", "Ceiling": "Ceil",
    "ConvertLike": "CastLike", "Copy": "Identity", "DFT": "DFT", "IDFT": "DFT", "RDFT": "DFT", "IRDFT": "DFT",
    "Divide": "Div", "EmbeddingBagOffsetsSum": "EmbeddingBag", "EmbeddingBagPackedSum": "EmbeddingBag",
    "EmbeddingSegmentsSum": "EmbeddingBag", "EmbeddingBagOffsets": "EmbeddingBag",
    "EmbeddingBagPacked": "EmbeddingBag", "ExtractImagePatches": "Im2Col", "Eye": "EyeLike",
    "FakeQuantize": "FakeQuant", "FakeConvert": "FakeQuant", "FloorMod": "Mod",
    "GreaterEqual": "GreaterOrEqual", "GroupNormalization": "GroupNormalization", "HSigmoid": "HardSigmoid",
    "HSwish": "HardSwish", "LessEqual": "LessOrEqual", "LogicalAnd": "And", "LogicalNot": "Not", "LogicalOr": "Or",
    "LogicalXor": "Xor", "MatrixNonMaxSuppression": "NonMaxSuppression", "Maximum": "Max", "Memory": "Variable",
    "Minimum": "Min", "Multiply": "Mul", "MulticlassNonMaxSuppression": "NonMaxSuppression", "MVN":
    "MeanVarianceNormalization", "Negative": "Neg", "NormalizeL2": "Normalize", "Normalize": "Normalize",
    "PReLU": "PRelu", "PSROIPooling": "PSRoiPool", "Power": "Pow", "PriorBoxClustered": "PriorBox", "RMS":
    "RMSNormalization", "ROIAlign": "RoiAlign", "ROIAlignRotated": "RoiAlign", "ROIPooling": "MaxRoiPool",
    "ReadValue": "Variable", "ReorgYolo": "Reorg", "ScaleShift": "Scale", "ScaledDotProductAttention": "Attention",
    "ScatterElementsUpdate": "ScatterElements", "ScatterNDUpdate": "ScatterND", "ScatterUpdate": "ScatterElements",
    "Select": "Where", "ShapeOf": "Shape", "SimplerNMS": "Proposal", "SoftPlus": "Softplus", "SoftSign": "Softsign",
    "Squeeze": "Squeeze", "Subtract": "Sub", "Swish": "Swish", "TensorIterator": "Loop", "Unsqueeze": "Unsqueeze",
    "CTCGreedyDecoder": "Custom", "CTCGreedyDecoderSeqLen": "Custom", "CTCLoss": "Custom", "GatherTree": "GatherND",
    "GenerateProposals": "GenerateProposals", "ExperimentalDetectronROIFeatureExtractor": "RoiAlign",
    "ExperimentalDetectronDetectionOutput": "DetectionOutput", "GRN": "LpNormalization",
    "ExperimentalDetectronGenerateProposalsSingleImage": "GenerateProposals",
    "ExperimentalDetectronPriorGridGenerator": "PriorBox", "ExperimentalDetectronTopKROIs": "TopK", "NV12toRGB": "Custom",
    "SearchSorted": "Bucketize", "Norm": "LRN", "RandomPoisson": "RandomUniform",
    "StringTensorPack": "Custom", "StringTensorUnpack": "Custom", "SegmentMax": "SegmentSum", "ISTFT": "InverseSTFT",
}  # fmt: skip
_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData",
                     "Deconvolution", "BinaryConvolution"), _convolution),
    "DeformableConvolution": _deformable,
    **dict.fromkeys(("MaxPool", "AvgPool", "Pooling"), _pool),
    "AdaptiveAvgPool": _adaptive,
    "AdaptiveMaxPool": _adaptive,
    "MatMul": _matmul,
    "Gemm": _matmul,
    "FullyConnected": _dense,
    "BatchNormInference": _norm,
    "BatchNormalization": _norm,
    "SoftMax": _axis("Softmax"),
    "Softmax": _axis("Softmax"),
    "LogSoftmax": _axis("LogSoftmax"),
    "Concat": _axis("Concat"),
    "GatherElements": _axis("GatherElements", 0),
    "Flatten": _axis("Flatten"),
    **{f"Reduce{end}": _reduce(f"Reduce{end}") for end in ("Mean", "Max", "Min", "Sum", "Prod", "L1", "L2")},
    "ReduceLogicalAnd": _reduce("ReduceAll"),
    "ReduceLogicalOr": _reduce("ReduceAny"),
    "Clamp": _numbers("Clip", min="min", max="max"),
    "Elu": _numbers("Elu", alpha="alpha"),
    "ELU": _numbers("Elu", alpha="alpha"),
    "LRN": _numbers("LRN", size="size"),
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Permute": _transpose,
    "Split": _split,
    "VariadicSplit": _split,
    "Gather": _gather,
    "StridedSlice": _strided_slice,
    "Slice": _fixed("Slice"),
    "Pad": _pad,
    "Interpolate": _interpolate,
    "Interp": _fixed("Resize"),
    "Resample": _fixed("Resize"),
    "Convert": _cast,
    "DepthToSpace": _block("DepthToSpace"),
    "SpaceToDepth": _block("SpaceToDepth"),
    "LSTMSequence": _sequence("LSTM", (0, 4, 5, 6, 3, 1, 2)),
    "GRUSequence": _sequence("GRU", (0, 3, 4, 5, 2, 1)),
    "RNNSequence": _sequence("RNN", (0, 3, 4, 5, 2, 1)),
    "LSTMCell": _sequence("LSTM", (0, 3, 4, 5)),
    "GRUCell": _sequence("GRU", (0, 2, 3, 4)),
    "RNNCell": _sequence("RNN", (0, 2, 3, 4)),
    "Eltwise": _old_eltwise,
    "Activation": _old_activation,
    "ReLU": _relu,
    "TopK": _topk,
    "RegionYolo": _region,
    "ShuffleChannels": _shuffle,
}  # fmt: skip
