"""What inference starts from: the shapes of a model's inputs, given, stated or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.expression import MAX_NUMBER, symbol
from nngauge.analyse.shapes.operation import Shape
from nngauge.domain.graph import Dim, Graph
from nngauge.errors import UsageError
from nngauge.limits import MAX_RANK

_NAMELESS: Final = frozenset({"", "?", "-1", "None", "unknown"})
"""Symbols that exporters write for "unknown"; two of them need not be equal."""

_MAX_NAME: Final = 80
"""Characters of a name that are shown."""
_MAX_NAMES: Final = 32


class Starts(NamedTuple):
    """Shapes of the inputs by tensor, and what follows from them."""

    shapes: Mapping[int, Shape]
    symbols: Mapping[str, Dim]
    """Values of the file's symbols."""
    assumptions: tuple[str, ...] = ()
    contradicted: bool = False
    """A given shape is not the one in the file: what the file says of other tensors does not hold."""


def starts(graph: Graph, given: Mapping[str, tuple[int, ...]]) -> Starts:
    """Shapes of the inputs of a model. Raises `UsageError` for unknown names and for ranks the file contradicts."""
    places = {graph.tensors[place].name: place for place in graph.inputs if 0 <= place < len(graph.tensors)}
    _check(graph, places, given)
    found: dict[int, Shape] = {}
    symbols: dict[str, Dim] = {}
    contradicted = False
    for name, sizes in given.items():
        place = places[name]
        found[place] = sizes
        stated = graph.tensors[place].shape
        for dim, size in zip(stated or (), sizes, strict=False):
            contradicted |= isinstance(dim, int) and dim >= 0 and dim != size
            if isinstance(dim, str) and dim not in _NAMELESS:
                symbols[dim] = size
    assumptions = list(_batches(graph, places, given, found, symbols))
    for name, place in places.items():
        if name not in given:
            shape = _named(found.get(place, graph.tensors[place].shape), name, symbols)
            if shape is not None:
                found[place] = shape
    return Starts(found, symbols, tuple(assumptions), contradicted)


def _check(graph: Graph, places: Mapping[str, int], given: Mapping[str, tuple[int, ...]]) -> None:
    names = ", ".join(name[:_MAX_NAME] for name in list(places)[:_MAX_NAMES]) or "none"
    for name, shape in given.items():
        if name not in places:
            raise UsageError(f"the model has no input `{name}`", hint=f"its inputs are: {names}")
        if len(shape) > MAX_RANK or not all(isinstance(size, int) and 0 <= size < MAX_NUMBER for size in shape):
            raise UsageError(f"{shape} is no shape", where=name, hint="numbers from 0 on, one for each dimension")
        stated = graph.tensors[places[name]].shape
        if stated is not None and len(stated) != len(shape):
            wanted = "×".join("?" if dim is None else str(dim) for dim in stated) or "a single number"
            raise UsageError(f"{len(shape)} dimensions given, the model has {len(stated)}", where=name, hint=wanted)


def _batches(
    graph: Graph,
    places: Mapping[str, int],
    given: Mapping[str, tuple[int, ...]],
    found: dict[int, Shape],
    symbols: dict[str, Dim],
) -> list[str]:
    """Takes unknown leading dimensions of ranks above 1 as 1, unless the format has no batch axis; says so."""
    if any(node.attributes.get("data_layout") == "CHW" for node in graph.nodes):
        return []
    assumptions = []
    for name, place in places.items():
        shape = graph.tensors[place].shape
        # A vector's length is no batch, as a rule: samples of a sound, tokens of a text.
        if name in given or shape is None or len(shape) < 2 or isinstance(shape[0], int) or shape[0] in symbols:
            continue
        said = "dynamic" if shape[0] is None or shape[0] in _NAMELESS else f"`{str(shape[0])[:_MAX_NAME]}`"
        assumptions.append(f"first dimension of `{name[:_MAX_NAME]}` ({said}) taken as 1")
        found[place] = (1, *shape[1:])
        if said != "dynamic":
            symbols[str(shape[0])] = 1
    return assumptions


def _named(shape: Shape | None, name: str, symbols: Mapping[str, Dim]) -> Shape | None:
    """Every dimension a number or a symbol; nameless ones are called by the input and their place."""
    if shape is None or len(shape) > MAX_RANK:
        return None
    return tuple([_dim(dim, f"{name}.{axis}", symbols) for axis, dim in enumerate(shape)])


def _dim(dim: Dim, name: str, symbols: Mapping[str, Dim]) -> Dim:
    if dim is None or dim in _NAMELESS or (isinstance(dim, int) and not 0 <= dim < MAX_NUMBER):
        return symbol(name)
    return dim if isinstance(dim, int) else dims.add(dims.substitute(dim, symbols), 0)
