"""Darknet: the counted weights must fill the real weight files to the last float."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Completeness
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.darknet import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # layers, parameters, weight file
    "dog-qiuqiu__MobileNet-Yolo__2209b449__MobileNetV2-YOLO-Fastest-voc-v2.cfg": (88, 209_864, "653fd392"),
    "dog-qiuqiu__MobileNet-Yolo__756f340a__MobileNetV2-YOLO-Fastest-voc.cfg": (80, 191_214, "382b2cdb"),
    "dog-qiuqiu__MobileNet-Yolo__acd0cfb8__MobileNetV2-YOLOv3-Nano-coco.cfg": (80, 891_070, "c6da2f16"),
    "dog-qiuqiu__MobileNet-Yolo__4f9d82ce__MobileNetV2-YOLOv3-Lite-coco.cfg": (81, 2_003_422, None),
    "dog-qiuqiu__MobileNet-Yolo__1592bbd5__MobileNetV2-YOLOv3-Lite-voc.cfg": (81, 1_882_102, None),
    "huggingface__candle__45fd441a__yolo-v3.cfg": (107, 62_001_757, None),
}
SMALL = b"# tiny\n[net]\nbatch=1\nwidth=8\nheight=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\nbatch_normalize=1\n[maxpool]\n[route]\nlayers=-1,-2\n[convolutional]\nfilters=2\nsize=1\n"


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "darknet_cfg" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    layers, parameters, mark = FILES[name]
    stored = [
        weights.read_bytes() for weights in (MODELS / "darknet_weights").glob("*") if mark and mark in weights.name
    ]
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data, {"x.weights": stored[0]} if stored else {}))
    sections = [node for node in graph.nodes if not node.name.endswith(".batch_normalize")]
    assert (len(sections), graph.parameters) == (layers, parameters)
    assert all(node.kind and node.inputs and node.outputs for node in graph.nodes)
    if stored:
        assert graph.completeness is Completeness.FULL
        assert max(t.data.offset + t.data.size for t in graph.tensors if t.data) == len(stored[0])
        assert len(stored[0]) == 20 + 4 * parameters
        assert graph.notes == ()
        short = FORMAT.parse(ModelData("x", data, {"x.weights": stored[0][:-4]}))
        assert "wants" in short.notes[0]


def test_small() -> None:
    graph = FORMAT.parse(ModelData("x.cfg", SMALL))
    assert graph.parameters == 4 * (27 + 4) + 2 * (8 + 1)
    assert graph.tensors[0].shape == (1, 3, 8, 8)
    kinds = [node.kind for node in graph.nodes]
    assert kinds == ["Conv", "BatchNormalization", "MaxPool", "Concat", "Conv"]
    conv, norm, pool, route, _ = graph.nodes
    assert conv.attributes["kernel_shape"] == (3, 3)
    assert "fused_activation" not in conv.attributes
    assert norm.attributes == {"fused_activation": "Sigmoid"}
    assert (pool.attributes["kernel_shape"], pool.attributes["pads"]) == ((1, 1), (0, 0, 0, 0))
    assert route.inputs == (pool.outputs[0], norm.outputs[0])
    survive(FORMAT, SMALL, "x.cfg", count=300)


YOLO = b"""[net]
width=32
height=32
channels=3
[convolutional]
filters=8
size=3
pad=1
stride=2
activation=leaky
[route]
layers=-1
groups=2
group_id=1
[maxpool]
size=2
stride=2
[upsample]
stride=2
[shortcut]
from=-3
activation=linear
[convolutional]
filters=21
size=1
activation=linear
[yolo]
mask=0,1,2
classes=2
"""


def test_detector() -> None:
    graph = FORMAT.parse(ModelData("x.cfg", YOLO))
    conv, route, pool, upsample, shortcut, last, yolo = graph.nodes
    assert (conv.attributes["pads"], conv.attributes["strides"]) == ((1, 1, 1, 1), (2, 2))
    assert conv.attributes["fused_activation"] == "LeakyRelu"
    assert (route.kind, route.attributes) == ("Slice", {"starts": (4,), "ends": (8,), "axes": (1,)})
    assert pool.attributes["pads"] == (0, 0, 1, 1)  # one column and row behind, as Darknet pads
    assert upsample.attributes["scales"] == (1.0, 1.0, 2.0, 2.0)
    assert (shortcut.kind, shortcut.inputs) == ("Add", (upsample.outputs[0], route.outputs[0]))
    assert graph.tensors[last.inputs[1]].shape == (21, 4, 1, 1)
    assert (yolo.kind, yolo.attributes) == ("YoloDetection", {"classes": 2, "boxes": 3})
    assert graph.outputs == yolo.outputs


def test_weights_alone() -> None:
    stored = struct.pack("<3iQ", 0, 2, 5, 32_013_312) + struct.pack("<100f", *(n / 7 for n in range(100)))
    assert matches(FORMAT, stored, "net.weights")
    assert not matches(FORMAT, stored, "net.dat")
    graph = FORMAT.parse(ModelData("net.weights", stored))
    assert (graph.parameters, graph.nodes, graph.completeness) == (100, (), Completeness.FULL)
    with pytest.raises(NotThisFormat):
        FORMAT.parse(ModelData("net.weights", struct.pack("<3iQ", 0, 2, 5, 9) + b"\xff" * 400))
    survive(FORMAT, stored, "net.weights", count=100)


def test_recurrent_and_dense_layers() -> None:
    text = b"[net]\ninputs=16\n[lstm]\noutput=4\n[connected]\noutput=3\nbatch_normalize=1\nactivation=linear\n"
    graph = FORMAT.parse(ModelData("x.cfg", text))
    assert graph.parameters == 4 * (16 * 4 + 4) + 4 * (4 * 4 + 4) + 4 * 3 + 4 * 3
    assert [node.kind for node in graph.nodes] == ["LSTM", "Gemm", "BatchNormalization"]


@pytest.mark.parametrize(
    "data",
    [
        b"[net]\nwidth=8\n[maxpool]\n",
        b"[network]\nssid=home\n[wifi]\nkey=1\n",
        SMALL.replace(b"channels=3", b"channels=0"),
        SMALL.replace(b"layers=-1,-2", b"layers=-9"),
        SMALL.replace(b"filters=4", b"filters=0"),
        SMALL + b"free text\n",
    ],
)
def test_refuses(data: bytes) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        FORMAT.parse(ModelData("x.cfg", data))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
