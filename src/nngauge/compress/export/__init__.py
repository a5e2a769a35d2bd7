"""Converters to other formats, each in a process of its own. None of them is needed by nngauge; those that are installed are used."""

from __future__ import annotations

from nngauge.compress.export.ncnn import EXPORTER as _NCNN
from nngauge.compress.export.openvino import EXPORTER as _OPENVINO
from nngauge.compress.export.torch import COREML, EXECUTORCH, LITERT, ONNX
from nngauge.compress.writing._api import Writer
from nngauge.compress.writing.mnn import EXPORTER as _MNN

EXPORTERS: tuple[Writer, ...] = (_MNN, _NCNN, _OPENVINO, ONNX, LITERT, EXECUTORCH, COREML)


def exporter_for(format: str, target: str) -> Writer | None:  # noqa: A002 - the noun
    """Who turns a model of this format into one of that."""
    return next((one for one in EXPORTERS if format in one.formats and one.target == target), None)
