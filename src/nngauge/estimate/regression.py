"""Gaussian-process regression in plain Python: a hundred networks need no library for it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Final, NamedTuple

from nngauge.estimate.last import Last
from nngauge.estimate.library import Kernel, Space
from nngauge.estimate.linear import backward, factor, forward

Vector = tuple[float, ...]
FARTHEST: Final = 12.0
"""Deviations from the mean at which a feature is as unusual as can be: residuals are not extrapolated beyond."""


class Place(NamedTuple):
    """What is predicted at a point."""

    mean: float
    deviation: float


def located(features: Sequence[float], space: Space) -> Vector:
    """Where features are in the space, the first of them, those that it has scales for; distances do not grow with their number."""
    count = len(space.scale)
    size = 2.0 / sqrt(count)
    return tuple(
        size * max(-FARTHEST, min(FARTHEST, (log(1.0 + 3.0 * value / scale) - mean) / deviation))
        for value, scale, mean, deviation in zip(
            features[:count], space.scale, space.mean, space.deviation, strict=True
        )
    )


def similarity(one: Vector, other: Vector, kernel: Kernel) -> float:
    """Covariance of the residuals of two networks, without noise."""
    product = squared = 0.0
    for left, right in zip(one, other, strict=True):
        product += left * right
        squared += (left - right) ** 2
    near = sqrt(5.0 * squared) / kernel.length
    return kernel.linear * product + kernel.bump * (1.0 + near + near * near / 3.0) * exp(-near) + kernel.constant


class Process:
    """Residuals at known points, and what follows for others."""

    def __init__(self, points: Sequence[Vector], kernel: Kernel) -> None:
        self._points, self._kernel = points, kernel
        matrix = [[similarity(one, other, kernel) for other in points[: row + 1]] for row, one in enumerate(points)]
        for row, line in enumerate(matrix):
            line[row] += kernel.noise
        self._lower = factor(matrix)
        self._around = Last(self._seen)

    def weights(self, residuals: Sequence[float]) -> Vector:
        """One weight for each point, for `place`."""
        return tuple(backward(self._lower, forward(self._lower, residuals)))

    def place(self, at: Vector, weights: Sequence[float]) -> Place:
        """The residual expected at a point, and its deviation with the noise of one measurement."""
        covered, deviation = self._around(at)
        return Place(sum(weight * value for weight, value in zip(weights, covered, strict=True)), deviation)

    def _seen(self, at: Vector) -> tuple[list[float], float]:
        """Similarities to the known points, and the deviation: the same for all residuals."""
        covered = [similarity(at, point, self._kernel) for point in self._points]
        explained = sum(value * value for value in forward(self._lower, covered))
        variance = similarity(at, at, self._kernel) + self._kernel.noise - explained
        return covered, sqrt(max(variance, self._kernel.noise))
