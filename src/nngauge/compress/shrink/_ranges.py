"""What operations make of intervals, in floating point and in quantised numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nngauge.compress.shrink.channels import BIG, constants

if TYPE_CHECKING:
    from nngauge.compress.shrink.channels import Array, Interval, Range

_ROUNDING: Final = 0.02
"""Steps by which kernels may miss a number that they round: nearer to the middle of two steps, both are possible."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of an activation are stored; real = scale × value, values counted from the zero point."""

    scale: float = 1.0
    zero: float = 0.0
    least: float = -BIG
    most: float = BIG
    quantised: bool = False

    def real(self, interval: Interval) -> Interval:
        """From values."""
        return interval[0] * self.scale, interval[1] * self.scale

    def stored(self, interval: Interval) -> Interval:
        """To values, rounded either way where it is not sure."""
        if not self.quantised:
            return interval
        low = np.floor(interval[0] / self.scale + 0.5 - _ROUNDING)
        high = np.floor(interval[1] / self.scale + 0.5 + _ROUNDING)
        return np.clip(low, self.least, self.most), np.clip(high, self.least, self.most)


def activated(code: int) -> Callable[[Interval], Interval] | None:
    """Of a fused activation (``ActivationFunctionType``), which all are monotone; None for unknown ones."""
    match code:
        case 0:
            return lambda interval: interval
        case 1:
            return clipped(0, BIG)
        case 2:
            return clipped(-1, 1)
        case 3:
            return clipped(0, 6)
        case 4:
            return lambda interval: (np.tanh(interval[0]), np.tanh(interval[1]))
        case _:
            return None


def clipped(low: float, high: float) -> Callable[[Interval], Interval]:
    """Between two bounds."""
    return lambda interval: (np.clip(interval[0], low, high), np.clip(interval[1], low, high))


def monotone(function: Callable[[Array], Array]) -> Callable[[Interval], Interval]:
    """A function that never falls."""
    return lambda interval: (function(interval[0]), function(interval[1]))


def any_shape(function: Callable[[Array], Array]) -> Callable[[Interval], Interval]:
    """A function that may rise and fall: only constants are followed."""

    def found(interval: Interval) -> Interval:
        value = constants(interval)
        known = ~np.isnan(value)
        made = function(np.where(known, value, 0.0))
        return np.where(known, made, -BIG), np.where(known, made, BIG)

    return found


def mapped(function: Callable[[Interval], Interval], before: Scale, after: Scale) -> Range:
    """One input, one output."""
    if before == after and function is same:
        return lambda found: found[0]
    return lambda found: after.stored(function(before.real(found[0])))


def same(interval: Interval) -> Interval:
    """What pooling, resizing and moving do to a constant."""
    return interval


def with_zeros(interval: Interval) -> Interval:
    """What padding does."""
    return np.minimum(interval[0], 0), np.maximum(interval[1], 0)


def added(one: Interval, other: Interval) -> Interval:
    """Sum."""
    return one[0] + other[0], one[1] + other[1]


def subtracted(one: Interval, other: Interval) -> Interval:
    """Difference."""
    return one[0] - other[1], one[1] - other[0]


def multiplied(one: Interval, other: Interval) -> Interval:
    """Product."""
    corners = [a * b for a in one for b in other]
    return np.minimum.reduce(corners), np.maximum.reduce(corners)


def widest(one: Interval, other: Interval) -> Interval:
    """Least and greatest of both."""
    return np.minimum(one[0], other[0]), np.maximum(one[1], other[1])


def combined(
    function: Callable[[Interval, Interval], Interval],
    finish: Callable[[Interval], Interval],
    before: Sequence[Scale],
    after: Scale,
    constant: Interval | None = None,
    *,
    first: bool = False,
) -> Range:
    """Two inputs, or one and a constant (real numbers), which comes first where `first` says so."""

    def found(intervals: Sequence[Interval]) -> Interval:
        reals = [scale.real(interval) for scale, interval in zip(before, intervals, strict=True)]
        if constant is not None:
            reals.insert(0 if first else 1, constant)
        return after.stored(finish(function(reals[0], reals[1])))

    return found
