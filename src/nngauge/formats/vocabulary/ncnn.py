"""ncnn: layer types by index, ONNX counterparts and parameter names.

Indices are the order of `ncnn_add_layer` in https://github.com/Tencent/ncnn/blob/master/src/CMakeLists.txt, which
only grows at the end; parameter numbers from `load_param` of each layer in `src/layer`, described in
https://github.com/Tencent/ncnn/wiki/operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LAYERS: Final[tuple[str, ...]] = tuple(
    """
AbsVal ArgMax BatchNorm Bias BNLL Concat Convolution Crop Deconvolution Dropout Eltwise ELU Embed Exp Flatten
InnerProduct Input Log LRN MemoryData MVN Pooling Power PReLU Proposal Reduction ReLU Reshape ROIPooling Scale Sigmoid
Slice Softmax Split SPP TanH Threshold Tile RNN LSTM BinaryOp UnaryOp ConvolutionDepthWise Padding Squeeze ExpandDims
Normalize Permute PriorBox DetectionOutput Interp DeconvolutionDepthWise ShuffleChannel InstanceNorm Clip Reorg
YoloDetectionOutput Quantize Dequantize Yolov3DetectionOutput PSROIPooling ROIAlign Packing Requantize Cast HardSigmoid
SELU HardSwish Noop PixelShuffle DeepCopy Mish StatisticsPooling Swish Gemm GroupNorm LayerNorm Softplus GRU
MultiHeadAttention GELU Convolution1D Pooling1D ConvolutionDepthWise1D Convolution3D ConvolutionDepthWise3D Pooling3D
MatMul Deconvolution1D DeconvolutionDepthWise1D Deconvolution3D DeconvolutionDepthWise3D Einsum DeformableConv2D GLU
Fold Unfold GridSample CumulativeSum CopyTo Erf Diag CELU Shrink RMSNorm Spectrogram InverseSpectrogram Flip SDPA
RotaryEmbed
""".split()  # noqa: SIM905  (one wrapped text instead of 110 quoted words)
)

KINDS: Final[Mapping[str, str]] = {
    "AbsVal": "Abs",
    "ArgMax": "ArgMax",
    "BatchNorm": "BatchNormalization",
    "Bias": "Add",
    "CELU": "Celu",
    "Cast": "Cast",
    "Clip": "Clip",
    "Concat": "Concat",
    "Convolution": "Conv",
    "Convolution1D": "Conv",
    "Convolution3D": "Conv",
    "ConvolutionDepthWise": "Conv",
    "ConvolutionDepthWise1D": "Conv",
    "ConvolutionDepthWise3D": "Conv",
    "Crop": "Slice",
    "CumulativeSum": "CumSum",
    "Deconvolution": "ConvTranspose",
    "Deconvolution1D": "ConvTranspose",
    "Deconvolution3D": "ConvTranspose",
    "DeconvolutionDepthWise": "ConvTranspose",
    "DeconvolutionDepthWise1D": "ConvTranspose",
    "DeconvolutionDepthWise3D": "ConvTranspose",
    "DeformableConv2D": "DeformConv",
    "Dequantize": "DequantizeLinear",
    "Dropout": "Dropout",
    "ELU": "Elu",
    "Einsum": "Einsum",
    "Embed": "Gather",
    "Erf": "Erf",
    "Exp": "Exp",
    "ExpandDims": "Unsqueeze",
    "Flatten": "Flatten",
    "Fold": "Col2Im",
    "GELU": "Gelu",
    "GRU": "GRU",
    "Gemm": "Gemm",
    "GridSample": "GridSample",
    "GroupNorm": "GroupNormalization",
    "HardSigmoid": "HardSigmoid",
    "HardSwish": "HardSwish",
    "InnerProduct": "Gemm",
    "InstanceNorm": "InstanceNormalization",
    "Interp": "Resize",
    "LRN": "LRN",
    "LSTM": "LSTM",
    "LayerNorm": "LayerNormalization",
    "Log": "Log",
    "MVN": "MeanVarianceNormalization",
    "MatMul": "MatMul",
    "MemoryData": "Constant",
    "Mish": "Mish",
    "MultiHeadAttention": "Attention",
    "Noop": "Identity",
    "Normalize": "LpNormalization",
    "PReLU": "PRelu",
    "Padding": "Pad",
    "Permute": "Transpose",
    "PixelShuffle": "DepthToSpace",
    "Power": "Pow",
    "Quantize": "QuantizeLinear",
    "RMSNorm": "RMSNormalization",
    "RNN": "RNN",
    "ROIAlign": "RoiAlign",
    "ROIPooling": "MaxRoiPool",
    "ReLU": "Relu",
    "Reorg": "SpaceToDepth",
    "Reshape": "Reshape",
    "RotaryEmbed": "RotaryEmbedding",
    "SDPA": "Attention",
    "SELU": "Selu",
    "Scale": "Mul",
    "Shrink": "Shrink",
    "Sigmoid": "Sigmoid",
    "Slice": "Split",
    "Softmax": "Softmax",
    "Softplus": "Softplus",
    "Spectrogram": "STFT",
    "Split": "Identity",
    "Squeeze": "Squeeze",
    "Swish": "Swish",
    "TanH": "Tanh",
    "Tile": "Tile",
}

VARIANTS: Final[Mapping[str, tuple[str | None, ...]]] = {
    "BinaryOp": ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sub", "Div", "Pow", None, None),
    "Eltwise": ("Mul", "Add", "Max"),
    "Pooling": ("MaxPool", "AveragePool"),
    "Pooling1D": ("MaxPool", "AveragePool"),
    "Pooling3D": ("MaxPool", "AveragePool"),
    "Reduction": (
        "ReduceSum", None, "ReduceSumSquare", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
        "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    ),
    "UnaryOp": (
        "Abs", "Neg", "Floor", "Ceil", "Mul", "Sqrt", None, "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan",
        "Reciprocal", "Tanh", None, "Round", None,
    ),
}  # fmt: skip
"""Layers whose parameter 0 chooses the operation."""

_WINDOW: Final = {
    1: "kernel_w", 11: "kernel_h", 21: "kernel_d", 2: "dilation_w", 12: "dilation_h", 22: "dilation_d", 3: "stride_w",
    13: "stride_h", 23: "stride_d", 4: "pad_left", 14: "pad_top", 15: "pad_right", 16: "pad_bottom",
}  # fmt: skip
_CONVOLUTION: Final = {
    **_WINDOW, 0: "num_output", 5: "bias_term", 6: "weight_data_size", 7: "group", 8: "int8_scale_term",
    9: "activation_type", 10: "activation_params", 19: "dynamic_weight",
}  # fmt: skip
_DECONVOLUTION: Final = {
    **_CONVOLUTION, 18: "output_pad_right", 19: "output_pad_bottom", 20: "output_w", 21: "output_h",
    28: "dynamic_weight",
}  # fmt: skip
_POOLING: Final = {
    0: "pooling_type", 1: "kernel_w", 11: "kernel_h", 21: "kernel_d", 2: "stride_w", 12: "stride_h", 22: "stride_d",
    3: "pad_left", 13: "pad_top", 14: "pad_right", 15: "pad_bottom", 4: "global_pooling", 5: "pad_mode",
    6: "avgpool_count_include_pad", 7: "adaptive_pooling", 8: "out_w", 18: "out_h",
}  # fmt: skip
_RECURRENT: Final = {0: "num_output", 1: "weight_data_size", 2: "direction", 3: "hidden_size", 8: "int8_scale_term"}
PARAMETERS: Final[Mapping[str, Mapping[int, str]]] = {
    "BatchNorm": {0: "channels", 1: "eps"},
    "BinaryOp": {0: "op_type", 1: "with_scalar", 2: "b"},
    "Concat": {0: "axis"},
    "Convolution": _CONVOLUTION,
    "Convolution1D": _CONVOLUTION,
    "Convolution3D": _CONVOLUTION,
    "ConvolutionDepthWise": _CONVOLUTION,
    "ConvolutionDepthWise1D": _CONVOLUTION,
    "ConvolutionDepthWise3D": _CONVOLUTION,
    "Deconvolution": _DECONVOLUTION,
    "Deconvolution1D": _DECONVOLUTION,
    "Deconvolution3D": _DECONVOLUTION,
    "DeconvolutionDepthWise": _DECONVOLUTION,
    "DeconvolutionDepthWise1D": _DECONVOLUTION,
    "DeconvolutionDepthWise3D": _DECONVOLUTION,
    "DeformableConv2D": _CONVOLUTION,
    "Eltwise": {0: "op_type", 1: "coeffs"},
    "Embed": {0: "num_output", 1: "input_dim", 2: "bias_term", 3: "weight_data_size"},
    "GRU": _RECURRENT,
    "Gemm": {
        0: "alpha", 1: "beta", 2: "transA", 3: "transB", 4: "constantA", 5: "constantB", 6: "constantC",
        7: "constantM", 8: "constantN", 9: "constantK", 10: "constant_broadcast_type_C", 18: "quantize_term",
    },
    "GroupNorm": {0: "group", 1: "channels", 2: "eps", 3: "affine"},
    "InnerProduct": {
        0: "num_output", 1: "bias_term", 2: "weight_data_size", 8: "int8_scale_term", 9: "activation_type",
        10: "activation_params",
    },
    "InstanceNorm": {0: "channels", 1: "eps", 2: "affine"},
    "Interp": {0: "resize_type", 1: "height_scale", 2: "width_scale", 3: "output_height", 4: "output_width"},
    "LSTM": _RECURRENT,
    "LayerNorm": {0: "affine_size", 1: "eps", 2: "affine"},
    "MultiHeadAttention": {
        0: "embed_dim", 1: "num_heads", 2: "weight_data_size", 3: "kdim", 4: "vdim", 5: "attn_mask", 6: "scale",
        7: "kv_cache", 18: "quantize_term",
    },
    "PReLU": {0: "num_slope"},
    "Permute": {0: "order_type"},
    "Pooling": _POOLING,
    "Pooling1D": _POOLING,
    "Pooling3D": _POOLING,
    "RMSNorm": {0: "affine_size", 1: "eps", 2: "affine"},
    "RNN": _RECURRENT,
    "ReLU": {0: "slope"},
    "Reshape": {0: "w", 1: "h", 11: "d", 2: "c"},
    "Scale": {0: "scale_data_size", 1: "bias_term"},
    "ShuffleChannel": {0: "group", 1: "reverse"},
    "Slice": {0: "slices", 1: "axis"},
    "Softmax": {0: "axis"},
}  # fmt: skip
"""Names of the parameters by layer; others keep their number."""
