"""Networks of MNN, TNN, Tengine, ncnn and Caffe: shapes follow from their attributes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from nngauge.analyse.constants import Constants
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
