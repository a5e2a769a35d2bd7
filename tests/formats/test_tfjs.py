"""TensorFlow.js: graph and layers models, manifests alone, and JSON that is something else."""

from __future__ import annotations

import json

import pytest

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tfjs import FORMAT
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # nodes without constants and placeholders, parameters
    "tfjs_model_json/tensorflow__tfjs__0a01587d__model.json": (103, 100_442),
    "tfjs_model_json/tensorflow__tfjs__1120accf__model.json": (3, 11),
    "tfjs_model_json/tensorflow__tfjs__5a0efe4f__model.json": (102, 1_960_691),
    "tfjs_model_json/tensorflow__tfjs__600a6784__model.json": (330, 2_348_657),
    "tfjs_model_json/tensorflow__tfjs__92a5bfaf__model.json": (2, 2300),
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
    assert (len(graph.nodes), graph.parameters) == FILES[name]
    assert "missing" in graph.notes[0]


WEIGHTS = [{"name": "w", "shape": [2, 3], "dtype": "float32"}, {"name": "b", "shape": [3], "dtype": "float32"}]
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
