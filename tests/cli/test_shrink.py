"""``nngauge shrink`` and the budget of ``nngauge compress``, as a person or a program calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("ai_edge_litert", reason="the models are run with LiteRT")

from nngauge.cli import cli
from tests.builders.layered_tflite import Layers


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(cli, [str(item) for item in arguments])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = Layers()
    weight, bias = net.weights(32, 3, 3, 3), net.weights(32)
    weight[:20], bias[:20] = 0, -1
    path = tmp_path_factory.mktemp("shrink") / "model.tflite"
    first = net.conv(net.input(1, 12, 12, 3), weight, bias)
    path.write_bytes(net.done(net.flatten(net.pool(net.conv(first, net.weights(8, 3, 3, 32), net.weights(8))))))
    return path


def test_shrink_says_what_went_and_how_it_was_checked(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.tflite"
    done = run("shrink", model, "-o", output)
    assert done.exit_code == 0, done.output
    for wanted in (
        "the answers are those of the original",
        "20 channels",
        "on 32 inputs",
        "MACs",
        "peak activations",
        "deflated",
    ):
        assert wanted in done.output, wanted
    assert output.stat().st_size < model.stat().st_size
    again = run("shrink", model, "-o", output)
    assert again.exit_code == 2 or "is there already" in str(again.exception)


def test_shrink_as_json(model: Path) -> None:
    done = run("shrink", model, "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["outcome"] == "written"
    assert document["output"] == ""
    assert document["after"]["file"] < document["before"]["file"]
    assert document["gate"]["inputs"] == 32


def test_a_plan_and_its_budget(model: Path) -> None:
    done = run("compress", model, "--budget", "40%", "--count", 40, "--seconds", 2, "--quiet")
    assert done.exit_code == 0, done.output
    for wanted in ("held out", "planned", "uniform 4 bit", "to search with"):
        assert wanted in done.output, wanted
    small = run("compress", model, "--budget", "1kB", "--count", 40, "--seconds", 2, "--quiet")
    assert small.exit_code == 1
    assert "cannot be reached; the smallest is" in small.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--budget", "1 potato"), "is no size"),
        (("--budget", "1MB", "--pareto"), "one point of"),
        (("--pareto", "-o", "x.tflite"), "a sweep writes no file"),
        (("--budget", "1MB", "--bits", "7"), "one of 4, 8, 16"),
        (("--budget", "1MB", "--latency", "5"), "needs a device"),
        (("--device", "pixel-4"), "belong to a plan"),
    ],
)
def test_what_does_not_go_together_is_said(model: Path, words: tuple[str, ...], told: str) -> None:
    done = run("compress", model, *words)
    assert done.exit_code != 0
    assert told in str(done.exception) + done.output
