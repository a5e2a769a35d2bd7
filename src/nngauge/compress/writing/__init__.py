"""Tools that write smaller model files, each in a process of its own."""

from __future__ import annotations

from nngauge.compress.writing._api import CALIBRATED, Done, Job, Recipe, Witness, Writer
from nngauge.compress.writing.coreml import WRITER as _COREML
from nngauge.compress.writing.gguf import WRITER as _GGUF
from nngauge.compress.writing.launch import Limits, missing, write
from nngauge.compress.writing.mnn import WRITER as _MNN
from nngauge.compress.writing.modern import WRITER as _MODERN
from nngauge.compress.writing.onnx import WRITER as _ONNX
from nngauge.compress.writing.tflite import WRITER as _TFLITE

__all__ = [
    "CALIBRATED",
    "WRITERS",
    "Done",
    "Job",
    "Limits",
    "Recipe",
    "Witness",
    "Writer",
    "missing",
    "write",
    "writer_for",
]

WRITERS: tuple[Writer, ...] = (_MODERN, _TFLITE, _ONNX, _COREML, _MNN, _GGUF)
"""Of two for the same format, the first that knows the recipe is taken."""


def writer_for(format: str, recipe: Recipe) -> Writer | None:  # noqa: A002 - the noun
    """Who can do this to a model of this format."""
    return next((one for one in WRITERS if format in one.formats and recipe in one.recipes), None)
