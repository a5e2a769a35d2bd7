"""The cost model of neural processors: time of each layer from coefficients, and what the mix of a network's time looks like."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Final

from msgspec import Struct

from nngauge.estimate.npu_work import WORKS, Item

SHARPNESS: Final = 3.0
"""A layer takes (products³ + weights³ + elements³)^⅓ + its call: nearly the slowest of the three."""
_SIZE: Final = 0.15
"""Weight of logarithms among the coordinates of a network."""
_LEAST: Final = 1e-6
"""Amounts begin there, so that each has a logarithm."""
_LARGE: Final = (0.3e6, 1e6, 4e6)
"""Elements above which a layer is large: some of the tightly coupled memory, much of it, more than there is."""
GROUPS: Final = (len(WORKS) + 4, 1, 4, len(_LARGE), len(WORKS))
"""How many coordinates each group has."""


class Speeds(Struct, frozen=True, kw_only=True):
    """Of one precision."""

    products: tuple[float, ...]
    """Milliseconds of 10⁹ multiply-accumulates, for each of `WORKS`."""
    weights: float
    """Milliseconds of 10⁶ weights read."""
    elements: tuple[float, ...]
    """Milliseconds of 10⁶ activations, for each of `WORKS`."""
    calls: tuple[float, ...]
    """Milliseconds of one layer, for each of `WORKS`."""


class Factors(Struct, frozen=True, kw_only=True):
    """What a device takes times the reference: products, weights, elements, calls."""

    products: float
    weights: float
    elements: float
    calls: float


UNIT: Final = Factors(products=1.0, weights=1.0, elements=1.0, calls=1.0)


def times(items: Sequence[Item], speeds: Speeds, factors: Factors = UNIT) -> list[tuple[float, float, float, float]]:
    """Milliseconds of each item's products, weights, elements and calls."""
    index = {work: number for number, work in enumerate(WORKS)}
    return [
        (
            item.macs / 1e9 * speeds.products[index[item.work]] * factors.products,
            item.weights / 1e6 * speeds.weights * factors.weights,
            item.elements / 1e6 * speeds.elements[index[item.work]] * factors.elements,
            speeds.calls[index[item.work]] * factors.calls,
        )
        for item in items
    ]


def total(items: Sequence[Item], speeds: Speeds, factors: Factors = UNIT) -> float:
    """Milliseconds of all layers."""
    return sum(
        item.times * (_slowest(parts) + parts[3])
        for item, parts in zip(items, times(items, speeds, factors), strict=True)
    )


def coordinates(items: Sequence[Item], speeds: Speeds) -> tuple[float, ...]:
    """Where a network lies among others, in the groups of `GROUPS`.

    Roots of the shares of its time, by kind of work and by what bounds it; the logarithm of the time; logarithms of products for
    each weight and each element, of layers and of weights; shares of its time in large layers; roots of the shares of its layers.
    """
    kinds, layers = dict.fromkeys(WORKS, 0.0), dict.fromkeys(WORKS, 0)
    bounds, large, sums = [0.0] * 4, [0.0] * len(_LARGE), [_LEAST] * 3
    for item, parts in zip(items, times(items, speeds), strict=True):
        whole = item.times * (_slowest(parts) + parts[3])
        kinds[item.work] += whole
        layers[item.work] += item.times
        bounds = [bound + item.times * part for bound, part in zip(bounds, parts, strict=True)]
        large = [value + whole * (item.elements > least) for value, least in zip(large, _LARGE, strict=True)]
        amounts = (item.macs / 1e9, item.weights / 1e6, item.elements / 1e6)
        sums = [value + item.times * amount for value, amount in zip(sums, amounts, strict=True)]
    time, count = sum(kinds.values()) or 1e-9, sum(layers.values()) or 1
    macs, weights, elements = sums
    return (
        *(sqrt(value / time) for value in (*kinds.values(), *bounds)),
        _SIZE * log(time),
        *(_SIZE * log(value) for value in (macs / weights, macs / elements, count, weights)),
        *(value / time for value in large),
        *(sqrt(value / count) for value in layers.values()),
    )


def similarity(first: Sequence[float], second: Sequence[float], lengths: Sequence[float]) -> float:
    """1 at the same place, towards 0 far away; each group of coordinates has its length."""
    distance, start = 0.0, 0
    for count, length in zip(GROUPS, lengths, strict=True):
        pairs = zip(first[start : start + count], second[start : start + count], strict=True)
        distance += sum((a - b) ** 2 for a, b in pairs) / length**2
        start += count
    return exp(-distance / 2.0)


def _slowest(parts: tuple[float, float, float, float]) -> float:
    return float((parts[0] ** SHARPNESS + parts[1] ** SHARPNESS + parts[2] ** SHARPNESS) ** (1.0 / SHARPNESS))


def mean(factors: Sequence[tuple[Factors, float]]) -> Factors:
    """Geometric means with weights that sum to 1."""
    return Factors(
        **{
            name: exp(sum(weight * log(getattr(factor, name)) for factor, weight in factors))
            for name in ("products", "weights", "elements", "calls")
        }
    )
