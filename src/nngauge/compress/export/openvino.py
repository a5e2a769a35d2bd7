"""ONNX and TFLite to OpenVINO's IR, by the package ``openvino``."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

from nngauge.compress.writing._api import Done, Job, Recipe, Writer


def build(job: Job) -> Done:
    """Writes ``NAME.xml`` and ``NAME.bin`` beside each other."""
    openvino = import_module("openvino")
    model = openvino.convert_model(job.files[0])
    openvino.save_model(model, job.output, compress_to_fp16=job.recipe is Recipe.FLOAT16)
    return Done(tools={"openvino": version("openvino")})


EXPORTER = Writer(
    name="openvino-export",
    title="OpenVINO",
    formats=frozenset({"onnx", "tflite"}),
    target="openvino",
    suffix=".xml",
    recipes=frozenset({Recipe.CONVERT, Recipe.FLOAT16}),
    needs=("openvino",),
    install='pip install "nngauge[openvino]"',
    build=build,
    references=("https://docs.openvino.ai/",),
)
