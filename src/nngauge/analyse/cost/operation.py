"""One node as the rules of cost read it: shapes and attributes, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Container, Sequence

from msgspec import Struct

from nngauge.analyse.amounts import canonical, times
from nngauge.analyse.families import operand
from nngauge.domain.cost import Amount
from nngauge.domain.graph import Dim, Graph, Node, Tensor


class UnknownCostError(Exception):
    """What a rule needs is not in the graph; the text says what, without names, so that reasons can be counted."""


class Operation(Struct, frozen=True):
    """`node` of `graph`. `fixed`: tensors that are computed from constants alone."""

    graph: Graph
    node: Node
    fixed: Container[int] = ()

    def tensor(self, place: int) -> Tensor | None:
        """Input number `place`, None where absent."""
        return operand(self.graph, self.node, place)

    def output(self, place: int = 0) -> Tensor | None:
        """Output number `place`, None where absent."""
        outputs = self.node.outputs
        if place >= len(outputs) or not 0 <= outputs[place] < len(self.graph.tensors):
            return None
        return self.graph.tensors[outputs[place]]

    def shape(self, place: int) -> tuple[Dim, ...]:
        """Shape of input `place`; its dimensions may be unknown."""
        return _ranked(self.tensor(place), f"input {place}")

    def output_shape(self, place: int = 0) -> tuple[Dim, ...]:
        """Shape of output `place`."""
        return _ranked(self.output(place), f"output {place}")

    def output_elements(self) -> Amount:
        """Elements of the first output."""
        return known_product(self.output_shape(), "output 0")

    def is_constant(self, place: int) -> bool:
        """Whether input `place` is stored, or computed from what is stored."""
        tensor = self.tensor(place)
        return tensor is not None and (tensor.constant or self.node.inputs[place] in self.fixed)

    def number(self, name: str) -> int | None:
        """A whole attribute, None when absent."""
        value = self.node.attributes.get(name)
        return int(value) if isinstance(value, int) else None

    def numbers(self, name: str) -> tuple[int, ...]:
        """An attribute of several whole numbers, empty when absent."""
        value = self.node.attributes.get(name)
        if isinstance(value, int):
            return (int(value),)
        if not isinstance(value, tuple):
            return ()
        return tuple(entry for entry in value if isinstance(entry, int))

    def text(self, name: str) -> str:
        """An attribute of text, empty when absent."""
        value = self.node.attributes.get(name)
        return value if isinstance(value, str) else ""


def known(dim: Dim, what: str) -> Amount:
    """A dimension that must be known."""
    if dim is None or (isinstance(dim, int) and dim < 0):
        raise UnknownCostError(f"a dimension of {what} is unknown")
    return canonical(dim) if isinstance(dim, str) else dim


def dimension(shape: tuple[Dim, ...], place: int, what: str) -> Amount:
    """Dimension number `place` (negative from the last), which must exist and be known."""
    if not -len(shape) <= place < len(shape):
        raise UnknownCostError(f"{what} has too few dimensions")
    return known(shape[place], what)


def known_product(dims: Sequence[Dim], what: str) -> Amount:
    """Product of dimensions that must be known."""
    return times([known(dim, what) for dim in dims])


def _ranked(tensor: Tensor | None, what: str) -> tuple[Dim, ...]:
    if tensor is None:
        raise UnknownCostError(f"{what} is absent")
    if tensor.shape is None:
        raise UnknownCostError(f"the shape of {what} is unknown")
    return tensor.shape
