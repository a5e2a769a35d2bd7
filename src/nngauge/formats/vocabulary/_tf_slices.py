"""TensorFlow's slices with their bit masks, as ONNX `Slice` has them.

Semantics: https://www.tensorflow.org/api_docs/python/tf/strided_slice; TensorFlow Lite took them over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nngauge.domain.graph import Attribute
from nngauge.formats.vocabulary._operation import Canonical, Operation

END: Final = (1 << 31) - 1
"""An end past any axis."""
_SPARSE_ORDER: Final = (0, -1, -1, -1, -1, 1, 2, 3)


def plain_slice(operation: Operation) -> Canonical:
    """`Slice` of TensorFlow: begin and size; a size of −1 reaches to the end."""
    begin, size = operation.integers(1), operation.integers(2)
    order = _SPARSE_ORDER[:7]
    if begin is None or size is None or len(begin) != len(size):
        return Canonical({}, order)
    ends = tuple([END if length < 0 else start + length for start, length in zip(begin, size, strict=True)])
    return Canonical({"starts": begin, "ends": ends, "axes": tuple(range(len(begin)))}, order)


def strided_slice(operation: Operation) -> Canonical:
    """`StridedSlice`: what the masks say becomes bounds, dropped axes and new axes."""
    begin, end, strides = operation.integers(1), operation.integers(2), operation.integers(3)
    if begin is None or end is None or strides is None or not len(begin) == len(end) == len(strides):
        return Canonical({}, _SPARSE_ORDER)
    if operation.number("offset"):
        end = tuple([start + length for start, length in zip(begin, end, strict=True)])
    spec = _Spec(operation, len(begin))
    for place in range(len(begin)):
        spec.take(place, begin[place], end[place], strides[place])
    return Canonical(spec.attributes(), _SPARSE_ORDER)


class _Spec:
    """Walks the entries of a sparse specification; axes behind an ellipsis are counted from the end."""

    def __init__(self, operation: Operation, count: int) -> None:
        names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
        self._begin, self._end, self._ellipsis, self._new, self._shrink = (operation.number(name) for name in names)
        entries = range(count)
        self._axis = self._out = 0
        self._axes_left = sum(not (self._ellipsis | self._new) >> place & 1 for place in entries)
        shrinks = self._shrink & ~self._new & ~self._ellipsis
        self._outs_left = sum(not (self._ellipsis | shrinks) >> place & 1 for place in entries)
        self._rows: list[tuple[int, int, int, int]] = []
        self._squeeze: list[int] = []
        self._new_axes: list[int] = []

    def take(self, place: int, begin: int, end: int, step: int) -> None:
        """One entry: an ellipsis, a new axis, or bounds of the next axis."""
        bit = 1 << place
        if self._ellipsis & bit:
            self._axis, self._out = -self._axes_left, -self._outs_left
        elif self._new & bit:
            self._new_axes.append(self._out)
            self._pass(axes=0, outs=1)
        elif self._shrink & bit:
            self._rows.append((begin, END if begin == -1 else begin + 1, self._axis, 1))
            self._squeeze.append(self._axis)
            self._pass(axes=1, outs=0)
        else:
            self._bounds(begin, end, step, bit)
            self._pass(axes=1, outs=1)

    def _bounds(self, begin: int, end: int, step: int, bit: int) -> None:
        if self._begin & bit:
            begin = 0 if step > 0 else END
        if self._end & bit:
            end = END if step > 0 else -END
        if (begin, end, step) != (0, END, 1):
            self._rows.append((begin, end, self._axis, step))

    def _pass(self, *, axes: int, outs: int) -> None:
        self._axis += axes
        self._axes_left -= axes
        self._out += outs
        self._outs_left -= outs

    def attributes(self) -> dict[str, Attribute]:
        """Bounds of the axes that are cut; axes dropped and put in afterwards."""
        columns: Sequence[tuple[int, ...]] = tuple(zip(*self._rows, strict=True)) or ((), (), (), ())
        found: dict[str, Attribute] = dict(zip(("starts", "ends", "axes", "steps"), columns, strict=True))
        if self._squeeze:
            found["squeeze"] = tuple(self._squeeze)
        if self._new_axes:
            found["new_axes"] = tuple(self._new_axes)
        return found
