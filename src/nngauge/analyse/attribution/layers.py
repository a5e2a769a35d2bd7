"""The weighted layers of a network without regard to format, and the digests that follow from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from nngauge.domain.graph import Graph, Node, Tensor
from nngauge.limits import MAX_STRUCT_DEPTH

MIN_LAYERS: Final = 8
"""Weighted layers from which on their shapes tell one architecture from others. Hand-made digit classifiers have two to
six, and many of them are the same by chance."""
_DEFAULT_LAYOUT: Final = {
    "Conv": "OIHW", "FusedConv": "OIHW", "NhwcFusedConv": "OHWI", "QLinearConv": "OIHW", "ConvInteger": "OIHW",
    "ConvTranspose": "IOHW",
}  # fmt: skip
_DENSE: Final = frozenset(
    {"Gemm", "FusedGemm", "QGemm", "MatMul", "FusedMatMul", "MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul"}
)
_RECURRENT: Final = frozenset({"LSTM", "GRU", "RNN", "SVDF"})
_WEIGHT_INPUT: Final = {"QLinearConv": 3, "QLinearMatMul": 3, "QGemm": 3, "Gather": 0}
_TRANSPARENT: Final = frozenset({"Cast", "Identity", "DequantizeLinear"})
"""What may lie between a stored weight and its reader without moving an element."""
_MAX_CHAIN: Final = 4


class Axis(Struct, frozen=True):
    """One axis of a stored tensor: elements along it, and how far apart they lie."""

    size: int
    stride: int


class WeightLayer(Struct, frozen=True):
    """One stored weight, seen as output channels × input channels × positions."""

    tensor: Tensor
    out: tuple[Axis, ...]
    into: tuple[Axis, ...]
    space: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Output channels, input channels of each, positions of the kernel."""
        return _total(self.out), _total(self.into), _total(self.space)


def _total(axes: tuple[Axis, ...]) -> int:
    return math.prod(axis.size for axis in axes)


def weight_layers(graph: Graph, depth: int = 0) -> list[WeightLayer]:
    """The layers with stored weights, in the order of the file, sub-graphs after the graph that holds them.

    A weight that two layers share counts once.
    """
    producers: dict[int, Node] | None = None
    found: list[WeightLayer] = []
    seen: set[int] = set()
    for node in graph.nodes:
        for place in _weight_places(node):
            index = node.inputs[place]
            tensor = _tensor(graph, index)
            if tensor is not None and not tensor.constant:
                producers = producers if producers is not None else _producers(graph)
                index, tensor = _behind(graph, index, producers)
            if tensor is None or index in seen:
                continue
            seen.add(index)
            layer = _layer(node, tensor)
            if layer is not None:
                found.append(layer)
    if depth < MAX_STRUCT_DEPTH:
        for inner in graph.subgraphs:
            found += weight_layers(inner, depth + 1)
    return found


def _weight_places(node: Node) -> Iterable[int]:
    kind = node.kind or ""
    count = len(node.inputs)
    if kind in _RECURRENT:
        return range(1, min(count, 10))
    if kind in _DEFAULT_LAYOUT or kind in _DENSE or kind == "Gather":
        place = _WEIGHT_INPUT.get(kind, 1)
        return (place,) if place < count else ()
    return ()


def _tensor(graph: Graph, index: int) -> Tensor | None:
    return graph.tensors[index] if 0 <= index < len(graph.tensors) else None


def _producers(graph: Graph) -> dict[int, Node]:
    return {index: node for node in graph.nodes for index in node.outputs if index >= 0}


def _behind(graph: Graph, index: int, producers: dict[int, Node]) -> tuple[int, Tensor | None]:
    """The constant that `index` is a widened or dequantised copy of."""
    for _ in range(_MAX_CHAIN):
        node = producers.get(index)
        if node is None or not node.inputs or node.kind not in _TRANSPARENT:
            return index, None
        index = node.inputs[0]
        tensor = _tensor(graph, index)
        if tensor is None or tensor.constant:
            return index, tensor
    return index, None


