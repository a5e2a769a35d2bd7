"""From the JSON configuration of a Keras model to nodes: functional, sequential and nested models, shared layers.

Configurations: https://github.com/keras-team/keras/blob/master/keras/src/models/functional.py (`get_config`) and
https://github.com/keras-team/keras/blob/master/keras/src/legacy/saving (Keras 2 and before). Each call of a layer becomes
nodes of its own with the same weights; models inside models are written out where they are called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Dim, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.json_text import JsonObject, mapping, objects, text
from nngauge.formats._parts.keras_weights import Place, Weights, numbered_names
from nngauge.formats.vocabulary._keras_steps import Layer, Step
from nngauge.formats.vocabulary.keras import translate
from nngauge.io.meter import Meter
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TENSORS

_CONTAINERS = {"Sequential", "Functional", "Model"}
_CALL_COST = 64
"""Characters that the configuration of a layer takes at least; a model called again and again takes none."""
Source = tuple[str, int, int]
"""Layer, number of its call, number of its output."""


class _Call(Struct):
    """One call of a layer inside a functional model."""

    layer: JsonObject
    number: int
    sources: list[Source]
    place: Place
    missing: int = 0


class _Plan(Struct):
    """The calls of a functional model."""

    inputs: list[Source]
    outputs: list[Source] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    described: dict[Source, JsonObject] = field(default_factory=dict)


class Network(Struct):
    """The graph of a model, growing."""

    weights: Weights
    meter: Meter
    tensors: list[Tensor]
    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def tensor(self, name: str, shape: tuple[Dim, ...] | None = None, dtype: DType = DType.UNKNOWN) -> int:
        """A new tensor."""
        if len(self.tensors) >= MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
        self.tensors.append(Tensor(name, dtype, shape))
        return len(self.tensors) - 1


def read_network(config: JsonObject, weights: Weights, size: int) -> Network:
    """The network of a configuration that took `size` bytes.

    Raises `MalformedError` for a configuration without class or layers, or with layers that read what nobody makes.
    """
    network = Network(weights, Meter.for_size(size), list(weights.tensors))
    kind = text(config.get("class_name"))
    if not kind:
        raise MalformedError("a model without class")
    if _children(config):
        network.outputs = _model(network, config, [], Place(), "", 0)
    elif kind in _CONTAINERS:
        raise MalformedError(f"a {kind} without layers")
    else:
        _subclassed(network, config)
    return network


def with_network(base: Graph, network: Network) -> Graph:
    """`base` with the network's nodes and tensors; full when every layer and every weight found its place."""
    notes = list(network.notes)
    if network.weights.unused and network.weights.tensors:
        notes.append(f"{len(network.weights.unused)} weights belong to no layer of the configuration")
    whole = not notes and all(node.kind for node in network.nodes)
    complete = base.completeness if base.completeness is Completeness.TOPOLOGY or base.notes else Completeness.FULL
    return replace(
        base,
        completeness=complete if whole else Completeness.PARTIAL,
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors),
        inputs=tuple(network.inputs),
        outputs=tuple(network.outputs),
        notes=(*base.notes, *notes),
    )


def _subclassed(network: Network, config: JsonObject) -> None:
    """A model whose network is Python code: its weights are all that the file tells."""
    kind = text(config.get("class_name"))
    shape = _dims(mapping(config.get("build_config")).get("input_shape"))
    network.inputs = [network.tensor("input", shape)]
    network.outputs = [network.tensor(kind)]
    inputs = (*network.inputs, *range(len(network.weights.tensors)))
    network.weights.unused.clear()
    network.nodes.append(Node(kind, "Custom", _name(config), inputs, tuple(network.outputs)))
    network.notes.append(f"the network of {kind[:100]} is code, which is not in the file")


def _children(layer: JsonObject) -> list[JsonObject]:
    """The layers inside; Keras before 2.2.3 keeps those of a `Sequential` as its whole configuration."""
    inner = layer.get("config")
    if isinstance(inner, list):
        return objects(inner) if text(layer.get("class_name")) == "Sequential" else []
    return objects(mapping(inner).get("layers"))


def _name(layer: JsonObject) -> str:
    return text(mapping(layer.get("config")).get("name")) or text(layer.get("name"))


def _model(network: Network, model: JsonObject, given: list[int], place: Place, prefix: str, depth: int) -> list[int]:
    """Writes out a model called with the tensors `given` (none for the main model); returns its outputs."""
    if depth > MAX_STRUCT_DEPTH // 2:
        raise MalformedError("models nested too deeply")
    settings = mapping(model.get("config"))
    if "input_layers" in settings or "output_layers" in settings:
        return _functional(network, model, given, place, prefix, depth)
    return _sequential(network, model, given, place, prefix, depth)


