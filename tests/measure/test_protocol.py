"""Who is launched when and for how long, which clock counts, and what is doubted."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from nngauge.domain.measurement import Configuration, Doubt, Launch, OutputCheck, Refusal
from nngauge.measure.doubts import doubts, trend
from nngauge.measure.floor import floor_ns
from nngauge.measure.primary import Clock, primary
from nngauge.measure.protocol import Cell, Plan, Progress, middle, run
from nngauge.measure.summary import summary
from tests.measure.sessions import GOOD, PHONE, launch, measurement, state

CELLS = [Cell(model=str(at), configuration=Configuration(engine="litert")) for at in range(3)]


class Bench:
    """Launches that take a second of a clock nobody waits for."""

    def __init__(self, spread: float = 0.0, refuses: str = "") -> None:
        self.now, self.spread, self.refuses, self.chance = 0.0, spread, refuses, random.Random(4)
        self.order: list[tuple[int, str]] = []

    def __call__(self, cell: Cell, block: int) -> Launch | Refusal:
        self.now += 1
        self.order.append((block, cell.model))
        if cell.model == self.refuses and block == 2:
            return Refusal(
                model=cell.model,
                name="m",
                configuration=cell.configuration,
                reason="no such operator",
                kind="unsupported",
            )
        return launch(self.chance, 1e7 * (1 + self.spread * self.chance.random()), block=block)


def test_a_quiet_device_needs_the_least_number_of_launches() -> None:
    bench = Bench()
    courses = run(CELLS, bench, Plan(), clock=lambda: bench.now)
    assert [(len(course.launches), course.ended) for course in courses] == [(6, "precise")] * 3
    assert [block for block, _ in bench.order] == [block for block in range(6) for _ in CELLS]
    blocks = {block: [model for at, model in bench.order if at == block] for block in range(6)}
    assert all(sorted(models) == ["0", "1", "2"] for models in blocks.values())
    assert len({tuple(models) for models in blocks.values()}) > 1, "the order within blocks never changes"


def test_the_order_is_the_same_for_the_same_seed() -> None:
    orders = []
    for seed in (1, 1, 2):
        bench = Bench()
        run(CELLS, bench, Plan(seed=seed), clock=lambda: 0.0)
        orders.append(bench.order)
    assert orders[0] == orders[1] != orders[2]


def test_a_noisy_device_gets_all_launches_and_a_slow_one_what_time_allows() -> None:
    noisy = Bench(spread=3)
    courses = run(CELLS[:1], noisy, Plan(), clock=lambda: noisy.now)
    assert (len(courses[0].launches), courses[0].ended) == (20, "launches")
    slow = Bench(spread=3)
    courses = run(CELLS[:1], slow, Plan(seconds=9), clock=lambda: slow.now)
    assert (len(courses[0].launches), courses[0].ended) == (9, "time")
    short = Bench(spread=3)
    courses = run(CELLS[:1], short, Plan(seconds=1), clock=lambda: short.now)
    assert len(courses[0].launches) == 6, "the least number is made whatever the time"


def test_a_refusal_ends_one_configuration_and_keeps_what_it_had() -> None:
    bench = Bench(refuses="1")
    courses = run(CELLS, bench, Plan(), clock=lambda: bench.now)
    assert [len(course.launches) for course in courses] == [6, 2, 6]
    assert courses[1].refusal is not None
    assert courses[1].refusal.reason == "no such operator"


def test_gaps_and_progress() -> None:
    bench, gaps, told = Bench(), [], list[Progress]()
    run(CELLS, bench, Plan(gap_seconds=2), clock=lambda: bench.now, sleep=gaps.append, told=told.append)
    assert gaps == [2] * 17
    assert (told[0].launches, told[0].expected) == (1, 18)
    assert (told[-1].launches, told[-1].expected) == (18, 18)


@pytest.mark.parametrize(
    ("threads", "waiting", "clock"), [(1, 1.0, Clock.WALL), (1, 1.2, Clock.CPU), (4, 1.2, Clock.WALL)]
)
def test_processor_time_counts_on_a_busy_host(threads: int, waiting: float, clock: Clock) -> None:
    launches = [launch(random.Random(4), waiting=waiting) for _ in range(3)]
    assert primary(launches, threads) is clock
    assert middle(launches, threads).middle == pytest.approx(1e7 * (waiting if clock is Clock.WALL else 1), rel=0.03)


def test_a_few_long_waits_move_medians_of_launches_and_an_accelerator_is_waited_for() -> None:
    chance = random.Random(4)
    calm = launch(chance)
    for waited, clock in ((2, Clock.WALL), (4, Clock.CPU)):
        wall = tuple(value * (6 if at < waited else 1) for at, value in enumerate(calm.cpu_ns))
        assert primary([replace(calm, wall_ns=wall)], 1) is clock, f"{waited} of 30"
    slow = [launch(chance, waiting=9.0)]
    assert [primary(slow, 1, name) for name in ("", "cpu-builtin", "xnnpack")] == [Clock.CPU] * 3
    assert [primary(slow, 1, name) for name in ("gpu", "npu", "nnapi", "coreml", "vulkan", "auto")] == [Clock.WALL] * 6
    told = measurement(tuple(slow * 6), configuration=Configuration(engine="litert", delegate="gpu"))
    assert Doubt.BUSY not in doubts(told, Plan())
    found = summary(told.launches, 1, "gpu")
    assert found is not None
    assert found.clock == "wall"


# --- doubts -------------------------------------------------------------------------------------------------------------


def launches(count: int = 6, growth: float = 0.0, **more: Any) -> tuple[Launch, ...]:
    chance = random.Random(4)
    return tuple(launch(chance, 1e7 * (1 + growth * at), block=at, **more) for at in range(count))


def test_a_good_measurement_raises_no_doubt() -> None:
    assert doubts(measurement(launches(before=state(), after=state())), Plan()) == ()


CASES: list[tuple[Doubt, dict[str, Any], dict[str, Any]]] = [
    (Doubt.EMULATED, {}, {"device": PHONE.__class__(id="adb:1", kind="adb", emulated=True)}),
    (Doubt.BUSY, {"waiting": 1.2}, {}),
    (Doubt.PREEMPTED, {"interrupted": (1,) * 10 + (0,) * 20}, {}),
    (Doubt.DRIFTING, {"settled": False}, {}),
    (Doubt.HOT, {"before": state(celsius={"battery": 36.0})}, {}),
    (Doubt.HOT, {"before": state(thermal_status=3)}, {}),
    (Doubt.CHARGING, {"before": state(charging=True)}, {}),
    (Doubt.LOW_BATTERY, {"before": state(battery=0.1)}, {}),
    (Doubt.CLOCK_MOVED, {"before": state(), "after": state(hz={"4": 1_400_000_000})}, {}),
    (Doubt.FEW_RUNS, {"runs": 10}, {}),
    (Doubt.FEW_LAUNCHES, {"count": 5}, {}),
    (Doubt.BELOW_FLOOR, {}, {"macs": 300_000_000_000}),
    (Doubt.NOT_FINITE, {}, {"output": OutputCheck(finite=False, varies=True, digest="a")}),
    (Doubt.CONSTANT, {}, {"output": OutputCheck(finite=True, varies=False, digest="a")}),
    (Doubt.DIFFERENT, {}, {"output": OutputCheck(finite=True, varies=True, digest="a", reference="x", difference=0.5)}),
    (Doubt.DIFFERENT, {}, {"output": OutputCheck(finite=True, varies=True, digest="a", difference=float("nan"))}),
    (Doubt.UNCHECKED, {}, {"output": None}),
    (
        Doubt.FELL_BACK,
        {"delegated": {"cpu": 3, "gpu": 40}},
        {"configuration": Configuration(engine="litert", delegate="gpu")},
    ),
]


@pytest.mark.parametrize(
    ("doubt", "of_launches", "of_measurement"), CASES, ids=[f"{case[0]}-{at}" for at, case in enumerate(CASES)]
)
def test_each_doubt_has_its_case(doubt: Doubt, of_launches: dict[str, Any], of_measurement: dict[str, Any]) -> None:
    assert doubt in doubts(measurement(launches(**of_launches), **of_measurement), Plan())


def test_getting_slower_is_throttling_only_with_warmth_or_a_slower_clock() -> None:
    growing = launches(10, growth=0.03)
    assert Doubt.DRIFTING in doubts(measurement(growing), Plan())
    chance = random.Random(4)
    warm = tuple(
        launch(
            chance,
            1e7 * (1 + 0.03 * at),
            before=state(celsius={"cpu": 45.0 + at}),
            after=state(celsius={"cpu": 46.0 + at}),
        )
        for at in range(10)
    )
    found = doubts(measurement(warm), Plan())
    assert Doubt.THROTTLED in found
    assert Doubt.DRIFTING not in found
    assert Doubt.WIDE in found


def test_a_trend_is_told_from_chance() -> None:
    chance = random.Random(8)
    alarms = sum(trend([chance.gauss(1, 0.02) for _ in range(10)]) != 0 for _ in range(400))
    assert alarms <= 0.05 * 400 + 9
    found = sum(trend([chance.gauss(1 + 0.01 * at, 0.01) for at in range(10)]) > 0.05 for _ in range(200))
    assert found >= 190
    assert trend([1.0, 9.0, 1.0]) == 0.0


def test_the_floor_grows_with_batch_and_falls_with_threads() -> None:
    one = floor_ns(1_000_000, PHONE, Configuration(engine="x"))
    assert one == pytest.approx(1e9 * 1e6 / (2048 * 2.8e9))
    assert floor_ns(1_000_000, PHONE, Configuration(engine="x", batch=4)) == pytest.approx(4 * one)
    assert floor_ns(1_000_000, PHONE, Configuration(engine="x", threads=4)) == pytest.approx(one / 4)
    assert floor_ns(1_000_000, PHONE, Configuration(engine="x", delegate="gpu")) == pytest.approx(1e9 * 1e6 / 1e14)
    assert GOOD.difference
