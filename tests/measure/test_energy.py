"""Simulated sessions with known joules: found within the interval, not found where there is nothing, refused where it must be."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.domain.energy import Energy, EnergyDoubt, EnergyRefusal, MeterFacts, Obstacle, Phase
from nngauge.domain.measurement import Configuration, Device, State
from nngauge.engines import Reply, Request, Trouble
from nngauge.errors import TransientError, UsageError
from nngauge.instruments import Reading, Setup, Wanted, meter_named
from nngauge.instruments.alignment import Offset
from nngauge.instruments.csv_import import parse
from nngauge.instruments.gauge import interpret
from nngauge.instruments.trace import Trace, checked, moved
from nngauge.measure.energy import (
    Done,
    EnergyPlan,
    aligned,
    bench_loop,
    energy,
    fitted,
    measure_energies,
    measure_energy,
    on_clock,
    run_phases,
    said,
    schedule,
)
from tests.builders.power import FakeClock, FakeDevice, gauged

PLAN = EnergyPlan()


class World:
    """A device whose power is its baseline, and more while a loop runs; a meter that sees it, both on one clock."""

    name = "world"

    def __init__(self, *, noise: float = 0.0, drift: float = 0.0, seed: int = 1, outside: bool = True) -> None:
        self.clock, self.outside = FakeClock(), outside
        self.added: list[tuple[float, float, float]] = []
        self.noise, self.drift, self.chance = noise, drift, random.Random(seed)
        self.begun = self.clock.time
        self.shape: Callable[[Reading], Reading] = lambda reading: reading
        self.problem: Exception | None = None
        self.step = 0.5

    def loop(self, watts: float, rate: float = 50.0) -> Callable[[float], int]:
        def run(seconds: float) -> int:
            if self.problem:
                raise self.problem
            start = self.clock.time
            self.clock.sleep(seconds)
            self.added.append((start, self.clock.time, watts))
            return int(rate * seconds)

        return run

    def start_at(self, time: float) -> World:
        self.begun, self.step = time, 0.1
        return self

    def start(self) -> World:
        self.begun = self.clock.time
        return self

    def stop(self) -> Reading:
        times, watts, step = [], [], self.step
        wander = 0.0
        time = self.begun - 1
        while time <= self.clock.time + 1:
            power = 0.6 + self.drift * (time - self.begun)
            power += sum(watts for start, end, watts in self.added if start <= time < end)
            wander = 0.98 * wander + self.chance.gauss(0, self.noise) * 0.2  # baselines wander, they are not white
            times.append(time)
            watts.append(power + wander)
            time += step
        trace = checked(Trace(rail="main", clock="session", seconds=tuple(times), watts=tuple(watts)))
        return self.shape(Reading(trace=trace, facts=MeterFacts(name="world"), outside=self.outside))


def measured(world: World, watts: float, plan: EnergyPlan = PLAN, rate: float = 50.0) -> Energy | EnergyRefusal:
    return measure_energy(FakeDevice(), world.loop(watts, rate), world, plan, clock=world.clock)


def test_known_joules() -> None:
    found = measured(World(), 1.5)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=1e-3)
    assert found.low == pytest.approx(0.030, rel=1e-3)
    assert found.baseline_watts == pytest.approx(0.6, rel=1e-3)
    assert found.inferences == 5 * 3000
    assert (found.detected, found.doubts) == (True, ())
    assert said(found).startswith("30 mJ (30 mJ to 30 mJ)")


def test_a_baseline_that_moves_evenly_cancels() -> None:
    found = measured(World(drift=1e-3), 1.5)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=1e-3)
    assert EnergyDoubt.BASELINE_MOVED not in found.doubts
    moved = measured(World(drift=5e-3), 1.5)
    assert isinstance(moved, Energy)
    assert EnergyDoubt.BASELINE_MOVED in moved.doubts


def test_nothing_is_not_zero() -> None:
    found = measured(World(noise=0.1), 0.0)
    assert isinstance(found, Energy)
    assert not found.detected
    assert found.mde > 0
    assert said(found).startswith("< ")


def test_false_alarms_and_what_is_found() -> None:
    """Nothing is found in at most 5 % of sessions without a load, and the minimum detectable energy in most of them."""
    short = EnergyPlan(baseline_seconds=30, loop_seconds=30)
    null = [measured(World(noise=0.1, seed=seed), 0.0, short) for seed in range(60)]
    assert sum(isinstance(found, Energy) and found.detected for found in null) <= 3
    mde = sorted(found.mde for found in null if isinstance(found, Energy))[30]
    real = [measured(World(noise=0.1, seed=seed), 2 * mde * 50, short) for seed in range(60)]
    assert sum(isinstance(found, Energy) and found.detected for found in real) >= 0.8 * 60
    truth = [isinstance(found, Energy) and found.low <= 2 * mde <= found.high for found in real]
    assert sum(truth) >= 0.88 * 60


def test_loops_take_turns() -> None:
    assert schedule(["A", "B"], 3) == [(1, "A"), (1, "B"), (2, "B"), (2, "A"), (3, "A"), (3, "B")]
    world = World(drift=1e-4)
    order: list[str] = []
    found = measure_energies(
        FakeDevice(), {"A": world.loop(1.0), "B": world.loop(2.0)}, world, PLAN, clock=world.clock,
        told=lambda phase: order.append(phase.name),
    )  # fmt: skip
    assert [name for name in order if name] == ["A", "B", "B", "A", "A", "B", "B", "A", "A", "B"]
    assert order[::2] == [""] * 11
    assert {name: round(item.joules, 5) for name, item in found.items() if isinstance(item, Energy)} == {
        "A": 0.02,
        "B": 0.04,
    }


def refused(found: Energy | EnergyRefusal, kind: Obstacle) -> EnergyRefusal:
    assert isinstance(found, EnergyRefusal)
    assert found.kind is kind
    assert said(found).startswith("not measured: ")
    return found


def test_refusals_before_anything_runs() -> None:
    world = World(outside=False)
    emulated = FakeDevice(facts=Device(id="adb:x", kind="adb", emulated=True))
    refused(measure_energy(emulated, world.loop(1.0), world, PLAN, clock=world.clock), Obstacle.EMULATED)
    charging = FakeDevice(state=State(at=0, charging=True))
    refused(measure_energy(charging, world.loop(1.0), world, PLAN, clock=world.clock), Obstacle.CHARGING)
    assert world.added == []
    null = meter_named("none").open(Setup(clock=world.clock))
    refused(measure_energy(FakeDevice(), world.loop(1.0), null, PLAN, clock=world.clock), Obstacle.NO_METER)


def test_charging_does_not_matter_to_an_outside_meter() -> None:
    world = World()
    charging = FakeDevice(state=State(at=0, charging=True, screen_on=True))
    found = measure_energy(charging, world.loop(1.5), world, PLAN, clock=world.clock)
    assert isinstance(found, Energy)
    assert found.doubts == (EnergyDoubt.SCREEN_ON,)


def test_charging_that_begins_in_between() -> None:
    world, device = World(outside=False), FakeDevice()
    states = iter([State(at=0, charging=False), State(at=1, charging=True)])
    device.state = lambda: next(states)
    refused(measure_energy(device, world.loop(1.0), world, PLAN, clock=world.clock), Obstacle.CHARGING)


def test_a_device_that_does_not_say_whether_it_charges() -> None:
    world = World(outside=False)
    found = measure_energy(FakeDevice(state=State(at=0)), world.loop(1.5), world, PLAN, clock=world.clock)
    assert isinstance(found, Energy)
    assert EnergyDoubt.CHARGING in found.doubts


def test_loops_that_do_nothing_or_end_early() -> None:
    refused(measured(World(), 1.5, rate=0.0), Obstacle.LOOP)
    world = World()
    early = measure_energy(FakeDevice(), lambda _s: world.loop(1.0)(2.0), world, PLAN, clock=world.clock)
    assert "ended after 2.0 s instead of 60 s" in refused(early, Obstacle.LOOP).reason


def test_a_device_that_is_lost() -> None:
    world = World()
    world.problem = TransientError("device offline")
    refused(measured(world, 1.0), Obstacle.DEVICE)


def test_loading_is_not_inference() -> None:
    """Four seconds at 3 W to load, then 56 at 1.5 W: only these are told per inference."""
    world = World()

    def loop(seconds: float) -> Done:
        world.loop(3.0)(4.0)
        return Done(inferences=world.loop(1.5)(seconds - 4.0), seconds=seconds - 4.0)

    found = measure_energy(FakeDevice(), loop, world, PLAN, clock=world.clock)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=1e-3)


class OneEngine:
    """A bench that runs what it is asked for on the world's clock, 20 ms an inference."""

    device = Device(id="host", kind="host")

    def __init__(self, world: World, trouble: Trouble | None = None) -> None:
        self.world, self.trouble = world, trouble
        self.asked: list[Request] = []

    def launch(self, configuration: Configuration, request: Request) -> Reply:
        self.asked.append(request)
        if self.trouble:
            return Reply(engine="e", version="1", trouble=self.trouble)
        count = self.world.loop(1.5)(request.least_seconds) // 4
        return Reply(engine="e", version="1", wall_ns=(20_000_000,) * count, inferences_per_sample=4)


