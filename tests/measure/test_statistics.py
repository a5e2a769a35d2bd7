"""Known quantiles and critical values, coverage of intervals, false alarms and found slow-downs on simulated launches."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest

from nngauge.domain.interval import Interval, percentile
from nngauge.errors import UsageError
from nngauge.measure.statistics import bootstrap, paired_ratio, student, unpaired_ratio


def launches(chance: random.Random, count: int, factor: float = 1.0) -> list[float]:
    """A launch's median: 2 % spread, and every tenth launch disturbed by up to a tenth."""
    found = []
    for _ in range(count):
        value = factor * math.exp(chance.gauss(0, 0.02))
        found.append(value * (1 + chance.random() / 10) if chance.random() < 0.1 else value)
    return found


@pytest.mark.parametrize(
    ("freedom", "wanted"), [(1, 12.7062), (2, 4.30265), (5, 2.57058), (9, 2.26216), (10, 2.22814), (30, 2.04227)]
)
def test_quantiles_of_t(freedom: int, wanted: float) -> None:
    assert student(0.975, freedom) == pytest.approx(wanted, rel=1e-4)


def test_percentiles_are_interpolated() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([1, 2, 3, 4, 5], 0.9) == pytest.approx(4.6)
    assert percentile([7], 0.05) == 7
    with pytest.raises(UsageError, match="no samples"):
        percentile([], 0.5)


def test_one_launch_says_nothing_about_others() -> None:
    assert bootstrap([3.0]) == Interval(-math.inf, 3.0, math.inf)
    assert bootstrap([3.0]).half_width == math.inf


def test_equal_launches_have_no_width() -> None:
    assert bootstrap([2.0] * 6) == Interval(2.0, 2.0, 2.0)


def test_intervals_cover_what_they_should() -> None:
    chance = random.Random(5)
    held = sum(
        found.low <= 1 <= found.high
        for found in (bootstrap([chance.gauss(1, 0.02) for _ in range(8)]) for _ in range(300))
    )
    assert 0.91 * 300 <= held <= 300


# Critical values of the signed ranks (two-sided 5 %): n = 6: 0, 8: 3, 10: 8, 15: 25, 20: 52; of U: 6 and 6: 5, 10 and 10: 23.


@pytest.mark.parametrize(("count", "cut"), [(6, 0), (8, 3), (10, 8), (15, 25), (20, 52)])
def test_critical_values_of_signed_ranks(count: int, cut: int) -> None:
    pairs = [(1.0, math.exp(2.0**at)) for at in range(count) if at < 9] + [
        (1.0, math.exp(600 + at)) for at in range(9, count)
    ]
    logs = [math.log(second) for _, second in pairs]
    averages = sorted((one + other) / 2 for at, one in enumerate(logs) for other in logs[at:])
    assert math.log(paired_ratio(pairs).low) == pytest.approx(averages[cut])


@pytest.mark.parametrize(("count", "cut"), [(6, 5), (10, 23)])
def test_critical_values_of_u(count: int, cut: int) -> None:
    second = [math.exp(at * 1.37) for at in range(count)]
    first = [math.exp(at * 0.61) for at in range(count)]
    differences = sorted(math.log(b) - math.log(a) for a in first for b in second)
    assert math.log(unpaired_ratio(first, second).low) == pytest.approx(differences[cut])


def test_too_few_pairs_cannot_tell() -> None:
    assert paired_ratio([(1.0, 2.0)] * 5) == Interval(0.0, pytest.approx(2.0), math.inf, 2 / 32)
    with pytest.raises(UsageError, match="nothing to compare"):
        paired_ratio([])
    with pytest.raises(UsageError, match="too coarse"):
        paired_ratio([(0.0, 1.0)])


@pytest.mark.parametrize("paired", [True, False])
def test_the_same_against_itself_raises_few_alarms_and_five_percent_are_found(paired: bool) -> None:
    chance = random.Random(11)
    alarms = found = 0
    for _ in range(400):
        base, same, slow = launches(chance, 20), launches(chance, 20), launches(chance, 20, 1.05)
        compare = (lambda a, b: paired_ratio(list(zip(a, b, strict=True)))) if paired else unpaired_ratio
        alarm, slower = compare(base, same), compare(base, slow)
        alarms += alarm.low > 1 or alarm.high < 1
        found += slower.low > 1
    assert alarms <= 0.05 * 400 + 2 * math.sqrt(400 * 0.05 * 0.95)
    assert found >= 0.95 * 400


def test_the_middle_is_robust() -> None:
    values = [1.0, 1.01, 0.99, 1.0, 1.02, 9.0]
    assert bootstrap(values).middle == median(values)
    assert paired_ratio([(1.0, value) for value in values]).middle < 1.1
