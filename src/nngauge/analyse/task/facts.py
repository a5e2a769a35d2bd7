"""What the format or its metadata says outright."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nngauge.analyse.language.families import role_of
from nngauge.analyse.task.clues import Clue
from nngauge.domain.evidence import EvidenceKind
from nngauge.domain.graph import Graph
from nngauge.domain.language import Role

_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "tesseract": ("text-recognition", "Tesseract's data for reading text"),
    "kaldi": ("speech-recognition", "an acoustic model of Kaldi"),
    "catboost": ("tabular-prediction", "decision trees of CatBoost"),
    "xgboost": ("tabular-prediction", "decision trees of XGBoost"),
    "lightgbm": ("tabular-prediction", "decision trees of LightGBM"),
    "litertlm": ("language-model", "a LiteRT-LM bundle"),
}
_ARCHITECTURES: Final[Mapping[str, str]] = {
    "whisper": "speech-recognition", "moonshine": "speech-recognition", "silero-vad": "voice-activity-detection",
    "clip": "image-embedding", "mmproj": "image-embedding", "sd1": "image-generation", "sdxl": "image-generation",
    "sd3": "image-generation", "flux": "image-generation", "outetts": "speech-synthesis",
    "wavtokenizer-dec": "speech-synthesis", "marian": "translation", "m2m_100": "translation", "nllb": "translation",
    "bert_classifier": "text-classification",
}  # fmt: skip
_ROLES: Final[Mapping[Role, tuple[str, float]]] = {
    Role.DECODER: ("language-model", 7.0),
    Role.RECURRENT: ("language-model", 7.0),
    Role.ENCODER: ("text-embedding", 5.5),
    Role.ENCODER_DECODER: ("translation", 3.0),
    Role.SPEECH: ("speech-recognition", 7.0),
}
_BUNDLES: Final[Mapping[str, str]] = {
    "face_detector": "face-detection", "face_landmarker": "face-landmarks", "hand_landmarker": "hand-tracking",
    "gesture_recognizer": "gesture-recognition", "pose_landmarker": "pose-estimation",
    "image_classifier": "image-classification", "object_detector": "object-detection",
    "image_segmenter": "image-segmentation", "interactive_segmenter": "image-segmentation",
    "image_embedder": "image-embedding", "image_generator": "image-generation",
    "text_classifier": "text-classification", "text_embedder": "text-embedding",
    "language_detector": "text-classification", "audio_classifier": "sound-recognition",
    "audio_embedder": "sound-recognition", "llm_inference": "language-model", "face_stylizer": "style-transfer",
    "holistic_landmarker": "pose-estimation",
}  # fmt: skip
"""Tasks of MediaPipe (https://ai.google.dev/edge/mediapipe/solutions/tasks)."""


def fact_clues(graph: Graph) -> Iterator[Clue]:
    """Clues that need no network."""
    known = _FORMATS.get(graph.format)
    if known is not None:
        yield Clue("format", known[1], {known[0]: 8.0}, EvidenceKind.MAGIC)
    architecture = graph.metadata.get("general.architecture") or graph.metadata.get("architecture", "")
    if architecture and graph.format in ("gguf", "ggml_legacy", "litertlm", "safetensors"):
        yield _architecture(architecture.lower()[:64])
    loss = graph.metadata.get("loss", "")
    if graph.format == "dlib":
        yield from _dlib(graph, loss)
    if graph.format == "mediapipe_task":
        yield from _bundle(graph.metadata.get("task", ""))


def _architecture(name: str) -> Clue:
    task = _ARCHITECTURES.get(name)
    weight = 7.0
    if task is None:
        task, weight = _ROLES.get(role_of(name), ("language-model", 4.0))
    return Clue("architecture", f"the file says its architecture is {name}", {task: weight}, EvidenceKind.STRING)


def _dlib(graph: Graph, loss: str) -> Iterator[Clue]:
    if "mmod" in loss:
        yield Clue("dlib-loss", f"dlib network with loss {loss[:40]}", {"face-detection": 3.0, "object-detection": 2.4})
    elif "metric" in loss:
        yield Clue("dlib-loss", f"dlib network with loss {loss[:40]}", {"face-recognition": 6.0})
    elif "shape" in graph.metadata.get("kind", ""):
        yield Clue("dlib-shape", "dlib's shape predictor", {"face-landmarks": 6.0})


def _bundle(task: str) -> Iterator[Clue]:
    key = task.lower().replace(" ", "_")[:64]
    known = next((value for name, value in _BUNDLES.items() if name in key), None)
    if known is not None:
        yield Clue("bundle", f"a MediaPipe bundle for {task[:60]}", {known: 8.0}, EvidenceKind.STRING)
