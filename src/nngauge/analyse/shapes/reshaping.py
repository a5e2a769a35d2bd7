"""Shapes of operators that keep every element: Reshape, Flatten, Transpose, Squeeze, Unsqueeze, depth and space."""

from __future__ import annotations

from math import prod

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Layout, Operation, Shape, Shapes, UnknownError, layout_of, place_of
from nngauge.domain.graph import Dim
from nngauge.limits import MAX_RANK


def reshape(op: Operation) -> Shapes:
    """`Reshape`: 0 copies a dimension (unless `allowzero`), −1 takes what is left."""
    wanted = op.sizes("shape", 1)
    if wanted is None:
        raise UnknownError("the target shape is missing")
    if len(wanted) > MAX_RANK:
        raise UnknownError("too many dimensions")
    shape = op.maybe(0)
    target = wanted if op.integer("allowzero") else _copied(wanted, shape)
    return (_filled(target, shape),)


def _copied(wanted: Shape, shape: Shape | None) -> Shape:
    """`wanted` with its zeros replaced."""
    if 0 not in wanted:
        return wanted
    if shape is None:
        return tuple(None if dim == 0 else dim for dim in wanted)
    return tuple(
        (shape[place] if place < len(shape) else None) if dim == 0 else dim for place, dim in enumerate(wanted)
    )


def _filled(target: Shape, shape: Shape | None) -> Shape:
    """`target` with its one −1 (or its one unknown dimension, as the elements must be as many) computed."""
    if any(isinstance(dim, int) and dim < -1 for dim in target) or target.count(-1) > 1:
        raise UnknownError("the target shape has negative dimensions")
    open_ = target.index(-1) if -1 in target else target.index(None) if target.count(None) == 1 else None
    if open_ is None:
        _check(target, shape)
        return target
    rest = target[:open_] + target[open_ + 1 :]
    size = None if shape is None else _left(shape, rest)
    return (*target[:open_], size, *target[open_ + 1 :])


def _check(target: Shape, shape: Shape | None) -> None:
    if shape is None or not all(isinstance(dim, int) for dim in (*target, *shape)):
        return
    if dims.product(target) != dims.product(shape):
        raise UnknownError("the target shape has another number of elements")


def _left(shape: Shape, rest: Shape) -> Dim:
    """Elements of `shape` for each element of `rest`; equal dimensions cancel before anything is multiplied."""
    above, below = list(shape), []
    for dim in rest:
        if dim is not None and dim in above:
            above.remove(dim)
        else:
            below.append(dim)
    if None in above or None in below:
        return None
    over, under = dims.product(above), dims.product(below)
    if isinstance(over, int) and isinstance(under, int):
        if under == 0 or over % under:
            raise UnknownError("the target shape does not divide the elements")
        return over // under
    return dims.divide(over, under)


def flatten(op: Operation) -> Shapes:
    """`Flatten`: two dimensions, split at `axis`; one where the format has no batch axis.

    With `end_axis`, only the axes from `axis` to it become one (Caffe, Paddle, PyTorch).
    """
    shape = op.shape()
    if op.text("data_layout") == "CHW":
        return ((dims.product(shape),),)
    axis = op.integer("axis", 1)
    if "end_axis" in op.attributes:
        first, last = place_of(axis, len(shape)), place_of(op.integer("end_axis"), len(shape))
        if first > last:
            raise UnknownError("an axis lies outside the tensor")
        return ((*shape[:first], dims.product(shape[first : last + 1]), *shape[last + 1 :]),)
    split = axis if axis == len(shape) else place_of(axis, len(shape))
    return ((dims.product(shape[:split]), dims.product(shape[split:])),)


def transpose(op: Operation) -> Shapes:
    """`Transpose`: the axes in the order `perm`, or two that `swap` exchanges; backwards without either."""
    shape = op.shape()
    pair = op.integers("swap")
    if pair is not None and len(pair) == 2:
        first, second = (place_of(axis, len(shape)) for axis in pair)
        moved = list(shape)
        moved[first], moved[second] = moved[second], moved[first]
        return (tuple(moved),)
    try:
        order = op.whole("perm", 1)
    except UnknownError:
        return ((None,) * len(shape),)
    if order is None:
        return (shape[::-1],)
    places = [place_of(axis, len(shape)) for axis in order]
    if sorted(places) != list(range(len(shape))):
        raise UnknownError("perm is no permutation of the axes")
    return (tuple([shape[place] for place in places]),)


