"""What a shape rule sees of one node: shapes, small values and checked attributes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from nngauge.domain.graph import Dim, DType, Node
from nngauge.limits import MAX_RANK

Shape = tuple[Dim, ...]
Element = int | float | str | None
"""One element of a small tensor: a number, an expression in symbols, or None when unknown."""
Values = tuple[Element, ...]
"""All elements of a small tensor, row by row."""
Shapes = Sequence[Shape | None]
"""One shape for each output, from the first; missing ones are unknown."""


class UnknownError(Exception):
    """A rule cannot tell; the text says why. Never leaves this package."""


class State(Protocol):
    """What is known so far of the tensors of a graph, by their index."""

    def shape(self, tensor: int) -> Shape | None:
        """Shape, None when the rank is unknown."""

    def values(self, tensor: int) -> Values | None:
        """Elements of a small tensor."""

    def dtype(self, tensor: int) -> DType:
        """Element type."""

    def is_constant(self, tensor: int) -> bool:
        """Whether the tensor is a weight or another constant."""


class Operation:
    """One node. Inputs are counted as the node lists them; an absent optional one is not present."""

    __slots__ = ("_state", "attributes", "inputs", "node")

    def __init__(self, node: Node, state: State) -> None:
        self.node = node
        self.inputs = node.inputs
        self.attributes = node.attributes
        self._state = state

    def present(self, place: int) -> bool:
        """Whether input `place` is given."""
        return 0 <= place < len(self.inputs) and self.inputs[place] >= 0

    def maybe(self, place: int) -> Shape | None:
        """Shape of input `place`; None when it is unknown or the input absent."""
        return self._state.shape(self.inputs[place]) if self.present(place) else None

    def shape(self, place: int = 0) -> Shape:
        """Shape of input `place`, which must be known."""
        found = self.maybe(place)
        if found is None:
            raise UnknownError("an input has an unknown shape" if self.present(place) else "an input is missing")
        return found

    def values(self, place: int) -> Values | None:
        """Elements of input `place`; None when unknown or absent."""
        return self._state.values(self.inputs[place]) if self.present(place) else None

    def dtype(self, place: int) -> DType:
        """Element type of input `place`."""
        return self._state.dtype(self.inputs[place]) if self.present(place) else DType.UNKNOWN

    def is_constant(self, place: int) -> bool:
        """Whether input `place` is a constant."""
        return self.present(place) and self._state.is_constant(self.inputs[place])

    def length(self, place: int) -> int | None:
        """Elements of the list of axes at input `place`, which may be all that is known of it."""
        shape = self.maybe(place)
        if shape == ():
            return 1
        size = shape[0] if shape is not None and len(shape) == 1 else None
        return size if isinstance(size, int) and size <= MAX_RANK else None

    def integer(self, name: str, default: int = 0) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if not isinstance(value, int):
            raise UnknownError(f"attribute {name} is no integer")
        return int(value)

    def axis(self, default: int, place: int) -> int:
        """Attribute `axis`, else the number at input `place`, where some formats keep it."""
        if "axis" in self.attributes or not self.present(place):
            return self.integer("axis", default)
        found = self.whole("axis", place)
        if found is None or len(found) != 1:
            raise UnknownError("axis is computed")
        return found[0]

    def text(self, name: str, default: str = "") -> str:
        """A text attribute."""
        value = self.attributes.get(name, default)
        return value if isinstance(value, str) else default

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers as attribute; None when there is none."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if isinstance(value, int):
            return (int(value),)
        if not isinstance(value, tuple):
            raise UnknownError(f"attribute {name} is no list of integers")
        return _all_whole(value, name)

    def listed(self, name: str, place: int) -> Values | None:
        """Attribute `name`, else the elements of input `place`; None when neither is there."""
        value = self.attributes.get(name)
        if isinstance(value, tuple):
            return value
        if isinstance(value, int | float):
            return (value,)
        if not self.present(place):
            return None
        found = self.values(place)
        if found is None:
            raise UnknownError(f"{name} is computed")
        return found

    def whole(self, name: str, place: int) -> tuple[int, ...] | None:
        """As `listed`, and all of it integers."""
        found = self.listed(name, place)
        return None if found is None else tuple([_whole(item, name) for item in found])

    def sizes(self, name: str, place: int) -> Shape | None:
        """As `listed`, as dimensions; when only the length of the input is known, so many unknown ones."""
        value = self.attributes.get(name)
        if value is None and self.present(place) and self.values(place) is None:
            length = self.length(place)
            if length is None:
                raise UnknownError(f"{name} is computed")
            return (None,) * length
        found = self.listed(name, place)
        return None if found is None else tuple([_dim(item) for item in found])


@lru_cache(maxsize=4096)
def _all_whole(values: Values, name: str) -> tuple[int, ...]:
    """The same few kernels, strides and pads stand in every node."""
    return tuple([_whole(item, name) for item in values])


def _whole(value: Element, name: str) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise UnknownError(f"{name} is computed" if value is None or isinstance(value, str) else f"{name} is no integer")


def _dim(value: Element) -> Dim:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return int(value) if isinstance(value, int) else value


def place_of(axis: int, rank: int) -> int:
    """`axis` counted from the front; axes below 0 count from the back."""
    if not -rank <= axis < rank:
        raise UnknownError("an axis lies outside the tensor")
    return axis % rank


class Layout(NamedTuple):
    """Which axis is what."""

    batch: int | None
    channel: int
    spatial: tuple[int, ...]


def layout_of(op: Operation, rank: int) -> Layout:
    """Meaning of the axes of input 0 by `data_layout`, whose letters H and W stand for any number of spatial axes."""
    return _layout(op.text("data_layout", "NCHW"), rank)


@lru_cache(maxsize=256)
def _layout(name: str, rank: int) -> Layout:
    batch = 0 if name.startswith("N") else None
    first = 0 if batch is None else 1
    if rank < first + 1:
        raise UnknownError("fewer dimensions than the operator needs")
    if name[first : first + 1] == "C":
        return Layout(batch, first, tuple(range(first + 1, rank)))
    return Layout(batch, rank - 1, tuple(range(first, rank - 1)))


def merged(left: Dim, right: Dim) -> Dim:
    """What two statements about the same dimension say together: a number beats an expression beats nothing."""
    if left is None or isinstance(right, int):
        return right
    return left


def per_axis(values: tuple[int, ...] | None, count: int, default: int, name: str) -> tuple[int, ...]:
    """One number for each of `count` axes; a single one stands for all."""
    if values is None:
        return (default,) * count
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise UnknownError(f"{name} does not fit the number of axes")
    return values
