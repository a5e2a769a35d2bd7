"""What samples say, and how sure that is. Launches of a process are what is replicated: runs within one share its luck.

Intervals of one configuration are bootstrapped over launches; the percentiles are widened for few launches as Hesterberg (2015,
https://doi.org/10.1080/00031305.2015.1089789, §3.3) does, because the plain bootstrap of six launches covers too little.
Two configurations are compared by their logarithms with the exact rank methods: Wilcoxon's signed ranks where launches were
interleaved in blocks, Mann and Whitney's U where they were not; both with the Hodges-Lehmann estimate. No normal
distribution is assumed, and false alarms are bounded for any number of launches.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from statistics import NormalDist, median
from typing import Final

from nngauge.domain.interval import Interval, percentile
from nngauge.errors import UsageError

LEVEL: Final = 0.95
_RESAMPLES: Final = 2000
_SEED: Final = 1


def bootstrap(
    launches: Sequence[float], statistic: Callable[[Sequence[float]], float] = median, *, level: float = LEVEL
) -> Interval:
    """The statistic of one value a launch, with its bootstrap interval; always the same for the same values.

    One launch has an infinitely wide interval. Raises `UsageError` for none.
    """
    if not launches:
        raise UsageError("no launches, no interval")
    middle = statistic(launches)
    count = len(launches)
    if count == 1:
        return Interval(-math.inf, middle, math.inf)
    chance = random.Random(_SEED)  # noqa: S311 - resampling, no secret
    found = [statistic(chance.choices(launches, k=count)) for _ in range(_RESAMPLES)]
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * student((1 + level) / 2, count - 1))
    return Interval(percentile(found, tail), middle, percentile(found, 1 - tail))


def student(share: float, freedom: int) -> float:
    """Quantile of Student's t for `share` above one half, by bisection over its distribution function."""
    low, high = 0.0, 1000.0
    for _ in range(80):
        middle = (low + high) / 2
        if _student_cdf(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _student_cdf(value: float, freedom: int) -> float:
    """For whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(value / math.sqrt(freedom))
    cosine = math.cos(angle)
    term = total = cosine if freedom % 2 else 1.0
    for at in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= (at - 1) / at * cosine**2
        total += term
    if freedom == 1:
        return 0.5 + angle / math.pi
    if freedom % 2:
        return 0.5 + (angle + math.sin(angle) * total) / math.pi
    return 0.5 + math.sin(angle) * total / 2


# --- comparing ----------------------------------------------------------------------------------------------------------


def paired_ratio(pairs: Sequence[tuple[float, float]], *, level: float = LEVEL) -> Interval:
    """How many times as large the second of each pair is, from Wilcoxon's signed ranks.

    With fewer than six pairs no interval of 95 % is finite. Raises `UsageError` for no pairs or values that are not positive.
    """
    logs = [_log(second) - _log(first) for first, second in pairs]
    averages = sorted((one + other) / 2 for at, one in enumerate(logs) for other in logs[at:])
    counts = _signed_ranks(len(logs))
    return _ranked(averages, _cut(counts, 1 - level), _chance(counts, averages))


def unpaired_ratio(first: Sequence[float], second: Sequence[float], *, level: float = LEVEL) -> Interval:
    """How many times as large `second` is, from Mann and Whitney's U. Raises as `paired_ratio`."""
    differences = sorted(_log(b) - _log(a) for a in first for b in second)
    counts = _rank_sums(len(first), len(second))
    return _ranked(differences, _cut(counts, 1 - level), _chance(counts, differences))


def _log(value: float) -> float:
    if value <= 0:
        raise UsageError(
            f"a duration of {value:g} cannot be compared", hint="the clock is too coarse: more runs a sample"
        )
    return math.log(value)


def _ranked(differences: Sequence[float], cut: int, chance: float) -> Interval:
    """The Hodges-Lehmann estimate; `cut` differences at each end lie outside of the interval."""
    if not differences:
        raise UsageError("nothing to compare")
    middle = math.exp(median(differences))
    if cut < 0:
        return Interval(0.0, middle, math.inf, chance)
    return Interval(math.exp(differences[cut]), middle, math.exp(differences[-1 - cut]), chance)


def _chance(counts: Sequence[int], differences: Sequence[float]) -> float:
    """Twice the smaller tail of the statistic, which is how many of `differences` are positive; zeros count half."""
    above = sum(value > 0 for value in differences) + sum(value == 0 for value in differences) / 2
    extreme = math.floor(min(above, len(differences) - above))
    return min(1.0, 2 * sum(counts[: extreme + 1]) / sum(counts))


def _cut(counts: Sequence[int], alpha: float) -> int:
    """The largest value whose lower tail has at most `alpha` / 2; -1 where none has."""
    total, below = sum(counts), 0
    for value, count in enumerate(counts):
        below += count
        if below / total > alpha / 2:
            return value - 1
    return len(counts) - 1


@cache
def _signed_ranks(count: int) -> tuple[int, ...]:
    """In how many ways signs give each sum of ranks, by adding one rank after the other."""
    sums = [1]
    for rank in range(1, count + 1):
        longer = [*sums, *[0] * rank]
        sums = [ways + (sums[at - rank] if at >= rank else 0) for at, ways in enumerate(longer)]
    return tuple(sums)


@cache
def _rank_sums(first: int, second: int) -> tuple[int, ...]:
    return tuple(_arrangements(first, second, u) for u in range(first * second + 1))


@cache
def _arrangements(first: int, second: int, u: int) -> int:
    """Orders of `first` and `second` values in which U is `u` (Mann and Whitney 1947)."""
    if u < 0:
        return 0
    if first == 0 or second == 0:
        return int(u == 0)
    return _arrangements(first - 1, second, u - second) + _arrangements(first, second - 1, u)
