"""Real engines on the example models. What is not installed is skipped; nothing here depends on how fast anything is."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from nngauge.engines import ENGINES, Reply, engine_named, installed
from nngauge.engines.local import launch_here
from tests.builders.samples import MODELS
from tests.engines.launching import LIMITS, SHORT, launched, request

RUNS = (
    ("litert", "digits_tflite/digits_float32.tflite"),
    ("litert", "keywords_tflite/keywords_int8.tflite"),
    ("litert_compiled", "digits_tflite/digits_int8.tflite"),
    ("onnxruntime", "shapes_onnx/shapes_classifier.onnx"),
    ("onnxruntime", "shapes_ort/shapes_segmenter.ort"),
    ("openvino", "shapes_openvino/shapes_classifier.xml"),
    ("openvino", "digits_tflite/digits_float32.tflite"),
    ("mnn", "shapes_mnn/shapes_classifier.mnn"),
    ("executorch", "shapes_executorch/shapes_classifier_xnnpack.pte"),
    ("llamacpp", "story_gguf/story_llama_q8_0.gguf"),
)
IMAGE = {"in0": (3, 32, 32)}
"""ncnn files of the examples leave it to the program."""
SAME = (
    ("onnxruntime", "shapes_onnx/shapes_classifier.onnx", {}),
    ("onnxruntime", "shapes_ort/shapes_classifier.ort", {}),
    ("openvino", "shapes_openvino/shapes_classifier.xml", {"delegate": "cpu-f32"}),
    ("openvino", "shapes_onnx/shapes_classifier.onnx", {"delegate": "cpu-f32"}),
    ("ncnn", "shapes_ncnn/shapes_classifier.param", {"shapes": IMAGE}),
    ("mnn", "shapes_mnn/shapes_classifier.mnn", {}),
    ("executorch", "shapes_executorch/shapes_classifier_portable.pte", {}),
    ("executorch", "shapes_executorch/shapes_classifier_xnnpack.pte", {}),
)
"""One network, exported for each."""
DELEGATES = ("", "cpu-xnnpack", "cpu-builtin", "cpu-reference")


def numbers(folder: Path, reply: Reply) -> list[float]:
    (out,) = reply.outputs
    content = (folder / "out.raw").read_bytes()[: out.size]
    code = {"float32": "f", "int8": "b"}[out.dtype]
    return list(struct.unpack(f"<{out.size // struct.calcsize(code)}{code}", content))


def computed(engine: str, file: str, folder: Path, **options: Any) -> list[float]:
    reply = launched(engine, file, folder, outputs=str(folder / "out.raw"), **options)
    assert reply.trouble is None, reply.trouble
    return numbers(folder, reply)


@pytest.mark.parametrize(("engine", "file"), RUNS)
def test_an_engine_runs_and_tells_samples_and_outputs(engine: str, file: str, tmp_path: Path) -> None:
    reply = launched(engine, file, tmp_path, outputs=str(tmp_path / "out"))
    assert reply.trouble is None, reply.trouble
    assert reply.engine == engine
    assert reply.version
    assert len(reply.wall_ns) == len(reply.cpu_ns) == len(reply.interrupted) >= SHORT["least_runs"]
    assert min(reply.wall_ns) > 0
    assert reply.warmup_ns
    assert reply.load_ns > 0
    assert reply.first_ns > 0
    assert reply.sample_cost_ns is not None
    assert reply.peak_bytes is not None
    assert reply.load_bytes is not None
    assert reply.peak_bytes > reply.load_bytes
    assert reply.finite
    if engine != "llamacpp":  # it makes its prompt up, the same for each run
        assert len(set(reply.digests)) == 2, "another input, another output"
        assert (tmp_path / "out").stat().st_size == 2 * sum(out.size for out in reply.outputs)


@pytest.mark.parametrize(("engine", "file", "options"), SAME)
def test_engines_agree_on_the_same_network(engine: str, file: str, options: dict[str, Any], tmp_path: Path) -> None:
    theirs = computed("onnxruntime", SAME[0][1], tmp_path)
    assert computed(engine, file, tmp_path, **options) == pytest.approx(theirs, abs=1e-3)
    assert sum(theirs) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("engine", ["litert", "litert_compiled"])
@pytest.mark.parametrize("delegate", DELEGATES)
def test_kernels_of_litert_agree(engine: str, delegate: str, tmp_path: Path) -> None:
    float32, int8 = "digits_tflite/digits_float32.tflite", "digits_tflite/digits_int8.tflite"
    assert computed(engine, float32, tmp_path, delegate=delegate) == pytest.approx(
        computed("litert", float32, tmp_path), abs=1e-4
    )
    assert computed(engine, int8, tmp_path, delegate=delegate) == pytest.approx(
        computed("litert", int8, tmp_path), abs=2
    )


def test_litert_tells_which_operators_fell_back(tmp_path: Path) -> None:
    assert launched("litert", "digits_tflite/digits_int8.tflite", tmp_path).delegated == {"xnnpack": 5, "cpu": 1}
    assert launched("litert", "digits_tflite/digits_int8.tflite", tmp_path, delegate="cpu-builtin").delegated == {
        "cpu": 6
    }


@pytest.mark.parametrize(
    ("engine", "file", "kind"),
    [
        ("litert_compiled", "keywords_tflite/keywords_float32.tflite", "Softmax (NC, F32)"),
        ("onnxruntime", "shapes_onnx/shapes_classifier.onnx", "Softmax"),
        ("openvino", "shapes_openvino/shapes_classifier.xml", "Softmax"),
        ("mnn", "shapes_mnn/shapes_classifier.mnn", "Softmax"),
        ("executorch", "shapes_executorch/shapes_classifier_xnnpack.pte", "Softmax (NC, F32)"),
        ("executorch", "shapes_executorch/shapes_classifier_portable.pte", "convolution.out"),
    ],
)
def test_profiles_name_operators(engine: str, file: str, kind: str, tmp_path: Path) -> None:
    reply = launched(engine, file, tmp_path, profile=True)
    assert reply.trouble is None, reply.trouble
    assert not reply.wall_ns, "a profiled launch is not timed"
    assert kind.lower() in {op.kind.lower() for op in reply.ops}
    assert len({op.name for op in reply.ops}) == len(reply.ops)
    assert sum(op.nanoseconds for op in reply.ops) > 0


def test_the_profile_of_kernels_without_a_delegate_names_the_operators_of_the_file(tmp_path: Path) -> None:
    reply = launched(
        "litert_compiled", "digits_tflite/digits_int8.tflite", tmp_path, profile=True, delegate="cpu-builtin"
    )
    assert [(op.kind, op.unit) for op in reply.ops] == [
        (kind, "cpu") for kind in ("CONV_2D", "MAX_POOL_2D", "CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX")
    ]


def test_ncnn_runs_without_weights_only_when_asked(tmp_path: Path) -> None:
    param = tmp_path / "net.param"
    param.write_bytes((MODELS / "shapes_ncnn" / "shapes_classifier.param").read_bytes())
    engine = engine_named("ncnn")
    if not installed(engine):
        pytest.skip("ncnn is not installed")
    asked = request(param, tmp_path, IMAGE)
    refused = launch_here(engine, asked, LIMITS).trouble
    assert refused is not None
    assert (refused.kind, "cpu-no-weights" in refused.hint) == ("unsupported", True)
    reply = launch_here(engine, request(param, tmp_path, IMAGE, delegate="cpu-no-weights"), LIMITS)
    assert reply.trouble is None
    assert reply.wall_ns
    assert len(set(reply.digests)) == 1


def test_a_language_model_is_timed_in_two_parts(tmp_path: Path) -> None:
    reply = launched("llamacpp", "story_gguf/story_llama_f16.gguf", tmp_path)
    assert [(stage.name, stage.tokens) for stage in reply.stages] == [("prefill", 64), ("decode", 16)]
    assert {len(stage.wall_ns) for stage in reply.stages} == {len(reply.wall_ns) * reply.inferences_per_sample}


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("spoil", ["empty", "noise", "half"])
def test_files_that_are_broken_are_refused_or_crash_and_both_are_results(
    engine: Any, spoil: str, tmp_path: Path
) -> None:
    if not installed(engine):
        pytest.skip(f"{engine.title} is not installed")
    file = next(
        MODELS / name
        for which, name in (*RUNS, ("ncnn", "shapes_ncnn/shapes_classifier.param"))
        if which == engine.name
    )
    content = file.read_bytes()
    made = {"empty": b"", "noise": bytes(range(256)) * 64, "half": content[: len(content) // 2]}[spoil]
    broken = tmp_path / f"broken{file.suffix}"
    broken.write_bytes(made)
    asked = request(file, tmp_path, IMAGE if engine.name == "ncnn" else None)
    reply = launch_here(engine, _on(asked, broken), LIMITS)
    assert reply.trouble is not None
    assert reply.trouble.kind in {"unsupported", "failed", "crashed", "memory"}
    assert reply.trouble.reason


def _on(asked: Any, file: Path) -> Any:
    from msgspec.structs import replace

    return replace(asked, files=(str(file),))


@pytest.mark.parametrize(("engine", "file"), RUNS)
def test_a_delegate_that_is_not_there_is_refused_with_those_that_are(engine: str, file: str, tmp_path: Path) -> None:
    trouble = launched(engine, file, tmp_path, delegate="hexagon").trouble
    assert trouble is not None
    assert (trouble.kind, trouble.reason) == ("unsupported", "no delegate 'hexagon' here")
    assert "there are" in trouble.hint


@pytest.mark.parametrize(("engine", "file"), [pair for pair in RUNS if pair[0] != "llamacpp"])
def test_inputs_of_another_number_are_refused(engine: str, file: str, tmp_path: Path) -> None:
    from msgspec.structs import replace

    chosen = engine_named(engine)
    if not installed(chosen):
        pytest.skip(f"{chosen.title} is not installed")
    trouble = launch_here(chosen, replace(request(MODELS / file, tmp_path), feeds={}), LIMITS).trouble
    assert trouble is not None
    assert "there are 0" in trouble.reason
