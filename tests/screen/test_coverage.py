"""Coverage and modelled scenarios on a terminal: the assumption is loud, modelled is never called measured."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console, RenderableType

from nngauge.domain.coverage import Budget
from nngauge.domain.estimate import Estimate, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate.coverage import coverage
from nngauge.estimate.scenario import modelled
from nngauge.knowledge.phones import read_shares
from nngauge.knowledge.scenarios import read_battery, read_preset
from nngauge.screen.coverage import percent, render_coverage, render_modelled
from tests.estimate.costs import mobile


def text_of(thing: RenderableType) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(thing)
    return console.export_text()


def latency(setting: Setting) -> Estimate | NoEstimate:
    if setting.unit is not Unit.BIG:
        return NoEstimate(quantity=Quantity.LATENCY, setting=setting, reason=Reason.NO_UNIT, explanation="")
    ground = Ground(profile="p", method="m", source="s", models=1, error=0.1)
    return Estimate(quantity=Quantity.LATENCY, setting=setting, value=28.5, low=25, high=33, ground=ground)


def test_the_assumption_is_loud_and_nothing_is_left_out() -> None:
    text = text_of(
        render_coverage(
            coverage(mobile(), read_shares(), budget=Budget(milliseconds=50), size_bytes=10**9, ask=latency), "a.tflite"
        )
    )
    assert "THE SHARES ARE AN ASSUMPTION" in text
    assert "--shares" in text
    assert "not known" in text
    assert "95%" in text or "95 %" in text
    assert "too large" in text
    assert "ai-pack" in text


def test_a_row_that_no_phone_stands_for_says_so(tmp_path: Path) -> None:
    table = tmp_path / "ours.csv"
    table.write_text("platform,year,tier,share\nandroid,2019,low,0.5\nandroid,2031,low,0.5\n")
    text = text_of(render_coverage(coverage(mobile(), read_shares(table), ask=latency), "a.tflite"))
    assert "none known" in text


def test_modelled_scenarios_say_so() -> None:
    told = latency(Setting(device="pixel-4", unit=Unit.BIG))
    assert isinstance(told, Estimate)
    text = text_of(render_modelled((modelled(told, read_preset("camera"), read_battery()),)))
    assert "modelled, not measured" in text
    assert "pixel-4" in text
    assert "dropped" in text


def test_small_shares_are_not_rounded_away() -> None:
    assert [percent(value) for value in (0, 0.0031, 0.0995, 0.5, 1)] == ["0 %", "0.3 %", "10 %", "50 %", "100 %"]
