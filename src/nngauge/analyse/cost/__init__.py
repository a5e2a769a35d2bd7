"""Exact cost of a model: multiply-accumulates, parameters and bytes, layer by layer. Conventions: docs/cost.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.amounts import at, plus, times
from nngauge.analyse.constant_folding import fixed_tensors
from nngauge.analyse.cost.layers import Storage, layer_of
from nngauge.analyse.cost.runs import Scope, roots_of, run_order, runs_of, scopes_of
from nngauge.analyse.memory import peak_memory
from nngauge.analyse.shapes.dims import substitute
from nngauge.analyse.shapes.order import computing_order
from nngauge.analyse.sizes import element_count, stored_size
from nngauge.domain.cost import Amount, Cost, Layer
from nngauge.domain.graph import Completeness, Graph, Tensor

TYPICAL: Final = 128
"""What symbols stand for where two amounts are compared, never where one is printed: a middling sequence length."""
_ALL_OPERATIONS: Final = frozenset({Completeness.FULL, Completeness.TOPOLOGY})
_WAITING: Final = "operations wait for each other in a circle"
_CIRCLE: Final = "sub-graphs that call each other are not counted"


def model_cost(graph: Graph) -> Cost:
    """Cost of one inference of `graph`, whose shapes are known as far as they can be (`infer_shapes`).

    Layers of sub-graphs follow those of the main graph; `Layer.repeats` says how often each runs. Totals are sums of
    layers × repeats. What has no figure is None in its layer and makes the totals lower bounds, with the reason.
    """
    graph, assumptions = with_batch_of_one(graph)
    if not _runs(graph):
        return _weights_only(graph, assumptions)
    scopes = scopes_of(graph)
    roots = roots_of(graph, scopes)
    if len(roots) > 1:
        assumptions = (*assumptions, f"each of the {len(roots)} models runs once")
    seen: set[Storage] = set()
    reasons: Counter[str] = Counter()
    layers = [tuple(_scope_layers(scope, seen, reasons)) for scope in scopes]
    order = run_order(scopes)
    weights = {number: at(plus(_known(layer.macs for layer in layers[number])), TYPICAL) for number in order}
    runs = runs_of(scopes, order, weights, roots)
    reached = frozenset(number for number, count in enumerate(runs) if count)
    problems = Counter(problem for number in reached for problem in scopes[number].problems)
    if len(order) != len(scopes):
        problems[_CIRCLE] += 1
    stuck = sum(computing_order(scope.graph)[1] for scope in scopes)
    if stuck:
        problems[_WAITING] += stuck
    table = tuple(replace(layer, repeats=runs[number]) for number, scope in enumerate(layers) for layer in scope)
    return _total(graph, table, assumptions, reasons, problems)


def _runs(graph: Graph) -> bool:
    """Whether there is anything to run: operations, also of the models in a bundle, or outputs that are inputs."""
    whole = graph.completeness is Completeness.FULL and bool(graph.outputs)
    return bool(graph.nodes) or whole or any(_runs(child) for child in graph.subgraphs)


def with_batch_of_one(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """The graph with 1 for symbols that are the first dimension of an input of rank 2 or more, and that as text.

    Where the format has no axis of the batch (ncnn), nothing is taken as one.
    """
    if any(node.attributes.get("data_layout") == "CHW" for node in graph.nodes):
        return graph, ()
    shapes = [graph.tensors[index].shape for index in graph.inputs if 0 <= index < len(graph.tensors)]
    first = [shape[0] for shape in shapes if shape is not None and len(shape) > 1]
    known = {dim: 1 for dim in first if isinstance(dim, str)}
    if not known:
        return graph, ()
    return _substituted(graph, known), (f"batch ({', '.join(sorted(known))}) taken as 1",)


def _substituted(graph: Graph, known: Mapping[str, int]) -> Graph:
    return replace(
        graph,
        tensors=tuple(_with_numbers(tensor, known) for tensor in graph.tensors),
        subgraphs=tuple(_substituted(child, known) for child in graph.subgraphs),
    )


def _with_numbers(tensor: Tensor, known: Mapping[str, int]) -> Tensor:
    if tensor.shape is None or not any(isinstance(dim, str) for dim in tensor.shape):
        return tensor
    return replace(tensor, shape=tuple(substitute(dim, known) for dim in tensor.shape))


def _scope_layers(scope: Scope, seen: set[Storage], reasons: Counter[str]) -> Iterator[Layer]:
    fixed = fixed_tensors(scope.graph)
    for index in range(len(scope.graph.nodes)):
        layer, problem = layer_of(scope.graph, scope.name, index, fixed, seen)
        if problem:
            reasons[problem] += 1
        yield layer


def _total(
    graph: Graph,
    layers: Sequence[Layer],
    assumptions: tuple[str, ...],
    reasons: Counter[str],
    problems: Counter[str],
) -> Cost:
    run = [layer for layer in layers if layer.repeats]
    sizes = [layer.weight_bytes for layer in layers]
    complete = graph.completeness in _ALL_OPERATIONS
    return Cost(
        macs=_known_macs(run),
        parameters=_sum([(layer.parameters, 1) for layer in layers]),
        weight_bytes=None if None in sizes else sum(size for size in sizes if size is not None),
        read_bytes=_whole_sum([(layer.read_bytes, layer.repeats) for layer in run]),
        written_bytes=_whole_sum([(layer.written_bytes, layer.repeats) for layer in run]),
        peak=peak_memory(graph),
        layers=tuple(layers),
        lower_bound=bool(problems) or not complete or any(layer.macs is None for layer in layers),
        parameters_lower_bound=not complete or any(layer.parameters is None for layer in layers),
        assumptions=assumptions,
        unknown=tuple(f"{reason} × {count}" for reason, count in sorted((reasons + problems).items())),
    )


def _known_macs(layers: Sequence[Layer]) -> Amount | None:
    """Sum of the known ones; None rather than 0 when only layers that multiply nothing are known."""
    total = _sum([(layer.macs, layer.repeats) for layer in layers])
    return total or (None if any(layer.macs is None for layer in layers) else total)


def _sum(amounts: Sequence[tuple[Amount | None, int]]) -> Amount | None:
    """Sum of amounts × times, those that are known; None when none is."""
    numbers = [times((amount, count)) for amount, count in amounts if amount is not None]
    return plus(numbers) if numbers or not amounts else None


def _whole_sum(amounts: Sequence[tuple[Amount | None, int]]) -> Amount | None:
    """As `_sum`, but None when anything is unknown."""
    return None if any(amount is None for amount, _ in amounts) else _sum(amounts)


def _known(amounts: Iterable[Amount | None]) -> Iterator[Amount]:
    return (amount for amount in amounts if amount is not None)


def _weights_only(graph: Graph, assumptions: tuple[str, ...]) -> Cost:
    """An archive of weights: parameters and bytes, nothing that runs."""
    constants = [tensor for tensor in graph.tensors if tensor.constant]
    sizes = [stored_size(tensor) for tensor in constants]
    known = list(_known(element_count(tensor) for tensor in constants))
    return Cost(
        macs=None,
        parameters=plus(known) if known else None,
        weight_bytes=None if None in sizes or not sizes else sum(size for size in sizes if size is not None),
        read_bytes=None,
        written_bytes=None,
        peak=None,
        layers=(),
        parameters_lower_bound=graph.completeness not in _ALL_OPERATIONS or len(known) != len(constants),
        assumptions=assumptions,
        unknown=("the file holds no layers × 1",),
    )
