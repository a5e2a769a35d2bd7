"""Lossless shrinking: the same answers from a smaller file."""

from __future__ import annotations

from nngauge.compress.shrink.onnx import WRITERS as _ONNX
from nngauge.compress.shrink.tflite import WRITERS as _TFLITE
from nngauge.compress.writing._api import Writer

__all__ = ["SHRINKERS", "ladder"]

SHRINKERS: tuple[Writer, ...] = (*_TFLITE, *_ONNX)


def ladder(format: str) -> tuple[Writer, ...]:  # noqa: A002 - the noun
    """Writers for a format, the one that promises most first; empty where there is none."""
    return tuple(writer for writer in SHRINKERS if format in writer.formats)
