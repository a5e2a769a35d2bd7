"""MNN: real files of three converter generations, and bytes that only look alike."""

from __future__ import annotations

import pytest

from nngauge.errors import LimitError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.mnn import FORMAT
from tests.builders.flat import flatbuffer
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # nodes, parameters (in the first files they were stripped and only declared), first input
    "alibaba__MNN__290f5626__MobileNetV2_224.mnn": (70, 3_489_097, (None, 3, 224, 224)),
    "alibaba__MNN__48ac6397__inception-v3.mnn": (130, 23_819_401, (None, 3, 299, 299)),
    "alibaba__MNN__5493ab01__squeezenetv1.1.mnn": (39, 1_235_496, (1, 3, 227, 227)),
    "alibaba__MNN__ba3cd3a8__mobilenetV3.mnn": (153, 1_511_807, (1, 224, 224, 3)),
    "alibaba__MNN__f524dcb4__resnet-v2-50.mnn": (117, 25_562_857, (None, 3, 224, 224)),
    "szad670401__HyperLPR__88696de5__b320_backbone_h.mnn": (719, 441_943, (1, 3, 320, 320)),
    "szad670401__HyperLPR__c09ed67d__litemodel_cls_96xh.mnn": (103, 395_463, (1, 3, 96, 96)),
}


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "mnn" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    nodes, parameters, shape = FILES[name]
    assert matches(FORMAT, data, "x.bin")
    graph = FORMAT.parse(ModelData("x.bin", data))
    assert (len(graph.nodes), graph.parameters) == (nodes, parameters)
    assert graph.tensors[graph.inputs[0]].shape == shape
    assert graph.outputs
    survive(FORMAT, data, "x.mnn")


def test_a_tflite_file_is_not_mnn() -> None:
    for path in sorted((MODELS / "tflite").glob("*"))[:40]:
        data = path.read_bytes()
        with pytest.raises(NotThisFormat):
            FORMAT.parse(ModelData("x.mnn", data))


def test_shared_references_cannot_multiply_the_work() -> None:
    op = {0: ("i", [0] * 100_000), 3: "op", 4: ("i", [0]), 5: ("i", 69)}
    honest = flatbuffer({3: [op], 6: ("b", 3), 7: ["x"]})
    assert [node.op for node in FORMAT.parse(ModelData("x", honest)).nodes] == ["ReLU"]
    with pytest.raises(LimitError):
        FORMAT.parse(ModelData("x", flatbuffer({3: [op] * 50_000, 6: ("b", 3), 7: ["x"]})))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
