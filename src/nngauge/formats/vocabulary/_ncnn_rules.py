"""ncnn: numbered parameters of each layer in ONNX's words.

Numbers and defaults from `load_param` of each layer in https://github.com/Tencent/ncnn/tree/master/src/layer, described
in docs/developer-guide/operators.md there. Data have no batch axis, channels come first (`data_layout` CHW); ranks are
followed from layer to layer because the meaning of some parameters depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute

Value = int | float | str | tuple[int, ...] | tuple[float, ...]
_NONE: Final = -233
"""What ncnn writes for "not given"."""
_SAME_UPPER, _SAME_LOWER = -233, -234
_UNBOUNDED: Final = (1 << 31) - 1
_ACTIVATIONS: Final = ("", "Relu", "LeakyRelu", "Clip", "Sigmoid", "Mish", "HardSwish")
_MODES: Final = {1: "nearest", 2: "linear", 3: "cubic"}
_CHW: Final = "CHW"


class Layer(NamedTuple):
    """What a rule sees of a layer."""

    op: str
    params: Mapping[int, Value]
    ranks: tuple[int | None, ...]
    """Of the inputs."""
    outputs: int = 1

    def integer(self, number: int, default: int = 0) -> int:
        """An integer parameter; `default` for one that is none."""
        value = self.params.get(number, default)
        return int(value) if isinstance(value, int | float) and abs(value) < _UNBOUNDED else default

    def real(self, number: int, default: float = 0.0) -> float:
        """A float parameter."""
        value = self.params.get(number, default)
        return float(value) if isinstance(value, int | float) else default

    def array(self, number: int) -> tuple[int, ...]:
        """An array parameter, empty when there is none. The binary form may write one number as a float."""
        value = self.params.get(number, ())
        if not isinstance(value, tuple) or not all(abs(item) < _UNBOUNDED for item in value):
            return ()
        return tuple([int(item) for item in value])

    @property
    def rank(self) -> int | None:
        """Dimensions of the first input."""
        return self.ranks[0] if self.ranks else None


class Canonical(NamedTuple):
    """The same layer in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]
    rank: int | None = None
    """Dimensions of the outputs."""


Rule = Callable[[Layer], Canonical]


def _window(layer: Layer, axes: int, stride: tuple[int, int, int], *, dilation: bool) -> dict[str, Attribute]:
    """Kernel, strides and dilations, outermost axis first; numbers of width, height and depth go up by ten."""
    first = 3 - axes
    kernel, steps = layer.integer(1), layer.integer(stride[0], 1)
    found: dict[str, Attribute] = {
        "kernel_shape": (layer.integer(21, kernel), layer.integer(11, kernel), kernel)[first:],
        "strides": (layer.integer(stride[2], steps), layer.integer(stride[1], steps), steps)[first:],
    }
    if dilation:
        spread = layer.integer(2, 1)
        found["dilations"] = (layer.integer(22, spread), layer.integer(12, spread), spread)[first:]
    return found


def _pads(layer: Layer, axes: int, left_number: int) -> tuple[int, ...]:
    """Begins, then ends; each missing one is like another one."""
    left = layer.integer(left_number)
    top, front = layer.integer(left_number + 10, left), layer.integer(left_number + 20, left)
    right, bottom = layer.integer(_right(left_number), left), layer.integer(_right(left_number) + 1, top)
    behind = layer.integer(_right(left_number) + 2, front)
    first = 3 - axes
    return (*(front, top, left)[first:], *(behind, bottom, right)[first:])


def _right(left_number: int) -> int:
    """Padding at the end is numbered from 15 in convolutions, from 14 in pools."""
    return 15 if left_number == 4 else 14


def _axes(op: str) -> int:
    return 1 if op.endswith("1D") else 3 if op.endswith("3D") else 2


def _activation(layer: Layer) -> dict[str, Attribute]:
    code = layer.integer(9)
    return {"fused_activation": _ACTIVATIONS[code]} if 0 < code < len(_ACTIVATIONS) else {}


