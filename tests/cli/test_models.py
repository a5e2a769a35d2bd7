"""The verbs about model files, as a person or a program calls them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from nngauge.cli import VERBS, cli
from nngauge.errors import UnsupportedError, UsageError
from tests.builders.samples import model as sample

MODELS = Path(__file__).parents[2] / "examples" / "models"
ONNX = MODELS / "shapes_onnx" / "shapes_classifier.onnx"
TFLITE = MODELS / "digits_tflite" / "digits_float32.tflite"
INT8 = MODELS / "digits_tflite" / "digits_int8.tflite"


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(cli, [str(item) for item in arguments])


def test_the_verbs_are_there() -> None:
    assert {"show", "view", "compare"} <= set(VERBS)


# --- show ---------------------------------------------------------------------------------------------------------------


def test_show_is_one_screen() -> None:
    done = run("show", ONNX)
    assert done.exit_code == 0, done.output
    for wanted in ("image 32×32×3 → 5 scores", "182,000 (182 k) = 364 k FLOPs", "depthwise convolution", "3,301"):
        assert wanted in done.output, wanted
    assert len(done.output.splitlines()) < 50


def test_layers_sorted_filtered_and_cut() -> None:
    rows = list(csv.DictReader(io.StringIO(run("show", ONNX, "--csv", "--sort", "macs", "--top", "3").output)))
    macs = [int(row["macs"]) for row in rows]
    assert macs == sorted(macs, reverse=True)
    assert len(macs) == 3
    rows = list(csv.DictReader(io.StringIO(run("show", ONNX, "--csv", "--filter", "softmax").output)))
    assert [row["kind"] for row in rows] == ["Softmax"]
    assert "13 layers" in run("show", ONNX, "--layers").output
    assert "2 of 13 layers" in run("show", ONNX, "--top", "2").output  # implies --layers


def test_json_has_the_layers_too() -> None:
    document = json.loads(run("show", ONNX, "--json").output)
    assert document["schema"] == "nngauge.model/1"
    assert sum(layer["macs"] or 0 for layer in document["cost"]["layers"]) == document["cost"]["macs"] == 182_000
    assert document["optimisation"]["read_bytes"] > 0


def test_without_weights_none_is_read() -> None:
    document = json.loads(run("show", ONNX, "--json", "--no-weights").output)
    assert document["optimisation"]["read_bytes"] == 0
    assert document["optimisation"]["notes"] == []
    assert document["cost"]["macs"] == 182_000


@pytest.mark.parametrize("text", ["image=1x3x64x64", "image=1,3,64,64", "image=1×3×64×64"])
def test_inputs_can_be_fixed(text: str) -> None:
    document = json.loads(run("show", ONNX, "--json", "--input", text).output)
    assert document["model"]["inputs"][0]["shape"] == [1, 3, 64, 64]
    assert document["cost"]["macs"] > 3 * 182_000


@pytest.mark.parametrize("text", ["image", "=1x2", "image=", "image=1xax2", "image=-1x2", "image=1x" + "9" * 30])
def test_shapes_that_are_none_are_wrong_use(text: str) -> None:
    done = run("show", ONNX, "--input", text)
    assert isinstance(done.exception, UsageError)


def test_an_input_that_is_not_there_is_named() -> None:
    done = run("show", ONNX, "--input", "picture=1x3x64x64")
    assert isinstance(done.exception, UsageError)
    assert "picture" in str(done.exception)
    assert "image" in done.exception.hint


def test_a_picture_is_written(tmp_path: Path) -> None:
    target = tmp_path / "net.svg"
    done = run("show", ONNX, "--graph", target)
    assert done.exit_code == 0
    assert ET.parse(target).getroot().tag.endswith("svg")
    done = run("show", ONNX, "--graph", tmp_path / "missing" / "net.svg")
    assert isinstance(done.exception, UsageError)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"hello" * 100)
    assert isinstance(run("show", tmp_path / "x.tflite").exception, UnsupportedError)


def test_hostile_file_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31mevil\u202e.tflite"
    path.write_bytes(sample("tflite"))
    for options in ([], ["--layers"], ["--csv"]):
        done = run("show", path, *options)
        assert done.exit_code == 0
        assert not {"\x1b", "\u202e"} & set(done.output)


# --- compare ------------------------------------------------------------------------------------------------------------


def test_a_model_is_the_same_as_itself() -> None:
    done = run("compare", ONNX, ONNX, "--exit-code")
    assert done.exit_code == 0
    assert "The same file" in done.output


def test_float_against_int8() -> None:
    done = run("compare", TFLITE, INT8)
    assert done.exit_code == 0
    for wanted in ("MACs", "float32", "int8", "weight bytes"):
        assert wanted in done.output, wanted
    assert run("compare", TFLITE, INT8, "--exit-code").exit_code == 1


def test_compare_for_programs() -> None:
    document = json.loads(run("compare", TFLITE, INT8, "--json").output)
    assert document["schema"] == "nngauge.comparison/1"
    assert document["same"] is False
    macs = next(figure for figure in document["costs"] if figure["name"] == "MACs")
    assert macs["first"] == macs["second"]
    assert macs["ratio"] == 1.0
    assert json.loads(run("compare", TFLITE, INT8, "--json", "--no-weights").output)["weights"] is None


# --- view ---------------------------------------------------------------------------------------------------------------


def test_view_opens_netron(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    fake = SimpleNamespace(
        start=lambda path, address, browse: calls.append((path, address, browse)), wait=lambda: calls.append("wait")
    )
    monkeypatch.setitem(sys.modules, "netron", fake)  # type: ignore[arg-type]
    assert run("view", ONNX, "--port", "8123", "--no-browser").exit_code == 0
    assert calls == [(str(ONNX), 8123, False), "wait"]


def test_view_serves_the_model_to_a_browser() -> None:
    pytest.importorskip("netron", reason="the viewer is an extra: pip install nngauge[view]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [sys.executable, "-m", "nngauge", "view", str(ONNX), "--port", str(port), "--no-browser"],
        stdout=subprocess.DEVNULL,
    )
    try:
        page = _fetch(f"http://localhost:{port}/").decode()
        assert "<title>Netron" in page
        named = re.search(r'name="file" content="([^"]+)"', page)
        assert named is not None, page
        assert _fetch(f"http://localhost:{port}{named[1]}") == ONNX.read_bytes()
    finally:
        serving.kill()
        serving.wait()


def _fetch(address: str) -> bytes:
    """The answer, as soon as there is a server."""
    for _ in range(100):
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read()
        time.sleep(0.1)
    pytest.fail(f"nothing answers at {address}")


def test_view_without_netron_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "netron", None)
    done = run("view", ONNX)
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert 'pip install "nngauge[view]"' in done.output
