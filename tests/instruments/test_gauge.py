"""Every habit of battery gauges that was seen on phones, and what is refused."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from nngauge.domain.energy import EnergyDoubt
from nngauge.errors import MalformedError, UnsupportedError
from nngauge.instruments.gauge import interpret, shifted
from nngauge.instruments.trace import mean_watts
from tests.builders.power import gauged


def course(time: float) -> float:
    """Baseline of 0.6 W, and 2 W for a minute of each two."""
    return 2.0 if 60 <= time % 120 < 120 else 0.6 + 0.05 * math.sin(time / 7)


# Phones of the table in docs/energy.md: refresh, sign and unit as they were found.
PHONES = {
    "Nokia (long)": (1.46, -1, 1e-6),
    "Nokia (round)": (1.47, -1, 1e-6),
    "Pixel 3": (0.35, 1, 1e-6),
    "Galaxy J7, were it fast": (1.0, -1, 1e-3),
}


@pytest.mark.parametrize("phone", PHONES)
@pytest.mark.parametrize("counter", [True, False])
def test_unit_sign_and_refresh_are_told(phone: str, counter: bool) -> None:
    refresh, sign, unit = PHONES[phone]
    found = interpret(gauged(course, 240, refresh=refresh, sign=sign, unit=unit, counter=counter), clock="c")
    assert found.facts.unit == ("mA" if unit == 1e-3 else "uA")
    assert found.facts.sign == sign
    assert found.facts.refresh_seconds == pytest.approx(max(refresh, 0.5), abs=0.5)
    assert mean_watts(found.trace, 65, 115) == pytest.approx(2.0, rel=0.02)
    assert mean_watts(found.trace, 5, 55) == pytest.approx(0.6, rel=0.03)
    assert (EnergyDoubt.UNIT_UNCONFIRMED in found.doubts) is not counter


@pytest.mark.parametrize(("unit", "volts"), [(1e-6, 3.85), (1e-3, 3.85), (1e-3, 7.7), (1e-6, 7.7), (1e-6, 11.4)])
def test_voltages_of_any_unit(unit: float, volts: float) -> None:
    found = interpret(gauged(course, 240, volts=volts, volt_unit=unit), clock="c")
    assert found.trace.volts[0] == pytest.approx(volts, rel=1e-3)


def test_a_gauge_of_ten_seconds_is_told_as_one() -> None:
    found = interpret(gauged(course, 600, refresh=10.0), clock="c")
    assert found.facts.refresh_seconds == pytest.approx(10, abs=0.6)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "2", "5"])
def test_charging_at_any_time(status: str) -> None:
    samples = gauged(course, 240)
    samples[200] = replace(samples[200], status=status)
    with pytest.raises(UnsupportedError, match="power came from outside"):
        interpret(samples, clock="c")


def test_silence_about_charging_is_a_doubt() -> None:
    assert EnergyDoubt.SIGN_UNKNOWN in interpret(gauged(course, 240, status=""), clock="c").doubts
    assert EnergyDoubt.SIGN_UNKNOWN not in interpret(gauged(course, 240, status="3"), clock="c").doubts


def test_both_signs() -> None:
    samples = [
        replace(sample, current=-sample.current) if at % 3 == 0 else sample
        for at, sample in enumerate(gauged(course, 240))
    ]
    with pytest.raises(UnsupportedError, match="are positive, the others negative"):
        interpret(samples, clock="c")


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, "always says 0"), (-155, "always says -155"), (-(2**31), "end of its range"), (32767, "end of its range")],
)
def test_constant(value: int, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        interpret([replace(sample, current=value) for sample in gauged(course, 120)], clock="c")


def test_saturated_in_between() -> None:
    samples = gauged(course, 240, unit=1e-3)
    samples[50] = replace(samples[50], current=-32768)
    with pytest.raises(UnsupportedError, match="end of its range"):
        interpret(samples, clock="c")


def test_stuck() -> None:
    samples = gauged(course, 240)
    samples[100:300] = [replace(sample, current=samples[100].current) for sample in samples[100:300]]
    with pytest.raises(UnsupportedError, match="stuck for 100 s"):
        interpret(samples, clock="c")


def test_hardly_any_values() -> None:
    with pytest.raises(UnsupportedError, match=r"gave . values in"):
        interpret(gauged(course, 90, refresh=30.0), clock="c")


def test_swapped_columns() -> None:
    samples = [
        replace(sample, current=sample.voltage + at % 7, voltage=abs(sample.current) // 1000)
        for at, sample in enumerate(gauged(course, 240))
    ]
    with pytest.raises(UnsupportedError, match="no battery's") as raised:
        interpret(samples, clock="c")
    assert "swapped" in raised.value.hint


def test_swapped_recordings() -> None:
    """Two recordings of a public set have each other's sign and refresh."""
    pixel = interpret(gauged(course, 240, refresh=0.35, sign=1), clock="c").facts
    nokia = interpret(gauged(course, 240, refresh=1.47, sign=-1), clock="c").facts
    with pytest.raises(UnsupportedError, match="not the gauge that was seen before"):
        interpret(gauged(course, 240, refresh=1.47, sign=-1), clock="c", known=pixel)
    with pytest.raises(UnsupportedError, match="not the gauge that was seen before"):
        interpret(gauged(course, 240, refresh=0.35, sign=1), clock="c", known=nokia)
    interpret(gauged(course, 240, refresh=0.35, sign=1, seed=2), clock="c", known=pixel)


