"""Networks of MNN, TNN, Tengine, ncnn and Caffe: shapes follow from their attributes, and one network costs the same
in whatever format it was shipped."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.domain.graph import Graph
from nngauge.formats._api import ModelData
from tests.builders.hostile import MODELS

FOLDERS = {
    "mnn": "mnn/*.mnn",
    "tnn": "tnn_proto/*.tnnproto",
    "tengine": "tengine_tmfile/*.tmfile",
    "ncnn": "ncnn_*param/**/*.param",
    "caffe": "caffe*/*o*",
}
INPUTS: dict[str, dict[str, tuple[int, ...]]] = {
    # where the file does not say how large the input is, or says something that cannot be: what the networks are fed
    "074c7c16": {"data": (1, 3, 112, 112)},
    "20663896": {"data": (1, 3, 320, 1024)},
    "70de0fcd": {"data": (1, 3, 224, 224)},
    "22770094/FastestDet": {"input.1": (3, 352, 352)},
    "benchmark_param/FastestDet": {"in0": (3, 352, 352)},
    "vision_transformer": {"input": (3, 384, 384)},
    "model_1": {"data": (3, 80, 80)},
    "model_2": {"data": (3, 80, 80)},
}
COUNTED_BY_THE_DATA = {"DetectionOutput", "YoloDetection", "Custom"}

SAME = {
    # MACs of the whole network in several formats; published: 3.9 G (https://arxiv.org/abs/1512.03385, table 1),
    # 569 M (https://arxiv.org/abs/1704.04861, table 8), 1.5 G (https://arxiv.org/abs/1409.4842)
    3_857_973_248: ("tnn/*resnet50*", "tengine/*resnet50*", "ncnn/resnet50.param", "ncnn/resnet50_int8.param"),
    568_740_352: ("tnn/*7b5d4d90*", "tnn/*436e1e85*", "tengine/*f76bed21*", "ncnn/mobilenet.param"),
    1_582_671_872: ("tengine/*googlenet*", "ncnn/googlenet.param"),
    1_826_918_400: ("tengine/*resnet18*", "ncnn/resnet18.param"),
    144_907_992: ("tengine/*shufflenet_v2*", "ncnn/shufflenet_v2.param"),
    1_148_479_168: ("tengine/*mssd*", "ncnn/mobilenet_ssd.param"),
    313_619_328: ("tnn/*mobilenet_v2*", "ncnn/mobilenet_v2.param"),
    418_467_520: ("mnn/*squeezenetv1.1*", "ncnn/squeezenet.param"),
}


def files(form: str) -> list[Path]:
    return sorted(MODELS.glob(FOLDERS[form]))


def read(form: str, path: Path) -> Graph:
    graph: Graph = import_module(f"nngauge.formats.{form}").FORMAT.parse(ModelData(path.name, path.read_bytes()))
    inputs = next((shapes for name, shapes in INPUTS.items() if name in str(path)), {})
    names = {graph.tensors[at].name for at in graph.inputs}
    return infer_shapes(graph, Constants([]), {name: shape for name, shape in inputs.items() if name in names}).graph


@pytest.mark.parametrize("form", FOLDERS)
def test_every_result_has_a_shape(form: str) -> None:
    paths = [path for path in files(form) if ".ncnn." not in path.name]
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        graph = read(form, path)
        for node in graph.nodes:
            shapes = [graph.tensors[at].shape for at in node.outputs]
            known = all(shape is not None and all(isinstance(dim, int) for dim in shape) for shape in shapes)
            assert known or node.kind in COUNTED_BY_THE_DATA, (path.name, node, shapes)


@pytest.mark.parametrize("macs", SAME)
def test_a_network_costs_the_same_in_every_format(macs: int) -> None:
    for pattern in SAME[macs]:
        form, _, name = pattern.partition("/")
        paths = [path for path in files(form) if path.match(name)]
        if not paths:
            pytest.skip("real models are not beside this checkout")
        assert model_cost(read(form, paths[0])).macs == macs, paths[0].name
