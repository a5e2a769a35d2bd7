"""Which channels of a network can be left out without changing what it answers.

Two analyses over one small description of the network (`Net`), whatever format it came from:

* forwards, the interval that every channel's values lie in: a channel whose interval is one point is constant, and what the
  next layer makes of a constant is a part of its bias;
* backwards, which channels nobody needs: those that all later layers multiply by nothing.

Channels that an addition, a concatenation, a depthwise convolution … ties together go together or stay together.

Values are counted from what stands for zero: the numbers themselves where they are floating-point, stored number − zero point
where they are quantised, so that padding is 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]
    Interval = tuple[Array, Array]
    Range = Callable[[Sequence[Interval]], Interval]

BIG: Final = 1e30
"""What stands for "anything": unlike infinity it can be multiplied by zero."""
_POINT: Final = 1e-7
"""An interval that is narrower than this share of its value is one point: half of a float32's last digit."""
_ROUNDS: Final = 100_000
"""Passes over the layers; each removes a channel or is the last, so that this only bounds hostile files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A layer that mixes channels: convolution or dense. `y` has a channel per row, `x` one per column."""

    x: int
    y: int
    plus: Array
    """Sum of the positive weights, rows × columns, over the window."""
    minus: Array
    """Sum of the negative ones."""
    bias: Array
    """One per row, in the unit of weight × value."""
    finish: Callable[[Interval], Interval]
    """What is made of the sums: scaled, activated, rounded. Monotone."""
    padded: bool = False
    """The window also sees zeros at the border, so that a constant other than 0 is not one after it."""
    folds: bool = True
    """The bias can take up a constant."""
    ignores: bool = True
    """Columns without weights may go even when their channels vary (not where the range of all inputs matters)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Channels `source` of `x` become channels `target` of the output, one for one."""

    x: int
    source: Array
    target: Array
    tied: bool = True
    """False for a single channel that serves all: it cannot be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """A layer that keeps channels apart: element-wise, pooling, depthwise, concatenation, flattening."""

    links: tuple[Link, ...]
    y: int
    range: Range
    """Intervals of each link's channels → intervals of the output's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A layer of which nothing is known: it needs all, and makes anything."""

    xs: tuple[int, ...]
    ys: tuple[int, ...]


Layer = Linear | Tied | Opaque


@dataclass(slots=True, kw_only=True)
class Net:
    """What the solver looks at. Layers are in order of execution."""

    channels: dict[int, int] = field(default_factory=dict)
    """Activation → number of its channels; activations that are not here are not touched."""
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of quantised activations."""
    layers: list[Layer] = field(default_factory=list)
    pinned: set[int] = field(default_factory=set)
    """Activations that keep all channels: inputs, outputs, variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What stays."""

    kept: dict[int, Array]
    """Activation → for each channel whether it stays."""
    low: dict[int, Array]
    """Activation → lowest value of each channel; equal to `high` where it is constant."""
    high: dict[int, Array]

    def constant(self, tensor: int) -> Array:
        """For each channel its value if that is the same always, else NaN."""
        return constants((self.low[tensor], self.high[tensor]))


def constants(interval: Interval) -> Array:
    """Values of the intervals that are one point; NaN for the others."""
    low, high = interval
    middle = (low + high) / 2
    narrow = high - low <= _POINT * np.abs(middle)
    return np.where(narrow, middle, np.nan)


def solve(net: Net) -> Solution:
    """The channels that stay: as few as possible, at least one of each activation."""
    low, high = _intervals(net)
    places = _Places(net)
    forced = np.zeros(places.total, bool)
    while True:
        kept = _needed(net, places, low, high, forced)
        empty = [tensor for tensor in net.channels if not kept[places.of(tensor)].any()]
        if not empty:
            break
        forced[places.of(empty[0]).start] = True
    return Solution(kept={tensor: kept[places.of(tensor)] for tensor in net.channels}, low=low, high=high)


