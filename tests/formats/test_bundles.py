"""MediaPipe task bundles and LiteRT-LM files."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile

import pytest

from examples.builders.flat import flatbuffer
from nngauge.analyse.language import language_model as language_facts
from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats import litertlm, mediapipe_task
from nngauge.formats._api import ModelData
from tests.builders import models
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message

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


def weights_in_place(data: bytes, whole: Graph) -> int:
    """How many constants of the sub-graphs are where they are said to be: `CONV_WEIGHTS` are zeros, marked by a float."""
    tensors = [tensor for inner in whole.subgraphs for tensor in inner.tensors if tensor.data is not None]
    assert all(tensor.data and data[tensor.data.offset :][: tensor.data.size] == MARKED for tensor in tensors)
    return len(tensors)


MARKED = b"MARK" + models.CONV_WEIGHTS[4:]
SIZE = struct.pack("<I", len(MARKED))
REAL = models.tflite().replace(SIZE + models.CONV_WEIGHTS, SIZE + MARKED)


def nested_task() -> bytes:
    return bundle({"hand_landmarker.task": bundle({"a.tflite": REAL, "b.tflite": REAL}), "c.tflite": REAL})


def language_task() -> bytes:
    """Falcon 1B's shape as MediaPipe's converter writes it."""
    shape = message((2, 512), (3, 2048), (4, 8192), (5, 64), (6, 32), (7, 24), (9, 32), (16, message((6, 128))))
    tokens = message(*[(1, message((1, f"t{number}"))) for number in range(70)])
    about = message((1, shape), (2, 50304), (4, 7))
    return bundle({"TF_LITE_PREFILL_DECODE": REAL, "TOKENIZER_MODEL": tokens, "METADATA": about})


def test_models_of_a_task_become_sub_graphs() -> None:
    nested = nested_task()
    graph = mediapipe_task.FORMAT.parse(ModelData("x", nested))
    assert [inner.name for inner in graph.subgraphs] == ["a.tflite", "b.tflite", "c.tflite"]
    assert (graph.completeness, graph.parameters) == (Completeness.FULL, 3 * 216)
    assert weights_in_place(nested, graph) == 3
    broken = mediapipe_task.FORMAT.parse(ModelData("x", bundle({"a.tflite": REAL, "b.tflite": TFLITE})))
    assert (broken.completeness, len(broken.subgraphs)) == (Completeness.PARTIAL, 1)
    assert broken.notes[0].startswith("unreadable model b.tflite")
    survive(mediapipe_task.FORMAT, nested, "x.task", count=100)


def test_language_model_task() -> None:
    model = language_facts(mediapipe_task.FORMAT.parse(ModelData("x", language_task())))
    assert model is not None
    assert (model.layers, model.heads, model.kv_heads, model.head_width, model.context) == (24, 32, 32, 64, 512)
    assert model.kv_bytes_per_token() == 24 * 2 * 32 * 64 * 2
    assert (model.vocabulary, model.sliding_window, model.parameters) == (50304, 128, 216)
    assert model.tokenizer is not None
    assert model.tokenizer.special == (("start", 7),)


def described_language_model() -> bytes:
    about = message((5, 4096), (6, message((5, b""))), (7, "{{ chat }}"))
    tokens = message(*[(1, message((1, f"t{number}"))) for number in range(70)])
    contents = [(3, REAL, "tf_lite_prefill_decode"), (4, tokens, ""), (5, about, "")]
    sections, body, at = [], b"", 1024
    for kind, content, name in contents:
        items = [{0: "model_type", 1: ("B", 9), 2: {0: name}}] if name else []
        sections.append({0: items, 1: ("Q", at), 2: ("Q", at + len(content)), 3: ("B", kind)})
        padded = content + bytes(-len(content) % 16)
        body, at = body + padded, at + len(padded)
    head = flatbuffer({1: {0: sections}})
    data = b"LITERTLM" + struct.pack("<IIIIQ", 1, 5, 0, 0, 32 + len(head)) + head
    return data + bytes(1024 - len(data)) + body


def test_litertlm_with_tokenizer_and_metadata() -> None:
    data = described_language_model()
    graph = litertlm.FORMAT.parse(ModelData("x", data))
    assert (graph.completeness, weights_in_place(data, graph)) == (Completeness.FULL, 1)
    model = language_facts(graph)
    assert model is not None
    assert (model.family, model.context, model.vocabulary, model.parameters) == ("Qwen3", 4096, 70, 216)
    assert model.chat_template == f"10 bytes, sha256 {hashlib.sha256(b'{{ chat }}').hexdigest()}"
    assert model.tokenizer is not None
    assert model.tokenizer.kind == "SentencePiece"
    survive(litertlm.FORMAT, data, "x.litertlm", count=200)


def test_sections_that_share_bytes_are_bounded() -> None:
    section = {0: [], 1: ("Q", 65536), 2: ("Q", 65536 + len(REAL)), 3: ("B", 3)}
    body = flatbuffer({1: {0: [dict(section) for _ in range(900)]}})
    data = b"LITERTLM" + struct.pack("<IIIIQ", 1, 5, 0, 0, 32 + len(body)) + body
    with pytest.raises(LimitError):
        litertlm.FORMAT.parse(ModelData("x", data + bytes(65536 - len(data)) + REAL))


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
    assert (graph.parameters, [len(inner.nodes) for inner in graph.subgraphs]) == (50_610, [6])
    assert graph.extent == 221_424
    with pytest.raises(InputError):
        litertlm.FORMAT.parse(ModelData("x", data[:-5000]))


def test_lookalikes_and_noise() -> None:
    for form in (mediapipe_task.FORMAT, litertlm.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)


def test_a_language_model_bundle_without_models_says_so() -> None:
    graph = litertlm.FORMAT.parse(ModelData("x", language_model(kind=4)))
    assert graph.completeness is Completeness.PARTIAL
    assert graph.notes == ("the bundle holds no model",)
