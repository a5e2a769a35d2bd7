"""Other formats by converters that are installed, and what is done before a PyTorch program is read."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nngauge.api import open_model
from nngauge.cli import cli
from nngauge.compress.building import Plan, build
from nngauge.compress.export import EXPORTERS, exporter_for
from nngauge.compress.export.pt2 import screened
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Recipe, missing
from nngauge.domain.compression import Refusal
from nngauge.domain.written import Written
from nngauge.engines.loaded import Refused

pytest.importorskip("numpy")

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
ONNX = EXAMPLES / "shapes_onnx" / "shapes_classifier.onnx"
SEGMENTER = EXAMPLES / "shapes_onnx" / "shapes_segmenter.onnx"
TFLITE = EXAMPLES / "digits_tflite" / "digits_float32.tflite"


def exported(source: Path, form: str, target: str, folder: Path) -> Written | Refusal:
    writer = exporter_for(form, target)
    assert writer is not None
    if absent := missing(writer):
        pytest.skip(f"no {', '.join(absent)}: {writer.install}")
    plan = Plan(writer=writer, recipe=Recipe.CONVERT, output=folder / f"made{writer.suffix}", wanted=Wanted(inputs=4))
    return build(source, plan, open_model)


@pytest.mark.parametrize(("source", "form"), [(ONNX, "onnx"), (TFLITE, "tflite")])
@pytest.mark.parametrize("target", ["openvino", "mnn"])
def test_formats_with_one_program_file(tmp_path: Path, source: Path, form: str, target: str) -> None:
    made = exported(source, form, target, tmp_path)
    assert isinstance(made, Written), made
    assert made.format == target
    assert made.before.parameters == made.after.parameters
    if made.likeness is not None:
        assert made.likeness.sqnr is None or made.likeness.sqnr > 25  # engines may compute in 16 bits


def test_ncnn(tmp_path: Path) -> None:
    """Two files come out; ncnn has no batch, and its outputs are counted."""
    made = exported(SEGMENTER, "onnx", "ncnn", tmp_path)
    if isinstance(made, Refusal):
        assert "left out" in made.explanation or "does not run" in made.explanation
        assert not list(tmp_path.iterdir())
        return
    assert made.files == ("made.param", "made.bin")


def test_operators_that_the_converter_leaves_out_are_told(tmp_path: Path) -> None:
    """pnnx says that it worked; the file does not run, so it is not kept."""
    made = exported(ONNX, "onnx", "ncnn", tmp_path)
    assert isinstance(made, Refusal)
    assert "ReduceMax" in made.explanation
    assert not list(tmp_path.iterdir())


def test_every_converter_says_how_to_install_it() -> None:
    assert len({one.name for one in EXPORTERS}) == len(EXPORTERS)
    for one in EXPORTERS:
        assert one.install.startswith("pip install")
        assert one.needs
        assert one.references


def test_pairs_without_a_converter_are_told() -> None:
    ran = CliRunner().invoke(cli, ["export", str(ONNX), "--to", "tflite"])
    assert re.search("no converter from onnx to tflite.*mnn, ncnn, openvino", str(ran.exception))
    ran = CliRunner().invoke(cli, ["export", str(ONNX), "--to", "onnx"])
    assert "it is onnx already" in str(ran.exception)


def test_missing_converter_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nngauge.compress.writing import launch

    monkeypatch.setattr(launch, "_there", lambda _name: False)
    ran = CliRunner().invoke(cli, ["export", str(ONNX), "--to", "mnn", "-o", str(tmp_path / "o.mnn")])
    assert ran.exit_code == 1
    assert 'pip install "nngauge[mnn]"' in ran.output


def program(path: Path, change: Callable[[dict[str, Any]], None] | None = None, **more: bytes) -> Path:
    """The parts of a saved program that are looked at, without PyTorch."""
    network = {
        "graph_module": {
            "graph": {
                "nodes": [{"target": "torch.ops.aten.relu.default", "inputs": [], "metadata": {"stack_trace": "x"}}]
            }
        },
        "guards_code": ["print(1)"],
        "range_constraints": {},
    }
    weights: dict[str, Any] = {"config": {"w": {"path_name": "weight_0", "use_pickle": False}}}
    document = {"network": network, "weights": weights}
    if change is not None:
        change(document)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {
            "archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little", ".data/version": b"3",
            "models/model.json": json.dumps(network).encode(), "data/weights/weight_0": bytes(16),
            "data/weights/model_weights_config.json": json.dumps(weights).encode(),
            "data/constants/model_constants_config.json": b'{"config": {}}',
            "data/sample_inputs/model.pt": b"a pickle", **{key.replace("__", "/"): value for key, value in more.items()},
        }.items():  # fmt: skip
            archive.writestr(f"net/{name}", content)
    return path


def test_plain_program_loses_what_could_run(tmp_path: Path) -> None:
    screened(program(tmp_path / "a.pt2", extra__note=b"hello"), tmp_path / "b.pt2", lambda: b"ours")
    with zipfile.ZipFile(tmp_path / "b.pt2") as archive:
        network = json.loads(archive.read("net/models/model.json"))
        assert archive.read("net/data/sample_inputs/model.pt") == b"ours"
        assert "net/extra/note" not in archive.namelist()
        assert archive.read("net/data/weights/weight_0") == bytes(16)
    assert network["guards_code"] == []
    assert network["graph_module"]["graph"]["nodes"][0]["metadata"] == {}


def _pickled(document: dict[str, Any]) -> None:
    document["weights"]["config"]["w"]["use_pickle"] = True


def _silent(document: dict[str, Any]) -> None:
    del document["weights"]["config"]["w"]["use_pickle"]


def _foreign(document: dict[str, Any]) -> None:
    document["network"]["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"


def _computed(document: dict[str, Any]) -> None:
    document["network"]["range_constraints"] = {"x": {"expr_str": "__import__('os').system('true')"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [(_pickled, "is a pickle"), (_silent, "is a pickle"), (_foreign, "torch.hub.load"), (_computed, "text to be run")],
)
def test_program_that_would_run_something_is_refused(tmp_path: Path, change: Callable[[Any], None], words: str) -> None:
    with pytest.raises(Refused, match=words):
        screened(program(tmp_path / "a.pt2", change), tmp_path / "b.pt2", lambda: b"")


@pytest.mark.parametrize(
    "more",
    [
        {"data__constants__custom_obj_0": b"x"},
        {"data__weights__model.pt": b"x"},
        {"data__aotinductor__model__a.so": b"\x7fELF"},
    ],
)
def test_entries_beyond_numbers_are_refused(tmp_path: Path, more: dict[str, bytes]) -> None:
    with pytest.raises(Refused, match="more than a network"):
        screened(program(tmp_path / "a.pt2", None, **more), tmp_path / "b.pt2", lambda: b"")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_other_files_are_no_programs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt2").write_bytes(content)
    with pytest.raises(Refused, match=r"not a PyTorch program"):
        screened(tmp_path / "a.pt2", tmp_path / "b.pt2", lambda: b"")


def test_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as archive:
        archive.writestr("model/data.pkl", b"x")
    with pytest.raises(Refused, match="not a PyTorch program"):
        screened(tmp_path / "a.pt2", tmp_path / "b.pt2", lambda: b"")


@pytest.mark.parametrize("target", ["onnx", "tflite", "executorch", "coreml_mlpackage"])
def test_pytorch_program(tmp_path: Path, target: str) -> None:
    torch = pytest.importorskip("torch", reason="exports of PyTorch programs need PyTorch")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4)
    ).eval()
    torch.export.save(torch.export.export(net, (torch.rand(1, 3, 8, 8),)), tmp_path / "net.pt2")
    folder = tmp_path / "made"
    folder.mkdir()
    made = exported(tmp_path / "net.pt2", "pt2", target, folder)
    assert isinstance(made, Written), made
    assert made.after.parameters == 3 * 9 * 8 + 8 + 288 * 4 + 4
    if made.likeness is not None:
        assert made.likeness.sqnr is None or made.likeness.sqnr > 80
