"""The device that explains a few measured networks: a weighted mixture of devices on which all networks were measured.

Logarithms of its times are y(m) = c + Σ wₑ yₑ(m) with Σ wₑ = 1: the best linear guess where devices differ from their mean as
those of the library do from each other (ridge regression). One measurement may be far off, of the anchors or in the library:
errors are thought of as Student's, so that such a one counts little (Lange, Little and Taylor, Robust statistical modeling using
the t distribution, 1989).

Graphics units need a time for every inference that has nothing to do with the network, each another. It is taken off the library's
times before, and the new device has the one with which its anchors are likeliest. They are too few and too unlike to tell an
accident from what the mixture cannot explain: all anchors count the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Final

from msgspec import Struct

from nngauge.estimate.linear import backward, factor, forward

OTHER_PRECISION: Final = 0.25
"""Weight, before anything is measured, of places that compute with other numbers than the new one; of its own: 1."""
OTHER_CORES: Final = 0.5
"""The same where the new one works with one core and the other with several, or the other way round."""
SPREAD: Final = 0.5
"""Variance of the mixture's weights, all together."""
NOISE: Final = 0.03
"""Deviation of an anchor's logarithm: its measurement, and what no mixture explains. These four are chosen with phones left out:
`benchmarks.estimator.anchors.Transfer.settled`."""
FREEDOM: Final = 4.0
"""Of Student's distribution."""
ROUNDS: Final = 10
FREE: Final = 4.0
"""Variance of the constant: how much faster or slower than the mean of the library a device may be, e² either way."""
GPU_NOISE: Final = 0.05
"""As `NOISE`, of graphics units."""
_STEPS: Final = 20
"""Shares of the fastest anchor's time that are tried as the time of every inference."""
_LEAST: Final = 0.05
"""Share of a time that is left at least when the time of every inference is taken off."""


class Mixture(Struct, frozen=True, kw_only=True):
    """The device that explains the anchors."""

    offset: float
    weights: tuple[float, ...]
    """For each device of the library; their sum is 1."""
    floor: float = 0.0
    """Milliseconds of every inference, whatever the network; `at` does not have them."""

    def at(self, known: Sequence[float]) -> float:
        """Logarithm of the time of a network whose logarithms on the library's devices are known."""
        return self.offset + sum(weight * value for weight, value in zip(self.weights, known, strict=True))

    def time(self, known: Sequence[float], floors: Sequence[float]) -> float:
        """Milliseconds of a network whose milliseconds on the library's devices are known, with theirs of every inference."""
        return self.floor + exp(self.at([log(net(value, floor)) for value, floor in zip(known, floors, strict=True)]))


def net(time: float, floor: float) -> float:
    """What a time has of the network itself."""
    return max(time - floor, _LEAST * time)


def mixture(
    known: Sequence[Sequence[float]], measured: Sequence[float], alike: Sequence[float] = (), *, spread: float = SPREAD,
    noise: float = NOISE,
) -> Mixture:  # fmt: skip
    """The mixture for anchors: `known` has a row for each with its logarithms on the library's devices, `alike` how much each
    device counts before anything is measured, the same when empty.
    """
    noises = [noise**2] * len(measured)
    for _ in range(ROUNDS - 1):
        off = _solved(known, measured, alike, spread, noises)[2]
        noises = [noise**2 * (FREEDOM + (value / noise) ** 2) / (FREEDOM + 1.0) for value in off]
    return _solved(known, measured, alike, spread, noises)[0]


def graphics_mixture(known: Sequence[Sequence[float]], floors: Sequence[float], measured: Sequence[float]) -> Mixture:
    """The mixture for anchors on a graphics unit, of milliseconds: `known` has a row for each anchor, `floors` what every inference
    takes on the library's devices.
    """
    rows = [[log(net(value, floor)) for value, floor in zip(row, floors, strict=True)] for row in known]
    found: list[tuple[float, Mixture]] = []
    for step in range(_STEPS):
        floor = step / _STEPS * min(measured)
        rest = [time - floor for time in measured]
        noises = [(GPU_NOISE * time / part) ** 2 for time, part in zip(measured, rest, strict=True)]
        made, likelihood, _ = _solved(rows, [log(part) for part in rest], (), SPREAD, noises)
        likelihood -= sum(log(part) for part in rest)
        found.append((likelihood, Mixture(offset=made.offset, weights=made.weights, floor=floor)))
    return max(found, key=lambda one: one[0])[1]


def _solved(
    known: Sequence[Sequence[float]], measured: Sequence[float], alike: Sequence[float], spread: float,
    noises: Sequence[float],
) -> tuple[Mixture, float, list[float]]:  # fmt: skip
    """The mixture, the logarithm of its likelihood without a constant, and how far off it is from each anchor.

    Solved in the space of anchors, with p = alike made to sum to 1, D = known − known p, P = diag(p):
    (s D P Dᵀ + f + N) a = measured − known p; weights = p + s P Dᵀ a, made to sum to 1.
    """
    count = len(known[0])
    prior = [value / sum(alike) for value in alike] if alike else [1.0 / count] * count
    means = [sum(part * value for part, value in zip(prior, row, strict=True)) for row in known]
    apart = [[value - mean for value in row] for row, mean in zip(known, means, strict=True)]
    scaled = [[spread * part * value for part, value in zip(prior, row, strict=True)] for row in apart]
    matrix = [[sum(a * b for a, b in zip(one, other, strict=True)) + FREE for other in apart] for one in scaled]
    for row, noise in enumerate(noises):
        matrix[row][row] += noise
    goal = [value - mean for value, mean in zip(measured, means, strict=True)]
    lower = factor(matrix)
    told = backward(lower, forward(lower, goal))
    gains = [sum(row[at] * part for row, part in zip(scaled, told, strict=True)) for at in range(count)]
    weights = tuple(part + gain - part * sum(gains) for part, gain in zip(prior, gains, strict=True))
    likelihood = -0.5 * sum(a * b for a, b in zip(goal, told, strict=True)) - sum(
        log(row[at]) for at, row in enumerate(lower)
    )
    off = [noise * part for noise, part in zip(noises, told, strict=True)]
    return Mixture(offset=FREE * sum(told), weights=weights), likelihood, off
