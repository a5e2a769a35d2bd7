"""Darknet: the counted weights must fill the real weight files to the last float."""

from __future__ import annotations

import pytest

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
    assert (len(graph.nodes), graph.parameters) == (layers, parameters)
    if stored:
        assert len(stored[0]) == 20 + 4 * parameters
        assert graph.notes == ()
        short = FORMAT.parse(ModelData("x", data, {"x.weights": stored[0][:-4]}))
        assert "wants" in short.notes[0]


def test_small() -> None:
    graph = FORMAT.parse(ModelData("x.cfg", SMALL))
    assert graph.parameters == 4 * (27 + 4) + 2 * (8 + 1)
    assert graph.tensors[0].shape == (1, 3, 8, 8)
    survive(FORMAT, SMALL, "x.cfg", count=300)


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
