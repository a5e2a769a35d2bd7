"""Offsets of clocks by asking and by bursts, with known answers."""

from __future__ import annotations

import random

import pytest

from nngauge.errors import MalformedError, UnsupportedError, UsageError
from nngauge.instruments.alignment import by_pulses, clock_offset, mark, ping_pong
from tests.builders.power import FakeClock, FakeDevice, sampled


def marks(start: float) -> tuple[tuple[float, float], ...]:
    """When bursts are that begin at `start`, on a clock that nothing disturbs."""
    clock = FakeClock()
    clock.time = 0.0
    return tuple(
        (start + begin - clock.slept[0], start + end - clock.slept[0]) for begin, end in mark(clock.sleep, clock)
    )


MARKS = marks(10.0)


def test_the_fastest_answer_counts() -> None:
    found = ping_pong([(0.0, 100.5, 1.0), (2.0, 102.01, 2.02), (3.0, 103.9, 4.0)])
    assert found.seconds == pytest.approx(-100.0)
    assert found.uncertain == pytest.approx(0.01)


def test_the_truth_lies_within_the_uncertainty() -> None:
    chance = random.Random(2)
    for _ in range(200):
        rounds = []
        for at in range(16):
            out, back = chance.expovariate(100), chance.expovariate(100)
            rounds.append((float(at), at + out + 1234.5, at + out + back))
        found = ping_pong(rounds)
        assert abs(found.seconds + 1234.5) <= found.uncertain + 1e-9


def test_no_answers_and_answers_before_questions() -> None:
    with pytest.raises(UsageError):
        ping_pong([])
    with pytest.raises(MalformedError):
        ping_pong([(2.0, 5.0, 1.0)])


def test_of_a_device() -> None:
    clock = FakeClock(tick=0.004)
    device = FakeDevice({"/proc/uptime": f"{int((clock.time + 400) * 100) / 100:.2f} 1.00\n".encode})
    found = clock_offset(device, clock)
    assert abs(found.seconds + 400) <= found.uncertain + 1e-9
    assert found.uncertain < 0.02
    with pytest.raises(UnsupportedError, match="time since boot"):
        clock_offset(FakeDevice(), clock)


def burst(offset: float, noise: float = 0.0, height: float = 1.5, seed: int = 1):
    chance = random.Random(seed)
    marks = [(start + offset, end + offset) for start, end in MARKS]
    return lambda t: 0.6 + height * any(start <= t < end for start, end in marks) + chance.gauss(0, noise)


@pytest.mark.parametrize("offset", [-6.3, 0.0, 12.3456, 40.0])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_bursts_are_found(offset: float, noise: float) -> None:
    trace = sampled(burst(offset, noise), 90, 0.01, clock="meter")
    found = by_pulses(trace, MARKS)
    assert found.seconds == pytest.approx(-offset, abs=0.02)
    assert abs(found.seconds + offset) <= found.uncertain


def test_bursts_on_a_slow_meter() -> None:
    found = by_pulses(sampled(burst(20.0), 90, 0.2, clock="meter"), MARKS)
    assert found.seconds == pytest.approx(-20, abs=0.3)


@pytest.mark.parametrize(
    ("watts", "reason"),
    [
        (lambda _t: 0.6, "no bursts"),
        (burst(500.0), "no bursts"),
        (burst(12.0, 0.6, 0.5), "bursts"),
        (lambda t: max(burst(5.0)(t), burst(45.0)(t)), "more than one place"),
        (lambda t: 0.6 + 1.5 * (t % 2 < 1), "bursts"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused(watts, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        by_pulses(sampled(watts, 90, 0.02, clock="meter"), MARKS)


def test_marks_need_pauses() -> None:
    trace = sampled(burst(0.0), 90, 0.1)
    for marks in ([(1.0, 2.0)], [(1.0, 2.0), (1.5, 3.0)], [(2.0, 1.0), (3.0, 4.0)]):
        with pytest.raises(UsageError):
            by_pulses(trace, marks)
