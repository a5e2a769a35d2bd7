"""TensorFlow Lite / LiteRT: operator codes, the option tables of each operator, and their ONNX counterparts.

Numbers from the schema, `tflite/converter/schema/schema.fbs` of https://github.com/google-ai-edge/LiteRT
(`BuiltinOperator`, unions `BuiltinOptions` and `BuiltinOptions2`). Options that change neither cost nor meaning
(quantisation flags of kernels, precision hints) are left out.
"""

# fmt: off  (tables read better one row an entry)

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Option(NamedTuple):
    """One field of an options table.

    `code`: a `struct` scalar code, ``v`` + code for a vector, ``s`` for a string, or the name of an enumeration
    (``padding``, ``activation``, ``dtype``).
    """

    field: int
    name: str
    code: str
    default: float = 0


BUILTIN_OPERATORS: Final[tuple[str, ...]] = tuple(
    """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR
ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND
COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1
UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE
STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE
DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
""".split()  # noqa: SIM905  (one wrapped text instead of 210 quoted words)
)
"""Names by operator code."""

PADDINGS: Final = ("SAME", "VALID")
ACTIVATIONS: Final = ("", "Relu", "Clip", "Clip", "Tanh", "Sign")
"""ONNX names of NONE, RELU, RELU_N1_TO_1, RELU6, TANH, SIGN_BIT."""

