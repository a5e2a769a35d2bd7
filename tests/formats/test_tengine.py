"""Tengine tmfiles: parameter counts of well-known networks are the check."""

from __future__ import annotations

import pytest

from nngauge.errors import NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tengine import FORMAT
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # nodes, parameters (the weights were stripped, their shapes are there)
    "OAID__Tengine__3ba53266__googlenet_benchmark.tmfile": (85, 6_998_552),
    "OAID__Tengine__a3e296b0__resnet50_benchmark.tmfile": (89, 25_530_472),
    "OAID__Tengine__b599637d__resnet18_benchmark.tmfile": (41, 11_688_872),
    "OAID__Tengine__dad14d2c__squeezenet_v1.1_benchmark.tmfile": (40, 1_235_496),
    "OAID__Tengine__e50605c7__mobilenet_v2_benchmark.tmfile": (66, 3_488_872),
    "OAID__Tengine__f76bed21__mobilenet_benchmark.tmfile": (29, 4_221_032),
    "OAID__Tengine__074c7c16__mobilefacenets_benchmark.tmfile": (98, 993_858),
    "OAID__Tengine__20663896__retinaface_benchmark.tmfile": (77, 423_264),
    "OAID__Tengine__4679a463__inception_v3_benchmark.tmfile": (122, 23_817_352),
    "OAID__Tengine__70de0fcd__mobilenet_v3_benchmark.tmfile": (201, 5_469_610),
    "OAID__Tengine__abbc4b13__shufflenet_v2_benchmark.tmfile": (104, 2_270_514),
    "OAID__Tengine__dc51a5c8__mssd_benchmark.tmfile": (84, 5_783_417),
}


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "tengine_tmfile" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert (len(graph.nodes), graph.parameters) == FILES[name]
    assert graph.notes == ("weights were stripped from the file",)
    survive(FORMAT, data, "x.tmfile", count=20)


def test_other_files_that_begin_with_two() -> None:
    table = b"\x02\0\0\0\x10\0\0\0\x20\0\0\0" + b"\x30\0\0\0" * 400
    assert not accepts(FORMAT, table, "x.tmfile")
    with pytest.raises(NotThisFormat):
        FORMAT.parse(ModelData("x.bin", table))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
