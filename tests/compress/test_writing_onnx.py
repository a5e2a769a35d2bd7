"""Smaller ONNX files: our own weight-only rewriting, and ONNX Runtime's quantiser."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.api import open_model
from nngauge.compress.building import Plan, build
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Recipe, writer_for
from nngauge.compress.writing._api import Bits
from nngauge.compress.writing.onnx import rounded
from nngauge.domain.compression import Refusal
from nngauge.domain.written import Written

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

MODEL = Path(__file__).parents[2] / "examples" / "models" / "shapes_onnx" / "shapes_classifier.onnx"


def built(source: Path, folder: Path, recipe: Recipe, **more: object) -> Written | Refusal:
    writer = writer_for("onnx", recipe)
    assert writer is not None
    plan = Plan(
        writer=writer,
        recipe=recipe,
        output=folder / f"{recipe}.onnx",
        wanted=Wanted(inputs=64 if recipe is Recipe.INT8_STATIC else 8),
        **more,
    )
    return build(source, plan, open_model)


def old(path: Path, opset: int = 9, ir: int = 3) -> Path:
    """A convolution, a transposed one and two dense layers as exporters wrote them: initialisers are inputs too."""
    chance = np.random.default_rng(3)
    weights = {
        "w1": chance.standard_normal((16, 3, 3, 3)), "w2": chance.standard_normal((16, 8, 2, 2)),
        "w3": chance.standard_normal((40, 8 * 16 * 16)), "w4": chance.standard_normal((40, 10)),
        "bias": chance.standard_normal((40,)),
    }  # fmt: skip
    tensors = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("ConvTranspose", ["b", "w2"], ["c"], strides=[2, 2]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "w3", "bias"], ["e"], transB=1),
        helper.make_node("MatMul", ["e", "w4"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", number, [1, 3, 8, 8])]
    inputs += [helper.make_tensor_value_info(item.name, number, item.dims) for item in tensors]
    graph = helper.make_graph(nodes, "old", inputs, [helper.make_tensor_value_info("y", number, [1, 10])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("recipe", "most", "least"),
    [
        (Recipe.INT8_WEIGHTS, 0.3, 30.0),
        (Recipe.INT4_WEIGHTS, 0.2, 9.0),
        (Recipe.INT8_DYNAMIC, 0.4, 20.0),
        (Recipe.INT8_STATIC, 0.4, 20.0),
        (Recipe.FLOAT16, 0.55, 50.0),
    ],
)
def test_recipes_shrink_an_old_file(tmp_path: Path, recipe: Recipe, most: float, least: float) -> None:
    made = built(old(tmp_path / "old.onnx"), tmp_path, recipe)
    assert isinstance(made, Written), made
    assert made.after.file < most * made.before.file
    assert made.likeness is not None
    assert made.likeness.sqnr is not None
    assert made.likeness.sqnr > least
    assert made.changes[0] == "5 initialisers were listed as inputs"
    onnx.checker.check_model(made.output)


def test_plan_by_weight(tmp_path: Path) -> None:
    bits = tuple(Bits(weight=f"w{at}", tensor=at, bits=width) for at, width in ((1, 8), (2, 32), (3, 4), (4, 16)))
    made = built(old(tmp_path / "old.onnx"), tmp_path, Recipe.MIXED, bits=bits)
    assert isinstance(made, Written), made
    stored = {item.name: item.data_type for item in onnx.load(made.output).graph.initializer}
    assert stored["w1_int8"] == onnx.TensorProto.INT8
    assert stored["w2"] == onnx.TensorProto.FLOAT
    assert stored["w3_int4"] == onnx.TensorProto.INT4
    assert stored["w4_half"] == onnx.TensorProto.FLOAT16


@pytest.mark.parametrize(("bits", "axis"), [(8, 0), (4, 0), (8, None), (4, 1)])
def test_rounding_is_within_half_a_step(bits: int, axis: int | None) -> None:
    values = np.random.default_rng(0).standard_normal((6, 5, 3)).astype(np.float32)
    values[2] = 0
    numbers, scales = rounded(values, bits, axis)
    assert numbers.max() <= 2 ** (bits - 1) - 1
    shape = [1, 1, 1]
    if axis is not None:
        shape[axis] = -1
    wide = scales.reshape(shape)
    assert np.all(np.abs(numbers * wide - values) <= wide / 2 + 1e-6)
    assert not numbers[2].any()


def test_model_without_weights_is_refused(tmp_path: Path) -> None:
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    ports = [helper.make_tensor_value_info(name, number, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ports[:1], ports[1:])
    onnx.save(helper.make_model(graph), tmp_path / "bare.onnx")
    made = built(tmp_path / "bare.onnx", tmp_path, Recipe.INT8_WEIGHTS)
    assert isinstance(made, Refusal)
    assert made.explanation == "ONNX and ONNX Runtime: no weight is to be stored in fewer bits"


def unconvertible(path: Path) -> Path:
    """`Crop` of the early experiments is in no operator set that the converter knows, though ONNX Runtime runs it."""
    chance = np.random.default_rng(4)
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.numpy_helper.from_array(chance.standard_normal((16, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Crop", ["a"], ["y"], border=[1, 1, 1, 1]),
    ]
    ports = [
        helper.make_tensor_value_info(name, number, shape)
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 16, 6, 6]))
    ]
    graph = helper.make_graph(nodes, "old", ports[:1], ports[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 7)], ir_version=3), path)
    return path


def test_operator_without_a_rule_is_told(tmp_path: Path) -> None:
    """The file stays in its operator set, where scales are multiplied; 4 bits need a newer one."""
    source = unconvertible(tmp_path / "old.onnx")
    made = built(source, tmp_path, Recipe.INT8_WEIGHTS)
    assert isinstance(made, Written), made
    assert "operator set 7 cannot be brought to 13" in made.notes[0]
    assert made.after.weights["int8"] == 16 * 27
    if made.likeness is not None and made.likeness.sqnr is not None:
        assert made.likeness.sqnr > 30
    refused = built(source, tmp_path, Recipe.INT4_WEIGHTS)
    assert isinstance(refused, Refusal)
    assert "which 4 bits need" in refused.explanation


def test_shipped_example(tmp_path: Path) -> None:
    made = built(MODEL, tmp_path, Recipe.INT8_WEIGHTS)
    assert isinstance(made, Written), made
    assert made.before.macs == made.after.macs
