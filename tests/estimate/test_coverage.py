"""Which part of the phones runs a model: nothing is dropped, intervals are kept, the plan adds up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from nngauge.domain.cost import PeakMemory
from nngauge.domain.coverage import Answer, Budget, Coverage, Stage, Way
from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate.coverage import Smaller, coverage
from nngauge.estimate.scaling import cores, scaled, speed_of
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Share, Shares, Tier
from tests.estimate.costs import mobile

GROUND = Ground(profile="p", method="m", source="s", models=3, error=0.1)


def answering(milliseconds: float, factor: float = 1.25) -> Callable[[Setting], Estimate | NoEstimate]:
    """The same time on every phone that has a profile; int8 is twice as fast; no accelerators."""

    def ask(setting: Setting) -> Estimate | NoEstimate:
        if setting.unit is not Unit.BIG:
            return NoEstimate(quantity=Quantity.LATENCY, setting=setting, reason=Reason.NO_UNIT, explanation="")
        value = milliseconds / (2 if setting.precision == "int8" else 1)
        return Estimate(
            quantity=Quantity.LATENCY,
            setting=setting,
            value=value,
            low=value / factor,
            high=value * factor,
            ground=GROUND,
        )

    return ask


def shares(*rows: tuple[str, int, str, float]) -> Shares:
    return Shares(
        rows=tuple(Share(platform=a, year=b, tier=Tier(c), share=d) for a, b, c, d in rows), title="ours", assumed=False
    )


def run(milliseconds: float, table: Shares | None = None, **more: object) -> Coverage:
    table = phones.read_shares() if table is None else table
    return coverage(mobile(), table, ask=answering(milliseconds), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("milliseconds", [0.01, 20, 80, 400, 5000, 1e6])
def test_parts_are_ordered_and_unknown_phones_are_never_dropped(milliseconds: float) -> None:
    found = run(milliseconds)
    for part in (found.all, found.recent):
        assert 0 <= part.low <= part.likely <= part.high
        assert part.high + part.unknown <= 1 + 1e-6
        assert part.unknown > 0.05  # chips whose cores nobody told, and rows without a known phone
    assert sum(step.share for step in found.plan) == pytest.approx(1, abs=1e-4)
    assert sum(cell.share for cell in found.cells) == pytest.approx(1, abs=1e-4)


def test_a_fast_model_runs_on_all_that_is_known_and_a_slow_one_on_none() -> None:
    fast, slow = run(0.01), run(1e6)
    assert fast.all.low == pytest.approx(1 - fast.all.unknown, abs=1e-4)
    assert slow.all.high == 0
    assert fast.reached is None  # what is not known decides
    assert slow.reached is False


def test_more_time_covers_more() -> None:
    parts = [run(50, budget=Budget(milliseconds=limit)).all for limit in (10, 50, 100, 500)]
    assert [part.likely for part in parts] == sorted(part.likely for part in parts)
    assert parts[0].likely < parts[-1].likely


def test_the_goal_is_reached_where_even_the_slow_ends_are_fast_enough() -> None:
    table = shares(("android", 2019, "high", 1.0))
    assert run(0.01, table).reached in (True, None)
    one = shares(("android", 2022, "mid", 0.97), ("android", 2021, "high", 0.03))
    assert run(0.01, one).recent.low > 0.9


def test_rows_without_a_known_phone_are_unknown() -> None:
    found = run(0.01, shares(("android", 2030, "low", 0.6), ("android", 2022, "high", 0.3)))
    row = next(cell for cell in found.cells if cell.year == 2030)
    assert (row.devices, row.unknown, row.low) == (0, 0.6, 0)
    assert found.all.unknown >= 0.6 + 0.1 - 1e-9  # the table tells nothing of a tenth of all phones
    assert found.since == 2027


def test_what_the_table_leaves_out_is_unknown_too() -> None:
    found = run(0.01, shares(("android", 2022, "high", 0.5)))
    assert found.all.unknown >= 0.5
    assert found.all.low <= 0.5


def test_phones_with_a_profile_are_told_by_it_and_others_are_scaled() -> None:
    found = {fit.device: fit for fit in run(50).devices}
    assert found["pixel-4"].way is Way.PROFILE
    assert found["pixel-4"].value == 50
    assert EstimateDoubt.OTHER_DEVICE not in found["pixel-4"].doubts
    other = found["pixel-5"]
    assert other.way is Way.SCALED
    assert EstimateDoubt.OTHER_DEVICE in other.doubts
    assert other.value == pytest.approx(50 * 2.84 / 2.4, rel=0.02)  # the same core at 2.4 GHz
    assert (other.high or 0) / (other.value or 1) > 1.25  # wider than the profile's own


def test_small_cores_are_far_slower() -> None:
    found = {fit.device: fit for fit in run(50).devices}
    little = found["redmi-7"]  # Cortex-A73 at 1.8 GHz
    assert (little.value or 0) > 2 * 50


def test_the_plan_goes_down_step_by_step() -> None:
    row = shares(("android", 2019, "high", 1.0))
    stages = {
        limit: {fit.device: fit.stage for fit in run(50, row, budget=Budget(milliseconds=limit)).devices}["pixel-4"]
        for limit in (60, 30)
    }
    assert stages == {60: Stage.PROCESSOR, 30: Stage.INT8}
    macs = float(mobile().macs or 0) if isinstance(mobile().macs, int) else 0.0
    small = run(50, row, budget=Budget(milliseconds=10), smaller=(Smaller(name="tiny", macs=macs / 10),))
    fit = next(fit for fit in small.devices if fit.device == "pixel-4")
    assert fit.stage is Stage.SMALLER
    assert "tiny" in fit.reason
    assert {one.device: one.stage for one in run(50, row, budget=Budget(milliseconds=10)).devices}[
        "pixel-4"
    ] is Stage.SELDOM
    assert {one.device: one.stage for one in run(5e4, row).devices}["pixel-4"] is Stage.ELSEWHERE


def test_an_accelerator_with_a_profile_comes_first() -> None:
    def ask(setting: Setting) -> Estimate | NoEstimate:
        value = 5.0 if setting.unit is Unit.GPU else 50.0
        return Estimate(quantity=Quantity.LATENCY, setting=setting, value=value, low=value, high=value, ground=GROUND)

    found = coverage(mobile(), shares(("android", 2019, "high", 1.0)), ask=ask)
    fit = next(fit for fit in found.devices if fit.device == "pixel-4")
    assert (fit.stage, fit.unit, fit.value) == (Stage.ACCELERATOR, "gpu", 5.0)


def test_a_phone_with_too_little_memory_gets_none() -> None:
    large = replace(mobile(), weight_bytes=3 << 30, peak=PeakMemory(bytes=1 << 30, layer=0))
    found = coverage(large, phones.read_shares(), ask=answering(1))
    pixel = next(fit for fit in found.devices if fit.device == "pixel-4")
    assert (pixel.answer, pixel.stage) == (Answer.NO, Stage.ELSEWHERE)
    assert "MiB" in pixel.reason
    roomy = coverage(large, phones.read_shares(), ask=answering(1), budget=Budget(memory_bytes=5 << 30))
    assert next(fit for fit in roomy.devices if fit.device == "pixel-4").answer is Answer.YES


def test_the_stores_say_what_may_be_delivered() -> None:
    found = run(10, size_bytes=300_000_000)
    assert {one.store for one in found.deliveries} == {"Google Play", "App Store"}
    assert not all(one.fits for one in run(10, size_bytes=1_600_000_000).deliveries)
    assert any(one.part == "ai-pack" for one in found.deliveries)
    assert not run(10).deliveries


def test_a_table_that_is_assumed_is_told_as_one() -> None:
    assert run(10).assumed
    assert "assumption" in run(10).shares
    assert not run(10, shares(("android", 2019, "high", 1.0))).assumed


# --- scaling ------------------------------------------------------------------------------------------------------------


def test_only_one_big_core_is_scaled() -> None:
    soc = phones.socs()["sm8250"]
    assert scaled(answering(50), soc, Setting(device="x", unit=Unit.BIG, threads=4)) is None
    assert scaled(answering(50), soc, Setting(device="x", unit=Unit.GPU)) is None
    assert scaled(answering(50), phones.socs()["sm8735"], Setting(device="x", unit=Unit.BIG)) is None  # cores not known


def test_rates_are_those_of_the_tables() -> None:
    known = cores()
    assert known["cortex-a76"].rate == 1
    assert known["cortex-a53"].rate < known["cortex-a55"].rate < known["cortex-a73"].rate < known["cortex-a75"].rate < 1
    assert known["cortex-x4"].rate > known["cortex-a720"].rate > 1
    assert all(1.3 <= core.factor <= 2.1 for core in known.values())
    fast, slow = speed_of(phones.socs()["sm8650"]), speed_of(phones.socs()["mt6765"])
    assert fast is not None
    assert slow is not None
    assert fast[0] > 8 * slow[0]
