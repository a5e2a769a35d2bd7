"""Energy of courses whose integral is known, and recordings that are refused."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import LimitError, MalformedError, UsageError
from nngauge.instruments import trace as traces
from nngauge.instruments.trace import Trace, checked, energy, mean_watts, moved, thinned, together
from tests.builders.power import sampled

PROFILES = Path(__file__).parents[3] / "shared" / "power" / "pixel_power_profiles.csv"


@pytest.mark.parametrize(
    ("watts", "joules"),
    [
        (lambda _t: 1.5, 90.0),
        (lambda t: 0.5 + t / 60, 60.0),
        (lambda t: 2 + math.sin(2 * math.pi * t / 3), 120.0),
        (lambda t: math.exp(-t / 20), 20 * (1 - math.exp(-3))),
        (lambda t: 3.0 if 20 <= t < 40 else 1.0, 100.0),
    ],
)
@pytest.mark.parametrize("step", [0.0002, 0.01, 0.05])
def test_known_energies_within_a_thousandth(watts, joules, step) -> None:
    trace = checked(sampled(watts, 61, step))
    assert energy(trace, 0.0, 60.0) == pytest.approx(joules, rel=1e-3)


def test_uneven_steps_and_ends_between_samples() -> None:
    chance = random.Random(3)
    times = [0.0]
    while times[-1] < 30:
        times.append(times[-1] + chance.uniform(0.001, 0.02))
    trace = checked(Trace(rail="r", clock="c", seconds=tuple(times), watts=tuple(2 + 0.1 * t for t in times)))
    assert energy(trace, 1.23456, 21.98765) == pytest.approx(
        2 * (21.98765 - 1.23456) + 0.05 * (21.98765**2 - 1.23456**2), rel=1e-9
    )


def test_within_one_step() -> None:
    trace = sampled(lambda t: t, 10, 1.0)
    assert energy(trace, 3.25, 3.75) == pytest.approx(1.75)


def test_volts_times_amperes() -> None:
    times = tuple(at * 0.01 for at in range(1001))
    trace = checked(
        Trace(rail="r", clock="c", seconds=times, volts=tuple(4 - 0.01 * t for t in times), amps=(0.5,) * 1001)
    )
    assert energy(trace, 0, 10) == pytest.approx(0.5 * (40 - 0.5), rel=1e-6)
    assert mean_watts(trace, 0, 10) == pytest.approx(1.975, rel=1e-6)


def test_counters_are_subtracted() -> None:
    times = tuple(float(at) for at in range(11))
    trace = checked(Trace(rail="r", clock="c", seconds=times, joules=tuple(3 * t for t in times)))
    assert energy(trace, 2.5, 7.25) == pytest.approx(14.25)
    assert trace.power == pytest.approx((3.0,) * 11)


@pytest.mark.parametrize(
    ("seconds", "watts", "message"),
    [
        ((0, 1, 1, 2), (1, 1, 1, 1), "two samples at 1 s"),
        ((0, 2, 1, 3), (1, 1, 1, 1), "not in order"),
        ((0,), (1,), "fewer than two"),
        ((0, 1), (1, 2, 3), "3 values at 2 times"),
        ((0, 1), (1, math.nan), "not finite"),
        ((0, math.inf), (1, 1), "not finite"),
        ((0, 1), (1500, 9000), "9000 W"),
        ((0, 1), (), "power is to be told"),
    ],
)
def test_refused(seconds, watts, message) -> None:
    with pytest.raises(MalformedError, match=message):
        checked(Trace(rail="r", clock="c", seconds=seconds, watts=watts))


def test_wrong_units_are_no_power() -> None:
    with pytest.raises(MalformedError, match="3850 V"):
        checked(Trace(rail="r", clock="c", seconds=(0, 1), volts=(3850.0, 3850.0), amps=(0.1, 0.1)))
    with pytest.raises(MalformedError, match="450 A"):
        checked(Trace(rail="r", clock="c", seconds=(0, 1), volts=(3.8, 3.8), amps=(450.0, 450.0)))


def test_a_counter_that_falls_was_reset() -> None:
    with pytest.raises(MalformedError, match="reset"):
        checked(Trace(rail="r", clock="c", seconds=(0, 1, 2), joules=(5.0, 6.0, 1.0)))


def test_power_is_told_once() -> None:
    with pytest.raises(MalformedError, match="power is to be told"):
        checked(Trace(rail="r", clock="c", seconds=(0, 1), watts=(1, 1), joules=(0, 1)))
    with pytest.raises(MalformedError, match="power is to be told"):
        checked(Trace(rail="r", clock="c", seconds=(0, 1), volts=(1, 1)))


def test_too_many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_POWER_SAMPLES", 10)
    with pytest.raises(LimitError):
        checked(sampled(lambda _t: 1.0, 1, 0.1))


def test_gaps_are_not_bridged() -> None:
    times = (*(at * 0.1 for at in range(50)), *(10 + at * 0.1 for at in range(50)))
    trace = checked(Trace(rail="r", clock="c", seconds=times, watts=(1.0,) * 100))
    assert energy(trace, 0.05, 4.85) == pytest.approx(4.8)
    with pytest.raises(MalformedError, match=r"no sample for 5\.1"):
        energy(trace, 0, 12)
    assert energy(trace, 0, 12, gap=6) == pytest.approx(12)


def test_outside_of_the_recording() -> None:
    trace = sampled(lambda _t: 1.0, 10, 0.1)
    with pytest.raises(MalformedError, match="recorded from"):
        energy(trace, 5, 11)
    with pytest.raises(UsageError):
        energy(trace, 5, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 2), st.floats(0, 10)), min_size=4, max_size=40),
    st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99),
)  # fmt: skip
def test_energy_is_additive(steps, a, b, c) -> None:
    times, total = [], 0.0
    for step, _ in steps:
        total += step
        times.append(total)
    trace = checked(Trace(rail="r", clock="c", seconds=tuple(times), watts=tuple(watts for _, watts in steps)))
    low, middle, high = (times[0] + share * (times[-1] - times[0]) for share in sorted((a, b, c)))
    if low < middle < high:
        parts = energy(trace, low, middle, gap=9) + energy(trace, middle, high, gap=9)
        assert energy(trace, low, high, gap=9) == pytest.approx(parts, rel=1e-9, abs=1e-9)


def test_thinned_keeps_the_energy() -> None:
    trace = sampled(lambda t: 2 + math.sin(2 * math.pi * t), 21, 0.0002)
    thin = thinned(trace, 50)
    assert len(thin.seconds) == len(trace.seconds) // 50
    assert energy(thin, 0.5, 20.5) == pytest.approx(40.0, rel=1e-3)


def test_moved_and_added() -> None:
    one = Trace(rail="a", clock="c", seconds=(0.0, 1.0, 2.0, 3.0), joules=(0.0, 1.0, 2.0, 3.0))
    other = Trace(rail="b", clock="c", seconds=(0.5, 1.5, 2.5, 3.5), joules=(0.0, 2.0, 4.0, 6.0))
    both = together([one, other], "sum")
    assert both.seconds == (1.0, 2.0, 3.0)
    assert energy(both, 1, 3) == pytest.approx(6.0)
    assert moved(one, 10, clock="session").seconds == (10, 11, 12, 13)
    with pytest.raises(UsageError):
        together([one, moved(other, 1, clock="other")], "sum")
    with pytest.raises(MalformedError, match="same time"):
        together([one, moved(other, 100, clock="c")], "sum")


def test_measured_power_profiles_integrate() -> None:
    """A ramp through the measured states of a real processor has the energy of its states."""
    if not PROFILES.exists():
        pytest.skip("shared power profiles are not here")
    with PROFILES.open(newline="") as file:
        rows = [
            float(row["power_ma"])
            for row in csv.DictReader(file)
            if row["device_codename"] == "barbet" and row["cluster"] == "0"
        ]
    states = [value * 1e-3 * 3.85 for value in rows][:10]
    trace = checked(sampled(lambda t: states[min(int(t // 5), len(states) - 1)], 5 * len(states) - 0.001, 0.001))
    assert energy(trace, 0, trace.end) == pytest.approx(5 * sum(states), rel=1e-3)
