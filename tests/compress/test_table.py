"""The whole table on the example models: in every engine, on every kind of weight, and what is said when there is none."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from nngauge.cli import cli
from nngauge.domain.compression import Refusal, Rule, Scheme, Scope, Table
from nngauge.errors import UsageError

np = pytest.importorskip("numpy")

from nngauge.compress.ready import Wanted, _begin  # noqa: E402
from nngauge.compress.subject import Subject  # noqa: E402
from nngauge.compress.table import compression_table, plan  # noqa: E402
from nngauge.compress.trial import TrialError  # noqa: E402
from nngauge.compressing import subject_at  # noqa: E402

MODELS = Path(__file__).parents[2] / "examples" / "models"
ENGINES = {
    "tflite": "ai_edge_litert", "onnx": "onnxruntime", "ort": "onnxruntime", "ncnn": "ncnn", "openvino": "openvino",
}  # fmt: skip
QUICK = Wanted(inputs=24)
SMALL = Wanted(inputs=24, shapes={"in0": (3, 32, 32)})
"""ncnn files do not say how large a picture is."""


def table(name: str, wanted: Wanted = QUICK, *, prune: bool = False) -> Table:
    found = compression_table(subject(name), wanted, prune=prune)
    assert isinstance(found, Table), found
    return found


def subject(name: str) -> Subject:
    engine = ENGINES[name.partition("/")[0].rpartition("_")[2]]
    if find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    return subject_at(MODELS / name)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["compress", *words], catch_exceptions=False)


@pytest.mark.parametrize(
    "name",
    [
        "digits_tflite/digits_float32.tflite", "digits_tflite/digits_float16.tflite", "digits_tflite/digits_int8.tflite",
        "digits_tflite/digits_dynamic.tflite", "keywords_tflite/keywords_int8.tflite", "shapes_onnx/shapes_classifier.onnx",
        "shapes_onnx/shapes_segmenter.onnx", "shapes_ort/shapes_classifier.ort", "shapes_openvino/shapes_classifier.xml", "shapes_ncnn/shapes_classifier.param", "shapes_ncnn/shapes_segmenter.param",
    ],
)  # fmt: skip
def test_every_example_has_a_table(name: str) -> None:
    found = table(name, SMALL if "ncnn" in name else QUICK)
    assert [row.variant for row in found.rows] == list(plan())
    assert not found.pruned
    assert found.cpu_seconds > 0
    for row in found.rows:
        assert row.refusal is None
        assert row.agreement is not None
        assert row.agreement.identical or row.agreement.sqnr is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Table) == found


def test_engines_tell_the_same_of_the_same_model(tmp_path: Path) -> None:
    """One network as ONNX, ORT and OpenVINO files: 4 bits cost the same in each."""
    chance = np.random.default_rng(0)
    for at in range(8):
        np.save(tmp_path / f"{at}.npy", chance.normal(0, 1, (1, 3, 32, 32)).astype(np.float32))
    names = (
        "shapes_onnx/shapes_classifier.onnx",
        "shapes_ort/shapes_classifier.ort",
        "shapes_openvino/shapes_classifier.xml",
    )
    ratios = []
    for name in names:
        rows = table(name, Wanted(folder=tmp_path)).rows
        ratios.append([row.agreement.sqnr for row in rows if row.agreement is not None and row.variant.bits == 4])
    assert ratios[1] == pytest.approx(ratios[0], abs=0.05)
    assert ratios[2] == pytest.approx(ratios[0], abs=0.05)


def test_more_bits_are_nearer_and_larger() -> None:
    found = table("digits_tflite/digits_float32.tflite")
    for scheme in Scheme:
        rows = [row for row in found.rows if row.variant.scheme is scheme]
        assert [row.sizes.packed for row in rows] == sorted((row.sizes.packed for row in rows), reverse=True)
        ratios = [row.agreement.sqnr for row in rows if row.agreement is not None and row.agreement.sqnr is not None]
        assert ratios[0] > ratios[2] > ratios[4]
    half, eight = found.rows[0], found.rows[1]
    assert half.agreement is not None
    assert eight.agreement is not None
    assert (half.agreement.sqnr or 0) > (eight.agreement.sqnr or 0) > 20


def test_digits_are_told_apart_and_eight_bits_keep_them() -> None:
    found = table("digits_tflite/digits_float32.tflite", Wanted(inputs=100))
    assert found.reference.rule is Rule.TOP1
    assert not found.reference.withheld
    eight = next(row for row in found.rows if row.variant.label == "8 bit kmeans_lut")
    assert eight.agreement is not None
    assert (eight.agreement.share or 0) >= 0.9
    one = next(row for row in found.rows if row.variant.label == "1 bit linear")
    assert one.agreement is not None
    assert (one.agreement.share or 0) < (eight.agreement.share or 0)


def test_rows_that_change_nothing_are_the_same() -> None:
    found = table("digits_tflite/digits_int8.tflite")
    same = [row.variant.bits for row in found.rows if row.agreement is not None and row.agreement.identical]
    assert same == [16, 8, 8, 8]
    assert any("int8" in note for note in found.notes)


def test_the_sweep_gets_worse() -> None:
    found = table("digits_tflite/digits_float32.tflite", prune=True)
    assert len(found.pruned) == 18
    for scope in Scope:
        rows = [row for row in found.pruned if row.variant.scope is scope]
        ratios = [row.agreement.sqnr for row in rows if row.agreement is not None and row.agreement.sqnr is not None]
        assert ratios[0] > ratios[4] > ratios[8]
        assert rows[0].sizes.packed > rows[8].sizes.packed


def test_noise_has_ratios_but_no_share() -> None:
    found = table("keywords_tflite/keywords_float32.tflite")
    assert found.reference.withheld == "answers to noise say nothing"
    assert all(row.agreement is not None and row.agreement.share is None for row in found.rows)


def test_a_model_that_does_not_run_is_a_refusal() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    content = model.files[0].content
    # Operator codes are read from the same bytes by the engine; without them it has nothing to run.
    broken = replace(model, files=(replace(model.files[0], content=b"\0" * 8 + content[8:]),))
    found = compression_table(broken, QUICK)
    assert isinstance(found, Refusal)
    assert found.reason in ("does not run", "crashed")
    assert found.explanation


def test_answers_of_nan_are_a_refusal() -> None:
    from nngauge.compress.patching import weights_of

    model = subject("digits_tflite/digits_float32.tflite")
    bias = next(
        one
        for one in model.graph.tensors
        if one.data is not None and one.shape == (10,) and one.dtype.value == "float32"
    )
    assert bias.data is not None
    content = bytearray(model.files[0].content)
    content[bias.data.offset : bias.data.offset + 40] = np.full(10, np.nan, np.float32).tobytes()
    broken = replace(model, files=(replace(model.files[0], content=bytes(content)),))
    assert weights_of(broken)
    found = compression_table(broken, QUICK)
    assert isinstance(found, Refusal)
    assert found.reason == "not finite"


def test_formats_and_models_without_weights_are_refusals() -> None:
    found = compression_table(subject_at(MODELS / "digits_keras" / "digits.h5"))
    assert isinstance(found, Refusal)
    assert found.reason == "unsupported"


def test_the_screen_says_agreement_and_never_accuracy_alone(tmp_path: Path) -> None:
    subject("digits_tflite/digits_float32.tflite")
    svg = tmp_path / "trade.svg"
    path = str(MODELS / "digits_tflite" / "digits_float32.tflite")
    result = run(path, "--count", "64", "--prune", "--svg", str(svg), "--quiet")
    assert result.exit_code == 0
    for word in (
        "as shipped",
        "kmeans_lut",
        "deflated",
        "it is not accuracy",
        "Prune only with retraining",
        "pictures of digits",
    ):
        assert word in result.stdout, word
    root = ET.fromstring(svg.read_text())
    assert sum(1 for one in root.iter() if one.tag.endswith("circle")) > 30
    before = svg.read_bytes()
    with pytest.raises(UsageError, match="there already"):
        run(path, "--svg", str(svg), "--quiet")
    assert svg.read_bytes() == before


def test_json_holds_everything() -> None:
    subject("shapes_onnx/shapes_classifier.onnx")
    result = run(str(MODELS / "shapes_onnx" / "shapes_classifier.onnx"), "--count", "16", "--json", "--quiet")
    document = json.loads(result.stdout)
    assert (document["format"], document["engine"], len(document["rows"])) == ("onnx", "onnxruntime", 19)
    assert document["rows"][1]["agreement"]["rule"] == "top-1"


def test_a_refusal_is_exit_code_one() -> None:
    result = run(str(MODELS / "digits_keras" / "digits.h5"), "--quiet")
    assert result.exit_code == 1
    assert "no table: weights of keras_h5 files" in result.stdout


def test_your_inputs_are_used(tmp_path: Path) -> None:
    subject("digits_tflite/digits_float32.tflite")
    chance = np.random.default_rng(0)
    for at in range(12):
        np.save(tmp_path / f"{at:02}.npy", chance.random((8, 8)).astype(np.float32))
    (tmp_path / "99.npy").write_bytes(b"nothing")
    result = run(
        str(MODELS / "digits_tflite" / "digits_float32.tflite"), "--inputs", str(tmp_path), "--json", "--quiet"
    )
    document = json.loads(result.stdout)
    assert document["inputs"]["source"] == "your files"
    assert (document["inputs"]["count"], document["inputs"]["unreadable_count"]) == (12, 1)


def test_a_missing_engine_is_a_refusal_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nngauge.compress.trial.installed", lambda _: False)
    result = run(str(MODELS / "digits_tflite" / "digits_float32.tflite"), "--quiet")
    assert result.exit_code == 1
    assert "is not installed" in result.stdout
    assert 'pip install "nngauge[litert]"' in result.stdout


def test_missing_numpy_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "numpy" else object())
    with pytest.raises(UsageError) as caught:
        run(str(MODELS / "digits_tflite" / "digits_float32.tflite"), "--quiet")
    assert 'pip install "nngauge[compress]"' in str(caught.value)


def test_names_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    subject("digits_tflite/digits_float32.tflite")
    path = tmp_path / "a\x1b[31m\nevil<b>.tflite"
    path.write_bytes((MODELS / "digits_tflite" / "digits_float32.tflite").read_bytes())
    svg = tmp_path / "x.svg"
    result = run(str(path), "--count", "8", "--quiet", "--svg", str(svg))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "evil<b>" in result.stdout
    ET.fromstring(svg.read_text())


class Refusing:
    """A trial of a model that runs on nothing."""

    def run(self, places: object = None) -> None:
        raise TrialError("failed", "code -100")


def test_a_size_that_was_only_assumed_is_named_when_the_model_does_not_run() -> None:
    open_size = subject_at(MODELS / "shapes_ncnn" / "shapes_classifier.param")
    with pytest.raises(TrialError) as caught:
        _begin(open_size, cast(Any, Refusing()), Wanted())
    assert "--input in0=" in caught.value.hint
    closed = subject_at(MODELS / "shapes_onnx" / "shapes_classifier.onnx")
    for model, wanted in ((closed, Wanted()), (open_size, Wanted(shapes={"in0": (3, 8, 8)}))):
        with pytest.raises(TrialError) as plain:
            _begin(model, cast(Any, Refusing()), wanted)
        assert not plain.value.hint
