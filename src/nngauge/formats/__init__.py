"""Model formats. Adding one: a file in this folder, a line here, a fixture in the tests (see docs/add-a-format.md)."""

from __future__ import annotations

from nngauge.formats import (
    coreml_mlmodel,
    coreml_mlmodelc,
    coreml_mlpackage,
    executorch,
    gguf,
    keras_h5,
    keras_v3,
    litertlm,
    mediapipe_task,
    mindspore,
    mnn,
    ncnn,
    onnx,
    openvino,
    ort,
    paddle,
    paddle_lite,
    safetensors,
    tf_graph,
    tf_saved_model,
    tfjs,
    tflite,
    torchscript,
)
from nngauge.formats._api import Format, Magic, ModelData

FORMATS: tuple[Format, ...] = (
    mnn.FORMAT,
    executorch.FORMAT,
    coreml_mlmodel.FORMAT,
    coreml_mlpackage.FORMAT,
    coreml_mlmodelc.FORMAT,
    safetensors.FORMAT,
    tfjs.FORMAT,
    openvino.FORMAT,
    paddle.FORMAT,
    paddle_lite.FORMAT,
    mindspore.FORMAT,
    tflite.FORMAT,
    onnx.FORMAT,
    gguf.FORMAT,
    torchscript.FORMAT,
    keras_h5.FORMAT,
    keras_v3.FORMAT,
    mediapipe_task.FORMAT,
    litertlm.FORMAT,
    ncnn.FORMAT,
    ort.FORMAT,
    tf_graph.FORMAT,
    tf_saved_model.FORMAT,
)

__all__ = ["FORMATS", "Format", "Magic", "ModelData"]
