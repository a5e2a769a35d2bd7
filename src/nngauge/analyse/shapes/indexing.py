"""Shapes of operators that pick elements: Gather, GatherND, OneHot, TopK, NonZero, Compress, GridSample."""

from __future__ import annotations

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, layout_of, place_of
from nngauge.domain.graph import Dim
from nngauge.limits import MAX_RANK

_ROWS = ("WHERE", "Where")
"""TensorFlow's names of `NonZero`, which transposes its result."""


def gather(op: Operation) -> Shapes:
    """`Gather`: the indices take the place of `axis`; the first `batch_dims` axes are shared."""
    data, indices = op.shape(0), op.shape(1)
    axis = place_of(op.axis(0, 2), len(data))
    batch = op.integer("batch_dims")
    batch += len(indices) if batch < 0 else 0
    if not 0 <= batch <= min(axis, len(indices)) or len(data) + len(indices) > MAX_RANK:
        raise UnknownError("batch_dims do not fit the number of axes")
    return ((*data[:axis], *indices[batch:], *data[axis + 1 :]),)


def gather_blocks(op: Operation) -> Shapes:
    """`GatherBlockQuantized`: as `Gather`; bytes of `bits` 4 hold two elements of the last axis."""
    data, indices = op.shape(0), op.shape(1)
    axis = place_of(op.integer("gather_axis"), len(data))
    packed = op.dtype(0).value == "uint8" and op.integer("bits", 4) == 4
    wide = (*data[:-1], dims.multiply(data[-1], 2)) if packed and data else data
    return ((*wide[:axis], *indices, *wide[axis + 1 :]),)


def gather_nd(op: Operation) -> Shapes:
    """`GatherND`: the last axis of the indices addresses axes of the data."""
    data, indices = op.shape(0), op.shape(1)
    batch = op.integer("batch_dims")
    depth = indices[-1] if indices else None
    if not isinstance(depth, int):
        raise UnknownError("the length of an index is unknown")
    if batch < 0 or depth < 0 or batch + depth > len(data) or batch >= len(indices):
        raise UnknownError("the indices have more axes than the data")
    return ((*indices[:-1], *data[batch + depth :]),)


def scatter_nd(op: Operation) -> Shapes:
    """`ScatterND`: like the data. Without data (TensorFlow scatters into zeros) the shape follows as input 3."""
    if op.present(0):
        return (op.shape(),)
    shape = op.sizes("shape", 3)
    if shape is None:
        raise UnknownError("the target shape is missing")
    return (shape,)


def features(op: Operation) -> Shapes:
    """`ArrayFeatureExtractor`: the columns that input 1 names."""
    data, columns = op.shape(0), op.shape(1)
    return ((*(data[:-1] or (1,)), dims.product(columns)),)


def one_hot(op: Operation) -> Shapes:
    """`OneHot`: a new axis as long as the depth, input 1."""
    shape = op.shape()
    depth = op.sizes("depth", 1)
    axis = place_of(op.integer("axis", -1), len(shape) + 1)
    return ((*shape[:axis], depth[0] if depth else None, *shape[axis:]),)


def top_k(op: Operation) -> Shapes:
    """`TopK`: values and indices of the largest along `axis`."""
    shape = op.shape()
    axis = place_of(op.integer("axis", -1), len(shape))
    count = op.sizes("k", 1)
    return ((*shape[:axis], count[0] if count else None, *shape[axis + 1 :]),) * 2


def non_zero(op: Operation) -> Shapes:
    """`NonZero`: an index of each; how many only the data tells. TensorFlow has one row for each."""
    rank = len(op.shape())
    values = op.values(0)
    known = values is not None and not any(value is None or isinstance(value, str) for value in values)
    count = sum(map(bool, values)) if values is not None and known else None
    return ((count, rank) if op.node.op in _ROWS else (rank, count),)


def compress(op: Operation) -> Shapes:
    """`Compress`: how many only the condition tells."""
    if "axis" not in op.attributes:
        return ((None,),)
    shape = op.shape()
    axis = place_of(op.integer("axis"), len(shape))
    return ((*shape[:axis], None, *shape[axis + 1 :]),)


def unique(op: Operation) -> Shapes:
    """`Unique`: values, and three vectors of indices and counts."""
    shape: Shape = (None,)
    if "axis" in op.attributes:
        source = op.shape()
        axis = place_of(op.integer("axis"), len(source))
        shape = (*source[:axis], None, *source[axis + 1 :])
    inverse: Dim = None
    if "axis" not in op.attributes:
        inverse = dims.product(op.shape())
    return (shape, (None,), (inverse,), (None,))


def grid_sample(op: Operation) -> Shapes:
    """`GridSample`: channels of the data, positions of the grid."""
    data, grid = op.shape(0), op.shape(1)
    layout = layout_of(op, len(data))
    if layout.batch is None or len(grid) != len(data):
        raise UnknownError("the inputs have different ranks")
    found = list(data)
    for axis, size in zip(layout.spatial, grid[1:-1], strict=True):
        found[axis] = size
    return (tuple(found),)


def affine_grid(op: Operation) -> Shapes:
    """`AffineGrid`: a position for each pixel of the size in input 1."""
    size = op.sizes("size", 1)
    if size is None or len(size) < 3:
        raise UnknownError("size is missing")
    return ((size[0], *size[2:], len(size) - 2),)
