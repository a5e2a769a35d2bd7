"""RKNN containers, programs and the encrypted variant."""

from __future__ import annotations

import json
import struct

import pytest

from examples.builders.flat import flatbuffer
from nngauge.domain.graph import Completeness, DType, Quantization
from nngauge.errors import InputError, UnsupportedError
from nngauge.formats._api import ModelData
from nngauge.formats.rknn import FORMAT
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


def test_connections_and_constants() -> None:
    affine = {
        "vx_type": "VSI_NN_TYPE_UINT8",
        "qnt_type": "VSI_NN_QNT_TYPE_AFFINE_ASYMMETRIC",
        "scale": 0.5,
        "zero_point": 3,
    }
    description = DESCRIPTION | {
        "nodes": [{"op": "VSI_NN_OP_FCL", "name": "fc", "uid": 7}],
        "const_tensor": [{"url": "w", "size": [12, 5], "dtype": affine}],
        "virtual_tensor": [{"url": "v", "size": [5, 1]}],
        "connection": [
            {
                "node_id": 7,
                "left": "input",
                "left_tensor_id": 1,
                "right_tensor": {"type": "const_tensor", "tensor_id": 0},
            },
            {
                "node_id": 7,
                "left": "input",
                "left_tensor_id": 0,
                "right_tensor": {"type": "norm_tensor", "tensor_id": 0},
            },
            {
                "node_id": 7,
                "left": "output",
                "left_tensor_id": 0,
                "right_tensor": {"type": "virtual_tensor", "tensor_id": 0},
            },
            {
                "node_id": 7,
                "left": "input",
                "left_tensor_id": 2,
                "right_tensor": {"type": "norm_tensor", "tensor_id": 99},
            },
        ],
    }
    graph = FORMAT.parse(ModelData("x", container(description, bytes(64))))
    assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [("FCL", (0, 1), (2,))]
    assert (graph.parameters, graph.completeness) == (60, Completeness.PARTIAL)
    assert graph.tensors[1].quantization == Quantization(scales=1, scale=0.5, zero_point=3)
    survive(FORMAT, container(description, bytes(64)), "x.rknn", count=300)


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
    assert graph.metadata == {"target": "RV1126", "program_bytes": "3398016"}
    assert [(node.op, node.kind, node.inputs, node.outputs) for node in graph.nodes] == [
        ("NBG", "Delegate", (0,), (1,))
    ]
    assert graph.tensors[0].quantization == Quantization(scales=1, scale=2.0**-7, zero_point=0)
    assert graph.extent == len(data)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
