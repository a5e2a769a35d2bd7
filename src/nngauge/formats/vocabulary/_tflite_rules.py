"""TensorFlow Lite: what the options of each builtin operator are as ONNX attributes.

Inputs of the operators as their kernels read them:
https://github.com/google-ai-edge/LiteRT/tree/main/tflite/kernels (``kFilterTensor`` and the like at the top of each).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute
from nngauge.formats.vocabulary import _tf_rules as shared
from nngauge.formats.vocabulary._operation import Canonical, Operation, Rule
from nngauge.formats.vocabulary._tf_slices import plain_slice, strided_slice

_PADDINGS: Final = {"SAME": "SAME_UPPER", "VALID": "VALID"}
_CIFG_INPUT: Final = 1
"""Input-to-input weights of the LSTM kernels: absent when input and forget gate are coupled."""


def _window(operation: Operation) -> dict[str, Attribute]:
    return {
        "strides": (operation.number("stride_h", 1), operation.number("stride_w", 1)),
        "auto_pad": _PADDINGS.get(operation.text("padding"), "NOTSET"),
        "data_layout": "NHWC",
    }


def _dilations(operation: Operation) -> tuple[int, ...]:
    return (operation.number("dilation_h_factor", 1), operation.number("dilation_w_factor", 1))


def _kernel(operation: Operation, place: int, first: int, count: int) -> dict[str, Attribute]:
    """The kernel's size from the weights' shape, where that is known."""
    sizes = [operation.dim(place, axis) for axis in range(first, first + count)]
    known = tuple([size for size in sizes if size is not None])
    return {"kernel_shape": known} if len(known) == count else {}


def _convolution(operation: Operation) -> Canonical:
    found = _window(operation) | _kernel(operation, 1, 1, 2)
    found |= {"dilations": _dilations(operation), "weight_layout": "OHWI"}
    channels, each = operation.dim(0, -1), operation.dim(1, 3)
    if channels and each and channels % each == 0:
        found["group"] = channels // each
    return Canonical(found)


def _depthwise(operation: Operation) -> Canonical:
    found = _window(operation) | _kernel(operation, 1, 1, 2)
    found |= {"dilations": _dilations(operation), "weight_layout": "1HWO"}
    filters, multiplier = operation.dim(1, 3), operation.number("depth_multiplier")
    channels = operation.dim(0, -1) or (filters // multiplier if filters and multiplier > 0 else None)
    if channels:
        found["group"] = channels
    return Canonical(found)


def _transposed(operation: Operation) -> Canonical:
    found = _window(operation) | _kernel(operation, 1, 1, 2) | {"weight_layout": "OHWI"}
    shape = operation.integers(0)
    if shape is not None and len(shape) == 4:
        found["output_shape"] = shape[1:3]
    return Canonical(found, (2, 1, 3, 0))


def _volume(operation: Operation) -> dict[str, Attribute]:
    found = _kernel(operation, 1, 0, 3)
    found["strides"] = tuple([operation.number(f"stride_{axis}", 1) for axis in "dhw"])
    found["dilations"] = tuple([operation.number(f"dilation_{axis}_factor", 1) for axis in "dhw"])
    found["auto_pad"] = _PADDINGS.get(operation.text("padding"), "NOTSET")
    found["data_layout"] = "NDHWC"
    return found


def _convolution_3d(operation: Operation) -> Canonical:
    return Canonical(_volume(operation) | {"weight_layout": "DHWIO"})


def _transposed_3d(operation: Operation) -> Canonical:
    found = _volume(operation) | {"weight_layout": "DHWOI"}
    shape = operation.integers(0)
    if shape is not None and len(shape) == 5:
        found["output_shape"] = shape[1:4]
    return Canonical(found, (2, 1, 3, 0))


def _pool(operation: Operation) -> Canonical:
    kernel = (operation.number("filter_height", 1), operation.number("filter_width", 1))
    return Canonical(_window(operation) | {"kernel_shape": kernel})


def _dense(operation: Operation) -> Canonical:
    """The kernel flattens its input to rows as wide as the weights; `axis` says where that begins."""
    found: dict[str, Attribute] = {"transB": 1}
    shape, width = operation.shape(0), operation.dim(1, 1)
    if operation.number("keep_num_dims"):
        found["axis"] = -1 if shape is None else len(shape) - 1
    elif shape is not None and width:
        sizes = [size if isinstance(size, int) else -1 for size in shape]
        for axis in (*range(1, len(sizes)), 0):  # the batch is no part of a row, even a batch of 1
            if math.prod(sizes[axis:]) == width:
                found["axis"] = axis
                break
    return Canonical(found)


def _local_response(operation: Operation) -> Canonical:
    size = 2 * operation.number("radius") + 1
    return Canonical(
        {
            "size": size,
            "alpha": size * operation.real("alpha"),  # ONNX divides the sum by the size
            "beta": operation.real("beta"),
            "bias": operation.real("bias"),
            "data_layout": "NHWC",
        }
    )


def _block(operation: Operation) -> Canonical:
    return Canonical({"blocksize": operation.number("block_size"), "mode": "DCR", "data_layout": "NHWC"})


def _concat(operation: Operation) -> Canonical:
    return Canonical({"axis": operation.number("axis")})


def _gather(operation: Operation) -> Canonical:
    found: dict[str, Attribute] = {"axis": operation.number("axis")}
    if operation.number("batch_dims"):
        found["batch_dims"] = operation.number("batch_dims")
    return Canonical(found)


def _lookup(_operation: Operation) -> Canonical:
    return Canonical({"axis": 0}, (1, 0))


def _reshape(operation: Operation) -> Canonical:
    shape = operation.numbers("new_shape")
    return Canonical({"shape": shape} if shape and operation.shape(1) is None else {})


def _channel_slope(_operation: Operation) -> Canonical:
    return Canonical({"data_layout": "NHWC"})


def _lstm(operation: Operation) -> Canonical:
    """Sequence LSTM: one weight tensor for each gate behind X, forward first."""
    found: dict[str, Attribute] = {"layout": 0 if operation.number("time_major") else 1, "direction": "forward"}
    if operation.op.startswith("BIDIRECTIONAL"):
        found["direction"] = "bidirectional"
    if operation.op == "LSTM" and operation.number("kernel_type"):
        return Canonical(found | _rows(operation, 2, 4, "hidden_size"))  # all gates in one matrix
    found |= _rows(operation, 2, 1, "hidden_size")
    if operation.shape(_CIFG_INPUT) is None:
        found["input_forget"] = 1
    return Canonical(found | _rows(operation, 16, 1, "projection_size"))


def _rows(operation: Operation, place: int, parts: int, name: str) -> dict[str, Attribute]:
    """The first dimension of a weight matrix, as an attribute."""
    size = operation.dim(place, 0) if operation.rank(place) in (1, 2) else None
    return {name: size // parts} if size else {}


def _rnn(operation: Operation) -> Canonical:
    layout = 0 if operation.number("time_major") else 1
    direction = "bidirectional" if operation.op.startswith("BIDIRECTIONAL") else "forward"
    found: dict[str, Attribute] = {"layout": layout, "direction": direction}
    return Canonical(found | _rows(operation, 1, 1, "hidden_size"))


def _svdf(operation: Operation) -> Canonical:
    return Canonical({"rank": operation.number("rank", 1)})


def _while(operation: Operation) -> Canonical:
    """ONNX `Loop` begins with trip count and condition, which are absent here."""
    found = _subgraphs(operation, cond="cond_subgraph_index", body="body_subgraph_index")
    return Canonical(found, (-1, -1, *range(len(operation.inputs))))


def _if(operation: Operation) -> Canonical:
    return Canonical(
        _subgraphs(operation, then_branch="then_subgraph_index", else_branch="else_subgraph_index"),
    )


def _call(operation: Operation) -> Canonical:
    names = ("subgraph", "init_subgraph_index", "decomposition_subgraph_index")
    return Canonical(_subgraphs(operation, body=next((name for name in names if name in operation.attributes), "")))


def _subgraphs(operation: Operation, **names: str) -> dict[str, Attribute]:
    """Sub-graph numbers; the file counts the main graph, `Graph.subgraphs` does not."""
    return {ours: operation.number(theirs) - 1 for ours, theirs in names.items() if operation.number(theirs) > 0}


def _hlo_concat(operation: Operation) -> Canonical:
    return Canonical({"axis": operation.number("dimension")})


def _hlo_slice(operation: Operation) -> Canonical:
    starts = operation.numbers("start_indices")
    return Canonical(
        {
            "starts": starts,
            "ends": operation.numbers("limit_indices"),
            "axes": tuple(range(len(starts))),
            "steps": operation.numbers("strides"),
        }
    )


def _hlo_pad(operation: Operation) -> Canonical:
    pads = operation.numbers("edge_padding_low") + operation.numbers("edge_padding_high")
    return Canonical({"pads": pads, "mode": "constant"}, (0, -1, 1))


def _hlo_transpose(operation: Operation) -> Canonical:
    return Canonical({"perm": operation.numbers("permutation")})


def _hlo_convolution(operation: Operation) -> Canonical:
    spatial = operation.numbers("input_spatial_dimensions")
    letters = "DHW"[-len(spatial) :] if 0 < len(spatial) <= 3 else ""
    data = _layout(operation, letters, spatial, N="input_batch_dimension", C="input_feature_dimension")
    kernel = operation.numbers("kernel_spatial_dimensions")
    weights = _layout(
        operation, letters, kernel, O="kernel_output_feature_dimension", I="kernel_input_feature_dimension"
    )
    if not data or not weights:
        return Canonical(kind="Custom")
    pairs = operation.numbers("padding")
    found: dict[str, Attribute] = {
        "strides": operation.numbers("window_strides") or (1,) * len(letters),
        "dilations": operation.numbers("rhs_dilation") or (1,) * len(letters),
        "pads": pairs[0::2] + pairs[1::2] or (0,) * (2 * len(letters)),
        "group": operation.number("feature_group_count", 1),
        "data_layout": data,
        "weight_layout": weights,
    }
    sizes = [operation.dim(1, axis) for axis in kernel]
    known = tuple([size for size in sizes if size is not None])
    return Canonical(found | ({"kernel_shape": known} if len(known) == len(sizes) else {}))


def _layout(operation: Operation, letters: str, spatial: tuple[int, ...], **others: str) -> str:
    """Axis letters in the order of the axes; empty when the numbers are no permutation."""
    places = dict(zip(spatial, letters, strict=False)) | {operation.number(n): axis for axis, n in others.items()}
    return "".join(places[axis] for axis in sorted(places)) if sorted(places) == list(range(len(letters) + 2)) else ""


def _dot_general(operation: Operation) -> Canonical:
    """A product over any axes is an `Einsum`."""
    left, right = operation.rank(0), operation.rank(1)
    if left is None or right is None or left + right > 24:
        return Canonical()
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first = [next(letters) for _ in range(left)]
    second = [""] * right
    batch = operation.numbers("lhs_batching_dimensions"), operation.numbers("rhs_batching_dimensions")
    contract = operation.numbers("lhs_contracting_dimensions"), operation.numbers("rhs_contracting_dimensions")
    for ours, theirs in (*zip(*batch, strict=False), *zip(*contract, strict=False)):
        if not (0 <= ours < left and 0 <= theirs < right):
            return Canonical()
        second[theirs] = first[ours]
    second = [letter or next(letters) for letter in second]
    shared_letters = [first[axis] for axis in batch[0]]
    rest = [letter for letter in first + second if (letter in first) != (letter in second)]
    return Canonical({"equation": f"{''.join(first)},{''.join(second)}->{''.join(shared_letters + rest)}"})


RULES: Final[Mapping[str, Rule]] = {
    "ARG_MAX": shared.arg,
    "ARG_MIN": shared.arg,
    "AVERAGE_POOL_2D": _pool,
    "BATCH_MATMUL": shared.matmul,
    "BATCH_TO_SPACE_ND": shared.blocks,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "BIDIRECTIONAL_SEQUENCE_RNN": _rnn,
    "CALL": _call,
    "CALL_ONCE": _call,
    "CAST": shared.cast,
    "CONCATENATION": _concat,
    "CONV_2D": _convolution,
    "CONV_3D": _convolution_3d,
    "CONV_3D_TRANSPOSE": _transposed_3d,
    "CUMSUM": shared.cumsum,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEPTH_TO_SPACE": _block,
    "EMBEDDING_LOOKUP": _lookup,
    "FILL": shared.fill,
    "FULLY_CONNECTED": _dense,
    "GATHER": _gather,
    "GELU": shared.gelu,
    "IF": _if,
    "L2_NORMALIZATION": lambda _operation: Canonical({"axis": -1, "p": 2}),
    "L2_POOL_2D": lambda operation: Canonical(_pool(operation).attributes | {"p": 2}),
    "LEAKY_RELU": shared.leaky,
    "LOCAL_RESPONSE_NORMALIZATION": _local_response,
    "LOG_SOFTMAX": shared.last_axis,
    "LSTM": _lstm,
    "MAX_POOL_2D": _pool,
    "MEAN": shared.reduce,
    "MIRROR_PAD": shared.pad,
    "ONE_HOT": shared.one_hot,
    "PACK": shared.pack,
    "PAD": shared.pad,
    "PADV2": shared.pad,
    "PRELU": _channel_slope,
    "QUANTIZE": shared.cast,
    "REDUCE_ALL": shared.reduce,
    "REDUCE_ANY": shared.reduce,
    "REDUCE_MAX": shared.reduce,
    "REDUCE_MIN": shared.reduce,
    "REDUCE_PROD": shared.reduce,
    "RELU6": shared.clip,
    "RELU_0_TO_1": shared.clip,
    "RELU_N1_TO_1": shared.clip,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": shared.resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": shared.resize("nearest"),
    "REVERSE_SEQUENCE": shared.reverse_sequence,
    "REVERSE_V2": shared.reverse,
    "RNN": _rnn,
    "SCATTER_ND": shared.scatter,
    "SLICE": plain_slice,
    "SOFTMAX": shared.last_axis,
    "SPACE_TO_BATCH_ND": shared.blocks,
    "SPACE_TO_DEPTH": _block,
    "SPLIT": shared.split,
    "SPLIT_V": shared.split_sizes,
    "SQUEEZE": shared.squeeze,
    "STABLEHLO_COMPOSITE": _call,
    "STABLEHLO_CONCATENATE": _hlo_concat,
    "STABLEHLO_CONVERT": shared.cast,
    "STABLEHLO_CONVOLUTION": _hlo_convolution,
    "STABLEHLO_DOT_GENERAL": _dot_general,
    "STABLEHLO_PAD": _hlo_pad,
    "STABLEHLO_SLICE": _hlo_slice,
    "STABLEHLO_TRANSPOSE": _hlo_transpose,
    "STABLEHLO_WHILE": _while,
    "STRIDED_SLICE": strided_slice,
    "SUM": shared.reduce,
    "SVDF": _svdf,
    "TRANSPOSE": shared.transpose,
    "TRANSPOSE_CONV": _transposed,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
    "UNPACK": shared.unpack,
    "WHILE": _while,
}
"""Rules by operator; those without one have no attributes in ONNX."""


def _unpool(operation: Operation) -> Canonical:
    found = _pool(operation).attributes
    return Canonical({name: found[name] for name in ("kernel_shape", "strides", "data_layout")})


def _transposed_with_bias(operation: Operation) -> Canonical:
    return Canonical(_window(operation) | _kernel(operation, 1, 1, 2) | {"weight_layout": "OHWI"})


CUSTOM_RULES: Final[Mapping[str, Rule]] = {
    "Convolution2DTransposeBias": _transposed_with_bias,
    "LiteRtMaxUnpooling2D": _unpool,
    "MaxPoolingWithArgmax2D": _pool,
    "MaxUnpooling2D": _unpool,
}
"""Rules of custom operators whose options are known."""
