"""Energy of one inference: loops between baselines, what the meter saw of both, and what could have been seen at all.

Baseline – loop – baseline, at least five times; several loops in the order A B, B A, A B … so that what drifts hits both alike.
The energy is what the loop took above the mean of the baselines beside it: a baseline that moves evenly cancels. Edges of
phases, where a meter still shows the phase before, are left out of the means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.devices import OpenDevice
from nngauge.domain.energy import (
    Energy,
    EnergyBlock,
    EnergyDoubt,
    EnergyRefusal,
    MeterFacts,
    Obstacle,
    Phase,
)
from nngauge.domain.measurement import Configuration
from nngauge.engines import Request
from nngauge.errors import InputError, MalformedError, TransientError, UnreadableError, UnsupportedError, UsageError
from nngauge.instruments import Clock, Meter, Reading, SystemClock
from nngauge.instruments.alignment import Offset, by_pulses, mark
from nngauge.instruments.trace import mean_watts, moved
from nngauge.measure.session import Bench
from nngauge.measure.statistics import bootstrap, student

SLOW_GAUGE: Final = 5.0
"""Seconds between values beyond which loops of a minute tell nothing: two of five phones measured."""
SLOW_LOOP: Final = 600.0
_POWER: Final = 0.8
"""Share of sessions in which the minimum detectable energy would be found."""
_SIGNIFICANCE: Final = 0.05
_EDGE: Final = 0.5
_LEAST_KEPT: Final = 0.5
"""Share of a phase that has to be left without its edges."""
_PROBE: Final = 60.0


class Done(Struct, frozen=True, kw_only=True):
    """What a loop did."""

    inferences: int
    seconds: float
    """In which they ran, without starting a process and loading the model."""


Loop = Callable[[float], "int | Done"]
"""Runs inferences for about so many seconds and returns how many."""


class EnergyPlan(Struct, frozen=True, kw_only=True):
    """How long and how often."""

    blocks: int = 5
    baseline_seconds: float = 60.0
    loop_seconds: float = 60.0
    updates: int = 40
    """New values of the meter within a loop, at least."""


def fitted(plan: EnergyPlan, facts: MeterFacts) -> EnergyPlan:
    """The plan with loops and baselines long enough for a gauge that refreshes as this one does."""
    refresh = facts.refresh_seconds or 0.0
    least = max(plan.updates * refresh, SLOW_LOOP if refresh > SLOW_GAUGE else 0.0)
    return replace(
        plan, loop_seconds=max(plan.loop_seconds, least), baseline_seconds=max(plan.baseline_seconds, least / 2)
    )


def schedule(names: Sequence[str], blocks: int) -> list[tuple[int, str]]:
    """Which loop runs when: A B, B A, A B …"""
    return [(block, name) for block in range(1, blocks + 1) for name in (names if block % 2 else reversed(names))]


# --- a session -------------------------------------------------------------------------------------------------------------


def measure_energy(
    device: OpenDevice,
    loop: Loop,
    meter: Meter,
    plan: EnergyPlan = EnergyPlan(),  # noqa: B008 - frozen
    *,
    clock: Clock | None = None,
    name: str = "loop",
    told: Callable[[Phase], None] = lambda _phase: None,
) -> Energy | EnergyRefusal:
    """Energy of one inference of a loop. Whatever goes wrong with meter or device is a refusal; other errors are raised."""
    return measure_energies(device, {name: loop}, meter, plan, clock=clock, told=told)[name]


def measure_energies(
    device: OpenDevice,
    loops: Mapping[str, Loop],
    meter: Meter,
    plan: EnergyPlan = EnergyPlan(),  # noqa: B008 - frozen
    *,
    clock: Clock | None = None,
    told: Callable[[Phase], None] = lambda _phase: None,
) -> dict[str, Energy | EnergyRefusal]:
    """As `measure_energy`, for several loops that take turns. The meter is to stamp its samples with the same clock."""
    _check(plan, loops)
    clock = clock or SystemClock()
    phases: list[Phase] = []
    try:
        doubts = _preflight(device, meter)
        if not meter.outside:
            plan = fitted(plan, probe(meter, clock))
        recording = meter.start()
        try:
            _run(loops, plan, clock, phases, told)
        finally:
            reading = recording.stop()
        if not meter.outside and device.state().charging:
            raise UnsupportedError("the device was charging at the end")
    except InputError as error:
        return {name: replace(refusal(error, meter.name), name=name) for name in loops}
    return {name: energy(name, phases, reading, plan, doubts) for name in loops}


def run_phases(
    loops: Mapping[str, Loop],
    plan: EnergyPlan,
    clock: Clock,
    *,
    burst: Loop | None = None,
    told: Callable[[Phase], None] = lambda _phase: None,
) -> tuple[list[Phase], tuple[tuple[float, float], ...]]:
    """The same session with a meter that other software records: its phases, and when `burst` worked at its beginning.

    Keep both; with the recording, `aligned` and `energy` make joules of them. Raises as the loops do.
    """
    _check(plan, loops)
    phases: list[Phase] = []
    marks = mark(burst, clock) if burst else ()
    _run(loops, plan, clock, phases, told)
    return phases, marks


def aligned(reading: Reading, marks: Sequence[tuple[float, float]]) -> Reading:
    """A recording on the session's clock, by the bursts in it. Raises as `by_pulses`."""
    offset = by_pulses(reading.trace, marks)
    trace = moved(reading.trace, offset.seconds, rate=offset.rate, clock="session")
    return replace(reading, trace=trace, uncertain_seconds=offset.uncertain)


