"""Caffe: text, binary and V1 networks written by hand, the two halves bound, real files."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, NotThisFormat, UnsupportedError
from nngauge.formats._api import ModelData
from nngauge.formats.caffe import FORMAT, bind, probe
from tests.builders import models
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message

REAL = {
    # nodes, parameters: as netron counts them with in-place layers unfolded
    "Linzaer__Ultra-Light-Fast-Generic-Face-Detector-1MB__34d874fa__slim-320.caffemodel": (99, 257_916),
    "dog-qiuqiu__MobileNet-Yolo__753caa9b__landmark106.caffemodel": (156, 339_922),
    "openvinotoolkit__open_model_zoo__1a0ce74b__SampLeNet.caffemodel": (11, 62_006),
}

CONVOLUTION = {
    "kernel_shape": (3, 3),
    "strides": (2, 2),
    "dilations": (1, 1),
    "pads": (0, 0, 0, 0),
    "group": 1,
    "channels": 8,
}


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("x", data, parts))


def test_text() -> None:
    assert matches(FORMAT, models.PROTOTXT, "a.bin")
    graph = parse(models.PROTOTXT)
    assert [(node.op, node.kind) for node in graph.nodes] == [("Convolution", "Conv"), ("ReLU", "Relu")]
    assert graph.nodes[0].attributes == CONVOLUTION | {"bias": 1}
    assert graph.tensors[graph.inputs[0]].shape == (1, 3, 32, 32)
    # The in-place ReLU makes a new value, which is the output.
    assert graph.outputs == graph.nodes[1].outputs
    assert graph.nodes[1].inputs == graph.nodes[0].outputs
    assert graph.completeness is Completeness.TOPOLOGY


@pytest.mark.parametrize("v1", [False, True])
def test_binary(v1: bool) -> None:
    data = models.caffemodel(v1=v1)
    assert matches(FORMAT, data, "a.bin")
    graph = parse(data)
    assert [node.op for node in graph.nodes] == ["Convolution", "ReLU"]
    assert graph.nodes[0].attributes == CONVOLUTION
    assert (graph.parameters, graph.completeness) == (216, Completeness.FULL)
    weight = graph.tensors[graph.nodes[0].inputs[1]]
    assert weight.data is not None
    assert data[weight.data.offset : weight.data.offset + weight.data.size] == models.CONV_WEIGHTS


def test_the_halves_meet_from_either_side() -> None:
    for graph, part in (
        (parse(models.PROTOTXT, weights=models.caffemodel()), 1),
        (parse(models.caffemodel(), text=models.PROTOTXT), 0),
    ):
        weight = next(tensor for tensor in graph.tensors if tensor.constant)
        assert weight.data is not None
        assert (weight.data.part, graph.parameters, graph.completeness) == (part, 216, Completeness.FULL)
    paths = ["m/deploy.prototxt", "m/net.caffemodel", "n/a.prototxt", "n/a.caffemodel", "n/b.caffemodel"]
    assert bind("m/deploy.prototxt", paths) == ("m/net.caffemodel",)
    assert bind("n/a.prototxt", paths) == ("n/a.caffemodel",)
    assert bind("m/net.caffemodel", paths) == ("m/deploy.prototxt",)


@pytest.mark.parametrize(
    "text",
    [
        b'node { calculator: "FlowLimiterCalculator" }',
        b'name: "solver" net: "train.prototxt" base_lr: 0.01 layer { }',
        b'name: "x" layer { name: "a" type: "ReLU" ',
        b'name: "x" layer { name: "a" type: "ReLU" } }',
        b'input: "data" layer ' + b"{ a " * 500,
    ],
)
def test_other_texts(text: bytes) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        parse(text)


def layer(op: str, parameters: str, bottoms: int = 1, tops: int = 1) -> tuple[str | None, dict[str, object]]:
    """Kind and attributes of a layer written as text."""
    ends = " ".join(['bottom: "a"'] * bottoms + [f'top: "t{at}"' for at in range(tops)])
    text = f'input: "a" input_shape {{ dim: 1 dim: 8 dim: 6 dim: 6 }} layer {{ name: "x" type: "{op}" {ends} {parameters} }}'
    node = parse(text.encode()).nodes[0]
    return node.kind, dict(node.attributes)


@pytest.mark.parametrize(
    ("op", "parameters", "kind", "attributes"),
    [
        (
            "Pooling",
            "pooling_param { pool: AVE kernel_size: 3 stride_h: 1 stride_w: 2 pad: 1 }",
            "AveragePool",
            {"kernel_shape": (3, 3), "strides": (1, 2), "pads": (1, 1, 1, 1), "ceil_mode": 1, "count_include_pad": 1},
        ),
        ("Pooling", "pooling_param { global_pooling: true }", "GlobalMaxPool", {}),
        (
            "Pooling",
            "pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }",
            "MaxPool",
            {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0), "ceil_mode": 0},
        ),
        (
            "InnerProduct",
            "inner_product_param { num_output: 10 bias_term: false }",
            "Gemm",
            {"axis": 1, "transB": 1, "channels": 10, "bias": 0},
        ),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 2 } }", "Reshape", {"shape": (0, -1, 2)}),
        ("Reshape", "reshape_param { axis: 1 shape { dim: -1 } }", "Reshape", {"shape": (0, -1)}),
        ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", "Transpose", {"perm": (0, 2, 3, 1)}),
        ("Upsample", "upsample_param { scale: 2 }", "Resize", {"mode": "nearest", "scales": (1.0, 1.0, 2.0, 2.0)}),
        ("ReLU", "relu_param { negative_slope: 0.25 }", "LeakyRelu", {"alpha": 0.25}),
        (
            "PriorBox",
            "prior_box_param { min_size: 16.0 max_size: 38.4 aspect_ratio: 2.0 flip: true }",
            "PriorBox",
            {"num_priors": 4},
        ),
        ("ConvolutionSomewhere", "", None, {}),
    ],
)
def test_attributes(op: str, parameters: str, kind: str | None, attributes: dict[str, object]) -> None:
    assert layer(op, parameters) == (kind, attributes)


def test_slices_and_sums() -> None:
    found = layer("Slice", "slice_param { axis: 1 slice_point: 2 slice_point: 5 }", tops=3)
    assert found == ("Split", {"axis": 1, "split": (2, 3, -1)})
    assert layer("Slice", "", tops=2) == ("Split", {"axis": 1, "num_outputs": 2})
    assert layer("Eltwise", "", bottoms=3) == ("Sum", {})
    assert layer("Eltwise", "eltwise_param { operation: PROD }", bottoms=2) == ("Mul", {})


def test_other_protobufs() -> None:
    caffe2 = message(
        (1, "net"), (2, message((1, "data"), (2, "out"), (3, ""), (4, "Relu"), (5, message((1, "order")))))
    )
    for data in (caffe2, models.graph_def(), models.onnx(), models.saved_model()):
        assert not probe(data[:512], len(data), "x.caffemodel")
        with pytest.raises(NotThisFormat):
            parse(data)
    oldest = message((1, "net"), (2, message((2, "data"), (3, "out"), (1, message((1, "conv"), (2, "conv"))))))
    with pytest.raises(UnsupportedError):
        parse(oldest)


def test_values_must_fill_their_shape() -> None:
    with pytest.raises(InputError):
        parse(
            models.caffemodel().replace(
                message((1, 8), (1, 3), (1, 3), (1, 3)), message((1, 9), (1, 3), (1, 3), (1, 3))
            )
        )


@pytest.mark.parametrize("name", REAL)
def test_real_file(name: str) -> None:
    path = MODELS / "caffemodel" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    graph = parse(data)
    assert (len(graph.nodes), graph.parameters) == REAL[name]
    assert all(node.kind for node in graph.nodes)
    survive(FORMAT, data, "x.caffemodel", 10)


def test_fields_of_the_binary_form_are_those_of_the_text() -> None:
    """Published detector in both forms: the text was written by the converter that wrote the weights."""
    folder = MODELS / "caffemodel"
    paths = sorted(folder.glob("Linzaer*slim-320.caffemodel"))
    texts = sorted((MODELS / "caffe_prototxt").glob("Linzaer*slim-320.prototxt"))
    if not paths or not texts:
        pytest.skip("real models are not beside this checkout")
    weights = paths[0].read_bytes()
    binary, both = parse(weights), parse(texts[0].read_bytes(), weights=weights)
    assert binary.parameters == both.parameters
    for kind in ("Conv", "Transpose", "Reshape", "Softmax", "Concat"):
        left, right = ([node.attributes for node in graph.nodes if node.kind == kind] for graph in (binary, both))
        assert left
        assert left == right


def test_not_caffe() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.PROTOTXT, "x.prototxt", 200)
    survive(FORMAT, models.caffemodel(), "x.caffemodel", 200)
