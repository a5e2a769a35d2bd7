"""Convolutional networks with weights, written as different converters write them."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable, Sequence

from nngauge.domain.graph import DType, Graph, Node, Span, Tensor
from nngauge.io.source import ByteSource

Weights = list[list[list[list[float]]]]
"""[out][in][height][width]"""
Network = list[Weights]
WIDTHS = (3, 8, 16, 16, 20, 24, 24, 28, 32, 36, 40, 10)


def network(seed: int, widths: Sequence[int] = WIDTHS) -> Network:
    """A chain of 3×3 and 1×1 convolutions with random weights."""
    noise = random.Random(seed)
    layers = []
    for at, (into, out) in enumerate(itertools.pairwise(widths)):
        size = 3 if at % 2 == 0 else 1
        layers.append([
            [[[noise.gauss(0, 0.1) for _ in range(size)] for _ in range(size)] for _ in range(into)] for _ in range(out)
        ])  # fmt: skip
    return layers


def changed(layers: Network, change: Callable[[float, int, int], float]) -> Network:
    """Every weight through `change(value, layer, output channel)`."""
    return [
        [[[[change(w, at, o) for w in row] for row in k] for k in channel] for o, channel in enumerate(weights)]
        for at, weights in enumerate(layers)
    ]


def as_onnx(layers: Network) -> tuple[Graph, list[ByteSource]]:
    """float32, OIHW, with names."""
    return _written(layers, "OIHW", DType.FLOAT32, "f", "w{}", _plain)


def as_tflite(layers: Network) -> tuple[Graph, list[ByteSource]]:
    """int8 with a scale per channel, OHWI, no names."""
    return _written(layers, "OHWI", DType.INT8, "b", "", _quantised)


def as_tensorflow(layers: Network) -> tuple[Graph, list[ByteSource]]:
    """float16, HWIO."""
    return _written(layers, "HWIO", DType.FLOAT16, "e", "conv/{}/kernel", _plain)


def _plain(value: float, _largest: float) -> float:
    return value


def _quantised(value: float, largest: float) -> float:
    return round(value / largest * 127)


def _written(
    layers: Network, layout: str, dtype: DType, code: str, name: str, store: Callable[[float, float], float]
) -> tuple[Graph, list[ByteSource]]:
    tensors = [Tensor("in", DType.FLOAT32, (1, 3, 32, 32))]
    nodes = []
    data = b""
    for at, weights in enumerate(layers):
        sizes = {"O": len(weights), "I": len(weights[0]), "H": len(weights[0][0]), "W": len(weights[0][0][0])}
        largest = [max(abs(w) for k in channel for row in k for w in row) for channel in weights]
        flat = []
        for index in _indices(layout, sizes):
            o, i, h, w = (index[letter] for letter in "OIHW")
            flat.append(store(weights[o][i][h][w], largest[o]))
        raw = struct.pack(f"<{len(flat)}{code}", *(flat if code in "ef" else map(int, flat)))
        shape = tuple(sizes[letter] for letter in layout)
        tensors.append(Tensor(name.format(at), dtype, shape, Span(len(data), len(raw)), constant=True))
        tensors.append(Tensor("", DType.FLOAT32))
        source = 0 if at == 0 else 2 * at
        nodes.append(
            Node("CONV", "Conv", "", (source, 2 * at + 1), (2 * at + 2,), {"weight_layout": layout, "group": 1})
        )
        data += raw
    graph = Graph(format="made", nodes=tuple(nodes), tensors=tuple(tensors), inputs=(0,), outputs=(len(tensors) - 1,))
    return graph, [ByteSource.of_bytes(data, "weights")]


def _indices(layout: str, sizes: dict[str, int]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{}]
    for letter in layout:
        found = [{**index, letter: at} for index in found for at in range(sizes[letter])]
    return found