def _convolution(layer: Layer) -> Canonical:
    axes = _axes(layer.op)
    found = _window(layer, axes, (3, 13, 23), dilation=True)
    pads = _pads(layer, axes, 4)
    if pads[-1] in (_SAME_UPPER, _SAME_LOWER):
        found["auto_pad"] = "SAME_UPPER" if pads[-1] == _SAME_UPPER else "SAME_LOWER"
    else:
        found["pads"] = pads
    found |= {"group": layer.integer(7, 1), "channels": layer.integer(0), "data_layout": _CHW, **_activation(layer)}
    if not layer.op.startswith("Deconvolution"):
        return Canonical("DeformConv" if layer.op == "DeformableConv2D" else "Conv", found, layer.rank or axes + 1)
    found["weight_layout"] = "OIHW"
    return Canonical("ConvTranspose", found | _output_size(layer, axes), axes + 1)


def _output_size(layer: Layer, axes: int) -> dict[str, Attribute]:
    """Padding or fixed size of the result of a transposed convolution; other numbers in 3-D, where they are rare."""
    found: dict[str, Attribute] = {}
    if axes == 3:
        return found
    right, wide = layer.integer(18), layer.integer(20)
    extra, size = (layer.integer(19, right), right), (layer.integer(21, wide), wide)
    if any(extra):
        found["output_padding"] = extra[2 - axes :]
    if min(size[2 - axes :]) > 0:
        found["output_shape"] = size[2 - axes :]
    return found


def _pooling(layer: Layer) -> Canonical:
    axes = _axes(layer.op)
    name = "AveragePool" if layer.integer(0) == 1 else "MaxPool"
    layout: dict[str, Attribute] = {"data_layout": _CHW}
    if layer.integer(4):
        return Canonical(f"Global{name}", layout, 1)
    if layer.integer(7):
        wide = layer.integer(8)
        size = (layer.integer(28, wide), layer.integer(18, wide), wide)[3 - axes :]
        return Canonical(f"Adaptive{name}", {"output_size": size, **layout}, axes + 1)
    found = _window(layer, axes, (2, 12, 22), dilation=False) | layout
    mode = layer.integer(5)
    if mode in (2, 3):
        found["auto_pad"] = "SAME_UPPER" if mode == 2 else "SAME_LOWER"
    else:
        found["pads"] = _pads(layer, axes, 3)
        found["ceil_mode"] = int(mode == 0)
    if name == "AveragePool":
        found["count_include_pad"] = layer.integer(6)
    return Canonical(name, found, axes + 1)


def _inner_product(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"transB": 1, "axis": 0, "channels": layer.integer(0), **_activation(layer)}
    return Canonical("Gemm", found, 1)


def _gemm(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"transA": layer.integer(2), "transB": layer.integer(3)}
    if layer.integer(14):
        return Canonical("Gemm", found | {"transpose_output": 1}, 2)
    return Canonical("Gemm", found, 2)


def _matmul(layer: Layer) -> Canonical:
    known = [rank for rank in layer.ranks if rank]
    return Canonical("MatMul", {"transB": layer.integer(0)}, max(known, default=None))


def _recurrent(layer: Layer) -> Canonical:
    direction = ("forward", "reverse", "bidirectional")[min(max(layer.integer(2), 0), 2)]
    hidden = layer.integer(3, layer.integer(0)) if layer.op == "LSTM" else layer.integer(0)
    found: dict[str, Attribute] = {"hidden_size": hidden, "direction": direction, "data_layout": _CHW}
    if hidden != layer.integer(0):
        found["projection_size"] = layer.integer(0)
    return Canonical(layer.op, found, 2)


def _multi_head(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"num_heads": layer.integer(1, 1), "embed_dim": layer.integer(0), "data_layout": _CHW}
    return Canonical("MultiHeadAttention", found, layer.rank or 2)


def _binary(layer: Layer) -> Canonical:
    code = layer.integer(0)
    kind = _BINARY[code] if 0 <= code < len(_BINARY) else None
    known = [rank for rank in layer.ranks if rank]
    return Canonical(kind, {}, max(known, default=None))


def _unary(layer: Layer) -> Canonical:
    code = layer.integer(0)
    return Canonical(_UNARY[code] if 0 <= code < len(_UNARY) else None, {}, layer.rank)


