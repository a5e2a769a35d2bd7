"""An ONNX graph as the solver sees it, and how each layer is cut. Operators: https://onnx.ai/onnx/operators/."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nngauge.compress.shrink import _ranges as ranges
from nngauge.compress.shrink._onnx_read import Graph, attributes
from nngauge.compress.shrink._ranges import Scale
from nngauge.compress.shrink.channels import BIG, Layer, Linear, Link, Net, Opaque, Solution, Tied

if TYPE_CHECKING:
    from nngauge.compress.shrink.channels import Array, Interval

_REAL: Final = Scale()
_MOST_CHANNELS: Final = 1 << 20
_NOTHING: Final = 1e-20
"""Weights up to this are zero where small ones may be, also when all of a layer are."""


class Untouched(Exception):
    """This layer is one of which nothing is known."""


class Reader:
    """Makes the `Net` of a graph."""

    def __init__(self, graph: Graph, negligible: float) -> None:
        self.graph = graph
        self.net = Net()
        self.cuts: list[Callable[[Solution], None]] = []
        self._negligible = negligible
        self.number = {name: at for at, name in enumerate(sorted(graph.floats))}
        for name, number in self.number.items():
            shape = graph.shapes[name]
            if len(shape) >= 2 and 0 < shape[1] <= _MOST_CHANNELS and not graph.is_constant(name):
                self.net.channels[number] = shape[1]
        pinned = (*graph.inputs, *graph.outputs, *graph.nested)
        self.net.pinned.update(self.number[name] for name in pinned if name in self.number)
        for node in graph.graph.node:
            if node.op_type != "Constant":
                self._read(node)

    def _read(self, node: Any) -> None:
        rule = _RULES.get(node.op_type, Reader.unknown) if node.domain in {"", "ai.onnx"} else Reader.unknown
        cuts = len(self.cuts)
        try:
            layer: Layer = rule(self, node)
        except (
            Untouched,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
        ):  # inputs that are not as the specification says
            del self.cuts[cuts:]
            known = [[self.number.get(name, -1) for name in names] for names in (node.input, node.output)]
            xs, ys = (tuple(at for at in part if at in self.net.channels) for part in known)
            layer = Opaque(xs=xs, ys=ys)
        self.net.layers.append(layer)

    def unknown(self, node: Any) -> Layer:
        """An operation without a rule."""
        raise Untouched(node.op_type)

    def _ends(self, node: Any) -> tuple[int, int]:
        x, y = self.number[node.input[0]], self.number[node.output[0]]
        if x not in self.net.channels or y not in self.net.channels:
            raise Untouched
        return x, y

    def _constant(self, node: Any, place: int) -> Array:
        found = self.graph.constant(node.input[place])
        if found is None:
            raise Untouched
        return found.astype(np.float64) if found.dtype.kind == "f" else found

    def _bias(self, node: Any, place: int, rows: int) -> Array | None:
        if len(node.input) <= place or not node.input[place]:
            return None
        bias = self._constant(node, place)
        if bias.size != rows:
            raise Untouched
        return bias.reshape(-1)

    # Layers that mix channels

    def _linear(
        self, node: Any, taps: Array, bias: Array | None, axes: tuple[int, int], places: tuple[int, int], *, padded: bool
    ) -> Layer:  # fmt: skip
        """`taps`: rows × window × columns; `axes` of rows and columns in the weight; `places` of weight and bias."""
        x, y = self._ends(node)
        least = self._negligible * np.abs(taps).max(initial=0)
        taps = np.where(np.abs(taps) <= max(least, _NOTHING if self._negligible else 0.0), 0, taps)
        layer = Linear(
            x=x, y=y, plus=np.maximum(taps, 0).sum(1), minus=np.minimum(taps, 0).sum(1),
            bias=np.zeros(len(taps)) if bias is None else bias, finish=ranges.same, padded=padded, folds=bias is not None,
        )  # fmt: skip
        if layer.plus.shape != (self.net.channels[y], self.net.channels[x]):
            raise Untouched
        self.cuts.append(lambda found: self._cut(node, layer, found, axes, places))
        return layer

    def _cut(self, node: Any, layer: Linear, found: Solution, axes: tuple[int, int], places: tuple[int, int]) -> None:
        rows, columns = found.kept[layer.y], found.kept[layer.x]
        if rows.all() and columns.all():
            return
        value = np.where(columns, 0.0, np.nan_to_num(found.constant(layer.x)))
        value[~((layer.plus != 0) | (layer.minus != 0)).any(axis=0)] = 0.0
        weight, bias = places
        old = self.graph.constant(node.input[weight])
        if old is None:
            raise ValueError("a constant that is none")
        self.graph.replace(node, weight, old.compress(rows, axes[0]).compress(columns, axes[1]))
        if len(node.input) > bias and node.input[bias]:
            shift = (layer.plus + layer.minus) @ value
            before = self.graph.constant(node.input[bias])
            if before is None:
                raise ValueError("a constant that is none")
            made = (before.astype(np.float64).reshape(-1) + shift)[rows].astype(before.dtype)
            self.graph.replace(
                node,
                bias,
                made.reshape([-1 if dim == before.size else 1 for dim in before.shape]) if before.size > 1 else made,
            )

    def _slices(self, node: Any, axes: dict[int, int], kept: Array) -> None:
        """Of the constants at these places, along these axes."""
        if kept.all():
            return
        for place, axis in axes.items():
            old = self.graph.constant(node.input[place]) if place < len(node.input) and node.input[place] else None
            if old is not None:
                self.graph.replace(node, place, old.compress(kept, axis))

    def conv(self, node: Any) -> Layer:
        """``Conv``: of all channels, or of each for itself."""
        x, y = self._ends(node)
        words = attributes(node)
        weight = self._constant(node, 1)
        rows, window = weight.shape[0], prod(weight.shape[2:])
        bias = self._bias(node, 2, rows)
        margins = any(words.get("pads", ())) or words.get("auto_pad", b"NOTSET") not in {b"NOTSET", b"VALID"}
        padded = margins and window > 1
        if words.get("group", 1) == 1:
            taps = weight.reshape(rows, weight.shape[1], window).transpose(0, 2, 1)
            return self._linear(node, taps, bias, (0, 1), (1, 2), padded=padded)
        channels = self.net.channels[x]
        if words["group"] != channels or weight.shape[1] != 1 or rows % channels or self.net.channels[y] != rows:
            raise Untouched
        return self._depthwise(node, weight.reshape(rows, window), bias, padded=padded)

    def _depthwise(self, node: Any, weight: Array, bias: Array | None, *, padded: bool) -> Layer:
        x, y = self._ends(node)
        rows, channels = len(weight), self.net.channels[x]
        shift = np.zeros(rows) if bias is None else bias
        plus, minus = np.maximum(weight, 0).sum(1), np.minimum(weight, 0).sum(1)

        def made(found: Sequence[Interval]) -> Interval:
            low, high = ranges.with_zeros(found[0]) if padded else found[0]
            return plus * low + minus * high + shift, plus * high + minus * low + shift

        def cut(found: Solution) -> None:
            self._slices(node, {1: 0, 2: 0}, found.kept[y])
            for item in node.attribute:
                if item.name == "group":
                    item.i = int(found.kept[x].sum())

        self.cuts.append(cut)
        every = np.arange(rows)
        return Tied(links=(Link(x=x, source=every // (rows // channels), target=every),), y=y, range=made)

    def transposed(self, node: Any) -> Layer:
        """``ConvTranspose``: weights are columns × rows × window; what an output sees of the window depends on its place."""
        if attributes(node).get("group", 1) != 1:
            raise Untouched
        weight = self._constant(node, 1)
        columns, rows = weight.shape[:2]
        taps = weight.reshape(columns, rows, -1).transpose(1, 2, 0)
        return self._linear(node, taps, self._bias(node, 2, rows), (1, 0), (1, 2), padded=True)

    def gemm(self, node: Any) -> Layer:
        """``Gemm`` without factors."""
        words = attributes(node)
        if words.get("alpha", 1.0) != 1.0 or words.get("beta", 1.0) != 1.0 or words.get("transA", 0):
            raise Untouched
        weight = self._constant(node, 1)
        axes = (0, 1) if words.get("transB", 0) else (1, 0)
        turned = weight if words.get("transB", 0) else weight.T
        return self._linear(node, turned[:, None, :], self._bias(node, 2, len(turned)), axes, (1, 2), padded=False)

    def matmul(self, node: Any) -> Layer:
        """``MatMul`` of features with a constant."""
        weight = self._constant(node, 1)
        if weight.ndim != 2 or len(self.graph.shapes[node.input[0]]) != 2:
            raise Untouched
        return self._linear(node, weight.T[:, None, :], None, (1, 0), (1, 2), padded=False)

    # Layers that keep channels apart

    def _mapped(self, node: Any, function: Callable[[Interval], Interval]) -> Layer:
        x, y = self._ends(node)
        count = self.net.channels[y]
        if self.net.channels[x] != count:
            raise Untouched
        every = np.arange(count)
        return Tied(links=(Link(x=x, source=every, target=every),), y=y, range=ranges.mapped(function, _REAL, _REAL))

    def moved(self, node: Any) -> Layer:
        """Operations that repeat or move numbers, channel by channel."""
        return self._mapped(node, ranges.same)

    def pool(self, node: Any) -> Layer:
        """Averages count padding only when told so."""
        counted = attributes(node).get("count_include_pad", 0) and any(attributes(node).get("pads", ()))
        return self._mapped(node, ranges.with_zeros if counted else ranges.same)

    def normalised(self, node: Any) -> Layer:
        """``BatchNormalization`` as inference has it."""
        _, y = self._ends(node)
        if len(node.output) > 1 or attributes(node).get("training_mode", 0):
            raise Untouched
        scale, bias, mean, variance = (self._constant(node, place) for place in range(1, 5))
        factor = scale / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
        shift = bias - mean * factor

        def made(interval: Interval) -> Interval:
            one, other = interval[0] * factor + shift, interval[1] * factor + shift
            return np.minimum(one, other), np.maximum(one, other)

        self.cuts.append(lambda found: self._slices(node, dict.fromkeys(range(1, 5), 0), found.kept[y]))
        return self._mapped(node, made)

    def clip(self, node: Any) -> Layer:
        """``Clip``: bounds are attributes, or inputs since operator set 11."""
        words = attributes(node)
        bounds = [words.get("min", -BIG), words.get("max", BIG)]
        for place in (1, 2):
            if len(node.input) > place and node.input[place]:
                bounds[place - 1] = float(self._constant(node, place).reshape(()))
        return self._mapped(node, ranges.clipped(*bounds))

    def leaky(self, node: Any) -> Layer:
        """``LeakyRelu``."""
        slope = attributes(node).get("alpha", 0.01)
        return self._mapped(node, ranges.any_shape(lambda x: np.where(x < 0, slope * x, x)))

    def prelu(self, node: Any) -> Layer:
        """``PRelu`` with one slope, or one for each channel."""
        _, y = self._ends(node)
        slope, rank = self._constant(node, 1), len(self.graph.shapes[node.input[0]])
        axis = slope.ndim - rank + 1
        if slope.size not in {1, self.net.channels[y]} or (
            slope.size > 1 and (axis < 0 or slope.shape[axis] != slope.size)
        ):
            raise Untouched
        if slope.size > 1:
            self.cuts.append(lambda found: self._slices(node, {1: axis}, found.kept[y]))
        flat = slope.reshape(-1)
        return self._mapped(node, ranges.any_shape(lambda x: np.where(x < 0, flat * x, x)))

    def binary(self, node: Any) -> Layer:
        """Element-wise of two activations, or of one and a constant."""
        if len(node.input) != 2:
            raise Untouched
        y = self.number[node.output[0]]
        count, rank = self.net.channels[y], len(self.graph.shapes[node.output[0]])
        links: list[Link] = []
        constant: Interval | None = None
        first = False
        for place, name in enumerate(node.input):
            if self.graph.is_constant(name):
                constant, first = self._operand(node, place, count, rank, y), place == 0
                continue
            x = self.number[name]
            if len(self.graph.shapes[name]) != rank or self.net.channels[x] not in {1, count}:
                raise Untouched
            tied = self.net.channels[x] == count
            every = np.arange(count)
            links.append(Link(x=x, source=every if tied else every * 0, target=every, tied=tied))
        if not links:
            raise Untouched
        function = _BINARY[node.op_type]
        made = ranges.combined(function, ranges.same, [_REAL] * len(links), _REAL, constant, first=first)
        return Tied(links=tuple(links), y=y, range=made)

    def _operand(self, node: Any, place: int, count: int, rank: int, y: int) -> Interval:
        value = self._constant(node, place)
        axis = value.ndim - rank + 1
        if value.ndim > rank:
            raise Untouched
        channels = value.shape[axis] if axis >= 0 else 1
        if channels not in {1, count}:
            raise Untouched
        if channels > 1:
            self.cuts.append(lambda found: self._slices(node, {place: axis}, found.kept[y]))
            value = np.moveaxis(value, axis, -1)
        flat = value.reshape(-1, channels)
        return flat.min(0), flat.max(0)

    def joined(self, node: Any) -> Layer:
        """``Concat`` along channels, or along another dimension."""
        y = self.number[node.output[0]]
        rank = len(self.graph.shapes[node.output[0]])
        xs = [self.number[name] for name in node.input]
        counts = [self.net.channels[x] for x in xs]
        along = attributes(node)["axis"] % rank == 1
        if not xs or (sum(counts) if along else max(counts)) != self.net.channels[y]:
            raise Untouched
        starts = np.cumsum([0, *counts])[:-1] if along else [0] * len(xs)
        links = tuple(
            Link(x=x, source=np.arange(count), target=start + np.arange(count))
            for x, count, start in zip(xs, counts, starts, strict=True)
        )

        def made(found: Sequence[Interval]) -> Interval:
            if along:
                return np.concatenate([low for low, _ in found]), np.concatenate([high for _, high in found])
            return np.minimum.reduce([low for low, _ in found]), np.maximum.reduce([high for _, high in found])

        return Tied(links=links, y=y, range=made)

    def padded(self, node: Any) -> Layer:
        """``Pad`` of other dimensions than the channels."""
        words = attributes(node)
        margins = list(words["pads"]) if "pads" in words else self._constant(node, 1).reshape(-1).tolist()
        rank = len(self.graph.shapes[node.input[0]])
        value = words.get("value", 0.0)
        if len(node.input) > 2 and node.input[2]:
            value = float(self._constant(node, 2).reshape(()))
        if len(node.input) > 3 or len(margins) != 2 * rank or margins[1] or margins[1 + rank]:
            raise Untouched
        zeros = words.get("mode", b"constant") == b"constant" and value == 0
        return self._mapped(node, ranges.with_zeros if zeros else lambda old: (old[0] * 0 - BIG, old[1] * 0 + BIG))

    def flattened(self, node: Any) -> Layer:
        """``Flatten``, or a ``Reshape`` that does the same: a channel becomes as many features as it has places."""
        x, y = self._ends(node)
        old, new = self.graph.shapes[node.input[0]], self.graph.shapes[node.output[0]]
        if min(old[1:]) < 1 or new[1] % old[1] or (len(new) == 2 and new[1] != prod(old[1:])):
            raise Untouched
        if len(new) != 2 and (new[1] != old[1] or len(new) < 2):
            raise Untouched
        if node.op_type == "Flatten":
            if attributes(node).get("axis", 1) != 1:
                raise Untouched
        else:
            shape = self._constant(node, 1).reshape(-1)
            if len(shape) != len(new) or shape[0] not in {0, 1, -1, old[0]}:
                raise Untouched
            self.cuts.append(lambda found: self._reshape(node, shape, found.kept[y]))
        every = np.arange(new[1])
        return Tied(
            links=(Link(x=x, source=every // (new[1] // old[1]), target=every),), y=y, range=lambda found: found[0]
        )

    def _reshape(self, node: Any, shape: Array, kept: Array) -> None:
        if not kept.all() and shape[1] > 0:
            made = shape.copy()
            made[1] = kept.sum()
            self.graph.replace(node, 1, made)

    def reduced(self, node: Any) -> Layer:
        """Over places, not over channels."""
        words = attributes(node)
        axes = words.get("axes")
        if axes is None:
            axes = self._constant(node, 1).reshape(-1).tolist()
        rank = len(self.graph.shapes[node.input[0]])
        if not axes or any(axis % rank < 2 for axis in axes):
            raise Untouched
        return self._mapped(node, ranges.same)

    def resized(self, node: Any) -> Layer:
        """By factors; sizes would name the channels."""
        if len(node.input) > 3 and node.input[3]:
            raise Untouched
        factors = attributes(node).get("scales")
        if factors is None:
            factors = self._constant(node, 2 if node.op_type == "Resize" else 1).reshape(-1)
        if len(factors) < 2 or factors[1] != 1:
            raise Untouched
        return self._mapped(node, ranges.same)


def _unary(function: Callable[[Interval], Interval]) -> Callable[[Reader, Any], Layer]:
    return lambda reader, node: reader._mapped(node, function)  # noqa: SLF001 - a part of the reader


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))))


_BINARY: Final = {
    "Add": ranges.added, "Mul": ranges.multiplied, "Sub": ranges.subtracted,
}  # fmt: skip
_RULES: Final[dict[str, Callable[[Reader, Any], Layer]]] = {
    **dict.fromkeys(_BINARY, Reader.binary),
    "Conv": Reader.conv, "ConvTranspose": Reader.transposed, "Gemm": Reader.gemm, "MatMul": Reader.matmul,
    "BatchNormalization": Reader.normalised, "Relu": _unary(ranges.clipped(0, BIG)), "Clip": Reader.clip,
    "LeakyRelu": Reader.leaky, "PRelu": Reader.prelu, "Sigmoid": _unary(ranges.monotone(_sigmoid)),
    "Tanh": _unary(ranges.monotone(np.tanh)), "Identity": Reader.moved, "Dropout": Reader.moved,
    "HardSwish": _unary(ranges.any_shape(lambda x: x * np.clip(x / 6 + 0.5, 0, 1))),
    "MaxPool": Reader.moved, "AveragePool": Reader.pool, "GlobalAveragePool": Reader.moved, "GlobalMaxPool": Reader.moved,
    "Concat": Reader.joined, "Pad": Reader.padded, "Flatten": Reader.flattened, "Reshape": Reader.flattened,
    "ReduceMean": Reader.reduced, "ReduceMax": Reader.reduced, "Resize": Reader.resized, "Upsample": Reader.resized,
}  # fmt: skip
"""Operator → what is known of it."""
