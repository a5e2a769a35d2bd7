"""The text form of MediaPipe graphs: written by hand, real files, and texts that are something else."""

from __future__ import annotations

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.mediapipe_graph import FORMAT
from nngauge.io import textproto
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

GRAPH = b"""# Runs a model.
input_stream: "IMAGE:image"
output_stream: "boxes"
node: {
  calculator: "InferenceCalculator"
  input_stream: "IMAGE:0:image"
  output_stream: "TENSORS:boxes"
  node_options: {
    [type.googleapis.com/mediapipe.InferenceCalculatorOptions] { model_path: "models/face.tflite" delegate { gpu {} } }
  }
}
node { calculator: 'EndCalculator' input_stream: 'boxes' options { [mediapipe.End.ext]: { names: ["a", "b"] } } }
"""
REAL = {
    # calculators, inputs and outputs of the graph, model files named
    "google-ai-edge__mediapipe__20d3acfa__nested_test_subgraph.pbtxt": (2, 1, 3, 0),
    "google-ai-edge__mediapipe__3c9135ab__object_detection_desktop_live.pbtxt": (9, 1, 1, 1),
    "google-ai-edge__mediapipe__602ba0ad__test.pbtxt": (1, 0, 0, 0),
    "google-ai-edge__mediapipe__6be472e3__parallel_tracker_graph.pbtxt": (4, 3, 0, 0),
    "google-ai-edge__mediapipe__ad6f4558__autoflip_graph.pbtxt": (13, 0, 0, 0),
    "google-ai-edge__mediapipe__c3583922__autoflip_graph_development.pbtxt": (17, 0, 0, 0),
}


def test_text_form() -> None:
    assert matches(FORMAT, GRAPH, "assets/graph.bin")
    graph = FORMAT.parse(ModelData("x", GRAPH))
    assert [(node.op, node.kind, node.inputs, node.outputs) for node in graph.nodes] == [
        ("InferenceCalculator", "Calculator", (0,), (1,)),
        ("EndCalculator", "Calculator", (1,), ()),
    ]
    assert graph.nodes[0].attributes == {"models": ("models/face.tflite",)}
    assert graph.metadata == {"models": "models/face.tflite"}
    assert [graph.tensors[place].name for place in (*graph.inputs, *graph.outputs)] == ["image", "boxes"]
    survive(FORMAT, GRAPH, "x.pbtxt", count=300)


@pytest.mark.parametrize("name", REAL)
def test_real_text(name: str) -> None:
    path = MODELS / "mediapipe_pbtxt" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph = FORMAT.parse(ModelData("x", path.read_bytes()))
    models = graph.metadata["models"].split(", ") if graph.metadata else []
    assert (len(graph.nodes), len(graph.inputs), len(graph.outputs), len(models)) == REAL[name]


def test_profiles_are_no_graphs() -> None:
    for path in (MODELS / "mediapipe_pbtxt").glob("*profile*"):
        assert not accepts(FORMAT, path.read_bytes(), path.name)


@pytest.mark.parametrize("end", [b"node {", b"node { calculator: 'x y' }", b"strange: 3", b"}", b"[a"])
def test_refuses(end: bytes) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        FORMAT.parse(ModelData("x", GRAPH + end))


def test_names_of_extensions() -> None:
    assert textproto.read("[a.b/c]: {d: 1} e: [1, 2]") == [("a.b/c", [("d", "1")]), ("e", "1"), ("e", "2")]
    for text in ("[a.b", "[a b]: 1", "[]", "[a.b] 1 ]"):
        with pytest.raises(MalformedError):
            textproto.read(text)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
