"""nngauge's own rules: every example and counterexample runs, and the issue's technologies are all there."""

from __future__ import annotations

import pytest

from nngauge.detect.lint import detect_example, lint_rules
from nngauge.detect.ruleset import Rule, load_rules
from nngauge.detect.signatures import compile_signatures
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence

RULES = load_rules()
SIGNATURES = compile_signatures(RULES)

REQUIRED = [
    "litert",
    "tflite",
    "tflite-play-services",
    "tflite-gpu-delegate",
    "tflite-task-library",
    "mediapipe",
    "aicore",
    "tensorflow-mobile",
    "pytorch-mobile",
    "executorch",
    "onnxruntime",
    "onnxruntime-genai",
    "ncnn",
    "mnn",
    "tnn",
    "tengine",
    "mace",
    "mindspore-lite",
    "paddle-lite",
    "caffe",
    "caffe2",
    "mxnet",
    "opencv-dnn",
    "dlib",
    "dl4j",
    "arm-compute-library",
    "armnn",
    "xnnpack",
    "nnapi",
    "snpe",
    "qnn",
    "neuropilot",
    "hiai",
    "samsung-enn",
    "rknn",
    "coreml",
    "coreai",
    "apple-vision",
    "apple-foundation-models",
    "mlx",
    "llama-cpp",
    "whisper-cpp",
    "mlc-llm",
    "sherpa-onnx",
    "tvm",
    "vosk",
    "kaldi",
    "tesseract",
    "tfjs",
    "transformersjs",
    "unity-sentis",
    "xgboost",
    "lightgbm",
    "catboost",
    "firebase-ai",
    "firebase-ml-vision",
    "google-cloud-vision",
    "aws-rekognition",
    "azure-speech",
    "openai",
    "anthropic",
    "mistral",
    "mlkit-text-recognition",
    "mlkit-face-detection",
    "mlkit-barcode",
    "mlkit-genai-summarization",
]


def test_no_complaints() -> None:
    assert lint_rules() == []


@pytest.mark.parametrize("technology", REQUIRED)
def test_required_technologies_have_rules(technology: str) -> None:
    assert RULES.by_id(technology) is not None


RUNTIMES = [rule for rule in RULES.rules if rule.category is Category.RUNTIME]


@pytest.mark.parametrize("rule", RUNTIMES, ids=lambda rule: rule.id)
def test_an_example_of_one_runtime_is_not_taken_for_another(rule: Rule) -> None:
    """Exactly one right label: other runtimes may only appear as embedded in it, or as weaker traces."""
    for example in rule.example:
        wrong = [
            item
            for item in detect_example(SIGNATURES, example)
            if item.technology != rule.id
            and item.category is Category.RUNTIME
            and item.presence is Presence.LIBRARY
            and item.confidence is Confidence.CERTAIN
        ]
        assert not wrong, (example.name, [(item.technology, item.evidence[0]) for item in wrong])
