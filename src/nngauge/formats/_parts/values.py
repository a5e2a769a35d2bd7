"""The tensors of a format that connects operations by name: each name gets one place, in order of first use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nngauge.domain.graph import Tensor
from nngauge.errors import LimitError
from nngauge.limits import MAX_TENSORS


class Values:
    """Collects tensors and hands out their indices for `Node` and `Graph`."""

    __slots__ = ("_index", "tensors")

    def __init__(self, tensors: Iterable[Tensor] = ()) -> None:
        self.tensors = list(tensors)
        self._index = {tensor.name: at for at, tensor in enumerate(self.tensors)}

    def add(self, tensor: Tensor) -> int:
        """Takes a described tensor, in place of an undescribed one of the same name."""
        at = self._index.get(tensor.name)
        if at is not None:
            self.tensors[at] = tensor
            return at
        return self._append(tensor)

    def use(self, name: str) -> int:
        """The index of `name`, as a tensor about which nothing is known if it is new."""
        at = self._index.get(name)
        return at if at is not None else self._append(Tensor(name))

    def use_all(self, names: Iterable[str]) -> tuple[int, ...]:
        """The indices of several names."""
        return tuple(self.use(name) for name in names)

    def rank(self, places: Sequence[int]) -> int | None:
        """Axes of the first of these values, None where nothing is known of it."""
        shape = self.tensors[places[0]].shape if places else None
        return None if shape is None else len(shape)

    def _append(self, tensor: Tensor) -> int:
        if len(self.tensors) >= MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
        self._index[tensor.name] = len(self.tensors)
        self.tensors.append(tensor)
        return len(self.tensors) - 1