def test_a_bench_as_a_loop() -> None:
    world = World()
    bench = OneEngine(world)
    loop = bench_loop(
        bench, Configuration(engine="e"), Request(files=("m",), format="tflite", profile=True, outputs="o")
    )
    found = measure_energy(FakeDevice(), loop, world, PLAN, clock=world.clock)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=1e-3)
    assert (bench.asked[0].most_seconds, bench.asked[0].profile, bench.asked[0].outputs) == (60.0, False, "")
    broken = OneEngine(world, Trouble(kind="unsupported", reason="no such op"))
    request = Request(files=("m",), format="tflite")
    why = refused(
        measure_energy(FakeDevice(), bench_loop(broken, Configuration(engine="e"), request), world, clock=world.clock),
        Obstacle.LOOP,
    )
    assert "no such op" in why.reason


def test_plans_that_are_none() -> None:
    world = World()
    for plan in (EnergyPlan(blocks=1), EnergyPlan(loop_seconds=0), EnergyPlan(updates=0)):
        with pytest.raises(UsageError):
            measured(world, 1.0, plan)
    with pytest.raises(UsageError):
        measure_energies(FakeDevice(), {}, world, clock=world.clock)


# --- gauges that are too coarse --------------------------------------------------------------------------------------------


def gauge_session(refresh: float, plan: EnergyPlan, **habits: float) -> Energy | EnergyRefusal:
    """Phases of a plan, and the gauge's view of 1.5 W more during loops."""
    phases, time = [Phase(block=0, start=0.0, end=plan.baseline_seconds)], plan.baseline_seconds
    for block in range(1, plan.blocks + 1):
        loop, rest = time + plan.loop_seconds, time + plan.loop_seconds + plan.baseline_seconds
        phases.append(Phase(block=block, name="net", start=time, end=loop, inferences=int(50 * plan.loop_seconds)))
        phases.append(Phase(block=block, start=loop, end=rest))
        time = rest

    def watts(at: float) -> float:
        return 0.6 + 1.5 * any(p.name and p.start <= at < p.end for p in phases)

    return energy("net", phases, interpret(gauged(watts, time + 30, refresh=refresh, **habits), clock="session"), plan)


