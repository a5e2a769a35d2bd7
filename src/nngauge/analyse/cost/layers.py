"""One layer of the cost table."""

from __future__ import annotations

from collections.abc import Container
from math import prod

from nngauge.analyse.amounts import plus
from nngauge.analyse.cost.macs import macs_of
from nngauge.analyse.cost.operation import Operation, UnknownCostError
from nngauge.analyse.cost.weights import constants_of, derived_parameters, expects_weights, parameters_in
from nngauge.analyse.families import family_of, is_view
from nngauge.analyse.sizes import byte_size, stored_size
from nngauge.domain.cost import Amount, Family, Layer
from nngauge.domain.graph import Graph, Span, Tensor

_FOLDED = "computed from constants alone: done before inference"
_UNCOUNTED = frozenset({Family.CONTROL, Family.CONSTANT})

Storage = Span | tuple[str, int]
"""What tells one weight from another: its bytes, else its place in a graph."""


def layer_of(graph: Graph, name: str, index: int, fixed: Container[int], seen: set[Storage]) -> tuple[Layer, str]:
    """The layer of node `index`, and why it lacks figures (empty when it lacks none).

    `name` is that of the sub-graph, `fixed` its tensors that depend on constants alone; `seen` collects the weights
    that were counted.
    """
    node = graph.nodes[index]
    operation = Operation(graph, node, fixed)
    family = family_of(graph, node, fixed)
    folded = bool(node.outputs) and all(output in fixed for output in node.outputs)
    macs, problem = (0, "") if folded else _macs(operation, family)
    weights = [(place, tensor) for place, tensor in constants_of(operation) if _first(operation, name, place, seen)]
    parameters, weightless = _parameters(operation, weights)
    output = operation.output()
    moved = not (folded or is_view(node) or family in _UNCOUNTED)
    sources = [graph.tensors[i] for i in _activations(operation)]
    targets = [graph.tensors[i] for i in dict.fromkeys(node.outputs) if 0 <= i < len(graph.tensors)]
    layer = Layer(
        graph=name,
        index=index,
        name=node.name or (output.name if output is not None else ""),
        op=node.op,
        kind=node.kind,
        family=family,
        inputs=tuple(tensor.shape for tensor in sources),
        outputs=tuple(tensor.shape for tensor in targets),
        dtype=output.dtype.value if output is not None else "",
        weight_dtype=_weight_dtype([tensor for _, tensor in constants_of(operation)]),
        attributes=_summary(operation),
        macs=macs,
        parameters=parameters,
        weight_bytes=_stored(weights, derived=expects_weights(operation) and parameters != 0),
        read_bytes=_moved(sources) if moved else 0,
        written_bytes=_moved(targets) if moved else 0,
        note=_FOLDED if folded else problem or weightless,
    )
    return layer, problem or weightless


def _macs(operation: Operation, family: Family) -> tuple[Amount | None, str]:
    try:
        return macs_of(operation, family), ""
    except UnknownCostError as error:
        return None, f"{operation.node.op}: {error}"


def _parameters(operation: Operation, weights: list[tuple[int, Tensor]]) -> tuple[Amount | None, str]:
    try:
        if expects_weights(operation):
            return derived_parameters(operation), ""
        return plus([parameters_in(operation, place, tensor) for place, tensor in weights]), ""
    except UnknownCostError as error:
        return None, f"{operation.node.op}: {error}"


def _first(operation: Operation, name: str, place: int, seen: set[Storage]) -> bool:
    index = operation.node.inputs[place]
    data = operation.graph.tensors[index].data
    key: Storage = data if data is not None and data.size else (name, index)
    if key in seen:
        return False
    seen.add(key)
    return True


def _activations(operation: Operation) -> list[int]:
    """Inputs that are no constants, each once."""
    graph = operation.graph
    return [
        index
        for index in dict.fromkeys(operation.node.inputs)
        if 0 <= index < len(graph.tensors) and not graph.tensors[index].constant and index not in operation.fixed
    ]


def _stored(weights: list[tuple[int, Tensor]], *, derived: bool) -> int | None:
    if derived:
        return None
    sizes = [stored_size(tensor) for _, tensor in weights]
    numbers = [size for size in sizes if size is not None]
    return sum(numbers) if len(numbers) == len(sizes) else None


def _moved(tensors: list[Tensor]) -> Amount | None:
    sizes = [byte_size(tensor) for tensor in tensors]
    numbers = [size for size in sizes if size is not None]
    return plus(numbers) if len(numbers) == len(sizes) else None


def _weight_dtype(weights: list[Tensor]) -> str:
    if not weights:
        return ""
    return max(weights, key=lambda tensor: stored_size(tensor) or tensor.elements or 0).dtype.value


def _summary(operation: Operation) -> str:
    """What matters for the cost: ``3x3 s2 d2 g32``."""
    window = operation.numbers("kernel_shape") or _stored_window(operation)
    parts = ["x".join(map(str, window))] if window else []
    for letter, name in (("s", "strides"), ("d", "dilations")):
        values = operation.numbers(name)
        if prod(values) != 1:
            parts.append(letter + ("x".join(map(str, values)) if len(set(values)) > 1 else str(values[0])))
    group = operation.number("group")
    if group is not None and group > 1:
        parts.append(f"g{group}")
    for name, word in (("hidden_size", "hidden"), ("num_heads", "heads"), ("trip_count", "times")):
        value = operation.number(name)
        if value is not None:
            parts.append(f"{value} {word}")
    activation = operation.text("fused_activation")
    return " ".join([*parts, f"+{activation}"] if activation else parts)


def _stored_window(operation: Operation) -> tuple[int, ...]:
    """Spatial axes of a stored kernel, where the file gives no `kernel_shape`."""
    layout = operation.text("weight_layout") or "OIHW"
    weight = operation.tensor(3 if operation.node.kind == "QLinearConv" else 1)
    if operation.node.kind not in {"Conv", "ConvTranspose", "QLinearConv", "FusedConv"} or weight is None:
        return ()
    shape = weight.shape or ()
    if len(shape) != len(layout):
        return ()
    return tuple(dim for axis, dim in zip(layout, shape, strict=True) if axis in "DHW" and isinstance(dim, int))
