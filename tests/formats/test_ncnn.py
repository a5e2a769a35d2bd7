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
    assert (without.parameters, without.completeness) == (314, Completeness.TOPOLOGY)
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


def one(layer: str, shape: str = "0=6 1=5 2=8") -> Graph:
    """A network of one layer behind an input of channels, height and width."""
    return parse(f"7767517\n2 3\nInput a 0 1 a {shape}\n{layer}\n".encode())


@pytest.mark.parametrize(
    ("layer", "kind", "attributes"),
    [
        ("Permute p 1 1 a b 0=3", "Transpose", {"perm": (1, 2, 0)}),
        ("Reshape r 1 1 a b 0=-1 1=4", "Reshape", {"shape": (4, -1)}),
        ("Padding p 1 1 a b 0=1 1=2 2=3 3=4", "Pad", {"mode": "constant", "pads": (0, 1, 3, 0, 2, 4)}),
        ("Slice s 1 1 a b -23300=2,3,-233 1=0", "Split", {"axis": 0, "split": (3, -1)}),
        ("Squeeze s 1 1 a b -23303=1,2", "Squeeze", {"axes": (2,)}),
        ("Interp i 1 1 a b 0=2 1=2.0 2=3.0", "Resize", {"mode": "linear", "data_layout": "CHW", "scales": (1.0, 2.0, 3.0)}),
        ("Crop c 1 1 a b -23309=1,1 -23310=1,-233 -23311=1,2", "Slice", {"starts": (1,), "ends": (2**31 - 1,), "axes": (2,)}),
        ("UnaryOp u 1 1 a b 0=6", "Rsqrt", {}),
        ("ReLU r 1 1 a b 0=0.1", "LeakyRelu", {"alpha": 0.1}),
        ("Reduction r 1 1 a b 0=3 1=0 -23303=2,1,2 4=1", "ReduceMean", {"axes": (1, 2), "keepdims": 1}),
        (
            "Pooling p 1 1 a b 0=1 1=3 2=2 3=1",
            "AveragePool",
            {"kernel_shape": (3, 3), "strides": (2, 2), "data_layout": "CHW", "pads": (1, 1, 1, 1), "ceil_mode": 1,
             "count_include_pad": 0},
        ),
        ("Pooling p 1 1 a b 7=1 8=4", "AdaptiveMaxPool", {"output_size": (4, 4), "data_layout": "CHW"}),
        ("MyLayer m 1 1 a b 0=4", "Custom", {"0": 4}),
    ],
)  # fmt: skip
def test_attributes(layer: str, kind: str, attributes: dict[str, object]) -> None:
    node = one(layer).nodes[0]
    assert (node.kind, node.attributes) == (kind, attributes)


def test_ranks_are_followed() -> None:
    """The order 1 turns two axes of a matrix, and the last two of three."""
    assert one("Permute p 1 1 a b 0=1").nodes[0].attributes == {"perm": (0, 2, 1)}
    assert one("Permute p 1 1 a b 0=1", "0=6 1=5").nodes[0].attributes == {"perm": (1, 0)}


def test_weights_stand_in_the_order_of_onnx() -> None:
    def names(layer: str) -> list[str]:
        graph = one(layer)
        return [graph.tensors[at].name for at in graph.nodes[0].inputs]

    assert names("BatchNorm n 1 1 a b 0=8") == ["a", "n.slope", "n.bias", "n.mean", "n.variance"]
    assert names("GRU g 1 1 a b 0=4 1=24") == ["a", "g.weight_xc", "g.weight_hc", "g.bias_c"]
    assert names("Embed e 1 1 a b 0=4 1=10 3=40") == ["e.weight", "a"]
    assert names("Gemm g 1 1 a b 3=1 5=1 6=1 8=4 9=6 10=4") == ["a", "g.B", "g.C"]
    assert names("MultiHeadAttention m 1 1 a b 0=6 1=2 2=36")[:4] == ["a", "a", "a", "m.q_weight"]


def test_a_constant_is_no_node() -> None:
    graph = one("MemoryData m 0 1 b 0=3 1=2")
    assert not graph.nodes
    assert [(tensor.name, tensor.shape, tensor.constant) for tensor in graph.tensors[1:]] == [("b", (2, 3), True)]


@pytest.mark.parametrize("hint", ["4,3,nan,32,3", "4,inf,32,32,3", "4,3,1e30,32,3"])
def test_numbers_that_are_none_are_no_shapes(hint: str) -> None:
    graph = parse(models.NCNN_TEXT.replace(b"4,3,32,32,3", hint.encode()))
    assert graph.tensors[graph.inputs[0]].shape == (3, 32, 32)
    layer = f"7767517\n1 2\nCrop a 1 1 x y -23309={hint} -23310={hint} -23311={hint}\n"
    assert parse(layer.encode()).nodes[0].kind == "Slice"


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
