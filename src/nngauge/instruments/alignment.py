"""Clocks brought together: by asking one for the time again and again, or by bursts of work that a meter saw.

Ping-pong after Cristian (1989, https://doi.org/10.1007/BF01784024): the answer that came back fastest is off by at most half of
its round trip.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from statistics import fmean, median
from typing import Final

from msgspec import Struct

from nngauge.devices import OpenDevice
from nngauge.errors import MalformedError, UnsupportedError, UsageError
from nngauge.instruments._api import Clock
from nngauge.instruments.trace import Trace

_ROUNDS: Final = 16
_UPTIME_STEP: Final = 0.01
_CONTRAST: Final = 4.0
"""Bursts have to stand this many times higher above the rest than the rest varies."""
_UNIQUE: Final = 0.8
"""Another place that fits nearly as well makes the alignment a guess."""
_MOST_EDGES: Final = 5_000
LENGTHS: Final = (1.0, 2.0, 1.0, 3.0)
"""Seconds of bursts; they differ so that they fit at one place only."""
_REST: Final = 1.0


class Offset(Struct, frozen=True, kw_only=True):
    """One clock in terms of another: ``session = seconds + rate × other``."""

    seconds: float
    uncertain: float
    """Seconds, either way."""
    rate: float = 1.0


def ping_pong(rounds: Sequence[tuple[float, float, float]], resolution: float = 0.0) -> Offset:
    """From (sent, told, received): times here, there, here. `resolution` is the step of the clock there.

    Raises `UsageError` for none, `MalformedError` for answers that came before their question.
    """
    if not rounds:
        raise UsageError("no answers, no offset")
    if any(received < sent for sent, _, received in rounds):
        raise MalformedError("an answer that came before it was asked for")
    sent, told, received = min(rounds, key=lambda item: item[2] - item[0])
    return Offset(
        seconds=(sent + received) / 2 - told - resolution / 2, uncertain=(received - sent) / 2 + resolution / 2
    )


def clock_offset(device: OpenDevice, clock: Clock, rounds: int = _ROUNDS) -> Offset:
    """Of the device's time since boot. Raises `UnsupportedError` where it does not tell it."""
    found = []
    for _ in range(rounds):
        sent = clock.now()
        told = device.read("/proc/uptime", most=64)
        received = clock.now()
        match = re.match(rb"([0-9]{1,12}\.[0-9]{2}) ", told or b"")
        if not match:
            raise UnsupportedError("the device does not tell its time since boot", where=device.id)
        found.append((sent, float(match[1]), received))
    return ping_pong(found, _UPTIME_STEP)


# --- bursts ----------------------------------------------------------------------------------------------------------------


def mark(
    work: Callable[[float], object], clock: Clock, lengths: Sequence[float] = LENGTHS, rest: float = _REST
) -> tuple[tuple[float, float], ...]:
    """Works in bursts, with rest before, between and after them; when it did. `work` gets the seconds."""
    found = []
    clock.sleep(2 * rest)
    for length in lengths:
        start = clock.now()
        work(length)
        found.append((start, clock.now()))
        clock.sleep(rest)
    clock.sleep(rest)
    return tuple(found)


def by_pulses(trace: Trace, marks: Sequence[tuple[float, float]]) -> Offset:
    """Where bursts at these times of the session lie in the trace.

    Every rise of power is tried as the first burst; the place where bursts stand highest above their pauses is refined by all
    edges. Raises `UnsupportedError` where none stands out, or two do.
    """
    if len(marks) < 2 or any(end <= start for start, end in marks) or any(b[0] <= a[1] for a, b in pairwise(marks)):
        raise UsageError("at least two bursts with pauses between them are needed")
    power = trace.power
    sums = [0.0, *accumulate(power)]
    rises, falls = _edges(trace, power)
    if len(rises) > _MOST_EDGES:
        raise UnsupportedError("the power rises and falls too often for bursts to be seen")
    scored = sorted(
        ((_contrast(trace, sums, marks, rise - marks[0][0]), rise - marks[0][0]) for rise in rises), reverse=True
    )
    if not scored or scored[0][0] <= 0:
        raise UnsupportedError("no bursts are seen in the recording", hint="was the meter recording at that time?")
    best, shift = scored[0]
    near = marks[0][1] - marks[0][0]
    if any(score > _UNIQUE * best and abs(other - shift) > near / 2 for score, other in scored[1:]):
        raise UnsupportedError("bursts are seen at more than one place of the recording")
    _stands_out(trace, power, marks, shift, best)
    return _refined(trace, marks, shift, rises, falls)


def _edges(trace: Trace, power: Sequence[float]) -> tuple[list[float], list[float]]:
    """Times at which the power crosses the middle between low and high, up and down."""
    ordered = sorted(power)
    level = (ordered[len(ordered) // 20] + ordered[-1 - len(ordered) // 20]) / 2
    rises: list[float] = []
    falls: list[float] = []
    for (t0, t1), (p0, p1) in zip(pairwise(trace.seconds), pairwise(power), strict=True):
        if (p0 < level) != (p1 < level):
            (rises if p1 >= level else falls).append(t0 + (t1 - t0) * (level - p0) / (p1 - p0))
    return rises, falls


def _contrast(trace: Trace, sums: Sequence[float], marks: Sequence[tuple[float, float]], shift: float) -> float:
    """Mean of the bursts above the mean of the pauses between and beside them; 0 where they are not all recorded."""
    around = (marks[0][0] - (marks[1][0] - marks[0][1]), *(edge for mark in marks for edge in mark))
    around = (*around, marks[-1][1] + (marks[1][0] - marks[0][1]))
    places = [bisect_left(trace.seconds, edge + shift) for edge in around]
    if places[0] == 0 or places[-1] >= len(trace.seconds) or any(b <= a for a, b in pairwise(places)):
        return 0.0
    means = [(sums[b] - sums[a]) / (b - a) for a, b in pairwise(places)]
    return min(means[1::2]) - max(means[0::2])


def _stands_out(
    trace: Trace, power: Sequence[float], marks: Sequence[tuple[float, float]], shift: float, contrast: float
) -> None:
    first, last = (bisect_left(trace.seconds, edge + shift) for edge in (marks[0][1], marks[1][0]))
    pause = power[first:last][1:-1]
    noise = fmean(abs(value - median(pause)) for value in pause) if len(pause) > 2 else 0.0
    if contrast < _CONTRAST * noise:
        raise UnsupportedError("the bursts do not stand out of the noise", hint="longer bursts on more cores")


def _refined(
    trace: Trace, marks: Sequence[tuple[float, float]], shift: float, rises: Sequence[float], falls: Sequence[float]
) -> Offset:
    """A line through all edges that are close to where they should be."""
    close = min(min(end - start for start, end in marks) / 2, 20 * trace.step + 0.05)
    pairs = []
    for start, end in marks:
        for edge, there in ((start, rises), (end, falls)):
            nearest = min(there, key=lambda time: abs(time - edge - shift), default=None)
            if nearest is not None and abs(nearest - edge - shift) <= close:
                pairs.append((nearest, edge))
    if len(pairs) < len(marks):
        raise UnsupportedError("the bursts' edges are not where they should be")
    offset = median(edge - time for time, edge in pairs)
    worst = max(abs(edge - time - offset) for time, edge in pairs)
    return Offset(seconds=offset, uncertain=worst + trace.step)