OPTIONS: Final[Mapping[int, tuple[Option, ...]]] = {
    1: (
        Option(0, "padding", "padding"),
        Option(1, "stride_w", "i"),
        Option(2, "stride_h", "i"),
        Option(3, "fused_activation", "activation"),
        Option(4, "dilation_w_factor", "i", 1),
        Option(5, "dilation_h_factor", "i", 1),
    ),  # Conv2DOptions
    2: (
        Option(0, "padding", "padding"),
        Option(1, "stride_w", "i"),
        Option(2, "stride_h", "i"),
        Option(3, "depth_multiplier", "i"),
        Option(4, "fused_activation", "activation"),
        Option(5, "dilation_w_factor", "i", 1),
        Option(6, "dilation_h_factor", "i", 1),
    ),  # DepthwiseConv2DOptions
    3: (
        Option(0, "num_channels", "i"),
        Option(1, "num_columns_per_channel", "vi"),
        Option(2, "embedding_dim_per_channel", "vi"),
    ),  # ConcatEmbeddingsOptions
    4: (Option(0, "type", "b"),),  # LSHProjectionOptions
    5: (
        Option(0, "padding", "padding"),
        Option(1, "stride_w", "i"),
        Option(2, "stride_h", "i"),
        Option(3, "filter_width", "i"),
        Option(4, "filter_height", "i"),
        Option(5, "fused_activation", "activation"),
    ),  # Pool2DOptions
    6: (Option(0, "rank", "i"), Option(1, "fused_activation", "activation")),  # SVDFOptions
    7: (Option(0, "fused_activation", "activation"),),  # RNNOptions
    8: (
        Option(0, "fused_activation", "activation"),
        Option(1, "weights_format", "b"),
        Option(2, "keep_num_dims", "?"),
    ),  # FullyConnectedOptions
    9: (Option(0, "beta", "f"),),  # SoftmaxOptions
    10: (Option(0, "axis", "i"), Option(1, "fused_activation", "activation")),  # ConcatenationOptions
    11: (Option(0, "fused_activation", "activation"),),  # AddOptions
    12: (Option(0, "fused_activation", "activation"),),  # L2NormOptions
    13: (
        Option(0, "radius", "i"),
        Option(1, "bias", "f"),
        Option(2, "alpha", "f"),
        Option(3, "beta", "f"),
    ),  # LocalResponseNormalizationOptions
    14: (
        Option(0, "fused_activation", "activation"),
        Option(1, "cell_clip", "f"),
        Option(2, "proj_clip", "f"),
        Option(3, "kernel_type", "b"),
    ),  # LSTMOptions
    15: (
        Option(0, "new_height", "i"),
        Option(1, "new_width", "i"),
        Option(2, "align_corners", "?"),
        Option(3, "half_pixel_centers", "?"),
    ),  # ResizeBilinearOptions
    16: (Option(0, "subgraph", "I"),),  # CallOptions
    17: (Option(0, "new_shape", "vi"),),  # ReshapeOptions
    18: (
        Option(0, "ngram_size", "i"),
        Option(1, "max_skip_size", "i"),
        Option(2, "include_all_ngrams", "?"),
    ),  # SkipGramOptions
    19: (Option(0, "block_size", "i"),),  # SpaceToDepthOptions
    20: (Option(0, "combiner", "b"),),  # EmbeddingLookupSparseOptions
    21: (Option(0, "fused_activation", "activation"),),  # MulOptions
    23: (Option(0, "axis", "i"), Option(1, "batch_dims", "i")),  # GatherOptions
    27: (Option(0, "keep_dims", "?"),),  # ReducerOptions
    28: (Option(0, "fused_activation", "activation"),),  # SubOptions
    29: (Option(0, "fused_activation", "activation"),),  # DivOptions
    30: (Option(0, "squeeze_dims", "vi"),),  # SqueezeOptions
    31: (Option(0, "time_major", "?"), Option(1, "fused_activation", "activation")),  # SequenceRNNOptions
    32: (
        Option(0, "begin_mask", "i"),
        Option(1, "end_mask", "i"),
        Option(2, "ellipsis_mask", "i"),
        Option(3, "new_axis_mask", "i"),
        Option(4, "shrink_axis_mask", "i"),
        Option(5, "offset", "?"),
    ),  # StridedSliceOptions
    35: (Option(0, "num_split", "i"),),  # SplitOptions
    37: (Option(0, "in_data_type", "dtype"), Option(1, "out_data_type", "dtype")),  # CastOptions
    40: (Option(0, "output_type", "dtype"),),  # ArgMaxOptions
    49: (
        Option(0, "padding", "padding"),
        Option(1, "stride_w", "i"),
        Option(2, "stride_h", "i"),
        Option(3, "fused_activation", "activation"),
    ),  # TransposeConvOptions
    50: (Option(0, "validate_indices", "?"),),  # SparseToDenseOptions
    55: (Option(0, "out_type", "dtype"),),  # ShapeOptions
    57: (Option(0, "output_type", "dtype"),),  # ArgMinOptions
    58: (
        Option(0, "min", "f"),
        Option(1, "max", "f"),
        Option(2, "num_bits", "i"),
        Option(3, "narrow_range", "?"),
    ),  # FakeQuantOptions
    59: (Option(0, "values_count", "i"), Option(1, "axis", "i")),  # PackOptions
    61: (Option(0, "axis", "i"),),  # OneHotOptions
    64: (Option(0, "num", "i"), Option(1, "axis", "i")),  # UnpackOptions
    69: (
        Option(0, "fused_activation", "activation"),
        Option(1, "cell_clip", "f"),
        Option(2, "proj_clip", "f"),
        Option(3, "merge_outputs", "?"),
        Option(4, "time_major", "?", 1),
    ),  # BidirectionalSequenceLSTMOptions
    70: (
        Option(0, "time_major", "?"),
        Option(1, "fused_activation", "activation"),
        Option(2, "merge_outputs", "?"),
    ),  # BidirectionalSequenceRNNOptions
    71: (
        Option(0, "fused_activation", "activation"),
        Option(1, "cell_clip", "f"),
        Option(2, "proj_clip", "f"),
        Option(3, "time_major", "?"),
        Option(5, "diagonal_recurrent_tensors", "?"),
    ),  # UnidirectionalSequenceLSTMOptions
    74: (Option(0, "align_corners", "?"), Option(1, "half_pixel_centers", "?")),  # ResizeNearestNeighborOptions
    75: (Option(0, "alpha", "f"),),  # LeakyReluOptions
    77: (Option(0, "mode", "b"),),  # MirrorPadOptions
    79: (Option(0, "num_split", "i"),),  # SplitVOptions
    80: (Option(0, "idx_out_type", "dtype", 2),),  # UniqueOptions
    87: (Option(0, "seq_dim", "i"), Option(1, "batch_dim", "i")),  # ReverseSequenceOptions
    92: (Option(0, "then_subgraph_index", "i"), Option(1, "else_subgraph_index", "i")),  # IfOptions
    93: (Option(0, "cond_subgraph_index", "i"), Option(1, "body_subgraph_index", "i")),  # WhileOptions
    94: (Option(0, "block_size", "i"),),  # DepthToSpaceOptions
    101: (Option(0, "adj_x", "?"), Option(1, "adj_y", "?")),  # BatchMatMulOptions
    102: (Option(0, "exclusive", "?"), Option(1, "reverse", "?")),  # CumsumOptions
    103: (Option(0, "init_subgraph_index", "i"),),  # CallOnceOptions
    106: (
        Option(0, "padding", "padding"),
        Option(1, "stride_d", "i"),
        Option(2, "stride_w", "i"),
        Option(3, "stride_h", "i"),
        Option(4, "fused_activation", "activation"),
        Option(5, "dilation_d_factor", "i", 1),
        Option(6, "dilation_w_factor", "i", 1),
        Option(7, "dilation_h_factor", "i", 1),
    ),  # Conv3DOptions
    107: (
        Option(0, "table_id", "i"),
        Option(1, "key_dtype", "dtype"),
        Option(2, "value_dtype", "dtype"),
    ),  # HashtableOptions
    111: (Option(0, "container", "s"), Option(1, "shared_name", "s")),  # VarHandleOptions
    114: (Option(0, "seed", "q"), Option(1, "seed2", "q")),  # RandomOptions
    115: (Option(0, "boundaries", "vf"),),  # BucketizeOptions
    116: (Option(0, "approximate", "?"),),  # GeluOptions
}
"""Fields by `builtin_options_type`; types without fields are absent."""

