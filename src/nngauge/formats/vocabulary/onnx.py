"""ONNX as files and ONNX Runtime write it: element types, and operator names of the standard and of the runtime.

Numbers of `TensorProto.DataType` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; ONNX Runtime uses the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import DType

OPERATOR: Final = re.compile(r"[A-Za-z_][\w.:/+-]{0,255}")
"""What an operator may be called."""
DTYPES: Final = (
    DType.UNKNOWN, DType.FLOAT32, DType.UINT8, DType.INT8, DType.UINT16, DType.INT16, DType.INT32, DType.INT64,
    DType.STRING, DType.BOOL, DType.FLOAT16, DType.FLOAT64, DType.UINT32, DType.UINT64, DType.COMPLEX64,
    DType.COMPLEX128, DType.BFLOAT16, DType.FLOAT8_E4M3, DType.FLOAT8_E4M3, DType.FLOAT8_E5M2, DType.FLOAT8_E5M2,
    DType.UINT4, DType.INT4, DType.FLOAT4_E2M1, DType.UNKNOWN, DType.UINT2, DType.INT2,
)  # fmt: skip
"""Element type by number."""
_STANDARD: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_CONTRIB_KINDS: Final[Mapping[str, str]] = {
    "BiasGelu": "Gelu",
    "FastGelu": "Gelu",
    "FusedConv": "Conv",
    "FusedGemm": "Gemm",
    "FusedMatMul": "MatMul",
    "MatMulNBits": "MatMul",
    "NhwcConv": "Conv",
    "NhwcMaxPool": "MaxPool",
    "QAttention": "Attention",
    "QLinearAdd": "Add",
    "QLinearAveragePool": "AveragePool",
    "QLinearConcat": "Concat",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearMul": "Mul",
    "QLinearSigmoid": "Sigmoid",
    "QLinearSoftmax": "Softmax",
    "QuickGelu": "Gelu",
    "SkipLayerNormalization": "LayerNormalization",
    "SkipSimplifiedLayerNormalization": "RMSNormalization",
}
"""ONNX Runtime's own operators (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md)."""


def operator_names(domain: str, name: str) -> tuple[str, str | None]:
    """`(operator with its domain unless standard, ONNX name or None)`."""
    if domain in _STANDARD:
        return name, name
    if domain.endswith(".nchwc"):
        return f"{domain}::{name}", name
    return f"{domain}::{name}", _CONTRIB_KINDS.get(name) if domain.startswith("com.microsoft") else None
