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


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("x", data, parts))


def test_text() -> None:
    assert matches(FORMAT, models.PROTOTXT, "a.bin")
    graph = parse(models.PROTOTXT)
    assert [(node.op, node.kind) for node in graph.nodes] == [("Convolution", "Conv"), ("ReLU", "Relu")]
    assert graph.nodes[0].attributes == {"num_output": 8, "kernel_size": 3, "stride": 2}
    assert graph.tensors[graph.inputs[0]].shape == (1, 3, 32, 32)
    # The in-place ReLU makes a new value, which is the output.
    assert graph.outputs == graph.nodes[1].outputs
    assert graph.nodes[1].inputs == graph.nodes[0].outputs
    assert graph.completeness is Completeness.PARTIAL


@pytest.mark.parametrize("v1", [False, True])
def test_binary(v1: bool) -> None:
    data = models.caffemodel(v1=v1)
    assert matches(FORMAT, data, "a.bin")
    graph = parse(data)
    assert [node.op for node in graph.nodes] == ["Convolution", "ReLU"]
    assert graph.nodes[0].attributes == {"num_output": 8, "kernel_size": 3, "stride": 2}
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
    survive(FORMAT, data, "x.caffemodel", 10)


def test_not_caffe() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.PROTOTXT, "x.prototxt", 200)
    survive(FORMAT, models.caffemodel(), "x.caffemodel", 200)
