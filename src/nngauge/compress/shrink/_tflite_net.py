"""A TFLite sub-graph as the solver sees it, and how each layer is cut once it is known what stays.

Operators and options: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nngauge.compress.shrink import _ranges as ranges
from nngauge.compress.shrink._ranges import Scale
from nngauge.compress.shrink._tflite_cut import Cutter
from nngauge.compress.shrink._tflite_read import Graph, numbers
from nngauge.compress.shrink.channels import BIG, Layer, Linear, Link, Net, Opaque, Solution, Tied

if TYPE_CHECKING:
    from nngauge.compress.shrink.channels import Array, Interval

Cut = Callable[[Solution], None]
_INTEGERS: Final = {3: (0, 255), 9: (-128, 127), 7: (-32768, 32767)}
"""``TensorType`` of quantised activations → least and greatest number."""
_SAME: Final = 0
"""``Padding.SAME``."""
_DEFAULT_WEIGHTS: Final = 0
"""``FullyConnectedOptionsWeightsFormat.DEFAULT``: rows are outputs."""
_NOTHING: Final = 1e-20
"""Weights up to this are zero where small ones may be, also when all of a layer are."""
_MOST_CHANNELS: Final = 1 << 20
"""Of one activation; wider ones are left alone."""


class Untouched(Exception):
    """This layer is one of which nothing is known."""


class Reader:
    """Makes the `Net` of one sub-graph."""

    def __init__(self, graph: Graph, negligible: float) -> None:
        self.graph = graph
        self.net = Net()
        self.cuts: list[Cut] = []
        self._negligible = negligible
        self._cutter = Cutter(graph)
        self._scales: dict[int, Scale] = {}
        self._track()
        for op in graph.operators:
            self._read(op)

    def _track(self) -> None:
        graph = self.graph
        for index, tensor in enumerate(graph.tensors):
            shape = graph.shape(index)
            open_last = tensor.shapeSignature is not None and numbers(tensor.shapeSignature)[-1:] == [-1]
            if graph.is_constant(index) or len(shape) < 2 or open_last or not 0 < shape[-1] <= _MOST_CHANNELS:
                continue
            if graph.is_float(index):
                scale = Scale()
            else:
                affine, bounds = graph.affine(index), _INTEGERS.get(tensor.type)
                if affine is None or bounds is None:
                    continue
                scale = Scale(affine[0], affine[1], bounds[0] - affine[1], bounds[1] - affine[1], quantised=True)
            self.net.channels[index] = shape[-1]
            self.net.spans[index] = (scale.least, scale.most)
            self._scales[index] = scale
            if tensor.isVariable:
                self.net.pinned.add(index)
        self.net.pinned.update((*graph.inputs, *graph.outputs))

    def _read(self, op: Any) -> None:
        rule = _RULES.get(self.graph.code(op), Reader.unknown)
        cuts = len(self.cuts)
        try:
            layer: Layer = rule(self, op)
        except (
            Untouched,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ):  # options or inputs that are not as the schema says
            del self.cuts[cuts:]
            tracked = self.net.channels
            layer = Opaque(
                xs=tuple(index for index in op.inputs if index in tracked),
                ys=tuple(index for index in op.outputs if index in tracked),
            )
        self.net.layers.append(layer)

    def _scale(self, index: int) -> Scale:
        if index not in self._scales:
            raise Untouched
        return self._scales[index]

    def _ends(self, op: Any, place: int = 0) -> tuple[int, int]:
        """Activation and output of a layer; both are followed."""
        x, y = int(op.inputs[place]), int(op.outputs[0])
        self._scale(x), self._scale(y)
        return x, y

    def unknown(self, op: Any) -> Layer:
        """An operation without a rule."""
        raise Untouched(self.graph.code(op))

    # Layers that mix channels

    def _weights(self, x: int, place: int, op: Any, axis: int) -> tuple[Array, Array | None, bool]:
        """Weights without their zero point (real numbers unless all is integer), scale of each row, whether mixed.

        Mixed: integers of weights meet floating-point activations, which are rounded as the model runs.
        """
        root = self.graph.root(int(op.inputs[place]))
        stored = None if root is None else self.graph.stored(root)
        if stored is None or root is None:
            raise Untouched
        if self.graph.is_float(root):
            if self._scales[x].quantised:
                raise Untouched
            weight = stored.astype(np.float64)
            least = max(self._negligible * np.abs(weight).max(initial=0), _NOTHING if self._negligible else 0.0)
            weight[np.abs(weight) <= least] = 0
            return weight, None, False
        found = self.graph.scales(root, axis)
        if found is None:
            raise Untouched
        along = [-1 if at == axis else 1 for at in range(stored.ndim)]
        scale, zero = (part.reshape(along) if len(part) > 1 else part for part in found)
        weight = stored.astype(np.float64) - zero
        if self._scales[x].quantised:
            return weight, found[0], False
        return weight * scale, None, True

    def _bias(self, op: Any, place: int, rows: int) -> Array | None:
        if len(op.inputs) <= place or op.inputs[place] < 0:
            return None
        stored = self.graph.stored(int(op.inputs[place]))
        if stored is None or stored.size != rows:
            raise Untouched
        return stored.astype(np.float64).reshape(-1)

    def _finish(self, x: int, y: int, scale: Array | None, activation: int) -> Callable[[Interval], Interval]:
        before, after = self._scales[x], self._scales[y]
        act = ranges.activated(activation)
        if act is None or before.quantised != after.quantised:
            raise Untouched
        factor = before.scale * scale if scale is not None else 1.0
        return lambda sums: after.stored(act((sums[0] * factor, sums[1] * factor)))

    def _linear(
        self, op: Any, place: int, rows: int, taps: Callable[[Array], Array], *, padded: bool, activation: int, weight: int = 1
    ) -> Layer:  # fmt: skip
        """`taps`: weights → rows × window × columns."""
        x, y = self._ends(op, place)
        values, scale, mixed = self._weights(x, weight, op, 0)
        values = taps(values)
        bias = self._bias(op, place + 2 if place == 0 else place + 1, rows)
        layer = Linear(
            x=x, y=y, plus=np.maximum(values, 0).sum(1), minus=np.minimum(values, 0).sum(1),
            bias=np.zeros(rows) if bias is None else bias,
            finish=self._finish(x, y, scale, activation), padded=padded or mixed,
            folds=bias is not None and not mixed, ignores=not mixed,
        )  # fmt: skip
        if layer.plus.shape != (self.net.channels[y], self.net.channels[x]):
            raise Untouched
        return layer

    def conv(self, op: Any) -> Layer:
        """``CONV_2D``: weights are rows × height × width × columns."""
        options = op.builtinOptions
        rows, high, wide, columns = self.graph.shape(int(op.inputs[1]))
        padded = options.padding == _SAME and high * wide > 1
        layer = self._linear(
            op, 0, rows, lambda w: w.reshape(rows, high * wide, columns),
            padded=padded, activation=options.fusedActivationFunction,
        )  # fmt: skip
        self.cuts.append(lambda found: self._cutter.linear(op, layer, found, weight=1, bias=2))
        return layer

    def transposed(self, op: Any) -> Layer:
        """``TRANSPOSE_CONV``: output shape, weights, activation, bias. What an output sees of the window depends on its place."""
        rows, high, wide, columns = self.graph.shape(int(op.inputs[1]))
        if self.graph.stored(int(op.inputs[0])) is None:
            raise Untouched
        activation = getattr(op.builtinOptions, "fusedActivationFunction", 0)
        layer = self._linear(
            op, 2, rows, lambda w: w.reshape(rows, high * wide, columns), padded=True, activation=activation
        )
        self.cuts.append(lambda found: self._cutter.linear(op, layer, found, weight=1, bias=3, shape=0))
        return layer

    def dense(self, op: Any) -> Layer:
        """``FULLY_CONNECTED``; an input of more dimensions is flattened, channels last."""
        options = op.builtinOptions
        rows, columns = self.graph.shape(int(op.inputs[1]))
        channels = self.graph.shape(int(op.inputs[0]))[-1]
        if options.weightsFormat != _DEFAULT_WEIGHTS or columns % channels:
            raise Untouched
        layer = self._linear(
            op, 0, rows, lambda w: w.reshape(rows, -1, channels),
            padded=False, activation=options.fusedActivationFunction,
        )  # fmt: skip
        self.cuts.append(lambda found: self._cutter.linear(op, layer, found, weight=1, bias=2))
        return layer

    def depthwise(self, op: Any) -> Layer:
        """``DEPTHWISE_CONV_2D``: weights are 1 × height × width × (channels × multiplier)."""
        options = op.builtinOptions
        x, y = self._ends(op)
        _, high, wide, rows = self.graph.shape(int(op.inputs[1]))
        channels = self.net.channels[x]
        if rows % channels or rows != self.net.channels[y]:
            raise Untouched
        weight, scale, mixed = self._weights(x, 1, op, 3)
        weight = weight.reshape(high * wide, rows)
        bias = self._bias(op, 2, rows)
        shift = np.zeros(rows) if bias is None else bias
        plus, minus = np.maximum(weight, 0).sum(0), np.minimum(weight, 0).sum(0)
        finish = self._finish(x, y, scale, options.fusedActivationFunction)
        padded = mixed or (options.padding == _SAME and high * wide > 1)

        def made(found: Sequence[Interval]) -> Interval:
            low, high = ranges.with_zeros(found[0]) if padded else found[0]
            return finish((plus * low + minus * high + shift, plus * high + minus * low + shift))

        self.cuts.append(lambda found: self._cutter.slices(op, {1: 3, 2: 0}, found.kept[y]))
        every = np.arange(rows)
        return Tied(links=(Link(x=x, source=every // (rows // channels), target=every),), y=y, range=made)

    # Layers that keep channels apart

    def _mapped(self, op: Any, function: Callable[[Interval], Interval], *, place: int = 0) -> Layer:
        x, y = self._ends(op, place)
        count = self.net.channels[y]
        if self.net.channels[x] != count:
            raise Untouched
        every = np.arange(count)
        made = ranges.mapped(function, self._scales[x], self._scales[y])
        return Tied(links=(Link(x=x, source=every, target=every),), y=y, range=made)

    def pool(self, op: Any) -> Layer:
        """Averages and maxima count no padding."""
        act = ranges.activated(op.builtinOptions.fusedActivationFunction)
        if act is None:
            raise Untouched
        return self._mapped(op, ranges.same if op.builtinOptions.fusedActivationFunction == 0 else act)

    def moved(self, op: Any) -> Layer:
        """Operations that repeat, move or convert numbers, channel by channel."""
        return self._mapped(op, ranges.same)

    def reduced(self, op: Any) -> Layer:
        """Over other dimensions than the channels."""
        axes = self.graph.stored(int(op.inputs[1]))
        rank = len(self.graph.shape(int(op.inputs[0])))
        if axes is None or any(int(axis) % rank == rank - 1 for axis in axes.reshape(-1)):
            raise Untouched
        return self._mapped(op, ranges.same)

    def padded(self, op: Any) -> Layer:
        """With zeros; ``PADV2`` and ``MIRROR_PAD`` with anything."""
        margins = self.graph.stored(int(op.inputs[1]))
        if margins is None or margins[-1].any():
            raise Untouched
        zeros = self.graph.code(op) == _PAD
        return self._mapped(
            op, ranges.with_zeros if zeros else lambda old: (np.full_like(old[0], -BIG), old[1] * 0 + BIG)
        )

    def batched(self, op: Any) -> Layer:
        """``SPACE_TO_BATCH_ND`` and back: moves blocks, pads with zeros."""
        return self._mapped(op, ranges.with_zeros)

    def leaky(self, op: Any) -> Layer:
        """``LEAKY_RELU``."""
        slope = float(op.builtinOptions.alpha)
        function = lambda x: np.where(x < 0, slope * x, x)  # noqa: E731 - given on as a value, twice
        return self._mapped(op, ranges.monotone(function) if slope >= 0 else ranges.any_shape(function))

    def prelu(self, op: Any) -> Layer:
        """``PRELU`` with a slope for each channel."""
        y = int(op.outputs[0])
        slope = self.graph.stored(int(op.inputs[1]))
        if slope is None or not self.graph.is_float(int(op.inputs[1])) or slope.size not in {1, self.net.channels[y]}:
            raise Untouched
        flat = slope.reshape(-1).astype(np.float64)
        if slope.size > 1:
            self.cuts.append(lambda found: self._cutter.slices(op, {1: slope.ndim - 1}, found.kept[y]))
        return self._mapped(op, ranges.any_shape(lambda x: np.where(x < 0, flat * x, x)))

    def binary(self, op: Any) -> Layer:
        """Element-wise of two activations, or of one and a constant."""
        function = _BINARY[self.graph.code(op)]
        act = ranges.activated(getattr(op.builtinOptions, "fusedActivationFunction", 0))
        y = int(op.outputs[0])
        if act is None:
            raise Untouched
        after, links, constant, first = self._scale(y), [], None, False
        for place, index in enumerate(op.inputs):
            if self.graph.is_constant(int(index)):
                constant, first = self._operand(op, place, y), place == 0
            else:
                links.append(self._side(int(index), y))
        if not links or len(op.inputs) != 2:
            raise Untouched
        before = [self._scales[link.x] for link in links]
        made = ranges.combined(function, act, before, after, constant, first=first)
        return Tied(links=tuple(links), y=y, range=made)

    def _side(self, x: int, y: int) -> Link:
        self._scale(x)
        count = self.net.channels[y]
        every = np.arange(count)
        if self.net.channels[x] == count:
            return Link(x=x, source=every, target=every)
        if self.net.channels[x] != 1:
            raise Untouched
        return Link(x=x, source=np.zeros(count, int), target=every, tied=False)

    def _operand(self, op: Any, place: int, y: int) -> Interval:
        """Least and greatest value of a constant for each channel; it is cut with the output."""
        index, count = int(op.inputs[place]), self.net.channels[y]
        stored = self.graph.stored(index)
        if stored is None:
            raise Untouched
        value = stored.astype(np.float64)
        if not self.graph.is_float(index):
            affine = self.graph.affine(index)
            if affine is None:
                raise Untouched
            value = affine[0] * (value - affine[1])
        last = value.shape[-1] if value.ndim else 1
        if last not in {1, count}:
            raise Untouched
        if last > 1:
            self.cuts.append(lambda found: self._cutter.slices(op, {place: stored.ndim - 1}, found.kept[y]))
        flat = value.reshape(-1, last)
        return flat.min(0), flat.max(0)

    def joined(self, op: Any) -> Layer:
        """``CONCATENATION`` along channels, or along another dimension."""
        y = int(op.outputs[0])
        rank = len(self.graph.shape(y))
        act = ranges.activated(op.builtinOptions.fusedActivationFunction)
        after = self._scale(y)
        scales = [self._scale(int(index)) for index in op.inputs]
        counts = [self.net.channels[int(index)] for index in op.inputs]
        along = op.builtinOptions.axis % rank == rank - 1
        if act is None or not op.inputs or (sum(counts) if along else max(counts)) != self.net.channels[y]:
            raise Untouched
        starts = np.cumsum([0, *counts])[:-1] if along else [0] * len(counts)
        links = tuple(
            Link(x=int(index), source=np.arange(count), target=start + np.arange(count))
            for index, count, start in zip(op.inputs, counts, starts, strict=True)
        )

        def made(found: Sequence[Interval]) -> Interval:
            parts = [
                one if scale == after else after.stored(scale.real(one))
                for one, scale in zip(found, scales, strict=True)
            ]
            if along:
                return act((np.concatenate([low for low, _ in parts]), np.concatenate([high for _, high in parts])))
            whole = parts[0]
            for part in parts[1:]:
                whole = ranges.widest(whole, part)
            return act(whole)

        if op.builtinOptions.fusedActivationFunction and after.quantised:
            raise Untouched
        return Tied(links=links, y=y, range=made)

    def reshaped(self, op: Any) -> Layer:
        """Channels stay the last dimension, or become a part of it: flattened."""
        x, y = self._ends(op)
        old, new = self.graph.shape(x), self.graph.shape(y)
        inner = [prod(old[start:]) for start in range(len(old))]
        if new[-1] not in inner or old[-1] < 2 or prod(old) != prod(new):
            raise Untouched
        every = np.arange(new[-1])
        if self.graph.code(op) == _RESHAPE:
            self.cuts.append(lambda found: self._cutter.target_shape(op, int(found.kept[y].sum()), new[-1]))
        elif new[-1] != old[-1] or (self.graph.code(op) == _SQUEEZE and not numbers(op.builtinOptions.squeezeDims)):
            raise Untouched
        made = ranges.mapped(ranges.same, self._scales[x], self._scales[y])
        return Tied(links=(Link(x=x, source=every % old[-1], target=every),), y=y, range=made)


def _unary(function: Callable[[Interval], Interval]) -> Callable[[Reader, Any], Layer]:
    return lambda reader, op: reader._mapped(op, function)  # noqa: SLF001 - a part of the reader


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))))


def _hard_swish(x: Array) -> Array:
    return np.asarray(x * np.clip(x + 3, 0, 6) / 6)


_PAD, _RESHAPE, _SQUEEZE = 34, 22, 43
_BINARY: Final = {
    0: ranges.added, 18: ranges.multiplied, 41: ranges.subtracted,
    55: lambda one, other: (np.maximum(one[0], other[0]), np.maximum(one[1], other[1])),
    57: lambda one, other: (np.minimum(one[0], other[0]), np.minimum(one[1], other[1])),
}  # fmt: skip
"""``ADD``, ``MUL``, ``SUB``, ``MAXIMUM``, ``MINIMUM``."""
_RULES: Final[dict[int, Callable[[Reader, Any], Layer]]] = {
    **dict.fromkeys(_BINARY, Reader.binary),
    1: Reader.pool, 2: Reader.joined, 3: Reader.conv, 4: Reader.depthwise, 6: Reader.moved, 9: Reader.dense,
    14: _unary(ranges.monotone(_sigmoid)), 17: Reader.pool, 19: _unary(ranges.clipped(0, BIG)),
    20: _unary(ranges.clipped(-1, 1)), 21: _unary(ranges.clipped(0, 6)), 22: Reader.reshaped, 23: Reader.moved,
    28: _unary(ranges.monotone(np.tanh)), 34: Reader.padded, 37: Reader.batched, 38: Reader.batched, 40: Reader.reduced,
    43: Reader.reshaped, 54: Reader.prelu, 60: Reader.padded, 67: Reader.transposed, 70: Reader.reshaped,
    82: Reader.reduced, 97: Reader.moved, 98: Reader.leaky, 100: Reader.padded,
    101: _unary(ranges.any_shape(np.abs)), 114: Reader.moved, 117: _unary(ranges.any_shape(_hard_swish)),
}  # fmt: skip
"""``BuiltinOperator`` → what is known of it."""