def _places(layers: list[JsonObject], outer: Place) -> list[Place]:
    name_of = numbered_names()
    path = f"{outer.path}/layers/" if outer.path else "layers/"
    return [
        Place(outer.top or _name(layer), _name(layer), path + name_of(text(layer.get("class_name"))))
        for layer in layers
    ]


def _sequential(
    network: Network, model: JsonObject, given: list[int], place: Place, prefix: str, depth: int
) -> list[int]:
    layers = _children(model)
    current = given
    for layer, inner in zip(layers, _places(layers, place), strict=True):
        kind = text(layer.get("class_name"))
        if not current:
            settings = mapping(model.get("config"))
            current = [_input(network, layer, prefix, _built(settings))]
        if kind != "InputLayer":
            current = _call(network, layer, current, inner, prefix, 0, depth)
    return current


def _built(settings: JsonObject) -> tuple[Dim, ...] | None:
    return _dims(settings.get("build_input_shape"))


def _input(network: Network, layer: JsonObject, prefix: str, known: tuple[Dim, ...] | None = None) -> int:
    """An input of the main model, described by its own layer or by the first layer that reads it."""
    settings = mapping(layer.get("config"))
    sizes = settings.get("batch_input_shape") or settings.get("batch_shape")
    dtype = text(settings.get("dtype"))
    name = prefix + (_name(layer) or "input")
    if text(layer.get("class_name")) != "InputLayer":
        name, dtype = f"{name}_input", ""
    index = network.tensor(name, _dims(sizes) or known, DType(dtype) if dtype in set(DType) else DType.UNKNOWN)
    network.inputs.append(index)
    return index


def _dims(sizes: object) -> tuple[Dim, ...] | None:
    if not isinstance(sizes, list) or len(sizes) > MAX_RANK or any(isinstance(size, list) for size in sizes):
        return None
    return tuple(size if type(size) is int and size >= 0 else None for size in sizes)


def _functional(
    network: Network, model: JsonObject, given: list[int], place: Place, prefix: str, depth: int
) -> list[int]:
    layers = _children(model)
    plan = _plan(model, layers, place)
    made: dict[Source, int] = {}
    bound = dict(zip((name for name, _, _ in plan.inputs), given, strict=False))
    for layer in layers:
        if text(layer.get("class_name")) == "InputLayer":
            name = _name(layer)
            made[(name, 0, 0)] = bound[name] if name in bound else _input(network, layer, prefix)
    for call in _in_order(plan.calls, made):
        inputs = [made[source] for source in call.sources if source in made]
        outputs = _call(network, call.layer, inputs, call.place, prefix, call.number, depth)
        for number, output in enumerate(outputs):
            source = (_name(call.layer), call.number, number)
            made[source] = output
            _describe(network, output, plan.described.get(source))
    return [made[source] for source in plan.outputs if source in made]


def _plan(model: JsonObject, layers: list[JsonObject], place: Place) -> _Plan:
    """Every call of every layer, in the order of the file, and what is known of the tensors between them."""
    settings = mapping(model.get("config"))
    plan = _Plan([source for source, _ in _sources(settings.get("input_layers"))])
    plan.outputs = [source for source, _ in _sources(settings.get("output_layers"))]
    for layer, inner in zip(layers, _places(layers, place), strict=True):
        if not text(layer.get("class_name")):
            raise MalformedError("a layer without class")
        nodes = layer.get("inbound_nodes")
        if text(layer.get("class_name")) == "InputLayer" or not isinstance(nodes, list):
            continue
        for number, node in enumerate(nodes):
            found = list(_sources(node))
            plan.described |= {source: config for source, config in found if config}
            plan.calls.append(_Call(layer, number, [source for source, _ in found], inner))
    _renumber(plan, {_name(layer) for layer in layers if _children(layer)})
    return plan


def _renumber(plan: _Plan, nested: set[str]) -> None:
    """Keras 2 counts the making of a nested model as its first call, so that the others begin with number 1."""
    counts: dict[str, int] = {}
    highest: dict[str, int] = {}
    for call in plan.calls:
        counts[_name(call.layer)] = counts.get(_name(call.layer), 0) + 1
    for name, number, _ in [source for call in plan.calls for source in call.sources] + plan.outputs:
        highest[name] = max(number, highest.get(name, 0))
    shifts = {name: highest.get(name, 0) - counts.get(name, 1) + 1 for name in nested}
    if any(shift > 0 for shift in shifts.values()):
        for call in plan.calls:
            call.sources = _shifted(call.sources, shifts)
        plan.outputs = _shifted(plan.outputs, shifts)


def _shifted(sources: list[Source], shifts: Mapping[str, int]) -> list[Source]:
    return [(name, number - max(shifts.get(name, 0), 0), output) for name, number, output in sources]