def bench_loop(bench: Bench, configuration: Configuration, request: Request) -> Loop:
    """A loop that launches a process with this request for as long as is asked, without a warm-up: the edges are cut anyway.

    Raises `UnsupportedError` with the engine's words where it gives no times.
    """

    def run(seconds: float) -> Done:
        reply = bench.launch(configuration, for_seconds(request, seconds))
        if reply.trouble is not None or not reply.wall_ns:
            said = reply.trouble.reason if reply.trouble else "no times"
            raise UnsupportedError(f"the engine did not run: {said}", hint=reply.trouble.hint if reply.trouble else "")
        each = reply.inferences_per_sample
        return Done(inferences=each * len(reply.wall_ns), seconds=each * sum(reply.wall_ns) * 1e-9)

    return run


def for_seconds(request: Request, seconds: float) -> Request:
    """The same request as a loop, without a warm-up."""
    return replace(
        request, least_runs=1, least_seconds=seconds, most_seconds=seconds, warmup_runs=1, warmup_seconds=0.0,
        warmup_most=0.0, profile=False, outputs="",
    )  # fmt: skip


def probe(meter: Meter, clock: Clock, seconds: float = _PROBE) -> MeterFacts:
    """What a meter is found to be in a minute. Raises `InputError` for one that cannot be believed."""
    recording = meter.start()
    clock.sleep(seconds)
    return recording.stop().facts


def _check(plan: EnergyPlan, loops: Mapping[str, Loop]) -> None:
    if not loops or "" in loops:
        raise UsageError("a loop with a name is needed")
    if plan.blocks < 2 or min(plan.baseline_seconds, plan.loop_seconds) <= 0 or plan.updates < 1:
        raise UsageError("at least two blocks of some seconds are needed")


def _preflight(device: OpenDevice, meter: Meter) -> list[EnergyDoubt]:
    """Raises `UnsupportedError` for what cannot be measured so."""
    if device.facts().emulated:
        raise UnsupportedError("the processor is emulated: its energy is that of another machine")
    state = device.state()
    doubts = []
    if not meter.outside and state.charging:
        raise UnsupportedError(
            "the device is charging: its gauge does not tell what it takes",
            hint="cut the USB power, or measure rails or with an external meter",
        )
    if not meter.outside and state.charging is None:
        doubts.append(EnergyDoubt.CHARGING)
    if state.screen_on:
        doubts.append(EnergyDoubt.SCREEN_ON)
    return doubts


def _run(
    loops: Mapping[str, Loop], plan: EnergyPlan, clock: Clock, phases: list[Phase], told: Callable[[Phase], None]
) -> None:
    def add(block: int, start: float, name: str = "", inferences: int = 0, busy: float | None = None) -> None:
        phases.append(Phase(block=block, name=name, start=start, end=clock.now(), inferences=inferences, busy=busy))
        told(phases[-1])

    def rest(block: int) -> None:
        start = clock.now()
        clock.sleep(plan.baseline_seconds)
        add(block, start)

    rest(0)
    for block, name in schedule(list(loops), plan.blocks):
        start = clock.now()
        done = loops[name](plan.loop_seconds)
        if isinstance(done, Done):
            add(block, start, name, done.inferences, done.seconds)
        else:
            add(block, start, name, done)
        rest(block)


