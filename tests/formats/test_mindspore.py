"""MindSpore Lite: a real file without identifier, and a built one with."""

from __future__ import annotations

import struct

import pytest

from examples.builders.flat import flatbuffer
from nngauge.domain.graph import Completeness, Quantization
from nngauge.errors import MalformedError
from nngauge.formats._api import ModelData
from nngauge.formats.mindspore import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive


def model(identifier: bytes = b"MSL2", last: int = 2) -> bytes:
    tensors = [
        {1: ("i", 43), 2: ("i", [1, 4]), 9: "x"},
        {1: ("i", 43), 2: ("i", [4, 2]), 6: bytes(32), 9: "w"},
        {1: ("i", 43), 2: ("i", [1, 2]), 9: "y"},
    ]
    node = {0: "fc", 2: {0: ("B", 67)}, 3: ("I", [0, 1]), 4: ("I", [last])}
    graph = {0: "g", 1: "MindSpore Lite 2.3.0", 2: ("i", 3), 3: ("I", [0]), 4: ("I", [2]), 6: [node], 7: tensors}
    return flatbuffer(graph, identifier)


def test_built_file() -> None:
    data = model()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert [node.op for node in graph.nodes] == ["FullConnection"]
    assert (graph.parameters, graph.producer) == (8, "MindSpore Lite 2.3.0 from MindSpore")
    assert graph.completeness is Completeness.FULL
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData("x", model(last=3)))
    survive(FORMAT, data, "x.ms", count=300)


def convolution() -> bytes:
    """A convolution, then a transposition that a second sub-graph does."""
    tensors = [
        {1: ("i", 43), 2: ("i", [1, 8, 8, 4]), 9: "x"},
        {1: ("i", 32), 2: ("i", [6, 3, 1, 4]), 3: ("i", 7), 6: bytes(72), 7: [{0: ("d", 0.5), 1: ("i", 3)}], 9: "w"},
        {1: ("i", 43), 2: ("i", [1, 4, 8, 6]), 9: "y"},
        {1: ("i", 34), 2: ("i", [4]), 6: struct.pack("<4i", 0, 3, 1, 2), 9: "order"},
        {1: ("i", 43), 2: ("i", [1, 6, 4, 8]), 9: "z"},
    ]
    window = {0: ("i", 1), 1: ("q", [3, 1]), 2: ("q", [2, 1]), 3: ("q", [1, 1]), 4: ("b", 0), 5: ("q", [1, 0, 0, 0])}
    conv = {0: "c", 2: {0: ("B", 35), 1: window | {7: ("q", 1), 10: ("b", 3)}}, 3: ("I", [0, 1]), 4: ("I", [2])}
    call = {0: "p", 2: {0: ("B", 108), 1: {0: ("q", 1)}}, 3: ("I", [2]), 4: ("I", [4])}
    turn = {0: "t", 2: {0: ("B", 162), 1: {}}, 3: ("I", [2, 3]), 4: ("I", [4])}
    parts = [
        {0: "main", 1: ("I", [0]), 2: ("I", [4]), 3: ("I", [0, 1])},
        {0: "inner", 1: ("I", [2]), 2: ("I", [4]), 3: ("I", [2])},
    ]
    graph = {3: ("I", [0]), 4: ("I", [4]), 6: [conv, call, turn], 7: tensors, 8: parts}
    return flatbuffer(graph, b"MSL2")


def test_primitives_and_subgraphs() -> None:
    data = convolution()
    graph = FORMAT.parse(ModelData("x", data))
    conv, call = graph.nodes
    assert conv.attributes == {
        "pads": (1, 0, 0, 0), "data_layout": "NHWC", "fused_activation": "Clip", "kernel_shape": (3, 1),
        "strides": (2, 1), "dilations": (1, 1), "group": 1, "weight_layout": "OHWI",
    }  # fmt: skip
    assert graph.tensors[conv.inputs[1]].quantization == Quantization(1, 0.5, 3)
    assert (call.kind, call.attributes) == ("Call", {"body": 0})
    inner = graph.subgraphs[0]
    assert (inner.name, inner.nodes[0].kind, inner.nodes[0].attributes) == (
        "inner",
        "Transpose",
        {"perm": (0, 3, 1, 2)},
    )
    assert [inner.tensors[at].name for at in (*inner.inputs, *inner.outputs)] == ["y", "z"]
    survive(FORMAT, data, "x.ms", count=300)


def test_real_file_without_identifier() -> None:
    path = MODELS / "mindspore_ms" / "HMS-Core__hms-ml-demo__d7d1f6c3__detect.ms"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x.bin")
    graph = FORMAT.parse(ModelData("x.bin", data))
    assert (len(graph.nodes), len(graph.tensors), graph.parameters) == (65, 177, 4_108_944)
    assert graph.tensors[graph.inputs[0]].shape == (1, 300, 300, 3)
    assert graph.completeness is Completeness.FULL
    assert all(node.kind for node in graph.nodes)
    first, depthwise = graph.nodes[1:3]
    assert first.attributes == {
        "auto_pad": "SAME_UPPER", "data_layout": "NHWC", "kernel_shape": (3, 3), "strides": (2, 2), "dilations": (1, 1),
        "group": 1, "weight_layout": "OHWI",
    }  # fmt: skip
    assert (depthwise.op, depthwise.attributes["group"]) == ("DepthwiseConv2D", 24)
    survive(FORMAT, data, "x.ms", count=12)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
