"""``nngauge estimate --coverage`` and ``--scenario``: what phones and batteries make of an estimate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nngauge.cli import cli
from nngauge.errors import InputError, UsageError

MODEL = str(Path(__file__).resolve().parents[2] / "examples" / "models" / "shapes_onnx" / "shapes_classifier.onnx")


def run(*words: str) -> str:
    found = CliRunner().invoke(cli, ["estimate", *words], env={"COLUMNS": "180"}, catch_exceptions=False)
    assert found.exit_code in (0, 3), found.output
    return found.output


def test_coverage_says_what_it_rests_on() -> None:
    text = run(MODEL, "--coverage")
    assert "THE SHARES ARE AN ASSUMPTION" in text
    assert "within 100 ms" in text
    assert "not known" in text


def test_coverage_by_a_table_of_ones_own(tmp_path: Path) -> None:
    table = tmp_path / "ours.csv"
    table.write_text("# Our users.\nplatform,year,tier,share\nandroid,2019,high,1\n")
    (found,) = json.loads(run(MODEL, "--coverage", "--shares", str(table), "--budget", "0.1s", "--json"))
    assert found["coverage"]["shares"] == "Our users."
    assert found["coverage"]["assumed"] is False
    assert found["coverage"]["budget"]["milliseconds"] == 100
    assert sum(step["share"] for step in found["coverage"]["plan"]) == pytest.approx(1)


def test_a_scenario_is_modelled_and_rates_are_compared() -> None:
    text = run(MODEL, "--device", "pixel-4", "--scenario", "camera", "--fps", "30,1")
    assert "modelled, not measured" in text
    assert "30 a second takes" in text
    (many, one) = json.loads(run(MODEL, "--device", "pixel-4", "--scenario", "camera", "--fps", "30,1", "--json"))
    assert many["schema"] == "nngauge.modelled-scenario/1"
    assert many["spent"]["joules"]["middle"] > 20 * one["spent"]["joules"]["middle"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--coverage", "--budget", "soon"), "no amount"),
        (("--coverage", "--task", "sorting"), "no task"),
        (("--device", "pixel-4", "--scenario", "sleep"), "no preset"),
        (("--device", "pixel-4", "--scenario", "camera", "--fps", "many"), "no list of numbers"),
        (("--device", "pixel-4", "--scenario", "sound", "--fps", "3"), "no frames a second"),
    ],
)
def test_wrong_questions_say_what_is_wrong(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(MODEL, *words)


def test_a_table_of_shares_that_is_none_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "bad.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns"):
        run(MODEL, "--coverage", "--shares", str(table))