OPTIONS_2: Final[Mapping[int, tuple[Option, ...]]] = {
    1: (Option(0, "dimension", "q"),),  # StablehloConcatenateOptions
    2: (Option(0, "broadcast_dimensions", "vq"),),  # StablehloBroadcastInDimOptions
    3: (
        Option(0, "start_indices", "vq"),
        Option(1, "limit_indices", "vq"),
        Option(2, "strides", "vq"),
    ),  # StablehloSliceOptions
    4: (
        Option(0, "window_strides", "vq"),
        Option(1, "padding", "vq"),
        Option(2, "lhs_dilation", "vq"),
        Option(3, "rhs_dilation", "vq"),
        Option(5, "input_batch_dimension", "q"),
        Option(6, "input_feature_dimension", "q"),
        Option(7, "input_spatial_dimensions", "vq"),
        Option(8, "kernel_input_feature_dimension", "q"),
        Option(9, "kernel_output_feature_dimension", "q"),
        Option(10, "kernel_spatial_dimensions", "vq"),
        Option(11, "output_batch_dimension", "q"),
        Option(12, "output_feature_dimension", "q"),
        Option(13, "output_spatial_dimensions", "vq"),
        Option(14, "feature_group_count", "q"),
        Option(15, "batch_group_count", "q"),
    ),  # StablehloConvolutionOptions
    5: (Option(0, "call_target_name", "s"), Option(4, "called_computations", "vi")),  # StablehloCustomCallOptions
    6: (Option(0, "dimensions", "vq"), Option(1, "body_subgraph_index", "i")),  # StablehloReduceOptions
    7: (
        Option(1, "update_window_dims", "vq"),
        Option(2, "inserted_window_dims", "vq"),
        Option(3, "scatter_dims_to_operand_dims", "vq"),
        Option(4, "index_vector_dim", "q"),
        Option(6, "update_computation_subgraph_index", "i"),
    ),  # StablehloScatterOptions
    8: (Option(0, "comparison_direction", "I"), Option(1, "compare_type", "I")),  # StablehloCompareOptions
    9: (Option(0, "slice_sizes", "vq"),),  # StablehloDynamicSliceOptions
    10: (
        Option(0, "edge_padding_low", "vq"),
        Option(1, "edge_padding_high", "vq"),
        Option(2, "interior_padding", "vq"),
    ),  # StablehloPadOptions
    11: (Option(0, "iota_dimension", "q"),),  # StablehloIotaOptions
    12: (
        Option(0, "lhs_batching_dimensions", "vq"),
        Option(1, "rhs_batching_dimensions", "vq"),
        Option(2, "lhs_contracting_dimensions", "vq"),
        Option(3, "rhs_contracting_dimensions", "vq"),
    ),  # StablehloDotGeneralOptions
    13: (
        Option(0, "window_dimensions", "vq"),
        Option(1, "window_strides", "vq"),
        Option(2, "base_dilations", "vq"),
        Option(3, "window_dilations", "vq"),
        Option(4, "padding", "vq"),
        Option(5, "body_subgraph_index", "i"),
    ),  # StablehloReduceWindowOptions
    14: (
        Option(0, "dimension", "q"),
        Option(1, "is_stable", "?"),
        Option(2, "comparator_subgraph_index", "i"),
    ),  # StablehloSortOptions
    15: (Option(0, "cond_subgraph_index", "i"), Option(1, "body_subgraph_index", "i")),  # StablehloWhileOptions
    16: (
        Option(0, "offset_dims", "vq"),
        Option(1, "collapsed_slice_dims", "vq"),
        Option(2, "start_index_map", "vq"),
        Option(3, "index_vector_dim", "q"),
        Option(4, "slice_sizes", "vq"),
    ),  # StablehloGatherOptions
    17: (Option(0, "permutation", "vq"),),  # StablehloTransposeOptions
    19: (Option(0, "algorithm", "b"),),  # StablehloRngBitGeneratorOptions
    20: (Option(0, "reduce_function", "i"),),  # ReduceWindowOptions
    21: (
        Option(0, "name", "s"),
        Option(1, "decomposition_subgraph_index", "i"),
        Option(4, "version", "i"),
    ),  # StableHLOCompositeOptions
    23: (Option(0, "branch_subgraph_indices", "vi"),),  # StablehloCaseOptions
}
"""Fields by `builtin_options_2_type`."""

