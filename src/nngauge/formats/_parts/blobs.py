"""Values of formats in which an operator may write over its input under the same name (Caffe, Caffe2)."""

from __future__ import annotations

from nngauge.domain.graph import Dim, DType, Tensor


class Blobs:
    """Values by blob name; a layer that works in place makes a new value of the same name."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.latest: dict[str, int] = {}
        self.used: set[int] = set()
        self.inputs: list[int] = []

    def define(self, name: str, shape: tuple[Dim, ...] | None = None) -> int:
        """A new value of that name."""
        return self.add(Tensor(name, DType.FLOAT32, shape))

    def add(self, tensor: Tensor) -> int:
        """A new value that is described."""
        self.latest[tensor.name] = len(self.tensors)
        self.tensors.append(tensor)
        return self.latest[tensor.name]

    def use(self, name: str) -> int:
        """The latest value of that name; an input of the network when no layer made it."""
        place = self.latest.get(name)
        if place is None:
            place = self.define(name)
            self.inputs.append(place)
        self.used.add(place)
        return place
