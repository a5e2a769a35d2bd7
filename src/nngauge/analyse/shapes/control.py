"""Sub-graphs of nodes: what flows into them and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from nngauge.analyse.shapes.operation import Operation, Shape, UnknownError, Values, place_of
from nngauge.domain.graph import Dim, DType

_ATTEMPTS = 3
"""Times the body of a loop is looked at until its carried shapes stay as they are."""


class Fact(NamedTuple):
    """What is known of one value."""

    shape: Shape | None = None
    dtype: DType = DType.UNKNOWN
    values: Values | None = None


_NOTHING = Fact()


class Bodies(Protocol):
    """Infers sub-graphs of a node's graph."""

    def body(self, op: Operation, attribute: str, inputs: Sequence[Fact]) -> list[Fact]:
        """Facts of the outputs of the sub-graph that `attribute` names."""

    def fact(self, tensor: int) -> Fact:
        """What is known of a tensor of the graph around."""


class Outcome(NamedTuple):
    """What comes out of a node that runs sub-graphs."""

    outputs: list[Fact]
    trips: int | None = None
    """Iterations of a loop, when they are known."""


def outcome(op: Operation, bodies: Bodies) -> Outcome:
    """Facts of the outputs of a node that runs sub-graphs."""
    inputs = [bodies.fact(tensor) if tensor >= 0 else _NOTHING for tensor in op.inputs]
    if op.node.kind == "If":
        return Outcome(_branches(op, bodies, inputs))
    if op.node.kind == "Loop":
        return Outcome(_while(op, bodies, inputs)) if "cond" in op.attributes else _loop(op, bodies, inputs)
    if op.node.kind == "Scan":
        return Outcome(_scan(op, bodies, inputs))
    return Outcome(bodies.body(op, "body", inputs))


def _branches(op: Operation, bodies: Bodies, inputs: list[Fact]) -> list[Fact]:
    """`If`: the branch taken when the condition is known, else what both have in common."""
    condition = inputs[0].values if inputs else None
    taken = condition[0] if condition else None
    one, other = (bodies.body(op, name, inputs[1:]) for name in ("then_branch", "else_branch"))
    if isinstance(taken, int | float):
        return one if taken else other
    return [joined(left, right) for left, right in zip(one, other, strict=False)]


def joined(left: Fact, right: Fact) -> Fact:
    """What is true of both."""
    shape: Shape | None = None
    if left.shape is not None and right.shape is not None and len(left.shape) == len(right.shape):
        shape = tuple([a if a == b else None for a, b in zip(left.shape, right.shape, strict=True)])
    dtype = left.dtype if left.dtype in (right.dtype, DType.UNKNOWN) else right.dtype
    return Fact(shape, dtype, left.values if left.values == right.values else None)


def _loop(op: Operation, bodies: Bodies, inputs: list[Fact]) -> Outcome:
    """`Loop` of ONNX: trip count, condition, carried values; further outputs gain an axis of iterations."""
    trips, condition = (fact.values for fact in (*inputs, _NOTHING, _NOTHING)[:2])
    count = trips[0] if trips and isinstance(trips[0], int | str) else None
    # The body only runs while the condition is true.
    first = [Fact((), DType.INT64), Fact((), DType.BOOL, (1,))]
    state, outputs = _settled(op, bodies, inputs[2:], first, 1)
    scans = outputs[1 + len(state) :]
    stacked = [fact._replace(shape=_stacked(fact.shape, count, 0), values=None) for fact in scans]
    lasting = bool(outputs) and outputs[0].values == (1,) and (not op.present(1) or condition == (1,))
    known = count if lasting and isinstance(count, int) and count >= 0 else None
    if known is None:
        stacked = [fact._replace(shape=fact.shape and (None, *fact.shape[1:])) for fact in stacked]
    return Outcome([*state, *stacked], known)


def _stacked(shape: Shape | None, count: Dim, axis: int) -> Shape | None:
    if shape is None:
        return None
    place = place_of(axis, len(shape) + 1)
    return (*shape[:place], count, *shape[place:])


def _while(op: Operation, bodies: Bodies, inputs: list[Fact]) -> list[Fact]:
    """`Loop` of TensorFlow: the body maps the values to themselves."""
    values = inputs[2:]
    state, _ = _settled(op, bodies, values, [], 0)
    bodies.body(op, "cond", state)
    return state


def _settled(
    op: Operation, bodies: Bodies, start: list[Fact], first: list[Fact], skipped: int
) -> tuple[list[Fact], list[Fact]]:
    """`(carried values, outputs of the body)`: dimensions that an iteration changes are unknown."""
    state = [fact._replace(values=None) for fact in start]
    outputs: list[Fact] = []
    for _ in range(_ATTEMPTS):
        outputs = bodies.body(op, "body", [*first, *state])
        after = outputs[skipped : skipped + len(state)]
        if len(after) < len(state):
            return [fact._replace(shape=None) for fact in state], outputs
        wider = [joined(one, other)._replace(values=None) for one, other in zip(state, after, strict=True)]
        if wider == state:
            return state, outputs
        state = wider
    return [fact._replace(shape=None) for fact in state], outputs


def _scan(op: Operation, bodies: Bodies, inputs: list[Fact]) -> list[Fact]:
    """`Scan`: state, then sequences whose elements the body sees one after the other."""
    count = op.integer("num_scan_inputs")
    if not 0 < count <= len(inputs):
        raise UnknownError("num_scan_inputs does not fit the inputs")
    axes = op.integers("scan_input_axes") or (0,) * count
    outgoing = op.integers("scan_output_axes") or ()
    start, sequences = inputs[:-count], inputs[-count:]
    length: Dim = None
    elements = []
    for fact, axis in zip(sequences, axes, strict=False):
        if fact.shape is None:
            elements.append(fact._replace(values=None))
            continue
        place = place_of(axis, len(fact.shape))
        length = fact.shape[place] if length is None else length
        elements.append(Fact((*fact.shape[:place], *fact.shape[place + 1 :]), fact.dtype))
    outputs = bodies.body(op, "body", [*(fact._replace(values=None) for fact in start), *elements])
    scans = outputs[len(start) :]
    placed = [outgoing[number] if number < len(outgoing) else 0 for number in range(len(scans))]
    stacked = [
        fact._replace(shape=_stacked(fact.shape, length, axis), values=None)
        for fact, axis in zip(scans, placed, strict=True)
    ]
    return [*(fact._replace(values=None) for fact in outputs[: len(start)]), *stacked]
