"""Model formats. Adding one: a file in this folder, a line here, a fixture in the tests (see docs/add-a-format.md)."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._deferred import deferred_formats

MODULES: Final = (
    "mnn",
    "executorch",
    "coreml_mlmodel",
    "coreml_mlpackage",
    "coreml_mlmodelc",
    "safetensors",
    "tfjs",
    "openvino",
    "paddle",
    "paddle_lite",
    "mindspore",
    "tflite",
    "onnx",
    "gguf",
    "torchscript",
    "keras_h5",
    "keras_v3",
    "mediapipe_task",
    "litertlm",
    "ncnn",
    "ort",
    "tf_graph",
    "tf_saved_model",
    "tnn",
    "tengine",
    "rknn",
    "mxnet",
    "xgboost",
    "lightgbm",
    "catboost",
    "caffe",
    "caffe2",
    "ggml_legacy",
    "darknet",
    "aimodel",
    "snpe_dlc",
    "qnn_context",
    "hiai_om",
    "mediapipe_graph",
    "nnef",
    "tesseract",
    "kaldi",
    "dlib",
    "hailo_hef",
)
"""The modules of the formats, in the order in which they are asked."""

__all__ = ["FORMATS", "MODULES", "Format", "Magic", "ModelData", "deferred_formats"]

FORMATS: tuple[Format, ...]
"""All formats, parsers imported. The scanner uses `deferred_formats`, which imports what it needs."""


def __getattr__(name: str) -> Any:
    if name != "FORMATS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = tuple(import_module(f"{__name__}.{module}").FORMAT for module in MODULES)
    globals()["FORMATS"] = found
    return found
