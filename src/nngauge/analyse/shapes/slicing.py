"""Shapes of `Slice`: https://onnx.ai/onnx/operators/onnx__Slice.html."""

from __future__ import annotations

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Element, Operation, Shape, Shapes, UnknownError, Values, place_of
from nngauge.domain.graph import Dim
from nngauge.limits import MAX_RANK


def slice_(op: Operation) -> Shapes:
    """`Slice` by starts, ends, axes and steps; then the axes in `squeeze` are dropped and `new_axes` put in."""
    shape = op.shape()
    try:
        starts, ends, axes, steps = bounds(op)
    except UnknownError:
        return (_rearranged(op, _vague(op, shape)),)
    found = list(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = place_of(axis, len(shape))
        found[place] = extent(shape[place], start, end, step)
    return (_rearranged(op, tuple(found)),)


def _vague(op: Operation, shape: Shape) -> Shape:
    """What computed bounds leave known: the axes that are not cut."""
    if not op.present(1) or "starts" in op.attributes:
        raise UnknownError("starts and ends are missing")
    try:
        axes = op.whole("axes", 3)
    except UnknownError:
        axes = None
    cut = range(len(shape)) if axes is None else [place_of(axis, len(shape)) for axis in axes]
    return tuple([None if axis in cut else dim for axis, dim in enumerate(shape)])


def bounds(op: Operation) -> tuple[Values, Values, tuple[int, ...], tuple[int, ...]]:
    """Starts, ends, axes and steps, all of one length."""
    starts = op.listed("starts", 1)
    if starts is None and op.present(6) and not op.present(7):
        # TensorFlow's begin and size follow after the inputs that ONNX knows.
        starts = op.listed("starts", 5)
        sizes = op.listed("sizes", 6)
        ends: Values | None = _stops(starts, sizes)
    else:
        ends = op.listed("ends", 2)
    if starts is None or ends is None:
        raise UnknownError("starts and ends are missing")
    axes, steps = op.whole("axes", 3), op.whole("steps", 4)
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(axes) == len(starts) == len(ends) == len(steps):
        raise UnknownError("starts, ends, axes and steps have different lengths")
    return starts, ends, axes, steps


def _stops(starts: Values | None, sizes: Values | None) -> Values | None:
    if starts is None or sizes is None or len(starts) != len(sizes):
        return None
    pairs = zip(starts, sizes, strict=True)
    return tuple([_PAST if size == -1 else dims.add(_dim(start), _dim(size)) for start, size in pairs])


def _rearranged(op: Operation, shape: Shape) -> Shape:
    dropped = {place_of(axis, len(shape)) for axis in op.integers("squeeze") or ()}
    rest = [dim for place, dim in enumerate(shape) if place not in dropped]
    new = op.integers("new_axes") or ()
    rank = len(rest) + len(new)
    if rank > MAX_RANK:
        raise UnknownError("too many dimensions")
    for place in sorted(place_of(axis, rank) for axis in new):
        rest.insert(place, 1)
    return tuple(rest)


def extent(size: Dim, start: Element, end: Element, step: int) -> Dim:
    """Elements from `start` to `end`, counted from the end below 0 and cut to the axis as Python does."""
    first, last = _dim(start), _dim(end)
    if step == 0:
        raise UnknownError("a step is 0")
    if isinstance(first, int) and isinstance(last, int):
        if isinstance(size, int):
            return len(range(*slice(first, last, step).indices(size)))
        return _open_extent(size, first, last, step)
    if step != 1 or last is None or first is None:
        return None
    # A computed bound lies within the axis, or the model would not run.
    if isinstance(first, int) and first < 0:
        first = dims.add(size, first)
    if isinstance(last, int) and last < 0:
        last = dims.add(size, last)
    elif isinstance(last, int) and last >= _PAST:
        last = size
    return dims.subtract(last, first)


_PAST = (1 << 31) - 1
"""Ends from here on mean "to the end"."""


def _open_extent(size: Dim, first: int, last: int, step: int) -> Dim:
    """As `extent`, of an axis whose size is an expression or unknown."""
    if step < 0:
        backwards = (first == -1 or first >= _PAST) and last < -_PAST + 2
        return dims.divide_up(size, -step) if backwards else None
    if (first < 0) == (last < 0) and last < _PAST:
        room: Dim = max(last - first, 0)
        if last > 0 and size is not None:
            room = room if first else dims.smaller(size, last)
    elif last >= _PAST:
        room = -first if first < 0 else dims.subtract(size, first)
    elif last < 0:
        room = dims.subtract(dims.add(size, last), first)
    else:
        return None
    return dims.divide_up(room, step)


def _dim(value: Element) -> Dim:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value
