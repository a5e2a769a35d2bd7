"""Caffe: layer types, and the field numbers of the parameters that matter.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto; from 200 on, and 149, those of
https://github.com/weiliu89/caffe/tree/ssd and https://github.com/dog-qiuqiu/MobileNet-Yolo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

V1_TYPES: Final[Mapping[int, str]] = {
    1: "Accuracy", 2: "BNLL", 3: "Concat", 4: "Convolution", 5: "Data", 6: "Dropout", 7: "EuclideanLoss", 8: "Flatten",
    9: "HDF5Data", 10: "HDF5Output", 11: "Im2col", 12: "ImageData", 13: "InfogainLoss", 14: "InnerProduct", 15: "LRN",
    16: "MultinomialLogisticLoss", 17: "Pooling", 18: "ReLU", 19: "Sigmoid", 20: "Softmax", 21: "SoftmaxWithLoss",
    22: "Split", 23: "TanH", 24: "WindowData", 25: "Eltwise", 26: "Power", 27: "SigmoidCrossEntropyLoss",
    28: "HingeLoss", 29: "MemoryData", 30: "ArgMax", 31: "Threshold", 32: "DummyData", 33: "Slice", 34: "MVN",
    35: "AbsVal", 36: "Silence", 37: "ContrastiveLoss", 38: "Exp", 39: "Deconvolution",
}  # fmt: skip
"""`V1LayerParameter.LayerType` in the spelling of today."""
V1_NAMES: Final[Mapping[str, str]] = {
    name: V1_TYPES[code]
    for name, code in {
        "ABSVAL": 35, "ACCURACY": 1, "ARGMAX": 30, "BNLL": 2, "CONCAT": 3, "CONVOLUTION": 4, "DATA": 5,
        "DECONVOLUTION": 39, "DROPOUT": 6, "DUMMY_DATA": 32, "ELTWISE": 25, "EXP": 38, "FLATTEN": 8, "HDF5_DATA": 9,
        "IMAGE_DATA": 12, "INNER_PRODUCT": 14, "LRN": 15, "MEMORY_DATA": 29, "MVN": 34, "POOLING": 17, "POWER": 26,
        "RELU": 18, "SIGMOID": 19, "SILENCE": 36, "SLICE": 33, "SOFTMAX": 20, "SOFTMAX_LOSS": 21, "SPLIT": 22,
        "TANH": 23, "THRESHOLD": 31, "WINDOW_DATA": 24,
    }.items()
}  # fmt: skip

POOLS: Final = ("MAX", "AVE", "STOCHASTIC")
OPERATIONS: Final = ("PROD", "SUM", "MAX")
REDUCTIONS: Final = ("", "SUM", "ASUM", "SUMSQ", "MEAN")
ROUNDINGS: Final = ("CEIL", "FLOOR")
_CONVOLUTION: Final = {
    1: "num_output", 2: "bias_term", 3: "pad", 4: "kernel_size", 5: "group", 6: "stride", 9: "pad_h", 10: "pad_w",
    11: "kernel_h", 12: "kernel_w", 13: "stride_h", 14: "stride_w", 16: "axis", 18: "dilation",
}  # fmt: skip
_POOLING: Final = {
    1: "pool", 2: "kernel_size", 3: "stride", 4: "pad", 5: "kernel_h", 6: "kernel_w", 7: "stride_h", 8: "stride_w",
    9: "pad_h", 10: "pad_w", 12: "global_pooling", 13: "round_mode",
}  # fmt: skip
_INNER_PRODUCT: Final = {1: "num_output", 2: "bias_term", 5: "axis", 6: "transpose"}
_LRN: Final = {1: "local_size", 2: "alpha", 3: "beta", 4: "norm_region", 5: "k"}
_CONCAT: Final = {1: "concat_dim", 2: "axis"}
_ELTWISE: Final = {1: "operation", 2: "coeff"}
_SLICE: Final = {1: "slice_dim", 2: "slice_point", 3: "axis"}
PARAMETERS: Final[Mapping[int, Mapping[int, str]]] = {
    103: {2: "top_k", 3: "axis"},
    104: _CONCAT,
    106: _CONVOLUTION,
    108: {1: "dropout_ratio"},
    110: _ELTWISE,
    117: _INNER_PRODUCT,
    118: _LRN,
    121: _POOLING,
    122: {1: "power", 2: "scale", 3: "shift"},
    123: {1: "negative_slope"},
    125: {2: "axis"},
    126: _SLICE,
    133: {1: "shape", 2: "axis", 3: "num_axes"},
    135: {1: "axis", 2: "end_axis"},
    136: {1: "reduction", 2: "axis"},
    137: {1: "num_output", 2: "input_dim", 3: "bias_term"},
    138: {1: "axis", 2: "tiles"},
    139: {1: "use_global_stats", 2: "moving_average_fraction", 3: "eps"},
    140: {1: "alpha"},
    141: {1: "axis", 2: "num_axes"},
    142: {1: "axis", 2: "num_axes", 4: "bias_term"},
    144: {1: "axis", 2: "offset"},
    145: {1: "shape"},
    146: {1: "num_output"},
    148: {1: "min", 2: "max"},
    149: {1: "scale"},
    202: {1: "order"},
    203: {1: "min_size", 2: "max_size", 3: "aspect_ratio", 4: "flip"},
    204: {1: "num_classes", 7: "keep_top_k"},
}
"""Fields of `LayerParameter` → fields of that parameter message."""
V1_PARAMETERS: Final[Mapping[int, Mapping[int, str]]] = {
    9: _CONCAT,
    10: _CONVOLUTION,
    12: {1: "dropout_ratio"},
    17: _INNER_PRODUCT,
    18: _LRN,
    19: _POOLING,
    24: _ELTWISE,
    31: _SLICE,
}
"""Fields of `V1LayerParameter` likewise."""
