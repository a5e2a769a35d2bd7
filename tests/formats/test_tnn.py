"""TNN networks."""

from __future__ import annotations

import pytest

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tnn import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    "Tencent__TNN__030e6e41__mobilenet_v2.tnnproto": 102,
    "Tencent__TNN__436e1e85__quant_mobilenet_v1.tnnproto": 30,
    "Tencent__TNN__7b5d4d90__mobilenet_v1.tnnproto": 57,
    "Tencent__TNN__ad24003e__resnet50.tnnproto": 123,
    "Tencent__TNN__c20c8314__quant_squeezenet_v1.1.tnnproto": 39,
    "Tencent__TNN__e63f246f__quant_inception_v3.tnnproto": 122,
}
SMALL = (
    b'"1 3 1 4206624770 ,"\n"input 1 3 8 8 ,"\n" input conv out ,"\n"out ,"\n" 2 ,"\n'
    b'"Convolution conv 1 1 input conv 1 3 8 3 3 ,"\n"ReLU out 1 1 conv out ,"\n'
)
WEIGHTS = b"\x02\x00\xbc\xfa\x02\0\0\0" + bytes(32)


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "tnn_proto" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert len(graph.nodes) == FILES[name]
    assert graph.tensors[graph.inputs[0]].shape is not None
    assert graph.outputs


def test_small() -> None:
    graph = FORMAT.parse(ModelData("m.tnnproto", SMALL, {"m.tnnmodel": WEIGHTS}))
    assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [
        ("Convolution", (0,), (1,)),
        ("ReLU", (1,), (2,)),
    ]
    assert graph.notes == ("weights of 2 layers are not counted",)
    assert FORMAT.bind is not None
    assert FORMAT.bind("a/m.tnnproto", ["a/m.tnnproto", "a/m.tnnmodel"]) == ("a/m.tnnmodel",)
    survive(FORMAT, SMALL, "x.tnnproto", count=300)


def test_refuses() -> None:
    with pytest.raises(InputError):
        FORMAT.parse(ModelData("x", SMALL, {"m.tnnmodel": bytes(40)}))
    for old, new in (
        (b'" 2 ,"', b'" 3 ,"'),
        (b"conv 1 1", b"conv 99 1"),
        (b"input 1 3", b"input a b"),
        (b"4206624770", b"77"),
    ):
        with pytest.raises((InputError, NotThisFormat)):
            FORMAT.parse(ModelData("x", SMALL.replace(old, new)))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