def _eltwise(layer: Layer) -> Canonical:
    code = layer.integer(0)
    kind = _ELTWISE[code] if 0 <= code < len(_ELTWISE) else None
    return Canonical("Sum" if kind == "Add" and len(layer.ranks) != 2 else kind, {}, layer.rank)


def _relu(layer: Layer) -> Canonical:
    slope = layer.real(0)
    return Canonical("LeakyRelu" if slope else "Relu", {"alpha": slope} if slope else {}, layer.rank)


def _clip(layer: Layer) -> Canonical:
    return Canonical("Clip", {"min": layer.real(0), "max": layer.real(1)}, layer.rank)


def _hard(layer: Layer) -> Canonical:
    return Canonical(layer.op, {"alpha": layer.real(0, 0.2), "beta": layer.real(1, 0.5)}, layer.rank)


def _alpha(kind: str, default: float) -> Rule:
    return lambda layer: Canonical(kind, {"alpha": layer.real(0, default)}, layer.rank)


def _normalise(kind: str, epsilon: int) -> Rule:
    """A normalisation whose parameter `epsilon` is that."""

    def rule(layer: Layer) -> Canonical:
        found: dict[str, Attribute] = {"epsilon": layer.real(epsilon, 0.001), "data_layout": _CHW}
        if kind == "GroupNormalization":
            found["num_groups"] = layer.integer(0, 1)
        if kind in ("LayerNormalization", "RMSNormalization"):
            del found["data_layout"]
            found["axis"] = -1
        return Canonical(kind, found, layer.rank)

    return rule


def _lrn(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"size": layer.integer(1, 5), "alpha": layer.real(2, 1), "beta": layer.real(3, 0.75)}
    return Canonical("LRN", found | {"data_layout": _CHW}, layer.rank)


def _axis(kind: str) -> Rule:
    return lambda layer: Canonical(kind, {"axis": layer.integer(0)}, layer.rank)


def _slice(layer: Layer) -> Canonical:
    """−233 is an equal share of what is left."""
    found: dict[str, Attribute] = {"axis": layer.integer(1)}
    sizes, cuts = layer.array(0), layer.array(2)
    if cuts:
        before = (0, *cuts)
        sizes = (*(cut - start for start, cut in zip(before, cuts, strict=False)), _NONE)
    shares = sum(size == _NONE for size in sizes)
    if shares == len(sizes):
        found["num_outputs"] = layer.outputs
    elif shares <= 1:
        found["split"] = tuple(-1 if size == _NONE else size for size in sizes)
    return Canonical("Split", found, layer.rank)


def _crop(layer: Layer) -> Canonical:
    """To the size of a second input, or by starts, ends and axes, or by offsets and sizes from the innermost axis."""
    if len(layer.ranks) > 1:
        return Canonical("Crop", {"axis": 0}, layer.rank)
    starts, ends, axes = layer.array(9), layer.array(10), layer.array(11)
    if starts and len(starts) == len(ends):
        found: dict[str, Attribute] = {
            "starts": tuple(0 if start == _NONE else start for start in starts),
            "ends": tuple(_UNBOUNDED if end in (_NONE, 0) else end for end in ends),
            "axes": axes or tuple(range(len(starts))),
        }
        return Canonical("Slice", found, layer.rank)
    return Canonical("Slice", _offsets(layer), layer.rank)


def _offsets(layer: Layer) -> dict[str, Attribute]:
    numbers = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 13, 1, 0)}[min(max(layer.rank or 3, 1), 4)]
    starts, ends = [], []
    for number in numbers:
        size = layer.integer(14 if number == 13 else 3 + min(number, 2), 0)
        behind = layer.integer(15 if number == 13 else 6 + min(number, 2), 0)
        start = layer.integer(number)
        starts.append(start)
        ends.append(start + size if size > 0 else -behind if behind > 0 else _UNBOUNDED)
    return {"starts": tuple(starts), "ends": tuple(ends), "axes": tuple(range(len(numbers)))}


