"""What a network asks of a neural processor, layer by layer: products padded to its tiles, weights, elements moved.

Channels count in blocks of 32, so that a layer with 3 channels costs as much as one with 32; this describes the training rows,
no document of the maker is behind it. What compilers fold costs nothing here: activations and normalisations after a product,
views, transposes that only move dimensions of 1, Gelu and SiLU that exporters write as several operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from math import prod
from typing import Final, NamedTuple

from nngauge.domain.cost import Family, Layer
from nngauge.domain.graph import Dim

_TILE: Final = 32
_MOST: Final = 10**18
"""No amount counts for more: shapes from a file may say anything."""
_DILATED_DEPTHWISE: Final = 8
"""A dilated depthwise window touches that many times more rows; order of magnitude from the training rows."""

_OWN: Final = 0.9
"""A layer with this share of the weights that its shapes ask for has them itself."""


class Work(StrEnum):
    """Kinds of work, each with its own speed."""

    POINTWISE = "pointwise"
    """1×1 convolutions and products with a matrix of weights."""
    WINDOW = "window"
    """Larger convolutions, transposed ones too."""
    GROUPED = "grouped"
    DEPTHWISE = "depthwise"
    DILATED = "dilated"
    VECTOR = "vector"
    """Products with a vector: each weight is used once."""
    PRODUCT = "product"
    """Products of two activations."""
    RECURRENT = "recurrent"
    SOFTMAX = "softmax"
    NORMALISE = "normalise"
    NONLINEAR = "nonlinear"
    ELEMENTWISE = "elementwise"
    """Sums and products, cheap activations and normalisations that nothing folds."""
    TRANSPOSE = "transpose"
    COPY = "copy"
    CONCAT = "concat"
    GATHER = "gather"
    POOL = "pool"
    RESIZE = "resize"
    OTHER = "other"


WORKS: Final = tuple(Work)


class Item(NamedTuple):
    """One kind of layer, as often as the network has it."""

    work: Work
    macs: float
    """Multiply-accumulates, channels padded to tiles."""
    weights: float
    """Parameters read."""
    elements: float
    """Activations read and written."""
    times: int = 1


_PRODUCTS: Final = frozenset(
    {Family.CONVOLUTION, Family.DEPTHWISE, Family.DENSE, Family.TRANSPOSED, Family.MATMUL, Family.ATTENTION}
)
_FOLDING: Final = _PRODUCTS | {Family.ELEMENTWISE}
_CHEAP: Final = frozenset(
    {"Relu", "Relu6", "Clip", "LeakyRelu", "PRelu", "BatchNormalization", "HardSigmoid", "HardSwish"}
)
_PLAIN: Final = {
    Family.NORMALISATION: Work.NORMALISE,
    Family.ELEMENTWISE: Work.ELEMENTWISE,
    Family.QUANTISE: Work.ELEMENTWISE,
    Family.POOLING: Work.POOL,
    Family.REDUCTION: Work.POOL,
    Family.RESIZE: Work.RESIZE,
}
_FREE: Final = frozenset({Family.CONSTANT, Family.CONTROL})
_GELU: Final = ("Erf", "Add", "Mul", "Mul")


def work_of(layers: Iterable[Layer]) -> tuple[Item, ...]:
    """All that runs, equal layers together, in the order of their first one."""
    counts: Counter[Item] = Counter()
    for item in _items(_fused([layer for layer in layers if layer.repeats])):
        counts[item._replace(times=1)] += item.times
    return tuple(item._replace(times=count) for item, count in counts.items())


def _fused(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers, with the first of those that are one operation together in the place of all."""
    kinds = [layer.kind or "" for layer in layers]
    index = 0
    while index < len(layers):
        yield layers[index]
        if kinds[index] in {"Div", "Mul"} and tuple(kinds[index + 1 : index + 5]) == _GELU:
            index += 5
        elif kinds[index] == "Sigmoid" and kinds[index + 1 : index + 2] == ["Mul"]:
            index += 2
        else:
            index += 1


def _items(layers: Iterable[Layer]) -> Iterator[Item]:
    before: Family | None = None
    for layer in layers:
        if layer.family in _FREE or layer.note.startswith("computed from constants"):
            continue
        if not layer.written_bytes and layer.family not in _PRODUCTS:
            continue  # a view
        if _cheap(layer):
            if before not in _FOLDING:
                yield _moving(Work.ELEMENTWISE, layer)
            continue
        item = _item(layer)
        if item is not None:
            before = layer.family
            yield item


def _cheap(layer: Layer) -> bool:
    return layer.kind in _CHEAP and layer.family in {Family.ACTIVATION, Family.NORMALISATION}


def _item(layer: Layer) -> Item | None:
    if layer.family in _PRODUCTS:
        return _product(layer)
    if layer.family is Family.RECURRENT:
        return Item(Work.RECURRENT, _number(layer.macs), _number(layer.parameters), _moved(layer), layer.repeats)
    if layer.kind == "Softmax":
        return _moving(Work.SOFTMAX, layer)
    if layer.family is Family.ACTIVATION:
        return _moving(Work.NONLINEAR, layer)
    if layer.family is Family.EMBEDDING:
        return Item(Work.GATHER, 0.0, 0.0, 2 * _written(layer), layer.repeats)
    if layer.family is Family.LAYOUT:
        return _layout(layer)
    return _moving(_PLAIN.get(layer.family, Work.OTHER), layer)


