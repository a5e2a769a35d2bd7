"""TensorFlow: what the arguments of each operator are as ONNX attributes.

Arguments as https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/ops registers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute
from nngauge.formats.vocabulary import _tf_rules as shared
from nngauge.formats.vocabulary._operation import Canonical, Operation, Rule
from nngauge.formats.vocabulary._tf_slices import plain_slice, strided_slice

_PADDINGS: Final = {"SAME": "SAME_UPPER", "VALID": "VALID", "EXPLICIT": "NOTSET"}
_ACTIVATIONS: Final = {
    "Relu": "Relu", "Relu6": "Clip", "Elu": "Elu", "LeakyRelu": "LeakyRelu", "Prelu": "PRelu", "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
}  # fmt: skip
"""What the fused operators of graph optimisers and TensorFlow.js end in."""


def _layout(operation: Operation, default: str = "NHWC") -> str:
    return operation.text("data_format", default)


def _spatial(layout: str, values: tuple[int, ...]) -> tuple[int, ...]:
    """The entries of a list per axis that belong to spatial axes."""
    return tuple([values[axis] for axis, letter in enumerate(layout) if letter in "DHW" and axis < len(values)])


def _window(operation: Operation, layout: str) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {"auto_pad": _PADDINGS.get(operation.text("padding"), "NOTSET")}
    if layout != "NCHW":
        found["data_layout"] = layout
    strides = _spatial(layout, operation.numbers("strides"))
    if strides:
        found["strides"] = strides
    pads = operation.numbers("explicit_paddings")
    if operation.text("padding") == "EXPLICIT" and len(pads) == 2 * len(layout):
        found["pads"] = _spatial(layout, pads[0::2]) + _spatial(layout, pads[1::2])
    return found


def _kernel(operation: Operation, count: int) -> dict[str, Attribute]:
    sizes = [operation.dim(1, axis) for axis in range(count)]
    known = tuple([size for size in sizes if size is not None])
    return {"kernel_shape": known} if len(known) == count else {}


def _activation(operation: Operation) -> dict[str, Attribute]:
    """The last of the fused operators, when it is an activation."""
    fused = operation.attributes.get("fused_ops")
    last = fused[-1] if isinstance(fused, tuple) and fused else ""
    return {"fused_activation": _ACTIVATIONS[last]} if isinstance(last, str) and last in _ACTIVATIONS else {}


def _convolution(operation: Operation) -> Canonical:
    layout = _layout(operation, "NDHWC" if operation.op == "Conv3D" else "NHWC")
    found = _window(operation, layout) | _kernel(operation, len(layout) - 2) | _activation(operation)
    dilations = _spatial(layout, operation.numbers("dilations"))
    if dilations:
        found["dilations"] = dilations
    found["weight_layout"] = "DHWIO" if len(layout) == 5 else "HWIO"
    channels = operation.dim(0, layout.find("C"))
    each = operation.dim(1, len(layout) - 2)
    if channels and each and channels % each == 0:
        found["group"] = channels // each
    return Canonical(found)


def _depthwise(operation: Operation) -> Canonical:
    found = dict(_convolution(operation).attributes)
    found |= {"weight_layout": "HWIM"}
    found.pop("group", None)
    channels = operation.dim(1, 2)
    return Canonical(found | ({"group": channels} if channels else {}))


def _transposed(operation: Operation) -> Canonical:
    """The input size comes first, weights second, data third: it is a gradient."""
    volume = operation.op.startswith("Conv3D")
    layout = _layout(operation, "NDHWC" if volume else "NHWC")
    found = _window(operation, layout) | _kernel(operation, len(layout) - 2)
    found["weight_layout"] = "DHWOI" if volume else "HWOI"
    dilations = _spatial(layout, operation.numbers("dilations"))
    if dilations:
        found["dilations"] = dilations
    shape = operation.integers(0)
    if shape is not None and len(shape) == len(layout):
        found["output_shape"] = _spatial(layout, shape)
    return Canonical(found, (2, 1, -1, 0))


def _convolution_1d(operation: Operation) -> Canonical:
    """TensorFlow.js keeps the one-dimensional convolution that TensorFlow writes as a two-dimensional one."""
    found: dict[str, Attribute] = {
        "auto_pad": _PADDINGS.get(operation.text("padding"), "NOTSET"),
        "data_layout": _layout(operation, "NWC"),
        "weight_layout": "WIO",
        "strides": (operation.number("stride", 1),),
    }
    return Canonical(found | _kernel(operation, 1))


def _pool(operation: Operation) -> Canonical:
    layout = _layout(operation, "NDHWC" if operation.op.endswith("3D") else "NHWC")
    attributes = dict(operation.attributes)
    for name, place in (("ksize", 1), ("strides", 2)):  # inputs of MaxPoolV2
        values = operation.integers(place)
        if name not in attributes and values is not None:
            attributes[name] = values
    filled = Operation(operation.op, attributes, operation.inputs)
    found = _window(filled, layout)
    kernel = _spatial(layout, filled.numbers("ksize"))
    return Canonical(found | ({"kernel_shape": kernel} if kernel else {}))


def _matmul(operation: Operation) -> Canonical:
    return Canonical({"transA": operation.number("transpose_a"), "transB": operation.number("transpose_b")})


def _fused_matmul(operation: Operation) -> Canonical:
    return Canonical(_matmul(operation).attributes | _activation(operation))


def _batch_norm(operation: Operation) -> Canonical:
    found: dict[str, Attribute] = {"epsilon": operation.real("epsilon", 1e-4)}
    if _layout(operation) != "NCHW":
        found["data_layout"] = _layout(operation)
    if operation.number("is_training"):
        found["training_mode"] = 1
    return Canonical(found)


def _block(operation: Operation) -> Canonical:
    found: dict[str, Attribute] = {"blocksize": operation.number("block_size"), "mode": "DCR"}
    return Canonical(found | ({"data_layout": _layout(operation)} if _layout(operation) != "NCHW" else {}))


def _concat_last(operation: Operation) -> Canonical:
    """The axis is the last input."""
    axis = operation.integer(-1)
    order = tuple(range(len(operation.inputs) - 1))
    return Canonical({} if axis is None else {"axis": axis}, order)


def _concat_first(operation: Operation) -> Canonical:
    axis = operation.integer(0)
    order = tuple(range(1, len(operation.inputs)))
    return Canonical({} if axis is None else {"axis": axis}, order)


def _gather(operation: Operation) -> Canonical:
    axis = operation.integer(2) if len(operation.inputs) > 2 else 0
    found: dict[str, Attribute] = {} if axis is None else {"axis": axis}
    batch = operation.number("batch_dims")
    return Canonical(found | ({"batch_dims": batch} if batch else {}))


def _local_response(operation: Operation) -> Canonical:
    size = 2 * operation.number("depth_radius", 5) + 1
    return Canonical(
        {
            "size": size,
            "alpha": size * operation.real("alpha", 1.0),  # ONNX divides the sum by the size
            "beta": operation.real("beta", 0.5),
            "bias": operation.real("bias", 1.0),
            "data_layout": "NHWC",
        }
    )


def _cast(operation: Operation) -> Canonical:
    to = operation.text("DstT")
    return Canonical({"to": to} if to else {})


def _einsum(operation: Operation) -> Canonical:
    return Canonical({"equation": operation.text("equation")})


def _crop_and_resize(operation: Operation) -> Canonical:
    size = operation.integers(3)
    found: dict[str, Attribute] = {"data_layout": "NHWC"}
    if size is not None and len(size) == 2:
        found |= {"output_height": size[0], "output_width": size[1]}
    return Canonical(found)


def _block_lstm(operation: Operation) -> Canonical:
    """`BlockLSTM`: length, x, states, one matrix ``[in + hidden, 4 × hidden]``, peepholes, bias."""
    columns = operation.dim(4, 1)
    found: dict[str, Attribute] = {"layout": 0, "direction": "forward"}
    return Canonical(found | ({"hidden_size": columns // 4} if columns else {}), (1, 4, -1, 8, 0, 3, 2))


def _input(operation: Operation) -> Canonical:
    shape = operation.outputs[0].shape if operation.outputs else None
    if shape is None:
        return Canonical()
    return Canonical({"shape": tuple([dim if isinstance(dim, int) else -1 for dim in shape])})


def _shaped(operation: Operation) -> Canonical:
    """Random numbers: the shape is an input of the source."""
    shape = operation.integers(0)
    return Canonical({} if shape is None else {"shape": shape})


RULES: Final[Mapping[str, Rule]] = {
    "All": shared.reduce,
    "Any": shared.reduce,
    "ArgMax": shared.arg,
    "ArgMin": shared.arg,
    "AvgPool": _pool,
    "AvgPool3D": _pool,
    "BatchMatMul": shared.matmul,
    "BatchMatMulV2": shared.matmul,
    "BatchMatMulV3": shared.matmul,
    "BatchToSpaceND": shared.blocks,
    "BlockLSTM": _block_lstm,
    "BlockLSTMV2": _block_lstm,
    "Cast": _cast,
    "Concat": _concat_first,
    "ConcatV2": _concat_last,
    "Conv1D": _convolution_1d,
    "Conv2D": _convolution,
    "Conv2DBackpropInput": _transposed,
    "Conv3D": _convolution,
    "Conv3DBackpropInputV2": _transposed,
    "CropAndResize": _crop_and_resize,
    "Cumsum": shared.cumsum,
    "DepthToSpace": _block,
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "Fill": shared.fill,
    "FusedBatchNorm": _batch_norm,
    "FusedBatchNormV2": _batch_norm,
    "FusedBatchNormV3": _batch_norm,
    "FusedDepthwiseConv2dNative": _depthwise,
    "Gather": _gather,
    "GatherV2": _gather,
    "LRN": _local_response,
    "LeakyRelu": shared.leaky,
    "LogSoftmax": shared.last_axis,
    "MatMul": _matmul,
    "Max": shared.reduce,
    "MaxPool": _pool,
    "MaxPool3D": _pool,
    "MaxPoolV2": _pool,
    "MaxPoolWithArgmax": _pool,
    "Mean": shared.reduce,
    "Min": shared.reduce,
    "MirrorPad": shared.pad,
    "OneHot": shared.one_hot,
    "Pack": shared.pack,
    "Pad": shared.pad,
    "PadV2": shared.pad,
    "Placeholder": _input,
    "PlaceholderV2": _input,
    "PlaceholderWithDefault": _input,
    "Prod": shared.reduce,
    "RandomStandardNormal": _shaped,
    "RandomUniform": _shaped,
    "Relu6": shared.clip,
    "ResizeBicubic": shared.resize("cubic"),
    "ResizeBilinear": shared.resize("linear"),
    "ResizeNearestNeighbor": shared.resize("nearest"),
    "ReverseSequence": shared.reverse_sequence,
    "ReverseV2": shared.reverse,
    "ScatterNd": shared.scatter,
    "Slice": plain_slice,
    "Softmax": shared.last_axis,
    "SpaceToBatchND": shared.blocks,
    "SpaceToDepth": _block,
    "Split": shared.split,
    "SplitV": shared.split_sizes,
    "Squeeze": shared.squeeze,
    "StridedSlice": strided_slice,
    "Sum": shared.reduce,
    "TensorListStack": lambda _operation: Canonical({"axis": 0, "new_axis": 1}),
    "Transpose": shared.transpose,
    "Unpack": shared.unpack,
    "_FusedConv2D": _convolution,
    "_FusedMatMul": _fused_matmul,
}
"""Rules by operator; those without one have no attributes in ONNX."""