def _padding(layer: Layer) -> Canonical:
    top, bottom, left, right, front, behind = (layer.integer(number) for number in (0, 1, 2, 3, 7, 8))
    begins, ends = (0, front, top, left), (0, behind, bottom, right)
    count = min(max(layer.rank or 3, 1), 4)
    mode = ("constant", "edge", "reflect")[min(max(layer.integer(4), 0), 2)]
    pads = (*begins[4 - count :], *ends[4 - count :])
    return Canonical("Pad", {"mode": mode, "pads": pads}, layer.rank)


def _interp(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"mode": _MODES.get(layer.integer(0), "nearest"), "data_layout": _CHW}
    if len(layer.ranks) > 1:
        return Canonical("Resize", found, 3)  # to the size of the second input
    size = (layer.integer(3), layer.integer(4))
    if min(size) > 0:
        return Canonical("Resize", found | {"axes": (1, 2), "sizes": size}, 3)
    return Canonical("Resize", found | {"scales": (1.0, layer.real(1, 1), layer.real(2, 1))}, 3)


def _permute(layer: Layer) -> Canonical:
    """Orders are named from the innermost axis outwards."""
    order, rank = layer.integer(0), layer.rank or 3
    if rank == 2 and order in (0, 1):
        return Canonical("Transpose", {"perm": (0, 1) if order == 0 else (1, 0)}, 2)
    table, letters = (_ORDERS_3, "CHW") if rank == 3 else (_ORDERS_4, "CDHW")
    if not 0 <= order < len(table):
        return Canonical("Transpose", {"perm": tuple(range(rank))}, rank)
    return Canonical("Transpose", {"perm": tuple(letters.index(name) for name in reversed(table[order]))}, rank)


def _reshape(layer: Layer) -> Canonical:
    """−1 is what is left, 0 copies the axis of that name, −233 leaves it out."""
    sizes = [layer.integer(number, _NONE) for number in (2, 11, 1, 0)]
    shape = tuple(size for size in sizes if size != _NONE)
    if 6 in layer.params or not shape:
        return Canonical("Reshape", {}, None)
    rank = layer.rank
    if 0 in shape and rank and rank != len(shape) and -1 not in shape and shape.count(0) == 1:
        shape = tuple(-1 if size == 0 else size for size in shape)
    return Canonical("Reshape", {"shape": shape}, len(shape))


def _squeeze(layer: Layer) -> Canonical:
    axes, rank = layer.array(3), layer.rank
    if not axes:
        places = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 11, 1, 0)}[min(max(rank or 3, 1), 4)]
        axes = tuple(at for at, number in enumerate(places) if layer.integer(number))
    return Canonical("Squeeze", {"axes": axes}, rank - len(axes) if rank else None)


def _expand_dims(layer: Layer) -> Canonical:
    axes, rank = layer.array(3), layer.rank
    if not axes:
        numbers = (2, 1, 0) if rank == 2 else (1, 0) if rank == 1 else (2, 11, 1, 0)
        axes = tuple(at for at, number in enumerate(numbers) if layer.integer(number))
    return Canonical("Unsqueeze", {"axes": axes}, rank + len(axes) if rank else None)


def _reduction(layer: Layer) -> Canonical:
    code = layer.integer(0)
    kind = _REDUCTIONS[code] if 0 <= code < len(_REDUCTIONS) else None
    axes, keep, rank = layer.array(3), layer.integer(4), layer.rank
    if layer.integer(1, 1) or not axes:
        return Canonical(kind, {"keepdims": keep}, rank if keep else 1)
    return Canonical(kind, {"axes": axes, "keepdims": keep}, rank if keep or rank is None else max(rank - len(axes), 1))


def _tile(layer: Layer) -> Canonical:
    repeats, rank = layer.array(2), layer.rank or 3
    if not repeats:
        axis, times = layer.integer(0), layer.integer(1, 1)
        repeats = tuple(times if at == axis % rank else 1 for at in range(rank))
    return Canonical("Tile", {"repeats": repeats}, max(rank, len(repeats)))


def _blocks(kind: str) -> Rule:
    def rule(layer: Layer) -> Canonical:
        found: dict[str, Attribute] = {"blocksize": layer.integer(0, 1), "data_layout": _CHW}
        if kind == "DepthToSpace":
            found["mode"] = "DCR" if layer.integer(1) else "CRD"
        return Canonical(kind, found, 3)

    return rule


