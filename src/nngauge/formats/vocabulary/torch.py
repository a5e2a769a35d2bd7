"""PyTorch operators (ATen and its neighbours) by their ONNX counterparts, for TorchScript and ExecuTorch.

Signatures: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml. Arguments come by
position, as archives and programs store them. Overloads, in-place underscores and ``_copy`` change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, DType
from nngauge.formats.vocabulary.torch_plain import PLAIN, UNARY


class Ref(Struct, frozen=True):
    """An argument that is a value of the graph."""

    at: int
    """Whatever the reader of the format numbers its values by."""


class Unknown(Struct, frozen=True):
    """An argument that could not be told."""


Arg = Ref | Unknown | int | float | str | None | tuple["Arg", ...]
"""A value, a plain number or text, or a list of those."""

SCALAR_TYPES: Final = (
    DType.UINT8, DType.INT8, DType.INT16, DType.INT32, DType.INT64, DType.FLOAT16, DType.FLOAT32, DType.FLOAT64,
    DType.UNKNOWN, DType.COMPLEX64, DType.COMPLEX128, DType.BOOL, DType.INT8, DType.UINT8, DType.INT32,
    DType.BFLOAT16, DType.UINT4, DType.UINT2,
)  # fmt: skip
"""Element types by number (c10/core/ScalarType.h); from 18 on they differ too little from another to matter here."""
_LATE_TYPES: Final = {
    23: DType.FLOAT8_E5M2,
    24: DType.FLOAT8_E4M3,
    27: DType.UINT16,
    28: DType.UINT32,
    29: DType.UINT64,
}
_END: Final = 1 << 31
"""Exporters write the largest 64-bit number where a slice has no end; from here on it means that."""


class Call(Struct):
    """One call: its arguments by position, those that only have a name, and what becomes of it."""

    name: str
    """Without namespace, overload, underscores and ``_copy``."""
    args: Sequence[Arg]
    named: Mapping[str, Arg] = field(default_factory=dict)

    def get(self, place: int, name: str = "") -> Arg:
        """Argument number `place`, or the one called `name`."""
        if 0 <= place < len(self.args):
            return self.args[place]
        return self.named.get(name) if name else None

    def integer(self, place: int, default: int, name: str = "") -> int:
        """A plain integer or truth value."""
        value = self.get(place, name)
        return int(value) if isinstance(value, int) else default

    def real(self, place: int, default: float, name: str = "") -> float:
        """A plain number."""
        value = self.get(place, name)
        return float(value) if isinstance(value, int | float) else default

    def integers(self, place: int, name: str = "") -> tuple[int, ...] | None:
        """A list of plain integers; one number counts as a list of one, None when any is not plain."""
        value = self.get(place, name)
        items = value if isinstance(value, tuple) else (value,)
        found = tuple(int(item) for item in items if isinstance(item, int))
        return found if len(found) == len(items) else None


class Canonical(Struct, frozen=True):
    """An operation in the words of docs/operators.md."""

    kind: str
    inputs: tuple[Arg, ...]
    """Values, `ABSENT`, or plain numbers and lists that stand for small constants."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


ABSENT: Final = None
"""No input here: ONNX leaves it out."""
Rule = Callable[[Call], Canonical]


def plain_name(op: str) -> str:
    """``aten::relu_`` and ``aten::relu.out`` are ``relu``; ``view_copy`` is ``view``."""
    name = op.rpartition("::")[2].partition(".")[0]
    if name.startswith("__"):
        return name
    return name.rstrip("_").removesuffix("_copy") or name


def canonical(op: str, args: Sequence[Arg], named: Mapping[str, Arg] | None = None) -> Canonical | None:
    """What a call does, None for operators that are not known."""
    space = op.partition("::")[0]
    call = Call(plain_name(op), args, named or {})
    rule = _RULES.get(call.name)
    if rule is None:
        kind = UNARY.get(call.name)
        if kind is not None:
            return Canonical(kind, tuple(call.args[:1]))
        kind = PLAIN.get(call.name)
        if kind is not None:
            return Canonical(kind, _values(call.args))
        return None if space in ("aten", "prim") else _foreign(space, call)
    return rule(call)