def refusal(error: InputError, meter: str) -> EnergyRefusal:
    """What became of a session that ended so, with this meter."""
    if meter == "none":
        kind = Obstacle.NO_METER
    elif "emulated" in error.what:
        kind = Obstacle.EMULATED
    elif "charging" in error.what:
        kind = Obstacle.CHARGING
    elif error.what.startswith("the engine"):
        kind = Obstacle.LOOP
    elif isinstance(error, UnreadableError | TransientError):
        kind = Obstacle.DEVICE
    else:
        kind = Obstacle.GAUGE if meter == "battery" else Obstacle.TRACE
    return EnergyRefusal(kind=kind, reason=error.what, hint=error.hint)


# --- from phases and a recording to joules -----------------------------------------------------------------------------------


def on_clock(phases: Sequence[Phase], offset: Offset) -> list[Phase]:
    """Phases on another clock."""
    return [
        replace(phase, start=offset.seconds + offset.rate * phase.start, end=offset.seconds + offset.rate * phase.end)
        for phase in phases
    ]


def energy(
    name: str,
    phases: Sequence[Phase],
    reading: Reading,
    plan: EnergyPlan = EnergyPlan(),  # noqa: B008 - frozen
    doubts: Sequence[EnergyDoubt] = (),
) -> Energy | EnergyRefusal:
    """Energy of one inference of the loop with this name, from when it ran and what a meter recorded on the same clock."""
    try:
        blocks, missing = _blocks(name, phases, reading, plan)
    except InputError as error:
        kind = Obstacle.LOOP if isinstance(error, UnsupportedError) else Obstacle.TOO_COARSE
        return EnergyRefusal(name=name, kind=kind, reason=error.what, hint=error.hint)
    if len(blocks) < 2:
        reason = missing[0] if missing else "fewer than two loops with a baseline before and after"
        return EnergyRefusal(name=name, kind=Obstacle.TRACE, reason=reason)
    each = [block.joules for block in blocks]
    interval = bootstrap(each, fmean)
    found = Energy(
        name=name, joules=interval.middle, low=interval.low, high=interval.high, mde=minimum_detectable(blocks, reading),
        baseline_watts=fmean(block.baseline_watts for block in blocks), blocks=tuple(blocks), meter=reading.facts,
        counter_ratio=reading.counter_ratio, notes=tuple(missing),
    )  # fmt: skip
    return replace(found, doubts=_doubts(found, reading, plan, [*doubts, *reading.doubts]))


def minimum_detectable(blocks: Sequence[EnergyBlock], reading: Reading) -> float:
    """Joules per inference that a t test at 5 % would tell from nothing in four of five sessions with as many blocks as noisy.

    From the spread between blocks, and never less than what the meter's steps hide. It is
    (t(1 - α/2) + t(power)) · s / √blocks, the usual formula for sample sizes.
    """
    freedom = len(blocks) - 1
    spread = stdev(block.joules for block in blocks)
    factor = student(1 - _SIGNIFICANCE / 2, freedom) + student(_POWER, freedom)
    return factor * math.hypot(spread, _rounding(blocks, reading)) / math.sqrt(len(blocks))


def _rounding(blocks: Sequence[EnergyBlock], reading: Reading) -> float:
    """Standard deviation that rounding to the meter's step gives a block's energy per inference."""
    step = reading.facts.resolution_watts or 0.0
    seconds = median(block.seconds for block in blocks)
    values = max(seconds / _refresh(reading), 1.0)
    return step * math.sqrt(1.5 / (12 * values)) * seconds / median(block.inferences for block in blocks)


def _refresh(reading: Reading) -> float:
    return max(reading.facts.refresh_seconds or 0.0, reading.trace.step)