def _shuffle(layer: Layer) -> Canonical:
    return Canonical("ShuffleChannel", {"group": layer.integer(0, 1), "data_layout": _CHW}, layer.rank)


def _roi(layer: Layer) -> Canonical:
    wide, high = layer.integer(0), layer.integer(1)
    if layer.op == "ROIAlign":
        return Canonical("RoiAlign", {"output_height": high, "output_width": wide, "data_layout": _CHW}, 3)
    kind = "MaxRoiPool" if layer.op == "ROIPooling" else "PSRoiPool"
    return Canonical(kind, {"pooled_shape": (high, wide), "data_layout": _CHW}, 3)


def _prior_box(layer: Layer) -> Canonical:
    """Boxes at each place, as `PriorBox::forward` counts them."""
    sizes, largest, ratios = (layer.params.get(number, ()) for number in (0, 1, 2))
    smaller, larger, shapes = (len(item) if isinstance(item, tuple) else 0 for item in (sizes, largest, ratios))
    count = smaller * shapes * (2 if layer.integer(7, 1) else 1) + smaller + larger
    return Canonical("PriorBox", {"num_priors": count, "data_layout": _CHW}, 2)


def _detection(layer: Layer) -> Canonical:
    return Canonical("DetectionOutput", {"keep_top_k": layer.integer(3, 100), "data_layout": _CHW}, 2)