@pytest.mark.parametrize("refresh", [0.35, 1.47])
@pytest.mark.parametrize("unit", [1e-6, 1e-3])
def test_gauges_that_can(refresh: float, unit: float) -> None:
    found = gauge_session(refresh, PLAN, unit=unit)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=0.05)
    assert found.low <= 0.0305
    assert found.high >= 0.0295
    assert found.meter.resolution_watts


def test_gauges_that_cannot_in_a_minute_can_in_ten() -> None:
    reason = refused(gauge_session(10.0, PLAN), Obstacle.TOO_COARSE)
    assert "loops of at least 600 s" in reason.hint
    refused(gauge_session(2.0, PLAN), Obstacle.TOO_COARSE)
    long = fitted(EnergyPlan(blocks=2), MeterFacts(name="battery", refresh_seconds=10.0))
    assert (long.loop_seconds, long.baseline_seconds) == (600, 300)
    found = gauge_session(10.0, long)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=0.05)
    assert fitted(PLAN, MeterFacts(name="battery", refresh_seconds=2.0)).loop_seconds == 80
    assert fitted(PLAN, MeterFacts(name="monsoon")) == PLAN


def test_a_coarse_step_is_part_of_what_can_be_seen() -> None:
    world = World()
    world.shape = lambda reading: replace(reading, facts=replace(reading.facts, resolution_watts=0.5))
    found = measured(world, 1.5)
    assert isinstance(found, Energy)
    assert found.mde > 1e-4
    assert EnergyDoubt.COARSE_GAUGE in found.doubts


