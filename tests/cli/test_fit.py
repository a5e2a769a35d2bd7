"""``nngauge fit``: budgets, devices, measured and estimated apart, and what it says when nothing fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nngauge.cli import cli
from nngauge.domain.estimate import Estimate, NoEstimate, Reason, Setting, Unit
from nngauge.domain.fitting import Fitness, Limits
from nngauge.errors import UsageError
from nngauge.estimate.coarse import UNSEEN, coarse
from nngauge.estimate.fitting import fitting

PIXEL = Setting(device="pixel-4", unit=Unit.BIG)


def run(*words: str) -> str:
    found = CliRunner().invoke(cli, ["fit", *words], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def document(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


def test_the_issue_s_own_question_is_answered() -> None:
    text = run("--task", "image-classification", "--latency", "20ms", "--size", "10MB", "--device", "pixel-4")
    assert "★" in text
    assert "mobilenetv2_050" in text
    assert "measured" in text
    assert "estimated" in text
    assert "pytorch-image-models" in text


def test_a_narrow_terminal_keeps_scores_names_and_times() -> None:
    words = ("fit", "--task", "image-classification", "--latency", "20ms", "--size", "10MB", "--device", "pixel-4")
    text = CliRunner().invoke(cli, words, env={"COLUMNS": "80"}).output
    assert "66.98" in text
    assert "5.9 ms" in text
    assert "no room for: input, parameters" in text
    assert "2.31 M" not in text


def test_limits_that_nothing_keeps_together_and_what_was_measured_instead() -> None:
    words = ("--task", "image-classification", "--latency", "20ms", "--size", "10MB", "--device", "galaxy-s25")
    text = run(*words, "--unit", "npu")
    assert "each limit can be kept alone" in text
    assert "computed in float16; sizes are those of float32 weights" in text
    assert "1 big core, float32): no profile, no measured rows; measured there: --unit npu" in run(*words)
    assert "each limit" not in run(*words[:2], "--latency", "1us", "--size", "1kB", "--device", "pixel-4")


def test_everything_that_fits_keeps_the_budget() -> None:
    found = document("--task", "image-classification", "--latency", "20ms", "--size", "10MB", "--device", "pixel-4")
    assert found["schema"] == "nngauge.fit/1"
    assert found["considered"] > 1000
    fits = [one for one in found["candidates"] if one["fitness"] == "fits"]
    assert fits
    for one in fits:
        timing = one["timings"][0]
        time = timing["measured"] if timing["measured"] is not None else timing["estimated"]["high"]
        assert time <= 20
        assert one["size_bytes"] <= 10_000_000
        assert (timing["measured"] is None) != (timing["estimated"] is None)  # never both, never in one field
    assert any(one["timings"][0]["measured"] for one in fits)
    assert any(one["timings"][0]["estimated"] for one in fits)


def test_several_phones_must_all_keep_the_time() -> None:
    one = document("--task", "object-detection", "--latency", "60ms", "--device", "pixel-4")
    both = document("--task", "object-detection", "--latency", "60ms", "--device", "pixel-4,redmi-7")
    keep = [
        {item["name"] for item in found["candidates"] if item["fitness"] in ("fits", "likely")} for found in (one, both)
    ]
    assert keep[1] < keep[0]
    assert [setting["device"] for setting in both["settings"]] == ["pixel-4", "redmi-7"]


def test_an_impossible_budget_is_told_the_smallest_that_can_be_reached() -> None:
    text = run("--task", "image-classification", "--latency", "0.1ms", "--size", "10kB", "--device", "pixel-4")
    assert "nothing fits" in text
    assert "smallest size that can be reached: 4.3 MB" in text
    assert "smallest time on pixel-4 that can be reached" in text
    least = run("--task", "object-detection", "--latency", "0.1ms", "--device", "pixel-4")
    assert "(estimated), NanoDet-m-0.5x" in least or "(estimated), Yolo-Fastest" in least


def test_npu_times_are_only_measured_ones() -> None:
    found = document("--task", "image-classification", "--latency", "1ms", "--device", "galaxy-s25", "--unit", "npu")
    fits = [one for one in found["candidates"] if one["fitness"] == "fits"]
    assert {one["name"].split(".")[0] for one in fits} >= {"efficientnet_b0", "mobilenetv3_large_100"}
    assert found["settings"][0]["precision"] == "float16"


def test_int8_is_smaller_and_faster() -> None:
    words = ("--task", "image-classification", "--latency", "20ms", "--size", "10MB", "--device", "pixel-4")
    best = [
        max(one["score"] for one in document(*words, *more)["candidates"] if one["fitness"] == "fits")
        for more in ((), ("--precision", "int8"))
    ]
    assert best[1] > best[0]


def test_extra_data_is_left_out_until_it_is_asked_for() -> None:
    words = ("--task", "image-classification", "--macs", "500M")
    assert not any(one["extra_data"] for one in document(*words)["candidates"])
    assert any(one["extra_data"] for one in document(*words, "--extra-data")["candidates"])


def test_what_is_not_known_is_told_and_not_left_out() -> None:
    found = document("--task", "keyword-spotting", "--latency", "10ms", "--device", "pixel-4", "--size", "600kB")
    assert {one["fitness"] for one in found["candidates"]} == {"unknown"}
    assert all("time on pixel-4 not known" in one["misses"] for one in found["candidates"])


def test_the_table_of_searches_and_the_list_of_tasks() -> None:
    assert "40,000" in run("--view", "nas")
    assert "object-detection: 50 architectures" in run("--list")
    assert json.loads(run("--list", "--json"))["image-classification"]["architectures"] > 1000


def test_a_picture_is_drawn_and_nothing_written_over(tmp_path: Path) -> None:
    path = tmp_path / "front.svg"
    words = ("--task", "image-classification", "--macs", "300M", "--svg", str(path))
    run(*words)
    assert path.read_text().startswith("<svg")
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        run(*words)
    assert path.read_text() == "mine"
    run(*words, "--force")
    assert path.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--task", "sorting"), "no task"),
        (("--task", "image-classification", "--latency", "20ms"), "needs a phone"),
        (("--task", "image-classification", "--latency", "fast", "--device", "pixel-4"), "no amount"),
        (("--task", "image-classification", "--size", "0MB"), "no amount"),
        (("--task", "image-classification", "--size", "10 lightyears"), "no amount"),
        (("--task", "image-classification", "--macs", "9" * 400), "no amount"),
        (("--task", "image-classification", "--device", "pixle-4"), "no phone"),
    ],
)
def test_wrong_questions_say_what_is_wrong(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(*words)


# --- times from MACs ----------------------------------------------------------------------------------------------------


def test_times_from_macs_are_wide_and_say_so() -> None:
    told = coarse(3e8, PIXEL)
    assert isinstance(told, Estimate)
    assert told.high / told.low > 1.5
    assert told.ground.error < 0.25
    assert told.ground.family_error is not None
    assert told.ground.family_error >= told.ground.error
    assert told.ground.coverage == pytest.approx(0.9, abs=0.06)
    attention = coarse(3e8, PIXEL, unlike=True)
    assert isinstance(attention, Estimate)
    assert attention.high == pytest.approx(told.high * UNSEEN)


def test_far_beyond_all_that_was_measured_nothing_is_told() -> None:
    for macs in (1e3, 1e13):
        told = coarse(macs, PIXEL)
        assert isinstance(told, NoEstimate)
        assert told.reason is Reason.TOO_FAR


def test_what_a_token_takes_is_not_told_from_macs() -> None:
    text = run("--task", "language-model", "--size", "2GB", "--precision", "int4", "--device", "pixel-4")
    assert "Qwen3-1.7B" in text
    assert "depends on memory" in text
    assert "Qwen3-8B" not in text
    assert not fitting("language-model", Limits(milliseconds=1000), [PIXEL]).reachable


def test_each_metric_has_a_table_and_copyleft_is_named() -> None:
    text = run("--task", "object-detection", "--latency", "500ms", "--device", "pixel-4", "--top", "2")
    assert "mAP COCO (300 pictures)" in text
    assert "mAP50 COCO" in text
    assert "agpl-3.0: " in text


def test_times_from_macs_grow_and_outside_is_doubted() -> None:
    times = [coarse(macs, PIXEL) for macs in (2e6, 1e8, 1e9, 1e11)]
    values = [one.value for one in times if isinstance(one, Estimate)]
    assert len(values) == 4
    assert values == sorted(values)
    assert all(
        "larger or smaller" in " ".join(one.doubts) for one in (times[0], times[-1]) if isinstance(one, Estimate)
    )


def test_no_budget_lets_everything_through() -> None:
    found = fitting("face-detection", Limits(), [])
    assert {one.fitness for one in found.candidates} == {Fitness.FITS}
    assert len(found.candidates) == found.considered == 5
