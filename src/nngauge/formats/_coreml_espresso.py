"""Espresso, the network description inside older compiled Core ML models: a JSON list of layers.

Undocumented; the keys were read off compiled models (``format_version``, ``storage``, ``layers`` with ``type``, ``name``,
comma-separated ``bottom`` and ``top``).
"""

from __future__ import annotations

from nngauge.domain.graph import Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._json_text import objects, read_object, text
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES


def read_layers(buf: Buffer, ports: list[Tensor]) -> tuple[tuple[Node, ...], tuple[Tensor, ...]]:
    """Layers and the values between them; `ports` come first. Raises `MalformedError` for any other JSON."""
    network = read_object(buf)
    layers = objects(network.get("layers"))
    if not layers or "storage" not in network or not isinstance(network.get("format_version"), int):
        raise MalformedError("not an Espresso network")
    if len(layers) > MAX_NODES:
        raise LimitError(f"{len(layers)} layers")
    tensors = list(ports)
    index = {tensor.name: at for at, tensor in enumerate(tensors)}
    nodes = []
    for layer in layers:
        if not text(layer.get("type")):
            raise MalformedError("an Espresso layer without type")
        edges: list[tuple[int, ...]] = []
        for side in ("bottom", "top"):
            names = [name for name in text(layer.get(side)).split(",") if name]
            for name in names:
                if name not in index:
                    index[name] = len(tensors)
                    tensors.append(Tensor(name))
            edges.append(tuple(index[name] for name in names))
        nodes.append(Node(text(layer["type"]), None, text(layer.get("name")), edges[0], edges[1]))
    return tuple(nodes), tuple(tensors)
