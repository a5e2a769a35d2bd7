"""``nngauge estimate --coverage`` and ``--scenario``: what phones and batteries make of an estimate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nngauge.cli import cli
from nngauge.errors import InputError, UsageError

NETWORK = """7767517
5 5
Input            data   0 1 data 0=224 1=224 2=3
Convolution      conv1  1 1 data conv1 0=32 1=3 3=2 4=1 5=1 6=864 9=1
Convolution      conv2  1 1 conv1 conv2 0=64 1=3 3=2 4=1 5=1 6=18432 9=1
Convolution      conv3  1 1 conv2 conv3 0=128 1=3 3=2 4=1 5=1 6=73728 9=1
Convolution      conv4  1 1 conv3 out 0=256 1=3 3=2 4=1 5=1 6=294912 9=1
"""
"""184 million MACs, as ncnn writes networks."""
TINY = str(Path(__file__).resolve().parents[2] / "examples" / "models" / "shapes_onnx" / "shapes_classifier.onnx")


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "net.param"
    path.write_text(NETWORK)
    return str(path)


def run(*words: str) -> str:
    found = CliRunner().invoke(cli, ["estimate", *words], env={"COLUMNS": "180"}, catch_exceptions=False)
    assert found.exit_code in (0, 3), found.output
    return found.output


def test_coverage_says_what_it_rests_on(model: str) -> None:
    text = run(model, "--coverage")
    assert "THE SHARES ARE AN ASSUMPTION" in text
    assert "within 100 ms" in text
    assert "not known" in text


def test_coverage_of_an_app_tells_once_what_all_models_rest_on(tmp_path: Path, model: str) -> None:
    import zipfile

    app = tmp_path / "app.apk"
    with zipfile.ZipFile(app, "w") as file:
        file.writestr("AndroidManifest.xml", b"<manifest/>")
        file.write(model, "assets/net.param")
        file.write(TINY, "assets/shapes.onnx")
    text = run(str(app), "--coverage")
    assert text.count("THE SHARES ARE AN ASSUMPTION") == 1
    assert text.count("within 100 ms, float32") == 2
    assert text.count("not scaled to other phones") == 1
    assert "k MACs; networks of" in text  # why one of them is not known


def test_coverage_of_an_app_without_models_says_so(tmp_path: Path) -> None:
    import zipfile

    app = tmp_path / "app.apk"
    with zipfile.ZipFile(app, "w") as file:
        file.writestr("AndroidManifest.xml", b"<manifest/>")
    with pytest.raises(UsageError, match="no model to estimate"):
        run(str(app), "--coverage")


def test_a_scenario_on_a_narrow_terminal_keeps_its_numbers(model: str) -> None:
    wide = run(model, "--device", "pixel-4", "--scenario", "camera")
    row = next(line for line in wide.splitlines() if line.startswith("pixel-4"))
    narrow = CliRunner().invoke(
        cli, ["estimate", model, "--device", "pixel-4", "--scenario", "camera"], env={"COLUMNS": "80"}
    )
    for word in row.replace("(", " ").replace(")", " ").split():
        assert word in narrow.output


def test_coverage_by_a_table_of_ones_own(tmp_path: Path, model: str) -> None:
    table = tmp_path / "ours.csv"
    table.write_text("# Our users.\nplatform,year,tier,share\nandroid,2019,high,1\n")
    (found,) = json.loads(run(model, "--coverage", "--shares", str(table), "--budget", "0.1s", "--json"))
    assert found["coverage"]["shares"] == "Our users."
    assert found["coverage"]["assumed"] is False
    assert found["coverage"]["budget"]["milliseconds"] == 100
    assert sum(step["share"] for step in found["coverage"]["plan"]) == pytest.approx(1)


def test_a_scenario_is_modelled_and_rates_are_compared(model: str) -> None:
    text = run(model, "--device", "pixel-4", "--scenario", "camera", "--fps", "30,1")
    assert "modelled, not measured" in text
    assert "30 a second takes" in text
    (many, one) = json.loads(run(model, "--device", "pixel-4", "--scenario", "camera", "--fps", "30,1", "--json"))
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
def test_wrong_questions_say_what_is_wrong(words: tuple[str, ...], says: str, model: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(model, *words)


def test_a_table_of_shares_that_is_none_is_refused(tmp_path: Path, model: str) -> None:
    table = tmp_path / "bad.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns"):
        run(model, "--coverage", "--shares", str(table))


def test_a_model_without_an_estimate_is_told_why_and_covers_nothing() -> None:
    text = run(TINY, "--coverage")
    assert "no estimate: 182 k MACs" in text
    found = CliRunner().invoke(cli, ["estimate", TINY, "--device", "pixel-4", "--scenario", "camera"])
    assert found.exit_code == 3
    assert "no estimate" in found.output
