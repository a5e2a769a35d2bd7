"""Scenarios with modelled numbers: the arithmetic of measured ones, types of their own."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, Ground, NoEstimate, Quantity, Setting, Unit
from nngauge.estimate.scenario import Modelled, modelled
from nngauge.knowledge.scenarios import read_battery, read_preset
from nngauge.knowledge.scenarios.daily import at_fps

CAMERA, CALL = read_preset("camera"), read_preset("video-call")


def latency(device: str = "pixel-4", milliseconds: float = 28.5, factor: float = 1.1) -> Estimate:
    return Estimate(
        quantity=Quantity.LATENCY, setting=Setting(device=device, unit=Unit.BIG), value=milliseconds, low=milliseconds / factor,
        high=milliseconds * factor, ground=Ground(profile="p", method="m", source="s", models=1, error=0.1),
    )  # fmt: skip


def run(told: Estimate, fps: float = 30) -> Modelled:
    return modelled(told, at_fps(CAMERA, fps), read_battery())


def test_the_research_note_s_example() -> None:
    """devices.md, section 4: 28.5 ms at 30 a second keep one big core of a Pixel 4 busy for 86 %, 6.8 % of its battery an hour."""
    found = run(latency())
    assert found.feasible.duty == pytest.approx(0.855, abs=0.01)
    assert found.spent is not None
    assert found.spent.share is not None
    assert found.spent.share.low < 0.068 < found.spent.share.high
    assert found.battery_mah == 2800


def test_thirty_frames_take_thirty_times_one() -> None:
    many, one = run(latency(milliseconds=5)), run(latency(milliseconds=5), fps=1)
    assert many.spent is not None
    assert one.spent is not None
    assert many.spent.joules.middle / one.spent.joules.middle == pytest.approx(30, rel=1e-6)


def test_intervals_are_at_least_twofold() -> None:
    found = run(latency())
    assert found.spent is not None
    assert found.spent.joules.high / found.spent.joules.middle > 1.9


def test_frames_are_dropped_where_the_slow_end_is_too_slow() -> None:
    assert run(latency(milliseconds=20)).feasible.dropped == 0
    slow = run(latency(milliseconds=66))
    assert slow.feasible.dropped > 0.5
    assert slow.feasible.duty == pytest.approx(1.98, abs=0.02)


def test_without_a_power_curve_there_is_time_and_no_energy() -> None:
    found = run(latency("iphone-7"))
    assert isinstance(found.energy, NoEstimate)
    assert found.spent is None
    assert found.feasible.duty > 0
    assert any("no power curve" in note for note in found.notes)


def test_every_number_says_that_it_is_modelled() -> None:
    found = modelled(latency(), CALL, read_battery())
    assert any("modelled" in note for note in found.notes)
    assert found.schema == "nngauge.modelled-scenario/1"
    assert found.work.pace == 15


def test_a_chat_is_not_told_from_one_inference() -> None:
    found = modelled(latency(), read_preset("chat"), read_battery())
    assert found.spent is None
    assert any("chat" in note for note in found.notes)


def test_a_phone_without_known_battery_has_no_share() -> None:
    found = run(replace(latency(), setting=Setting(device="sm8150", unit=Unit.BIG)))
    assert found.spent is not None
    assert found.spent.share is None
    assert any("capacity" in note for note in found.notes)
