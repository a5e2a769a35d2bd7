"""Graphs under construction while the code of a scripted model is walked: blocks of nodes over shared values.

Values are numbered through the whole model; a block becomes a `Graph` when all is known, without the nodes whose
results nobody uses (checks of arguments, sizes that only an error message shows).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError
from nngauge.formats._parts.torch_operands import settled
from nngauge.limits import MAX_NODES, MAX_TENSORS


class Draft(Struct, eq=False):
    """A node whose results may still become more: how many a list has, only its reader tells."""

    op: str
    kind: str | None
    name: str
    inputs: tuple[int, ...]
    outputs: list[int]
    attributes: dict[str, Attribute] = field(default_factory=dict)
    bodies: dict[str, Block] = field(default_factory=dict)
    effect: bool = False
    """It does something besides giving results."""


class Block(Struct, eq=False):
    """One graph: the main one, a branch or the body of a loop."""

    name: str = ""
    drafts: list[Draft] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    effect: bool = False


class Values:
    """All values of the model, and who makes them."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        """`tensors`: the weights, numbered as they stand."""
        self.tensors = list(tensors)
        self.weights = len(self.tensors)
        self.makers: dict[int, Draft] = {}
        self._nodes = 0
        self._owned: set[int] = set()

    def new(self, name: str = "", dtype: DType = DType.UNKNOWN, shape: tuple[int, ...] | None = None) -> int:
        """A fresh value."""
        number = len(self.tensors)
        if number >= MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} values")
        self.tensors.append(Tensor(name or f"%{number}", dtype, shape))
        return number

    def add(self, block: Block, draft: Draft) -> Draft:
        """Appends a node to a block."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} operations")
        block.drafts.append(draft)
        block.effect |= draft.effect
        for output in draft.outputs:
            self.makers[output] = draft
        return draft

    def grow(self, draft: Draft, count: int) -> list[int]:
        """The first `count` results of a node, new ones where it has fewer."""
        while len(draft.outputs) < count:
            number = self.new()
            draft.outputs.append(number)
            self.makers[number] = draft
        return draft.outputs[:count]

    def graph(self, block: Block) -> Graph:
        """The finished graph of the main block, with all weights that no other graph holds."""
        found = self._finished(block)
        spare = tuple(tensor for at, tensor in enumerate(self.tensors[: self.weights]) if at not in self._owned)
        return Graph(
            format="torchscript",
            completeness=Completeness.FULL,
            name=found.name,
            nodes=found.nodes,
            tensors=found.tensors + spare,
            inputs=found.inputs,
            outputs=found.outputs,
            subgraphs=found.subgraphs,
        )

    def _finished(self, block: Block) -> Graph:
        kept = _live(block)
        place: dict[int, int] = {-1: -1}
        tensors: list[Tensor] = []

        def local(number: int) -> int:
            at = place.get(number)
            if at is None:
                at = place[number] = len(tensors)
                tensors.append(self._described(number))
            return at

        inputs = tuple([local(number) for number in block.inputs])
        nodes, bodies = [], list[Block]()
        for draft in kept:
            attributes = dict(settled(draft.attributes, len(draft.outputs)))
            for key, body in draft.bodies.items():
                attributes[key] = len(bodies)
                bodies.append(body)
            read, written = tuple(map(local, draft.inputs)), tuple(map(local, draft.outputs))
            nodes.append(Node(draft.op, draft.kind, draft.name, read, written, attributes))
        outputs = tuple([local(number) for number in block.outputs])
        return Graph(
            format="torchscript",
            name=block.name,
            nodes=tuple(nodes),
            tensors=tuple(tensors),
            inputs=inputs,
            outputs=outputs,
            subgraphs=tuple([self._finished(body) for body in bodies]),
        )

    def _described(self, number: int) -> Tensor:
        """A weight counts in the first graph that uses it; in others its name refers there."""
        tensor = self.tensors[number]
        if number >= self.weights:
            return tensor
        if number in self._owned:
            return Tensor(tensor.name, tensor.dtype, tensor.shape)
        self._owned.add(number)
        return tensor


def _live(block: Block) -> list[Draft]:
    """The nodes that matter, in order."""
    used = set(block.outputs)
    kept: list[Draft] = []
    for draft in reversed(block.drafts):
        if draft.effect or not used.isdisjoint(draft.outputs):
            kept.append(draft)
            used.update(draft.inputs)
            for body in draft.bodies.values():
                used |= _reads(body)
    kept.reverse()
    return kept


def _reads(block: Block) -> set[int]:
    """All values that a block or the blocks inside it mention."""
    found = set(block.outputs)
    for draft in block.drafts:
        found.update(draft.inputs)
        for body in draft.bodies.values():
            found |= _reads(body)
    return found