def _sources(value: object) -> Iterator[tuple[Source, JsonObject]]:
    """References to outputs of layers in any nesting, in order, with the description that Keras 3 adds."""
    queue: list[object] = [value]
    while queue:
        item = queue.pop()
        if isinstance(item, dict):
            described = mapping(item.get("config"))
            if text(item.get("class_name")) == "__keras_tensor__":
                source = _source(described.get("keras_history"))
                if source is not None:
                    yield source, described
                continue
            queue.extend(reversed(item.values()))
        elif isinstance(item, list):
            source = _source(item)
            if source is None:
                queue.extend(reversed(item))
                continue
            yield source, {}
            queue.extend(part for part in item[3:] if isinstance(part, dict))


def _source(item: object) -> Source | None:
    """``["layer", 0, 0]``, perhaps with more arguments of the call behind it; numbers below 0 mark constants."""
    if not isinstance(item, list) or len(item) < 3 or not isinstance(item[0], str):
        return None
    if type(item[1]) is not int or type(item[2]) is not int or item[1] < 0:
        return None
    return item[0], item[1], item[2]


def _in_order(calls: list[_Call], made: Mapping[Source, int]) -> Iterator[_Call]:
    """Calls whose inputs have been made, in the order of the file as far as that is possible.

    Raises `MalformedError` when a call reads what no layer makes, or calls wait for each other.
    """
    waiting: dict[tuple[str, int], list[_Call]] = {}
    ready: deque[_Call] = deque()
    for call in calls:
        needed = {(name, number) for name, number, output in call.sources if (name, number, output) not in made}
        call.missing = len(needed)
        for key in needed:
            waiting.setdefault(key, []).append(call)
        if not needed:
            ready.append(call)
    done = 0
    while ready:
        call = ready.popleft()
        yield call
        done += 1
        freed = waiting.pop((_name(call.layer), call.number), [])
        for other in reversed(freed):
            other.missing -= 1
            if not other.missing:
                ready.appendleft(other)
    if done < len(calls):
        raise MalformedError(f"{len(calls) - done} calls of layers read what no layer makes")


def _describe(network: Network, index: int, config: JsonObject | None) -> None:
    tensor = network.tensors[index]
    if config is None or tensor.constant or tensor.shape is not None:
        return
    dtype = text(config.get("dtype"))
    known = DType(dtype) if dtype in set(DType) else tensor.dtype
    network.tensors[index] = replace(tensor, shape=_dims(config.get("shape")), dtype=known)


def _call(
    network: Network, layer: JsonObject, inputs: list[int], place: Place, prefix: str, number: int, depth: int
) -> list[int]:
    """Writes out one call of a layer; returns its outputs."""
    network.meter.spend(_CALL_COST)
    name = prefix + _name(layer) + (f":{number}" if number else "")
    if _children(layer):
        return _model(network, layer, inputs, place, f"{name}/", depth + 1)
    settings = mapping(layer.get("config"))
    kind = text(layer.get("class_name"))
    if kind in _CONTAINERS or not kind:
        raise MalformedError(f"a {kind or 'layer'} without layers or class")
    inner = mapping(settings.get("layer"))
    if kind == "TimeDistributed" and text(inner.get("class_name")):
        if depth > MAX_STRUCT_DEPTH // 2:
            raise MalformedError("layers nested too deeply")
        below = replace(place, path=f"{place.path}/layer")
        named = {**inner, "name": _name(layer), "config": {**mapping(inner.get("config")), "name": _name(layer)}}
        return _call(network, named, inputs, below, prefix, number, depth + 1)
    return _layer(network, name, kind, settings, inputs, place)


def _layer(network: Network, name: str, kind: str, settings: JsonObject, inputs: list[int], place: Place) -> list[int]:
    weights = network.weights.of(place, kind, settings)
    shapes = {role: network.tensors[index].shape for role, index in weights.items()}
    steps = translate(Layer(kind, settings, shapes, len(inputs)))
    named: dict[str, int] = {}
    current = inputs[:1]
    for place_in_layer, step in enumerate(steps):
        taken = _taken(step, current, inputs, weights, named)
        label = f"{name}.{step.part}" if step.part else name
        output = network.tensor(name if place_in_layer == len(steps) - 1 else label)
        network.nodes.append(Node(kind, step.kind, label, taken, (output,), step.attributes))
        current = [output]
        named[step.part] = output
        if len(network.nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} layers")
    return current


def _taken(
    step: Step, current: list[int], inputs: list[int], weights: Mapping[str, int], named: Mapping[str, int]
) -> tuple[int, ...]:
    """Indices of a step's inputs; −1 for absent ones in front of others."""
    taken: list[int] = []
    for source in step.inputs:
        if source == "x":
            taken += current
        elif source == "*":
            taken += inputs
        elif source.startswith("#"):
            at = int(source[1:])
            taken.append(inputs[at] if -len(inputs) <= at < len(inputs) else -1)
        elif source.startswith("@"):
            taken.append(named.get(source[1:], -1))
        else:
            taken.append(weights.get(source, -1))
    while taken and taken[-1] < 0:
        taken.pop()
    return tuple(taken)
