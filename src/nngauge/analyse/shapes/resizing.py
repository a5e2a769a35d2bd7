"""Shapes of `Resize` and `Upsample`: https://onnx.ai/onnx/operators/onnx__Resize.html."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, isfinite
from typing import Final

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import (
    Element,
    Operation,
    Shape,
    Shapes,
    UnknownError,
    Values,
    layout_of,
    place_of,
)
from nngauge.domain.graph import Dim

_FINEST: Final = 64
"""Largest denominator of a scale that is applied to an expression."""


def resize(op: Operation) -> Shapes:
    """`Resize`: to `sizes` (attribute or input 3), or by `scales` (attribute or input 2)."""
    shape = op.shape()
    sizes = op.sizes("sizes", 3)
    if sizes:
        return (_sized(op, shape, sizes),)
    scales = op.listed("scales", 2)
    if not scales and op.maybe(1) not in (None, (0,)) and len(op.shape(1)) == len(shape):
        # ncnn's second input is a picture of the wanted size.
        like, spatial = op.shape(1), layout_of(op, len(shape)).spatial
        return (tuple([like[axis] if axis in spatial else dim for axis, dim in enumerate(shape)]),)
    return (_scaled(op, shape, scales),)


def upsample(op: Operation) -> Shapes:
    """`Upsample`: by `scales` (attribute or input 1)."""
    return (_scaled(op, op.shape(), op.listed("scales", 1)),)


def _places(op: Operation, rank: int, count: int) -> Sequence[int]:
    """The axes that `count` numbers are for: `axes`, all, or the spatial ones."""
    axes = op.integers("axes")
    if axes is not None and len(axes) == count:
        return [place_of(axis, rank) for axis in axes]
    spatial = layout_of(op, rank).spatial
    if count in (rank, len(spatial)):
        return range(rank) if count == rank else spatial
    raise UnknownError("sizes or scales do not fit the number of axes")


def _sized(op: Operation, shape: Shape, sizes: Shape) -> Shape:
    found = list(shape)
    places = _places(op, len(shape), len(sizes))
    policy = op.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        for place, size in zip(places, sizes, strict=True):
            found[place] = size
        return tuple(found)
    pairs = [(shape[place], size) for place, size in zip(places, sizes, strict=True)]
    ratios = [Fraction(size, dim) for dim, size in pairs if isinstance(dim, int) and isinstance(size, int) and dim]
    if len(ratios) != len(pairs):
        return tuple(None if place in places else dim for place, dim in enumerate(shape))
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    for place in places:
        size = shape[place]
        found[place] = floor(size * ratio + Fraction(1, 2)) if isinstance(size, int) else None
    return tuple(found)


def _scaled(op: Operation, shape: Shape, scales: Values | None) -> Shape:
    if not scales:
        raise UnknownError("sizes and scales are missing")
    found = list(shape)
    for place, scale in zip(_places(op, len(shape), len(scales)), scales, strict=True):
        found[place] = _times(shape[place], scale)
    return tuple(found)


def _times(size: Dim, scale: Element) -> Dim:
    """``floor(size × scale)``. Scales are 32-bit floats: a third that is a little too small would lose a pixel."""
    if not isinstance(scale, int | float) or abs(scale) > 1 << 30 or not isfinite(scale):
        return None
    exact = Fraction(scale)
    simple = exact.limit_denominator(_FINEST)
    ratio = simple if abs(simple - exact) < Fraction(1, 1 << 22) * abs(exact) else exact
    if isinstance(size, int):
        return floor(size * ratio)
    return dims.divide(dims.multiply(size, ratio.numerator), ratio.denominator) if ratio is simple else None