def _layer(node: Node, tensor: Tensor) -> WeightLayer | None:
    shape = tuple(dim for dim in tensor.shape or () if isinstance(dim, int) and dim > 0)
    if len(shape) < 2 or len(shape) != len(tensor.shape or ()):
        return None
    letters = _letters(node, len(shape))
    if letters is None:
        return None
    axes = dict[str, list[Axis]](O=[], I=[], S=[])
    stride = math.prod(shape)
    for letter, size in zip(letters, shape, strict=True):
        stride //= size
        if size > 1:
            axes[letter].append(Axis(size, stride))
    return WeightLayer(tensor, tuple(axes["O"]), tuple(axes["I"]), tuple(axes["S"]))


def _letters(node: Node, rank: int) -> str | None:
    """What each axis counts: O output channels, I input channels, S positions."""
    kind = node.kind or ""
    if kind not in _DEFAULT_LAYOUT:
        if kind in _RECURRENT or kind == "Gather" or node.attributes.get("transB"):
            return "O" * (rank - 1) + "I"
        return "O" * (rank - 2) + "IO"
    layout = node.attributes.get("weight_layout")
    text = layout if isinstance(layout, str) else _DEFAULT_LAYOUT[kind]
    if text in {"1HWO", "HWIM"}:
        text = text.replace("1", "S").replace("I", "O").replace("M", "O")
    text = text.replace("G", "O")
    spatial = sum(letter in "DHWS" for letter in text)
    if rank != len(text):
        text = _resized(text, rank - len(text), spatial)
    return "".join(letter if letter in "OI" else "S" for letter in text) if len(text) == rank else None


def _resized(text: str, more: int, spatial: int) -> str:
    """A layout written for two spatial axes, for one or three of them."""
    at = next((place for place, letter in enumerate(text) if letter in "DHWS"), -1)
    if at < 0 or spatial + more < 0:
        return text
    return text[:at] + "S" * more + text[at:] if more > 0 else text[:at] + text[at - more :]


# --- digests ----------------------------------------------------------------------------------------------------------


class Structure(Struct, frozen=True):
    """Digests of what a network is apart from its weights, hexadecimal; empty where there is too little to tell."""

    exact: str
    """Operators, element types and shapes in the order of the file: equal for copies that one converter wrote."""
    layers: str
    """Weighted layers in any order, without element types: equal across formats, batch norm folded or not."""
    trunk: str
    """`layers` without the last one: equal for networks trained for other classes."""


def structure(graph: Graph, layers: list[WeightLayer] | None = None) -> Structure:
    """The digests of `graph`; `layers` where they are known already."""
    shapes = [layer.shape for layer in (weight_layers(graph) if layers is None else layers)]
    shapes = [shape for shape in shapes if shape[0] * shape[1] > 1]
    many = len(shapes) >= MIN_LAYERS
    return Structure(
        exact=_digest(_exact(graph)) if len(graph.nodes) >= MIN_LAYERS else "",
        layers=_digest(map(str, sorted(shapes))) if many else "",
        trunk=_digest(map(str, sorted(shapes[:-1]))) if len(shapes) > MIN_LAYERS else "",
    )


def _digest(words: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=12).hexdigest()


def _exact(graph: Graph, depth: int = 0) -> Iterator[str]:
    for index in graph.inputs:
        yield f"in {_form(_tensor(graph, index))}"
    for node in graph.nodes:
        constants = [tensor for index in node.inputs if (tensor := _tensor(graph, index)) and tensor.constant]
        yield f"{node.kind or node.op} {' '.join(map(_form, constants))}"
    for inner in graph.subgraphs if depth < MAX_STRUCT_DEPTH else ():
        yield "{"
        yield from _exact(inner, depth + 1)


def _form(tensor: Tensor | None) -> str:
    return "-" if tensor is None else f"{tensor.dtype.value}{tensor.shape}"
