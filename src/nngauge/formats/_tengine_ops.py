"""Operator numbers of tmfile version 2, in order from 0.

https://github.com/OAID/Tengine/blob/tengine-lite/source/serializer/tmfile/tm2_format.h
"""

from __future__ import annotations

# fmt: off
OP_NAMES = (
    "Accuracy", "BatchNormalization", "BilinearResize", "Concat", "Const", "Convolution", "Deconvolution",
    "DetectionOutput", "DropOut", "Eltwise", "Flatten", "FullyConnected", "INPUT", "LRN", "Normalize", "Permute",
    "Pooling", "Prelu", "PriorBox", "Region", "ReLU", "ReLU6", "Reorg", "Reshape", "RoiPooling", "RPN", "Scale",
    "Slice", "SoftMax", "Split", "DetectionPostProcess", "Gemm", "Generic", "Logistic", "LSTM", "RNN", "TanH",
    "Sigmoid", "Squeeze", "FusedbnScaleRelu", "Pad", "StridedSlice", "ArgMax", "ArgMin", "TopKV2", "Reduction", "Max",
    "Min", "GRU", "Addn", "SwapAxis", "Upsample", "SpaceToBatchND", "BatchToSpaceND", "Resize", "ShuffleChannel",
    "Crop", "ROIAlign", "Psroipooling", "Unary", "Expanddims", "Bias", "Noop", "Threshold", "Hardsigmoid", "Embed",
    "InstanceNorm", "MVN", "Absval", "Cast", "HardSwish", "Interp", "SELU", "ELU", "BroadMul", "Logical", "Gather",
    "Transpose", "Comparison", "SpaceToDepth", "DepthToSpace", "Reverse", "SparseToDense", "Ceil",
    "SquaredDifference", "Round", "ZerosLike", "Clip", "Unsqueeze", "ReduceL2", "Mean", "MatMul", "Expand", "Scatter",
    "Shape", "Where", "Tile", "Mish", "L2Pool", "LogSoftmax", "ReLU1", "L2Normalization", "PackModel", "Num",
)
