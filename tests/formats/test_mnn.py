"""MNN: real files of three converter generations, packed weights, and bytes that only look alike."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from examples.builders.flat import Fields, flatbuffer
from nngauge.domain.graph import DType, Graph, Quantization, Span
from nngauge.errors import InputError, LimitError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.mnn import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # nodes (netron's, less the constants that are used more than once), parameters (in the first files the weights were
    # stripped and only declared), first input
    "alibaba__MNN__290f5626__MobileNetV2_224.mnn": (70, 3_489_097, (None, 3, 224, 224)),
    "alibaba__MNN__48ac6397__inception-v3.mnn": (130, 23_819_401, (None, 3, 299, 299)),
    "alibaba__MNN__4ae4bb70__SqueezeNetV1.0.mnn": (46, 1_248_941, (None, 3, 224, 224)),
    "alibaba__MNN__5493ab01__squeezenetv1.1.mnn": (39, 1_235_496, (1, 3, 227, 227)),
    "alibaba__MNN__6d2cdfc7__nasnet.mnn": (598, 5_289_718, (1, 3, 224, 224)),
    "alibaba__MNN__7fd09ed8__mobilenet-v1-1.0.mnn": (35, 4_222_057, (None, 3, 224, 224)),
    "alibaba__MNN__ba3cd3a8__mobilenetV3.mnn": (148, 1_511_807, (1, 224, 224, 3)),
    "alibaba__MNN__f524dcb4__resnet-v2-50.mnn": (117, 25_562_857, (None, 3, 224, 224)),
    "szad670401__HyperLPR__88696de5__b320_backbone_h.mnn": (703, 441_943, (1, 3, 320, 320)),
    "szad670401__HyperLPR__c09ed67d__litemodel_cls_96xh.mnn": (91, 395_463, (1, 3, 96, 96)),
    "szad670401__HyperLPR__ea562232__b640x_head_h.mnn": (637, 529_236, (1, 45, 80, 80)),
}


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("x.mnn", data, parts))


def real(name: str) -> Path:
    path = MODELS / "mnn" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    return path


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    data = real(name).read_bytes()
    nodes, parameters, shape = FILES[name]
    assert matches(FORMAT, data, "x.bin")
    graph = parse(data)
    assert (len(graph.nodes), graph.parameters) == (nodes, parameters)
    assert graph.tensors[graph.inputs[0]].shape == shape
    assert graph.outputs
    assert all(node.kind for node in graph.nodes)
    survive(FORMAT, data, "x.mnn", 10)


def test_attributes_of_a_real_file() -> None:
    """MobileNetV2 as published (https://arxiv.org/abs/1801.04381, table 2)."""
    graph = parse(real("alibaba__MNN__290f5626__MobileNetV2_224.mnn").read_bytes())
    first, depthwise = graph.nodes[0], next(n for n in graph.nodes if n.op == "ConvolutionDepthwise")
    assert (first.kind, first.attributes) == (
        "Conv",
        {
            "kernel_shape": (3, 3),
            "strides": (2, 2),
            "dilations": (1, 1),
            "group": 1,
            "channels": 32,
            "auto_pad": "SAME_UPPER",
            "fused_activation": "Clip",
        },
    )
    assert [graph.tensors[at].shape for at in first.inputs[1:]] == [(32, 3, 3, 3), (32,)]
    assert depthwise.attributes["group"] == 32
    assert [graph.tensors[at].shape for at in depthwise.inputs[1:]] == [(32, 1, 3, 3), (32,)]
    back = next(node for node in graph.nodes if node.op == "ConvertTensor")
    assert (back.kind, back.attributes) == ("Transpose", {"perm": (0, 2, 3, 1)})


def test_halves_are_where_the_graph_says() -> None:
    data = real("szad670401__HyperLPR__88696de5__b320_backbone_h.mnn").read_bytes()
    graph = parse(data)
    weight = graph.tensors[graph.nodes[0].inputs[1]]
    assert (weight.dtype, weight.shape) == (DType.FLOAT16, (16, 3, 3, 3))
    assert weight.data is not None
    assert weight.data.size == 2 * 16 * 3 * 9
    values = struct.unpack_from(f"<{16 * 3 * 9}e", data, weight.data.offset)
    assert 1 < max(map(abs, values)) < 32
    resize = next(node for node in graph.nodes if node.op == "Interp")
    assert resize.attributes["scales"] == (1.0, 1.0, 2.0, 2.0)


# --- built by hand ---------------------------------------------------------------------------------------------------

COMMON = {2: ("i", 1), 3: ("i", 1), 10: ("i", 4), 11: ("i", 8)}
"""A 1×1 convolution of eight channels to four."""
LINEAR_4_BITS = bytes(range(0xF8, 0x100)) + bytes(range(8))


def network(convolution: Fields, **more: Fields) -> bytes:
    ops = [
        {1: ("B", 21), 2: {0: ("i", [1, 8, 2, 2])}, 3: "in", 4: ("i", [0]), 5: ("i", 34)},
        {0: ("i", [0]), 1: ("B", 9), 2: convolution, 3: "conv", 4: ("i", [1]), 5: ("i", 12)},
        *more.values(),
    ]
    return flatbuffer({3: ops, 6: ("b", 3), 7: ["in", "out", "a", "b"]})


def weight_of(data: bytes, **parts: bytes) -> tuple[DType, object, Span | None, Quantization | None]:
    graph = parse(data, **parts)
    weight = graph.tensors[graph.nodes[0].inputs[1]]
    return weight.dtype, weight.shape, weight.data, weight.quantization


def test_four_bits() -> None:
    """Dimensions, code book, then nibbles; a scale for each channel, or minimum and scale for each block of four."""
    packed = bytes([2, 4, 0, 8, 0, 16]) + LINEAR_4_BITS + bytes(16)
    data = network({0: COMMON, 3: {0: packed, 1: ("f", [0.5, 1.0, 2.0, 4.0]), 2: ("i", 1)}, 2: ("f", [0.0] * 4)})
    dtype, shape, span, quantization = weight_of(data)
    assert (dtype, shape, quantization) == (DType.UINT4, (4, 8, 1, 1), Quantization(4, 0.5, 8, 0))
    assert span is not None
    assert data[span.offset - 16 : span.offset] == LINEAR_4_BITS
    assert span.size == 16
    blocks = [number for _ in range(8) for number in (-1.0, 0.25)]
    data = network({0: COMMON, 3: {0: packed, 1: ("f", blocks), 2: ("i", 1), 9: ("i", 1)}})
    assert weight_of(data)[3] == Quantization(8, 0.25, 4, None)


def test_a_code_book_of_three_bits_is_no_integer_type() -> None:
    packed = bytes([2, 4, 0, 8, 0, 5]) + bytes([1, 2, 3, 9, 30]) + bytes(12)
    dtype, shape, span, quantization = weight_of(network({0: COMMON, 3: {0: packed, 1: ("f", [1.0]), 2: ("i", 1)}}))
    assert (dtype, shape, quantization) == (DType.UNKNOWN, (4, 8, 1, 1), Quantization(1, 1.0, None, None, 5))
    assert span is not None
    assert span.size == 12


def test_weights_beside_the_model() -> None:
    place = [16, 128, 16]
    data = network({0: COMMON, 6: ("q", place)})
    beside = bytes(16) + bytes(128) + bytes(16)
    assert weight_of(data, weights=beside)[2] == Span(16, 128, 1)
    graph = parse(data, weights=beside)
    assert graph.tensors[graph.nodes[0].inputs[2]].data == Span(144, 16, 1)
    assert not graph.notes
    alone = parse(data)
    assert (alone.parameters, len(alone.notes)) == (36, 1)
    with pytest.raises(InputError):
        parse(data, weights=beside[:100])
    assert FORMAT.bind is not None
    assert FORMAT.bind("a/m.mnn", ["a/m.mnn", "a/m.mnn.weight", "m.mnn.weight"]) == ("a/m.mnn.weight",)


def test_packed_weights_beside_the_model() -> None:
    packed = bytes([2, 4, 0, 8, 0, 16]) + LINEAR_4_BITS + bytes(16)
    data = network({0: COMMON, 3: {2: ("i", 1)}, 6: ("q", [0, len(packed), 16, 16, 0])})
    beside = packed + struct.pack("<4f", 0.5, 1, 1, 1) + bytes(16)
    assert weight_of(data, weights=beside) == (
        DType.UINT4,
        (4, 8, 1, 1),
        Span(22, 16, 1),
        Quantization(4, 0.5, 8, 0),
    )
    assert weight_of(data) == (DType.UNKNOWN, (4, 8, 1, 1), None, None)


def test_constants_become_attributes() -> None:
    """TensorFlow's padding pairs and slice masks in ONNX's words."""
    pads: Fields = {1: ("B", 7), 2: {0: ("i", [4, 2]), 2: ("i", 3), 5: ("i", [0, 0, 1, 2, 3, 4, 0, 0])}}
    pads |= {3: "pads", 4: ("i", [2]), 5: ("i", 11)}
    pad: Fields = {0: ("i", [1, 2]), 1: ("B", 84), 2: {}, 3: "pad", 4: ("i", [3]), 5: ("i", 45)}
    graph = parse(network({0: COMMON, 1: ("f", [0.0] * 32)}, pads=pads, pad=pad))
    assert (graph.nodes[1].kind, graph.nodes[1].inputs) == ("Pad", (1,))
    assert graph.nodes[1].attributes == {"mode": "constant", "pads": (0, 1, 3, 0, 0, 2, 4, 0)}


def test_control_flow_names_its_graphs() -> None:
    loop = {0: ("i", [0]), 1: ("B", 85), 2: {0: "test", 1: "step"}, 3: "loop", 4: ("i", [1]), 5: ("i", 600)}
    step = {0: ("i", [0]), 4: ("i", [1]), 5: ("i", 81)}
    body = {0: "step", 1: ("i", [0]), 2: ("i", [1]), 3: ["x", "y"], 4: [step]}
    data = flatbuffer({3: [loop], 6: ("b", 3), 7: ["a", "b"], 10: [body | {0: "test"}, body]})
    graph = parse(data)
    assert (graph.nodes[0].kind, graph.nodes[0].attributes) == ("Loop", {"cond": 0, "body": 1})
    assert [(sub.name, sub.inputs, sub.outputs, sub.nodes[0].kind) for sub in graph.subgraphs] == [
        ("test", (0,), (1,), "Sigmoid"),
        ("step", (0,), (1,), "Sigmoid"),
    ]


def test_a_tflite_file_is_not_mnn() -> None:
    for path in sorted((MODELS / "tflite").glob("*"))[:40]:
        data = path.read_bytes()
        with pytest.raises(NotThisFormat):
            FORMAT.parse(ModelData("x.mnn", data))


def test_shared_references_cannot_multiply_the_work() -> None:
    op = {0: ("i", [0] * 100_000), 3: "op", 4: ("i", [0]), 5: ("i", 69)}
    honest = flatbuffer({3: [op], 6: ("b", 3), 7: ["x"]})
    assert [node.op for node in parse(honest).nodes] == ["ReLU"]
    with pytest.raises(LimitError):
        parse(flatbuffer({3: [op] * 50_000, 6: ("b", 3), 7: ["x"]}))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    packed = bytes([2, 4, 0, 8, 0, 16]) + LINEAR_4_BITS + bytes(16)
    survive(FORMAT, network({0: COMMON, 3: {0: packed, 1: ("f", [0.5] * 4), 2: ("i", 1)}}), "x.mnn", 300)