def _layout(layer: Layer) -> Item | None:
    if layer.kind == "Transpose":
        return None if _keeps_order(layer) else _moving(Work.TRANSPOSE, layer)
    kind = layer.kind or ""
    work = Work.CONCAT if kind == "Concat" else Work.GATHER if "Gather" in kind or "Scatter" in kind else Work.COPY
    return Item(work, 0.0, 0.0, 2 * _written(layer), layer.repeats)


def _keeps_order(layer: Layer) -> bool:
    """Whether a transpose only moves dimensions of 1."""
    shapes = [shapes[0] if shapes else None for shapes in (layer.inputs, layer.outputs)]
    first, second = ([dim for dim in shape or () if dim != 1] for shape in shapes)
    return first == second and len(set(first)) == len(first)


def _product(layer: Layer) -> Item:
    macs, weights, moved, out = _number(layer.macs), _weights(layer), _moved(layer), _written(layer)
    if not weights and layer.family in {Family.MATMUL, Family.ATTENTION}:
        return Item(Work.PRODUCT, macs, 0.0, moved, layer.repeats)
    pixels = max(float(round(macs / weights)), 1.0) if weights else 1.0
    if layer.family is Family.DEPTHWISE:
        dilated = _has(layer, "d")
        work = Work.DILATED if dilated else Work.DEPTHWISE
        return Item(work, macs * (_DILATED_DEPTHWISE if dilated else 1), weights, moved, layer.repeats)
    if layer.family is Family.TRANSPOSED:
        return Item(Work.WINDOW, macs, weights, moved, layer.repeats)
    if pixels <= 2:
        return Item(Work.VECTOR, macs, weights, moved, layer.repeats)
    if layer.family is not Family.CONVOLUTION:
        return Item(Work.POINTWISE, macs, weights, moved, layer.repeats)
    return _convolution(layer, pixels, out)


def _weights(layer: Layer) -> float:
    """Weights that the layer reads: those of a matrix that an earlier layer counts already are read again, so shapes tell them."""
    own, macs, out = _number(layer.parameters), _number(layer.macs), _written(layer)
    if not macs or not out or not layer.inputs or not layer.outputs:
        return own
    depth, made = macs / out, layer.outputs[0] or ()
    if layer.family in {Family.CONVOLUTION, Family.DEPTHWISE}:
        channels = _channels(layer, depth)
    elif layer.family is Family.DENSE or (layer.family is Family.MATMUL and len(layer.inputs) == 1):
        channels = made[-1] if made else None
    else:
        channels = None
    whole = min(depth * channels, _MOST) if isinstance(channels, int) and channels > 0 else 0.0
    return own if own >= _OWN * whole else float(whole)


def _channels(layer: Layer, depth: float) -> Dim | None:
    """Channels written, from the axis, second or last, that has the channels read; None where neither has."""
    taken, made = layer.inputs[0] or (), layer.outputs[0] or ()
    read = round(depth / _window(layer)) * _groups(layer)
    for place in (1, -1):
        if min(len(taken), len(made)) > 1 and taken[place] == read:
            return made[place]
    return None


def _groups(layer: Layer) -> int:
    """1 where the attributes tell none."""
    found = [part[1:] for part in layer.attributes.split()[1:] if part[0] == "g" and part[1:].isdecimal()]
    return int(found[0]) if found else 1


def _convolution(layer: Layer, pixels: float, out: float) -> Item:
    """Its products with channels padded to tiles: channels come from the counts, so that the order of axes is no matter."""
    macs, weights, moved, window = _number(layer.macs), _weights(layer), _moved(layer), _window(layer)
    channels_out = max(out / pixels, 1.0)
    channels_in = max(macs / (out * window), 1.0) if out else 1.0
    # an image of up to 4 channels is unfolded: its window takes the place of channels
    depth = window * _padded(channels_in) if channels_in > 4 else _padded(window * channels_in)
    padded = out / channels_out * _padded(channels_out) * depth
    if _has(layer, "g"):
        work = Work.GROUPED
    elif _has(layer, "d"):
        work = Work.DILATED
    else:
        work = Work.POINTWISE if window == 1 else Work.WINDOW
    return Item(work, padded, weights, moved, layer.repeats)


def _moving(work: Work, layer: Layer) -> Item:
    return Item(work, 0.0, 0.0, _moved(layer), layer.repeats)


def _padded(channels: float) -> float:
    return float(-(-max(int(channels), 1) // _TILE) * _TILE)


def _number(amount: int | str | None) -> float:
    return float(min(amount, _MOST)) if isinstance(amount, int) else 0.0


def _size(shapes: Iterable[tuple[Dim, ...] | None]) -> float:
    return float(min(sum(prod(dim for dim in shape or (0,) if isinstance(dim, int)) for shape in shapes), _MOST))


def _written(layer: Layer) -> float:
    return _size(layer.outputs)


def _moved(layer: Layer) -> float:
    return _size(layer.inputs) + _size(layer.outputs)


def _window(layer: Layer) -> int:
    """Elements of the kernel: 9 for ``3x3 s2``."""
    sizes = layer.attributes.split(" ", 1)[0].split("x")
    return max(prod(int(size) for size in sizes), 1) if all(size.isdecimal() for size in sizes) else 1


def _has(layer: Layer, letter: str) -> bool:
    """Whether the attributes tell groups (``g``) or dilation (``d``)."""
    return any(part[0] == letter and part[1:].replace("x", "").isdecimal() for part in layer.attributes.split()[1:])
