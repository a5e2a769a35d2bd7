"""The committed models and their manifest, and nngauge's readers against what the frameworks said."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

import nngauge

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
ENTRIES: list[dict[str, Any]] = tomllib.loads((MODELS / "MANIFEST.toml").read_text(encoding="utf-8"))["model"]
BUDGET = 2_500_000
NOT_MODELS = {"MANIFEST.toml", "labels.txt"}
NOT_COUNTED = {
    "ncnn_param": {"Input"},
    "ncnn_param_bin": {"Input"},
    "mnn": {"Input", "Const"},
    "tf_graphdef_pb": {"Identity"},
    "openvino_xml": {"Constant", "Parameter", "Result"},
    "coreml_mlpackage": {"const"},
    "paddle_pdmodel": {"feed", "fetch"},
}
"""What a framework lists among its operators and nngauge shows as inputs, outputs and tensors."""

each = pytest.mark.parametrize("entry", ENTRIES, ids=[entry["file"] for entry in ENTRIES])


def files(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry, *entry.get("parts", [])]


@each
def test_files_are_the_ones_the_manifest_describes(entry: dict[str, Any]) -> None:
    for part in files(entry):
        content = (MODELS / part["file"]).read_bytes()
        assert len(content) == part["bytes"]
        assert hashlib.sha256(content).hexdigest() == part["sha256"]


def test_every_file_is_in_the_manifest() -> None:
    described = {part["file"] for entry in ENTRIES for part in files(entry)}
    present = {path.relative_to(MODELS).as_posix() for path in MODELS.rglob("*") if path.is_file()}
    assert {name for name in present - described if Path(name).name not in NOT_MODELS} == set()


def test_models_stay_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) <= BUDGET


def test_no_path_of_a_training_machine_is_inside() -> None:
    marks = (b"/home/", b"/Users/", b"/root/", b"site-packages")
    found = [path for path in MODELS.rglob("*") if path.is_file() and any(mark in path.read_bytes() for mark in marks)]
    assert found == []


def read(entry: dict[str, Any]) -> nngauge.Model:
    path = MODELS / entry["file"]
    package = next((parent for parent in path.parents if parent.suffix == ".mlpackage"), None)
    try:
        return nngauge.read_model(package or path)
    except nngauge.UnsupportedError:
        pytest.skip(f"no reader for {entry['format']} yet")


@each
def test_parameters_agree_with_the_framework(entry: dict[str, Any]) -> None:
    model = read(entry)
    if model.parameters is None:
        pytest.skip("the reader does not count parameters of this file")
    if entry["format"] in ("mnn", "ort", "tf_savedmodel") or entry["file"].endswith("_metadata.tflite"):
        # The framework does not tell the constants here; they can only add to the parameters.
        assert model.parameters >= entry["parameters"]
        return
    assert model.parameters == entry.get("constants", entry.get("parameters"))


@each
def test_operators_agree_with_the_framework(entry: dict[str, Any]) -> None:
    names = entry.get("op_names", "").split()
    if not names:
        pytest.skip("the framework does not list the operators of this file")
    model = read(entry)
    apart = NOT_COUNTED.get(entry["format"], set())
    assert sum(count for name, count in model.ops.items() if name not in apart) == len(
        [name for name in names if name not in apart]
    )


@each
def test_input_shapes_agree_with_the_framework(entry: dict[str, Any]) -> None:
    wanted = [tuple(port["shape"]) for port in entry.get("inputs", [])]
    model = read(entry)
    shapes = [port.shape for port in model.inputs]
    if not wanted or not shapes or None in shapes:
        pytest.skip("one of the two does not know the shapes")
    fixed = [tuple(size if isinstance(size, int) else -1 for size in shape) for shape in shapes if shape is not None]
    assert fixed == wanted
