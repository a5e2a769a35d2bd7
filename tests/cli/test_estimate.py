from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import cli
from nngauge.domain.measurement import Configuration, Doubt, Refusal, Session
from nngauge.errors import NngaugeError, UsageError
from nngauge.estimate.anchors import ANCHORS, write_anchor
from nngauge.estimate.library import library
from nngauge.measure.summary import summary
from tests.measure.sessions import launch, measurement

ROOT = Path(__file__).parents[2]
KEYWORDS = ROOT / "examples" / "models" / "keywords_tflite" / "keywords_int8.tflite"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_anchor("mobilenet_wd2", tmp_path_factory.mktemp("models") / "mobilenet_wd2.tflite")


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(one) for one in arguments])
    if isinstance(result.exception, NngaugeError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_a_model_on_several_phones_with_interval_and_baseline(anchor: Path) -> None:
    text = run("estimate", anchor, "--device", "pixel-4,galaxy-s10", "--threads", "1,2").output
    assert text.count("1 big core, float32") == 2
    assert text.count("2 big cores, float32") == 2
    assert "90 % interval" in text
    assert "MACs alone" in text
    assert "instant" in text
    assert "networks measured" in text
    assert "QED" in text


def test_a_narrow_terminal_cuts_no_number(anchor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = run("estimate", anchor, "--device", "pixel-4,galaxy-s25", "--threads", "1,4", code=3).output
    monkeypatch.setenv("COLUMNS", "80")
    text = run("estimate", anchor, "--device", "pixel-4,galaxy-s25", "--threads", "1,4", code=3).output
    rows = [line for line in wide.splitlines() if line.startswith("pixel-4 ")]
    for row in rows:
        assert f" {row.split('float32')[1].split(' ms')[0].strip()} ms" in text
    assert len(rows) == 2


def test_a_phone_without_profile_is_told_what_else_there_is(anchor: Path) -> None:
    text = " ".join(run("estimate", anchor, "--device", "galaxy-s25", code=3).output.split())
    assert "no big core of Samsung Galaxy S25 was measured" in text
    assert "--unit npu has times" in text
    assert "--unit npu" not in run("estimate", anchor, "--device", "galaxy-s10", "--threads", "7", code=3).output


def test_a_damaged_model_is_told_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(KEYWORDS.read_bytes()[:-5_000])
    for words in (("estimate", path, "--device", "pixel-4"), ("advise", path)):
        with pytest.raises(NngaugeError, match="nor a model: no known model format: TensorFlow Lite"):
            run(*words)


def test_all_verbs_tell_the_same_of_a_phone_that_nobody_measured(anchor: Path) -> None:
    from nngauge import analyse_model
    from nngauge.compress.planned_time import time_on
    from nngauge.domain.estimate import Estimate, EstimateDoubt, Setting, Unit
    from nngauge.estimate import estimate

    (model,) = json.loads(run("estimate", anchor, "--device", "galaxy-s23", "--json").output)["models"]
    shown = model["answers"][0]["latency"]
    cost = analyse_model(anchor).cost
    told = estimate(cost, Setting(device="galaxy-s23", unit=Unit.BIG), form="tflite")
    planned = time_on(cost, "tflite", "galaxy-s23").planned
    assert isinstance(told, Estimate)
    assert isinstance(planned, Estimate)
    assert EstimateDoubt.OTHER_DEVICE in told.doubts
    assert shown["value"] == told.value == planned.value
    advice = json.loads(run("advise", anchor, "--device", "galaxy-s23", "--json").output)
    faster = [one for item in advice["advice"]["items"] for one in item.get("faster", ())]
    assert [one["before"]["value"] for one in faster] == [told.value]


def test_json_has_everything(anchor: Path) -> None:
    result = run(
        "estimate", anchor, "--device", "pixel-4", "--unit", "gpu", "--unit", "little", "--level", "80", "--json"
    )
    found = json.loads(result.output)
    assert found["schema"] == "nngauge.estimates/1"
    (model,) = found["models"]
    assert [one["latency"]["setting"]["unit"] for one in model["answers"]] == ["gpu", "little core"]
    told = model["answers"][0]["latency"]
    assert told["low"] < told["value"] < told["high"]
    assert told["level"] == 0.8
    assert told["baseline"] > 0
    assert told["ground"]["models"] > 60


def test_what_is_not_known_is_said_and_exit_code_3(anchor: Path) -> None:
    text = run("estimate", anchor, "--device", "pixle-4,pixel-4", "--unit", "gpu", code=3).output
    assert "pixel-4" in text
    assert "device not known" in text


def test_an_integer_model_and_what_if(anchor: Path) -> None:
    assert "int8" in run("estimate", KEYWORDS, "--device", "pixel-4").output
    assert "1 big core, int8" in run("estimate", anchor, "--device", "pixel-4", "--precision", "int8").output


def test_every_model_of_an_app(tmp_path: Path, anchor: Path) -> None:
    import zipfile

    app = tmp_path / "app.apk"
    with zipfile.ZipFile(app, "w") as archive:
        archive.writestr("AndroidManifest.xml", b"")
        archive.write(anchor, "assets/one.tflite")
        archive.write(KEYWORDS, "assets/two.tflite")
    text = run("estimate", app, "--device", "galaxy-a03s").output
    assert "one.tflite" in text
    assert "two.tflite" in text


@pytest.mark.parametrize("arguments", [("estimate",), ("estimate", str(KEYWORDS)), ("estimate", "--device", "pixel-4")])
def test_too_little_said_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="a model and a device"):
        run(*arguments)


@pytest.mark.parametrize("threads", ["0", "x", "", "1,,x", "99999", "65"])
def test_threads_are_bounded(threads: str) -> None:
    assert "numbers of cores" in run("estimate", KEYWORDS, "--device", "pixel-4", "--threads", threads, code=2).output


def test_the_list_of_devices() -> None:
    text = run("estimate", "--list").output
    assert "pixel-4" in text
    assert "big core ×1,2 float32 int8 (tflite)" in text
    assert {card["id"] for card in json.loads(run("estimate", "--list", "--json").output)} >= {"pixel-4", "iphone-7"}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host on which anchors take 1.4 × what they take on a Galaxy S10; names that are to be refused or doubted."""
    odd: list[str] = []
    known = library("tflite-qed")
    like = next(one for one in known.profiles if one.id == "galaxy-s10/big/1/float32/tflite")
    times = dict(zip((network.name for network in known.networks), like.measured, strict=True))

    def fake(subjects, wanted, device, plan, folder, **_):  # type: ignore[no-untyped-def]
        found, refused = [], []
        for subject in subjects:
            name = subject.name.removesuffix(".tflite")
            if f"-{name}" in odd:
                refused.append(
                    Refusal(
                        model="",
                        name=subject.name,
                        configuration=Configuration(engine="litert"),
                        reason="no",
                        kind="crashed",
                    )
                )
                continue
            chance = random.Random(name)
            launches = tuple(launch(chance, 1.4e6 * (times[name] or 0.0)) for _ in range(3))
            one = measurement(launches, name=subject.name, summary=summary(launches, 1))
            found.append(one if f"?{name}" not in odd else _doubted(one))
        return [Session(measurements=tuple(found), refusals=tuple(refused))]

    monkeypatch.setattr("nngauge.measuring.sessions_here", fake)
    return odd


def _doubted(one):  # type: ignore[no-untyped-def]
    from msgspec.structs import replace

    return replace(one, doubts=(Doubt.EMULATED,))


@pytest.mark.usefixtures("measured")
def test_a_calibrated_device_is_estimated_from_then_on(anchor: Path, tmp_path: Path) -> None:
    text = run("calibrate", "--quiet", "--name", "my-phone").output
    assert "10 anchors" in text
    assert (tmp_path / "data" / "nngauge" / "calibrations" / "my-phone-big-1.json").is_file()
    mine = json.loads(run("estimate", anchor, "--device", "my-phone", "--json").output)["models"][0]["answers"][0][
        "latency"
    ]
    like = json.loads(run("estimate", anchor, "--device", "galaxy-s10", "--json").output)["models"][0]["answers"][0][
        "latency"
    ]
    assert mine["value"] == pytest.approx(1.4 * like["value"], rel=0.06)
    assert "my-phone" in run("estimate", "--list").output
    with pytest.raises(UsageError, match="there already"):
        run("calibrate", "--quiet", "--name", "my-phone")
    run("calibrate", "--quiet", "--name", "my-phone", "--force")


def test_refusals_and_doubted_times_are_left_out(measured: list[str], tmp_path: Path) -> None:
    measured += [f"-{ANCHORS[0]}", f"?{ANCHORS[1]}"]
    text = run("calibrate", "--quiet", "-o", tmp_path / "c.json", code=3).output
    assert "8 anchors" in text
    told = run(
        "estimate", KEYWORDS, "--precision", "float32", "--device", "host", "--calibration", tmp_path / "c.json"
    ).output
    assert "calibrated host" in told
    assert f"{ANCHORS[0]}.tflite: no" in text
    measured += [f"-{name}" for name in ANCHORS[2:8]]
    with pytest.raises(UsageError, match="2 anchors were measured"):
        run("calibrate", "--quiet", "-o", tmp_path / "d.json")
    assert not (tmp_path / "d.json").exists()


def test_nothing_is_measured_when_the_file_is_there_or_no_library_is(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        run("calibrate", "-o", tmp_path / "c.json")
    with pytest.raises(UsageError, match="no list of cores"):
        run("calibrate", "--cpus", "a,b")
    assert (tmp_path / "c.json").read_text() == "mine"
