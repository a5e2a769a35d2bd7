"""What every format promises: references, refusals that are typed and quick, and no claim on another's files."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats import FORMATS, Format, ModelData
from nngauge.limits import HEAD_BYTES
from tests.builders import models
from tests.builders.hostile import LOOKALIKES, MODELS, accepts, matches
from tests.builders.mutations import damaged

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
BY_NAME = {form.name: form for form in FORMATS}
SAMPLES: dict[str, Callable[[], tuple[bytes, ...]]] = {
    "caffe": lambda: (models.PROTOTXT, models.caffemodel(), models.caffemodel(v1=True)),
    "gguf": lambda: (models.gguf(), models.gguf(order=">"), models.gguf(version=1, tokens=40)),
    "ncnn": lambda: (models.NCNN_TEXT, models.ncnn_binary()),
    "onnx": lambda: (models.onnx(), models.onnx(external=True)),
    "ort": lambda: (models.ort(),),
    "tf_graph": lambda: (models.graph_def(), models.graph_def(variable=True)),
    "tf_saved_model": lambda: (models.saved_model(),),
    "tflite": lambda: (models.tflite(), models.tflite(new_code=True)),
}
"""Models of each format, built in code."""
FOLDERS = {
    "caffe_prototxt": "caffe",
    "caffemodel": "caffe",
    "gguf": "gguf",
    "ncnn_benchmark_param": "ncnn",
    "ncnn_param": "ncnn",
    "onnx": "onnx",
    "tf_graphdef_pb": "tf_graph",
    "tf_savedmodel_pb": "tf_saved_model",
    "tflite": "tflite",
}
"""Folders of real models → the format that reads every file of theirs (weights and notes beside them excepted)."""
REFUSED: dict[str, type[Exception]] = {}
"""Real files that are rightly refused, by name."""
SECONDS_PER_FILE = 2.0
"""A bound on a damaged sample of a few kilobytes that only a runaway can break, even on a busy machine."""


def real_files(folder: str) -> list[Path]:
    return sorted(
        path for path in (MODELS / folder).rglob("*") if path.is_file() and path.suffix not in (".bin", ".txt")
    )


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_a_format_is_a_documented_value(form: Format) -> None:
    assert importlib.import_module(f"nngauge.formats.{form.name}").FORMAT is form
    assert form.references
    assert all(reference.startswith("https://") for reference in form.references)
    assert form.magics or form.probe, "nothing would ever be handed to this parser"
    assert all(suffix == suffix.lower() for suffix in form.suffixes)
    assert all(len(magic.value) >= 4 for magic in form.magics if magic.carve)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(FORMATS)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_recognised_by_exactly_one_format(name: str) -> None:
    for data in SAMPLES[name]():
        assert matches(BY_NAME[name], data, "a.bin")
        assert [form.name for form in FORMATS if accepts(form, data)] == [name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_files_are_read(folder: str) -> None:
    paths = real_files(folder)
    if not paths:
        pytest.skip("real models are not beside this checkout")
    form = BY_NAME[FOLDERS[folder]]
    for path in paths:
        data = path.read_bytes()
        assert matches(form, data, path.name)
        if path.name in REFUSED:
            with pytest.raises(REFUSED[path.name]):
                form.parse(ModelData(path.name, data))
        else:
            graph = form.parse(ModelData(path.name, data))
            assert graph.nodes or graph.tensors or graph.metadata
            assert all(
                -1 <= index < len(graph.tensors) for node in graph.nodes for index in (*node.inputs, *node.outputs)
            )


def test_a_real_file_belongs_to_one_format_at_most() -> None:
    paths = [path for path in real_files(".") if path.stat().st_size < 2_000_000]
    if not paths:
        pytest.skip("real models are not beside this checkout")
    claims = {}
    for path in paths:
        data = path.read_bytes()
        found = [form.name for form in FORMATS if matches(form, data, path.name) and accepts(form, data, path.name)]
        if len(found) > 1:
            claims[path.name] = found
    assert not claims


@pytest.mark.parametrize("name", SAMPLES)
def test_lookalikes_are_refused_without_a_failure(name: str) -> None:
    """A look-alike that does not pass the gate is answered with `NotThisFormat`, never with a broken model."""
    form = BY_NAME[name]
    for label, data in LOOKALIKES.items():
        if matches(form, data, "a.bin"):
            continue
        with pytest.raises(NotThisFormat):
            form.parse(ModelData("a.bin", data))
        assert label


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=400), keep=st.integers(0, 12))
@example(data=b"", keep=0)
def test_any_bytes_raise_only_declared_errors(name: str, data: bytes, keep: int) -> None:
    form = BY_NAME[name]
    for sample in SAMPLES[name]()[:1]:
        check(form, sample[:keep] + data)


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_raises_only_declared_errors_and_is_quick(name: str) -> None:
    form = BY_NAME[name]

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=damaged(*SAMPLES[name]()))
    def run(data: bytes) -> None:
        started = time.process_time()
        check(form, data)
        assert time.process_time() - started < SECONDS_PER_FILE

    run()


def check(form: Format, data: bytes) -> None:
    """Probe and parser end in an answer or a declared error, on bytes and on a view of a larger buffer."""
    if form.probe is not None:
        assert isinstance(form.probe(data[:HEAD_BYTES], len(data), "a.bin"), bool)
    for buffer in (data, memoryview(data)):
        try:
            graph = form.parse(ModelData("a.bin", buffer))
        except (InputError, NotThisFormat):
            continue
        assert graph.extent is None or 0 < graph.extent <= len(data)
        for tensor in graph.tensors:
            assert tensor.data is None or tensor.data.offset + tensor.data.size <= len(data)


@pytest.mark.parametrize("form", [form for form in FORMATS if form.gate], ids=lambda form: form.name)
def test_a_gate_never_hides_what_the_probe_would_accept(form: Format) -> None:
    """On every file at hand: what the probe accepts has one of the gate's magics."""
    assert form.probe is not None
    for path in (*MODELS.rglob("*"), *EXAMPLES.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if form.probe(head, path.stat().st_size, path.name):
                assert any(head.startswith(magic.value, magic.offset) for magic in form.gate), path