def element_type(code: Arg) -> str | None:
    """Our name for a number of `SCALAR_TYPES`."""
    if not isinstance(code, int) or isinstance(code, bool) or code < 0:
        return None
    dtype = SCALAR_TYPES[code] if code < len(SCALAR_TYPES) else _LATE_TYPES.get(code, DType.UNKNOWN)
    return None if dtype is DType.UNKNOWN else str(dtype)


def _foreign(space: str, call: Call) -> Canonical | None:
    """Operators of libraries outside PyTorch are custom ones; quantised ones do what their plain namesakes do."""
    if space not in ("quantized", "torchvision", "torchaudio", "prepacked", "quantized_decomposed"):
        return Canonical("Custom", _values(call.args))
    bare = call.name.removesuffix("_dynamic").removesuffix("_prepack")
    fused = next((end for end in ("_relu", "_clamp_run") if bare.endswith(end)), "")
    name = bare.removesuffix(fused).removesuffix("_run").removesuffix("_per_channel")
    kind = {"conv1d": "Conv", "conv2d": "Conv", "conv3d": "Conv", "conv2d_clamp": "Conv", "linear": "MatMul"}.get(name)
    kind = kind or PLAIN.get(name) or UNARY.get(name)
    if kind is None:
        return Canonical("Custom", _values(call.args))
    extra: dict[str, Attribute] = {"fused_activation": "Relu"} if fused == "_relu" else {}
    if kind == "MatMul":
        extra["transB"] = 1
    return Canonical(kind, _values(call.args), extra)


def _values(args: Sequence[Arg]) -> tuple[Arg, ...]:
    """The values among the arguments, those inside lists too."""
    found: list[Arg] = []
    for arg in args:
        if isinstance(arg, Ref):
            found.append(arg)
        elif isinstance(arg, tuple):
            found.extend(item for item in arg if isinstance(item, Ref))
    return tuple(found)


def _trimmed(inputs: Sequence[Arg]) -> tuple[Arg, ...]:
    """Without the optional inputs at the end that are absent."""
    found = list(inputs)
    while found and found[-1] is ABSENT:
        found.pop()
    return tuple(found)


def _spread(values: tuple[int, ...] | None, rank: int, default: int) -> tuple[int, ...] | None:
    """One number for each spatial axis; a single one counts for all, None when they are not plain numbers."""
    if values is None:
        return None
    if not values:
        return (default,) * rank
    return values * rank if len(values) == 1 else values


def _present(**found: Attribute | None) -> dict[str, Attribute]:
    return {name: value for name, value in found.items() if value is not None}


def _window(call: Call, rank: int, stride: int, padding: int, dilation: int) -> dict[str, Attribute]:
    """Strides, pads and dilations from the arguments at these places; −1 where the operator has none."""
    pads: tuple[int, ...] | None = None
    auto: str | None = None
    mode = call.get(padding)
    if isinstance(mode, str):
        auto = "VALID" if mode == "valid" else "SAME_UPPER"
    else:
        pads = _spread(call.integers(padding) if mode is not None else (), rank, 0)
    return _present(
        strides=_spread(call.integers(stride) if call.get(stride) is not None else (), rank, 1),
        pads=None if pads is None else pads * 2,
        dilations=_spread(call.integers(dilation) if call.get(dilation) is not None else (), rank, 1),
        auto_pad=auto,
    )


def _conv(rank: int) -> Rule:
    def rule(call: Call) -> Canonical:
        found = _window(call, rank, 3, 4, 5) | {"group": call.integer(6, 1)}
        return Canonical("Conv", _trimmed([call.get(0), call.get(1), call.get(2)]), found)

    return rule


def _conv_transpose(rank: int) -> Rule:
    def rule(call: Call) -> Canonical:
        found = _window(call, rank, 3, 4, 7) | {"group": call.integer(6, 1)}
        found |= _present(output_padding=_spread(call.integers(5) if call.get(5) is not None else (), rank, 0))
        return Canonical("ConvTranspose", _trimmed([call.get(0), call.get(1), call.get(2)]), found)

    return rule


