"""TensorFlow operators and their ONNX counterparts, names of their outputs, element types.

Types: `DataType` in https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute, DType
from nngauge.formats.vocabulary._tensorflow_rules import RULES

__all__ = ["CONTROL", "COUNTS", "ELEMENT_SHAPES", "KINDS", "PORTS", "RULES", "dtype", "named_dtype", "result_type"]

_DTYPES: Final = (
    DType.UNKNOWN, DType.FLOAT32, DType.FLOAT64, DType.INT32, DType.UINT8, DType.INT16, DType.INT8, DType.STRING,
    DType.COMPLEX64, DType.INT64, DType.BOOL, DType.INT8, DType.UINT8, DType.INT32, DType.BFLOAT16, DType.INT16,
    DType.UINT16, DType.UINT16, DType.COMPLEX128, DType.FLOAT16, DType.RESOURCE, DType.VARIANT, DType.UINT32,
    DType.UINT64, DType.FLOAT8_E5M2, DType.FLOAT8_E4M3, DType.FLOAT8_E4M3, DType.FLOAT8_E4M3, DType.FLOAT8_E5M2,
    DType.INT4, DType.UINT4, DType.INT2, DType.UINT2,
)  # fmt: skip
_REFERENCE: Final = 100
"""Added to a type to mean a reference to it (variables of TensorFlow 1)."""


def dtype(code: int) -> DType:
    """Element type by `DataType` number."""
    plain = code - _REFERENCE if code > _REFERENCE else code
    return _DTYPES[plain] if 0 <= plain < len(_DTYPES) else DType.UNKNOWN


_NAMES: Final = (
    "INVALID", "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL", "QINT8",
    "QUINT8", "QINT32", "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF", "RESOURCE", "VARIANT",
    "UINT32", "UINT64", "FLOAT8_E5M2", "FLOAT8_E4M3FN",
)  # fmt: skip


def named_dtype(name: str) -> DType:
    """Element type by its name in the text and JSON forms, ``DT_FLOAT``."""
    plain = name.removeprefix("DT_").removesuffix("_REF")
    return _DTYPES[_NAMES.index(plain)] if plain in _NAMES else DType.UNKNOWN


_BOOLEANS: Final = frozenset(
    {
        "All", "Any", "Equal", "Greater", "GreaterEqual", "IsInf", "IsNan", "Less", "LessEqual", "LogicalAnd",
        "LogicalNot", "LogicalOr", "LogicalXor", "NotEqual", "StaticRegexFullMatch",
    }
)  # fmt: skip
_TYPED_BY: Final[Mapping[str, str]] = {
    "ArgMax": "output_type", "ArgMin": "output_type", "Cast": "DstT", "Gather": "Tparams", "GatherNd": "Tparams",
    "GatherV2": "Tparams", "Shape": "out_type", "ShapeN": "out_type", "Size": "out_type", "TensorListStack":
    "element_dtype", "TensorListGetItem": "element_dtype",
}  # fmt: skip
_FIXED: Final[Mapping[str, DType]] = {
    "Rank": DType.INT32, "Where": DType.INT64, "TensorListReserve": DType.VARIANT, "TensorListFromTensor":
    DType.VARIANT, "TensorListSetItem": DType.VARIANT, "StringJoin": DType.STRING, "ShardedFilename": DType.STRING,
}  # fmt: skip
_DEFAULTS: Final[Mapping[str, DType]] = {
    "ArgMax": DType.INT64, "ArgMin": DType.INT64, "Shape": DType.INT32, "ShapeN": DType.INT32, "Size": DType.INT32,
}  # fmt: skip
"""Where the argument that says the type may be left out."""
_LISTED: Final = ("Tout", "T", "dtypes", "output_types")
_INDEX_OUTPUTS: Final[Mapping[str, DType]] = {"TopKV2": DType.INT32, "TopK": DType.INT32, "Unique": DType.INT32}


def result_type(op: str, attributes: Mapping[str, Attribute], port: int) -> DType:
    """Element type of an output, from the type arguments of the operator."""
    if op in _BOOLEANS:
        return DType.BOOL
    if op in _FIXED:
        return _FIXED[op]
    if port and op in _INDEX_OUTPUTS:
        return _INDEX_OUTPUTS[op]
    if op in _DEFAULTS:
        return _BY_VALUE.get(str(attributes.get(_TYPED_BY[op])), _DEFAULTS[op])
    for name in (_TYPED_BY.get(op, "dtype"), *_LISTED):
        kind = attributes.get(name)
        if isinstance(kind, tuple):
            kind = kind[port] if port < len(kind) else None
        if isinstance(kind, str) and kind in _BY_VALUE:
            return _BY_VALUE[kind]
    return DType.UNKNOWN


_BY_VALUE: Final = {kind.value: kind for kind in DType}
CONTROL: Final[Mapping[str, Mapping[str, str]]] = {
    "If": {"then_branch": "then_branch", "else_branch": "else_branch"},
    "PartitionedCall": {"f": "body"},
    "RemoteCall": {"f": "body"},
    "StatefulPartitionedCall": {"f": "body"},
    "StatelessIf": {"then_branch": "then_branch", "else_branch": "else_branch"},
    "StatelessWhile": {"cond": "cond", "body": "body"},
    "While": {"cond": "cond", "body": "body"},
}
"""Operators that run functions: their argument → our attribute."""
COUNTS: Final[Mapping[str, str | int]] = {
    "Split": "num_split", "SplitV": "num_split", "TopK": 2, "TopKV2": 2, "Unique": 2, "Unpack": "num",
    "NonMaxSuppressionV4": 2, "NonMaxSuppressionV5": 3, "CombinedNonMaxSuppression": 4, "MaxPoolWithArgmax": 2,
}  # fmt: skip
"""How many outputs an operator has, or the argument that says so."""
ELEMENT_SHAPES: Final[Mapping[str, int]] = {"TensorListGetItem": 2, "TensorListPopBack": 1, "TensorListStack": 1}
"""Which input of a list operator is the shape of an element."""
_NORM_PORTS: Final = ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3")
PORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "BlockLSTM": ("i", "cs", "f", "o", "ci", "co", "h"),
    "BlockLSTMV2": ("i", "cs", "f", "o", "ci", "co", "h"),
    "CombinedNonMaxSuppression": ("nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"),
    "CTCGreedyDecoder": ("decoded_indices", "decoded_values", "decoded_shape", "log_probability"),
    "FusedBatchNorm": _NORM_PORTS,
    "FusedBatchNormV2": _NORM_PORTS,
    "FusedBatchNormV3": _NORM_PORTS,
    "LSTMBlockCell": ("i", "cs", "f", "o", "ci", "co", "h"),
    "MaxPoolWithArgmax": ("output", "argmax"),
    "Merge": ("output", "value_index"),
    "NonMaxSuppressionV4": ("selected_indices", "valid_outputs"),
    "NonMaxSuppressionV5": ("selected_indices", "selected_scores", "valid_outputs"),
    "Switch": ("output_false", "output_true"),
    "TopK": ("values", "indices"),
    "TopKV2": ("values", "indices"),
    "Unique": ("y", "idx"),
    "UniqueV2": ("y", "idx"),
    "UniqueWithCounts": ("y", "idx", "count"),
}
"""Names of the outputs, of operators that have several single ones; functions refer to them."""

KINDS: Final[Mapping[str, str]] = {
    "Abs": "Abs",
    "Acos": "Acos",
    "Acosh": "Acosh",
    "Add": "Add",
    "AddN": "Sum",
    "AddV2": "Add",
    "All": "ReduceMin",
    "Any": "ReduceMax",
    "ArgMax": "ArgMax",
    "ArgMin": "ArgMin",
    "Asin": "Asin",
    "Asinh": "Asinh",
    "Assert": "NoOp",
    "Assign": "Assign",
    "AssignAdd": "Assign",
    "AssignAddVariableOp": "Assign",
    "AssignSub": "Assign",
    "AssignSubVariableOp": "Assign",
    "AssignVariableOp": "Assign",
    "Atan": "Atan",
    "Atan2": "Atan2",
    "Atanh": "Atanh",
    "AudioSpectrogram": "Spectrogram",
    "AvgPool": "AveragePool",
    "AvgPool3D": "AveragePool",
    "BatchMatMul": "MatMul",
    "BatchMatMulV2": "MatMul",
    "BatchMatMulV3": "MatMul",
    "BatchToSpaceND": "BatchToSpace",
    "BiasAdd": "Add",
    "BiasAddV1": "Add",
    "BitwiseAnd": "BitwiseAnd",
    "BitwiseOr": "BitwiseOr",
    "BitwiseXor": "BitwiseXor",
    "BlockLSTM": "LSTM",
    "BlockLSTMV2": "LSTM",
    "BroadcastTo": "Expand",
    "Cast": "Cast",
    "Ceil": "Ceil",
    "CheckNumerics": "Identity",
    "ClipByValue": "Clip",
    "CombinedNonMaxSuppression": "NonMaxSuppression",
    "Concat": "Concat",
    "ConcatV2": "Concat",
    "Const": "Constant",
    "Conv1D": "Conv",
    "Conv2D": "Conv",
    "Conv2DBackpropInput": "ConvTranspose",
    "Conv3D": "Conv",
    "Conv3DBackpropInputV2": "ConvTranspose",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "CropAndResize": "RoiAlign",
    "Cumsum": "CumSum",
    "DepthToSpace": "DepthToSpace",
    "DepthwiseConv2dNative": "Conv",
    "Dequantize": "DequantizeLinear",
    "Det": "Det",
    "Div": "Div",
    "DivNoNan": "Div",
    "Einsum": "Einsum",
    "Elu": "Elu",
    "EmptyTensorList": "SequenceEmpty",
    "EnsureShape": "Identity",
    "Enter": "Identity",
    "Equal": "Equal",
    "Erf": "Erf",
    "Erfc": "Erfc",
    "Exit": "Identity",
    "Exp": "Exp",
    "ExpandDims": "Unsqueeze",
    "Expm1": "Expm1",
    "FFT": "DFT",
    "FakeQuantWithMinMaxArgs": "Identity",
    "FakeQuantWithMinMaxVars": "Identity",
    "FakeQuantWithMinMaxVarsPerChannel": "Identity",
    "Fill": "Expand",
    "Floor": "Floor",
    "FloorDiv": "FloorDiv",
    "FloorMod": "Mod",
    "FusedBatchNorm": "BatchNormalization",
    "FusedBatchNormV2": "BatchNormalization",
    "FusedBatchNormV3": "BatchNormalization",
    "FusedDepthwiseConv2dNative": "Conv",
    "Gather": "Gather",
    "GatherNd": "GatherND",
    "GatherV2": "Gather",
    "Gelu": "Gelu",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "HardSwish": "HardSwish",
    "IFFT": "DFT",
    "IRFFT": "DFT",
    "Identity": "Identity",
    "IdentityN": "Identity",
    "If": "If",
    "Inv": "Reciprocal",
    "Invert": "BitwiseNot",
    "IsInf": "IsInf",
    "IsNan": "IsNaN",
    "LRN": "LRN",
    "LeakyRelu": "LeakyRelu",
    "LeftShift": "BitShift",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Log": "Log",
    "Log1p": "Log1p",
    "LogSoftmax": "LogSoftmax",
    "LogicalAnd": "And",
    "LogicalNot": "Not",
    "LogicalOr": "Or",
    "LogicalXor": "Xor",
    "LoopCond": "Identity",
    "MatMul": "MatMul",
    "MatrixDeterminant": "Det",
    "Max": "ReduceMax",
    "MaxPool": "MaxPool",
    "MaxPool3D": "MaxPool",
    "MaxPoolV2": "MaxPool",
    "MaxPoolWithArgmax": "MaxPool",
    "Maximum": "Max",
    "Mean": "ReduceMean",
    "MergeV2Checkpoints": "Checkpoint",
    "Min": "ReduceMin",
    "Minimum": "Min",
    "MirrorPad": "Pad",
    "Mod": "Mod",
    "Mul": "Mul",
    "Multinomial": "Multinomial",
    "Neg": "Neg",
    "NextIteration": "Identity",
    "NoOp": "NoOp",
    "NonMaxSuppressionV2": "NonMaxSuppression",
    "NonMaxSuppressionV3": "NonMaxSuppression",
    "NonMaxSuppressionV4": "NonMaxSuppression",
    "NonMaxSuppressionV5": "NonMaxSuppression",
    "NotEqual": "NotEqual",
    "OneHot": "OneHot",
    "Pack": "Concat",
    "Pad": "Pad",
    "PadV2": "Pad",
    "PartitionedCall": "Call",
    "Placeholder": "Input",
    "PlaceholderV2": "Input",
    "PlaceholderWithDefault": "Input",
    "Pow": "Pow",
    "Prelu": "PRelu",
    "PreventGradient": "Identity",
    "Prod": "ReduceProd",
    "QuantizeV2": "QuantizeLinear",
    "RFFT": "DFT",
    "RandomStandardNormal": "RandomNormal",
    "RandomUniform": "RandomUniform",
    "Range": "Range",
    "Rank": "Rank",
    "ReadVariableOp": "Variable",
    "RealDiv": "Div",
    "Reciprocal": "Reciprocal",
    "RefSwitch": "Identity",
    "RegexFullMatch": "RegexFullMatch",
    "Relu": "Relu",
    "Relu6": "Clip",
    "RemoteCall": "Call",
    "Reshape": "Reshape",
    "ResizeBicubic": "Resize",
    "ResizeBilinear": "Resize",
    "ResizeNearestNeighbor": "Resize",
    "ResourceGather": "Gather",
    "Restore": "Checkpoint",
    "RestoreSlice": "Checkpoint",
    "RestoreV2": "Checkpoint",
    "Reverse": "Reverse",
    "ReverseSequence": "ReverseSequence",
    "ReverseV2": "Reverse",
    "RightShift": "BitShift",
    "Rint": "Round",
    "Round": "Round",
    "Rsqrt": "Rsqrt",
    "Save": "Checkpoint",
    "SaveSlices": "Checkpoint",
    "SaveV2": "Checkpoint",
    "ScatterNd": "ScatterND",
    "Select": "Where",
    "SelectV2": "Where",
    "Selu": "Selu",
    "Shape": "Shape",
    "ShapeN": "Shape",
    "ShardedFilename": "Checkpoint",
    "Sigmoid": "Sigmoid",
    "Sign": "Sign",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Size": "Size",
    "Slice": "Slice",
    "Snapshot": "Identity",
    "Softmax": "Softmax",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "SpaceToBatchND": "SpaceToBatch",
    "SpaceToDepth": "SpaceToDepth",
    "Split": "Split",
    "SplitV": "Split",
    "Sqrt": "Sqrt",
    "Square": "Square",
    "SquaredDifference": "SquaredDifference",
    "Squeeze": "Squeeze",
    "StatefulPartitionedCall": "Call",
    "StatelessIf": "If",
    "StatelessWhile": "Loop",
    "StaticRegexFullMatch": "RegexFullMatch",
    "StopGradient": "Identity",
    "StridedSlice": "Slice",
    "StringJoin": "StringConcat",
    "StringSplit": "StringSplit",
    "StringSplitV2": "StringSplit",
    "Sub": "Sub",
    "Sum": "ReduceSum",
    "Switch": "Identity",
    "Tan": "Tan",
    "Tanh": "Tanh",
    "TensorListFromTensor": "SplitToSequence",
    "TensorListGetItem": "SequenceAt",
    "TensorListLength": "SequenceLength",
    "TensorListPushBack": "SequenceInsert",
    "TensorListReserve": "SequenceEmpty",
    "TensorListSetItem": "SequenceInsert",
    "TensorListStack": "ConcatFromSequence",
    "TensorScatterUpdate": "ScatterND",
    "Tile": "Tile",
    "TopK": "TopK",
    "TopKV2": "TopK",
    "Transpose": "Transpose",
    "TruncateDiv": "Div",
    "Unique": "Unique",
    "UniqueV2": "Unique",
    "Unpack": "Split",
    "VarHandleOp": "Variable",
    "Variable": "Variable",
    "VariableV2": "Variable",
    "Where": "NonZero",
    "While": "Loop",
    "ZerosLike": "ZerosLike",
    "_FusedBatchNormEx": "BatchNormalization",
    "_FusedConv2D": "Conv",
    "_FusedMatMul": "Gemm",
}
"""ONNX operator by TensorFlow operator, or our own name (docs/operators.md)."""
