"""Weights changed in place: they are found, read as the right numbers, written back to the same bytes, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.api import open_model
from nngauge.domain.compression import Choice, Scheme, Scope, Variant
from nngauge.domain.graph import DType

np = pytest.importorskip("numpy")

from nngauge.compress.patching import is_same, no_weights, patch_of, stored_bits, values_of, weights_of  # noqa: E402
from nngauge.compress.schemes import reduced  # noqa: E402
from nngauge.compress.subject import Subject, subject_of  # noqa: E402
from nngauge.compress.versions import Versions  # noqa: E402

MODELS = Path(__file__).parents[2] / "examples" / "models"
SHARED = Path(__file__).parents[3] / "shared" / "models"
FOUND = {
    "digits_tflite/digits_float32.tflite": (3, {DType.FLOAT32}, 6540),
    "digits_tflite/digits_float16.tflite": (3, {DType.FLOAT16}, 6540),
    "digits_tflite/digits_int8.tflite": (3, {DType.INT8}, 6540),
    "digits_tflite/digits_dynamic.tflite": (3, {DType.FLOAT32, DType.INT8}, 6540),
    "keywords_tflite/keywords_int8.tflite": (8, {DType.INT8}, 3480),
    "shapes_onnx/shapes_classifier.onnx": (6, {DType.FLOAT32}, 3152),
    "shapes_ncnn/shapes_classifier.param": (6, {DType.FLOAT32}, 3152),
    "shapes_ncnn/shapes_segmenter.param": (3, {DType.FLOAT16}, 3096),
    "shapes_openvino/shapes_classifier.xml": (6, {DType.FLOAT32}, 3152),
    "shapes_ort/shapes_classifier.ort": (6, {DType.FLOAT32}, 3152),
    "shapes_mnn/shapes_classifier.mnn": (6, {DType.FLOAT32}, 3152),
    "shapes_executorch/shapes_classifier_portable.pte": (6, {DType.FLOAT32}, 3152),
}


def subject(name: str) -> Subject:
    with open_model(MODELS / name) as extracted:
        return subject_of(extracted)


@pytest.mark.parametrize("name", FOUND)
def test_weights_are_found_and_written_back_to_the_same_bytes(name: str) -> None:
    model = subject(name)
    weights = weights_of(model)
    count, dtypes, elements = FOUND[name]
    assert (len(weights), {one.dtype for one in weights}, sum(one.elements for one in weights)) == (
        count,
        dtypes,
        elements,
    )
    assert len({one.name for one in weights}) == count
    for one in weights:
        patch = patch_of(one, values_of(model, one))
        assert len(patch.content) == one.span.size
        assert is_same(model, patch)
        assert not is_same(model, patch_of(one, values_of(model, one) + 1))


@pytest.mark.parametrize("name", [name for name in FOUND if "shapes_classifier" in name])
def test_one_model_in_all_formats_has_the_same_channels(name: str) -> None:
    """The file of each format holds the same network: what 4 bits for each channel do to it does not depend on the format."""
    model = subject(name)
    found = {}
    for one in weights_of(model):
        values = values_of(model, one)
        wrong = reduced(values, one.axes, 4, Scheme.LINEAR).values - values
        channels = int(np.prod([one.shape[axis] for axis in one.axes]))
        found[one.elements, channels] = round(float((wrong.astype("f8") ** 2).sum()), 6)
    onnx = subject("shapes_onnx/shapes_classifier.onnx")
    wanted = {}
    for one in weights_of(onnx):
        values = values_of(onnx, one)
        wrong = reduced(values, one.axes, 4, Scheme.LINEAR).values - values
        wanted[one.elements, one.shape[0]] = round(float((wrong.astype("f8") ** 2).sum()), 6)
    assert found.keys() == wanted.keys()
    assert all(found[key] == pytest.approx(wanted[key], rel=1e-3) for key in wanted)


def test_integers_with_scales_are_the_numbers_they_stand_for() -> None:
    floats, whole = subject("digits_tflite/digits_float32.tflite"), subject("digits_tflite/digits_int8.tflite")
    for one, other in zip(weights_of(floats), weights_of(whole), strict=True):
        assert one.shape == other.shape
        shipped, restored = values_of(floats, one), values_of(whole, other)
        assert np.abs(shipped - restored).max() <= 0.51 * max(other.scales)


def test_integers_stay_on_their_grid() -> None:
    model = subject("digits_tflite/digits_int8.tflite")
    (one, *_) = weights_of(model)
    patch = patch_of(one, values_of(model, one) * 0.5)
    before = np.frombuffer(model.files[0].content, "i1", one.elements, one.span.offset)
    assert np.abs(np.frombuffer(patch.content, "i1") - before / 2).max() <= 0.51
    beyond = patch_of(one, np.full(one.shape, 1e9, np.float32))
    assert set(np.frombuffer(beyond.content, "i1").tolist()) == {127}


def test_onnx_scales_are_read(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx writes the model")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    stored = np.arange(-64, 64, dtype=np.int8).reshape(8, 16)
    scales = np.linspace(0.01, 0.08, 8).astype(np.float32)
    weights = [
        numpy_helper.from_array(stored, "w"), numpy_helper.from_array(scales, "s"),
        numpy_helper.from_array(np.zeros(8, np.int8), "z"),
    ]  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0),
        helper.make_node("Gemm", ["x", "d"], ["y"], transB=1),
    ]
    ports = [helper.make_tensor_value_info(name, 1, [1, size]) for name, size in (("x", 16), ("y", 8))]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], weights)
    path = tmp_path / "q.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    with open_model(path) as extracted:
        model = subject_of(extracted)
    (found,) = weights_of(model)
    assert np.allclose(values_of(model, found), stored * scales[:, None])
    assert is_same(model, patch_of(found, values_of(model, found)))


def test_weights_with_nan_are_left_alone() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    (one, *_) = weights_of(model)
    content = bytearray(model.files[0].content)
    content[one.span.offset : one.span.offset + 4] = np.float32(np.nan).tobytes()
    broken = replace(model, files=(replace(model.files[0], content=bytes(content)),))
    assert len(weights_of(broken)) == 2


def test_spans_beyond_the_file_are_left_alone() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    last = max(one.span.offset for one in weights_of(model))
    cut = replace(model, files=(replace(model.files[0], content=model.files[0].content[: last + 8]),))
    assert all(one.span.offset < last for one in weights_of(cut))


@pytest.mark.parametrize(
    ("name", "reason", "says"),
    [
        ("shapes_torch/shapes_classifier.ptl", "unsupported", "torchscript"),
        ("digits_keras/digits.h5", "unsupported", "keras_h5"),
    ],
)
def test_formats_without_places_are_refused(name: str, reason: str, says: str) -> None:
    model = subject(name)
    assert weights_of(model) == ()
    found = no_weights(model)
    assert found.reason == reason
    assert says in found.explanation


def test_a_graph_without_weights_says_so() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    empty = replace(model, graph=replace(model.graph, nodes=()))
    assert no_weights(empty).reason == "no weights"
    whole = replace(
        model, graph=replace(model.graph, tensors=tuple(replace(one, dtype=DType.INT64) for one in model.graph.tensors))
    )
    assert weights_of(whole) == ()
    assert "int64" in no_weights(whole).explanation


def test_versions_have_the_sizes_of_their_bits() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    weights = weights_of(model)
    versions = Versions(model, weights)
    rest = model.size - 4 * 6540
    eight = versions.make(Variant(label="", bits=8, scheme=Scheme.KMEANS_LUT)).sizes
    assert eight.packed == rest + 6540 + 3 * 256 * 4
    assert eight.file is None  # tflite has no place for look-up tables
    one = versions.make(Variant(label="", bits=1, scheme=Scheme.LINEAR)).sizes
    channels = sum(int(np.prod([weight.shape[axis] for axis in weight.axes])) for weight in weights)
    assert one.packed == rest + sum((weight.elements + 7) // 8 for weight in weights) + 8 * channels
    half = versions.make(Variant(label="", bits=16)).sizes
    assert half.packed == half.file == rest + 2 * 6540
    assert half.deflated is not None
    assert half.deflated < half.packed


def test_only_named_weights_change() -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    first, *others = weights_of(model)
    version = Versions(model, weights_of(model)).make(Variant(label="", choices=(Choice(weight=first.name, bits=2),)))
    assert [patch.offset for patch in version.patches] == [first.span.offset]
    assert version.sizes.packed > sum(one.span.size for one in others)


def test_bits_that_are_there_already_change_nothing() -> None:
    model = subject("digits_tflite/digits_int8.tflite")
    versions = Versions(model, weights_of(model))
    assert all(stored_bits(one) == 8 for one in weights_of(model))
    for bits in (16, 8):
        version = versions.make(Variant(label="", bits=bits, scheme=Scheme.KMEANS_LUT))
        assert version.patches == ()
        assert version.sizes == versions.shipped
    assert versions.make(Variant(label="", bits=4, scheme=Scheme.LINEAR)).patches


@pytest.mark.parametrize("scope", list(Scope))
def test_pruned_weights_are_zero(scope: Scope) -> None:
    model = subject("digits_tflite/digits_float32.tflite")
    weights = weights_of(model)
    version = Versions(model, weights).make(Variant(label="", sparsity=0.5, scope=scope))
    zeros = [float((np.frombuffer(patch.content, "<f4") == 0).mean()) for patch in version.patches]
    if scope is Scope.LAYER:
        assert all(abs(share - 0.5) < 0.01 for share in zeros)
    total = sum((np.frombuffer(patch.content, "<f4") == 0).sum() for patch in version.patches)
    assert abs(total / 6540 - 0.5) < 0.01
    assert version.sizes.file == model.size
    rest = model.size - 4 * 6540
    assert version.sizes.packed == pytest.approx(rest + 6540 / 8 + 2 * 6540, abs=64)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/models")
def test_real_files_come_back_to_the_same_bytes() -> None:
    seen = 0
    for path in (*sorted((SHARED / "tflite").glob("*.tflite")), *sorted((SHARED / "onnx").glob("*.onnx"))):
        with open_model(path) as extracted:
            model = subject_of(extracted)
        for one in weights_of(model):
            seen += 1
            assert is_same(model, patch_of(one, values_of(model, one))), (path.name, one.name)
    assert seen > 50
