"""Modelled energy: the arithmetic of power curves, and that it never looks like a measured number."""

from __future__ import annotations

import pytest

from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate import energy as model
from nngauge.estimate.energy import SCALED, SEVERAL, SINGLE, Curve, Power, busy_cores, curves, energy, power_of
from nngauge.estimate.verdict import Verdict, verdict, verdicts
from nngauge.knowledge import phones


def latency(device: str, milliseconds: float = 10.0, unit: Unit = Unit.BIG, threads: int = 1) -> Estimate:
    return Estimate(
        quantity=Quantity.LATENCY, setting=Setting(device=device, unit=unit, threads=threads), value=milliseconds,
        low=milliseconds / 1.2, high=milliseconds * 1.2, baseline=2 * milliseconds,
        ground=Ground(profile="p", method="m", source="s", models=3, error=0.1, coverage=0.9),
    )  # fmt: skip


def told(device: str, milliseconds: float = 10.0, unit: Unit = Unit.BIG, threads: int = 1) -> Estimate:
    found = energy(latency(device, milliseconds, unit, threads))
    assert isinstance(found, Estimate), found
    return found


def power(device: str, unit: Unit = Unit.BIG, threads: int = 1) -> Power:
    found = power_of(Setting(device=device, unit=unit, threads=threads))
    assert isinstance(found, Power), found
    return found


def test_energy_is_time_times_power_with_a_factor_of_two_and_more() -> None:
    found, cores = told("pixel-4"), power("pixel-4")
    assert found.quantity is Quantity.ENERGY
    assert found.value == pytest.approx(10 * cores.milliwatts / 1000)
    assert found.high == pytest.approx(12 * cores.milliwatts / 1000 * cores.factor)
    assert found.low == pytest.approx(10 / 1.2 * cores.milliwatts / 1000 / cores.factor)
    assert found.baseline == pytest.approx(2 * found.value)
    assert found.ground.coverage is None  # that of the time says nothing of the power


@pytest.mark.parametrize("device", ["pixel-4", "galaxy-a03s", "galaxy-s25", "mi-8-se"])
def test_it_is_always_doubted_and_never_narrow(device: str) -> None:
    found = told(device)
    assert EstimateDoubt.NOT_VALIDATED in found.doubts
    assert found.high / found.value >= 2
    assert found.value / found.low >= 2


def test_the_research_note_s_example() -> None:
    """devices.md, section 3: Pixel 4, MobileNetV2, one big core, 28.5 ms: 24.6 mJ by the phone's own power profile alone."""
    found = told("pixel-4", 28.5)
    assert found.low < 24.6 < found.high
    assert found.value == pytest.approx(27.6, abs=0.5)  # geometric mean with the measured curve of the same chip


def test_more_cores_take_more_and_little_ones_less() -> None:
    one, four, little = (told("pixel-4", threads=1), told("pixel-4", threads=4), told("pixel-4", unit=Unit.LITTLE))
    assert one.value < four.value < 4 * one.value
    assert little.value < one.value / 4
    assert "3 × cortex-a76 at 2.42 GHz" in four.ground.profile


def test_a_chip_without_a_curve_is_scaled_from_the_same_core_and_says_so() -> None:
    found = power("galaxy-a03s")
    assert (found.scaled, found.factor) == (True, SCALED)
    assert EstimateDoubt.OTHER_DEVICE in told("galaxy-a03s").doubts
    assert power("pixel-4").factor == SEVERAL
    assert power("mi-8-se").factor == SINGLE
    assert SEVERAL < SINGLE < SCALED


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (Setting(device="nonsense", unit=Unit.BIG), Reason.NO_DEVICE),
        (Setting(device="iphone-7", unit=Unit.BIG), Reason.NO_POWER),
        (Setting(device="galaxy-s10", unit=Unit.BIG), Reason.NO_POWER),
        (Setting(device="pixel-4", unit=Unit.GPU), Reason.NO_POWER),
        (Setting(device="pixel-4", unit=Unit.NPU), Reason.NO_POWER),
        (Setting(device="pixel-4", unit=Unit.BIG, threads=9), Reason.NO_POWER),
        (Setting(device="galaxy-a03s", unit=Unit.MIDDLE), Reason.NO_POWER),
    ],
)  # fmt: skip
def test_what_has_no_ground_is_not_told(setting: Setting, reason: Reason) -> None:
    found = power_of(setting)
    assert isinstance(found, NoEstimate)
    assert (found.reason, found.quantity) == (reason, Quantity.ENERGY)
    assert found.explanation
    assert "nngauge measure" in found.hint


