"""NNEF operations: their parameters in order, and what they are in ONNX.

Operations: https://registry.khronos.org/NNEF/specs/1.0/nnef-1.0.5.html (chapters 4 and 8). Tensors are NCHW, filters of
convolutions OIHW and of deconvolutions IOHW; an empty padding means that outputs are ⌈input ⁄ stride⌉.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute
from nngauge.limits import MAX_RANK

Literal = bool | int | float | str | tuple["Literal", ...]
_WINDOW: Final = ("input", "size", "border", "padding", "stride", "dilation")
_CONV: Final = ("input", "filter", "bias", "border", "padding", "stride", "dilation")
_UNARY: Final[Mapping[str, str]] = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
    "ceil": "Ceil", "copy": "Identity", "cos": "Cos", "cosh": "Cosh", "exp": "Exp", "floor": "Floor", "gelu": "Gelu",
    "log": "Log", "neg": "Neg", "not": "Not", "rcp": "Reciprocal", "relu": "Relu", "round": "Round", "rsqrt": "Rsqrt",
    "selu": "Selu", "sigmoid": "Sigmoid", "sign": "Sign", "silu": "Swish", "sin": "Sin", "sinh": "Sinh",
    "softplus": "Softplus", "softabs": "Abs", "sqr": "Square", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
_BINARY: Final[Mapping[str, str]] = {
    "add": "Add", "and": "And", "div": "Div", "eq": "Equal", "ge": "GreaterOrEqual", "gt": "Greater",
    "le": "LessOrEqual", "lt": "Less", "max": "Max", "min": "Min", "mul": "Mul", "ne": "NotEqual", "or": "Or",
    "pow": "Pow", "sub": "Sub",
}  # fmt: skip
_REDUCTIONS: Final[Mapping[str, str]] = {
    "all_reduce": "ReduceMin", "any_reduce": "ReduceMax", "max_reduce": "ReduceMax", "mean_reduce": "ReduceMean",
    "min_reduce": "ReduceMin", "sum_reduce": "ReduceSum",
}  # fmt: skip
_QUANTIZERS: Final = ("linear_quantize", "min_max_linear_quantize", "zero_point_linear_quantize")
PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_UNARY, ("x",)),
    **dict.fromkeys(_BINARY, ("x", "y")),
    **dict.fromkeys(_REDUCTIONS, ("input", "axes", "normalize")),
    "add_n": ("x",),
    "argmax_reduce": ("input", "axes"),
    "argmin_reduce": ("input", "axes"),
    "avg_pool": _WINDOW,
    "batch_normalization": ("input", "mean", "variance", "offset", "scale", "epsilon"),
    "box": (*_WINDOW, "normalize"),
    "cast": ("input",),
    "clamp": ("x", "a", "b"),
    "concat": ("values", "axis"),
    "constant": ("shape", "value"),
    "conv": (*_CONV, "groups"),
    "copy_n": ("x", "times"),
    "deconv": (*_CONV, "output_shape", "groups"),
    "elu": ("x", "alpha"),
    "external": ("shape",),
    "gather": ("input", "indices", "axis"),
    "l1_normalization": ("input", "axes", "bias", "epsilon"),
    "l2_normalization": ("input", "axes", "bias", "epsilon"),
    "leaky_relu": ("x", "alpha"),
    "linear": ("input", "filter", "bias"),
    "linear_quantize": ("x", "min", "max", "bits"),
    "local_response_normalization": ("input", "size", "alpha", "beta", "bias"),
    "matmul": ("A", "B", "transposeA", "transposeB"),
    "max_pool": _WINDOW,
    "max_pool_with_index": _WINDOW,
    "min_max_linear_quantize": ("x", "min", "max", "bits", "signed", "symmetric"),
    "multilinear_upsample": ("input", "factor", "method", "border"),
    "nearest_downsample": ("input", "factor"),
    "nearest_upsample": ("input", "factor"),
    "area_downsample": ("input", "factor"),
    "pad": ("input", "padding", "border", "value"),
    "prelu": ("x", "alpha"),
    "reshape": ("input", "shape", "axis_start", "axis_count"),
    "select": ("condition", "true_value", "false_value"),
    "separable_conv": ("input", "plane_filter", "point_filter", "bias", "border", "padding", "stride", "dilation", "groups"),
    "slice": ("input", "axes", "begin", "end", "stride"),
    "softmax": ("x", "axes"),
    "split": ("value", "axis", "ratios"),
    "squeeze": ("input", "axes"),
    "stack": ("values", "axis"),
    "tile": ("input", "repeats"),
    "transpose": ("input", "axes"),
    "unsqueeze": ("input", "axes"),
    "unstack": ("value", "axis"),
    "update": ("variable", "value"),
    "variable": ("shape", "label"),
    "zero_point_linear_quantize": ("x", "zero_point", "scale", "bits", "signed", "symmetric"),
}  # fmt: skip
"""Parameters by operation, for arguments without name."""
TENSORS: Final = frozenset(
    {
        "A", "B", "a", "alpha", "b", "bias", "condition", "false_value", "filter", "indices", "input", "max", "mean",
        "min", "offset", "plane_filter", "point_filter", "scale", "true_value", "value", "values", "variable",
        "variance", "x", "y",
    }
)  # fmt: skip
"""Parameters that take tensors; numbers given for them are constants. A few operations keep theirs (`NUMBERS`)."""
NUMBERS: Final[Mapping[str, frozenset[str]]] = {
    "constant": frozenset({"value"}),
    "elu": frozenset({"alpha"}),
    "l1_normalization": frozenset({"bias"}),
    "l2_normalization": frozenset({"bias"}),
    "leaky_relu": frozenset({"alpha"}),
    "local_response_normalization": frozenset({"alpha", "bias"}),
    "pad": frozenset({"value"}),
}
"""Parameters that stay numbers though other operations take tensors under their names."""


class Call(Struct, frozen=True):
    """An operation with its plain arguments. `filter`: shape of the weights where they are a variable."""

    op: str
    values: Mapping[str, Literal]
    filter: tuple[int, ...] = ()
    outputs: int = 1

    def integers(self, name: str) -> tuple[int, ...]:
        """An argument that is a list of integers; empty without it."""
        value = self.values.get(name)
        return tuple([item for item in value if isinstance(item, int)]) if isinstance(value, tuple) else ()

    def integer(self, name: str, default: int) -> int:
        """An integer argument."""
        value = self.values.get(name)
        return int(value) if isinstance(value, int) else default

    def real(self, name: str, default: float) -> float:
        """A numeric argument."""
        value = self.values.get(name)
        return float(value) if isinstance(value, int | float) else default

    def pairs(self, name: str) -> list[tuple[int, int]]:
        """An argument that is a list of pairs."""
        value = self.values.get(name)
        items = [item for item in value if isinstance(item, tuple)] if isinstance(value, tuple) else []
        return [
            (a, b) for a, b in (item for item in items if len(item) == 2) if isinstance(a, int) and isinstance(b, int)
        ]


class Meaning(Struct, frozen=True):
    """An operation in ONNX: name, parameters that become inputs, in order, and attributes."""

    kind: str
    inputs: tuple[str, ...] = ("input",)
    attributes: dict[str, Attribute] = field(default_factory=dict)


def translate(call: Call) -> Meaning | None:
    """What a call means in ONNX; None for fragments that the file defines."""
    op = call.op
    if op in _UNARY:
        return Meaning(_UNARY[op], ("x",))
    if op in _BINARY:
        return Meaning(_BINARY[op], ("x", "y"))
    if op in _REDUCTIONS:
        kind = "ReduceMean" if call.values.get("normalize") is True else _REDUCTIONS[op]
        return Meaning(kind, ("input",), {"axes": call.integers("axes"), "keepdims": 1})
    rule = _RULES.get(op)
    return rule(call) if rule is not None else None


def _padding(call: Call, skip: int) -> dict[str, Attribute]:
    """Pads of the spatial axes; `skip` leading axes of a full list are batch and channels."""
    pairs = call.pairs("padding")[skip:]
    if not pairs:
        return {"auto_pad": "SAME_UPPER"}
    return {"pads": tuple([first for first, _ in pairs]) + tuple([last for _, last in pairs])}


def _steps(call: Call, skip: int) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for theirs, ours in (("stride", "strides"), ("dilation", "dilations")):
        values = call.integers(theirs)[skip:]
        if values:
            found[ours] = values
    return found


def _convolution(call: Call) -> Meaning:
    found = _padding(call, 0) | _steps(call, 0)
    groups = call.integer("groups", 1)
    if groups:
        found["group"] = groups
    elif call.filter:
        # 0 groups: as many as there are channels.
        found["group"] = call.filter[0]
    if len(call.filter) > 2:
        found["kernel_shape"] = call.filter[2:]
    shape = call.integers("output_shape")
    if call.op == "deconv" and len(shape) > 2:
        found["output_shape"] = shape[2:]
    return Meaning("ConvTranspose" if call.op == "deconv" else "Conv", ("input", "filter", "bias"), found)


def _pool(kind: str) -> Callable[[Call], Meaning]:
    def rule(call: Call) -> Meaning:
        found = _padding(call, 2) | _steps(call, 2) | {"kernel_shape": call.integers("size")[2:]}
        if kind == "AveragePool" and call.values.get("border") == "constant":
            found["count_include_pad"] = 1
        return Meaning(kind, ("input",), found)

    return rule


def _box(call: Call) -> Meaning:
    """A box filter is an average pool when it is normalised, else a sum."""
    return _pool("AveragePool" if call.values.get("normalize") is True else "LpPool")(call)


def _linear(_call: Call) -> Meaning:
    return Meaning("Gemm", ("input", "filter", "bias"), {"transB": 1})


def _matmul(call: Call) -> Meaning:
    found: dict[str, Attribute] = {
        "transA": int(call.values.get("transposeA") is True), "transB": int(call.values.get("transposeB") is True),
    }  # fmt: skip
    return Meaning("MatMul", ("A", "B"), found)


def _normalization(call: Call) -> Meaning:
    names = ("input", "scale", "offset", "mean", "variance")
    return Meaning("BatchNormalization", names, {"epsilon": call.real("epsilon", 0.0)})


def _unit(norm: int) -> Callable[[Call], Meaning]:
    def rule(call: Call) -> Meaning:
        axes = call.integers("axes")
        return Meaning("LpNormalization", ("input",), {"p": norm, "axis": axes[0] if axes else 1})

    return rule


def _local_response(call: Call) -> Meaning:
    size = max(call.integers("size") or (1,))
    found: dict[str, Attribute] = {
        "size": size, "alpha": call.real("alpha", 1.0), "beta": call.real("beta", 0.5), "bias": call.real("bias", 1.0),
    }  # fmt: skip
    return Meaning("LRN", ("input",), found)


def _upsample(mode: str, *, down: bool = False) -> Callable[[Call], Meaning]:
    def rule(call: Call) -> Meaning:
        factors = call.integers("factor")
        scales = tuple([1 / factor if down and factor else float(factor) for factor in factors])
        transform = {"aligned": "align_corners", "asymmetric": "asymmetric"}.get(
            str(call.values.get("method")), "half_pixel"
        )
        found: dict[str, Attribute] = {"mode": mode, "coordinate_transformation_mode": transform}
        return Meaning("Resize", ("input",), found | {"scales": (1.0, 1.0, *scales)})

    return rule


def _area(call: Call) -> Meaning:
    factors = call.integers("factor")
    return Meaning("AveragePool", ("input",), {"kernel_shape": factors, "strides": factors})


def _reshape(call: Call) -> Meaning:
    """Part of the axes may be reshaped: those before are copied; those behind are known by number only."""
    start, count, shape = call.integer("axis_start", 0), call.integer("axis_count", -1), call.integers("shape")
    if count == -1 and 0 <= start <= MAX_RANK:
        return Meaning("Reshape", ("input",), {"shape": (0,) * start + shape})
    return Meaning("Reshape", ("input",))


def _slice(call: Call) -> Meaning:
    axes, begin, end, stride = (call.integers(name) for name in ("axes", "begin", "end", "stride"))
    steps = stride or (1,) * len(axes)
    # An end of 0 means up to the end.
    ends = tuple([value or (1 << 31) - 1 for value in end])
    return Meaning("Slice", ("input",), {"axes": axes, "starts": begin, "ends": ends, "steps": steps})


def _pad(call: Call) -> Meaning:
    pairs = call.pairs("padding")
    mode = {"replicate": "edge", "reflect": "reflect", "reflect-even": "reflect"}.get(
        str(call.values.get("border", "constant")), "constant"
    )
    pads = tuple([first for first, _ in pairs]) + tuple([last for _, last in pairs])
    return Meaning("Pad", ("input",), {"pads": pads, "mode": mode})


def _split(call: Call) -> Meaning:
    ratios = call.integers("ratios")
    found: dict[str, Attribute] = {"axis": call.integer("axis", 0), "num_outputs": len(ratios) or call.outputs}
    if len(set(ratios)) > 1:
        found["ratios"] = ratios  # parts in these proportions
    return Meaning("Split", ("value",), found)


def _arg(kind: str) -> Callable[[Call], Meaning]:
    def rule(call: Call) -> Meaning:
        axes = call.integers("axes")
        return Meaning(kind, ("input",), {"axis": axes[0] if axes else 0, "keepdims": 1})

    return rule


def _axes(kind: str, name: str = "axes") -> Callable[[Call], Meaning]:
    return lambda call: Meaning(kind, ("input",), {name: call.integers("axes")})


def _softmax(call: Call) -> Meaning:
    axes = call.integers("axes")
    return Meaning("Softmax", ("x",), {"axis": axes[0] if axes else 1})


def _external(call: Call) -> Meaning:
    return Meaning("Input", (), {"shape": call.integers("shape")})


_RULES: Final[Mapping[str, Callable[[Call], Meaning]]] = {
    "add_n": lambda _call: Meaning("Sum", ("x",)),
    "area_downsample": _area,
    "argmax_reduce": _arg("ArgMax"),
    "argmin_reduce": _arg("ArgMin"),
    "avg_pool": _pool("AveragePool"),
    "batch_normalization": _normalization,
    "box": _box,
    "cast": lambda _call: Meaning("Cast", ("input",)),
    "clamp": lambda _call: Meaning("Clip", ("x", "a", "b")),
    "concat": lambda call: Meaning("Concat", ("values",), {"axis": call.integer("axis", 0)}),
    "constant": lambda _call: Meaning("Constant", ()),
    "conv": _convolution,
    "copy_n": lambda _call: Meaning("Identity", ("x",)),
    "deconv": _convolution,
    "elu": lambda call: Meaning("Elu", ("x",), {"alpha": call.real("alpha", 1.0)}),
    "external": _external,
    "gather": lambda call: Meaning("Gather", ("input", "indices"), {"axis": call.integer("axis", 0)}),
    "l1_normalization": _unit(1),
    "l2_normalization": _unit(2),
    "leaky_relu": lambda call: Meaning("LeakyRelu", ("x",), {"alpha": call.real("alpha", 0.01)}),
    "linear": _linear,
    "local_response_normalization": _local_response,
    "matmul": _matmul,
    "max_pool": _pool("MaxPool"),
    "max_pool_with_index": _pool("MaxPool"),
    "multilinear_upsample": _upsample("linear"),
    "nearest_downsample": _upsample("nearest", down=True),
    "nearest_upsample": _upsample("nearest"),
    "pad": _pad,
    "prelu": lambda _call: Meaning("PRelu", ("x", "alpha")),
    "reshape": _reshape,
    "select": lambda _call: Meaning("Where", ("condition", "true_value", "false_value")),
    "slice": _slice,
    "softmax": _softmax,
    "split": _split,
    "squeeze": _axes("Squeeze"),
    "stack": lambda call: Meaning("Concat", ("values",), {"axis": call.integer("axis", 0), "new_axis": 1}),
    "tile": lambda call: Meaning("Tile", ("input",), {"repeats": call.integers("repeats")}),
    "transpose": _axes("Transpose", "perm"),
    "unsqueeze": _axes("Unsqueeze"),
    "unstack": lambda call: Meaning("Split", ("value",), {"axis": call.integer("axis", 0), "keepdims": 0}),
    "update": lambda _call: Meaning("Assign", ("variable", "value")),
    "variable": lambda _call: Meaning("Variable", ()),
    **{name: (lambda _call: Meaning("QuantizeLinear", ("x",))) for name in _QUANTIZERS},
}
