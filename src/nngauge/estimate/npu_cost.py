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
"""Weight of the logarithm of the time among the coordinates of a network."""


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
    """Where a network lies among others: roots of the shares of its time, by kind of work and by what bounds it, and its size."""
    kinds = dict.fromkeys(WORKS, 0.0)
    bounds = [0.0] * 4
    for item, parts in zip(items, times(items, speeds), strict=True):
        kinds[item.work] += item.times * (_slowest(parts) + parts[3])
        for place in range(4):
            bounds[place] += item.times * parts[place]
    whole = sum(kinds.values()) or 1e-9
    shares = [sqrt(value / whole) for value in (*kinds.values(), *bounds)]
    return (*shares, _SIZE * log(whole))


def similarity(first: Sequence[float], second: Sequence[float], length: float) -> float:
    """1 at the same place, towards 0 far away."""
    distance = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
    return exp(-distance / (2.0 * length**2))


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
