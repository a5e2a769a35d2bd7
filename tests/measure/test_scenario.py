"""Scenarios: formulas by hand, intervals by simulation, and nothing told that was not measured."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from nngauge.cli.scenario import command
from nngauge.domain.energy import Energy, MeterFacts
from nngauge.domain.measurement import Configuration, Doubt, Launch, ModelEnergy, Session, Stage
from nngauge.errors import MalformedError, UsageError
from nngauge.knowledge.scenarios import Battery, Certainty, Parameter, Preset, preset_names, read_battery, read_preset
from nngauge.knowledge.scenarios.daily import Joules, Terms, at_fps, work
from nngauge.measure.mlperf import as_mlperf
from nngauge.measure.quantities import energy_of, joules, of_energy, quantity
from nngauge.measure.scenario import Outcome, scenario
from tests.measure.sessions import launch, measurement

EXACT = Battery(
    voltage=Parameter(value=3.85, unit="V", certainty=Certainty.SET, source="test"),
    capacity_share=Parameter(value=1.0, unit="", certainty=Certainty.SET, source="test"),
)
CALL = read_preset("video-call")


def steady(nanoseconds: int, runs: int = 40, launches: int = 6, **more: Any) -> tuple[Launch, ...]:
    facts: dict[str, Any] = {
        "load_ns": 1,
        "first_ns": 1,
        "wall_ns": (nanoseconds,) * runs,
        "cpu_ns": (nanoseconds,) * runs,
    }
    return tuple(Launch(block=block, **(facts | more)) for block in range(launches))


def told(nanoseconds: int = 20_000_000, preset: Preset = CALL, **terms: Any) -> Outcome:
    return scenario(measurement(steady(nanoseconds)), preset, Terms(**terms), EXACT)


def exact(value: float) -> Joules:
    return Joules(middle=value, low=value, high=value)


# --- how much work ------------------------------------------------------------------------------------------------------


def test_every_preset_is_whole_and_sourced() -> None:
    assert preset_names() == ("camera", "chat", "sound", "typing", "video-call")
    for name in preset_names():
        preset = read_preset(name)
        assert preset.name == name
        assert work(preset).inferences > 0
        assert all(len(parameter.source) > 20 for parameter in preset.parameters.values())
    battery = read_battery()
    for value in (battery.voltage, battery.capacity_share):
        assert value.low is not None
        assert value.high is not None
        assert value.low <= value.value <= value.high


def test_amounts_of_work() -> None:
    assert (work(CALL).inferences, work(CALL).pace) == (54_000, 15)
    sound = work(read_preset("sound"))
    assert sound.inferences == math.ceil((3600 - 0.975) / 0.4875) + 1 == 7384
    typing = work(read_preset("typing"))
    assert (typing.inferences, typing.seconds) == (275, pytest.approx(275 / 36.2 * 60))
    chat = work(read_preset("chat"))
    assert (chat.inferences, chat.read, chat.bursts, chat.seconds) == (2560, 1280, 10, 512)


def test_own_presets(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    good = (Path(__file__).parents[2] / "src/nngauge/knowledge/scenarios/presets/camera.toml").read_text()
    mine.write_text(good.replace("value = 30", "value = 24"))
    assert read_preset(str(mine))["fps"] == 24
    for broken in (
        good.replace("value = 30", "value = 0"),
        good.replace("value = 30", "value = inf"),
        good.replace("value = 30", "value = 'many'"),
        good.replace("parameters.fps", "parameters.hertz"),
        good.replace('"assumed"', '"guessed"'),
        good.replace("steady", "sometimes"),
        "a = " + "[" * 9_000,
    ):
        mine.write_text(broken)
        with pytest.raises(MalformedError):
            read_preset(str(mine))
    with pytest.raises(UsageError, match="video-call"):
        read_preset("picnic")


# --- does it keep up ----------------------------------------------------------------------------------------------------


def test_duty_and_dropped_frames() -> None:
    fits = told(20_000_000).feasible
    assert fits is not None
    assert (fits.duty, fits.dropped, fits.late) == (pytest.approx(0.3), 0, 0)
    assert fits.sustained == pytest.approx(50)
    slow = told(100_000_000).feasible
    assert slow is not None
    assert (slow.duty, slow.sustained, slow.late) == (pytest.approx(1.5), pytest.approx(10), 1)
    assert slow.dropped == pytest.approx(1 - 10 / 15)


def test_the_tail_drops_frames_where_the_mean_fits() -> None:
    runs = (20_000_000,) * 36 + (90_000_000,) * 4
    found = scenario(measurement(steady(0, wall_ns=runs, cpu_ns=runs)), CALL, Terms(), EXACT).feasible
    assert found is not None
    assert found.duty == pytest.approx(0.3)
    assert found.late == pytest.approx(0.1)
    assert found.dropped == pytest.approx(1 - 1 / (15 * 0.09))


def test_times_of_emulators_are_not_known() -> None:
    launches = steady(20_000_000, wall_ns=(), cpu_ns=())
    for item in (measurement(launches), measurement(steady(1), doubts=(Doubt.EMULATED,))):
        found = scenario(item, CALL, Terms(), EXACT)
        assert found.feasible is None
        assert "emulated" in next(one.how for one in found.unknown if one.what.startswith("time"))


def test_processor_time_counts_on_a_busy_host() -> None:
    chance = random.Random(1)
    item = measurement(tuple(launch(chance, 2e7, block=block, waiting=2.0) for block in range(6)))
    found = scenario(item, CALL, Terms(), EXACT)
    assert found.feasible is not None
    assert found.feasible.duty == pytest.approx(0.3, rel=0.02)
    assert any("processor time" in note for note in found.notes)


def test_a_chat_is_timed_by_its_decode_stage() -> None:
    stages = (
        Stage(name="prefill", tokens=512, wall_ns=(10**9,)),
        Stage(name="decode", tokens=100, wall_ns=(10**10,) * 3),
    )
    chat = read_preset("chat")
    found = scenario(measurement(steady(77, stages=stages)), chat, Terms(joules=exact(0.5)), EXACT)
    assert found.feasible is not None
    assert found.feasible.median_seconds == pytest.approx(0.1)
    assert found.spent is None
    assert any("prompts" in one.what for one in found.unknown)
    both = scenario(
        measurement(steady(77, stages=stages)), chat, Terms(joules=exact(0.5), prefill_joules=exact(0.1)), EXACT
    )
    assert both.spent is not None
    assert both.spent.joules.middle == pytest.approx(2560 * 0.5 + 1280 * 0.1)


# --- energy -------------------------------------------------------------------------------------------------------------


def test_energy_by_hand() -> None:
    """Every term of the formula, without uncertainty: devices with 4000 mAh at 3.85 V hold 55,440 J."""
    found = told(
        joules=exact(0.02), load_joules=1.0, tail_joules=0.5, sensor_watts=0.1, baseline_watts=0.7, battery_mah=4000.0
    ).spent
    total = 1.0 + 54_000 * 0.02 + 0.5 + 3600 * 0.1
    assert found is not None
    assert found.joules.low == found.joules.high == pytest.approx(total)
    assert found.watts.middle == pytest.approx(total / 3600)
    assert found.mah.middle == pytest.approx(total / 3.6 / 3.85)
    assert found.share is not None
    assert found.share.middle == pytest.approx(total / 55_440)
    assert found.hours is not None
    assert found.hours.middle == pytest.approx(55_440 / (0.7 + total / 3600) / 3600)


def test_a_device_that_cannot_keep_up_does_less_work() -> None:
    found = told(100_000_000, joules=exact(0.02)).spent
    assert found is not None
    assert found.joules.middle == pytest.approx(36_000 * 0.02)


def test_thirty_frames_against_one() -> None:
    """The published example: 28.5 ms and 24.6 mJ, 86 % busy and 0.74 W at 30 frames a second."""
    camera = read_preset("camera")
    fast = told(28_500_000, camera, joules=exact(0.0246), battery_mah=10.8 * 3600 / 3.6 / 3.85)
    slow = told(28_500_000, at_fps(camera, 1), joules=exact(0.0246))
    assert fast.spent is not None
    assert fast.spent.share is not None
    assert fast.feasible is not None
    assert fast.feasible.duty == pytest.approx(0.855)
    assert fast.spent.watts.middle == pytest.approx(0.738)
    assert fast.spent.share.middle == pytest.approx(0.0683, rel=0.01)
    assert slow.spent is not None
    assert fast.spent.joules.middle / slow.spent.joules.middle == pytest.approx(30)
    tail = {"joules": exact(0.0246), "sensor_watts": 0.5}
    with_camera = (told(28_500_000, camera, **tail).spent, told(28_500_000, at_fps(camera, 1), **tail).spent)
    assert with_camera[0] is not None
    assert with_camera[1] is not None
    assert with_camera[0].joules.middle / with_camera[1].joules.middle == pytest.approx((0.738 + 0.5) / (0.0246 + 0.5))


def test_the_interval_is_that_of_the_joules() -> None:
    """95 % in, 95 % out; the same numbers give the same interval."""
    value = Joules(middle=0.02, low=0.018, high=0.024)
    first, again = told(joules=value).spent, told(joules=value).spent
    assert first is not None
    assert first == again
    assert first.joules.low == pytest.approx(54_000 * 0.018, rel=0.01)
    assert first.joules.high == pytest.approx(54_000 * 0.024, rel=0.01)
    assert first.joules.middle == pytest.approx(54_000 * 0.02, rel=0.01)


def test_the_battery_widens_charge_but_not_energy() -> None:
    found = scenario(
        measurement(steady(20_000_000)), CALL, Terms(joules=exact(0.02), battery_mah=4000), read_battery()
    ).spent
    assert found is not None
    assert found.share is not None
    assert found.joules.low == found.joules.high
    total = 54_000 * 0.02 / 3.6
    assert total / 3.9 < found.mah.low < found.mah.middle < found.mah.high < total / 3.7
    assert found.share.high / found.share.low > found.mah.high / found.mah.low
    said = scenario(measurement(steady(20_000_000)), CALL, Terms(joules=exact(0.02), voltage=3.8), read_battery()).spent
    assert said is not None
    assert said.mah.low == said.mah.high == pytest.approx(total / 3.8)


def test_without_joules_nothing_is_made_up() -> None:
    found = told(battery_mah=4000.0, baseline_watts=0.7, sensor_watts=1.0)
    assert (found.spent, found.at_most) == (None, None)
    assert found.feasible is not None
    assert any(one.what.startswith("energy") and "--energy" in one.how for one in found.unknown)


def test_energy_below_what_the_meter_finds_is_a_bound() -> None:
    below = Joules(middle=-0.001, low=-0.004, high=0.005, detected=False)
    found = told(joules=below)
    assert found.spent is None
    assert found.at_most == pytest.approx(54_000 * 0.005)


def measured(**changes: Any) -> Energy:
    facts: dict[str, Any] = {
        "joules": 0.02, "low": 0.018, "high": 0.023, "mde": 0.004, "baseline_watts": 0.7, "blocks": (), "meter": MeterFacts(name="m"),
    }  # fmt: skip
    return Energy(**(facts | changes))


def test_energy_of_a_meter() -> None:
    assert of_energy(measured()) == Joules(middle=0.02, low=0.018, high=0.023, source="m")
    none = of_energy(measured(joules=0.002, low=-0.001, high=0.003))
    assert (none.detected, none.high) == (False, 0.004)
    named = [measured(name="a"), measured(name="b", joules=0.1, high=0.2)]
    assert energy_of("b", named) is named[1]
    assert energy_of("c", named) is None
    assert energy_of("c", [measured()]) is not None


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("4000mAh", "mAh", 4000), ("4 Ah", "mAh", 4000), ("800mW", "W", 0.8), ("3.85", "V", 3.85), ("2e-3J", "J", 0.002)],
)
def test_quantities(text: str, unit: str, value: float) -> None:
    assert quantity(text, unit, "--x") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "0", "-1mJ", "nan", "1kg", "inf", "1e999J", "5..3mJ", "1" * 400])
def test_quantities_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        joules(text, "--joules")


def test_joules_with_their_interval() -> None:
    found = joules("22..26 mJ", "--joules")
    assert (found.low, found.middle, found.high) == (pytest.approx(0.022), pytest.approx(0.024), pytest.approx(0.026))


def test_rates_only_where_there_are_some() -> None:
    with pytest.raises(UsageError):
        at_fps(read_preset("typing"), 30)
    with pytest.raises(UsageError):
        at_fps(CALL, math.nan)


# --- command line -------------------------------------------------------------------------------------------------------


def session_file(folder: Path, *items: Any) -> str:
    path = folder / "session.json"
    path.write_bytes(msgspec.json.encode(Session(measurements=items or (measurement(steady(28_500_000)),))))
    return str(path)


def run(*words: str) -> Any:
    return CliRunner().invoke(command, list(words))


def test_command(tmp_path: Path) -> None:
    path = session_file(tmp_path)
    said = run(path, "--preset", "camera", "--fps", "30,1", "--joules", "22..27mJ", "--battery", "4000mAh")
    assert said.exit_code == 0, said.output
    assert "30 a second takes 30.0 times the energy of 1" in said.output
    assert "not in the energy" in said.output
    assert "hours to empty" in said.output
    document = json.loads(run(path, "--preset", "camera", "--json").output)
    assert document[0]["spent"] is None
    assert document[0]["schema"] == "nngauge.scenario/1"
    assert document[0]["preset"]["parameters"]["fps"]["source"]


def test_command_with_a_file_of_energy(tmp_path: Path) -> None:
    energy = tmp_path / "energy.json"
    energy.write_bytes(msgspec.json.encode([measured(name="m.tflite")]))
    found = json.loads(
        run(session_file(tmp_path), "--preset", "camera", "--energy", str(energy), "--battery", "4Ah", "--json").output
    )
    assert found[0]["spent"]["hours"] is not None
    assert found[0]["inputs"]["joules"]["source"] == "m"
    energy.write_text("[1]")
    assert isinstance(
        run(session_file(tmp_path), "--preset", "camera", "--energy", str(energy)).exception, MalformedError
    )


def test_energy_that_the_session_holds_is_that_of_its_configuration(tmp_path: Path) -> None:
    one = measurement(steady(28_500_000))
    other = measurement(steady(20_000_000), configuration=Configuration(engine="litert", threads=4))
    energy = ModelEnergy(
        model=one.model,
        name=one.name,
        configuration=other.configuration,
        energy=measured(joules=0.03, low=0.029, high=0.031),
    )
    path = tmp_path / "session.json"
    path.write_bytes(msgspec.json.encode(Session(measurements=(one, other), energies=(energy,))))
    first, second = json.loads(run(str(path), "--preset", "camera", "--battery", "4Ah", "--json").output)
    assert first["spent"] is None
    assert second["inputs"]["joules"]["middle"] == 0.03


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    two = session_file(tmp_path, measurement(steady(1000)), measurement(steady(1000), name="b.tflite"))
    assert isinstance(run(two, "--preset", "camera", "--joules", "1mJ").exception, UsageError)
    assert run(two, "--preset", "camera", "--joules", "1mJ", "--only", "b.tflite").exit_code == 0
    assert isinstance(run(two, "--preset", "camera", "--only", "c").exception, UsageError)
    assert isinstance(run(two).exception, UsageError)
    assert isinstance(run(two, "--preset", "camera", "--fps", "x").exception, UsageError)
    assert run("--list").exit_code == 0
    assert len(json.loads(run("--list", "--json").output)) == 5


# --- MLPerf Mobile ------------------------------------------------------------------------------------------------------

RESULT = {
    "benchmark_id", "benchmark_name", "loadgen_scenario", "backend_settings", "backend_info", "performance_run", "accuracy_run",
    "min_duration", "min_samples",
}  # fmt: skip
RUN = {
    "throughput",
    "accuracy",
    "accuracy2",
    "dataset",
    "measured_duration",
    "measured_samples",
    "start_datetime",
    "loadgen",
}
LOADGEN = {
    "query_count", "latency_mean", "latency90", "is_min_duration_met", "is_min_query_met", "is_early_stopping_met", "is_result_valid",
}  # fmt: skip
SETTINGS = {
    "accelerator_code",
    "accelerator_desc",
    "framework",
    "delegate",
    "model_path",
    "batch_size",
    "extra_settings",
}
BUILD = {
    "version", "build_number", "build_date", "official_release_flag", "dev_test_flag", "backend_list", "git_branch", "git_commit",
    "git_dirty_flag",
}  # fmt: skip


def test_fields_of_mlperf_mobile() -> None:
    """Those of results that version 5 of the app has written."""
    document = as_mlperf(Session(measurements=(measurement(steady(20_000_000)),)))
    assert set(document) == {"meta", "results", "environment_info", "build_info"}
    assert set(document["meta"]) == {"uuid", "creation_date", "upload_date", "run_mode"}
    (result,) = document["results"]
    assert set(result) == RESULT
    assert set(result["performance_run"]) == RUN
    assert set(result["performance_run"]["loadgen"]) == LOADGEN
    assert set(result["backend_settings"]) == SETTINGS
    assert set(result["backend_info"]) == {"filename", "vendor_name", "backend_name", "accelerator_name"}
    assert set(document["build_info"]) == BUILD
    assert set(document["environment_info"]["value"]) == {"android", "ios", "windows"}
    json.dumps(document, allow_nan=False)


def test_values_of_mlperf_mobile() -> None:
    run = as_mlperf(Session(measurements=(measurement(steady(20_000_000)),)))["results"][0]["performance_run"]
    assert run["measured_samples"] == 240
    assert run["measured_duration"] == pytest.approx(4.8)
    assert run["loadgen"]["latency90"] == pytest.approx(0.02)
    assert run["throughput"]["value"] == pytest.approx(50)
    assert run["loadgen"]["is_result_valid"] is False
    long = measurement(steady(20_000_000, runs=600))
    assert (
        as_mlperf(Session(measurements=(long,)))["results"][0]["performance_run"]["loadgen"]["is_result_valid"] is True
    )
    hot = measurement(steady(20_000_000, runs=600), doubts=(Doubt.THROTTLED,))
    assert (
        as_mlperf(Session(measurements=(hot,)))["results"][0]["performance_run"]["loadgen"]["is_result_valid"] is False
    )


def test_our_document_is_read_by_our_reader() -> None:
    from nngauge.engines.official import Output, tool_named

    item = measurement(steady(20_000_000), configuration=Configuration(engine="litert", delegate="gpu", threads=4))
    document = json.dumps(as_mlperf(Session(measurements=(item,)))).encode()
    (one,) = tool_named("mlperf-mobile").parse(Output(files={"result.json": document}))
    assert one.summary is not None
    assert one.summary.mean_ns == pytest.approx(20_000_000)
    assert one.summary.runs == 240


def test_mlperf_of_nothing() -> None:
    with pytest.raises(UsageError):
        as_mlperf(Session())
    with pytest.raises(UsageError):
        as_mlperf(Session(measurements=(measurement(steady(1, wall_ns=(), cpu_ns=())),)))
