"""Values of small integer tensors, carried through the operators that exporters compute shapes with.

An element is a number, an expression in the symbols of dynamic dimensions, or None. What is larger than
`limits.MAX_INLINE_VALUES` elements, or has a shape with symbols, is not followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

from nngauge.analyse.shapes import dims, elements
from nngauge.analyse.shapes.operation import Element, Operation, UnknownError, Values, place_of
from nngauge.analyse.shapes.slicing import bounds
from nngauge.domain.graph import Dim, DType
from nngauge.limits import MAX_INLINE_VALUES

Sizes = tuple[int, ...]
Fold = Callable[[Operation, Sizes], Values | None]


def numbers(shape: Sequence[Dim] | None) -> Sizes | None:
    """The shape, when all of it is numbers and it has few enough elements."""
    if shape is None:
        return None
    total = 1
    for dim in shape:
        if not isinstance(dim, int) or not 0 <= dim <= MAX_INLINE_VALUES:
            return None
        total *= dim
        if total > MAX_INLINE_VALUES:
            return None
    return tuple([dim for dim in shape if isinstance(dim, int)])


def _picked(values: Values, sizes: Sizes, indices: Sequence[Sequence[int]]) -> Values:
    """The elements at all combinations of one index list for each axis."""
    offsets = [0]
    step = len(values)
    for size, chosen in zip(sizes, indices, strict=True):
        step //= max(size, 1)
        offsets = [offset + step * index for offset in offsets for index in chosen]
    return tuple([values[offset] for offset in offsets])


def _input(op: Operation, place: int = 0) -> tuple[Values, Sizes] | None:
    """Elements and shape of an input."""
    values = op.values(place)
    sizes = numbers(op.maybe(place)) if values is not None else None
    return (values, sizes) if values is not None and sizes is not None and math.prod(sizes) == len(values) else None


def _shape(op: Operation, _sizes: Sizes) -> Values | None:
    found = op.shape()
    return found[slice(op.integer("start"), op.integer("end", len(found)))]


def _size(op: Operation, _sizes: Sizes) -> Values | None:
    return (dims.product(op.shape()),)


def _rank(op: Operation, _sizes: Sizes) -> Values | None:
    return (len(op.shape()),)


def _kept(op: Operation, _sizes: Sizes) -> Values | None:
    return op.values(0)


def _cast(op: Operation, _sizes: Sizes) -> Values | None:
    values = op.values(0)
    wanted = op.text("to")
    if values is None or not wanted:
        return values
    if wanted == DType.BOOL:
        return tuple([None if isinstance(value, str) or value is None else int(value != 0) for value in values])
    if wanted.startswith(("int", "uint")):
        return tuple([_truncated(value) for value in values])
    return tuple([float(value) if isinstance(value, int) else value for value in values])


def _truncated(value: Element) -> Element:
    if not isinstance(value, float):
        return value
    return int(value) if math.isfinite(value) else None


def _concat(op: Operation, sizes: Sizes) -> Values | None:
    parts: list[Values] = []
    for place in range(len(op.inputs)):
        found = _input(op, place)
        if found is None:
            # One unknown entry must not hide the others: Reshape can do with one of them.
            shape = numbers(op.maybe(place))
            if shape is None:
                return None
            found = ((None,) * math.prod(shape), shape)
        parts.append(found[0])
    axis = place_of(op.integer("axis"), len(sizes)) if sizes else 0
    rows = math.prod(sizes[:axis])
    if rows == 0:
        return ()
    return tuple([value for row in range(rows) for part in parts for value in _row(part, row, rows)])


def _row(values: Values, row: int, rows: int) -> Values:
    width = len(values) // rows
    return values[row * width : (row + 1) * width]


def _gather(op: Operation, _sizes: Sizes) -> Values | None:
    data, indices = _input(op), _input(op, 1)
    if data is None or indices is None or op.integer("batch_dims"):
        return None
    values, shape = data
    axis = place_of(op.axis(0, 2), len(shape))
    chosen = [_index(index, shape[axis]) for index in indices[0]]
    return _picked(values, shape, [chosen if place == axis else range(size) for place, size in enumerate(shape)])


def _index(index: Element, size: int) -> int:
    if not isinstance(index, int) or not -size <= index < size:
        raise UnknownError("an index is unknown or outside the tensor")
    return index % size


def _slice(op: Operation, _sizes: Sizes) -> Values | None:
    data = _input(op)
    if data is None:
        return None
    values, shape = data
    chosen: list[Sequence[int]] = [range(size) for size in shape]
    for start, end, axis, step in zip(*bounds(op), strict=True):
        place = place_of(axis, len(shape))
        if not isinstance(start, int) or not isinstance(end, int) or step == 0:
            return None
        chosen[place] = range(*slice(start, end, step).indices(shape[place]))
    return _picked(values, shape, chosen)


def _expand(op: Operation, sizes: Sizes) -> Values | None:
    data = _input(op)
    return None if data is None else spread(*data, sizes)


def spread(values: Values, shape: Sizes, sizes: Sizes) -> Values | None:
    """`values` broadcast to `sizes`."""
    if shape == sizes:
        return values
    if len(shape) > len(sizes):
        return None
    own = (1,) * (len(sizes) - len(shape)) + shape
    if any(size not in (1, wanted) for size, wanted in zip(own, sizes, strict=True)):
        return None
    return _picked(
        values,
        own,
        [range(wanted) if size == wanted else [0] * wanted for size, wanted in zip(own, sizes, strict=True)],
    )


def _tile(op: Operation, sizes: Sizes) -> Values | None:
    data = _input(op)
    if data is None or len(data[1]) != len(sizes) or 0 in data[1]:
        return None
    values, shape = data
    return _picked(values, shape, [[at % size for at in range(end)] for size, end in zip(shape, sizes, strict=True)])


def _transpose(op: Operation, sizes: Sizes) -> Values | None:
    data = _input(op)
    if data is None:
        return None
    values, shape = data
    order = op.whole("perm", 1) or tuple(range(len(shape)))[::-1]
    places = [place_of(axis, len(shape)) for axis in order]
    if tuple([shape[place] for place in places]) != sizes:
        return None
    moved = [math.prod(shape[place + 1 :]) for place in places]
    spots = product(*(range(size) for size in sizes))
    return tuple([values[sum(map(int.__mul__, spot, moved))] for spot in spots])


def _constant_of_shape(op: Operation, sizes: Sizes) -> Values | None:
    value = op.attributes.get("value")
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return (value,) * math.prod(sizes) if isinstance(value, int | float) else None


def _constant(op: Operation, _sizes: Sizes) -> Values | None:
    for name in ("value_ints", "value_floats", "value_int", "value_float"):
        value = op.attributes.get(name)
        if isinstance(value, int | float):
            return (value,)
        if isinstance(value, tuple):
            return tuple([item for item in value if not isinstance(item, str)])
    return None


def _range(op: Operation, sizes: Sizes) -> Values | None:
    start, delta = op.values(0), op.values(2)
    if len(sizes) != 1 or not start or not delta or isinstance(start[0], float) or not isinstance(delta[0], int):
        return None
    return tuple([dims.add(start[0], place * delta[0]) for place in range(sizes[0])])


def _scatter(op: Operation, sizes: Sizes) -> Values | None:
    """`ScatterND` into a vector, of zeros where there is no data."""
    indices, updates = _input(op, 1), _input(op, 2)
    data = op.values(0) if op.present(0) else (0,) * math.prod(sizes)
    if data is None or indices is None or updates is None or sizes != (len(data),):
        return None
    if indices[1][-1:] != (1,) or len(indices[0]) != len(updates[0]):
        return None
    found = list(data)
    for index, value in zip(indices[0], updates[0], strict=True):
        found[_index(index, len(found))] = value
    return tuple(found)


def _non_zero(op: Operation, sizes: Sizes) -> Values | None:
    values = op.values(0)
    if values is None or len(sizes) != 2 or 1 not in sizes:
        return None
    return tuple([place for place, value in enumerate(values) if value])


def _where(op: Operation, sizes: Sizes) -> Values | None:
    found = [_input(op, place) for place in range(3)]
    spreads = [None if part is None else spread(*part, sizes) for part in found]
    if spreads[0] is None or (spreads[1] is None and spreads[2] is None):
        return None
    unknown: Values = (None,) * math.prod(sizes)
    columns = [unknown if part is None else part for part in spreads]
    return tuple([_chosen(*row) for row in zip(*columns, strict=True)])


def _chosen(condition: Element, one: Element, other: Element) -> Element:
    if condition is None or isinstance(condition, str):
        return one if one == other else None
    return one if condition else other


def _each(compute: Callable[[Element], Element]) -> Fold:
    """One element at a time."""

    def fold(op: Operation, _sizes: Sizes) -> Values | None:
        values = op.values(0)
        return None if values is None else tuple([compute(value) for value in values])

    return fold


def _pairs(compute: Callable[[Element, Element], Element]) -> Fold:
    """Elements of all inputs, broadcast to the output."""

    def fold(op: Operation, sizes: Sizes) -> Values | None:
        total: Values | None = None
        for place in range(len(op.inputs)):
            data = _input(op, place)
            part = None if data is None else spread(*data, sizes)
            if part is None:
                return None
            total = part if total is None else tuple(map(compute, total, part))
        return total

    return fold


def _all_of(compute: Callable[[Element, Element], Element], start: int | None) -> Fold:
    """A reduction of all elements."""

    def fold(op: Operation, sizes: Sizes) -> Values | None:
        values = op.values(0)
        if values is None or math.prod(sizes) != 1 or (start is None and not values):
            return None
        total: Element = values[0] if start is None else start
        for value in values[1:] if start is None else values:
            total = compute(total, value)
        return (total,)

    return fold


FOLDS: Final[Mapping[str, Fold]] = {
    "Abs": _each(lambda value: abs(value) if isinstance(value, int | float) else value),
    "Add": _pairs(elements.ADD),
    "And": _pairs(elements.compared(lambda left, right: bool(left) and bool(right))),
    "Cast": _cast,
    "Ceil": _each(elements.rounded(math.ceil)),
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Div": _pairs(elements.divided),
    "Equal": _pairs(elements.equal),
    "Expand": _expand,
    "Flatten": _kept,
    "Floor": _each(elements.rounded(math.floor)),
    "FloorDiv": _pairs(elements.floored),
    "Gather": _gather,
    "Greater": _pairs(elements.compared(lambda left, right: left > right)),
    "GreaterOrEqual": _pairs(elements.compared(lambda left, right: left >= right)),
    "Identity": _kept,
    "Less": _pairs(elements.compared(lambda left, right: left < right)),
    "LessOrEqual": _pairs(elements.compared(lambda left, right: left <= right)),
    "Max": _pairs(elements.LARGER),
    "Min": _pairs(elements.SMALLER),
    "Mod": _pairs(elements.remainder),
    "Mul": _pairs(elements.MULTIPLY),
    "Neg": _each(elements.negated),
    "NonZero": _non_zero,
    "Not": _each(lambda value: int(not value) if isinstance(value, int | float) else None),
    "Or": _pairs(elements.compared(lambda left, right: bool(left) or bool(right))),
    "Pow": _pairs(elements.power),
    "Range": _range,
    "Rank": _rank,
    "ReduceMax": _all_of(elements.LARGER, None),
    "ReduceMin": _all_of(elements.SMALLER, None),
    "ReduceProd": _all_of(elements.MULTIPLY, 1),
    "ReduceSum": _all_of(elements.ADD, 0),
    "Reshape": _kept,
    "Round": _each(elements.rounded(round)),
    "ScatterND": _scatter,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "Sqrt": _each(elements.of_number(math.sqrt)),
    "Squeeze": _kept,
    "Sub": _pairs(elements.SUBTRACT),
    "Sum": _pairs(elements.ADD),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _kept,
    "Where": _where,
}
"""How the elements of the first output follow, by kind. `Split` has several outputs: see `parts`."""


def parts(op: Operation, shapes: Sequence[Sequence[Dim] | None]) -> list[Values | None]:
    """Elements of all outputs of a `Split`."""
    data = _input(op)
    if data is None:
        return [None] * len(shapes)
    values, shape = data
    axis = place_of(op.axis(0, 2), len(shape))
    found: list[Values | None] = []
    start = 0
    for wanted in shapes:
        sizes = numbers(wanted)
        step = sizes[axis] if sizes is not None and len(sizes) == len(shape) else 1
        if start + step > shape[axis]:
            return [None] * len(shapes)
        chosen = [range(start, start + step) if place == axis else range(size) for place, size in enumerate(shape)]
        found.append(_picked(values, shape, chosen))
        start += step
    return found
