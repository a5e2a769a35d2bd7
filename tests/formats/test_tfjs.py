"""TensorFlow.js: graph and layers models, manifests alone, and JSON that is something else."""

from __future__ import annotations

import json

import pytest

from nngauge.domain.graph import Completeness, DType, Quantization, Span
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tfjs import FORMAT
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # nodes without constants and placeholders (a Keras layer may be several), parameters
    "tfjs_model_json/tensorflow__tfjs__0a01587d__model.json": (103, 100_442),
    "tfjs_model_json/tensorflow__tfjs__1120accf__model.json": (3, 11),
    "tfjs_model_json/tensorflow__tfjs__5a0efe4f__model.json": (102, 1_960_691),
    "tfjs_model_json/tensorflow__tfjs__600a6784__model.json": (330, 2_348_657),
    "tfjs_model_json/tensorflow__tfjs__92a5bfaf__model.json": (4, 2300),
    "tfjs_model_json/tensorflow__tfjs__f08f15b4__model.json": (2, 2),
    "tfjs_model_json/tensorflow__tfjs__f2d3ec9a__model.json": (254, 6_975_914),
    "tfjs_model_json/tensorflow__tfjs__f3e6f418__model.json": (1, 4),
    "tfjs_manifest/vladmandic__face-api__42b991e6__face_expression_model-weights_manifest.json": (0, 323_687),
    "tfjs_manifest/vladmandic__face-api__6adc335a__tiny_face_detector_model-weights_manifest.json": (0, 193_321),
}


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    working = [node for node in graph.nodes if node.op not in ("Const", "Placeholder")]
    assert (len(working), graph.parameters) == FILES[name]
    assert "missing" in graph.notes[0]
    assert {node.op for node in graph.nodes if node.kind is None} <= {"SparseToDense"}


def test_real_graph_model_is_canonical() -> None:
    path = MODELS / "tfjs_model_json" / "tensorflow__tfjs__5a0efe4f__model.json"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph = FORMAT.parse(ModelData("x", path.read_bytes()))
    first = next(node for node in graph.nodes if node.op == "_FusedConv2D")
    assert first.attributes["fused_activation"] == "Clip"
    assert first.attributes["auto_pad"] == "SAME_UPPER"
    assert first.attributes["weight_layout"] == "HWIO"
    assert graph.tensors[first.inputs[1]].shape == (3, 3, 3, 16)


def graph_model() -> dict[str, object]:
    """`matmul(x, w)` with a bias fused in, its texts in base64."""
    dims = {"dim": [{"size": "2"}, {"size": "3"}]}
    const = {"tensor": {"dtype": "DT_FLOAT", "tensorShape": dims}}
    fused = {"list": {"s": ["Qmlhc0FkZA==", "UmVsdTY="]}}
    return {
        "format": "graph-model",
        "signature": {"inputs": {"x": {"name": "x:0", "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": "-1"}]}}},
                      "outputs": {"y": {"name": "y:0", "dtype": "DT_FLOAT"}}},
        "modelTopology": {"node": [
            {"name": "x", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}}},
            {"name": "w", "op": "Const", "attr": {"value": const}},
            {"name": "shape", "op": "Const", "attr": {"value": {"tensor": {
                "dtype": 3, "tensorShape": {"dim": [{"size": "2"}]}, "intVal": ["-1", "3"]}}}},
            {"name": "r", "op": "Reshape", "input": ["x", "shape", "^w"]},
            {"name": "y", "op": "_FusedMatMul", "input": ["r", "w"],
             "attr": {"transpose_b": {"b": True}, "fused_ops": fused}},
        ]},
        "weightsManifest": [
            {"paths": ["a.bin", "b.bin"],
             "weights": [{"name": "v", "shape": [4], "dtype": "float32",
                          "quantization": {"dtype": "uint8", "scale": 0.5, "min": -2.0}},
                         {"name": "w", "shape": [2, 3], "dtype": "float32"}]},
        ],
    }  # fmt: skip


def test_graph_model_with_its_weights_in_place() -> None:
    data = json.dumps(graph_model()).encode()
    graph = FORMAT.parse(ModelData("m/model.json", data, {"m/a.bin": bytes(4), "m/b.bin": bytes(24)}))
    node = graph.nodes[-1]
    assert (node.kind, node.attributes) == ("Gemm", {"transA": 0, "transB": 1, "fused_activation": "Clip"})
    weights = graph.tensors[node.inputs[1]]
    assert (weights.data, weights.shape) == (Span(0, 24, 2), (2, 3))
    assert graph.tensors[graph.nodes[3].inputs[1]].values == (-1, 3)
    assert [graph.tensors[place].name for place in (*graph.inputs, *graph.outputs)] == ["x", "y"]
    loose = graph.tensors[-1]
    assert (loose.name, loose.data, loose.dtype) == ("v", Span(0, 4, 1), DType.UINT8)
    assert loose.quantization == Quantization(1, 0.5, 4)
    assert graph.completeness is Completeness.FULL
    survive(FORMAT, data, "model.json", count=100)


WEIGHTS = [
    {"name": "d/kernel", "shape": [2, 3], "dtype": "float32"},
    {"name": "d/bias", "shape": [3], "dtype": "float32"},
]
MODEL = {
    "format": "layers-model",
    "modelTopology": {
        "class_name": "Sequential",
        "config": [{"class_name": "Dense", "config": {"name": "d", "batch_input_shape": [None, 2], "units": 3}}],
    },
    "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": WEIGHTS}],
}


def test_shards_are_bound_and_measured() -> None:
    data = json.dumps(MODEL).encode()
    assert FORMAT.bind is not None
    listing = ["m/model.json", "m/group1-shard1of1.bin", "n/group1-shard1of1.bin", "m/logo.png"]
    assert FORMAT.bind("m/model.json", listing) == ("m/group1-shard1of1.bin",)
    whole = FORMAT.parse(ModelData("m/model.json", data, {"m/group1-shard1of1.bin": bytes(36)}))
    assert (whole.notes, whole.parameters, len(whole.nodes)) == ((), 9, 1)
    assert whole.nodes[0].kind == "Gemm"
    assert [whole.tensors[place].data for place in whole.nodes[0].inputs[1:]] == [Span(0, 24, 1), Span(24, 12, 1)]
    short = FORMAT.parse(ModelData("m/model.json", data, {"m/group1-shard1of1.bin": bytes(35)}))
    assert "shorter" in short.notes[0]
    survive(FORMAT, data, "model.json", count=200)


@pytest.mark.parametrize(
    "document",
    [
        {"modelTopology": {}, "weightsManifest": []},
        {"modelTopology": {"layers": 3}, "name": "x" * 80},
        {"weightsManifest": [{"paths": [], "weights": [{"name": "x", "shape": [-1], "dtype": "float32"}]}]},
        {"weightsManifest": [{"weights": [{"name": "x", "shape": "3", "dtype": "float32"}]}], "pad": "x" * 80},
        [{"weights": [1, 2, 3], "shape": [3], "dtype": "float32", "pad": "x" * 80}],
    ],
)
def test_refuses(document: object) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        FORMAT.parse(ModelData("model.json", json.dumps(document).encode()))


def test_deep_json_is_an_error_not_a_crash() -> None:
    assert not accepts(FORMAT, b'{"modelTopology":' + b"[" * 100_000, "model.json")


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
