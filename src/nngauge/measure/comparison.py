"""Faster or slower, by how much, or it cannot be told: two sessions side by side.

What has the same model and the same configuration in both is compared. Launches that took turns within one session are
paired by their blocks; those of different sessions are not, and whatever changed between the sessions is part of the
difference. Where other work ran, each side may owe as much to its neighbours as its slow samples took longer than its fast
ones: the interval is widened by that (ten sessions of one model on a machine at load 9: 29 of 45 pairs seemed to differ, none
with it). A difference is told when its interval, widened for the number of comparisons (Holm 1979,
https://www.jstor.org/stable/4615733), excludes 1 and it is larger than what would matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.interval import Interval, percentile
from nngauge.domain.measurement import Configuration, Doubt, Launch, Measurement
from nngauge.measure.primary import Clock, alone, primary, times
from nngauge.measure.statistics import LEVEL, paired_ratio, unpaired_ratio

MATTERS: Final = 0.02
"""Smaller differences are not called faster or slower, however sure they are."""


_DISTURBED: Final = frozenset({Doubt.BUSY, Doubt.PREEMPTED})


class Verdict(StrEnum):
    """What may be said of the second beside the first."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "the same"
    """The whole interval lies within what does not matter."""
    UNTOLD = "cannot tell"


class Compared(Struct, frozen=True, kw_only=True):
    """One model in one configuration, in both."""

    name: str
    model: str
    first: Configuration
    second: Configuration
    clock: Clock
    first_ns: float
    second_ns: float
    ratio: Interval
    """Second over first."""
    paired: bool
    disturbed: bool
    """Other work ran beside launches that did not take turns: the interval is widened by what that explains."""
    verdict: Verdict
    doubts: tuple[Doubt, ...]
    """Of either."""


def compare(
    pairs: Iterable[tuple[Measurement, Measurement]], *, matters: float = MATTERS, together: bool = False
) -> tuple[Compared, ...]:
    """One row a pair. `together`: the launches of both took turns in the blocks of one session."""
    rows = [_compare(first, second, together=together) for first, second in pairs]
    allowed = _holm([row.ratio.chance for row in rows])
    return tuple(
        replace(row, verdict=_verdict(row.ratio, matters, sure=sure)) for row, sure in zip(rows, allowed, strict=True)
    )


def matching(first: Sequence[Measurement], second: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """What both have: the same model, else a model of the same name, in the same configuration; if there is one on the same device, that."""
    found = []
    for one in first:
        same = [other for other in second if other.configuration == one.configuration]
        same.sort(key=lambda other: other.device.id != one.device.id)
        other = next((item for item in same if item.model == one.model), None)
        other = other or next((item for item in same if item.name == one.name), None)
        if (
            other is not None
            and one.launches
            and other.launches
            and one.launches[0].wall_ns
            and other.launches[0].wall_ns
        ):
            found.append((one, other))
    return found


def taking_turns(found: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """The first configuration of each model with every other one of the same session, whose launches took turns with it."""
    firsts: dict[tuple[str, str, str], Measurement] = {}
    pairs = []
    for one in found:
        if one.launches and one.launches[0].wall_ns:
            first = firsts.setdefault((one.model, one.device.id, one.started), one)
            pairs += [(first, one)] if first is not one else []
    return pairs


def _compare(first: Measurement, second: Measurement, *, together: bool) -> Compared:
    clock = _clock(first, second)
    pairs = _paired(first.launches, second.launches, clock) if together else []
    ones, others = times(first.launches, clock), times(second.launches, clock)
    if len(pairs) > 1:
        ratio, disturbed = paired_ratio(pairs, level=LEVEL), False
    else:
        ratio = unpaired_ratio(ones, others, level=LEVEL)
        disturbed = any(_DISTURBED & set(item.doubts) for item in (first, second))
        low, high = ratio.low / _neighbours(second, clock), ratio.high * _neighbours(first, clock)
        ratio = Interval(low, ratio.middle, high, ratio.chance)
    found = {*first.doubts, *second.doubts}
    return Compared(
        name=second.name, model=second.model, first=first.configuration, second=second.configuration, clock=clock,
        first_ns=median(ones), second_ns=median(others), ratio=ratio, paired=len(pairs) > 1, disturbed=disturbed, verdict=Verdict.UNTOLD,
        doubts=tuple(doubt for doubt in Doubt if doubt in found),
    )  # fmt: skip


def _clock(first: Measurement, second: Measurement) -> Clock:
    """The same for both: processor time as soon as one of them needs it, if both can be told by it."""
    both = (first, second)
    told = all(launch.cpu_ns for item in both for launch in item.launches)
    if not told or not all(alone(item.configuration.threads, item.configuration.delegate) for item in both):
        return Clock.WALL
    chosen = {
        primary(item.launches, item.configuration.threads, item.configuration.delegate) for item in (first, second)
    }
    return Clock.CPU if Clock.CPU in chosen else Clock.WALL


def _neighbours(item: Measurement, clock: Clock) -> float:
    """By what other work may have made the medians of a session longer: that of its samples over their tenth percentile."""
    if not _DISTURBED & set(item.doubts):
        return 1.0
    found = [launch.cpu_ns if clock is Clock.CPU else launch.wall_ns for launch in item.launches]
    return median(median(one) / max(percentile(one, 0.1), 1) for one in found)


def _paired(first: Sequence[Launch], second: Sequence[Launch], clock: Clock) -> list[tuple[float, float]]:
    ones = dict(zip((launch.block for launch in first), times(first, clock), strict=True))
    others = dict(zip((launch.block for launch in second), times(second, clock), strict=True))
    return [(ones[block], others[block]) for block in sorted(ones.keys() & others.keys())]


def _holm(chances: Sequence[float], alpha: float = 1 - LEVEL) -> list[bool]:
    """Which differences stay when so many are looked for: the k-th smallest chance has to be below alpha ÷ (n − k + 1)."""
    kept = [False] * len(chances)
    for rank, at in enumerate(sorted(range(len(chances)), key=lambda at: chances[at])):
        if chances[at] > alpha / (len(chances) - rank):
            break
        kept[at] = True
    return kept


def _verdict(ratio: Interval, matters: float, *, sure: bool) -> Verdict:
    if sure and ratio.low > 1 and ratio.middle > 1 + matters:
        return Verdict.SLOWER
    if sure and ratio.high < 1 and ratio.middle < 1 - matters:
        return Verdict.FASTER
    if ratio.low > 1 - matters and ratio.high < 1 + matters:
        return Verdict.SAME
    return Verdict.UNTOLD
