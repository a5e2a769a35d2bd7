"""Models compiled for one vendor's chips: Core AI, Qualcomm, Huawei."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile

import pytest

from examples.builders.flat import flatbuffer
from nngauge.domain.graph import Completeness, DType
from nngauge.errors import InputError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats import aimodel, hailo_hef, hiai_om, qnn_context, snpe_dlc
from nngauge.formats._api import Format, ModelData
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message


def dlc(model: bytes = b"\xd5\x0a\x03\0\0\0\0\0\x10\0\0\0NETD" + bytes(40), params: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as box:
        box.writestr("model", model)
        box.writestr("model.params", params if params is not None else model.replace(b"NETD", b"NETP"))
        box.writestr(
            "dlc.metadata", "converter-command=snpe-onnx-to-dlc -i a\nconverter-version=2.10\nmodel-version=1\n"
        )
    return buffer.getvalue()


def test_snpe() -> None:
    assert matches(snpe_dlc.FORMAT, dlc(), "x")
    graph = snpe_dlc.FORMAT.parse(ModelData("x", dlc()))
    assert (graph.format_version, graph.producer) == ("3.0", "snpe-onnx-to-dlc 2.10")
    assert (
        snpe_dlc.FORMAT.parse(
            ModelData("x", dlc(b"\xd5\x0a\x02\0\0\0\0\0" + bytes(40), b"\xd5\x0a\x02\0\0\0\0\0"))
        ).format_version
        == "2.0"
    )
    for data in (dlc(b"a text called model"), dlc(b"\xd5\x0a\x07\0\0\0\0\0" + bytes(40))):
        with pytest.raises(NotThisFormat):
            snpe_dlc.FORMAT.parse(ModelData("x.dlc", data))
    with pytest.raises(MalformedError):
        snpe_dlc.FORMAT.parse(ModelData("x.dlc", dlc(params=b"no parameters")))
    survive(snpe_dlc.FORMAT, dlc(), "x.dlc", count=100)


def context(size: int = 64) -> bytes:
    body = flatbuffer({0: ("I", 1), 1: "graph"})
    start = 40 + len(body)
    return (
        bytes.fromhex("00000002000000030000000000000001")
        + struct.pack("<QQQ", len(body), start, size)
        + body
        + bytes(64)
    )


def test_qnn() -> None:
    graph = qnn_context.FORMAT.parse(ModelData("x", context() + b"behind"))
    assert graph.extent == len(context())
    with pytest.raises(MalformedError):
        qnn_context.FORMAT.parse(ModelData("x", context(size=65)))
    with pytest.raises(UnsupportedError):
        qnn_context.FORMAT.parse(ModelData("x", bytes.fromhex("00000002000000020000000000000000") + bytes(99)))
    survive(qnn_context.FORMAT, context(), "x.bin", count=200)


def test_real_qnn() -> None:
    paths = list((MODELS / "vendor_compiled").glob("*qualcomm*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data = paths[0].read_bytes()
    assert matches(qnn_context.FORMAT, data, "x")
    graph = qnn_context.FORMAT.parse(ModelData("x", data))
    assert (graph.extent, graph.producer) == (len(data), "Qualcomm QNN v2.33.0.250220031845_105259")
    assert graph.metadata == {"program_bytes": "28464"}


def offline(width: str = "I", size: int = 64, encrypted: int = 0, model: bytes = bytes(64)) -> bytes:
    header = b"IMOD" + struct.pack("<II64xIBBBB32s", 256, 0x10000000, 512, encrypted, 1, 0, 0, b"digits")
    table = struct.pack("<I", 2) + (bytes(4) if width == "Q" else b"")
    table += struct.pack(f"<6{width}", 0, 0, size, 1, size, 32)
    return header + bytes(256 - len(header)) + table + model + bytes(32)


@pytest.mark.parametrize("width", ["I", "Q"])
def test_huawei(width: str) -> None:
    graph = hiai_om.FORMAT.parse(ModelData("x", offline(width)))
    assert (graph.name, graph.metadata) == ("digits", {"partitions": "model, weights", "bytes of weights": "32"})
    assert graph.completeness is Completeness.STRUCTURE
    with pytest.raises(InputError):
        hiai_om.FORMAT.parse(ModelData("x", offline(width, size=9999)))
    with pytest.raises(UnsupportedError):
        hiai_om.FORMAT.parse(ModelData("x", offline(width, encrypted=1)))
    survive(hiai_om.FORMAT, offline(width), "x.om", count=200)


def described(dtype: int, *dims: int) -> bytes:
    return message((2, dtype), (3, message(*[(1, dim) for dim in dims])))


def ge_op(name: str, kind: str, *inputs: str, out: bytes) -> tuple[int, bytes]:
    return 6, message((1, name), (2, kind), *[(5, text) for text in inputs], (34, out))


def offline_operations(width: str = "I") -> bytes:
    ops = message(
        (1, "digits"),
        ge_op("data", "Data", out=described(1, 1, 3, 32, 32)),
        ge_op("w", "Const", out=described(2, 8, 3, 3, 3)),
        ge_op("conv", "Convolution", "data:0", "w:0", "ctrl:-1", out=described(1, 1, 8, 32, 32)),
        ge_op("out", "NetOutput", "conv:0", out=described(1, 1)),
    )
    model = message((1, "m"), (7, ops))
    return offline(width, len(model), model=model)


@pytest.mark.parametrize("width", ["I", "Q"])
def test_huawei_operations(width: str) -> None:
    data = offline_operations(width)
    graph = hiai_om.FORMAT.parse(ModelData("x", data))
    assert (graph.name, graph.completeness, graph.parameters) == ("digits", Completeness.PARTIAL, 216)
    assert [(node.op, node.inputs) for node in graph.nodes] == [("Convolution", (0, 1))]
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in graph.tensors][:2] == [
        ("data:0", (1, 3, 32, 32), DType.FLOAT32),
        ("w:0", (8, 3, 3, 3), DType.FLOAT16),
    ]
    assert graph.inputs == (0,)
    survive(hiai_om.FORMAT, data, "x.om", count=300)


NETD_4 = b"\xd5\x0a\x04\0\0\0\0\0"


def dlc_4() -> bytes:
    tensors = [
        {1: "x", 2: ("i", 0), 3: ("i", [1, 32, 32, 3]), 6: ("i", 0x0408)},
        {1: "w", 2: ("i", 4), 3: ("i", [3, 3, 3, 8]), 6: ("i", 0x0308)},
        {1: "y", 2: ("i", 0), 3: ("i", [1, 16, 16, 8]), 6: ("i", 0x0216)},
    ]
    node = {0: "conv", 1: "Conv2d", 2: ["x", "w"], 3: ["y"]}
    model = NETD_4 + flatbuffer({0: [{0: "net", 1: [node], 2: tensors}]}, b"NETD")
    return dlc(model, NETD_4 + flatbuffer({0: [{0: "net", 1: [{0: "w", 1: bytes(216)}]}]}, b"NETP"))


def test_snpe_version_4() -> None:
    data = dlc_4()
    graph = snpe_dlc.FORMAT.parse(ModelData("x", data))
    assert (graph.name, graph.completeness, graph.format_version) == ("net", Completeness.PARTIAL, "4.0")
    assert [(each.op, each.inputs, each.outputs) for each in graph.nodes] == [("Conv2d", (0, 1), (2,))]
    assert [tensor.dtype for tensor in graph.tensors] == [DType.UINT8, DType.INT8, DType.FLOAT16]
    assert (graph.parameters, graph.metadata["bytes of weights"]) == (216, "216")
    model = NETD_4 + flatbuffer({0: [{0: "net", 1: [], 2: []}]}, b"NETD")
    wide = NETD_4 + flatbuffer({0: [{0: bytes(100)}, {0: bytes(116)}]}, b"NR64")
    assert snpe_dlc.FORMAT.parse(ModelData("x", dlc(model, wide))).metadata["bytes of weights"] == "216"
    survive(snpe_dlc.FORMAT, data, "x.dlc", count=200)


def dlc_3() -> bytes:
    nodes = [
        {0: ("i", 0), 1: "in", 2: "Input", 4: ["x"]},
        {0: ("i", 1), 1: "fc", 2: "FullyConnected", 3: ["x"], 4: ["y"]},
    ]
    weight = {0: "weights", 1: ("i", [10, 20]), 2: {0: ("B", 9), 2: ("f", [0.5] * 200)}}
    model = b"\xd5\x0a\x03\0\0\0\0\0" + flatbuffer({1: nodes}, b"NETD")
    params = b"\xd5\x0a\x03\0\0\0\0\0" + flatbuffer({0: [{0: "fc", 1: [weight]}]}, b"NETP")
    return dlc(model, params)


def test_snpe_version_3() -> None:
    graph = snpe_dlc.FORMAT.parse(ModelData("x", dlc_3()))
    assert [(each.op, [graph.tensors[at].name for at in each.inputs]) for each in graph.nodes] == [
        ("FullyConnected", ["x", "fc/weights"])
    ]
    assert (graph.inputs, graph.parameters, graph.metadata["bytes of weights"]) == ((0,), 200, "800")


def executable(*fields: tuple[int, bytes]) -> bytes:
    body = message(*fields)
    return b"\x01HEF" + struct.pack(">III", 0, len(body), 0) + hashlib.md5(body, usedforsecurity=False).digest() + body


def accelerated() -> bytes:
    header = message((1, 3), (3, "3.27.0"))
    shape = message((1, 224), (3, 224), (5, 3))
    core = message(
        (1, "net"), (2, message((2, "in"), (6, shape), (8, 1))), (3, message((2, "out"))), (4, message((5, b"")))
    )
    nms = message((1, "nms"), (2, message((2, "boxes"))), (5, message((4, 80))))
    return executable((1, header), (2, message((8, core), (8, nms), (10, "yolo"))))


def test_hailo_network() -> None:
    data = accelerated()
    graph = hailo_hef.FORMAT.parse(ModelData("x", data))
    assert (graph.name, graph.producer) == ("yolo", "Hailo dataflow compiler 3.27.0")
    assert graph.metadata["target"] == "Hailo-8L"
    assert [(node.op, node.kind) for node in graph.nodes] == [("Core", "Delegate"), ("Nms", "DetectionOutput")]
    assert (graph.tensors[0].shape, graph.tensors[0].dtype) == ((224, 224, 3), DType.UINT8)
    assert (graph.inputs, graph.outputs) == ((0,), (1,))
    for index in range(len(data) - 28):
        damaged = bytearray(data[28:])
        damaged[index] ^= 0xFF
        digest = hashlib.md5(damaged, usedforsecurity=False).digest()
        accepts(hailo_hef.FORMAT, data[:12] + bytes(4) + digest + bytes(damaged))


@pytest.mark.parametrize(
    "form", [aimodel.FORMAT, snpe_dlc.FORMAT, qnn_context.FORMAT, hiai_om.FORMAT], ids=lambda form: form.name
)
def test_lookalikes_and_noise(form: Format) -> None:
    refuse_lookalikes(form)
    refuse_noise(form)
