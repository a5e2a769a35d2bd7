"""What a model costs in daily use: events, feasibility, energy, battery. Only measured times and measured joules go in.

For N events of a scenario that lasts T, with one inference each of t seconds and E joules above the baseline:

- busy share (duty) = pace × t; frames are dropped where pace × t₉₅ > 1, at the 95th percentile of t, because a mean that fits
  still misses deadlines; the rate that is sustained is 1 / t₉₅;
- energy = E_load + N_done × E + bursts × E_tail + T × P_sensors, N_done = N × min(1, 1 / (pace × t));
- charge in mAh = energy / (3.6 × V), battery share = energy / (3.6 × C × V);
- hours to empty = 3.6 × C × V / (P_baseline + energy / T) / 3600.

The interval is by Monte Carlo over E, t, V and C, always with the same draws for the same numbers, so that what-ifs are paired.
What was not measured and not said is not in it, and is named.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.measurement import Configuration, Device, Doubt, Launch, Measurement
from nngauge.errors import UsageError
from nngauge.measure.presets import Battery, Certainty, Events, Parameter, Preset
from nngauge.measure.primary import Clock, means, primary, singles, times
from nngauge.measure.statistics import Interval, percentile

_DRAWS: Final = 4000
_SEED: Final = 1
_NORMAL: Final = 1.959964
"""Standard deviations in half of a 95 % interval."""


class Joules(Struct, frozen=True, kw_only=True):
    """Measured energy of one inference above the baseline."""

    middle: float
    low: float
    high: float
    detected: bool = True
    """False: below what the meter could find; then `high` is a bound and `middle` means nothing."""
    source: str = ""


class Terms(Struct, frozen=True, kw_only=True):
    """What else was measured, and the battery. None: not known."""

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


class Unknown(Struct, frozen=True):
    """A number that is not there, and how to get it."""

    what: str
    how: str


class Outcome(Struct, frozen=True, kw_only=True):
    """One model in one configuration in one scenario."""

    schema: str = "nngauge.scenario/1"
    name: str
    model: str
    configuration: Configuration
    device: Device
    preset: Preset
    work: Work
    feasible: Feasible | None = None
    spent: Spent | None = None
    at_most: float | None = None
    """Joules of the scenario that cannot be exceeded, where an inference's energy was too small to be found."""
    inputs: Terms = Terms()
    unknown: tuple[Unknown, ...] = ()
    notes: tuple[str, ...] = ()


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


def scenario(item: Measurement, preset: Preset, terms: Terms, battery: Battery) -> Outcome:
    """What a measured model means in a scenario; what is not known is told as such."""
    asked = work(preset)
    seconds, pooled, notes = _seconds(item, preset)
    feasible = _feasible(asked, pooled) if pooled else None
    terms = _with_capacity(terms, item.device)
    spent, at_most = _spent(asked, seconds, terms, battery)
    return Outcome(
        name=item.name, model=item.model, configuration=item.configuration, device=item.device, preset=preset, work=asked,
        feasible=feasible, spent=spent, at_most=at_most, inputs=terms,
        unknown=tuple(_unknown(item, asked, terms, timed=bool(pooled))), notes=(*notes, *_remarks(item, terms)),
    )  # fmt: skip


# --- time ---------------------------------------------------------------------------------------------------------------


def _seconds(item: Measurement, preset: Preset) -> tuple[list[float], list[float], tuple[str, ...]]:
    """Seconds of an inference: the median of each launch, all runs, and what is to be known about them."""
    if preset.events is Events.TOKENS and (stages := _decoding(item.launches)):
        return [median(launch) for launch in stages], [value for launch in stages for value in launch], ()
    if not item.launches or Doubt.EMULATED in item.doubts or not all(launch.wall_ns for launch in item.launches):
        return [], [], ()
    clock = primary(item.launches, item.configuration.threads)
    notes: tuple[str, ...] = (
        ("times are processor time: other work ran while it was measured",) if clock is Clock.CPU else ()
    )
    if preset.events is Events.TOKENS:
        notes += ("the engine told no stages: one inference is taken for one token",)
    if (each := means(item.launches)) > 1:
        notes += (
            f"a sample is the mean of up to {each:,} inferences: the 95th percentile is widened to that of single ones",
        )
    middles, pooled = times(item.launches, clock), singles(item.launches, clock)
    return [value / 1e9 for value in middles], [value / 1e9 for value in pooled], notes


def _decoding(launches: Sequence[Launch]) -> list[list[float]]:
    """Seconds a token of each launch's decode stages."""
    found = [
        [value / stage.tokens / 1e9 for stage in launch.stages if stage.name == "decode" and stage.tokens for value in stage.wall_ns]
        for launch in launches
    ]  # fmt: skip
    return [launch for launch in found if launch]


def _feasible(asked: Work, runs: Sequence[float]) -> Feasible:
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


# --- energy -------------------------------------------------------------------------------------------------------------


def _spent(asked: Work, seconds: Sequence[float], terms: Terms, battery: Battery) -> tuple[Spent | None, float | None]:
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


def _with_capacity(terms: Terms, device: Device) -> Terms:
    known = terms.battery_mah is None and device.battery_mah is not None and device.battery_mah > 0
    return replace(terms, battery_mah=device.battery_mah) if known else terms


# --- what is missing ----------------------------------------------------------------------------------------------------


def _unknown(item: Measurement, asked: Work, terms: Terms, *, timed: bool) -> list[Unknown]:
    found = []
    where = f" --device {item.device.id}" if item.device.kind != "host" else ""
    if not timed:
        found.append(Unknown("time, and so whether it keeps up", "measure on a device that is not emulated"))
    if terms.joules is None:
        found.append(
            Unknown(
                "energy, battery share, hours", f"nngauge measure MODEL{where} --energy, or --joules from your meter"
            )
        )
    if asked.read and terms.prefill_joules is None and terms.joules is not None:
        found.append(
            Unknown("energy of the prompts, and so of the chat", "--prefill-joules: of one token that is read")
        )
    if terms.battery_mah is None:
        found.append(Unknown("battery share", "--battery 4000mAh"))
    if terms.baseline_watts is None:
        found.append(
            Unknown("hours to empty", "--baseline 0.8W: what the device takes in the same state without inference")
        )
    return found


def _remarks(item: Measurement, terms: Terms) -> list[str]:
    """What the numbers leave out."""
    out = [
        name
        for name, value in (
            ("loading the model", terms.load_joules), ("the tail after a burst", terms.tail_joules),
            ("camera, microphone and screen", terms.sensor_watts),
        )
        if value is None
    ]  # fmt: skip
    notes = [f"not in the energy: {', '.join(out)}"] if out and terms.joules is not None else []
    if terms.joules is not None and terms.joules.low == terms.joules.high:
        notes.append("the joules came without an interval: theirs is not in the one that is told")
    notes += [f"doubt about the times: {doubt.value}" for doubt in item.doubts]
    return notes