def test_graphics_of_chips_with_a_curve() -> None:
    assert power("pixel-6", Unit.GPU).milliwatts == pytest.approx(358.19, rel=1e-3)
    assert told("pixel-6", unit=Unit.GPU).value == pytest.approx(3.58, abs=0.01)


def test_curves_are_whole() -> None:
    assert len(curves()) > 100
    for curve in curves():
        assert curve.soc in phones.socs(), curve.soc
        clocks = [mhz for mhz, _ in curve.points]
        assert clocks == sorted(clocks)
        assert all(100 <= mhz <= 5000 or curve.cluster < 0 for mhz in clocks), curve
        assert all(1 < milliwatts < 10_000 for _, milliwatts in curve.points), curve
    assert {curve.source for curve in curves()} == {"wattson", "pixel", "freqbench"}
    assert {"wattson", "freqbench"} <= set(phones.sources())


def test_a_curve_is_read_between_its_points_and_not_far_beyond() -> None:
    curve = Curve(source="x", soc="y", cluster=0, core="", points=((1000.0, 100.0), (2000.0, 400.0)))
    assert curve.at(1000) == 100
    assert curve.at(2000) == 400
    assert curve.at(1000 * 2**0.5) == pytest.approx(200)
    assert curve.at(2100) == 400
    assert curve.at(900) is None
    assert curve.at(2300) is None


def test_a_known_trap_two_profiles_hold_the_sum_of_six_cores() -> None:
    """redfin's and barbet's small cores are six times bramble's: 176.19 mA where one core takes 29.365."""
    curve = next(one for one in curves() if (one.source, one.soc, one.cluster) == ("pixel", "sm7250", 2))
    assert curve.points[-1][1] == pytest.approx(29.365 * 3.85, rel=1e-3)


def test_cores_are_filled_from_the_fastest() -> None:
    soc = phones.socs()["sm8150"]
    assert busy_cores(soc, Unit.BIG, 4) == [(0, 1), (1, 3)]
    assert busy_cores(soc, Unit.MIDDLE, 2) == [(1, 2)]
    assert busy_cores(soc, Unit.LITTLE, 4) == [(2, 4)]
    assert busy_cores(soc, Unit.LITTLE, 5) == ()
    assert busy_cores(soc, Unit.BIG, 8) == [(0, 1), (1, 3), (2, 4)]


def test_modelled_energy_is_another_type_than_measured() -> None:
    from nngauge.domain.energy import Energy

    assert not isinstance(told("pixel-4"), Energy)
    assert "nngauge.domain.energy" not in [getattr(thing, "__module__", "") for thing in vars(model).values()]


@pytest.mark.parametrize(
    ("milliseconds", "kind"),
    [
        (0, Verdict.INSTANT),
        (100, Verdict.INSTANT),
        (100.1, Verdict.FLOW),
        (1000, Verdict.FLOW),
        (9999, Verdict.ATTENTION),
        (10_001, Verdict.SLOW),
    ],
)
def test_what_a_wait_means(milliseconds: float, kind: Verdict) -> None:
    assert verdict(milliseconds) is kind


def test_an_interval_may_span_two_verdicts() -> None:
    assert verdicts(latency("pixel-4", 10)) == (Verdict.INSTANT,)
    assert verdicts(latency("pixel-4", 95)) == (Verdict.INSTANT, Verdict.FLOW)