def _convolution(call: Call) -> Canonical:
    """The general form, whose rank only its lists tell."""
    strides, transposed = call.integers(3) or (), call.get(6) is True or call.get(6) == 1
    found = _window(call, max(len(strides), 1), 3, 4, 5) | {"group": call.integer(8, 1)}
    if transposed:
        found |= _present(output_padding=call.integers(7))
    kind = "ConvTranspose" if transposed else "Conv"
    return Canonical(kind, _trimmed([call.get(0), call.get(1), call.get(2)]), found)


def _pool(kind: str, rank: int) -> Rule:
    """``max_pool``: kernel, stride, padding, dilation, ceil; ``avg_pool``: kernel, stride, padding, ceil, with pads."""

    def rule(call: Call) -> Canonical:
        kernel = _spread(call.integers(1), rank, 1)
        largest = kind == "MaxPool"
        found = _window(call, rank, 2, 3, 4 if largest else -1)
        if not call.get(2):
            found |= _present(strides=kernel)
        if not largest:
            found.pop("dilations", None)
            found["count_include_pad"] = call.integer(5, 1)
        found |= _present(kernel_shape=kernel) | {"ceil_mode": call.integer(5 if largest else 4, 0)}
        return Canonical(kind, (call.get(0),), found)

    return rule


def _adaptive(kind: str, rank: int) -> Rule:
    def rule(call: Call) -> Canonical:
        sizes = _spread(call.integers(1), rank, 1)
        if sizes is not None and all(size == 1 for size in sizes):
            return Canonical(f"Global{kind}", (call.get(0),))
        return Canonical(kind, (call.get(0),), _present(sizes=sizes))

    return rule


def _linear(call: Call) -> Canonical:
    return Canonical("MatMul", _trimmed([call.get(0), call.get(1), call.get(2)]), {"transB": 1})


def _addmm(call: Call) -> Canonical:
    return Canonical("Gemm", (call.get(1), call.get(2), call.get(0)))


def _baddbmm(call: Call) -> Canonical:
    return Canonical("MatMul", (call.get(1), call.get(2), call.get(0)))


def _einsum(call: Call) -> Canonical:
    equation = call.get(0)
    return Canonical("Einsum", _values(call.args), {"equation": equation} if isinstance(equation, str) else {})


def _batch_norm(call: Call) -> Canonical:
    """Eps is the last number but one of ``batch_norm``, the last of the forms for inference."""
    epsilon = call.real(7 if isinstance(call.get(5), bool) else 6, 1e-5)
    return Canonical("BatchNormalization", _trimmed([call.get(place) for place in range(5)]), {"epsilon": epsilon})


def _instance_norm(call: Call) -> Canonical:
    inputs = _trimmed([call.get(0), call.get(1), call.get(2)])
    return Canonical("InstanceNormalization", inputs, {"epsilon": call.real(7, 1e-5)})


def _layer_norm(call: Call) -> Canonical:
    axes = call.get(1)
    axis = -len(axes) if isinstance(axes, tuple) else -1
    rms = call.name == "rms_norm"
    inputs = [call.get(0), call.get(2)] if rms else [call.get(0), call.get(2), call.get(3)]
    found: dict[str, Attribute] = {"axis": axis, "epsilon": call.real(3 if rms else 4, 1e-5)}
    return Canonical("RMSNormalization" if rms else "LayerNormalization", _trimmed(inputs), found)


def _group_norm(call: Call) -> Canonical:
    native = call.name == "native_group_norm"
    inputs = [call.get(0), call.get(1), call.get(2)] if native else [call.get(0), call.get(2), call.get(3)]
    return Canonical("GroupNormalization", _trimmed(inputs), {"num_groups": call.integer(6 if native else 1, 1)})


def _clip(call: Call) -> Canonical:
    low, high = {"relu6": (0.0, 6.0), "hardtanh": (call.real(1, -1.0), call.real(2, 1.0))}.get(
        call.name, (call.real(1, float("-inf"), "min"), call.real(2, float("inf"), "max"))
    )
    return Canonical("Clip", (call.get(0),), {"min": low, "max": high})


def _leaky(kind: str, default: float) -> Rule:
    return lambda call: Canonical(kind, (call.get(0),), {"alpha": call.real(1, default)})


def _softmax(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(0),), {"axis": call.integer(1, -1, "dim")})


