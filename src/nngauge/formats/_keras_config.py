"""What Keras files have in common: the JSON that says which layers a model has, and the weights in HDF5."""

from __future__ import annotations

from nngauge.domain.graph import Dim, DType, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._hdf5_datasets import datasets
from nngauge.formats._json_text import JsonObject, mapping, objects, text
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH

_CONTAINERS = {"Sequential", "Functional", "Model"}


def read_layers(config: JsonObject) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """The layers, models within models flattened, and one tensor for each input layer.

    Raises `MalformedError` for a configuration without class or layers.
    """
    nodes: list[Node] = []
    inputs: list[Tensor] = []
    queue: list[tuple[int, str, JsonObject]] = [(0, "", config)]
    while queue:
        depth, prefix, layer = queue.pop()
        kind, settings = text(layer.get("class_name")), mapping(layer.get("config"))
        if not kind or depth > MAX_STRUCT_DEPTH:
            raise MalformedError("a layer without class, or nested too deeply")
        name = prefix + (text(settings.get("name")) or text(layer.get("name")))
        children = objects(settings.get("layers")) or (objects(layer.get("config")) if kind == "Sequential" else [])
        if children:
            inner = f"{name}/" if depth else ""
            queue.extend((depth + 1, inner, child) for child in reversed(children))
        elif kind in _CONTAINERS:
            raise MalformedError(f"a {kind} without layers")
        elif kind == "InputLayer":
            inputs.append(_input(name, settings))
        else:
            nodes.append(Node(kind, None, name))
            if not inputs and settings.get("batch_input_shape") is not None:
                inputs.append(_input(name, settings))
        if len(nodes) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} layers")
    return tuple(nodes), tuple(inputs)


def _input(name: str, settings: JsonObject) -> Tensor:
    sizes = settings.get("batch_input_shape") or settings.get("batch_shape")
    shape: tuple[Dim, ...] | None = None
    if isinstance(sizes, list) and len(sizes) <= MAX_RANK:
        shape = tuple(size if type(size) is int and size >= 0 else None for size in sizes)
    dtype = text(settings.get("dtype"))
    known = dtype in set(DType)
    return Tensor(name, DType(dtype) if known else DType.UNKNOWN, shape)


def model_weights(buf: Buffer) -> list[Tensor] | None:
    """The weights of an HDF5 file, without the state of optimisers; None when its layout is not read."""
    found = datasets(buf)
    if found is None:
        return None
    return [tensor for tensor in found if not tensor.name.startswith(("optimizer", "_optimizer"))]
