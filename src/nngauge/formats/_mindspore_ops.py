"""Members of MindSpore Lite's `PrimitiveType` union in ops.fbs of schema version MSL2.

https://gitee.com/mindspore/mindspore-lite/blob/master/mindspore-lite/schema/ops.fbs
"""

from __future__ import annotations

# fmt: off
OP_NAMES = {
    1: "Abs", 2: "Activation", 3: "ActivationGrad", 4: "Adam", 5: "AddFusion", 6: "AdderFusion", 7: "AddGrad",
    8: "AddN", 9: "All", 10: "ApplyMomentum", 11: "ArgMaxFusion", 12: "ArgMinFusion", 13: "Assert", 14: "Assign",
    15: "AssignAdd", 16: "AudioSpectrogram", 17: "AvgPoolFusion", 18: "AvgPoolGrad", 19: "BatchNorm",
    20: "BatchNormGrad", 21: "BatchToSpace", 22: "BatchToSpaceND", 23: "BiasAdd", 24: "BinaryCrossEntropy",
    25: "BinaryCrossEntropyGrad", 26: "BiasAddGrad", 27: "BroadcastTo", 28: "Cast", 29: "Ceil", 30: "Clip",
    31: "Concat", 32: "Attention", 33: "Conv2DBackpropFilterFusion", 34: "Conv2DBackpropInputFusion",
    35: "Conv2DFusion", 36: "Conv2dTransposeFusion", 37: "Cos", 38: "ConstantOfShape", 39: "Crop",
    40: "CustomExtractFeatures", 41: "CustomNormalize", 42: "CustomPredict", 43: "DeConv2DGradFilter", 44: "Depend",
    45: "DepthToSpace", 46: "DetectionPostProcess", 47: "DivFusion", 48: "DivGrad", 49: "Dropout", 50: "DropoutGrad",
    51: "Elu", 52: "Eltwise", 53: "Equal", 54: "EmbeddingLookupFusion", 55: "ExpFusion", 56: "ExpandDims",
    57: "FakeQuantWithMinMaxVars", 58: "FakeQuantWithMinMaxVarsPerChannel", 59: "FftReal", 60: "FftImag",
    61: "Flatten", 62: "FlattenGrad", 63: "Floor", 64: "FloorDiv", 65: "FloorMod", 66: "Fill", 67: "FullConnection",
    68: "FusedBatchNorm", 69: "Gather", 70: "GatherNd", 71: "Greater", 72: "GreaterEqual", 73: "HashtableLookup",
    74: "InstanceNorm", 75: "LayerNormFusion", 76: "LeakyRelu", 77: "Less", 78: "LessEqual", 79: "Log", 80: "LogGrad",
    81: "LogicalAnd", 82: "LogicalNot", 83: "LogicalOr", 84: "LpNormalization", 85: "LRN", 86: "LshProjection",
    87: "LSTM", 88: "L2NormalizeFusion", 89: "MatMulFusion", 90: "Maximum", 91: "MaximumGrad", 92: "MaxPoolFusion",
    93: "MaxPoolGrad", 94: "SwitchLayer", 95: "Mfcc", 96: "Minimum", 97: "MinimumGrad", 98: "Mod", 99: "MulFusion",
    100: "MulGrad", 101: "Neg", 102: "NegGrad", 103: "NotEqual", 104: "NonMaxSuppression", 105: "OneHot",
    106: "OnesLike", 107: "PadFusion", 108: "PartialFusion", 109: "PowerGrad", 110: "PowFusion", 111: "PriorBox",
    112: "PReLUFusion", 113: "QuantDTypeCast", 114: "Rank", 115: "Range", 116: "Reciprocal", 117: "RealDiv",
    118: "ReduceFusion", 119: "Reshape", 120: "Resize", 121: "ReverseSequence", 122: "ReverseV2", 123: "Rfft",
    124: "ROIPooling", 125: "Round", 126: "Rsqrt", 127: "ScaleFusion", 128: "ScatterNd", 129: "SGD", 130: "Shape",
    131: "SigmoidCrossEntropyWithLogits", 132: "SigmoidCrossEntropyWithLogitsGrad", 133: "Sin", 134: "SkipGram",
    135: "SliceFusion", 136: "SmoothL1Loss", 137: "SmoothL1LossGrad", 138: "Softmax",
    139: "SoftmaxCrossEntropyWithLogits", 140: "SpaceToBatch", 141: "SpaceToBatchND", 142: "SpaceToDepth",
    143: "SparseSoftmaxCrossEntropyWithLogits", 144: "SparseToDense", 145: "Split", 146: "Sqrt", 147: "Squeeze",
    148: "Square", 149: "SquaredDifference", 150: "Stack", 151: "StridedSlice", 152: "SubFusion", 153: "SubGrad",
    154: "Switch", 155: "TensorListFromTensor", 156: "TensorListGetItem", 157: "TensorListReserve",
    158: "TensorListSetItem", 159: "TensorListStack", 160: "TileFusion", 161: "TopKFusion", 162: "Transpose",
    163: "Unique", 164: "UnsortedSegmentSum", 165: "Unsqueeze", 166: "Unstack", 167: "LSTMGrad", 168: "Where",
    169: "ZerosLike", 170: "Select", 171: "ScatterNdUpdate", 172: "GRU", 173: "NonZero", 174: "InvertPermutation",
    175: "Size", 176: "RandomStandardNormal", 177: "CropAndResize", 178: "Erf", 179: "StridedSliceGrad",
    180: "IsFinite", 181: "LinSpace", 182: "UniformReal", 183: "AbsGrad", 184: "RsqrtGrad", 185: "SqrtGrad",
    186: "LayerNormGrad", 187: "ResizeGrad", 188: "Splice", 189: "LogSoftmax", 190: "Call", 191: "Custom",
    192: "CumSum", 193: "SplitWithOverlap", 194: "GenOP", 195: "RaggedRange", 196: "GLU", 197: "TensorArray",
    198: "TensorArrayRead", 199: "TensorArrayWrite", 200: "Affine", 201: "AllGather", 202: "ReduceScatter",
    203: "DynamicQuant", 204: "LSTMGradData", 205: "LSTMGradWeight", 206: "RandomNormal", 207: "NLLLoss",
    208: "NLLLossGrad", 209: "FormatTranspose", 210: "GatherD", 211: "GroupNormFusion", 212: "Log1p",
    213: "TensorScatterAdd", 214: "SparseFillEmptyRows", 215: "SparseReshape", 216: "SparseSegmentSum",
    217: "ScatterElements", 218: "Triu", 219: "Tril", 220: "AdamWeightDecay", 221: "FillV2",
}
