"""Smaller TFLite files by AI Edge Quantizer."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from nngauge.api import open_model, read_graph
from nngauge.compress.building import Plan, build
from nngauge.compress.modernise import write
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Recipe, writer_for
from nngauge.compress.writing._api import Bits
from nngauge.domain.compression import Refusal
from nngauge.domain.graph import Graph
from nngauge.domain.written import Written
from tests.builders.legacy_tflite import aged

pytest.importorskip("ai_edge_quantizer", reason='needs pip install "nngauge[compress]"')
pytest.importorskip("ai_edge_litert")

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
MODEL = EXAMPLES / "digits_tflite" / "digits_float32.tflite"
KEYWORDS = EXAMPLES / "keywords_tflite" / "keywords_float32.tflite"


def built(source: Path, folder: Path, recipe: Recipe, **more: object) -> Written | Refusal:
    writer = writer_for("tflite", recipe)
    assert writer is not None
    plan = Plan(
        writer=writer,
        recipe=recipe,
        output=folder / f"{recipe}.tflite",
        wanted=Wanted(inputs=64 if recipe is Recipe.INT8_STATIC else 8),
        **more,
    )
    return build(source, plan, open_model)


@pytest.mark.parametrize(
    ("recipe", "most", "least"),
    [
        (Recipe.INT8_WEIGHTS, 0.3, 25.0),
        (Recipe.INT8_DYNAMIC, 0.3, 20.0),
        (Recipe.INT4_WEIGHTS, 0.2, -5.0),
        (Recipe.INT8_STATIC, 0.3, 10.0),
        (Recipe.FLOAT16, 0.55, 50.0),
    ],
)
def test_recipes_shrink_an_old_file(tmp_path: Path, recipe: Recipe, most: float, least: float) -> None:
    """The file gets smaller, its operations stay, its answers stay near."""
    source = tmp_path / "old.tflite"
    source.write_bytes(aged(KEYWORDS.read_bytes(), half=False, labels=b"yes\nno\n"))
    made = built(source, tmp_path, recipe)
    assert isinstance(made, Written), made
    assert made.after.file < made.before.file
    assert made.after.weight_bytes is not None
    assert made.before.weight_bytes is not None
    assert made.after.weight_bytes < most * made.before.weight_bytes
    assert made.after.macs == made.before.macs
    assert made.likeness is not None
    assert made.likeness.sqnr is None or made.likeness.sqnr > least
    assert made.tools["ai-edge-quantizer"]
    with zipfile.ZipFile(made.output) as archive:
        assert archive.read("labels.txt") == b"yes\nno\n"


def test_apps_go_on_feeding_floats(tmp_path: Path) -> None:
    made = built(MODEL, tmp_path, Recipe.INT8_STATIC)
    assert isinstance(made, Written), made
    graph = read_graph(made.output)
    assert {str(graph.tensors[at].dtype) for at in (*graph.inputs, *graph.outputs)} == {"float32"}
    assert "int8" in made.after.weights


def test_static_quantisation_of_a_folded_half_precision_file(tmp_path: Path) -> None:
    """Calibration fails on tensors that folding leaves behind, so folding leaves none."""
    source = tmp_path / "half.tflite"
    source.write_bytes(aged(MODEL.read_bytes()))
    made = built(source, tmp_path, Recipe.INT8_STATIC)
    assert isinstance(made, Written), made


def weights(graph: Graph) -> list[int]:
    return [
        index for index, tensor in enumerate(graph.tensors)
        if tensor.constant and str(tensor.dtype) in {"float32", "float16"} and len(tensor.shape or ()) >= 2 and (tensor.elements or 0) >= 64
    ]  # fmt: skip


@pytest.mark.parametrize("half", [False, True])
def test_plan_by_weight(tmp_path: Path, half: bool) -> None:
    """Each weight gets the bits of the plan, also where the pre-pass moves it; the others stay."""
    source = tmp_path / "old.tflite"
    source.write_bytes(aged(KEYWORDS.read_bytes(), half=half, names=False))
    graph = read_graph(source)
    names = {
        index: graph.tensors[index].name.removesuffix("_half")
        for index in weights(graph)
        if not half or str(graph.tensors[index].dtype) == "float16"
    }
    wanted = dict(zip(names, (8, 4, 32, 16) * len(names), strict=False))
    bits = tuple(Bits(weight=names[index], tensor=index, bits=width) for index, width in wanted.items())
    made = built(source, tmp_path, Recipe.MIXED, bits=bits)
    assert isinstance(made, Written), made
    after = {tensor.name: str(tensor.dtype) for tensor in read_graph(made.output).tensors}
    stored = {8: {"int8"}, 4: {"int4", "int8"}, 32: {"float32"}, 16: {"float16", "float32"}}
    for index, width in wanted.items():
        kinds = {kind for name, kind in after.items() if name.startswith(names[index])}
        assert kinds & stored[width], (names[index], width, kinds)
        if width == 32:
            assert not kinds & {"int8", "int4", "float16"}


def test_what_is_quantised_already_is_refused(tmp_path: Path) -> None:
    made = built(EXAMPLES / "digits_tflite" / "digits_int8.tflite", tmp_path, Recipe.INT8_WEIGHTS)
    assert isinstance(made, Refusal)
    assert "nothing to make smaller" in made.explanation
    assert not list(tmp_path.iterdir())


def test_bits_that_the_tool_cannot_store(tmp_path: Path) -> None:
    from nngauge.errors import UsageError

    with pytest.raises(UsageError, match="in 3 bits"):
        built(MODEL, tmp_path, Recipe.MIXED, bits=(Bits(weight="w", tensor=0, bits=3),))


def lookup(path: Path) -> Path:
    """A table of 64 rows that is looked up, and nothing else."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    values = np.random.default_rng(2).standard_normal((64, 32)).astype(np.float32)
    model, graph, code, op = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [code], []
    code.builtinCode = code.deprecatedBuiltinCode = 36
    for data in (None, values.view(np.uint8).reshape(-1)):
        buffer = schema.BufferT()
        buffer.data = data
        model.buffers.append(buffer)
    graph.tensors = []
    for name, kind, shape, place in ((b"ids", 2, [1, 4], 0), (b"table", 0, [64, 32], 1), (b"rows", 0, [1, 4, 32], 0)):
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.buffer = name, kind, shape, place
        graph.tensors.append(tensor)
    op.opcodeIndex, op.inputs, op.outputs = 0, [1, 0], [2]
    op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.GatherOptions, schema.GatherOptionsT()
    graph.operators, graph.inputs, graph.outputs = [op], [0], [2]
    path.write_bytes(write(model))
    return path


def test_look_up_tables_are_stored_in_eight_bits(tmp_path: Path) -> None:
    """In models of text they are nearly all of the file, and the quantiser leaves them."""
    made = built(lookup(tmp_path / "text.tflite"), tmp_path, Recipe.INT8_WEIGHTS)
    assert isinstance(made, Written), made
    assert made.after.weights == {"int8": 64 * 32}
    assert made.likeness is not None
    assert made.likeness.sqnr is not None
    assert made.likeness.sqnr > 35
    assert "1 look-up table in 8 bits" in made.changes


@pytest.mark.parametrize(("bits", "kind"), [(8, "int8"), (32, "float32")])
def test_look_up_tables_follow_a_plan(tmp_path: Path, bits: int, kind: str) -> None:
    source = lookup(tmp_path / "text.tflite")
    made = built(source, tmp_path, Recipe.MIXED, bits=(Bits(weight="table", tensor=1, bits=bits),))
    if bits == 32:
        assert isinstance(made, Refusal)
        return
    assert isinstance(made, Written), made
    assert made.after.weights == {kind: 64 * 32}
