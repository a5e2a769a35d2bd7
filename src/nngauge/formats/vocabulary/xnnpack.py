"""XNNPACK's serialised sub-graphs: node types by number, how their fields are laid out, and their ONNX counterparts.

Schema: backends/xnnpack/serialization/schema.fbs of https://github.com/pytorch/executorch (union `XNodeUnion`).
"""

# fmt: off  (tables read better one row an entry)

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import DType

NODES: Final = tuple(
    """
NONE Add FullyConnected Softmax Sigmoid StaticTranspose Clamp Conv2d Div StaticResizeBilinear2D StaticConstantPad
AvgPooling2d Minimum DepthwiseConv2d MaxPooling2d Multiply Subtract Floor Convert GlobalAvgPooling2d StaticReshape
ArgMaxPooling2d SquareRoot Ceiling Hardswish LeakyReLU Maximum Negate Square ELU Abs PReLU Concatenate2 Concatenate3
Concatenate4 StaticSlice ScaledDotProductAttention BatchMatrixMultiply Concatenate5 ConvTranspose2d
ReciprocalSquareRoot Log Gelu Tanh Exp Sin Copy Cos
""".split()  # noqa: SIM905  (one wrapped text instead of 48 quoted words)
)
"""Names by number of the union's member."""

KINDS: Final[Mapping[str, str]] = {
    "Add": "Add",
    "FullyConnected": "MatMul",
    "Softmax": "Softmax",
    "Sigmoid": "Sigmoid",
    "StaticTranspose": "Transpose",
    "Clamp": "Clip",
    "Conv2d": "Conv",
    "Div": "Div",
    "StaticResizeBilinear2D": "Resize",
    "StaticConstantPad": "Pad",
    "AvgPooling2d": "AveragePool",
    "Minimum": "Min",
    "DepthwiseConv2d": "Conv",
    "MaxPooling2d": "MaxPool",
    "Multiply": "Mul",
    "Subtract": "Sub",
    "Floor": "Floor",
    "Convert": "Cast",
    "GlobalAvgPooling2d": "GlobalAveragePool",
    "StaticReshape": "Reshape",
    "ArgMaxPooling2d": "MaxPool",
    "SquareRoot": "Sqrt",
    "Ceiling": "Ceil",
    "Hardswish": "HardSwish",
    "LeakyReLU": "LeakyRelu",
    "Maximum": "Max",
    "Negate": "Neg",
    "Square": "Square",
    "ELU": "Elu",
    "Abs": "Abs",
    "PReLU": "PRelu",
    "Concatenate2": "Concat",
    "Concatenate3": "Concat",
    "Concatenate4": "Concat",
    "StaticSlice": "Slice",
    "ScaledDotProductAttention": "Attention",
    "BatchMatrixMultiply": "MatMul",
    "Concatenate5": "Concat",
    "ConvTranspose2d": "ConvTranspose",
    "ReciprocalSquareRoot": "Rsqrt",
    "Log": "Log",
    "Gelu": "Gelu",
    "Tanh": "Tanh",
    "Exp": "Exp",
    "Sin": "Sin",
    "Copy": "Identity",
    "Cos": "Cos",
}

EDGES: Final[Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    **dict.fromkeys(
        ("Add", "Div", "Minimum", "Multiply", "Subtract", "Maximum", "PReLU", "BatchMatrixMultiply"), ((0, 1), (2,))
    ),
    "FullyConnected": ((0, 1, 2), (3,)),
    **dict.fromkeys(("Conv2d", "DepthwiseConv2d", "ConvTranspose2d"), ((15, 16, 17), (18,))),
    **dict.fromkeys(("AvgPooling2d", "MaxPooling2d"), ((10,), (11,))),
    "ArgMaxPooling2d": ((6,), (7, 8)),
    **dict.fromkeys(("StaticTranspose", "StaticReshape", "StaticResizeBilinear2D"), ((2,), (3,))),
    **dict.fromkeys(("StaticConstantPad", "StaticSlice"), ((3,), (4,))),
    **dict.fromkeys(("ELU", "LeakyReLU"), ((1,), (2,))),
    "Concatenate2": ((1, 2), (5,)),
    "Concatenate3": ((1, 2, 3), (5,)),
    "Concatenate4": ((1, 2, 3, 4), (5,)),
    "Concatenate5": ((1, 2, 3, 4, 7), (5,)),
    "ScaledDotProductAttention": ((0, 1, 2, 4), (5,)),
}
"""Fields that hold value ids: inputs in ONNX's order, and outputs. Without an entry: one of each, fields 0 and 1."""

DTYPES: Final = (
    DType.UNKNOWN,
    DType.FLOAT32,
    DType.FLOAT16,
    DType.INT8,
    DType.UINT8,
    DType.INT32,
    DType.INT8,
    DType.INT32,
    DType.INT4,
    DType.INT8,
    DType.INT4,
    DType.INT8,
    DType.INT32,
    DType.FLOAT32,
    DType.BFLOAT16,
)
"""Element type by number of `XNNDatatype`."""
