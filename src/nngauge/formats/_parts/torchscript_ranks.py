"""Ranks of tensors as far as operators alone tell: scripted code asks for them before it chooses what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.formats.vocabulary.torch import Call, Ref

_SPATIAL: Final = {"1d": 3, "2d": 4, "3d": 5}
_KEPT: Final = frozenset(
    [
        "batch_norm",
        "instance_norm",
        "layer_norm",
        "group_norm",
        "rms_norm",
        "linear",
        "softmax",
        "log_softmax",
        "elu",
        "leaky_relu",
        "celu",
        "prelu",
        "clamp",
        "hardtanh",
        "relu6",
        "relu",
        "sigmoid",
        "tanh",
        "exp",
        "log",
        "sqrt",
        "abs",
        "neg",
        "floor",
        "ceil",
        "round",
        "sin",
        "cos",
        "erf",
        "sign",
        "reciprocal",
        "rsqrt",
        "square",
        "hardswish",
        "hardsigmoid",
        "silu",
        "gelu",
        "mish",
        "softplus",
        "softsign",
        "selu",
        "dropout",
        "feature_dropout",
        "clone",
        "detach",
        "contiguous",
        "alias",
        "to",
        "type_as",
        "pad",
        "constant_pad_nd",
        "transpose",
        "flip",
        "cat",
        "slice",
        "masked_fill",
        "cumsum",
        "pixel_shuffle",
        "pixel_unshuffle",
        "channel_shuffle",
        "zeros_like",
        "ones_like",
        "tril",
        "triu",
        "cpu",
        "float",
        "half",
        "data",
        "threshold",
        "clamp_min",
        "clamp_max",
        "pow",
        "rsub",
    ]
)
"""The result has as many axes as the first tensor."""
_BROADCAST: Final = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "maximum",
        "minimum",
        "where",
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "logical_and",
        "logical_or",
        "remainder",
        "floor_divide",
    ]
)
_REDUCED: Final = frozenset(
    ["mean", "sum", "amax", "amin", "prod", "argmax", "argmin", "norm", "var", "std", "max", "min", "any", "all"]
)


def rank_of(call: Call, ranks: Mapping[int, int]) -> int | None:
    """Axes of the call's result, None when they cannot be told."""
    name = call.name
    fixed = _fixed(name)
    if fixed is not None:
        return fixed
    if name in ("view", "reshape", "_unsafe_view", "expand", "permute"):
        sizes = call.get(1)
        return len(sizes) if isinstance(sizes, tuple) else None
    if name in ("zeros", "ones", "full", "empty", "rand", "randn"):
        sizes = call.get(0)
        return len(sizes) if isinstance(sizes, tuple) else None
    if name in _BROADCAST:
        return _widest(call, ranks)
    known = _first(call, ranks)
    if known is None:
        return None
    return known if name in _KEPT else _moved(call, known)


def _fixed(name: str) -> int | None:
    """Convolutions, pools and resizing along space have their rank in the name."""
    start = name.removeprefix("_")
    if start == "lstm_cell":
        return 2
    if not start.startswith(
        ("conv", "max_pool", "avg_pool", "adaptive_", "upsample_", "reflection_pad", "replication_pad")
    ):
        return None
    return next((rank for end, rank in _SPATIAL.items() if end in start), None)


def _widest(call: Call, ranks: Mapping[int, int]) -> int | None:
    """Broadcasting takes the highest rank; plain numbers have none."""
    found = [ranks.get(arg.at) for arg in call.args[:3] if isinstance(arg, Ref)]
    return max(rank for rank in found if rank is not None) if found and None not in found else None


def _first(call: Call, ranks: Mapping[int, int]) -> int | None:
    first = call.get(0)
    if isinstance(first, tuple):
        first = next((item for item in first if isinstance(item, Ref)), None)
    return ranks.get(first.at) if isinstance(first, Ref) else None


def _moved(call: Call, rank: int) -> int | None:
    name = call.name
    if name in ("unsqueeze", "stack"):
        return rank + 1
    if name == "select":
        return rank - 1
    if name == "flatten":
        start, end = call.integer(1, 0) % max(rank, 1), call.integer(2, -1) % max(rank, 1)
        return rank - max(end - start, 0)
    if name in ("split", "chunk", "split_with_sizes"):
        return rank
    if name in _REDUCED and (isinstance(call.get(1), int | tuple)):
        axes = call.get(1)
        count = len(axes) if isinstance(axes, tuple) else 1
        return rank if call.integer(2, 0, "keepdim") else rank - count
    return None
