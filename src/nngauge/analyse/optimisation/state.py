"""All findings about a model's optimisation, put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nngauge.analyse.optimisation.duplicates import duplicates
from nngauge.analyse.optimisation.leftovers import batch_norm, leftovers
from nngauge.analyse.optimisation.marks import marks, training
from nngauge.analyse.optimisation.precision import BLOCKS, precisions, verdict
from nngauge.analyse.optimisation.scopes import Scope, scopes
from nngauge.analyse.optimisation.weights import BUDGET, weight_states
from nngauge.domain.graph import Graph, Tensor
from nngauge.domain.optimisation import Optimisation, WeightState
from nngauge.io.source import ByteSource


def optimisation_state(
    graph: Graph, parts: Sequence[ByteSource], *, weights: bool = True, budget: int = BUDGET
) -> Optimisation:
    """Precision, sparsity, clustering, dead channels, leftovers, duplicates and marks of one model.

    `parts` are the sources that `Span.part` counts. Without `weights` no weight byte is read and the figures of values
    are None; with it at most about `budget` bytes are, spread evenly over larger models (`Optimisation.sampled`), and as
    many again to find duplicates. Raises `UnreadableError` when the sources cannot be read.
    """
    found = tuple(scopes(graph))
    states, taken, sampled = weight_states(found, parts, read=weights, budget=budget)
    same, complete = duplicates(found, parts) if weights else ((), True)
    constants, activations = _tensors(found, constant=True), _tensors(found, constant=False)
    return Optimisation(
        verdict=verdict(found),
        weights=precisions(constants),
        activations=precisions(activations),
        tensors=states,
        batch_norm=batch_norm(found),
        leftovers=leftovers(found),
        duplicates=same,
        marks=marks(graph),
        training=training(found),
        read_bytes=taken,
        sampled=sampled,
        notes=tuple(_notes(states, read=weights, complete=complete)),
    )


def _tensors(found: Sequence[Scope], *, constant: bool) -> list[Tensor]:
    return [tensor for scope in found for tensor in scope.graph.tensors if tensor.constant is constant]


def _notes(states: Sequence[WeightState], *, read: bool, complete: bool) -> Iterator[str]:
    if not read:
        return
    blocks = sum(state.dtype in BLOCKS for state in states)
    if blocks:
        yield f"{blocks} tensors of block types are not unpacked: no figures of their values"
    unread = sum(state.zeros is None and state.dtype not in BLOCKS for state in states)
    if unread:
        yield f"{unread} weight tensors without readable bytes (compressed, missing, or of a type that is not looked at)"
    if not complete:
        yield "large constants of equal size were not compared for duplicates"