def squeeze(op: Operation) -> Shapes:
    """`Squeeze`: without the axes, or without all of size 1."""
    shape = op.shape()
    axes = op.whole("axes", 1)
    if not axes:
        if not all(isinstance(dim, int) for dim in shape):
            raise UnknownError("a dimension that may be 1 is unknown")
        return (tuple(dim for dim in shape if dim != 1),)
    gone = {place_of(axis, len(shape)) for axis in axes}
    return (tuple(dim for place, dim in enumerate(shape) if place not in gone),)


def unsqueeze(op: Operation) -> Shapes:
    """`Unsqueeze`: 1 at `axes` of the result."""
    try:
        axes = op.whole("axes", 1)
    except UnknownError:
        return ((None,) * (len(op.shape()) + (op.length(1) or 1)),)
    if axes is None:
        raise UnknownError("axes are missing")
    rank = len(op.shape()) + len(axes)
    if rank > MAX_RANK:
        raise UnknownError("too many dimensions")
    new = {place_of(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise UnknownError("an axis is given twice")
    rest = iter(op.shape())
    return (tuple([1 if place in new else next(rest) for place in range(rank)]),)


def depth_to_space(op: Operation) -> Shapes:
    """Blocks of channels become pixels."""
    shape, layout, block = _blocks(op)
    area = block ** len(layout.spatial)
    channels = shape[layout.channel]
    if isinstance(channels, int) and channels % area:
        raise UnknownError("the channels are no whole blocks")
    found = list(shape)
    found[layout.channel] = dims.divide(channels, area)
    for axis in layout.spatial:
        found[axis] = dims.multiply(shape[axis], block)
    return (tuple(found),)


def space_to_depth(op: Operation) -> Shapes:
    """Blocks of pixels become channels."""
    shape, layout, block = _blocks(op)
    found = list(shape)
    found[layout.channel] = dims.multiply(shape[layout.channel], block ** len(layout.spatial))
    for axis in layout.spatial:
        found[axis] = dims.divide(shape[axis], block)
    return (tuple(found),)


def _blocks(op: Operation) -> tuple[Shape, Layout, int]:
    shape = op.shape()
    block = op.integer("blocksize")
    if not 0 < block < 1 << 16:
        raise UnknownError("blocksize is missing")
    return shape, layout_of(op, len(shape)), block


def batch_to_space(op: Operation) -> Shapes:
    """`BatchToSpace`: blocks of the batch become pixels, then `pads` are cut."""
    shape, blocks, edges = _batches(op)
    found = [dims.divide(shape[0], prod(blocks)), *shape[1:]]
    for axis, (block, edge) in enumerate(zip(blocks, edges, strict=True), 1):
        found[axis] = dims.subtract(dims.multiply(shape[axis], block), edge)
    return (tuple(found),)


def space_to_batch(op: Operation) -> Shapes:
    """`SpaceToBatch`: padded by `pads`, blocks of pixels become batches."""
    shape, blocks, edges = _batches(op)
    found = [dims.multiply(shape[0], prod(blocks)), *shape[1:]]
    for axis, (block, edge) in enumerate(zip(blocks, edges, strict=True), 1):
        found[axis] = dims.divide(dims.add(shape[axis], edge), block)
    return (tuple(found),)


def _batches(op: Operation) -> tuple[Shape, tuple[int, ...], Shape]:
    """Input, block of each spatial axis, and what is added before and behind each together."""
    shape, blocks = op.shape(), op.whole("blocks", 1)
    if blocks is None or min(blocks, default=1) < 1 or len(blocks) >= len(shape):
        raise UnknownError("blocks do not fit the number of axes")
    pads = op.sizes("pads", -1)
    if pads is None:
        # The source's matrix has a row of begin and end for each axis; unknown ones leave the sizes unknown.
        rows = op.sizes("pads", 2) if op.values(2) is not None else (None,) * (2 * len(blocks))
        pads = (*(rows or ())[0::2], *(rows or ())[1::2]) if op.present(2) else (0,) * (2 * len(blocks))
    if len(pads) != 2 * len(blocks):
        raise UnknownError("pads do not fit the number of axes")
    return shape, blocks, tuple([dims.add(pads[at], pads[at + len(blocks)]) for at in range(len(blocks))])
