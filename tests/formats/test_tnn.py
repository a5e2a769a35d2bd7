"""TNN networks, alone and with their weights."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Completeness, DType, Graph, Quantization, Span
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tnn import FORMAT
from tests.builders.hostile import MODELS, matches, mutations, refuse_lookalikes, refuse_noise, survive

FILES = {
    # layers, parameters of the convolutions: the published networks', the first two without fully connected layers
    "Tencent__TNN__ad24003e__resnet50.tnnproto": (123, 25_530_472 - 2_049_000),
    "Tencent__TNN__e63f246f__quant_inception_v3.tnnproto": (122, 23_817_352 - 2_049_000),
    "Tencent__TNN__030e6e41__mobilenet_v2.tnnproto": (102, 3_488_872),
    "Tencent__TNN__436e1e85__quant_mobilenet_v1.tnnproto": (30, 4_221_032),
    "Tencent__TNN__7b5d4d90__mobilenet_v1.tnnproto": (57, 4_221_032),
    "Tencent__TNN__c20c8314__quant_squeezenet_v1.1.tnnproto": (39, 1_235_496),
}
SMALL = (
    b'"1 4 1 4206624770 ,"\n"input 1 3 8 8 ,"\n" input conv out fc ,"\n"fc ,"\n" 3 ,"\n'
    b'"Convolution conv 1 1 input conv 1 3 8 3 3 2 1 1 0 1 -1 1 1 1 ,"\n"ReLU out 1 1 conv out ,"\n'
    b'"InnerProduct fc 1 1 out fc 5 1 0 1 ,"\n'
)
MAGIC = 0xFABC0002
WITH_DIMENSIONS = 0xFABC0004


def text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()


def array(count: int, code: int = 0, dims: tuple[int, ...] = ()) -> bytes:
    size = count * (4, 2, 1, 4)[code]
    head = struct.pack("<IIi", WITH_DIMENSIONS if dims else MAGIC, code, size)
    return head + (struct.pack(f"<{len(dims) + 1}I", len(dims), *dims) if dims else b"") + bytes(size)


def weights(*layers: bytes, tail: bytes = b"") -> bytes:
    return struct.pack("<II", MAGIC, len(layers)) + b"".join(layers) + tail


def convolution(code: int = 0, scales: int = 0) -> bytes:
    head = struct.pack("<i", 1) + text("Convolution") + text("conv") + text("conv") + struct.pack("<i", 1)
    return head + array(216, code) + array(8) + (array(scales, 2) + array(scales) if scales else b"")


FULLY_CONNECTED = struct.pack("<i", 30) + text("InnerProduct") + text("fc") + text("fc") + array(5 * 192) + array(5)


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("m.tnnproto", data, parts))


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "tnn_proto" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert (len(graph.nodes), graph.parameters) == FILES[name]
    assert all(node.kind for node in graph.nodes)
    assert graph.tensors[graph.inputs[0]].shape is not None
    assert graph.outputs


def test_attributes_of_a_real_file() -> None:
    path = MODELS / "tnn_proto" / "Tencent__TNN__ad24003e__resnet50.tnnproto"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph = FORMAT.parse(ModelData("x", path.read_bytes()))
    by_kind = {
        kind: [node.attributes for node in graph.nodes if node.kind == kind] for kind in ("Conv", "MaxPool", "Gemm")
    }
    assert [by_kind["Conv"][0][name] for name in ("kernel_shape", "strides", "pads", "channels")] == [
        (7, 7),
        (2, 2),
        (3, 3, 3, 3),
        64,
    ]
    assert by_kind["MaxPool"] == [
        {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (0, 0, 0, 0), "ceil_mode": 1},
    ]
    assert by_kind["Gemm"] == [{"axis": 1, "transB": 1, "channels": 1000, "bias": 1}]
    assert next(node.attributes for node in graph.nodes if node.kind == "Reshape") == {"shape": (0, 2048, 1, 1)}


def test_without_weights() -> None:
    graph = parse(SMALL)
    assert [(node.op, node.kind, node.outputs) for node in graph.nodes] == [
        ("Convolution", "Conv", (3,)),
        ("ReLU", "Relu", (4,)),
        ("InnerProduct", "Gemm", (5,)),
    ]
    assert graph.nodes[0].attributes == {
        "kernel_shape": (3, 3),
        "strides": (2, 1),
        "dilations": (1, 1),
        "group": 1,
        "channels": 8,
        "pads": (1, 0, 1, 0),
        "fused_activation": "Relu",
    }
    assert [graph.tensors[at].shape for at in graph.nodes[0].inputs[1:]] == [(8, 3, 3, 3), (8,)]
    assert (graph.parameters, graph.completeness, len(graph.notes)) == (224, Completeness.TOPOLOGY, 1)
    survive(FORMAT, SMALL, "x.tnnproto", count=300)


def test_with_weights() -> None:
    data = weights(convolution(), FULLY_CONNECTED)
    graph = parse(SMALL, model=data)
    kernel, bias = (graph.tensors[at] for at in graph.nodes[0].inputs[1:])
    assert (kernel.dtype, kernel.shape, bias.shape) == (DType.FLOAT32, (8, 3, 3, 3), (8,))
    dense = graph.tensors[graph.nodes[2].inputs[1]]
    assert dense.shape == (5, 192)
    assert (graph.parameters, graph.completeness, graph.notes) == (224 + 965, Completeness.FULL, ())
    assert kernel.data is not None
    assert (kernel.data.part, kernel.data.size, dense.data) == (1, 864, Span(len(data) - 32 - 3840, 3840, 1))
    for damaged in mutations(data, 200):
        try:
            parse(SMALL, model=damaged)
        except (InputError, NotThisFormat):
            continue


def test_scales_follow_eight_bit_weights() -> None:
    graph = parse(SMALL, model=weights(convolution(code=2, scales=8), FULLY_CONNECTED))
    kernel = graph.tensors[graph.nodes[0].inputs[1]]
    assert (kernel.dtype, kernel.quantization) == (DType.INT8, Quantization(8, None, None, 0))
    assert len(graph.nodes[0].inputs) == 5


def test_constants_and_layers_that_are_not_known() -> None:
    constant = struct.pack("<II", MAGIC, 1) + text("out") + array(6, dims=(2, 3))
    graph = parse(SMALL, model=weights(convolution(), FULLY_CONNECTED, tail=constant))
    shape = next(tensor.shape for tensor in graph.tensors if tensor.name == "out")
    assert shape == (2, 3)
    odd = struct.pack("<i", 1) + text("Marvel") + bytes(40)
    graph = parse(SMALL, model=weights(convolution(), odd, FULLY_CONNECTED))
    assert graph.completeness is Completeness.PARTIAL
    assert "Marvel" in graph.notes[0]


def test_bind() -> None:
    assert FORMAT.bind is not None
    assert FORMAT.bind("a/m.tnnproto", ["a/m.tnnproto", "a/m.tnnmodel"]) == ("a/m.tnnmodel",)


def test_refuses() -> None:
    with pytest.raises(InputError):
        parse(SMALL, model=bytes(40))
    for old, new in (
        (b'" 3 ,"', b'" 4 ,"'),
        (b"conv 1 1", b"conv 99 1"),
        (b"input 1 3", b"input a b"),
        (b"4206624770", b"77"),
    ):
        with pytest.raises((InputError, NotThisFormat)):
            FORMAT.parse(ModelData("x", SMALL.replace(old, new)))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