def _spectrogram(layer: Layer) -> Canonical:
    size = layer.integer(0)
    return Canonical("Spectrogram", {"n_fft": size, "hop_length": layer.integer(2, size // 4)}, 2)


def _fixed(kind: str, rank: int | None, **attributes: Attribute) -> Rule:
    """A layer without parameters that matter; `rank` of its outputs, None for that of its input."""
    return lambda layer: Canonical(kind, dict(attributes), rank if rank is not None else layer.rank)


_BINARY: Final = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sub", "Div", "Pow", "Atan2", "Atan2")
_UNARY: Final = (
    "Abs", "Neg", "Floor", "Ceil", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan",
    "Reciprocal", "Tanh", "Log", "Round", "Trunc",
)  # fmt: skip
_ELTWISE: Final = ("Mul", "Add", "Max")
_REDUCTIONS: Final = (
    "ReduceSum", "ReduceL1", "ReduceSumSquare", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
    "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
)  # fmt: skip
_ORDERS_3: Final = ("WHC", "HWC", "WCH", "CWH", "HCW", "CHW")
_ORDERS_4: Final = (
    "WHDC", "HWDC", "WDHC", "DWHC", "HDWC", "DHWC", "WHCD", "HWCD", "WCHD", "CWHD", "HCWD", "CHWD", "WDCH", "DWCH",
    "WCDH", "CWDH", "DCWH", "CDWH", "HDCW", "DHCW", "HCDW", "CHDW", "DCHW", "CDHW",
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = {
    "AbsVal": _fixed("Abs", None),
    "ArgMax": _fixed("ArgMax", 1),
    "BNLL": _fixed("Softplus", None),
    "BatchNorm": _normalise("BatchNormalization", 1),
    "Bias": _fixed("Add", None, data_layout=_CHW),
    "BinaryOp": _binary,
    "CELU": _alpha("Celu", 1.0),
    "Cast": _fixed("Cast", None),
    "Clip": _clip,
    "Concat": _axis("Concat"),
    "Convolution": _convolution,
    "Convolution1D": _convolution,
    "Convolution3D": _convolution,
    "ConvolutionDepthWise": _convolution,
    "ConvolutionDepthWise1D": _convolution,
    "ConvolutionDepthWise3D": _convolution,
    "CopyTo": _fixed("ScatterND", None),
    "Crop": _crop,
    "CumulativeSum": _axis("CumSum"),
    "Deconvolution": _convolution,
    "Deconvolution1D": _convolution,
    "Deconvolution3D": _convolution,
    "DeconvolutionDepthWise": _convolution,
    "DeconvolutionDepthWise1D": _convolution,
    "DeconvolutionDepthWise3D": _convolution,
    "DeepCopy": _fixed("Identity", None),
    "DeformableConv2D": _convolution,
    "Dequantize": _fixed("DequantizeLinear", None),
    "DetectionOutput": _detection,
    "Diag": _fixed("Diag", None),
    "Dropout": _fixed("Dropout", None),
    "ELU": _alpha("Elu", 0.1),
    "Einsum": _fixed("Einsum", None),
    "Eltwise": _eltwise,
    "Embed": _fixed("Gather", 2, axis=0),
    "Erf": _fixed("Erf", None),
    "Exp": _fixed("Exp", None),
    "ExpandDims": _expand_dims,
    "Flatten": _fixed("Flatten", 1, data_layout=_CHW),
    "Flip": _fixed("Reverse", None),
    "Fold": _fixed("Fold", 3),
    "GELU": _fixed("Gelu", None),
    "GLU": _axis("GLU"),
    "GRU": _recurrent,
    "Gemm": _gemm,
    "GridSample": _fixed("GridSample", 3, data_layout=_CHW),
    "GroupNorm": _normalise("GroupNormalization", 2),
    "HardSigmoid": _hard,
    "HardSwish": _hard,
    "InnerProduct": _inner_product,
    "InstanceNorm": _normalise("InstanceNormalization", 1),
    "Interp": _interp,
    "InverseSpectrogram": _fixed("InverseSpectrogram", 1),
    "LRN": _lrn,
    "LSTM": _recurrent,
    "LayerNorm": _normalise("LayerNormalization", 1),
    "Log": _fixed("Log", None),
    "MVN": _fixed("MeanVarianceNormalization", None, data_layout=_CHW),
    "MatMul": _matmul,
    "Mish": _fixed("Mish", None),
    "MultiHeadAttention": _multi_head,
    "Noop": _fixed("Identity", None),
    "Normalize": _fixed("Normalize", None, data_layout=_CHW),
    "PReLU": _fixed("PRelu", None, data_layout=_CHW),
    "PSROIPooling": _roi,
    "Packing": _fixed("Identity", None),
    "Padding": _padding,
    "Permute": _permute,
    "PixelShuffle": _blocks("DepthToSpace"),
    "Pooling": _pooling,
    "Pooling1D": _pooling,
    "Pooling3D": _pooling,
    "Power": _fixed("Pow", None),
    "PriorBox": _prior_box,
    "Proposal": _fixed("Proposal", None),
    "Quantize": _fixed("QuantizeLinear", None),
    "RMSNorm": _normalise("RMSNormalization", 1),
    "RNN": _recurrent,
    "ROIAlign": _roi,
    "ROIPooling": _roi,
    "ReLU": _relu,
    "Reduction": _reduction,
    "Reorg": _blocks("SpaceToDepth"),
    "Requantize": _fixed("QuantizeLinear", None),
    "Reshape": _reshape,
    "RotaryEmbed": _fixed("RotaryEmbedding", 3, data_layout=_CHW),
    "SDPA": _fixed("Attention", 3, data_layout=_CHW),
    "SELU": _fixed("Selu", None),
    "SPP": _fixed("SpatialPyramidPool", 1),
    "Scale": _fixed("BatchNormalization", None, data_layout=_CHW),
    "Shrink": _fixed("Shrink", None),
    "ShuffleChannel": _shuffle,
    "Sigmoid": _fixed("Sigmoid", None),
    "Slice": _slice,
    "Softmax": _axis("Softmax"),
    "Softplus": _fixed("Softplus", None),
    "Spectrogram": _spectrogram,
    "Split": _fixed("Identity", None),
    "Squeeze": _squeeze,
    "StatisticsPooling": _fixed("StatisticsPooling", 1),
    "Swish": _fixed("Swish", None),
    "TanH": _fixed("Tanh", None),
    "Threshold": _fixed("Threshold", None),
    "Tile": _tile,
    "UnaryOp": _unary,
    "Unfold": _fixed("Unfold", 2),
    "YoloDetectionOutput": _fixed("YoloDetection", 2),
    "Yolov3DetectionOutput": _fixed("YoloDetection", 2),
}
"""Every layer of ncnn but Input and MemoryData, which are tensors."""