def _blocks(
    name: str, phases: Sequence[Phase], reading: Reading, plan: EnergyPlan
) -> tuple[list[EnergyBlock], list[str]]:
    """Loops with their baselines, and why some are missing."""
    found, missing = [], []
    for at, phase in enumerate(phases):
        if phase.name != name:
            continue
        _fine_enough(phase, reading, plan)
        if not 0 < at < len(phases) - 1 or phases[at - 1].name or phases[at + 1].name:
            continue
        try:
            before, loop, after = (_mean(item, reading) for item in phases[at - 1 : at + 2])
            busy = min(phase.seconds if phase.busy is None else phase.busy, phase.seconds)
        except MalformedError as error:
            missing.append(f"block {phase.block}: {error.what}")
            continue
        found.append(
            EnergyBlock(
                block=phase.block, seconds=busy, inferences=phase.inferences, loop_watts=loop, before_watts=before,
                after_watts=after,
            )
        )  # fmt: skip
    return found, missing


def _fine_enough(phase: Phase, reading: Reading, plan: EnergyPlan) -> None:
    """Raises `UnsupportedError` for a loop that did nothing, `MalformedError` for one too short for the meter."""
    if phase.inferences <= 0:
        raise UnsupportedError("the loop ran no inference")
    seconds = phase.seconds if phase.busy is None else phase.busy
    if seconds < 0.5 * plan.loop_seconds:
        raise UnsupportedError(f"the loop ended after {seconds:.1f} s instead of {plan.loop_seconds:.0f} s")
    refresh = _refresh(reading)
    least = max(plan.updates * refresh, SLOW_LOOP if refresh > SLOW_GAUGE else 0.0)
    if phase.seconds < 0.95 * least:
        raise MalformedError(
            f"the meter has new values every {refresh:.2f} s, the loops took {phase.seconds:.0f} s",
            hint=f"loops of at least {math.ceil(least)} s, or another meter",
        )


def _mean(phase: Phase, reading: Reading) -> float:
    """Power within a phase, without its edges."""
    edge = max(_EDGE, 2 * _refresh(reading)) + reading.uncertain_seconds
    busy = phase.seconds if phase.busy is None else min(phase.busy, phase.seconds)
    edge, idle = min(edge, (1 - _LEAST_KEPT) / 2 * busy), phase.seconds - busy
    gap = max(4 * reading.trace.step, 3 * _refresh(reading))
    return mean_watts(reading.trace, phase.start + idle + edge, phase.end - edge, gap=gap)


def _doubts(
    found: Energy, reading: Reading, plan: EnergyPlan, so_far: Sequence[EnergyDoubt]
) -> tuple[EnergyDoubt, ...]:
    doubts = set(so_far)
    each = [block.joules for block in found.blocks]
    added = [block.loop_watts - block.baseline_watts for block in found.blocks]
    apart = [abs(value - median(each)) for value in each]
    if max(apart) > max(0.5 * abs(median(each)), 6 * median(apart)):
        doubts.add(EnergyDoubt.OUTLIER)
    if found.notes:
        doubts.add(EnergyDoubt.GAPS)
    if len(found.blocks) < max(5, plan.blocks):
        doubts.add(EnergyDoubt.FEW_BLOCKS)
    if reading.uncertain_seconds > 0.5:
        doubts.add(EnergyDoubt.UNALIGNED)
    if found.detected:
        if any(abs(b.after_watts - b.before_watts) > 0.1 * abs(w) for b, w in zip(found.blocks, added, strict=True)):
            doubts.add(EnergyDoubt.BASELINE_MOVED)
        if fmean(added) < 10 * (reading.facts.resolution_watts or 0.0):
            doubts.add(EnergyDoubt.COARSE_GAUGE)
    return tuple(doubt for doubt in EnergyDoubt if doubt in doubts)


def said(found: Energy | EnergyRefusal) -> str:
    """One line: ``24.6 mJ (23.9 to 25.4 mJ)``, ``< 1.2 mJ``, or why there is none."""
    if isinstance(found, EnergyRefusal):
        return f"not measured: {found.reason}"
    if not found.detected:
        return f"< {joules(max(found.mde, found.high))}"
    return f"{joules(found.joules)} ({joules(found.low)} to {joules(found.high)}), detectable from {joules(found.mde)}"


def joules(value: float) -> str:
    """``0.0246`` → ``24.6 mJ``."""
    for scale, unit in ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ")):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} nJ"
