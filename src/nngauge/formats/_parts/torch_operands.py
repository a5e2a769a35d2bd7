"""Inputs of canonical PyTorch nodes: values by place, plain numbers as small constants of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nngauge.domain.graph import Attribute, DType, Tensor
from nngauge.errors import LimitError
from nngauge.formats.vocabulary.torch import ABSENT, Arg, Ref
from nngauge.limits import MAX_INLINE_VALUES, MAX_TENSORS

_NOWHERE: Final = -1
"""How `Node.inputs` mark an absent one."""


class Numbers:
    """Adds the numbers that operators take as arguments to a graph's tensors, each once.

    They are part of the program, not weights, so they do not count as constants; `Tensor.values` tells them.
    """

    __slots__ = ("_known", "_tensors")

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = tensors
        self._known: dict[tuple[object, ...], int] = {}

    def place(self, value: Arg) -> int:
        """The tensor that holds one number, or a list of them; −1 for what is no number."""
        items = value if isinstance(value, tuple) else (value,)
        if not items or len(items) > MAX_INLINE_VALUES:
            return _NOWHERE
        whole = tuple(int(item) for item in items if isinstance(item, int))
        real = tuple(float(item) for item in items if isinstance(item, int | float))
        if len(real) != len(items):
            return _NOWHERE
        shape = (len(items),) if isinstance(value, tuple) else ()
        key = (shape, len(whole) == len(items), *items)
        at = self._known.get(key)
        if at is None:
            at = self._known[key] = len(self._tensors)
            if at >= MAX_TENSORS:
                raise LimitError(f"more than {MAX_TENSORS} tensors")
            exact = len(whole) == len(items)
            dtype, values = (DType.INT64, whole) if exact else (DType.FLOAT32, real)
            self._tensors.append(Tensor(str(value)[:80], dtype, shape, values=values))
        return at


def settled(attributes: Mapping[str, Attribute], outputs: int) -> Mapping[str, Attribute]:
    """The attributes of a node of which the number of results is known: parts of one size, the last what is left."""
    size = attributes.get("split_size")
    if not isinstance(size, int) or not 0 < outputs <= MAX_INLINE_VALUES:
        return attributes
    kept = {key: value for key, value in attributes.items() if key != "split_size"}
    return kept | {"split": (*(size,) * (outputs - 1), -1)}


def operands(inputs: Sequence[Arg], numbers: Numbers, place: Callable[[int], int]) -> tuple[int, ...]:
    """Places of a canonical node's inputs; `place` gives that of a value."""
    found = []
    for item in inputs:
        if isinstance(item, Ref):
            found.append(place(item.at))
        elif isinstance(item, tuple) and len(item) == 1 and isinstance(item[0], Ref):
            found.append(place(item[0].at))
        elif item is ABSENT:
            found.append(_NOWHERE)
        else:
            found.append(numbers.place(item))
    return tuple(found)
