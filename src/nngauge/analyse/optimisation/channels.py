"""Which axis of a weight tensor counts output channels, and how many of them are dead."""

from __future__ import annotations

import math
from typing import Final

from nngauge.analyse.optimisation.scopes import Scope
from nngauge.domain.graph import Node, Tensor

_LAYOUTS: Final = {
    "Conv": "OIHW",
    "FusedConv": "OIHW",
    "QLinearConv": "OIHW",
    "ConvInteger": "OIHW",
    "ConvTranspose": "IOHW",
}
_DENSE: Final = frozenset({"Gemm", "FusedGemm", "MatMul", "FusedMatMul", "MatMulInteger", "QLinearMatMul"})
_WEIGHT_INPUT: Final = {"QLinearConv": 3, "QLinearMatMul": 3}
"""Place of the weight among the inputs where it is not the second."""
_MAX_ROWS: Final = 1 << 20
"""Slices cut while a tensor is searched; beyond, the answer stays unknown."""


def channel_axes(scope: Scope) -> dict[int, tuple[int, ...]]:
    """Constant's index → the axes that together count the output channels of the operation that reads it."""
    found: dict[int, tuple[int, ...]] = {}
    for node in scope.graph.nodes:
        if node.kind not in _LAYOUTS and node.kind not in _DENSE:
            continue
        place = _WEIGHT_INPUT.get(node.kind, 1)
        if place >= len(node.inputs):
            continue
        index = node.inputs[place]
        tensor = scope.tensor(index)
        if tensor is not None and not tensor.constant:
            # Behind a dequantisation the axes are the same; behind a transposition they are not.
            maker = scope.producers.get(index)
            if maker is None or maker.kind not in ("DequantizeLinear", "Cast") or not maker.inputs:
                continue
            index = maker.inputs[0]
            tensor = scope.tensor(index)
        axes = _axes(node, tensor) if tensor is not None and tensor.constant else ()
        if axes:
            found.setdefault(index, axes)
    return found


def _axes(node: Node, tensor: Tensor) -> tuple[int, ...]:
    rank = len(tensor.shape or ())
    if node.kind in _DENSE:
        if rank < 2:
            return ()
        return (rank - 2,) if node.attributes.get("transB") else (rank - 1,)
    layout = node.attributes.get("weight_layout")
    if not isinstance(layout, str):
        layout = _LAYOUTS[node.kind or ""]
        if node.kind == "ConvTranspose" and node.attributes.get("group", 1) != 1:
            return ()  # O/group: one position stands for several channels
    if layout in ("1HWO", "HWIM"):
        return (rank - 1,) if layout == "1HWO" else (rank - 2, rank - 1)
    if layout.startswith("GI"):
        return ()  # groups and outputs are no neighbours
    if layout.startswith("GO"):
        return (0, 1) if rank >= 3 else ()
    place = layout.find("O")
    # Layouts are written for two spatial axes; with fewer or more, a last axis stays the last.
    return (place if place < 2 else rank - 1,) if place >= 0 and rank >= 2 else ()


def dead_channels(mask: bytes, shape: tuple[int, ...], axes: tuple[int, ...]) -> int | None:
    """Positions along `axes` (neighbours) at which `mask` is 0 everywhere; None when that takes too long to see."""
    first, last = axes[0], axes[-1]
    if not 0 <= first <= last < len(shape):
        return None
    outer, count = math.prod(shape[:first]), math.prod(shape[first : last + 1])
    inner = math.prod(shape[last + 1 :])
    if outer * count * inner != len(mask) or not mask:
        return None
    if inner == 1:
        if count > _MAX_ROWS:
            return None
        return sum(1 not in mask[place::count] for place in range(count))
    if outer * count > _MAX_ROWS:
        return None
    alive = bytearray(count)
    for row in range(outer * count):
        if mask.find(1, row * inner, (row + 1) * inner) >= 0:
            alive[row % count] = 1
    return alive.count(0)
