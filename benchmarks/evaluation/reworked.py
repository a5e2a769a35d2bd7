"""Copies of a model with other weights, as converters, quantisers and further training leave them, made in memory."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.attribution.layers import Axis, WeightLayer, weight_layers
from nngauge.domain.graph import DType, Graph, Span, Tensor
from nngauge.io.source import ByteSource

Values = list[float]
Change = Callable[[Values, int, random.Random], tuple[Values, DType]]
"""`(weights of all output channels one after the other, channels, noise)` → new ones and how they are stored."""
_CODES: Final = {DType.FLOAT32: "f", DType.FLOAT16: "e", DType.INT8: "b", DType.UINT8: "B"}
_MOST: Final = 4_000_000


def _rows(values: Values, channels: int) -> list[Values]:
    size = max(1, len(values) // max(channels, 1))
    return [values[at : at + size] for at in range(0, len(values), size)]


def as_half(values: Values, _channels: int, _noise: random.Random) -> tuple[Values, DType]:
    """Stored as float16."""
    return [max(-65504.0, min(65504.0, value)) for value in values], DType.FLOAT16


def per_channel(values: Values, channels: int, _noise: random.Random) -> tuple[Values, DType]:
    """Symmetric int8 with a scale for each output channel."""
    return [number for row in _rows(values, channels) for number in _quantised(row, 127)], DType.INT8


def per_tensor(values: Values, _channels: int, _noise: random.Random) -> tuple[Values, DType]:
    """Asymmetric uint8 with one scale."""
    low, high = min(values), max(values)
    step = (high - low) / 255 or 1.0
    return [float(round((value - low) / step)) for value in values], DType.UINT8


def four_bits(values: Values, channels: int, _noise: random.Random) -> tuple[Values, DType]:
    """Fifteen levels for each output channel."""
    return [number for row in _rows(values, channels) for number in _quantised(row, 7)], DType.INT8


def folded(values: Values, channels: int, noise: random.Random) -> tuple[Values, DType]:
    """Each channel times a factor of either sign: batch normalisation folded into the convolution."""
    factors = [noise.choice((-1, 1)) * noise.uniform(0.05, 4.0) for _ in range(max(channels, 1))]
    rows = _rows(values, channels)
    return [value * factor for row, factor in zip(rows, factors, strict=False) for value in row], DType.FLOAT32


def pruned(values: Values, _channels: int, _noise: random.Random) -> tuple[Values, DType]:
    """The smaller half set to zero."""
    floor = sorted(map(abs, values))[len(values) // 2]
    return [value if abs(value) >= floor else 0.0 for value in values], DType.FLOAT32


def trained_on(strength: float) -> Change:
    """Noise of `strength` standard deviations on every weight, as further training moves them."""

    def change(values: Values, _channels: int, noise: random.Random) -> tuple[Values, DType]:
        mean = sum(values) / len(values)
        spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
        return [value + noise.gauss(0.0, strength * spread) for value in values], DType.FLOAT32

    return change


def fresh(values: Values, _channels: int, noise: random.Random) -> tuple[Values, DType]:
    """Weights that have nothing to do with the old ones."""
    return [noise.gauss(0.0, 0.05) for _ in values], DType.FLOAT32


def _quantised(row: Values, levels: int) -> Values:
    scale = max(map(abs, row)) / levels or 1.0
    return [float(round(value / scale)) for value in row]


CHANGES: Final[Mapping[str, tuple[Change, float]]] = {
    "float16": (as_half, 1.0),
    "batch norm folded": (folded, 1.0),
    "int8, a scale per channel": (per_channel, 1.0),
    "uint8, one scale": (per_tensor, 1.0),
    "4 bits, a scale per channel": (four_bits, 1.0),
    "half of the weights pruned": (pruned, 1.0),
    "trained on a little (noise 0.1 σ)": (trained_on(0.1), 1.0),
    "trained on a lot (noise 1 σ)": (trained_on(1.0), 1.0),
    "last quarter of the layers new": (fresh, 0.25),
    "last half of the layers new": (fresh, 0.5),
    "all layers new": (fresh, 1.0),
}
"""Name → what is done, and to which share of the layers, counted from the end."""


def reworked(graph: Graph, parts: Sequence[ByteSource], change: Change, share: float) -> tuple[Graph, list[ByteSource]]:
    """The graph with changed weights, and its parts with the part that holds them. Names are gone, too."""
    noise = random.Random(1)
    layers = [layer for layer in weight_layers(graph) if _readable(layer, parts)]
    wanted = layers[len(layers) - round(len(layers) * share) :]
    made = bytearray()
    changed: dict[int, Tensor] = {}
    for layer in wanted:
        values, dtype = change(_values(layer, parts), layer.shape[0], noise)
        data = _stored(values, dtype, layer)
        spot = Span(len(made), len(data), len(parts))
        changed[id(layer.tensor)] = replace(layer.tensor, dtype=dtype, data=spot, quantization=None)
        made += data
    return _with(graph, changed, count()), [*parts, ByteSource.of_bytes(bytes(made), "reworked")]


def _readable(layer: WeightLayer, parts: Sequence[ByteSource]) -> bool:
    span = layer.tensor.data
    elements = layer.tensor.elements or 0
    code = _CODES.get(layer.tensor.dtype)
    if span is None or code is None or not 0 < elements <= _MOST or span.part >= len(parts):
        return False
    return span.size >= elements * struct.calcsize(code)


def _places(layer: WeightLayer) -> list[int]:
    """Element numbers, output channel by output channel."""
    places = [0]
    for axis in (*layer.out, *layer.into, *layer.space):
        places = [base + step for base in places for step in _steps(axis)]
    return places


def _steps(axis: Axis) -> range:
    return range(0, axis.size * axis.stride, axis.stride)


def _values(layer: WeightLayer, parts: Sequence[ByteSource]) -> Values:
    span, code = layer.tensor.data, _CODES[layer.tensor.dtype]
    if span is None:
        return []
    elements = layer.tensor.elements or 0
    raw = struct.unpack(f"<{elements}{code}", parts[span.part].read(span.offset, elements * struct.calcsize(code)))
    return [float(raw[place]) for place in _places(layer)]


def _stored(values: Values, dtype: DType, layer: WeightLayer) -> bytes:
    ordered: list[float] = [0.0] * len(values)
    for place, value in zip(_places(layer), values, strict=True):
        ordered[place] = value
    code = _CODES[dtype]
    numbers = ordered if code in "ef" else [int(value) for value in ordered]
    return struct.pack(f"<{len(ordered)}{code}", *numbers)


def _with(graph: Graph, changed: Mapping[int, Tensor], numbers: count[int]) -> Graph:
    tensors = tuple(replace(changed.get(id(item), item), name=f"t{next(numbers)}") for item in graph.tensors)
    nodes = tuple(replace(node, name="") for node in graph.nodes)
    inner = tuple(_with(item, changed, numbers) for item in graph.subgraphs)
    return replace(graph, tensors=tensors, nodes=nodes, subgraphs=inner, metadata={})