def _binary(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(0), call.get(1)))


def _reversed(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(1), call.get(0)))


def _identity(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(0),))


def _to(call: Call) -> Canonical:
    """The overloads of ``to`` have the element type first, behind a device, or in another tensor."""
    if isinstance(call.get(1), Ref):
        return Canonical("CastLike", (call.get(0), call.get(1)))
    code = call.named.get("dtype", next((arg for arg in call.args[1:3] if element_type(arg)), None))
    name = element_type(code)
    return Canonical("Cast" if name else "Identity", (call.get(0),), _present(to=name))


def _reshape(place: int) -> Rule:
    """``view`` and ``reshape``; sizes that are computed become an input."""

    def rule(call: Call) -> Canonical:
        shape = call.integers(place)
        if shape is None:
            return Canonical("Reshape", (call.get(0), call.get(place)))
        return Canonical("Reshape", (call.get(0),), {"shape": shape, "allowzero": 0})

    return rule


def _flatten(call: Call) -> Canonical:
    start, end = call.integer(1, 0), call.integer(2, -1)
    if start == 1 and end == -1:
        return Canonical("Flatten", (call.get(0),), {"axis": 1})
    if start >= 0 and end == -1:
        return Canonical("Reshape", (call.get(0),), {"shape": (0,) * min(start, 8) + (-1,)})
    return Canonical("Reshape", (call.get(0),))


def _axes(kind: str) -> Rule:
    def rule(call: Call) -> Canonical:
        axes = call.integers(1) if call.get(1) is not None else None
        return Canonical(kind, (call.get(0),), _present(axes=axes or None))

    return rule


def _permute(call: Call) -> Canonical:
    return Canonical("Transpose", (call.get(0),), _present(perm=call.integers(1)))


def _transpose(call: Call) -> Canonical:
    """Two axes change places; which ONNX permutation that is only the rank tells."""
    if call.name in ("t", "numpy_T"):
        return Canonical("Transpose", (call.get(0),), {"perm": (1, 0)})
    return Canonical("Transpose", (call.get(0),), {"swap": (call.integer(1, 0), call.integer(2, 1))})


def _concat(call: Call) -> Canonical:
    items = call.get(0)
    found: dict[str, Attribute] = {"axis": call.integer(1, 0, "dim")}
    if call.name == "stack":
        found["new_axis"] = 1
    return Canonical("Concat", items if isinstance(items, tuple) else (items,), found)


def _split(call: Call) -> Canonical:
    """``split`` gives the size of the parts, ``chunk`` and ``tensor_split`` their number, ``unbind`` drops the axis."""
    if call.name == "unbind":
        return Canonical("Split", (call.get(0),), {"axis": call.integer(1, 0, "dim"), "keepdims": 0})
    found: dict[str, Attribute] = {"axis": call.integer(2, 0, "dim")}
    sizes = call.get(1)
    if call.name in ("chunk", "tensor_split", "unsafe_chunk") and isinstance(sizes, int):
        found["num_outputs"] = sizes
    elif isinstance(sizes, tuple):
        found |= _present(split=call.integers(1))
    elif isinstance(sizes, int):
        found["split_size"] = sizes
    return Canonical("Split", (call.get(0),), found)


def _select(call: Call) -> Canonical:
    axis, index = call.integer(1, 0), call.get(2)
    if not isinstance(index, int):
        return Canonical("Gather", _values(call.args), {"axis": axis})
    end = index + 1 if index != -1 else _END
    return Canonical("Slice", (call.get(0),), {"starts": (index,), "ends": (end,), "axes": (axis,), "squeeze": (axis,)})


def _slice(call: Call) -> Canonical:
    axis, step = call.integer(1, 0), call.integer(4, 1)
    start, end = call.get(2) or 0, call.get(3)
    end = _END if end is None else min(end, _END) if isinstance(end, int) else end
    if isinstance(start, int) and isinstance(end, int):
        found: dict[str, Attribute] = {"starts": (start,), "ends": (end,), "axes": (axis,), "steps": (step,)}
        return Canonical("Slice", (call.get(0),), found)
    return Canonical("Slice", (call.get(0), (start,), (end,), (axis,), (step,)))


