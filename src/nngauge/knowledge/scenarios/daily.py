"""What an inference costs in daily use: events, feasibility, energy, battery. Arithmetic alone: what goes in, measured or modelled,
is kept apart by those who call it (`nngauge.measure.scenario`, `nngauge.estimate.scenario`).

For N events of a scenario that lasts T, with one inference each of t seconds and E joules above the baseline:

- busy share (duty) = pace × t; frames are dropped where pace × t₉₅ > 1, at the 95th percentile of t, because a mean that fits
  still misses deadlines; the rate that is sustained is 1 / t₉₅;
- energy = E_load + N_done × E + bursts × E_tail + T × P_sensors, N_done = N × min(1, 1 / (pace × t));
- charge in mAh = energy / (3.6 × V), battery share = energy / (3.6 × C × V);
- hours to empty = 3.6 × C × V / (P_baseline + energy / T) / 3600.

The interval is by Monte Carlo over E, t, V and C, always with the same draws for the same numbers, so that what-ifs are paired.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.interval import Interval, percentile
from nngauge.errors import UsageError
from nngauge.knowledge.scenarios import Battery, Certainty, Events, Parameter, Preset

_DRAWS: Final = 4000
_SEED: Final = 1
_NORMAL: Final = 1.959964
"""Standard deviations in half of a 95 % interval."""


class Joules(Struct, frozen=True, kw_only=True):
    """Energy of one inference above the baseline. Whoever makes one knows whether it was measured or modelled."""

    middle: float
    low: float
    high: float
    detected: bool = True
    """False: below what a meter could find; then `high` is a bound and `middle` means nothing."""
    source: str = ""


class Terms(Struct, frozen=True, kw_only=True):
    """What else is known, and the battery. None: not known."""

    joules: Joules | None = None
    """Of an inference; of a decoded token in a chat."""
    prefill_joules: Joules | None = None
    """Of a token that is read, in a chat."""
    load_joules: float | None = None
    tail_joules: float | None = None
    """After each burst, until the device is back at its baseline."""
    sensor_watts: float | None = None
    """Camera, microphone, screen: whatever the scenario needs besides the model."""
    baseline_watts: float | None = None
    battery_mah: float | None = None
    voltage: float | None = None
    """Nominal; None: drawn from the usual ones."""


class Work(Struct, frozen=True, kw_only=True):
    """What a scenario asks for."""

    inferences: float
    pace: float
    """Inferences a second while it is active."""
    seconds: float
    """How long it is active."""
    bursts: float = 1
    read: float = 0
    """Tokens of prompts, beside the inferences."""


class Feasible(Struct, frozen=True, kw_only=True):
    """Does the device keep up?"""

    duty: float
    """Share of the time that it is busy, at the median; above 1 it cannot keep up."""
    wanted: float
    """Inferences a second."""
    sustained: float
    """Inferences a second that the 95th percentile allows."""
    dropped: float
    """Share of frames, windows or events that are not served in time, at the 95th percentile."""
    late: float
    """Share of measured runs that took longer than the time between two events."""
    median_seconds: float
    p95_seconds: float


class Spent(Struct, frozen=True, kw_only=True):
    """Energy of the whole scenario, with 95 % intervals. None: not known."""

    joules: Interval
    watts: Interval
    """On average, above the baseline."""
    mah: Interval
    share: Interval | None = None
    """Of a full battery."""
    hours: Interval | None = None
    """Until a full battery is empty."""


def work(preset: Preset) -> Work:
    """How often, how fast, for how long."""
    if preset.events is Events.STEADY:
        seconds, fps = preset["seconds"], preset["fps"]
        return Work(inferences=seconds * fps, pace=fps, seconds=seconds)
    if preset.events is Events.WINDOWS:
        seconds, hop = preset["seconds"], preset["hop"]
        windows = math.ceil(max(0.0, seconds - preset["window"]) / hop) + 1
        return Work(inferences=windows, pace=1 / hop, seconds=seconds)
    if preset.events is Events.WORDS:
        each, minute = preset["inferences_per_word"], preset["words_per_minute"]
        return Work(inferences=preset["words"] * each, pace=minute / 60 * each, seconds=preset["words"] / minute * 60)
    answers, pace = preset["messages"] * preset["answer_tokens"], preset["tokens_per_second"]
    return Work(
        inferences=answers, pace=pace, seconds=answers / pace, bursts=preset["messages"],
        read=preset["messages"] * preset["prompt_tokens"],
    )  # fmt: skip


def at_fps(preset: Preset, fps: float) -> Preset:
    """The same scenario at another rate. Raises `UsageError` where it has none."""
    if preset.events is not Events.STEADY:
        raise UsageError(f"{preset.name} has no frames a second", hint="--fps is for video-call and camera")
    if not (math.isfinite(fps) and 0 < fps <= 1000):
        raise UsageError("--fps must be above 0 and at most 1000")
    rate = Parameter(value=fps, unit="1/s", certainty=Certainty.SET, source="--fps")
    return replace(preset, parameters={**preset.parameters, "fps": rate})


def feasibility(asked: Work, runs: Sequence[float]) -> Feasible:
    """Whether a device keeps up, by the seconds of many runs."""
    middle, slow = median(runs), percentile(runs, 0.95)
    return Feasible(
        duty=asked.pace * middle,
        wanted=asked.pace,
        sustained=1 / slow if slow > 0 else math.inf,
        dropped=max(0.0, 1 - 1 / (asked.pace * slow)) if slow > 0 else 0.0,
        late=sum(asked.pace * value > 1 for value in runs) / len(runs),
        median_seconds=middle,
        p95_seconds=slow,
    )


def spending(
    asked: Work, seconds: Sequence[float], terms: Terms, battery: Battery
) -> tuple[Spent | None, float | None]:
    """Nothing where the energy of an inference, or of a prompt, was not measured; a bound where it was too small."""
    needed = [terms.joules] + ([terms.prefill_joules] if asked.read else [])
    known = [one for one in needed if one is not None]
    if len(known) < len(needed) or not known:
        return None, None
    if not all(one.detected for one in known):
        return None, _bound(asked, terms)
    chance = random.Random(_SEED)  # noqa: S311 - resampling, no secret
    return _intervals([_draw(chance, asked, seconds, terms, battery) for _ in range(_DRAWS)], terms), None


class _Drawn(Struct, frozen=True):
    joules: float
    watts: float
    voltage: float
    capacity: float | None
    """Of the battery, in joules."""
    hours: float | None


def _draw(chance: random.Random, asked: Work, seconds: Sequence[float], terms: Terms, battery: Battery) -> _Drawn:
    """Every number is drawn in every round, needed or not: what-ifs then see the same draws."""
    each = _normal(chance, terms.joules)
    prompt = _normal(chance, terms.prefill_joules)
    took = seconds[chance.randrange(len(seconds))] if seconds else 0.0
    voltage = _even(chance, battery.voltage)
    capacity_share = _even(chance, battery.capacity_share)
    if terms.voltage is not None:
        voltage = terms.voltage
    total = _fixed(asked, terms) + asked.inferences * _done(asked, took) * each + asked.read * prompt
    watts = total / asked.seconds
    capacity = None if terms.battery_mah is None else 3.6 * terms.battery_mah * capacity_share * voltage
    hours = None
    if capacity is not None and terms.baseline_watts is not None and terms.baseline_watts + watts > 0:
        hours = capacity / (terms.baseline_watts + watts) / 3600
    return _Drawn(total, watts, voltage, capacity, hours)


def _done(asked: Work, took: float) -> float:
    """Share of the inferences that there is time for."""
    return min(1.0, 1 / (asked.pace * took)) if took > 0 else 1.0


def _fixed(asked: Work, terms: Terms) -> float:
    sensors = (terms.sensor_watts or 0.0) * asked.seconds
    return (terms.load_joules or 0.0) + asked.bursts * (terms.tail_joules or 0.0) + sensors


def _bound(asked: Work, terms: Terms) -> float:
    """Every inference at the end of its interval, none left out."""
    each = terms.joules.high if terms.joules else 0.0
    prompt = terms.prefill_joules.high if terms.prefill_joules else 0.0
    return _fixed(asked, terms) + asked.inferences * each + asked.read * prompt


def _normal(chance: random.Random, value: Joules | None) -> float:
    """A half of a normal distribution on each side, so that intervals need not be symmetric; never below 0."""
    drawn = chance.gauss(0.0, 1.0)
    if value is None:
        return 0.0
    side = value.high - value.middle if drawn > 0 else value.middle - value.low
    return max(0.0, value.middle + drawn * side / _NORMAL)


def _even(chance: random.Random, value: Parameter) -> float:
    drawn = chance.random()
    low = value.value if value.low is None else value.low
    high = value.value if value.high is None else value.high
    return low + drawn * (high - low)


def _intervals(drawn: Sequence[_Drawn], terms: Terms) -> Spent:
    shares = [one.joules / one.capacity for one in drawn if one.capacity]
    hours = [one.hours for one in drawn if one.hours is not None]
    return Spent(
        joules=_interval([one.joules for one in drawn]),
        watts=_interval([one.watts for one in drawn]),
        mah=_interval([one.joules / (3.6 * one.voltage) for one in drawn]),
        share=_interval(shares) if terms.battery_mah is not None and shares else None,
        hours=_interval(hours) if hours else None,
    )


def _interval(values: Sequence[float]) -> Interval:
    return Interval(percentile(values, 0.025), median(values), percentile(values, 0.975))
