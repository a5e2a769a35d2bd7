"""Element types of outputs, where the file leaves them out: as a rule that of the first input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nngauge.analyse.shapes.operation import Operation
from nngauge.domain.graph import DType

_FIXED: Final[Mapping[str, tuple[DType, ...]]] = {
    "And": (DType.BOOL,),
    "ArgMax": (DType.INT64,),
    "ArgMin": (DType.INT64,),
    "ConvInteger": (DType.INT32,),
    "DynamicQuantizeLinear": (DType.UINT8, DType.FLOAT32, DType.UINT8),
    "Equal": (DType.BOOL,),
    "Greater": (DType.BOOL,),
    "GreaterOrEqual": (DType.BOOL,),
    "IsInf": (DType.BOOL,),
    "IsNaN": (DType.BOOL,),
    "Less": (DType.BOOL,),
    "LessOrEqual": (DType.BOOL,),
    "MatMulInteger": (DType.INT32,),
    "Multinomial": (DType.INT32,),
    "NonMaxSuppression": (DType.INT64,),
    "NonZero": (DType.INT64,),
    "Not": (DType.BOOL,),
    "NotEqual": (DType.BOOL,),
    "Or": (DType.BOOL,),
    "OptionalHasElement": (DType.BOOL,),
    "Rank": (DType.INT64,),
    "RegexFullMatch": (DType.BOOL,),
    "SequenceLength": (DType.INT64,),
    "Shape": (DType.INT64,),
    "Size": (DType.INT64,),
    "StringSplit": (DType.STRING, DType.INT64),
    "TfIdfVectorizer": (DType.FLOAT32,),
    "TreeEnsembleClassifier": (DType.INT64, DType.FLOAT32),
    "TreeEnsembleRegressor": (DType.FLOAT32,),
    "Xor": (DType.BOOL,),
}
"""Types that the operator alone decides."""
_FURTHER: Final[Mapping[str, tuple[DType | None, ...]]] = {
    "Dropout": (DType.BOOL,),
    "EmbedLayerNormalization": (DType.INT32, None),
    "MaxPool": (DType.INT64,),
    "TopK": (DType.INT64,),
    "Unique": (DType.INT64, DType.INT64, DType.INT64),
}
"""Types of the outputs after the first; None is the type of the first, as it is everywhere else."""
_OF_INPUT: Final[Mapping[str, int]] = {
    "CastLike": 1,
    "DequantizeLinear": 1,
    "EmbedLayerNormalization": 2,
    "GatherBlockQuantized": 2,
    "OneHot": 2,
    "QGemm": 8,
    "QLinearConcat": 2,
    "QLinearConv": 7,
    "QLinearMatMul": 7,
    "QuantizeLinear": 2,
    "Where": 1,
}
"""Input that gives the type, when it is not the first."""
_DEFAULT: Final[Mapping[str, DType]] = {
    "ConstantOfShape": DType.FLOAT32,
    "DequantizeLinear": DType.FLOAT32,
    "HannWindow": DType.FLOAT32,
    "HammingWindow": DType.FLOAT32,
    "BlackmanWindow": DType.FLOAT32,
    "MelWeightMatrix": DType.FLOAT32,
    "PriorBox": DType.FLOAT32,
    "QGemm": DType.FLOAT32,
    "QuantizeLinear": DType.UINT8,
    "RandomNormal": DType.FLOAT32,
    "RandomUniform": DType.FLOAT32,
}
"""Type when that input is absent or the operator has none."""
_SPECIAL: Final = frozenset({*_FIXED, *_FURTHER, *_OF_INPUT, *_DEFAULT})
_NAMES: Final[Mapping[str, DType]] = {dtype.value: dtype for dtype in DType}


def output_types(op: Operation) -> Sequence[DType]:
    """One type for each output."""
    kind, count = op.node.kind or "", len(op.node.outputs)
    attributes = op.attributes
    if kind not in _SPECIAL and "to" not in attributes and "dtype" not in attributes:
        return [op.dtype(0)] * count
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return [fixed[min(place, len(fixed) - 1)] for place in range(count)]
    named = _NAMES.get(op.text("to") or op.text("dtype"))
    if named is not None:
        return [named] * count
    first = op.dtype(_OF_INPUT.get(kind, 0)) if kind not in _DEFAULT or kind in _OF_INPUT else DType.UNKNOWN
    if first is DType.UNKNOWN:
        first = _DEFAULT.get(kind, first)
    # Before opset 10 the mask of Dropout had the type of its data; there `ratio` was an attribute.
    further = () if kind == "Dropout" and "ratio" in attributes else _FURTHER.get(kind, ())
    others = [further[place] if place < len(further) else None for place in range(count - 1)]
    return [first, *(first if dtype is None else dtype for dtype in others)]
