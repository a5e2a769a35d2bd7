"""Layer families: what kind of work an operator is, on top of its ONNX name (docs/operators.md)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from nngauge.domain.cost import Family
from nngauge.domain.graph import Graph, Node, Tensor

_CONVOLUTIONS: Final = frozenset({"Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvInteger", "DeformConv"})
_PRODUCTS: Final = frozenset(
    """
    MatMul MatMulInteger QLinearMatMul MatMulNBits FusedMatMul FusedMatMulActivation MatMulIntegerToFloat
    DynamicQuantizeMatMul MatMulBnb4 MatMulFpQ4 GemmFloat8 TransposeMatMul
    """.split()  # noqa: SIM905  (one wrapped text instead of many quoted words)
)
_KINDS: Final[Mapping[Family, str]] = {
    Family.TRANSPOSED: "ConvTranspose FusedConvTranspose ConvTransposeWithDynamicPads",
    Family.DENSE: "Gemm FusedGemm QGemm LinearClassifier LinearRegressor",
    Family.MATMUL: "Einsum",
    Family.ATTENTION: (
        "Attention QAttention MultiHeadAttention PackedAttention PackedMultiHeadAttention GroupQueryAttention "
        "DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention DecoderAttention SparseAttention "
        "PagedAttention LongformerAttention QOrderedAttention LinearAttention"
    ),
    Family.RECURRENT: "LSTM GRU RNN SVDF DynamicQuantizeLSTM",
    Family.EMBEDDING: "EmbedLayerNormalization GatherBlockQuantized EmbeddingBag",
    Family.NORMALISATION: (
        "BatchNormalization InstanceNormalization LayerNormalization GroupNormalization GroupNorm SkipGroupNorm "
        "RMSNormalization SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization "
        "LpNormalization MeanVarianceNormalization LRN Normalize QLinearLayerNormalization Normalizer "
        "SpatialBatchNormalization Scaler"
    ),
    Family.ACTIVATION: (
        "Relu LeakyRelu PRelu Clip Sigmoid HardSigmoid Tanh Elu Selu Celu Softplus Softsign Softmax LogSoftmax "
        "Hardmax Gelu BiasGelu FastGelu QuickGelu Swish HardSwish Mish ThresholdedRelu Shrink Erf Erfc Swiglu GLU BiasSplitGelu "
        "QLinearLeakyRelu QLinearSigmoid QLinearSoftmax BiasSoftmax Silu Relu6 HardTanh LogSigmoid RationalActivation"
    ),
    Family.POOLING: (
        "MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool QLinearAveragePool NhwcMaxPool "
        "QLinearGlobalAveragePool MaxRoiPool RoiAlign MaxUnpool PSRoiPool RoiPool SpatialPyramidPool StatisticsPooling"
    ),
    Family.RESIZE: "Resize Upsample GridSample AffineGrid CropAndResize",
    Family.ELEMENTWISE: (
        "Add Sub Mul Div Pow Mod Max Min Mean Sum Abs Neg Sign Floor Ceil Round Sqrt Reciprocal Exp Log Sin Cos Tan Asin "
        "Acos Atan Sinh Cosh Asinh Acosh Atanh And Or Xor Not Equal Greater Less GreaterOrEqual LessOrEqual Where IsNaN "
        "IsInf BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Cast CastLike QLinearAdd QLinearMul QLinearWhere "
        "Rsqrt Square SquaredDifference Dropout RotaryEmbedding Scale Bias BiasAdd BiasDropout NotEqual FloorDiv Atan2 "
        "Power Threshold Erfc BitCast Binarizer Log1p Expm1 Trunc Eltwise Rotary"
    ),
    Family.REDUCTION: (
        "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
        "ReduceSumSquare ReduceAny ReduceAll ArgMax ArgMin CumSum CumProd TopK QLinearReduceMean ReduceSumInteger Bucketize "
        "SegmentSum"
    ),
    Family.LAYOUT: (
        "Reshape Flatten Squeeze Unsqueeze Transpose Concat Split SplitToSequence ConcatFromSequence Slice Pad Gather "
        "GatherElements GatherND Scatter ScatterElements ScatterND Expand Tile DepthToSpace SpaceToDepth Identity Shape "
        "Size Compress NonZero ReverseSequence Reverse Trilu OneHot Col2Im Im2Col Fold Unfold CenterCropPad Unique Crop "
        "ShuffleChannel Reorg QLinearConcat NoOp Input Output Variable Assign SequenceAt SequenceConstruct SequenceEmpty "
        "SequenceErase SequenceInsert SequenceLength Optional OptionalGetElement OptionalHasElement TensorScatter "
        "SpaceToBatch BatchToSpace Stack Unstack Rank ReorderInput ReorderOutput Diag MatrixDiag MatrixSetDiag Dilate "
        "MemcpyFromHost MemcpyToHost DynamicUpdateSlice QLinearSlice Permute Packing Sort NonZeroCount RemovePadding "
        "RestorePadding MakePadding ArrayFeatureExtractor FeatureVectorizer ZipMap BroadcastArgs Checkpoint"
    ),
    Family.QUANTISE: (
        "QuantizeLinear DequantizeLinear DynamicQuantizeLinear DequantizeBFP QuantizeBFP FakeQuant Requantize "
        "DequantizeWithOrder QuantizeWithOrder Palette Densify"
    ),
    Family.CONSTANT: (
        "Constant ConstantOfShape EyeLike Range RandomNormal RandomNormalLike RandomUniform RandomUniformLike "
        "Bernoulli Multinomial HannWindow HammingWindow BlackmanWindow Fill ZerosLike"
    ),
    Family.CONTROL: "If Loop Scan Call SequenceMap BeamSearch GreedySearch Sampling",
    Family.DETECTION: (
        "NonMaxSuppression PriorBox DetectionOutput YoloDetection Region Proposal GenerateProposals AnchorGenerator"
    ),
    Family.SIGNAL: "DFT STFT Spectrogram InverseSpectrogram MelWeightMatrix Rfft Irfft ComplexAbs Mfcc InverseSTFT",
    Family.TREE: "TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor",
    Family.DELEGATE: "Delegate",
    Family.OTHER: (
        "Custom Calculator Det StringNormalizer TfIdfVectorizer StringConcat StringSplit RegexFullMatch ImageDecoder Hashtable "
        "LabelEncoder CategoryMapper DictVectorizer Imputer OneHotEncoder SVMClassifier SVMRegressor Correlation"
    ),
}
_FAMILIES: Final[Mapping[str, Family]] = {kind: family for family, kinds in _KINDS.items() for kind in kinds.split()}
_VIEWS: Final = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "NoOp", "Input", "Output"}
)


def family_of(graph: Graph, node: Node, fixed: Container[int] = ()) -> Family:
    """What kind of work `node` of `graph` is; OTHER for what the vocabulary does not know.

    `fixed`: indices of tensors that are computed from constants alone (a dequantised weight).
    """
    kind = node.kind or ""
    if kind in _CONVOLUTIONS:
        return Family.DEPTHWISE if _is_depthwise(graph, node) else Family.CONVOLUTION
    if kind in _PRODUCTS:
        return Family.DENSE if _is_stored(graph, node, 3 if kind == "QLinearMatMul" else 1, fixed) else Family.MATMUL
    if kind == "Gather":
        table = operand(graph, node, 0)
        matrix = table is not None and len(table.shape or ()) > 1
        return Family.EMBEDDING if matrix and _is_stored(graph, node, 0, fixed) else Family.LAYOUT
    return _FAMILIES.get(kind, Family.OTHER)


def is_known(kind: str) -> bool:
    """Whether the rules of cost know the operator."""
    return kind in _FAMILIES or kind in _CONVOLUTIONS or kind in _PRODUCTS or kind == "Gather"


def is_view(node: Node) -> bool:
    """Whether the output is the input's bytes under another shape (or name): nothing is computed or moved."""
    return node.kind in _VIEWS


