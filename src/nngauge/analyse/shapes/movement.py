"""Shapes of operators that join, cut, repeat and pad: Concat, Split, Slice, Pad, Tile, Expand, Crop."""

from __future__ import annotations

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.elementwise import together
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, layout_of, merged, place_of
from nngauge.domain.graph import Dim
from nngauge.limits import MAX_RANK


def concat(op: Operation) -> Shapes:
    """`Concat`: sizes along `axis` add up. With `new_axis` the inputs are stacked along one of their own."""
    shapes = [op.maybe(place) for place in range(len(op.inputs)) if op.inputs[place] >= 0]
    stacked = op.integer("new_axis") != 0
    if "axis" not in op.attributes:
        # TensorFlow's axis is an input, which may be computed.
        known = [shape for shape in shapes if shape is not None]
        if not known:
            raise UnknownError("axis is computed")
        return ((None,) * (len(known[0]) + stacked),)
    return (joined(shapes, op.integer("axis"), stacked=stacked),)


def stack(op: Operation) -> Shapes:
    """`Stack`: the inputs along a new axis."""
    shapes = [op.maybe(place) for place in range(len(op.inputs)) if op.inputs[place] >= 0]
    return (joined(shapes, op.integer("axis"), stacked=True),)


def concat_quantised(op: Operation) -> Shapes:
    """`QLinearConcat`: scale and zero point of the output, then triples of data, scale and zero point."""
    shapes = [op.maybe(place) for place in range(2, len(op.inputs), 3)]
    return (joined(shapes, op.integer("axis", 1), stacked=False),)


def joined(shapes: list[Shape | None], axis: int, *, stacked: bool) -> Shape:
    """The shapes put together along `axis`."""
    known = [shape for shape in shapes if shape is not None]
    if not known:
        raise UnknownError("an input has an unknown shape")
    rank = len(known[0])
    if any(len(shape) != rank for shape in known):
        raise UnknownError("the inputs have different ranks")
    place = place_of(axis, rank + stacked)
    found = list(known[0])
    for shape in known[1:]:
        found = [merged(left, right) for left, right in zip(found, shape, strict=True)]
    if stacked:
        return (*found[:place], len(shapes), *found[place:])
    total: Dim = None if len(known) < len(shapes) else 0
    for shape in known:
        total = dims.add(total, shape[place])
    return (*found[:place], total, *found[place + 1 :])


def split(op: Operation) -> Shapes:
    """`Split`: sizes by `split` (−1 is the rest), else equal parts, the last smaller. `keepdims` 0 drops the axis."""
    shape = op.shape()
    axis = place_of(op.axis(0, 2), len(shape))
    count = len(op.node.outputs)
    if not op.integer("keepdims", 1):
        return ((*shape[:axis], *shape[axis + 1 :]),) * count
    sizes = op.sizes("split", 1) or _equal_parts(shape[axis], max(op.integer("num_outputs", count), 1), count)
    if len(sizes) < count:
        raise UnknownError("split does not fit the number of outputs")
    return tuple([(*shape[:axis], size, *shape[axis + 1 :]) for size in _completed(sizes[:count], shape[axis])])


def _equal_parts(size: Dim, count: int, wanted: int) -> Shape:
    """The first `wanted` of `count` parts, of which the last takes what is left."""
    part = dims.divide_up(size, count)
    if not isinstance(size, int) or not isinstance(part, int):
        return (dims.divide(size, count),) * wanted
    return tuple([part if place < count - 1 else size - part * (count - 1) for place in range(wanted)])


def _completed(sizes: Shape, whole: Dim) -> Shape:
    """`sizes` with a −1 replaced by what the others leave."""
    if sizes.count(-1) != 1:
        return sizes
    rest = whole
    for size in sizes:
        rest = rest if size == -1 else dims.subtract(rest, size)
    return tuple([rest if size == -1 else size for size in sizes])


