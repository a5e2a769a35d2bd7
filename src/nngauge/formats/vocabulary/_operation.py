"""One operation of a source format, as translation rules see it, and what they make of it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim, DType, Tensor
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_INLINE_VALUES

Shape = tuple[Dim, ...]
Values = tuple[int, ...] | tuple[float, ...]
_CODES: Final = {
    DType.FLOAT64: "d", DType.FLOAT32: "f", DType.FLOAT16: "e", DType.INT64: "q", DType.INT32: "i", DType.INT16: "h",
    DType.INT8: "b", DType.UINT64: "Q", DType.UINT32: "I", DType.UINT16: "H", DType.UINT8: "B", DType.BOOL: "?",
}  # fmt: skip


class Operation(Struct, frozen=True):
    """An operation in the words of its file."""

    op: str
    attributes: Mapping[str, Attribute]
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...] = ()
    read: Callable[[Tensor], Values | None] = lambda tensor: tensor.values
    """Elements of a small constant."""

    def shape(self, place: int) -> Shape | None:
        """Shape of an input, None when absent or unknown."""
        tensor = self.inputs[place] if -len(self.inputs) <= place < len(self.inputs) else None
        return tensor.shape if tensor is not None else None

    def dim(self, place: int, axis: int) -> int | None:
        """One dimension of an input, None unless it is a number."""
        shape = self.shape(place)
        size = shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None
        return size if isinstance(size, int) else None

    def rank(self, place: int) -> int | None:
        """Number of dimensions of an input."""
        shape = self.shape(place)
        return None if shape is None else len(shape)

    def integers(self, place: int) -> tuple[int, ...] | None:
        """Elements of a small integer constant among the inputs; None when it is not one."""
        tensor = self.inputs[place] if -len(self.inputs) <= place < len(self.inputs) else None
        values = self.read(tensor) if tensor is not None and tensor.constant else None
        if values is None or not all(isinstance(value, int) for value in values):
            return None
        return tuple([int(value) for value in values])

    def integer(self, place: int) -> int | None:
        """The single element of an integer constant."""
        values = self.integers(place)
        return values[0] if values is not None and len(values) == 1 else None

    def number(self, name: str, default: int = 0) -> int:
        """An integer attribute."""
        value = self.attributes.get(name)
        return int(value) if isinstance(value, bool | int) else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A floating-point attribute."""
        value = self.attributes.get(name)
        return float(value) if isinstance(value, int | float) else default

    def numbers(self, name: str) -> tuple[int, ...]:
        """An attribute that is a list of integers; empty without it."""
        value = self.attributes.get(name)
        if isinstance(value, tuple):
            return tuple([item for item in value if isinstance(item, int)])
        return ()

    def text(self, name: str, default: str = "") -> str:
        """A text attribute."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else default


class Canonical(Struct, frozen=True):
    """What a rule makes of an operation."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    order: tuple[int, ...] | None = None
    """Places of the source's inputs in ONNX's order, −1 for an absent one; None leaves them as they are."""
    kind: str | None = None
    """Overrides the name in the table."""


Rule = Callable[[Operation], Canonical]


def plain_values(parts: Sequence[Buffer], tensor: Tensor) -> Values | None:
    """Elements of a constant of at most `MAX_INLINE_VALUES` that lies plainly in the parts; None for any other."""
    if tensor.values is not None:
        return tensor.values
    count, span, code = tensor.elements, tensor.data, _CODES.get(tensor.dtype)
    if span is None or code is None or count is None or count > MAX_INLINE_VALUES:
        return None
    layout = struct.Struct(f"<{count}{code}")
    if span.size != layout.size or span.part >= len(parts) or span.offset + span.size > len(parts[span.part]):
        return None
    values = layout.unpack_from(parts[span.part], span.offset)
    return tuple([int(value) for value in values]) if code == "?" else values


def reordered(places: tuple[int, ...], order: tuple[int, ...] | None) -> tuple[int, ...]:
    """Inputs in ONNX's order; absent ones at the end are left out."""
    if order is None:
        return places
    found = [places[place] if 0 <= place < len(places) else -1 for place in order]
    while found and found[-1] < 0:
        found.pop()
    return tuple(found)
