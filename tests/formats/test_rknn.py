"""RKNN containers, programs and the encrypted variant."""

from __future__ import annotations

import json
import struct

import pytest

from nngauge.domain.graph import DType
from nngauge.errors import InputError, UnsupportedError
from nngauge.formats._api import ModelData
from nngauge.formats.rknn import FORMAT
from tests.builders.flat import flatbuffer
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

DESCRIPTION = {
    "version": "1.7.5",
    "ori_network_platform": "onnx",
    "target_platform": ["RK1808"],
    "nodes": [{"op": "VSI_NN_OP_NBG", "name": "nbg"}],
    "norm_tensor": [{"url": "in", "size": [3, 4, 1], "dtype": {"vx_type": "VSI_NN_TYPE_UINT8"}}],
    "graph": [{"left": "input", "right": "norm_tensor", "right_tensor_id": 0}],
}


def container(description: object = DESCRIPTION, inner: bytes = b"VPMN" + bytes(60)) -> bytes:
    text = json.dumps(description).encode()
    return b"RKNN" + bytes(4) + struct.pack("<QQ", 1, len(inner)) + inner + struct.pack("<Q", len(text)) + text


def program() -> bytes:
    tensors = [{4: ("i", [1, 4]), 5: "x"}, {4: ("i", [1, 2]), 5: "y"}]
    graph = {0: tensors, 1: [{1: "Conv", 2: "c", 4: ("i", [0]), 5: ("i", [1])}], 2: ("i", [0]), 3: ("i", [1])}
    return flatbuffer({1: "rknn", 2: [graph], 7: "2.3.0 (build)", 8: "rk3588", 9: "ONNX"}, b"RKNN")


def test_container() -> None:
    data = container()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data + b"behind"))
    assert (graph.extent, graph.producer) == (len(data), "rknn-toolkit 1.7.5 from onnx")
    assert (graph.tensors[0].shape, graph.tensors[0].dtype) == ((1, 4, 3), DType.UINT8)
    survive(FORMAT, data, "x.rknn", count=300)


@pytest.mark.parametrize("data", [program(), container({"version": "2"}, program())])
def test_program(data: bytes) -> None:
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert ([node.op for node in graph.nodes], graph.producer) == (["Conv"], "rknn 2.3.0 (build) from ONNX")
    survive(FORMAT, data, "x.rknn", count=300)


def test_encrypted_and_empty() -> None:
    with pytest.raises(UnsupportedError):
        FORMAT.parse(ModelData("x", b"CYPTRKNN" + bytes(99)))
    for description in ({}, [], {"version": "1", "nodes": []}):
        with pytest.raises(InputError):
            FORMAT.parse(ModelData("x", container(description)))


def test_real_file() -> None:
    paths = list((MODELS / "rknn").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data = paths[0].read_bytes()
    graph = FORMAT.parse(ModelData("x", data))
    assert graph.tensors[graph.inputs[0]].shape == (1, 224, 224, 3)
    assert graph.metadata == {"target": "RV1126"}
    assert graph.extent == len(data)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
