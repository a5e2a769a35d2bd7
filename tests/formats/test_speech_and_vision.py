"""MediaPipe graphs, Tesseract data, Kaldi acoustic models, dlib and Hailo files, all built here."""

from __future__ import annotations

import hashlib
import math
import struct

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats import dlib, hailo_hef, kaldi, mediapipe_graph, tesseract
from nngauge.formats._api import Format, ModelData
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.wire import message, number


def graph_config(calculator: str = "TfLiteInferenceCalculator", stream: str = "TENSORS:0:input_tensors") -> bytes:
    node = message(1, message(2, calculator), message(3, stream), message(4, "out"))
    return node + message(10, "input_tensors") + message(15, "OUT:out")


def test_mediapipe_graph() -> None:
    data = graph_config()
    assert matches(mediapipe_graph.FORMAT, data, "x")
    graph = mediapipe_graph.FORMAT.parse(ModelData("x", data))
    assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == [("TfLiteInferenceCalculator", (0,), (1,))]
    assert [graph.tensors[i].name for i in graph.outputs] == ["out"]
    survive(mediapipe_graph.FORMAT, data, "x.binarypb", count=300)
    for bad in (
        graph_config("not a class"),
        graph_config(stream="Hello World"),
        data + message(99, "x"),
        graph_config("Aa"),
    ):
        with pytest.raises((InputError, NotThisFormat)):
            mediapipe_graph.FORMAT.parse(ModelData("x", bad))


def test_a_trace_is_not_a_graph() -> None:
    for path in (MODELS / "mediapipe_binarypb").glob("*trace*"):
        with pytest.raises(NotThisFormat):
            mediapipe_graph.FORMAT.parse(ModelData(path.name, path.read_bytes()))


def traineddata(**sizes: int) -> bytes:
    names = {"config": 0, "lstm": 17, "lstm_unicharset": 21, "version": 23}
    offsets, at, body = [-1] * 24, 4 + 24 * 8, b""
    for name, index in names.items():
        if name in sizes:
            offsets[index] = at + len(body)
            body += b"5.3.0:eng" if name == "version" else bytes(sizes[name])
    return struct.pack("<I24q", 24, *offsets) + body


def test_tesseract() -> None:
    data = traineddata(config=100, lstm=1000, lstm_unicharset=50, version=9)
    assert matches(tesseract.FORMAT, data, "x")
    graph = tesseract.FORMAT.parse(ModelData("x", data))
    assert graph.format_version == "5.3.0"
    assert graph.metadata == {"components": "config, lstm, lstm-unicharset, version"}
    survive(tesseract.FORMAT, data, "x.traineddata", count=200)
    for bad in (traineddata(config=2000, version=9), traineddata(lstm=1000), data[:210] + bytes(50)):
        with pytest.raises((InputError, NotThisFormat)):
            tesseract.FORMAT.parse(ModelData("x", bad))


def acoustic(nodes: str = "component-node name=tdnn1 component=tdnn1.affine input=Append(-1, input)\n") -> bytes:
    config = f"\ninput-node name=input dim=40\n{nodes}output-node name=output input=tdnn1 objective=linear\n\n"
    network = b"<Nnet3> " + config.encode() + b"<NumComponents> \x04\x01\0\0\0<ComponentName> tdnn1.affine "
    return b"\0B<TransitionModel> <Topology> " + bytes(3000) + b"</TransitionModel> " + network + bytes(100)


def test_kaldi() -> None:
    graph = kaldi.FORMAT.parse(ModelData("x", acoustic()))
    assert matches(kaldi.FORMAT, acoustic(), "x")
    assert [node.op for node in graph.nodes] == ["tdnn1.affine"]
    assert graph.tensors[graph.inputs[0]].shape == (None, 40)
    assert graph.metadata == {"kind": "acoustic model", "components": "1"}
    survive(kaldi.FORMAT, acoustic(), "x.mdl", count=200)
    for bad in (
        acoustic(nodes=""),
        acoustic().replace(b"<Nnet3>", b"<Nnet9>"),
        acoustic().replace(b"\x04\x01", b"\x03\x01"),
    ):
        with pytest.raises(MalformedError):
            kaldi.FORMAT.parse(ModelData("x", bad))


def integer(value: int) -> bytes:
    raw = abs(value).to_bytes(max(1, (abs(value).bit_length() + 7) // 8), "little")
    return bytes([len(raw) | (0x80 if value < 0 else 0)]) + raw


def real(value: float) -> bytes:
    fraction, exponent = math.frexp(value)
    return integer(int(fraction * (1 << 24))) + integer(exponent - 24)


def shape_predictor(rows: int = 136, scale: float = 1.0) -> bytes:
    head = integer(1) + integer(-rows) + integer(-1)
    return head + b"".join(real(scale * at / rows) for at in range(rows)) + integer(15) + integer(500) + bytes(2000)


def test_dlib_shape_predictor() -> None:
    for rows in (10, 136, 388):
        data = shape_predictor(rows)
        assert matches(dlib.FORMAT, data, "x")
        facts = dlib.FORMAT.parse(ModelData("x", data)).metadata
        assert (facts["landmarks"], facts["cascades"], facts["trees"]) == (str(rows // 2), "15", "500")
    survive(dlib.FORMAT, shape_predictor(), "x.dat", count=200)
    for bad in (shape_predictor(rows=11), shape_predictor(scale=1e6)):
        with pytest.raises(NotThisFormat):
            dlib.FORMAT.parse(ModelData("x", bad))


def text(value: bytes) -> bytes:
    return integer(len(value)) + value


def test_dlib_network() -> None:
    layers = b"".join(integer(1) + text(name) + bytes(40) for name in (b"fc_2", b"max_pool_2", b"relu_", b"con_4"))
    data = integer(1) + text(b"loss_mmod_2") + bytes(400) + layers + bytes(300)
    assert matches(dlib.FORMAT, data, "x")
    graph = dlib.FORMAT.parse(ModelData("x", data))
    assert ([node.op for node in graph.nodes], graph.metadata["loss"]) == (
        ["fc", "max_pool", "relu", "con"],
        "loss_mmod_2",
    )
    with pytest.raises(MalformedError):
        dlib.FORMAT.parse(ModelData("x", integer(1) + text(b"loss_mmod_2") + bytes(900)))


def executable(version: int = 0, damage: bytes = b"") -> bytes:
    body = message(1, "header") + number(2, 7)
    digest = hashlib.md5(body + damage, usedforsecurity=False).digest()
    return b"\x01HEF" + struct.pack(">III", version, len(body), 0) + digest + body


def test_hailo() -> None:
    graph = hailo_hef.FORMAT.parse(ModelData("x", executable() + b"weights"))
    assert graph.extent == len(executable())
    with pytest.raises(MalformedError):
        hailo_hef.FORMAT.parse(ModelData("x", executable(damage=b"x")))
    with pytest.raises(UnsupportedError):
        hailo_hef.FORMAT.parse(ModelData("x", executable(version=2)))
    survive(hailo_hef.FORMAT, executable(), "x.hef", count=100)


FORMS = [mediapipe_graph.FORMAT, tesseract.FORMAT, kaldi.FORMAT, dlib.FORMAT, hailo_hef.FORMAT]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_lookalikes_and_noise(form: Format) -> None:
    refuse_lookalikes(form)
    refuse_noise(form)
