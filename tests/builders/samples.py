"""Small real models of many formats: those that the example apps are built from."""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"

CARVED = {
    "tflite": "digits_tflite/digits_float32.tflite",
    "gguf": "story_gguf/story_llama_q4_0.gguf",
    "ncnn": "shapes_ncnn/shapes_classifier.param",
    "ort": "shapes_ort/shapes_classifier.ort",
    "executorch": "shapes_executorch/shapes_classifier_portable.pte",
}
"""Format name → a model that is found at any offset."""

WHOLE = {
    **CARVED,
    "onnx": "shapes_onnx/shapes_classifier.onnx",
    "mnn": "shapes_mnn/shapes_classifier.mnn",
    "torchscript": "shapes_torch/shapes_classifier.ptl",
    "safetensors": "shapes_torch/shapes_classifier.safetensors",
    "keras_h5": "digits_keras/digits.h5",
    "coreml_mlmodel": "shapes_coreml/shapes_classifier.mlmodel",
}
"""Format name → a model that is found under any name."""


def model(name: str) -> bytes:
    """The model of format `name`."""
    return (MODELS / WHOLE[name]).read_bytes()
