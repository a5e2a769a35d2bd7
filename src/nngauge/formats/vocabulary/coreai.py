"""Core AI: operations of its stored programs and their ONNX counterparts.

Names as Apple's coreai-core package writes them: an optional group (``primitive.``), the name, and a version (``_v1``).
Operations that are made of others carry those in a region; they are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute, Dim

_NAME: Final = re.compile(r"(?:\w+\.)*?(\w+?)(?:_v\d+)?")
KINDS: Final[Mapping[str, str]] = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "add": "Add", "all": "ReduceAll", "and": "And", "any": "ReduceAny",
    "argmax": "ArgMax", "argsort": "Sort", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
    "batch_matmul": "MatMul", "bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor",
    "blockwise_shift_scale": "DequantizeLinear", "broadcast_in_dims": "Expand", "broadcast_to": "Expand",
    "build_sparse_with_bitmask": "Densify", "cast": "Cast", "concat": "Concat", "conv2d": "Conv", "conv3d": "Conv",
    "conv_transpose2d": "ConvTranspose", "conv_transpose3d": "ConvTranspose", "cos": "Cos", "cosh": "Cosh",
    "delegate": "Delegate", "dequantize": "DequantizeLinear", "divide": "Div", "equal": "Equal", "erf": "Erf",
    "exp": "Exp", "expand_dims": "Unsqueeze", "floor_divide": "FloorDiv", "gather_along_axis": "GatherElements",
    "gather_nd": "GatherND", "gelu": "Gelu", "get_shape": "Shape", "greater": "Greater", "if": "If",
    "interpolate": "Resize", "interpolate_coordinates": "Resize", "invoke": "Call", "log": "Log",
    "lut_to_dense": "Palette", "lut_to_sparse_with_bitmask": "Palette", "max_pool_2d": "MaxPool",
    "max_pool_3d": "MaxPool", "maximum": "Max", "metal4_kernel": "Custom", "minimum": "Min", "modulo": "Mod",
    "mul": "Mul", "non_zero": "NonZero", "not": "Not", "not_equal": "NotEqual", "or": "Or", "pad": "Pad", "pow": "Pow",
    "quantize": "QuantizeLinear", "range": "Range", "read_handle": "Variable", "reduce_max": "ReduceMax",
    "reduce_mean": "ReduceMean", "reduce_min": "ReduceMin", "reduce_product": "ReduceProd", "reduce_sum": "ReduceSum",
    "relu": "Relu", "reshape": "Reshape", "reverse": "Reverse", "round": "Round", "rsqrt": "Rsqrt", "scan": "Scan",
    "scatter_along_axis": "ScatterElements", "scatter_nd": "ScatterND", "shrink_dims": "Squeeze",
    "sigmoid": "Sigmoid", "silu": "Swish", "sin": "Sin", "sinh": "Sinh", "slice": "Slice",
    "slice_update": "ScatterND", "softmax": "Softmax", "sort": "Sort", "sparse_with_bitmask_to_dense": "Densify",
    "split": "Split", "sqrt": "Sqrt", "sub": "Sub", "sum_pool_2d": "AveragePool", "sum_pool_3d": "AveragePool",
    "tan": "Tan", "tanh": "Tanh", "tile": "Tile", "transpose": "Transpose", "where": "Where", "while": "Loop",
    "write_handle": "Assign", "xor": "Xor",
}  # fmt: skip
"""By plain name; ``broadcasting_add`` is ``add``."""


def plain_name(name: str) -> str:
    """``primitive.conv2d_v1`` → ``conv2d``."""
    found = _NAME.fullmatch(name)
    return found.group(1) if found else name


def kind_of(plain: str) -> str | None:
    """The ONNX operator, None for one that is not known."""
    return KINDS.get(plain.removeprefix("broadcasting_"))


def attributes_of(
    plain: str, shapes: list[tuple[Dim, ...] | None], values: list[tuple[int, ...]]
) -> dict[str, Attribute]:
    """Attributes that cost depends on; `values` are those of constant inputs, empty for the others.

    Padding is an operation of its own, so convolutions have none.
    """
    if not plain.startswith("conv") or len(shapes) < 5:
        return {}
    kernel = tuple(dim for dim in (shapes[1] or ())[2:] if isinstance(dim, int))
    found: dict[str, Attribute] = {"kernel_shape": kernel, "auto_pad": "VALID"}
    if values[4]:
        found["group"] = values[4][0]
    return found | {name: value for name, value in (("strides", values[2]), ("dilations", values[3])) if value}


def inputs_of(kind: str | None, inputs: tuple[int, ...]) -> tuple[int, ...]:
    """Data and kernel of a convolution: what else it reads are its attributes."""
    return inputs[:2] if kind in ("Conv", "ConvTranspose") else inputs
