"""ONNX Runtime's format: a model written by hand."""

from __future__ import annotations

import pytest

from examples.builders.flat import flatbuffer
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.ort import FORMAT
from tests.builders import models
from tests.builders.hostile import refuse_lookalikes, refuse_noise, survive


def test_minimal_model() -> None:
    data = models.ort()
    graph = FORMAT.parse(ModelData("x", data + b"\x07" * 40))
    first, second = graph.nodes
    assert (first.op, first.kind, first.attributes) == ("Conv", "Conv", {"strides": (2, 2)})
    assert (second.op, second.kind, second.inputs[2]) == ("com.microsoft::FusedGemm", "Gemm", -1)
    assert [graph.tensors[index].name for index in (*graph.inputs, *graph.outputs)] == ["image", "out"]
    assert graph.tensors[graph.inputs[0]].shape == ("batch", 3)
    assert (graph.parameters, graph.format_version, graph.extent) == (6, "ORT 6, opset 17", len(data))


def test_subgraphs() -> None:
    body = {2: [{5: "Relu", 8: ["a"], 9: ["b"]}], 5: [], 6: ["b"]}
    branch = {0: "then_branch", 2: ("i", 5), 7: body}
    graph = {1: [{0: "a"}], 2: [{5: "If", 8: ["a"], 9: ["c"], 10: [branch]}], 5: ["a"], 6: ["c"]}
    found = FORMAT.parse(ModelData("x", flatbuffer({0: "6", 1: {7: graph}}, b"ORTM")))
    assert found.nodes[0].attributes == {"then_branch": 0}
    assert found.subgraphs[0].nodes[0].op == "Relu"


def test_not_ort() -> None:
    with pytest.raises(NotThisFormat):
        FORMAT.parse(ModelData("x", models.tflite()))
    with pytest.raises(InputError):
        FORMAT.parse(ModelData("x", flatbuffer({0: "6"}, b"ORTM")))
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.ort(), "x.ort", 300)
