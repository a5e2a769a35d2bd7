"""MindSpore Lite: a real file without identifier, and a built one with."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness
from nngauge.errors import MalformedError
from nngauge.formats._api import ModelData
from nngauge.formats.mindspore import FORMAT
from tests.builders.flat import flatbuffer
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


def test_real_file_without_identifier() -> None:
    path = MODELS / "mindspore_ms" / "HMS-Core__hms-ml-demo__d7d1f6c3__detect.ms"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x.bin")
    graph = FORMAT.parse(ModelData("x.bin", data))
    assert (len(graph.nodes), len(graph.tensors), graph.parameters) == (65, 177, 4_108_944)
    assert graph.tensors[graph.inputs[0]].shape == (1, 300, 300, 3)
    assert graph.completeness is Completeness.PARTIAL
    survive(FORMAT, data, "x.ms", count=12)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