def _expand(call: Call) -> Canonical:
    """−1 keeps a size, as 1 does in ONNX."""
    shape = call.integers(1)
    if shape is None:
        return Canonical("Expand", (call.get(0), call.get(1)))
    return Canonical("Expand", (call.get(0),), {"shape": tuple(1 if size == -1 else size for size in shape)})


def _repeat(call: Call) -> Canonical:
    repeats = call.integers(1)
    return Canonical(
        "Tile", (call.get(0), call.get(1)) if repeats is None else (call.get(0),), _present(repeats=repeats)
    )


def _index(call: Call) -> Canonical:
    """One index along one axis is a gather, several are coordinates."""
    items = call.get(1)
    places = [place for place, item in enumerate(items) if item is not None] if isinstance(items, tuple) else []
    if len(places) == 1 and isinstance(items, tuple):
        return Canonical("Gather", (call.get(0), items[places[0]]), {"axis": places[0]})
    return Canonical("GatherND", (call.get(0), *_values(call.args[1:])))


def _gather(kind: str) -> Rule:
    return lambda call: Canonical(
        kind, (call.get(0), call.get(2), *_values([call.get(3)])), {"axis": call.integer(1, 0)}
    )


def _masked_fill(call: Call) -> Canonical:
    return Canonical("Where", (call.get(1), call.get(2), call.get(0)))


def _where(call: Call) -> Canonical:
    if len(call.args) < 2:
        return Canonical("NonZero", (call.get(0),))
    return Canonical("Where", (call.get(0), call.get(1), call.get(2)))


def _reduce(kind: str) -> Rule:
    """Over all axes without a list of them; ``max`` and ``min`` of two tensors are something else."""

    def rule(call: Call) -> Canonical:
        if kind in ("ReduceMax", "ReduceMin") and isinstance(call.get(1), Ref):
            return Canonical(kind.removeprefix("Reduce"), (call.get(0), call.get(1)))
        place = 2 if call.name in ("norm", "linalg_vector_norm") else 1
        axes = call.integers(place, "dim") if call.get(place, "dim") is not None else None
        keep = call.integer(place + (2 if call.name in ("var", "std") and len(call.args) > 3 else 1), 0, "keepdim")
        return Canonical(kind, (call.get(0),), _present(axes=axes or None) | {"keepdims": keep})

    return rule


def _arg(kind: str) -> Rule:
    def rule(call: Call) -> Canonical:
        axis = call.get(1)
        found: dict[str, Attribute] = {"keepdims": call.integer(2, 0)}
        return Canonical(kind, (call.get(0),), found | ({"axis": axis} if isinstance(axis, int) else {}))

    return rule


def _top(call: Call) -> Canonical:
    return Canonical("TopK", (call.get(0), (call.get(1),)), {"axis": call.integer(2, -1, "dim")})


def _axis(kind: str, place: int = 1) -> Rule:
    return lambda call: Canonical(kind, (call.get(0),), {"axis": call.integer(place, -1, "dim")})


def _upsample(mode: str, rank: int) -> Rule:
    """Sizes of the spatial axes, or scales behind them."""

    def rule(call: Call) -> Canonical:
        found: dict[str, Attribute] = {"mode": mode, "axes": tuple(range(2, 2 + rank))}
        sizes = call.integers(1) if call.get(1) else None
        scales = next((arg for arg in reversed(call.args) if isinstance(arg, tuple)), ())
        plain = tuple(float(item) for item in scales if isinstance(item, int | float))
        if sizes is not None:
            found["sizes"] = _spread(sizes, rank, 1) or ()
        elif call.get(1) is None and plain:
            found["scales"] = plain * rank if len(plain) == 1 else plain
        elif isinstance(call.get(1), tuple | Ref):
            return Canonical("Resize", (call.get(0), ABSENT, ABSENT, call.get(1)), found)
        return Canonical("Resize", (call.get(0),), found)

    return rule


