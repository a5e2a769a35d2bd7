"""ONNX as files and ONNX Runtime write it: element types, and operators of the standard and of the runtime.

Numbers of `TensorProto.DataType` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; ONNX Runtime uses the same.
Runtime operators: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import Attribute, DType, Node, Tensor
from nngauge.formats.vocabulary._operation import plain_values
from nngauge.io.binary import Buffer

OPERATOR: Final = re.compile(r"[A-Za-z_][\w.:/+-]{0,255}")
"""What an operator may be called."""
DTYPES: Final = (
    DType.UNKNOWN, DType.FLOAT32, DType.UINT8, DType.INT8, DType.UINT16, DType.INT16, DType.INT32, DType.INT64,
    DType.STRING, DType.BOOL, DType.FLOAT16, DType.FLOAT64, DType.UINT32, DType.UINT64, DType.COMPLEX64,
    DType.COMPLEX128, DType.BFLOAT16, DType.FLOAT8_E4M3, DType.FLOAT8_E4M3, DType.FLOAT8_E5M2, DType.FLOAT8_E5M2,
    DType.UINT4, DType.INT4, DType.FLOAT4_E2M1, DType.UNKNOWN, DType.UINT2, DType.INT2,
)  # fmt: skip
"""Element type by number."""
_NUMBERS: Final[Mapping[str, int]] = {
    "FLOAT": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "STRING": 8, "BOOL": 9,
    "FLOAT16": 10, "DOUBLE": 11,
}  # fmt: skip
"""Before opset 6, ``Cast`` named its target in words."""
_STANDARD: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"})
_RUNTIME: Final = "com.microsoft"
_NHWC_DOMAIN: Final = "com.ms.internal.nhwc"
_SAME: Final[Mapping[str, str]] = {
    "FusedConv": "Conv",
    "FusedGemm": "Gemm",
    "FusedMatMul": "MatMul",
    "FusedMatMulActivation": "MatMul",
    "TransposeMatMul": "MatMul",
    "NhwcConv": "Conv",
    "NhwcFusedConv": "Conv",
    "NhwcMaxPool": "MaxPool",
    "SimplifiedLayerNormalization": "RMSNormalization",
    "ReorderInput": "Identity",
    "ReorderOutput": "Identity",
}
"""Runtime operators that do what a standard one does, with its inputs first. The others keep their own name."""

Rewrite = Callable[[Node], Node]
"""Brings what older versions or the runtime write differently to the attributes of docs/operators.md."""


class Operator(Struct, frozen=True):
    """An operator as the file names it, its kind, and how its nodes are rewritten."""

    op: str
    kind: str | None
    rewrite: Rewrite | None = None


def operator(domain: str, name: str) -> Operator:
    """What `name` of `domain` is; operators of domains nobody published are ``Custom``."""
    op = name if domain in _STANDARD else f"{domain}::{name}"
    if domain in _STANDARD:
        return Operator(op, "ScatterElements" if name == "Scatter" else name, _REWRITES.get(name))
    if domain == _NHWC_DOMAIN:
        return Operator(op, name, _nhwc)
    if not domain.startswith(_RUNTIME):
        return Operator(op, "Custom")
    rewrite = _nhwc if name.startswith("Nhwc") else _REWRITES.get(name, _runtime)
    return Operator(op, _SAME.get(name, name), rewrite)


def filling(buf: Buffer, tensor: Tensor | None) -> dict[str, Attribute]:
    """``value`` of ``ConstantOfShape`` as element type and number: 0.0 without a tensor, no number for one not read."""
    if tensor is None:
        return {"to": str(DType.FLOAT32), "value": 0.0}
    values = plain_values((buf,), tensor)
    number: dict[str, Attribute] = {"value": values[0]} if values is not None and len(values) == 1 else {}
    return {"to": str(tensor.dtype), **number}


def _with(node: Node, drop: tuple[str, ...] = (), **more: Attribute) -> Node:
    kept = {key: value for key, value in node.attributes.items() if key not in drop}
    return replace(node, attributes=kept | more)


def _runtime(node: Node) -> Node:
    """``activation`` and ``channels_last`` of ONNX Runtime's fused and rearranged operators."""
    activation, last = node.attributes.get("activation"), node.attributes.get("channels_last")
    if isinstance(activation, str) and activation and node.kind in ("Conv", "Gemm", "MatMul", "QLinearConv"):
        node = _with(node, ("activation",), fused_activation=activation)
    return _with(node, ("channels_last",), data_layout="NHWC") if last == 1 else node


def _nhwc(node: Node) -> Node:
    return _runtime(_with(node, data_layout="NHWC"))


def _matmul(node: Node) -> Node:
    attributes = node.attributes
    return _runtime(
        _with(
            node, ("transBatchA", "transBatchB"), transA=attributes.get("transA", 0), transB=attributes.get("transB", 0)
        )
    )


def _cast(node: Node) -> Node:
    return _typed(node, "to")


def _typed(node: Node, name: str) -> Node:
    """The element type under `name`, a number, as ``to`` by our name."""
    value = node.attributes.get(name)
    number = _NUMBERS.get(value, 0) if isinstance(value, str) else value
    if not isinstance(number, int) or not 0 < number < len(DTYPES):
        return node
    return _with(node, (name,), to=str(DTYPES[number]))


def _made(node: Node) -> Node:
    return _typed(node, "dtype")


def _quantize(node: Node) -> Node:
    return _typed(node, "output_dtype")


def _resize(node: Node) -> Node:
    """Opset 10 had no region of interest between the input and the scales."""
    return replace(node, inputs=(node.inputs[0], -1, node.inputs[1])) if len(node.inputs) == 2 else node


def _upsample(node: Node) -> Node:
    return _resize(replace(node, kind="Resize"))


def _pad(node: Node) -> Node:
    pads = node.attributes.get("paddings")
    return node if pads is None else _with(node, ("paddings",), pads=pads)


def _attention(node: Node) -> Node:
    heads = node.attributes.get("q_num_heads")
    kv_heads = node.attributes.get("kv_num_heads")
    if heads is None or kv_heads is None:
        return node
    return _with(node, ("q_num_heads",), num_heads=heads, kv_num_heads=kv_heads)


_REWRITES: Final[Mapping[str, Rewrite]] = {
    "Attention": _attention,
    "Bernoulli": _made,
    "Cast": _cast,
    "EyeLike": _made,
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "Multinomial": _made,
    "Pad": _pad,
    "QuantizeLinear": _quantize,
    "RandomNormal": _made,
    "RandomNormalLike": _made,
    "RandomUniform": _made,
    "RandomUniformLike": _made,
    "Resize": _resize,
    "TransposeMatMul": _matmul,
    "Upsample": _upsample,
}
