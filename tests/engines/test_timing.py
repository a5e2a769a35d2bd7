from __future__ import annotations

import random
from statistics import median
from types import SimpleNamespace

import pytest

from nngauge.engines import Request, timing


class Clock:
    """A processor whose clocks cost time to read, as real ones do."""

    def __init__(self, wall: int = 60, cpu: int = 450, call: int = 30) -> None:
        self.now = 10**12
        self._wall, self._cpu, self._call = wall, cpu, call

    def perf_counter_ns(self) -> int:
        self.now += self._wall
        return self.now

    def perf_counter(self) -> float:
        return self.perf_counter_ns() / 1e9

    def process_time_ns(self) -> int:
        self.now += self._cpu
        return self.now

    def work(self, nanoseconds: float) -> None:
        self.now += round(nanoseconds) + self._call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    fake = SimpleNamespace(
        perf_counter_ns=made.perf_counter_ns, perf_counter=made.perf_counter, process_time_ns=made.process_time_ns
    )
    monkeypatch.setattr(timing, "time", fake)
    return made


def request(**options: float) -> Request:
    return Request(files=("m",), format="tflite", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("inference", [5_000, 19_000, 99_000, 250_000, 1_000_000, 40_000_000])
def test_what_reading_the_clocks_costs_is_less_than_a_hundredth(clock: Clock, inference: int) -> None:
    run = lambda: clock.work(inference)  # noqa: E731
    warm, _ = timing.warm_up(run, request())
    times = timing.take(run, request(), median(warm[len(warm) // 2 :]))
    assert median(times.wall) == pytest.approx(inference, rel=0.011)
    assert median(times.cpu) == pytest.approx(inference, rel=0.011)


def test_one_short_inference_between_two_readings_would_be_wrong_by_more(clock: Clock) -> None:
    wall, cpu = timing.timed(lambda: clock.work(3_000))
    assert cpu > 3_000 * 1.1
    assert wall > 3_000 * 1.02


@pytest.mark.parametrize("inference", [500, 19_000, 999_000, 1_001_000])
def test_samples_are_bounded_and_last_long_enough(clock: Clock, inference: int) -> None:
    times = timing.take(lambda: clock.work(inference), request(), inference)
    assert 300 < len(times.wall) <= timing.MOST_SAMPLES
    assert times.per_sample * inference >= 999_000
    assert len(times.wall) == len(times.cpu) == len(times.interrupted)


def test_an_inference_that_is_long_enough_is_timed_alone() -> None:
    assert timing.inferences_per_sample(1_000_000, request()) == 1
    assert timing.inferences_per_sample(999_999, request()) == 2
    assert timing.inferences_per_sample(2_000_000, request(least_seconds=20.0)) == 3
    assert timing.inferences_per_sample(0.0, request()) == 1_000_000


def test_a_model_that_becomes_faster_stays_below_the_bound(clock: Clock) -> None:
    times = timing.take(lambda: clock.work(1_000), request(), 100_000.0)  # warm-up believed a hundred times as much
    assert len(times.wall) <= timing.MOST_SAMPLES


def test_samples_that_are_too_many_before_the_time_is_over_become_fewer_and_longer(clock: Clock) -> None:
    """A loop for joules is planned by one cold inference, and lasts as long as it was asked to."""
    durations = iter([2_000_000, 4_000_000] * 4_000)
    times = timing.take(lambda: clock.work(next(durations)), request(least_runs=1, least_seconds=20.0), 100_000_000.0)
    assert times.per_sample == 2
    assert times.per_sample * sum(times.wall) >= 19.9e9
    assert set(times.wall[:2_500]) == {3_000_090}
    assert set(times.cpu[:2_500]) == {3_000_600}
    assert len(times.wall) == len(times.cpu) == len(times.interrupted) <= timing.MOST_SAMPLES


def test_more_runs_than_the_bound_can_be_asked_for(clock: Clock) -> None:
    times = timing.take(lambda: clock.work(1_200_000), request(least_runs=6_000, least_seconds=0.1), 1_200_000)
    assert len(times.wall) == 6_000


def test_time_ends_it_whatever_else_is_asked_for(clock: Clock) -> None:
    times = timing.take(lambda: clock.work(3e9), request(most_seconds=10.0), 3e9)
    assert len(times.wall) == 4


def test_both_time_and_number_are_reached(clock: Clock) -> None:
    long = timing.take(lambda: clock.work(500_000_000), request(), 5e8)
    assert len(long.wall) == 30
    short = timing.take(lambda: clock.work(1_000_000), request(), 1e6)
    assert sum(short.wall) >= 0.99e9


def test_warm_up_goes_on_while_runs_become_faster(clock: Clock) -> None:
    durations = iter([int(2_000_000 * (1 + 3 * 0.99**run)) for run in range(2_000)])
    warm, settled = timing.warm_up(lambda: clock.work(next(durations)), request())
    assert settled
    assert len(warm) > 300
    assert median(warm[-20:]) == pytest.approx(2_000_000, rel=0.1)


def test_warm_up_that_never_settles_says_so_when_its_time_is_over(clock: Clock) -> None:
    state = {"run": 0}

    def slower() -> None:
        state["run"] += 1
        clock.work(1_000_000 * state["run"])

    warm, settled = timing.warm_up(slower, request(warmup_most=5.0))
    assert not settled
    assert 5.0 <= sum(warm) / 1e9 < 5.5


def test_warm_up_of_a_short_inference_keeps_a_bounded_list(clock: Clock) -> None:
    chance = random.Random(1)
    warm, settled = timing.warm_up(lambda: clock.work(2_000 * chance.uniform(0.9, 1.1)), request(warmup_seconds=1.0))
    assert settled
    assert timing.MOST_SAMPLES // 2 <= len(warm) <= timing.MOST_SAMPLES


def test_noise_without_a_trend_is_settled() -> None:
    chance = random.Random(2)
    assert timing.settled([round(chance.gauss(1e6, 1e5)) for _ in range(4_000)], 0.03)
    assert not timing.settled([10**6 + 10**3 * run for run in range(400)], 0.03)
    assert not timing.settled([1, 1, 1, 1], 0.03)


def test_the_cost_of_the_loop_is_what_an_empty_inference_shows(clock: Clock) -> None:
    assert timing.sample_cost() == 2 * 60 + 450


def test_memory_of_this_process_is_told() -> None:
    held = bytearray(32 << 20)
    assert timing.peak() >= timing.resident() > len(held)


def test_interruptions_are_counted_when_the_thread_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, cpu = iter(range(0, 10**9, 10**6)), iter([0, 10**6, 0, 10**6 - 19_000, 0, 900_000, 0, 10**6])
    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: next(wall))
    monkeypatch.setattr(timing.time, "process_time_ns", lambda: next(cpu))
    counts = iter([5, 7, 8])
    monkeypatch.setattr(timing.resource, "getrusage", lambda _: SimpleNamespace(ru_nivcsw=next(counts)))
    times = timing.take(lambda: None, request(least_runs=4, least_seconds=0.0), 10**6)
    assert times.interrupted == [0, 0, 2, 0]
