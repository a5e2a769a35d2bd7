"""Caffe: the parameters of each layer type in ONNX's words.

Defaults from https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto; layers of its descendants from
https://github.com/weiliu89/caffe/tree/ssd and https://github.com/dog-qiuqiu/MobileNet-Yolo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from nngauge.domain.graph import Attribute

_AXES: Final = 2
"""Spatial axes that Caffe takes for granted; a kernel of three numbers makes it three."""


class Layer(NamedTuple):
    """A layer with the fields of its parameter messages, as the text form spells them."""

    op: str
    fields: Mapping[str, Attribute]
    inputs: int
    outputs: int
    blobs: int
    """Weights that the file holds."""

    def integer(self, name: str, default: int = 0) -> int:
        """A number; the first of a repeated field."""
        value = self.fields.get(name, default)
        if isinstance(value, tuple):
            value = value[0] if value else default
        return int(value) if isinstance(value, int | float) and abs(value) < 1 << 62 else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A float."""
        value = self.fields.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def integers(self, name: str) -> tuple[int, ...]:
        """A repeated field of integers."""
        value = self.fields.get(name, ())
        listed = value if isinstance(value, tuple) else (value,)
        return tuple([int(item) for item in listed if isinstance(item, int | float) and abs(item) < 1 << 62])

    def flag(self, name: str, default: bool = False) -> int:  # noqa: FBT001, FBT002  (a field and its default)
        """A boolean as ONNX has it."""
        return int(bool(self.fields.get(name, default)))


class Canonical(NamedTuple):
    """The same layer in ONNX's words."""

    kind: str | None
    attributes: dict[str, Attribute]
    order: tuple[int, ...] | None = None
    """Order of bottoms and weights (counted after them, −1 for an absent one); None for as they are."""


Rule = Callable[[Layer], Canonical]


def translate(layer: Layer) -> Canonical:
    """Kind, attributes and order of the inputs."""
    rule = _RULES.get(layer.op)
    return rule(layer) if rule is not None else Canonical(KINDS.get(layer.op), {})


def _each(layer: Layer, name: str, high: str, wide: str, default: int) -> tuple[int, ...]:
    """One number for each spatial axis, from a repeated field or from a pair of fields."""
    if high in layer.fields or wide in layer.fields:
        return layer.integer(high, default), layer.integer(wide, default)
    found = layer.integers(name) or (default,)
    return found * _AXES if len(found) == 1 else found


def _convolution(layer: Layer) -> Canonical:
    kernel = _each(layer, "kernel_size", "kernel_h", "kernel_w", 1)
    pads = _each(layer, "pad", "pad_h", "pad_w", 0)
    channels = layer.integer("num_output")
    depthwise = "epthwise" in layer.op and "group" not in layer.fields
    found: dict[str, Attribute] = {
        "kernel_shape": kernel,
        "strides": _each(layer, "stride", "stride_h", "stride_w", 1),
        "dilations": _each(layer, "dilation", "dilation_h", "dilation_w", 1),
        "pads": pads * 2,
        "group": max(channels, 1) if depthwise else layer.integer("group", 1),
        "channels": channels,
    }
    if not layer.blobs:
        found["bias"] = layer.flag("bias_term", default=True)
    return Canonical("ConvTranspose" if layer.op == "Deconvolution" else "Conv", found)


def _pooling(layer: Layer) -> Canonical:
    name = "AveragePool" if layer.fields.get("pool") == "AVE" else "MaxPool"
    if layer.fields.get("global_pooling"):
        return Canonical(f"Global{name}", {})
    floor = layer.fields.get("round_mode") == "FLOOR" or layer.fields.get("ceil_mode") is False
    found: dict[str, Attribute] = {
        "kernel_shape": _each(layer, "kernel_size", "kernel_h", "kernel_w", 1),
        "strides": _each(layer, "stride", "stride_h", "stride_w", 1),
        "pads": _each(layer, "pad", "pad_h", "pad_w", 0) * 2,
        "ceil_mode": int(not floor),
    }
    if name == "AveragePool":
        found["count_include_pad"] = 1
    return Canonical(name, found)


