"""ncnn: text and binary networks written by hand, weights files, real networks with theirs."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness, DType, Graph
from nngauge.errors import InputError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import ModelData
from nngauge.formats.ncnn import FORMAT, bind
from tests.builders import models
from tests.builders.hostile import MODELS, refuse_lookalikes, refuse_noise, survive

PARAMETERS = {
    # published sizes of the networks, fully connected layers and folded batch normalisation included
    "alexnet": 60_965_224,
    "vgg16": 138_357_544,
    "resnet18": 11_688_872,
    "squeezenet": 1_235_496,
    "mobilenet": 4_221_032,
}


def parse(data: bytes, weights: bytes | None = None) -> Graph:
    return FORMAT.parse(ModelData("x.param", data, {} if weights is None else {"x.bin": weights}))


@pytest.mark.parametrize("data", [models.NCNN_TEXT, models.ncnn_binary()])
def test_minimal_network(data: bytes) -> None:
    graph = parse(data + b"\n\n# more", models.ncnn_weights())
    assert [(node.op, node.kind) for node in graph.nodes] == [
        ("Convolution", "Conv"),
        ("Pooling", "GlobalAveragePool"),
        ("InnerProduct", "Gemm"),
    ]
    assert graph.nodes[0].attributes == {
        "kernel_shape": (3, 3),
        "strides": (2, 2),
        "dilations": (1, 1),
        "pads": (1, 1, 1, 1),
        "group": 1,
        "channels": 8,
        "data_layout": "CHW",
        "fused_activation": "Relu",
    }
    assert graph.tensors[graph.inputs[0]].shape == (3, 32, 32)
    weights = {
        tensor.name.rpartition(".")[2] + str(tensor.shape): tensor for tensor in graph.tensors if tensor.constant
    }
    filters = weights["weight(8, 3, 3, 3)"]
    assert filters.dtype is DType.FLOAT16
    assert filters.data is not None
    assert (filters.data.part, filters.data.offset, filters.data.size) == (1, 4, 432)
    assert weights["weight(10, 8)"].dtype is DType.FLOAT32
    assert (graph.parameters, graph.completeness, graph.extent) == (314, Completeness.FULL, len(data))


def test_weights_that_do_not_fit() -> None:
    without = parse(models.NCNN_TEXT)
    assert (without.parameters, without.completeness) == (314, Completeness.PARTIAL)
    for weights in (models.ncnn_weights()[:-4], models.ncnn_weights() + bytes(4), b""):
        graph = parse(models.NCNN_TEXT, weights)
        assert graph.completeness is Completeness.PARTIAL
        assert graph.notes


def test_bind() -> None:
    paths = [
        "a/x.param",
        "a/x.bin",
        "a/x.param.bin",
        "a/y.ncnn.param",
        "a/y.ncnn.bin",
        "b/x.bin",
        "a/Z.BIN",
        "a/z.param",
    ]
    assert bind("a/x.param", paths) == ("a/x.bin",)
    assert bind("a/x.param.bin", paths) == ("a/x.bin",)
    assert bind("a/y.ncnn.param", paths) == ("a/y.ncnn.bin",)
    assert bind("a/z.param", paths) == ("a/Z.BIN",)
    assert bind("a/none.param", paths) == ()


def test_pnnx() -> None:
    text = b"""7767517
3 2
pnnx.Input   in  0 1 0 #0=(1,3,8,8)f32
nn.Conv2d    c   1 1 0 1 bias=False kernel_size=(3,3) @weight=(4,3,3,3)f32 #1=(1,4,6,6)f32
pnnx.Output  out 1 0 1
"""
    graph = parse(text)
    assert (graph.format_version, graph.nodes[0].op, graph.parameters) == ("pnnx", "nn.Conv2d", 108)
    assert graph.nodes[0].attributes["kernel_size"] == "(3,3)"
    assert [graph.tensors[index].name for index in graph.outputs] == ["1"]


def test_a_parameter_without_name() -> None:
    assert parse(b"7767517\n1 1\nReLU a 0 1 a =5\n").nodes[0].attributes == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"7767517\n", NotThisFormat),
        (b"7767517\nhello world\n", NotThisFormat),
        (b"7767517\n0 0\n", MalformedError),
        (b"7767517\n999999 3\nInput a 0 1 a\n", MalformedError),
        (b"7767517\n2 2\nInput a 0 1 a\n", TruncatedError),
        (b"7767517\n1 1\nInput a 0 9 a\n", MalformedError),
        (b"7767517\n1 1\nInput a 0 2 a b\n", MalformedError),
        (b"7767517\n1 1\n123 a 0 1 a padding\n", MalformedError),
        (b"7767517\n1 1\nConvolution a 0 1 a 0=8 6=-5\n", MalformedError),
        (b"7767517x\n1 1\nInput a 0 1 a\n", NotThisFormat),
    ],
)
def test_refusals(text: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(text)


def test_binary_layer_out_of_range() -> None:
    data = bytearray(models.ncnn_binary())
    data[8:12] = (1).to_bytes(4, "little")  # one blob declared, four used
    with pytest.raises(InputError):
        parse(bytes(data))


@pytest.mark.parametrize("name", PARAMETERS)
def test_published_sizes(name: str) -> None:
    path = MODELS / "ncnn_benchmark_param" / f"{name}.param"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    assert parse(path.read_bytes()).parameters == PARAMETERS[name]


def test_real_weights_files_are_used_up_to_the_last_byte() -> None:
    paths = sorted((MODELS / "ncnn_param").glob("*/*.param"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        graph = parse(path.read_bytes(), path.with_suffix(".bin").read_bytes())
        assert graph.completeness is Completeness.FULL, graph.notes
        assert graph.outputs
        survive(FORMAT, path.read_bytes(), "x.param", 20)


def test_not_ncnn() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.NCNN_TEXT, "x.param", 200)
    survive(FORMAT, models.ncnn_binary(), "x.param.bin", 200)