# --- recordings with holes -------------------------------------------------------------------------------------------------


def without(reading: Reading, start: float, end: float) -> Reading:
    kept = [at for at, time in enumerate(reading.trace.seconds) if not start <= time < end]
    trace = replace(
        reading.trace,
        seconds=tuple(reading.trace.seconds[at] for at in kept),
        watts=tuple(reading.trace.watts[at] for at in kept),
    )
    return replace(reading, trace=trace)


def test_a_gap_costs_its_block() -> None:
    world = World()
    world.shape = lambda reading: without(reading, 100 + 75, 100 + 95)
    found = measured(world, 1.5)
    assert isinstance(found, Energy)
    assert [block.block for block in found.blocks] == [2, 3, 4, 5]
    assert {EnergyDoubt.GAPS, EnergyDoubt.FEW_BLOCKS} <= set(found.doubts)
    assert "no sample for 20" in found.notes[0]


def test_a_recording_that_ended_early() -> None:
    world = World()
    world.shape = lambda reading: without(reading, 100 + 100, 1e9)
    assert "recorded from" in refused(measured(world, 1.5), Obstacle.TRACE).reason


def test_one_block_that_stands_apart_is_kept() -> None:
    world = World()
    loads = iter([1.5, 1.5, 4.5, 1.5, 1.5])

    def loop(seconds: float) -> int:
        return world.loop(next(loads))(seconds)

    found = measure_energy(FakeDevice(), loop, world, PLAN, clock=world.clock)
    assert isinstance(found, Energy)
    assert EnergyDoubt.OUTLIER in found.doubts
    assert len(found.blocks) == 5


def test_phases_on_another_clock() -> None:
    world = World()
    phases: list[Phase] = []
    measure_energy(FakeDevice(), world.loop(1.5), world, PLAN, clock=world.clock, told=phases.append)
    shifted = on_clock(phases, Offset(seconds=-1000.0, uncertain=0.01))
    back = on_clock(shifted, Offset(seconds=1000.0, uncertain=0.7))
    found = energy("loop", back, replace(world.stop(), uncertain_seconds=0.7), PLAN)
    assert isinstance(found, Energy)
    assert EnergyDoubt.UNALIGNED in found.doubts
    refused(energy("loop", shifted, world.stop(), PLAN), Obstacle.TRACE)


@pytest.mark.parametrize("offset", [-12_345.678, 0.0, 1e6])
def test_a_recording_made_by_other_software(offset: float) -> None:
    """Exported as text on the meter's own clock, brought here by the bursts at the beginning of the session."""
    world = World()
    phases, marks = run_phases({"net": world.loop(1.5)}, PLAN, world.clock, burst=world.loop(2.0))
    trace = moved(world.start_at(90).stop().trace, -offset, clock="meter")
    rows = zip(trace.seconds, trace.power, strict=True)
    text = "Time (s),Power (mW)\n" + "".join(f"{time:.3f},{watts * 1e3:.3f}\n" for time, watts in rows)
    found = energy("net", phases, aligned(parse(text.encode(), Wanted()), marks), PLAN)
    assert isinstance(found, Energy)
    assert found.joules == pytest.approx(0.030, rel=1e-3)


def test_results_go_through_json() -> None:
    found = measured(World(noise=0.05), 1.5)
    assert isinstance(found, Energy)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Energy) == found