def pad(op: Operation) -> Shapes:
    """`Pad`: begins and ends are added, of all axes or of `axes`."""
    shape = op.shape()
    amounts = op.sizes("pads", 1)
    if amounts is None:
        # TensorFlow's matrix, a row of begin and end for each axis, follows after the inputs that ONNX knows.
        if op.present(4) and op.values(4) is None:
            return ((None,) * len(shape),)
        rows = op.sizes("pads", 4)
        if rows is None:
            raise UnknownError("pads are missing")
        amounts = (*rows[0::2], *rows[1::2])
    axes = op.whole("axes", 3)
    places = range(len(shape)) if axes is None else [place_of(axis, len(shape)) for axis in axes]
    if len(amounts) != 2 * len(places):
        raise UnknownError("pads do not fit the number of axes")
    found = list(shape)
    for number, place in enumerate(places):
        found[place] = dims.add(found[place], dims.add(amounts[number], amounts[number + len(places)]))
    return (tuple(found),)


def gated(op: Operation) -> Shapes:
    """`GLU`: one half of `axis` gates the other."""
    shape = op.shape()
    axis = place_of(op.integer("axis", -1), len(shape))
    return ((*shape[:axis], dims.divide(shape[axis], 2), *shape[axis + 1 :]),)


def diagonal(op: Operation) -> Shapes:
    """`Diag`, `MatrixDiag`: the last axis becomes the diagonal of a matrix."""
    shape = op.shape()
    return ((*shape, *shape[-1:]),)


def tile(op: Operation) -> Shapes:
    """`Tile`: every dimension times its repeat."""
    shape = op.shape()
    repeats = op.sizes("repeats", 1)
    if repeats is None:
        raise UnknownError("repeats are missing")
    rank = max(len(shape), len(repeats))
    if rank > MAX_RANK:
        raise UnknownError("too many dimensions")
    sizes = (1,) * (rank - len(shape)) + shape
    times = (1,) * (rank - len(repeats)) + repeats
    return (tuple([dims.multiply(size, count) for size, count in zip(sizes, times, strict=True)]),)


def expand(op: Operation) -> Shapes:
    """`Expand`: broadcast to `shape`; −1 keeps a dimension."""
    wanted = op.sizes("shape", 1)
    if wanted is None or len(wanted) > MAX_RANK:
        raise UnknownError("the target shape is missing")
    return (together([op.shape(), tuple([1 if dim == -1 else dim for dim in wanted])]),)


def crop(op: Operation) -> Shapes:
    """`Crop`: to the sizes of input 1 behind `axis` (Caffe), or to `sizes`."""
    shape = op.shape()
    if op.present(1) and not op.is_constant(1):
        axis, like = place_of(op.integer("axis", 2), len(shape)), op.shape(1)
        if len(like) != len(shape):
            raise UnknownError("the inputs have different ranks")
        return ((*shape[:axis], *like[axis:]),)
    sizes = op.integers("sizes") or op.integers("shape")
    if sizes is None or len(sizes) > len(shape):
        raise UnknownError("sizes are missing")
    if len(sizes) == len(shape):
        return (sizes,)
    found = list(shape)
    spatial = layout_of(op, len(shape)).spatial
    if len(sizes) != len(spatial):
        raise UnknownError("sizes do not fit the number of axes")
    for axis, size in zip(spatial, sizes, strict=True):
        found[axis] = size
    return (tuple(found),)


def center_crop_pad(op: Operation) -> Shapes:
    """`CenterCropPad`: `axes` get the sizes of input 1."""
    shape = op.shape()
    sizes = op.sizes("shape", 1)
    axes = op.integers("axes") or tuple(range(len(shape)))
    if sizes is None or len(sizes) != len(axes):
        raise UnknownError("the target shape does not fit the number of axes")
    found = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        found[place_of(axis, len(shape))] = size
    return (tuple(found),)


def broadcast_sizes(op: Operation) -> Shapes:
    """`BroadcastArgs`: of two shapes, as long as the longer one."""
    lengths = [op.length(0), op.length(1)]
    known = [length for length in lengths if length is not None]
    return ((max(known) if len(known) == 2 else None,),)