def operand(graph: Graph, node: Node, place: int) -> Tensor | None:
    """Input number `place`, None where it is absent or points outside the graph."""
    if place >= len(node.inputs) or not 0 <= node.inputs[place] < len(graph.tensors):
        return None
    return graph.tensors[node.inputs[place]]


def weight_operand(graph: Graph, node: Node) -> Tensor | None:
    """The kernel of a convolution."""
    return operand(graph, node, 3 if node.kind == "QLinearConv" else 1)


def _is_stored(graph: Graph, node: Node, place: int, fixed: Container[int]) -> bool:
    tensor = operand(graph, node, place)
    return tensor is not None and (tensor.constant or node.inputs[place] in fixed)


def _is_depthwise(graph: Graph, node: Node) -> bool:
    """Every output channel looks at one input channel."""
    layout = node.attributes.get("weight_layout")
    if layout in {"1HWO", "HWIM"}:
        return True
    group = node.attributes.get("group", 1)
    if not isinstance(group, int) or group <= 1:
        return False
    weight = weight_operand(graph, node)
    if weight is not None and weight.shape is not None and len(weight.shape) > 2:
        place = layout.find("I") if isinstance(layout, str) else 1
        return 0 <= place < len(weight.shape) and weight.shape[place] == 1
    return group in (channels_of(graph, node), node.attributes.get("channels"))


def channels_of(graph: Graph, node: Node) -> int | str | None:
    """Channels of the first input by `data_layout`; None when the shape is unknown."""
    data = operand(graph, node, 0)
    if data is None or not data.shape:
        return None
    layout = node.attributes.get("data_layout")
    place = layout.find("C") if isinstance(layout, str) else 1
    if isinstance(layout, str) and layout.endswith("C"):
        place = len(data.shape) - 1
    return data.shape[place] if 0 <= place < len(data.shape) else None