def _intervals(net: Net) -> tuple[dict[int, Array], dict[int, Array]]:
    low: dict[int, Array] = {}
    high: dict[int, Array] = {}

    def put(tensor: int, interval: Interval | None) -> None:
        least, most = net.spans.get(tensor, (-BIG, BIG))
        count = net.channels[tensor]
        if interval is None:
            low[tensor], high[tensor] = np.full(count, least), np.full(count, most)
        else:
            low[tensor], high[tensor] = np.clip(interval[0], least, most), np.clip(interval[1], least, most)

    for tensor in net.channels:
        put(tensor, None)
    for layer in net.layers:
        match layer:
            case Linear():
                put(layer.y, layer.finish(_sums(layer, (low[layer.x], high[layer.x]))))
            case Tied():
                found = [(low[link.x][link.source], high[link.x][link.source]) for link in layer.links]
                put(layer.y, layer.range(found))
            case Opaque():
                pass
    return low, high


def _sums(layer: Linear, interval: Interval) -> Interval:
    low, high = interval
    if layer.padded:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return (
        layer.plus @ low + layer.minus @ high + layer.bias,
        layer.plus @ high + layer.minus @ low + layer.bias,
    )


class _Places:
    """Every channel of every activation has a number; channels that go together have one class."""

    def __init__(self, net: Net) -> None:
        self._start: dict[int, int] = {}
        self.total = 0
        for tensor, count in net.channels.items():
            self._start[tensor] = self.total
            self.total += count
        self._count = net.channels
        self.pinned = np.zeros(self.total, bool)
        pairs = list(self._ties(net))
        self.label = _classes(self.total, pairs)

    def of(self, tensor: int) -> slice:
        start = self._start[tensor]
        return slice(start, start + self._count[tensor])

    def _ties(self, net: Net) -> list[tuple[Array, Array]]:
        for tensor in net.pinned & net.channels.keys():
            self.pinned[self.of(tensor)] = True
        pairs = []
        for layer in net.layers:
            if isinstance(layer, Opaque):
                for tensor in (*layer.xs, *layer.ys):
                    self.pinned[self.of(tensor)] = True
            elif isinstance(layer, Tied):
                for link in layer.links:
                    if link.tied:
                        pairs.append((link.source + self._start[link.x], link.target + self._start[layer.y]))
                    else:
                        self.pinned[self.of(link.x)] = True
        return pairs

    def together(self, stays: Array) -> Array:
        """A class stays where any member does."""
        found = np.zeros(self.total, bool)
        found[self.label[stays]] = True
        return found[self.label]


def _classes(total: int, pairs: Sequence[tuple[Array, Array]]) -> Array:
    """For each number the smallest one that is tied to it, however far."""
    label = np.arange(total)
    if not pairs:
        return label
    one, other = np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    while True:
        least = np.minimum(label[one], label[other])
        before = label.copy()
        np.minimum.at(label, label[one].copy(), least)
        np.minimum.at(label, label[other].copy(), least)
        label = label[label]
        if (label == before).all():
            return label


def _needed(net: Net, places: _Places, low: dict[int, Array], high: dict[int, Array], forced: Array) -> Array:
    """Starts with everything and takes away what nobody needs, until nothing changes."""
    kept = np.ones(places.total, bool)
    linear = [layer for layer in net.layers if isinstance(layer, Linear)]
    given = [_given(layer, (low[layer.x], high[layer.x])) for layer in linear]
    weighs = [(layer.plus != 0) | (layer.minus != 0) for layer in linear]
    for _ in range(_ROUNDS):
        stays = places.pinned | forced
        for layer, known, weight in zip(linear, given, weighs, strict=True):
            used = weight[kept[places.of(layer.y)]].any(axis=0) if layer.ignores else np.ones(len(known), bool)
            stays[places.of(layer.x)] |= used & ~known
        now = places.together(stays) & kept
        if (now == kept).all():
            return kept
        kept = now
    return kept


def _given(layer: Linear, interval: Interval) -> Array:
    """Channels that this layer does not need to be told: zero, or a constant for its bias."""
    value = constants(interval)
    found: Array = value == 0 if layer.padded or not layer.folds else ~np.isnan(value)
    return found