def _pad(call: Call) -> Canonical:
    """Pairs from the last axis on: ``(left, right, top, bottom)``."""
    pads = call.integers(1)
    mode = call.get(2) if isinstance(call.get(2), str) else call.name.partition("_")[0]
    found: dict[str, Attribute] = {"mode": {"reflection": "reflect", "replication": "edge"}.get(str(mode), "constant")}
    if mode in ("reflect", "replicate"):
        found["mode"] = "edge" if mode == "replicate" else "reflect"
    if pads is None or len(pads) % 2:
        return Canonical("Pad", (call.get(0),), found)
    found |= {"pads": (*pads[::2], *pads[1::2]), "axes": tuple(range(-1, -1 - len(pads) // 2, -1))}
    return Canonical("Pad", (call.get(0),), found)


def _block(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(0),), {"blocksize": call.integer(1, 1), "mode": "CRD"})


def _shuffle(call: Call) -> Canonical:
    return Canonical("ShuffleChannel", (call.get(0),), {"group": call.integer(1, 1)})


def _embedding(call: Call) -> Canonical:
    return Canonical("Gather", (call.get(0), call.get(1)), {"axis": 0})


def _filled(call: Call) -> Canonical:
    """``zeros(size)``, ``full(size, value)``, and the forms that take the type of a tensor first."""
    place = 1 if call.name.startswith("new_") else 0
    shape = call.integers(place)
    dtype = element_type(call.named.get("dtype", call.get(place + (2 if "full" in call.name else 1))))
    found = _present(shape=shape, to=dtype)
    return Canonical("ConstantOfShape", () if shape is not None else (call.get(place),), found)


def _like(call: Call) -> Canonical:
    return Canonical("ConstantOfShape", (), {}) if not _values(call.args) else Canonical("ZerosLike", (call.get(0),))


def _random(kind: str) -> Rule:
    def rule(call: Call) -> Canonical:
        if call.name.endswith("_like"):
            return Canonical(f"{kind}Like", (call.get(0),))
        return Canonical(kind, _values(call.args), _present(shape=call.integers(0)))

    return rule


def _arange(call: Call) -> Canonical:
    plain = [arg for arg in call.args[:3] if isinstance(arg, Ref | int | float) and not isinstance(arg, bool)]
    start, end, step = (0, *plain[:1], 1) if len(plain) == 1 else (*plain[:2], plain[2] if len(plain) > 2 else 1)
    return Canonical("Range", (start, end, step))


def _size(call: Call) -> Canonical:
    axis = call.get(1)
    if not isinstance(axis, int):
        return Canonical("Shape", (call.get(0),))
    found: dict[str, Attribute] = {"start": axis} if axis == -1 else {"start": axis, "end": axis + 1}
    return Canonical("Shape", (call.get(0),), found)


def _item(call: Call) -> Canonical:
    """An element of a list of sizes: still a list, of one."""
    place = call.integer(1, 0)
    end = place + 1 if place != -1 else _END
    return Canonical("Slice", (call.get(0),), {"starts": (place,), "ends": (end,), "axes": (0,)})


def _recurrent(kind: str) -> Rule:
    """``(input, states, weights, biases?, layers, dropout, train, bidirectional, batch first)``: X, then all weights."""

    def rule(call: Call) -> Canonical:
        weights = call.get(2)
        both = call.get(7) is True or call.get(7) == 1
        found: dict[str, Attribute] = {
            "direction": "bidirectional" if both else "forward",
            "layout": 1 if call.get(8) in (True, 1) else 0,
            "num_layers": call.integer(4, 1),
        }
        return Canonical(kind, (call.get(0), *(weights if isinstance(weights, tuple) else ())), found)

    return rule


def _cell(kind: str) -> Rule:
    return lambda call: Canonical(kind, (call.get(0), *_values(call.args[2:])), {"cell": 1})


def _attention(call: Call) -> Canonical:
    return Canonical("Attention", _trimmed([call.get(place) for place in range(4)]))


def _multi_head(call: Call) -> Canonical:
    """``(query, key, value, width, heads, …weights)``."""
    return Canonical("MultiHeadAttention", _values(call.args), {"num_heads": call.integer(4, 1)})


def _quantize(call: Call) -> Canonical:
    """Scale and zero point are numbers or tensors; the element type is the last argument that names one."""
    name = next((element_type(arg) for arg in reversed(call.args) if element_type(arg)), None)
    return Canonical("QuantizeLinear", (call.get(0), call.get(1), call.get(2)), _present(to=name))


def _dequantize(call: Call) -> Canonical:
    return Canonical("DequantizeLinear", _trimmed([call.get(0), call.get(1), call.get(2)]))


_RANKS: Final = {"1d": 1, "2d": 2, "3d": 3}
_RULES: Final[Mapping[str, Rule]] = {
    **{f"conv{end}": _conv(rank) for end, rank in _RANKS.items()},
    **{f"conv_transpose{end}": _conv_transpose(rank) for end, rank in _RANKS.items()},
    **{f"max_pool{end}": _pool("MaxPool", rank) for end, rank in _RANKS.items()},
    **{f"max_pool{end}_with_indices": _pool("MaxPool", rank) for end, rank in _RANKS.items()},
    **{f"avg_pool{end}": _pool("AveragePool", rank) for end, rank in _RANKS.items()},
    **{f"adaptive_avg_pool{end}": _adaptive("AveragePool", rank) for end, rank in _RANKS.items()},
    **{f"_adaptive_avg_pool{end}": _adaptive("AveragePool", rank) for end, rank in _RANKS.items()},
    **{f"adaptive_max_pool{end}": _adaptive("MaxPool", rank) for end, rank in _RANKS.items()},
    **{f"upsample_nearest{end}": _upsample("nearest", rank) for end, rank in _RANKS.items()},
    **{f"reflection_pad{end}": _pad for end in _RANKS},
    **{f"replication_pad{end}": _pad for end in _RANKS},
    "_convolution": _convolution,
    "convolution": _convolution,
    "upsample_linear1d": _upsample("linear", 1),
    "upsample_bilinear2d": _upsample("linear", 2),
    "upsample_trilinear3d": _upsample("linear", 3),
    "upsample_bicubic2d": _upsample("cubic", 2),
    "_upsample_bilinear2d_aa": _upsample("linear", 2),
    "_upsample_bicubic2d_aa": _upsample("cubic", 2),
    "linear": _linear,
    "addmm": _addmm,
    "addmv": _addmm,
    "baddbmm": _baddbmm,
    "addbmm": _baddbmm,
    "einsum": _einsum,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "native_batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "native_layer_norm": _layer_norm,
    "rms_norm": _layer_norm,
    "group_norm": _group_norm,
    "native_group_norm": _group_norm,
    "relu6": _clip,
    "hardtanh": _clip,
    "clamp": _clip,
    "clip": _clip,
    "clamp_min": lambda call: Canonical("Clip", (call.get(0),), {"min": call.real(1, 0.0)}),
    "clamp_max": lambda call: Canonical("Clip", (call.get(0),), {"max": call.real(1, 0.0)}),
    "leaky_relu": _leaky("LeakyRelu", 0.01),
    "elu": _leaky("Elu", 1.0),
    "celu": _leaky("Celu", 1.0),
    "softmax": _softmax("Softmax"),
    "_softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
    "_log_softmax": _softmax("LogSoftmax"),
    "glu": _axis("GLU"),
    **{name: _binary(kind) for name, kind in {
        "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "divide": "Div", "true_divide": "Div",
        "floor_divide": "FloorDiv", "floordiv": "FloorDiv", "__floordiv__": "FloorDiv", "fmod": "Mod",
        "remainder": "Mod", "pow": "Pow", "maximum": "Max", "minimum": "Min", "eq": "Equal", "ne": "NotEqual",
        "lt": "Less", "gt": "Greater", "le": "LessOrEqual", "ge": "GreaterOrEqual", "atan2": "Atan2",
        "__is__": "Equal", "__isnot__": "NotEqual", "prelu": "PRelu", "_prelu_kernel": "PRelu",
        "truediv": "Div", "floor_mod": "Mod",
        "grid_sampler": "GridSample", "grid_sampler_2d": "GridSample", "copy": "Expand",
    }.items()},
    "rsub": _reversed("Sub"),
    "to": _to,
    "_to": _to,
    "_to_dim_order": _to,
    "type_as": _binary("CastLike"),
    "view": _reshape(1),
    "_unsafe_view": _reshape(1),
    "reshape": _reshape(1),
    "et_view": _reshape(1),
    "_reshape_alias": _reshape(1),
    "view_as": lambda call: Canonical("Reshape", (call.get(0),)),
    "reshape_as": lambda call: Canonical("Reshape", (call.get(0),)),
    "unflatten": lambda call: Canonical("Reshape", (call.get(0),)),
    "flatten": _flatten,
    "squeeze": _axes("Squeeze"),
    "unsqueeze": _axes("Unsqueeze"),
    "flip": _axes("Reverse"),
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "t": _transpose,
    "numpy_T": _transpose,
    "cat": _concat,
    "concat": _concat,
    "stack": _concat,
    "split": _split,
    "split_with_sizes": _split,
    "chunk": _split,
    "unsafe_chunk": _split,
    "unsafe_split": _split,
    "tensor_split": _split,
    "unbind": _split,
    "select": _select,
    "slice": _slice,
    "narrow": lambda call: _slice(Call("slice", (call.get(0), call.get(1), call.get(2), _sum(call), 1))),
    "expand": _expand,
    "expand_as": lambda call: Canonical("Expand", (call.get(0), call.get(1)), {"like": 1}),
    "broadcast_to": _expand,
    "repeat": _repeat,
    "tile": _repeat,
    "index": _index,
    "index_select": _gather("Gather"),
    "gather": _gather("GatherElements"),
    "scatter": _gather("ScatterElements"),
    "scatter_add": _gather("ScatterElements"),
    "masked_fill": _masked_fill,
    "where": _where,
    "mean": _reduce("ReduceMean"),
    "sum": _reduce("ReduceSum"),
    "prod": _reduce("ReduceProd"),
    "amax": _reduce("ReduceMax"),
    "amin": _reduce("ReduceMin"),
    "max": _reduce("ReduceMax"),
    "min": _reduce("ReduceMin"),
    "any": _reduce("ReduceAny"),
    "all": _reduce("ReduceAll"),
    "logsumexp": _reduce("ReduceLogSumExp"),
    "norm": _reduce("ReduceL2"),
    "linalg_vector_norm": _reduce("ReduceL2"),
    "var": _reduce("ReduceSumSquare"),
    "std": _reduce("ReduceSumSquare"),
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
    "topk": _top,
    "sort": _axis("Sort"),
    "argsort": _axis("Sort"),
    "cumsum": _axis("CumSum"),
    "cumprod": _axis("CumProd"),
    "pad": _pad,
    "constant_pad_nd": _pad,
    "pixel_shuffle": _block("DepthToSpace"),
    "pixel_unshuffle": _block("SpaceToDepth"),
    "channel_shuffle": _shuffle,
    "embedding": _embedding,
    "zeros": _filled,
    "ones": _filled,
    "full": _filled,
    "empty": _filled,
    "new_zeros": _filled,
    "new_ones": _filled,
    "new_full": _filled,
    "new_empty": _filled,
    **{f"{name}_like": _like for name in ("zeros", "ones", "full", "empty")},
    "rand": _random("RandomUniform"),
    "rand_like": _random("RandomUniform"),
    "randn": _random("RandomNormal"),
    "randn_like": _random("RandomNormal"),
    "arange": _arange,
    "size": _size,
    "sym_size": _size,
    "__getitem__": _item,
    "lstm": _recurrent("LSTM"),
    "gru": _recurrent("GRU"),
    "rnn_tanh": _recurrent("RNN"),
    "rnn_relu": _recurrent("RNN"),
    "lstm_cell": _cell("LSTM"),
    "gru_cell": _cell("GRU"),
    "rnn_tanh_cell": _cell("RNN"),
    "scaled_dot_product_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "custom_sdpa": _attention,
    "_native_multi_head_attention": _multi_head,
    "quantize_per_tensor": _quantize,
    "quantize_per_channel": _quantize,
    "dequantize": _dequantize,
    "dequantize_per_tensor": _dequantize,
    "dequantize_per_channel": _dequantize,
}  # fmt: skip


def _sum(call: Call) -> Arg:
    """Where ``narrow(x, axis, start, length)`` ends."""
    start, length = call.get(2), call.get(3)
    return start + length if isinstance(start, int) and isinstance(length, int) else Unknown()
