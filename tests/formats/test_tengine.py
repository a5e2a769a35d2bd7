"""Tengine tmfiles: parameter counts of well-known networks are the check."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Graph, Node, Quantization
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
    assert all(node.kind for node in graph.nodes)
    survive(FORMAT, data, "x.tmfile", count=20)


class File:
    """A tmfile written record by record; every record is known by its offset."""

    def __init__(self) -> None:
        self.buf = bytearray(12)

    def add(self, *numbers: float) -> int:
        """A record of 32-bit numbers."""
        at = len(self.buf)
        self.buf += b"".join(struct.pack("<f" if isinstance(item, float) else "<i", item) for item in numbers)
        return at

    def vector(self, *numbers: int) -> int:
        return self.add(len(numbers), *numbers)

    def text(self, text: str) -> int:
        at = len(self.buf)
        self.buf += text.encode().ljust((len(text) + 4) // 4 * 4, b"\0")
        return self.add(len(text), at)

    def tensor(self, name: str, shape: tuple[int, ...], *, constant: bool = False, scales: int = 0) -> int:
        dims = self.vector(*shape)
        records = [self.add(3, 0.5, 8) for _ in range(scales)]
        quantised = self.vector(*records) if records else 0
        return self.add(0, 0, dims, self.text(name), quantised, 0, 2 if constant else 1, 0)

    def node(self, code: int, parameters: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
        operator = self.add(1, code, parameters)
        return self.add(0, self.vector(*inputs), self.vector(*outputs), operator, self.text("n"), 0, 0)

    def finished(self, nodes: list[int], tensors: list[int], *, layout: int = 0) -> bytes:
        places = [self.vector(0), self.vector(len(nodes) - 1), self.vector(*nodes), self.vector(*tensors)]
        graph = self.add(0, 0, layout, *places, self.vector(self.add(0, 0)), self.text("g"), 0)
        root = self.add(3, 0, self.vector(graph), 0)
        self.buf[:12] = struct.pack("<HHHHI", 2, 0, 0, 0, root)
        return bytes(self.buf)


def one(code: int, *parameters: float, layout: int = 0) -> Node:
    """The node of a network of one operator."""
    file = File()
    place = file.add(*parameters)
    tensors = [file.tensor("in", (1, 8, 6, 6)), file.tensor("out", ())]
    nodes = [file.node(12, 0, (), (0,)), file.node(code, place, (0,), (1,))]
    return parse(file.finished(nodes, tensors, layout=layout)).nodes[0]


def parse(data: bytes) -> Graph:
    return FORMAT.parse(ModelData("x.tmfile", data))


def test_convolution() -> None:
    node = one(5, 3, 5, 1, 2, 1, 1, 8, 16, 2, 6, 1, 2, 1, 2)
    assert (node.op, node.kind) == ("Convolution", "Conv")
    assert node.attributes == {
        "kernel_shape": (3, 5),
        "strides": (1, 2),
        "dilations": (1, 1),
        "group": 2,
        "channels": 16,
        "pads": (1, 2, 1, 2),
        "fused_activation": "Clip",
    }
    assert one(5, 3, 3, 1, 1, 1, 1, 8, 8, 8, -1, -1, -1, -1, -1).attributes["auto_pad"] == "SAME_UPPER"


def test_pooling_flavours() -> None:
    window = (1, 3, 3, 2, 2, 0)
    assert one(16, *window, 1, 1, 1, 1, 1).attributes["ceil_mode"] == 1
    assert one(16, *window, 0, 1, 1, 1, 1).attributes["ceil_mode"] == 0
    assert one(16, *window, 2, 1, 1, 1, 1).attributes["pads"] == (0, 0, 1, 1)
    assert one(16, 1, 3, 3, 2, 2, 1, 0, 0, 0, 0, 0).kind == "GlobalAveragePool"


def test_axes_of_tensorflow_are_turned() -> None:
    assert one(3, 3).attributes == {"axis": 3}
    assert one(3, 3, layout=1).attributes == {"axis": 1}


def test_vectors_and_scales() -> None:
    file = File()
    shape = file.vector(0, -1, 0)
    reshape = file.add(0, 0, shape, 0)
    tensors = [file.tensor("in", (1, 8, 6, 6), scales=1), file.tensor("out", ()), file.tensor("w", (4,), scales=4)]
    graph = parse(file.finished([file.node(12, 0, (), (0,)), file.node(23, reshape, (0,), (1,))], tensors))
    assert (graph.nodes[0].kind, graph.nodes[0].attributes) == ("Reshape", {"shape": (0, -1)})
    assert [tensor.quantization for tensor in graph.tensors] == [
        Quantization(1, 0.5, 3, None),
        None,
        Quantization(4, 0.5, 3, 0),
    ]


def test_attributes_of_a_real_file() -> None:
    """SqueezeNet 1.1 as published (https://github.com/forresti/SqueezeNet)."""
    path = MODELS / "tengine_tmfile" / "OAID__Tengine__dad14d2c__squeezenet_v1.1_benchmark.tmfile"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph = parse(path.read_bytes())
    first, pool = graph.nodes[0], next(node for node in graph.nodes if node.op == "Pooling")
    assert [first.attributes[name] for name in ("kernel_shape", "strides", "pads", "channels")] == [
        (3, 3), (2, 2), (0, 0, 0, 0), 64,
    ]  # fmt: skip
    assert [pool.attributes[name] for name in ("kernel_shape", "strides", "ceil_mode")] == [(3, 3), (2, 2), 1]


def test_other_files_that_begin_with_two() -> None:
    table = b"\x02\0\0\0\x10\0\0\0\x20\0\0\0" + b"\x30\0\0\0" * 400
    assert not accepts(FORMAT, table, "x.tmfile")
    with pytest.raises(NotThisFormat):
        FORMAT.parse(ModelData("x.bin", table))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    file = File()
    place = file.add(5, 3, 3, 1, 1, 1, 1, 8, 8, 8, 0, 1, 1, 1, 1)
    tensors = [file.tensor("in", (1, 8, 6, 6), scales=1), file.tensor("out", ())]
    survive(
        FORMAT, file.finished([file.node(12, 0, (), (0,)), file.node(5, place, (0,), (1,))], tensors), "x.tmfile", 300
    )
