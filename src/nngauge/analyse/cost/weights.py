"""Parameters: which constants are learnt numbers, which are only shapes and scales, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nngauge.analyse.amounts import plus, times
from nngauge.analyse.cost.kernels import channel_dim, dense_depth, output_channels, per_input, per_output
from nngauge.analyse.cost.macs import recurrent_matrices
from nngauge.analyse.cost.operation import Operation, UnknownCostError, known
from nngauge.analyse.sizes import element_count
from nngauge.domain.cost import Amount
from nngauge.domain.graph import DType, Tensor

_STRUCTURE_FROM: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        (
            "Reshape",
            "Transpose",
            "Pad",
            "Slice",
            "Resize",
            "Upsample",
            "Expand",
            "Tile",
            "Split",
            "Squeeze",
            "Unsqueeze",
            "TopK",
            "OneHot",
            "GatherElements",
            "GatherND",
            "Clip",
            "CumSum",
            "Dropout",
            "ArgMax",
            "ArgMin",
            "ReduceSum",
            "ReduceMean",
            "ReduceMax",
            "ReduceMin",
            "ReduceProd",
            "ReduceL1",
            "ReduceL2",
            "ReduceLogSum",
            "ReduceLogSumExp",
            "ReduceSumSquare",
            "NonMaxSuppression",
            "ReverseSequence",
            "Trilu",
            "Crop",
            "CenterCropPad",
            "Cast",
            "STFT",
            "DFT",
            "Loop",
        ),
        1,
    ),
    **dict.fromkeys(("Range", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomUniform", "Shape", "Size", "If"), 0),
}
"""From this input on, an operator takes shapes, axes, bounds: nothing that was learnt."""
_QUANTISERS: Final[Mapping[str, frozenset[int]]] = {
    "QLinearConv": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMatMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearAdd": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QGemm": frozenset({1, 2, 4, 5, 7, 8}),
    "ConvInteger": frozenset({2, 3}),
    "MatMulInteger": frozenset({2, 3}),
    "MatMulIntegerToFloat": frozenset({2, 3, 4, 5}),
    "DynamicQuantizeMatMul": frozenset({2, 3}),
    "DynamicQuantizeLSTM": frozenset({8, 9, 10, 11}),
    "MatMulNBits": frozenset({2, 3, 4}),
    "MatMulBnb4": frozenset({2}),
    "GatherBlockQuantized": frozenset({1, 2, 3}),
    "QAttention": frozenset({3, 4, 6, 7}),
    "QuantizeLinear": frozenset({1, 2}),
    "DequantizeLinear": frozenset({1, 2}),
}
"""Inputs that hold scales and zero points: bytes of the weights, but no parameters."""
_BIASED: Final = frozenset({"Conv", "ConvTranspose", "Gemm"})
_BIAS: Final = 2
"""Last input that ONNX gives these; formats append the scales of quantised weights behind it."""
_LAST_WEIGHT: Final = 3
"""Last input at which an operator takes a quantised weight (QLinearConv, QGemm)."""
_WHOLE: Final = frozenset({DType.INT64, DType.INT32, DType.UINT64, DType.UINT32})
_FREE: Final = frozenset({DType.BOOL, DType.STRING, DType.RESOURCE, DType.VARIANT})
_NARROW: Final = frozenset(
    {DType.INT8, DType.UINT8, DType.INT4, DType.UINT4, DType.INT2, DType.UINT2, DType.INT16, DType.UINT16}
)
_VECTORS: Final[Mapping[str, int]] = {
    "BatchNormalization": 4,
    "InstanceNormalization": 2,
    "GroupNormalization": 2,
    "LayerNormalization": 2,
    "RMSNormalization": 1,
}
"""Vectors of one number a channel."""


def constants_of(operation: Operation) -> Iterator[tuple[int, Tensor]]:
    """Constant inputs that belong to the model's weights, as `(place, tensor)`: learnt numbers, and their scales."""
    kind = operation.node.kind or ""
    end = _STRUCTURE_FROM.get(kind, len(operation.node.inputs))
    if kind == "Gather":
        end = 1
    for place in range(min(end, len(operation.node.inputs))):
        tensor = operation.tensor(place)
        if tensor is not None and tensor.constant and (_is_scale(kind, place) or _is_learnt(operation, place, tensor)):
            yield place, tensor


def parameters_in(operation: Operation, place: int, tensor: Tensor) -> Amount:
    """Parameters that one constant input holds."""
    kind = operation.node.kind or ""
    if _is_scale(kind, place):
        return 0
    if kind in {"MatMulNBits", "MatMulBnb4"} and place == 1:
        rows, columns = operation.number("N"), operation.number("K")
        if rows is None or columns is None:
            raise UnknownCostError("the matrix's size is unknown")
        return rows * columns
    count = element_count(tensor)
    if count is None:
        raise UnknownCostError("the shape of a weight is unknown")
    if kind == "GatherBlockQuantized" and tensor.dtype is DType.UINT8:
        return times((count, 8 // max(1, operation.number("bits") or 4)))
    return count


def derived_parameters(operation: Operation) -> Amount:
    """Parameters by formula, for a graph whose file holds no weights (`.param`, `.prototxt`, `.cfg`)."""
    kind = operation.node.kind or ""
    if kind in {"Conv", "DeformConv"}:
        return _with_bias(operation, times((output_channels(operation), per_output(operation, 1))))
    if kind == "ConvTranspose":
        inputs = known(channel_dim(operation, operation.shape(0)), "the channels")
        return _with_bias(operation, times((inputs, per_input(operation, 0, 1))))
    if kind == "Gemm":
        return _with_bias(operation, times((output_channels(operation), dense_depth(operation, 1))))
    if kind in {"LSTM", "GRU", "RNN"}:
        return recurrent_matrices(operation)
    if kind in _VECTORS:
        channels = operation.number("channels") or channel_dim(operation, operation.shape(0))
        return times((known(channels, "the channels"), _VECTORS[kind]))
    return 0


def expects_weights(operation: Operation) -> bool:
    """Whether the operator has weights of its own that the file left out."""
    kind = operation.node.kind or ""
    if kind in _VECTORS:
        return len(operation.node.inputs) == 1 and operation.number("channels") is not None
    return kind in {"Conv", "DeformConv", "ConvTranspose", "Gemm", "LSTM", "GRU", "RNN"} and operation.tensor(1) is None


def _with_bias(operation: Operation, weights: Amount) -> Amount:
    return plus((weights, output_channels(operation))) if operation.number("bias") else weights


def _is_scale(kind: str, place: int) -> bool:
    return place in _QUANTISERS.get(kind, ()) or (kind in _BIASED and place > _BIAS)


def _is_learnt(operation: Operation, place: int, tensor: Tensor) -> bool:
    """Scalars, flags and whole numbers are not, except the 32-bit bias of a quantised layer."""
    if tensor.shape == () or tensor.dtype in _FREE:
        return False
    if tensor.dtype not in _WHOLE:
        return True
    return place >= _BIAS and any(
        other is not None and other.constant and other.dtype in _NARROW
        for other in (operation.tensor(before) for before in range(1, min(place, _LAST_WEIGHT + 1)))
    )