def test_an_unclear_unit_is_refused_unless_the_counter_tells() -> None:
    """12,000 may be 12 A of a power bank's gauge or 12 mA of a watch."""

    def little(time: float) -> float:
        return 0.046 + 0.002 * math.sin(time)

    with pytest.raises(UnsupportedError, match="may be mA or µA"):
        interpret(gauged(little, 1200, counter=False), clock="c")
    found = interpret(gauged(little, 6000), clock="c")
    assert found.facts.unit == "uA"
    assert found.counter_ratio == pytest.approx(1, abs=0.05)


def test_unit_and_counter_contradict() -> None:
    samples = gauged(course, 240)
    wrong = [
        replace(sample, counter=sample.counter and 3_000_000 - (3_000_000 - sample.counter) // 100)
        for sample in samples
    ]
    with pytest.raises(UnsupportedError, match="fit no unit together"):
        interpret(wrong, clock="c")


def test_the_counter_disagrees() -> None:
    found = interpret(gauged(course, 240, counter_factor=1.5), clock="c")
    assert found.counter_ratio == pytest.approx(1.5, rel=0.05)
    assert EnergyDoubt.COUNTER_DISAGREES in found.doubts
    assert EnergyDoubt.COUNTER_DISAGREES not in interpret(gauged(course, 240, counter_factor=1.1), clock="c").doubts


def test_a_coarse_counter_tells_nothing() -> None:
    """Steps of 10 mAh: two in a few minutes."""
    samples = [replace(sample, counter=round(sample.counter or 0, -4)) for sample in gauged(course, 240)]
    assert interpret(samples, clock="c").counter_ratio is None


def test_order_and_emptiness() -> None:
    samples = gauged(course, 240)
    with pytest.raises(MalformedError, match="not in order"):
        interpret([*samples[:10], samples[5], *samples[10:]], clock="c")
    with pytest.raises(UnsupportedError, match="no values"):
        interpret([], clock="c")


def test_resolution_is_the_smallest_step() -> None:
    found = interpret(gauged(course, 240, unit=1e-3), clock="c")
    assert found.facts.resolution_watts == pytest.approx(3.85e-3, rel=0.01)


def test_shifted() -> None:
    assert shifted(gauged(course, 10), 5.0)[0].seconds == 5.0
