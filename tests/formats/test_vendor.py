"""Models compiled for one vendor's chips: Core AI, Qualcomm, Huawei."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats import aimodel, hiai_om, qnn_context, snpe_dlc
from nngauge.formats._api import Format, ModelData
from tests.builders.flat import flatbuffer
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

BYTECODE = b"ML\xefR\x0dMLIR22.0.0git\0" + bytes(100)
DESCRIPTION = json.dumps({"producer": "coreai-core 1.0.0b3", "assetVersion": "2.0"}).encode()


def test_aimodel() -> None:
    lead = "m.aimodel/main.mlirb"
    parts = {"m.aimodel/main.hash": hashlib.sha256(BYTECODE).digest(), "m.aimodel/metadata.json": DESCRIPTION}
    assert matches(aimodel.FORMAT, BYTECODE, lead)
    assert aimodel.FORMAT.bind is not None
    assert aimodel.FORMAT.bind(lead, [lead, "n/main.hash", *parts]) == tuple(parts)
    graph = aimodel.FORMAT.parse(ModelData(lead, BYTECODE, parts))
    assert (graph.producer, graph.format_version) == ("coreai-core 1.0.0b3", "asset 2.0")
    assert graph.metadata == {"compiler": "MLIR22.0.0git", "bytecode version": "6"}
    assert graph.notes == ("the MLIR program is not read",)
    changed = aimodel.FORMAT.parse(ModelData(lead, BYTECODE + b"x", parts))
    assert "does not belong" in changed.notes[1]
    with pytest.raises(NotThisFormat):
        aimodel.FORMAT.parse(ModelData("x.mlirbc", BYTECODE))


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
    assert qnn_context.FORMAT.parse(ModelData("x", data)).extent == len(data)


def offline(width: str = "I", size: int = 64, encrypted: int = 0) -> bytes:
    header = b"IMOD" + struct.pack("<II64xIBBBB32s", 256, 0x10000000, 512, encrypted, 1, 0, 0, b"digits")
    table = struct.pack("<I", 2) + (bytes(4) if width == "Q" else b"")
    table += struct.pack(f"<6{width}", 0, 0, size, 1, size, 32)
    return header + bytes(256 - len(header)) + table + bytes(96)


@pytest.mark.parametrize("width", ["I", "Q"])
def test_huawei(width: str) -> None:
    graph = hiai_om.FORMAT.parse(ModelData("x", offline(width)))
    assert (graph.name, graph.metadata) == ("digits", {"partitions": "model, weights"})
    with pytest.raises(InputError):
        hiai_om.FORMAT.parse(ModelData("x", offline(width, size=9999)))
    with pytest.raises(UnsupportedError):
        hiai_om.FORMAT.parse(ModelData("x", offline(width, encrypted=1)))
    survive(hiai_om.FORMAT, offline(width), "x.om", count=200)


@pytest.mark.parametrize(
    "form", [aimodel.FORMAT, snpe_dlc.FORMAT, qnn_context.FORMAT, hiai_om.FORMAT], ids=lambda form: form.name
)
def test_lookalikes_and_noise(form: Format) -> None:
    refuse_lookalikes(form)
    refuse_noise(form)