def _inner_product(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {
        "axis": layer.integer("axis", 1),
        "transB": 1 - layer.flag("transpose"),
        "channels": layer.integer("num_output"),
    }
    if not layer.blobs:
        found["bias"] = layer.flag("bias_term", default=True)
    return Canonical("Gemm", found)


def _batch_norm(layer: Layer) -> Canonical:
    """Blobs are mean, variance and the factor by which both are divided; scale and bias stand in a layer of their own."""
    found: dict[str, Attribute] = {"epsilon": layer.real("eps", 1e-5)}
    if layer.blobs < 2:
        return Canonical("BatchNormalization", found)
    rest = range(1, 1 + layer.blobs)
    return Canonical("BatchNormalization", found, (0, -1, -1, *rest))


def _scale(layer: Layer) -> Canonical:
    """By weights: what batch normalisation is at inference. By a second bottom: a product along an axis."""
    axis = layer.integer("axis", 1)
    if layer.inputs > 1:
        return Canonical("Mul", {"axis": axis})
    return Canonical("BatchNormalization", {} if axis == 1 else {"axis": axis})


def _bias(layer: Layer) -> Canonical:
    return Canonical("Add", {"axis": layer.integer("axis", 1)})


def _eltwise(layer: Layer) -> Canonical:
    operation = layer.fields.get("operation", "SUM")
    kind = {"PROD": "Mul", "MAX": "Max", "DIV": "Div"}.get(str(operation), "Add")
    return Canonical("Sum" if kind == "Add" and layer.inputs != 2 else kind, {})


def _relu(layer: Layer) -> Canonical:
    slope = layer.real("negative_slope")
    return Canonical("LeakyRelu" if slope else "Relu", {"alpha": slope} if slope else {})


def _clip(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {"min": layer.real("min"), "max": layer.real("max", 6.0)}
    return Canonical("Clip", found)


def _elu(layer: Layer) -> Canonical:
    return Canonical("Elu", {"alpha": layer.real("alpha", 1.0)})


def _lrn(layer: Layer) -> Canonical:
    found: dict[str, Attribute] = {
        "size": layer.integer("local_size", 5),
        "alpha": layer.real("alpha", 1.0),
        "beta": layer.real("beta", 0.75),
        "bias": layer.real("k", 1.0),
    }
    return Canonical("LRN", found)


def _softmax(layer: Layer) -> Canonical:
    return Canonical("Softmax", {"axis": layer.integer("axis", 1)})


def _concat(layer: Layer) -> Canonical:
    return Canonical("Concat", {"axis": layer.integer("axis", layer.integer("concat_dim", 1))})


def _slice(layer: Layer) -> Canonical:
    """`slice_point` tells where to cut; −1 stands for the rest."""
    found: dict[str, Attribute] = {"axis": layer.integer("axis", layer.integer("slice_dim", 1))}
    points = layer.integers("slice_point")
    if not points:
        return Canonical("Split", found | {"num_outputs": layer.outputs})
    before = (0, *points)
    cuts = tuple(point - start for start, point in zip(before, points, strict=False))
    return Canonical("Split", found | {"split": (*cuts, -1)})


def _flatten(layer: Layer) -> Canonical:
    return Canonical("Flatten", {"axis": layer.integer("axis", 1), "end_axis": layer.integer("end_axis", -1)})


def _reshape(layer: Layer) -> Canonical:
    """Axes before `axis` are copied; a part in the middle (`num_axes`) is too rare to be followed."""
    shape, axis = layer.integers("shape"), layer.integer("axis")
    if not shape or layer.integer("num_axes", -1) != -1 or not 0 <= axis <= len(shape) + 8:
        return Canonical("Reshape", {})
    return Canonical("Reshape", {"shape": (0,) * axis + shape})


def _permute(layer: Layer) -> Canonical:
    """Axes that are not named follow in their order, up to the four that are usual."""
    order = layer.integers("order")
    rest = tuple(axis for axis in range(4) if axis not in order)
    return Canonical("Transpose", {"perm": (*order, *rest) if order else (0, 1, 2, 3)})


def _tile(layer: Layer) -> Canonical:
    """Along one axis of a tensor of rank four; repeats are aligned at the end."""
    behind = max(3 - layer.integer("axis", 1), 0)
    return Canonical("Tile", {"repeats": (layer.integer("tiles", 1), *(1,) * behind)})


def _crop(layer: Layer) -> Canonical:
    return Canonical("Crop", {"axis": layer.integer("axis", 2), "offset": layer.integers("offset")})


def _resize(layer: Layer) -> Canonical:
    """`Upsample` of YOLO and `Interp` of the segmentation networks."""
    found: dict[str, Attribute] = {"mode": "linear" if layer.op == "Interp" else "nearest"}
    size = layer.integer("height"), layer.integer("width")
    if min(size) > 0:
        return Canonical("Resize", found | {"axes": (2, 3), "sizes": size})
    scale = layer.real("scale", layer.real("stride"))
    return Canonical("Resize", found | ({"scales": (1.0, 1.0, scale, scale)} if scale > 0 else {}), (0,))


def _arg_max(layer: Layer) -> Canonical:
    if "axis" not in layer.fields or layer.integer("top_k", 1) > 1:
        return Canonical("TopK", {"axis": layer.integer("axis", 1), "k": layer.integer("top_k", 1)})
    return Canonical("ArgMax", {"axis": layer.integer("axis"), "keepdims": 1})


def _reduction(layer: Layer) -> Canonical:
    kinds = {"ASUM": "ReduceL1", "SUMSQ": "ReduceSumSquare", "MEAN": "ReduceMean"}
    kind = kinds.get(str(layer.fields.get("operation")), "ReduceSum")
    axis = layer.integer("axis")
    return Canonical(kind, {"keepdims": 0, **({"first_axis": axis} if axis else {})})


def _embed(layer: Layer) -> Canonical:
    """The table comes first in ONNX."""
    if not layer.blobs:
        return Canonical("Gather", {"axis": 0, "channels": layer.integer("num_output")})
    return Canonical("Gather", {"axis": 0}, (1, 0, *range(2, 1 + layer.blobs)))


def _recurrent(layer: Layer) -> Canonical:
    return Canonical(layer.op, {"hidden_size": layer.integer("num_output"), "direction": "forward"})


def _prior_box(layer: Layer) -> Canonical:
    """Boxes at each place: for each smallest size one for each ratio (1 is always among them), and the largest."""
    wide = layer.fields.get("width")
    if layer.op == "PriorBoxClustered" and wide is not None:
        return Canonical("PriorBox", {"num_priors": len(wide) if isinstance(wide, tuple) else 1})
    given = layer.fields.get("aspect_ratio", ())
    ratios = {1.0}
    for ratio in given if isinstance(given, tuple) else (given,):
        if isinstance(ratio, int | float) and ratio > 0:
            ratios |= {round(float(ratio), 6)} | ({round(1 / ratio, 6)} if layer.flag("flip", default=True) else set())
    smallest, largest = (_count(layer.fields.get(name)) for name in ("min_size", "max_size"))
    return Canonical("PriorBox", {"num_priors": smallest * len(ratios) + largest})


def _count(value: Attribute | None) -> int:
    return 0 if value is None else len(value) if isinstance(value, tuple) else 1


def _detection(layer: Layer) -> Canonical:
    return Canonical("DetectionOutput", {"keep_top_k": layer.integer("keep_top_k", -1)})


def _roi(layer: Layer) -> Canonical:
    high, wide = layer.integer("pooled_h", 1), layer.integer("pooled_w", 1)
    if layer.op == "ROIAlign":
        return Canonical("RoiAlign", {"output_height": high, "output_width": wide})
    return Canonical("MaxRoiPool", {"pooled_shape": (high, wide)})


def _shuffle(layer: Layer) -> Canonical:
    return Canonical("ShuffleChannel", {"group": layer.integer("group", 1)})


def _reorg(layer: Layer) -> Canonical:
    return Canonical("Reorg", {"blocksize": layer.integer("stride", 2)})


KINDS: Final[Mapping[str, str]] = {
    "AbsVal": "Abs", "Axpy": "Add", "BNLL": "Softplus", "Dropout": "Dropout", "Exp": "Exp", "HardSigmoid": "HardSigmoid",
    "HardSwish": "HardSwish", "Im2col": "Unfold", "Log": "Log", "MVN": "MeanVarianceNormalization", "Mish": "Mish",
    "Normalize": "Normalize", "PReLU": "PRelu", "PSROIPooling": "PSRoiPool", "Power": "Pow", "Proposal": "Proposal",
    "Python": "Custom", "Region": "Region", "SPP": "SpatialPyramidPool", "Sigmoid": "Sigmoid", "Silence": "NoOp",
    "SoftmaxWithLoss": "SoftmaxCrossEntropyLoss", "Split": "Identity", "Swish": "Swish", "TanH": "Tanh",
    "Threshold": "Threshold", "Yolov3DetectionOutput": "YoloDetection", "YoloDetectionOutput": "YoloDetection",
    "CTCGreedyDecoder": "Custom", "Accuracy": "Custom",
}  # fmt: skip
"""Layers without parameters that matter for shapes and cost."""

_RULES: Final[Mapping[str, Rule]] = {
    "ArgMax": _arg_max,
    "BatchNorm": _batch_norm,
    "Bias": _bias,
    "Clip": _clip,
    "Concat": _concat,
    "Convolution": _convolution,
    "ConvolutionDepthwise": _convolution,
    "Crop": _crop,
    "Deconvolution": _convolution,
    "DepthwiseConvolution": _convolution,
    "DetectionOutput": _detection,
    "ELU": _elu,
    "Eltwise": _eltwise,
    "Embed": _embed,
    "Flatten": _flatten,
    "InnerProduct": _inner_product,
    "Interp": _resize,
    "LRN": _lrn,
    "LSTM": _recurrent,
    "Permute": _permute,
    "Pooling": _pooling,
    "PriorBox": _prior_box,
    "PriorBoxClustered": _prior_box,
    "RNN": _recurrent,
    "ROIAlign": _roi,
    "ROIPooling": _roi,
    "ReLU": _relu,
    "ReLU6": _clip,
    "Reduction": _reduction,
    "Reorg": _reorg,
    "Reshape": _reshape,
    "Scale": _scale,
    "ShuffleChannel": _shuffle,
    "Slice": _slice,
    "Softmax": _softmax,
    "Tile": _tile,
    "Upsample": _resize,
}