KINDS: Final[Mapping[str, str]] = {
    "ABS": "Abs",
    "ADD": "Add",
    "ADD_N": "Sum",
    "ARG_MAX": "ArgMax",
    "ARG_MIN": "ArgMin",
    "ASSIGN_VARIABLE": "Assign",
    "ATAN2": "Atan2",
    "AVERAGE_POOL_2D": "AveragePool",
    "BATCH_MATMUL": "MatMul",
    "BATCH_TO_SPACE_ND": "BatchToSpace",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN": "RNN",
    "BITCAST": "Cast",
    "BITWISE_XOR": "BitwiseXor",
    "BROADCAST_ARGS": "BroadcastArgs",
    "BROADCAST_TO": "Expand",
    "CALL": "Call",
    "CALL_ONCE": "Call",
    "CAST": "Cast",
    "CEIL": "Ceil",
    "CONCATENATION": "Concat",
    "CONV_2D": "Conv",
    "CONV_3D": "Conv",
    "CONV_3D_TRANSPOSE": "ConvTranspose",
    "COS": "Cos",
    "CUMSUM": "CumSum",
    "CUSTOM": "Custom",
    "DELEGATE": "Delegate",
    "DENSIFY": "Identity",
    "DEPTHWISE_CONV_2D": "Conv",
    "DEPTH_TO_SPACE": "DepthToSpace",
    "DEQUANTIZE": "DequantizeLinear",
    "DIV": "Div",
    "DYNAMIC_UPDATE_SLICE": "DynamicUpdateSlice",
    "ELU": "Elu",
    "EMBEDDING_LOOKUP": "Gather",
    "EQUAL": "Equal",
    "EXP": "Exp",
    "EXPAND_DIMS": "Unsqueeze",
    "FAKE_QUANT": "Identity",
    "FILL": "Expand",
    "FLOOR": "Floor",
    "FLOOR_DIV": "FloorDiv",
    "FLOOR_MOD": "Mod",
    "FULLY_CONNECTED": "Gemm",
    "GATHER": "Gather",
    "GATHER_ND": "GatherND",
    "GELU": "Gelu",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "HARD_SWISH": "HardSwish",
    "IF": "If",
    "L2_NORMALIZATION": "LpNormalization",
    "L2_POOL_2D": "LpPool",
    "LEAKY_RELU": "LeakyRelu",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "LOCAL_RESPONSE_NORMALIZATION": "LRN",
    "LOG": "Log",
    "LOGICAL_AND": "And",
    "LOGICAL_NOT": "Not",
    "LOGICAL_OR": "Or",
    "LOGISTIC": "Sigmoid",
    "LOG_SOFTMAX": "LogSoftmax",
    "LSTM": "LSTM",
    "MAXIMUM": "Max",
    "MAX_POOL_2D": "MaxPool",
    "MEAN": "ReduceMean",
    "MINIMUM": "Min",
    "MIRROR_PAD": "Pad",
    "MUL": "Mul",
    "MULTINOMIAL": "Multinomial",
    "NEG": "Neg",
    "NON_MAX_SUPPRESSION_V4": "NonMaxSuppression",
    "NON_MAX_SUPPRESSION_V5": "NonMaxSuppression",
    "NOT_EQUAL": "NotEqual",
    "ONE_HOT": "OneHot",
    "PACK": "Concat",
    "PAD": "Pad",
    "PADV2": "Pad",
    "POW": "Pow",
    "PRELU": "PRelu",
    "QUANTIZE": "QuantizeLinear",
    "RANDOM_STANDARD_NORMAL": "RandomNormal",
    "RANDOM_UNIFORM": "RandomUniform",
    "RANGE": "Range",
    "RANK": "Rank",
    "READ_VARIABLE": "Variable",
    "REDUCE_ALL": "ReduceMin",
    "REDUCE_ANY": "ReduceMax",
    "REDUCE_MAX": "ReduceMax",
    "REDUCE_MIN": "ReduceMin",
    "REDUCE_PROD": "ReduceProd",
    "RELU": "Relu",
    "RELU6": "Clip",
    "RELU_0_TO_1": "Clip",
    "RELU_N1_TO_1": "Clip",
    "RESHAPE": "Reshape",
    "RESIZE_BILINEAR": "Resize",
    "RESIZE_NEAREST_NEIGHBOR": "Resize",
    "REVERSE_SEQUENCE": "ReverseSequence",
    "REVERSE_V2": "Reverse",
    "RFFT2D": "DFT",
    "RIGHT_SHIFT": "BitShift",
    "RNN": "RNN",
    "ROUND": "Round",
    "RSQRT": "Rsqrt",
    "SCATTER_ND": "ScatterND",
    "SELECT": "Where",
    "SELECT_V2": "Where",
    "SHAPE": "Shape",
    "SIGN": "Sign",
    "SIN": "Sin",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SPACE_TO_BATCH_ND": "SpaceToBatch",
    "SPACE_TO_DEPTH": "SpaceToDepth",
    "SPLIT": "Split",
    "SPLIT_V": "Split",
    "SQRT": "Sqrt",
    "SQUARE": "Square",
    "SQUARED_DIFFERENCE": "SquaredDifference",
    "SQUEEZE": "Squeeze",
    "STABLEHLO_ABS": "Abs",
    "STABLEHLO_ADD": "Add",
    "STABLEHLO_AND": "And",
    "STABLEHLO_BROADCAST_IN_DIM": "Expand",
    "STABLEHLO_CLAMP": "Clip",
    "STABLEHLO_COMPOSITE": "Call",
    "STABLEHLO_CONCATENATE": "Concat",
    "STABLEHLO_CONVERT": "Cast",
    "STABLEHLO_CONVOLUTION": "Conv",
    "STABLEHLO_COSINE": "Cos",
    "STABLEHLO_CUSTOM_CALL": "Custom",
    "STABLEHLO_DIVIDE": "Div",
    "STABLEHLO_DOT_GENERAL": "Einsum",
    "STABLEHLO_DYNAMIC_SLICE": "Slice",
    "STABLEHLO_DYNAMIC_UPDATE_SLICE": "DynamicUpdateSlice",
    "STABLEHLO_EXPONENTIAL": "Exp",
    "STABLEHLO_FLOOR": "Floor",
    "STABLEHLO_LOG": "Log",
    "STABLEHLO_LOGISTIC": "Sigmoid",
    "STABLEHLO_MAXIMUM": "Max",
    "STABLEHLO_MINIMUM": "Min",
    "STABLEHLO_MULTIPLY": "Mul",
    "STABLEHLO_NEGATE": "Neg",
    "STABLEHLO_OR": "Or",
    "STABLEHLO_PAD": "Pad",
    "STABLEHLO_POWER": "Pow",
    "STABLEHLO_REMAINDER": "Mod",
    "STABLEHLO_RESHAPE": "Reshape",
    "STABLEHLO_RSQRT": "Rsqrt",
    "STABLEHLO_SELECT": "Where",
    "STABLEHLO_SHIFT_LEFT": "BitShift",
    "STABLEHLO_SLICE": "Slice",
    "STABLEHLO_SUBTRACT": "Sub",
    "STABLEHLO_TANH": "Tanh",
    "STABLEHLO_TRANSPOSE": "Transpose",
    "STABLEHLO_WHILE": "Loop",
    "STRIDED_SLICE": "Slice",
    "SUB": "Sub",
    "SUM": "ReduceSum",
    "SVDF": "SVDF",
    "TANH": "Tanh",
    "TILE": "Tile",
    "TOPK_V2": "TopK",
    "TRANSPOSE": "Transpose",
    "TRANSPOSE_CONV": "ConvTranspose",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "RNN",
    "UNIQUE": "Unique",
    "UNPACK": "Split",
    "VAR_HANDLE": "Variable",
    "WHERE": "NonZero",
    "WHILE": "Loop",
    "ZEROS_LIKE": "ZerosLike",
}
"""ONNX operator by builtin operator, or our own name (docs/operators.md); the options of others are not known well enough."""

CUSTOM_KINDS: Final[Mapping[str, str]] = {
    "Convolution2DTransposeBias": "ConvTranspose",
    "DISPATCH_OP": "Delegate",
    "LiteRtMaxUnpooling2D": "MaxUnpool",
    "MaxPoolingWithArgmax2D": "MaxPool",
    "MaxUnpooling2D": "MaxUnpool",
    "TFLite_Detection_PostProcess": "DetectionOutput",
    "edgetpu-custom-op": "Delegate",
}
"""Custom operators that are widely known: MediaPipe's, the object detection API's, and programs for accelerators."""
