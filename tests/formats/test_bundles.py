"""MediaPipe task bundles and LiteRT-LM files."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats import litertlm, mediapipe_task
from nngauge.formats._api import ModelData
from tests.builders.flat import flatbuffer
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

TFLITE = b"\x1c\0\0\0TFL3" + bytes(56)


def bundle(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as box:
        for name, content in members.items():
            box.writestr(name, content)
    return buffer.getvalue()


HAND = {"hand_detector.tflite": TFLITE, "hand_landmarks_detector.tflite": TFLITE}


def test_task_bundle() -> None:
    gesture = {"hand_landmarker.task": bundle(HAND), "hand_gesture_recognizer.task": bundle({"a.tflite": TFLITE})}
    for members, task in ((HAND, "hand landmarker"), (gesture, "gesture recognizer")):
        data = bundle(members)
        assert matches(mediapipe_task.FORMAT, data, "x")
        graph = mediapipe_task.FORMAT.parse(ModelData("x", data))
        assert graph.metadata["task"] == task
        assert graph.metadata["models"] == ", ".join(members)
    survive(mediapipe_task.FORMAT, bundle(HAND), "x.task", count=150)


def test_language_model_bundle() -> None:
    data = bundle({"TF_LITE_PREFILL_DECODE": TFLITE, "TOKENIZER_MODEL": b"\n\x0e\n\x05", "METADATA": b"\x0a\x02"})
    assert mediapipe_task.FORMAT.parse(ModelData("x", data)).metadata["task"] == "LLM inference"


@pytest.mark.parametrize(
    "data",
    [
        bundle(HAND, zipfile.ZIP_DEFLATED),
        bundle({"assets/a.tflite": TFLITE}),
        bundle({"a.tflite": TFLITE, "classes.dex": b"dex\n035\0"}),
        bundle({"a.tflite": b"not a model"}),
        bundle({"labels.txt": b"cat"}),
    ],
)
def test_other_zips(data: bytes) -> None:
    with pytest.raises(NotThisFormat):
        mediapipe_task.FORMAT.parse(ModelData("x.task", data))


def language_model(kind: int = 3, end: int = 576, model: bytes = TFLITE) -> bytes:
    item = {0: "model_type", 1: ("B", 9), 2: {0: "tf_lite_prefill_decode"}}
    section = {0: [item], 1: ("Q", 512), 2: ("Q", end), 3: ("B", kind)}
    body = flatbuffer({0: {0: [{0: "Authors", 1: ("B", 9), 2: {0: "us"}}]}, 1: {0: [section]}})
    header = b"LITERTLM" + struct.pack("<IIIIQ", 1, 5, 0, 0, 32 + len(body)) + body
    return header + bytes(512 - len(header)) + model


def test_litertlm() -> None:
    data = language_model()
    graph = litertlm.FORMAT.parse(ModelData("x", data + b"behind"))
    assert (graph.extent, graph.format_version) == (576, "1.5.0")
    assert graph.metadata == {"Authors": "us", "sections": "TFLite model", "models": "tf_lite_prefill_decode"}
    survive(litertlm.FORMAT, data, "x.litertlm", count=300)
    for bad, error in (
        (language_model(kind=99), MalformedError),
        (language_model(end=900), TruncatedError),
        (language_model(model=bytes(64)), MalformedError),
    ):
        with pytest.raises(error):
            litertlm.FORMAT.parse(ModelData("x", bad))


def test_real_litertlm() -> None:
    paths = list((MODELS / "litertlm").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data = paths[0].read_bytes()
    graph = litertlm.FORMAT.parse(ModelData("x", data))
    assert graph.metadata["models"] == "tf_lite_embedder"
    assert graph.extent == 221_424
    with pytest.raises(InputError):
        litertlm.FORMAT.parse(ModelData("x", data[:-5000]))


def test_lookalikes_and_noise() -> None:
    for form in (mediapipe_task.FORMAT, litertlm.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
